//! The kernel is asked for what was explained: random trees, and threads with the numbers of
//! others.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    thread,
};

use moxnas_core::root::Root;
use moxnas_shares::{
    access::{
        Answer, Facts, IdMap, Ids, Last, PathBackend as _, Protocol, Question, Trail, Who, Wish,
        explain, real::SystemPaths,
    },
    model::{Access, ClientOptions, Intent, Nfs, NfsRule, Security, Share, Squash},
};
use rustix::fs::{Gid, Uid};

use super::dice::{Dice, Forester, People, run};

/// How many trees; `MOXNAS_ACCESS_TREES` says another number, for machines that are slow.
fn trees() -> u64 {
    let said = std::env::var("MOXNAS_ACCESS_TREES").ok();
    said.map_or(24, |it| it.parse().unwrap())
}

const CALLERS: usize = 7;

fn people() -> People {
    // Nobody of these numbers is on any machine.
    People {
        uids: vec![0, 61001, 61002, 61003, 61004],
        gids: vec![0, 62001, 62002, 62003],
    }
}

/// A tree, its places kept by other names, so that what was deleted can come back as it was.
struct Wood {
    folder: tempfile::TempDir,
    places: Vec<PathBuf>,
}

impl Wood {
    fn plant(dice: &mut Dice, people: &People) -> Wood {
        let folder = tempfile::tempdir_in("/srv").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut forester = Forester {
            dice,
            people,
            is_wild: true,
            planted: Vec::new(),
        };
        // Dressed after all of it is there: some of it cannot be changed any more.
        forester.plant(&folder.path().join("share"), 3);
        let places = forester.planted;
        Wood { folder, places }
    }

    fn share(&self) -> PathBuf {
        self.folder.path().join("share")
    }
}

impl Drop for Wood {
    fn drop(&mut self) {
        for place in self.places.iter().filter(|it| !it.is_symlink()) {
            run("chattr", &["-i", "-a", place.to_str().unwrap()]);
        }
    }
}

/// Whether the kernel lets whoever runs this do it, done for real.
fn attempt(case: &Case, name: &str) -> bool {
    let (path, wish, trail) = (&case.path, case.question.wish, &case.trail);
    let last = trail.nodes.last().unwrap();
    let is_new = !matches!(trail.end, moxnas_shares::access::End::Reached);
    let done: io::Result<()> = match wish {
        Wish::List => fs::read_dir(path).map(drop),
        Wish::Read => fs::read(path).map(drop),
        Wish::Write if is_new => File::create_new(path).map(drop),
        Wish::Write if last.is_folder() => File::create_new(path.join(name)).map(drop),
        Wish::Write => OpenOptions::new().write(true).open(path).map(drop),
        Wish::Delete if last.is_folder() && !is_new => match fs::remove_dir(path) {
            // Nothing but that it is not empty kept it.
            Err(err) if err.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            other => other,
        },
        Wish::Delete => fs::remove_file(path),
    };
    done.is_ok()
}

/// Do it with the numbers of somebody else, which only this thread has.
fn as_somebody<T: Send>(ids: &Ids, task: impl FnOnce() -> T + Send) -> T {
    let groups: Vec<Gid> = ids.groups.iter().map(|it| Gid::from_raw(*it)).collect();
    let (uid, gid) = (Uid::from_raw(ids.uid), Gid::from_raw(ids.gid));
    thread::scope(|scope| {
        let becomes = move || {
            rustix::thread::set_thread_groups(&groups).unwrap();
            rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            task()
        };
        scope.spawn(becomes).join().unwrap()
    })
}

pub(crate) fn is_root() -> bool {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        println!("skipped: only root can be somebody else");
    }
    is_root
}

/// A question, what it is about, and what is on the way to it.
struct Case {
    question: Question,
    path: PathBuf,
    trail: Trail,
}

fn cases(wood: &Wood, share: &Share, ids: &Ids, number: usize, way: &Way) -> Vec<Case> {
    let mut cases = Vec::new();
    // What deletes goes last, so that all of it is there for the others.
    for wish in [Wish::List, Wish::Read, Wish::Write, Wish::Delete] {
        // Links lead to the same folders: each name is asked for once.
        let name = |place| match wish {
            Wish::Write => format!("new-{number}-{place}"),
            _ => "none".to_owned(),
        };
        let new = wood.places.iter().enumerate().filter(|(_, it)| it.is_dir());
        let new: Vec<PathBuf> = new.map(|(at, it)| it.join(name(at))).collect();
        for path in wood.places.iter().chain(&new) {
            let within = path.strip_prefix(wood.share()).unwrap();
            // Here it is not the top of what is exported.
            if wish == Wish::Delete && within.as_os_str().is_empty() && way.by == Protocol::Nfs {
                continue;
            }
            let within = within.to_str().unwrap().parse().unwrap();
            let trail = SystemPaths::new(Root::system())
                .trail(&share.path, &within, wish.last())
                .unwrap();
            cases.push(Case {
                question: Question {
                    who: Who::Ids(ids.clone()),
                    by: way.by,
                    from: None,
                    security: Security::Sys,
                    share: share.name.clone(),
                    path: within,
                    wish,
                },
                path: way.at.join(path.strip_prefix("/srv").unwrap()),
                trail,
            });
        }
    }
    cases
}

/// By which way the kernel is asked.
struct Way {
    by: Protocol,
    /// Where `/srv` is seen that way.
    at: PathBuf,
}

#[test]
fn the_kernel_does_what_is_explained() {
    if is_root() {
        compare(&Way {
            by: Protocol::Local,
            at: "/srv".into(),
        });
    }
}

/// nfsd needs a machine of its own. Where somebody has exported `/srv` to everybody, with rw and
/// no_root_squash, and mounted it (`noac,lookupcache=none`), it is asked too.
#[test]
fn nfsd_does_what_is_explained() {
    match std::env::var_os("MOXNAS_NFS_MOUNT") {
        Some(at) if is_root() => compare(&Way {
            by: Protocol::Nfs,
            at: at.into(),
        }),
        _ => println!("skipped: MOXNAS_NFS_MOUNT names no mount of /srv"),
    }
}

fn offered(path: &str) -> Share {
    let rule = NfsRule {
        client: "*".parse().unwrap(),
        options: ClientOptions {
            access: Access::ReadWrite,
            squash: Squash::None,
            ..ClientOptions::default()
        },
    };
    Share {
        nfs: Some(Nfs {
            clients: vec![rule],
            fsid: None,
        }),
        ..Share::new("data".parse().unwrap(), path.parse().unwrap())
    }
}

fn compare(way: &Way) {
    let people = people();
    let (mut asked, mut allowed, mut unknown) = (0, 0, 0);
    for seed in 0..trees() {
        let mut dice = Dice(seed);
        let wood = Wood::plant(&mut dice, &people);
        let share = offered(wood.share().to_str().unwrap());
        for number in 0..CALLERS {
            let ids = match number {
                0 => Ids {
                    uid: 0,
                    gid: 0,
                    groups: Vec::new(),
                },
                _ => people.ids(&mut dice),
            };
            let cases = cases(&wood, &share, &ids, number, way);
            let keep = keep(&wood, number);
            let answers = as_somebody(&ids, || {
                let mut all = Vec::new();
                for it in &cases {
                    all.push(attempt(it, &format!("made-{number}-{}", all.len())));
                }
                all
            });
            give_back(&wood, &keep);
            for (case, answer) in cases.iter().zip(answers) {
                let facts = Facts {
                    intent: Intent {
                        shares: vec![share.clone()],
                        ..Intent::default()
                    },
                    trail: case.trail.clone(),
                    ids: IdMap::default(),
                    ..Facts::default()
                };
                let said = explain(&case.question, &facts);
                if said.answer == Answer::Unknown {
                    unknown += 1;
                    continue;
                }
                asked += 1;
                allowed += usize::from(answer);
                assert_eq!(
                    said.is_allowed(),
                    answer,
                    "tree {seed}: {:?} {}: {:?} {:?}",
                    case.question,
                    case.path.display(),
                    said.denied_by(),
                    case.trail
                );
            }
        }
    }
    println!("{asked} questions, {allowed} allowed, {unknown} not known");
    assert!(asked > 200 * trees() as usize && allowed > asked / 10 && allowed < asked / 10 * 9);
    assert!(unknown < asked / 10);
}

/// Another name for everything that can be deleted.
fn keep(wood: &Wood, number: usize) -> Vec<(PathBuf, PathBuf)> {
    let at = wood.folder.path().join(format!("keep-{number}"));
    fs::create_dir(&at).unwrap();
    let mut kept = Vec::new();
    for (number, path) in wood.places.iter().enumerate() {
        let is_folder = fs::symlink_metadata(path).unwrap().is_dir();
        let name = at.join(number.to_string());
        // What cannot have another name cannot be deleted either.
        if !is_folder && fs::hard_link(path, &name).is_ok() {
            kept.push((path.clone(), name));
        }
    }
    kept
}

fn give_back(_: &Wood, kept: &[(PathBuf, PathBuf)]) {
    for (path, name) in kept {
        if fs::symlink_metadata(path).is_err() {
            fs::hard_link(name, path).unwrap();
        }
        fs::remove_file(name).unwrap();
    }
}

/// What a folder of the machine says of itself: the numbers of this process, and room.
#[test]
fn this_machine_says_who_there_is_and_what_room() {
    let paths = SystemPaths::new(Root::system());
    let ids = paths.ids().unwrap();
    assert!(ids.has_user(0));
    let folder = tempfile::tempdir().unwrap();
    let share = folder.path().to_str().unwrap().parse().unwrap();
    let trail = paths
        .trail(&share, &"".parse().unwrap(), Last::Follow)
        .unwrap();
    assert!(trail.space.unwrap().bytes > 0);
    assert_eq!(trail.nodes[trail.share].path, share.as_str());
    assert_eq!(trail.nodes[0].path, "/");
}
