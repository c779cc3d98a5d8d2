//! Simulations of shares and accounts that are wrong on purpose.

use anyhow::Result;
use moxnas_shares::{accounts, plan, services, sessions::SessionId};
use moxnas_tests::conformance::{
    compare,
    shares::{Deed, Seen, ShareWorld, SimShareWorld, Told, Visit, scenario},
};

/// What is falsified.
#[derive(Clone, Copy)]
struct Lies {
    seen: fn(&mut Seen),
    told: fn(Told) -> Told,
    came: fn(Told<String>) -> Told<String>,
}

const HONEST: Lies = Lies {
    seen: |_| (),
    told: |it| it,
    came: |it| it,
};

struct Wrong {
    world: SimShareWorld,
    lies: Lies,
}

impl ShareWorld for Wrong {
    fn look(&mut self) -> Result<Seen> {
        let mut seen = self.world.look()?;
        (self.lies.seen)(&mut seen);
        Ok(seen)
    }
    fn serve(&mut self, step: &plan::Step) -> Result<Told> {
        Ok((self.lies.told)(self.world.serve(step)?))
    }
    fn account(&mut self, step: &accounts::Step) -> Result<Told> {
        self.world.account(step)
    }
    fn service(&mut self, step: &services::Step) -> Result<Told> {
        Ok((self.lies.told)(self.world.service(step)?))
    }
    fn disconnect(&mut self, session: SessionId) -> Result<Told> {
        self.world.disconnect(session)
    }
    fn visit(&mut self, visit: &Visit) -> Result<Told<String>> {
        Ok((self.lies.came)(self.world.visit(visit)?))
    }
    fn deed(&mut self, deed: &Deed) -> Result<()> {
        self.world.deed(deed)
    }
}

const WRONG: [(&str, Lies); 9] = [
    (
        "every daemon is still the process that it was",
        Lies {
            seen: |it| {
                for unit in it.services.units.values_mut() {
                    unit.main_pid = unit.main_pid.map(|_| 1);
                }
            },
            ..HONEST
        },
    ),
    (
        "what was killed had ended well",
        Lies {
            seen: |it| {
                for unit in it.services.units.values_mut() {
                    unit.exit = unit.exit.map(|_| services::model::Exit::Status(0));
                }
            },
            ..HONEST
        },
    ),
    (
        "every daemon serves",
        Lies {
            seen: |it| {
                for daemon in it.served.daemons.values_mut() {
                    daemon.is_running = true;
                }
            },
            ..HONEST
        },
    ),
    (
        "nothing is kept of what files were",
        Lies {
            seen: |it| it.served.generations.clear(),
            ..HONEST
        },
    ),
    (
        "nobody is disabled in Samba",
        Lies {
            seen: |it| {
                let known = it.accounts.users.iter_mut();
                for user in known.filter_map(|it| it.samba.as_mut()) {
                    user.is_disabled = false;
                }
            },
            ..HONEST
        },
    ),
    (
        "numbers of those who are gone are forgotten",
        Lies {
            seen: |it| it.accounts.record = accounts::Record::default(),
            ..HONEST
        },
    ),
    (
        "all files are root's",
        Lies {
            seen: |it| it.files.values_mut().for_each(|it| it.uid = 0),
            ..HONEST
        },
    ),
    (
        "everything that is wished of a daemon works",
        Lies {
            told: |_| Ok(()),
            ..HONEST
        },
    ),
    (
        "everybody is let in",
        Lies {
            came: |_| Ok("nothing".to_owned()),
            ..HONEST
        },
    ),
];

#[test]
fn a_wrong_simulation_of_shares_is_found_out() -> Result<()> {
    let names = [
        "smbd_is_killed",
        "smbd_refuses_to_start",
        "a_user_is_disabled_and_enabled",
        "files_come_and_go_by_smb",
        "a_user_lives_and_dies",
    ];
    for (what, lies) in WRONG {
        let mut is_found_out = false;
        for scenario in names.map(|it| scenario(it).expect("it is listed")) {
            let right = scenario.journal(&mut SimShareWorld::new())?;
            let world = SimShareWorld::new();
            let mut honest = Wrong {
                world,
                lies: HONEST,
            };
            compare(&right, &scenario.journal(&mut honest)?)?;
            let world = SimShareWorld::new();
            // One that is so wrong that the scenario cannot go on is found out as well.
            let seen = scenario.journal(&mut Wrong { world, lies });
            is_found_out |= seen.map_or(true, |it| compare(&right, &it).is_err());
        }
        assert!(is_found_out, "it was taken for right that {what}");
    }
    Ok(())
}
