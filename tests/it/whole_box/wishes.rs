//! What is wished of arrays in a life.

use moxnas_app::ops::arrays::{ArrayCreate, ArrayGrow, ArraySet};
use moxnas_raid::{ArraySettings, Consistency, Grow, Level, plan::GroupWish};

use super::life::Life;

impl Life {
    pub(super) fn create(&mut self) {
        let name = self.random.of(&["alpha", "beta", "gamma"]).parse().unwrap();
        let levels = [
            Level::Raid0,
            Level::Raid1,
            Level::Raid5,
            Level::Raid6,
            Level::Raid10,
        ];
        let level = self.random.of(&levels);
        let count = 1 + self.random.below(5);
        let mut members: Vec<String> = if self.random.one_in(4) {
            (0..count).map(|_| self.disk()).collect()
        } else {
            self.free()
        };
        members.truncate(count.max(2));
        let spares = if self.random.one_in(4) {
            vec![self.disk()]
        } else {
            Vec::new()
        };
        self.change(ArrayCreate {
            spares,
            ..ArrayCreate::new(name, level, members)
        });
    }

    pub(super) fn grow(&mut self) {
        let array = self.array();
        let slots = self.app().seen().raid.find(&array).map_or(3, |it| it.slots);
        let level = self.random.of(&[Level::Raid5, Level::Raid6, Level::Raid10]);
        let grow = match self.random.below(4) {
            0..=1 => Grow::Members { slots: slots + 1 },
            2 => Grow::Level { level },
            _ => Grow::Size,
        };
        let add = if self.random.one_in(5) {
            Vec::new()
        } else {
            vec![self.spare()]
        };
        self.change(ArrayGrow { array, grow, add });
    }

    pub(super) fn set_array(&mut self) {
        let array = self.array();
        let settings = match self.random.below(4) {
            0 => ArraySettings {
                paused: Some(self.random.one_in(2)),
                ..ArraySettings::default()
            },
            1 => ArraySettings {
                read_only: Some(self.random.one_in(3)),
                ..ArraySettings::default()
            },
            2 => ArraySettings {
                consistency: Some(self.random.of(&[Consistency::Bitmap, Consistency::Resync])),
                ..ArraySettings::default()
            },
            _ => ArraySettings {
                spare_group: Some(GroupWish::Join("attic".parse().unwrap())),
                ..ArraySettings::default()
            },
        };
        self.change(ArraySet { array, settings });
    }
}
