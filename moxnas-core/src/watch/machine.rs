//! All of a machine that the kernel announces, watched by one thread with one `poll`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::fd::AsFd,
    time::Duration,
};

use nix::poll::PollFlags;

use super::{
    Watch,
    netlink::{Heard, UeventSocket},
    ready_within,
    uevent::{Uevent, UeventFrom},
};
use crate::{
    chain::chain,
    disk::{MOUNTINFO, SWAPS},
    root::Root,
};

/// Arrays that come, fail or are worked on; what is mounted; what is swapped to.
const FILES: [&str; 3] = ["/proc/mdstat", MOUNTINFO, SWAPS];
/// What the kernel announces of an array, see Documentation/admin-guide/md.rst.
const ATTRIBUTES: [&str; 3] = ["array_state", "sync_action", "degraded"];
/// A process has 1,024 files by default. The members of larger machines are still told of by
/// `/proc/mdstat`, although not each of their flags.
const FILES_MAX: usize = 512;
/// udev reads a new device before it says anything. One that hangs, or a machine without udev, must
/// not keep us from seeing that the device is there.
const UDEV_TAKES: Duration = Duration::from_millis(500);
/// So many devices at once are a reason to look, whatever udev does.
const MANY: usize = 32;

/// Everything of a machine whose change the kernel announces.
///
/// The kernel says at once that a device has come, but what is on it is known only when udev has
/// looked; so a new or changed device counts when udev has spoken of it, or has not done so in time.
/// That a device has left counts at once.
#[derive(Debug)]
pub struct MachineWatch {
    root: Root,
    files: BTreeMap<String, Watch>,
    uevents: Option<UeventSocket>,
    /// Numbers of the kernel's events to which udev has not answered.
    unanswered: BTreeSet<u64>,
    said: BTreeSet<String>,
    unwatched: Vec<String>,
}

impl MachineWatch {
    /// Nothing is watched before the first wait.
    #[must_use]
    pub fn new(root: Root) -> MachineWatch {
        MachineWatch {
            root,
            files: BTreeMap::new(),
            uevents: None,
            unanswered: BTreeSet::new(),
            said: BTreeSet::new(),
            unwatched: Vec::new(),
        }
    }

    /// Wait until something may be different, or the time is over. Says which.
    ///
    /// Arrays come and go, so what there is to watch is looked up each time. What is watched for
    /// the first time may have changed before, and counts as different.
    pub fn changed_within(&mut self, limit: Duration) -> io::Result<bool> {
        if self.open_and_close() {
            return Ok(true);
        }
        loop {
            let wait = match self.unanswered.is_empty() {
                true => limit,
                false => limit.min(UDEV_TAKES),
            };
            let (socket, files) = self.ready_within(wait)?;
            if !socket && files.is_empty() {
                return Ok(!std::mem::take(&mut self.unanswered).is_empty());
            }
            let heard = socket && self.hear();
            for path in &files {
                // An attribute of an array that is gone cannot be read, and is always ready.
                let gone = |it: &mut Watch| it.read_again().is_err();
                if self.files.get_mut(path).is_some_and(gone) {
                    self.files.remove(path);
                }
            }
            if heard || !files.is_empty() || self.unanswered.len() > MANY {
                self.unanswered.clear();
                return Ok(true);
            }
        }
    }

    /// What cannot be watched, and why. Each is said once.
    pub fn take_unwatched(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unwatched)
    }

    /// Whether the socket has something to say, and which files.
    fn ready_within(&self, limit: Duration) -> io::Result<(bool, Vec<String>)> {
        let socket = self
            .uevents
            .iter()
            .map(|it| (it.as_fd(), PollFlags::POLLIN));
        let files = self
            .files
            .values()
            .map(|it| (it.0.as_fd(), PollFlags::POLLPRI));
        let fds: Vec<_> = socket.chain(files).collect();
        let mut ready = ready_within(&fds, limit)?.into_iter();
        let socket = self.uevents.is_some() && ready.next() == Some(true);
        let files = self.files.keys().zip(ready);
        let files = files.filter(|(_, ready)| *ready);
        Ok((socket, files.map(|(path, _)| path.clone()).collect()))
    }

    /// Whether something was said that counts.
    fn hear(&mut self) -> bool {
        let mut counts = false;
        while let Some(socket) = &mut self.uevents {
            match socket.hear() {
                Ok(Heard::Event(event)) => counts |= self.counts(&event),
                Ok(Heard::Nothing) => break,
                // It may have been about a disk.
                Ok(Heard::Damaged(_) | Heard::Lost) => counts = true,
                Err(err) => {
                    self.uevents = None;
                    self.say(format!("devices that come and leave: {err}"));
                    counts = true;
                }
            }
        }
        counts
    }

    fn counts(&mut self, event: &Uevent) -> bool {
        if !event.is_about_block_device() {
            return false;
        }
        let seqnum = event.seqnum.unwrap_or_default();
        match event.from {
            UeventFrom::Udev => {
                self.unanswered.remove(&seqnum);
                true
            }
            UeventFrom::Kernel if event.action == "remove" => true,
            UeventFrom::Kernel => {
                self.unanswered.insert(seqnum);
                false
            }
        }
    }

    /// Watch what there is now and nothing else. Says whether something is watched newly.
    fn open_and_close(&mut self) -> bool {
        let mut is_more = false;
        if self.root.is_system() && is_in_user_namespace(&self.root) {
            self.say("devices that come and leave: not told in a user namespace".to_owned());
        }
        if self.uevents.is_none() && self.root.is_system() {
            match UeventSocket::open() {
                Ok(socket) => {
                    self.uevents = Some(socket);
                    is_more = true;
                }
                Err(err) => self.say(format!("devices that come and leave: {err}")),
            }
        }
        let mut wanted = self.wanted();
        if wanted.len() > FILES_MAX {
            let left = wanted.split_off(FILES_MAX).len();
            self.say(format!("{left} attributes of members: there are too many"));
        }
        let there: BTreeSet<&String> = wanted.iter().collect();
        self.files.retain(|path, _| there.contains(path));
        for path in wanted {
            if self.files.contains_key(&path) {
                continue;
            }
            match self.open(&path) {
                Ok(Some(watch)) => {
                    self.files.insert(path, watch);
                    is_more = true;
                }
                Ok(None) => (),
                Err(why) => self.say(why),
            }
        }
        is_more
    }

    /// What announces its changes, the more important first.
    fn wanted(&mut self) -> Vec<String> {
        let mut wanted: Vec<String> = FILES.iter().map(|it| (*it).to_owned()).collect();
        if !self.root.exists("/sys/block") {
            self.say("arrays: /sys/block is not there".to_owned());
            return wanted;
        }
        let names = self.list("/sys/block");
        let folders = names.iter().filter(|it| it.starts_with("md"));
        let folders: Vec<String> = folders.map(|it| format!("/sys/block/{it}/md")).collect();
        for folder in &folders {
            wanted.extend(ATTRIBUTES.iter().map(|it| format!("{folder}/{it}")));
        }
        for folder in &folders {
            let entries = self.list(folder);
            let members = entries.iter().filter(|it| it.starts_with("dev-"));
            wanted.extend(members.map(|it| format!("{folder}/{it}/state")));
        }
        wanted
    }

    fn list(&mut self, folder: &str) -> Vec<String> {
        self.root.list(folder).unwrap_or_else(|err| {
            self.say(chain(&err));
            Vec::new()
        })
    }

    /// `None`: it is not there. `/proc/mdstat` is not before md is loaded, not every level has every
    /// attribute, and arrays leave at any time.
    fn open(&self, path: &str) -> Result<Option<Watch>, String> {
        if !self.root.exists(path) {
            return Ok(None);
        }
        let mut watch = match Watch::open(&self.root, path) {
            Ok(watch) => watch,
            Err(err) if err.cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(chain(&err)),
        };
        Ok(watch.read_again().ok().map(|()| watch))
    }

    fn say(&mut self, what: String) {
        if self.said.insert(what.clone()) {
            self.unwatched.push(what);
        }
    }
}

/// Whether the kernel maps the users of this process, as it does in containers without rights, and
/// tells them nothing of devices; see user_namespaces(7) and `uevent_net_broadcast` in
/// lib/kobject_uevent.c.
fn is_in_user_namespace(root: &Root) -> bool {
    let Ok(Some(map)) = root.read("/proc/self/uid_map") else {
        return false;
    };
    !map.split_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    fn event(from: UeventFrom, action: &str, subsystem: &str, seqnum: u64) -> Uevent {
        Uevent {
            from,
            action: action.to_owned(),
            devpath: "/devices/virtual/block/sda".to_owned(),
            subsystem: subsystem.to_owned(),
            devname: None,
            seqnum: Some(seqnum),
        }
    }

    #[test]
    fn a_new_device_counts_when_udev_knows_it_and_one_that_left_at_once() {
        use UeventFrom::{Kernel, Udev};
        let mut watch = MachineWatch::new(Root::fixture("/nonexistent"));
        assert!(!watch.counts(&event(Kernel, "add", "block", 7)));
        assert!(!watch.counts(&event(Kernel, "add", "net", 8)));
        assert!(!watch.counts(&event(Udev, "add", "net", 8)));
        assert_eq!(watch.unanswered, BTreeSet::from([7]));
        assert!(watch.counts(&event(Udev, "add", "block", 7)));
        assert_eq!(watch.unanswered, BTreeSet::new());
        assert!(watch.counts(&event(Kernel, "remove", "block", 9)));
    }

    #[test]
    fn a_device_that_udev_says_nothing_of_counts_nevertheless() {
        let mut watch = MachineWatch::new(Root::fixture("/nonexistent"));
        watch.counts(&event(UeventFrom::Kernel, "add", "block", 7));
        assert!(watch.changed_within(Duration::from_millis(1)).unwrap());
        assert!(!watch.changed_within(Duration::from_millis(1)).unwrap());
    }

    #[test]
    fn arrays_are_watched_as_they_come_and_go() {
        let machine = tempfile::tempdir().unwrap();
        let root = Root::fixture(machine.path());
        let file = |path: &str| {
            let path = root.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "\n").unwrap();
        };
        file("/proc/mdstat");
        file("/sys/block/sda/size");
        let mut watch = MachineWatch::new(root.clone());
        assert!(watch.changed_within(AT_ONCE).unwrap());
        assert_eq!(watch.files.len(), 1);
        assert!(!watch.changed_within(AT_ONCE).unwrap());

        for attribute in ["array_state", "sync_action", "dev-sda/state"] {
            file(&format!("/sys/block/md127/md/{attribute}"));
        }
        assert!(watch.changed_within(AT_ONCE).unwrap());
        assert_eq!(watch.files.len(), 4);
        assert!(!watch.changed_within(AT_ONCE).unwrap());

        fs::remove_dir_all(root.path("/sys/block/md127")).unwrap();
        assert!(!watch.changed_within(AT_ONCE).unwrap());
        assert_eq!(watch.files.len(), 1);
        assert_eq!(watch.take_unwatched(), [""; 0]);
    }

    #[test]
    fn what_cannot_be_watched_is_said_once() {
        let mut watch = MachineWatch::new(Root::fixture("/nonexistent"));
        for expected in [&["arrays: /sys/block is not there"][..], &[]] {
            assert!(!watch.changed_within(AT_ONCE).unwrap());
            assert_eq!(watch.take_unwatched(), expected);
        }
    }

    #[test]
    fn a_container_without_rights_is_told_apart() {
        let machine = tempfile::tempdir().unwrap();
        let root = Root::fixture(machine.path());
        assert!(!is_in_user_namespace(&root));
        fs::create_dir_all(root.path("/proc/self")).unwrap();
        for (map, is_one) in [
            ("         0          0 4294967295\n", false),
            ("         0     100000      65536\n", true),
        ] {
            fs::write(root.path("/proc/self/uid_map"), map).unwrap();
            assert_eq!(is_in_user_namespace(&root), is_one, "{map}");
        }
    }

    #[test]
    fn no_more_files_are_watched_than_a_process_may_have() {
        let machine = tempfile::tempdir().unwrap();
        let root = Root::fixture(machine.path());
        for member in 0..FILES_MAX {
            let folder = root.path(format!("/sys/block/md0/md/dev-{member}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("state"), "in_sync\n").unwrap();
        }
        fs::write(root.path("/sys/block/md0/md/array_state"), "clean\n").unwrap();
        let mut watch = MachineWatch::new(root);
        assert!(watch.changed_within(AT_ONCE).unwrap());
        assert!(watch.files.contains_key("/sys/block/md0/md/array_state"));
        assert!(watch.files.len() <= FILES_MAX);
        assert_eq!(watch.take_unwatched().len(), 1);
    }
}
