//! What e2fsprogs and xfsprogs say of folders that are projects, see chattr(1) and xfs_quota(8).

use std::collections::BTreeMap;

use moxnas_core::{cmd::Runner, disk::mounts, root::Root, units::Bytes};

use super::{argv, btrfs::Odd};
use crate::{
    backend::BackendError,
    dataset::{Contents, Counting, Dataset, DatasetName, Usage},
    model::Pool,
    plan::PROJECT_QUOTAS,
};

/// How many folders are asked for at a time: a command line has an end.
const AT_ONCE: usize = 500;

/// What is counted of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    /// What its files take.
    used: Bytes,
    /// What they may take.
    quota: Option<Bytes>,
}

/// What is in a pool of ext4 or xfs: a folder whose files belong to a project is a dataset.
pub(super) fn contents(
    root: &Root,
    runner: &dyn Runner,
    pool: &Pool,
) -> Result<Contents, BackendError> {
    let names = root.list(&pool.at)?;
    let names = names.into_iter().filter(|it| !it.starts_with('.'));
    let mut contents = Contents {
        counting: counting(root, &pool.at)?,
        others: names.collect(),
        ..Contents::default()
    };
    if contents.counting == Counting::Off {
        return Ok(contents);
    }
    let report = runner.run(&argv::projects(&pool.name))?;
    // Its exit status says nothing.
    if let Some(complaint) = String::from_utf8_lossy(&report.stderr).lines().next() {
        return Err(Odd::Quota(complaint.to_owned()).into());
    }
    let counted = parse_report(&report.text())?;
    let is_folder = |it: &&DatasetName| {
        let path = root.path(format!("{}/{it}", pool.at));
        path.symlink_metadata().is_ok_and(|it| it.is_dir())
    };
    let named: Vec<DatasetName> = contents
        .others
        .iter()
        .filter_map(|it| it.parse().ok())
        .collect();
    let folders: Vec<String> = named
        .iter()
        .filter(is_folder)
        .map(|it| format!("{}/{it}", pool.at))
        .collect();
    let mut projects = BTreeMap::new();
    for some in folders.chunks(AT_ONCE) {
        let said = runner.run(&argv::projects_of(some))?.text();
        projects.extend(parse_attributes(&said, &pool.at)?);
    }
    contents.others.retain(|it| !projects.contains_key(it));
    contents.projects = counted.keys().chain(projects.values()).copied().collect();
    contents.projects.remove(&0);
    contents.datasets = datasets(named, &projects, &counted);
    contents.sort();
    Ok(contents)
}

fn datasets(
    named: Vec<DatasetName>,
    projects: &BTreeMap<String, u32>,
    counted: &BTreeMap<u32, Counted>,
) -> Vec<Dataset> {
    let one = |name: DatasetName| {
        let project = *projects.get(name.as_str())?;
        let counted = counted.get(&project).copied();
        // A project that has neither files nor a limit is not listed.
        let used = counted.map_or(Bytes(0), |it| it.used);
        Some(Dataset {
            name,
            id: project.into(),
            uuid: None,
            origin: None,
            read_only: false,
            quota: counted.and_then(|it| it.quota),
            usage: Some(Usage {
                referenced: used,
                exclusive: used,
            }),
            folder: None,
        })
    };
    named.into_iter().filter_map(one).collect()
}

/// Whether the filesystem that is mounted there counts what projects take, and refuses them more.
fn counting(root: &Root, at: &str) -> Result<Counting, BackendError> {
    let mounts = mounts(root)?;
    let mounted = mounts.iter().rev().find(|it| it.at == at);
    let counts = |it: &String| it == PROJECT_QUOTAS || it == "pquota";
    Ok(
        match mounted.is_some_and(|it| it.options.iter().any(counts)) {
            true => Counting::On,
            false => Counting::Off,
        },
    )
}

/// The lines of [`argv::projects_of`]: the folders in `at` that are projects, by name. One to which only
/// what is there now belongs, and nothing that is made in it (no `P`), is none.
fn parse_attributes(said: &str, at: &str) -> Result<BTreeMap<String, u32>, Odd> {
    let mut found = BTreeMap::new();
    for line in said.lines() {
        let odd = || Odd::Attributes(line.to_owned());
        let mut words = line.split_whitespace();
        let project: u32 = words
            .next()
            .and_then(|it| it.parse().ok())
            .ok_or_else(odd)?;
        let flags = words.next().ok_or_else(odd)?;
        let path = words.next().ok_or_else(odd)?;
        let name = path.strip_prefix(at).and_then(|it| it.strip_prefix('/'));
        let name = name.ok_or_else(odd)?;
        if project != 0 && flags.contains('P') {
            found.insert(name.to_owned(), project);
        }
    }
    Ok(found)
}

/// The lines of [`argv::projects`]: number, KiB used, soft limit, hard limit; 0 is none.
fn parse_report(said: &str) -> Result<BTreeMap<u32, Counted>, Odd> {
    let mut found = BTreeMap::new();
    for line in said.lines().filter(|it| !it.trim().is_empty()) {
        let odd = || Odd::Quota(line.to_owned());
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|it| it.strip_prefix('#'));
        let project: u32 = number.and_then(|it| it.parse().ok()).ok_or_else(odd)?;
        let mut kib = || -> Option<Bytes> {
            let number: u64 = words.next()?.parse().ok()?;
            Some(Bytes(number.checked_mul(1024)?))
        };
        let used = kib().ok_or_else(odd)?;
        let _soft = kib().ok_or_else(odd)?;
        let hard = kib().ok_or_else(odd)?;
        let quota = (hard.0 > 0).then_some(hard);
        found.insert(project, Counted { used, quota });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As e2fsprogs 1.47.0 and xfsprogs 6.1.0 print them on Linux 6.1.
    const ATTRIBUTES: &str = "   17 --------------e----P-- /srv/tank/photos\n\
                              \x20   0 --------------e------- /srv/tank/plain\n";
    const REPORT: &str = "#0                  14          0          0     00 [--------]\n\
                          #17              64002          0       4882     00 [--none--]\n\n";

    #[test]
    fn folders_and_projects_are_read() {
        let found = parse_attributes(ATTRIBUTES, "/srv/tank").unwrap();
        assert_eq!(found, BTreeMap::from([("photos".to_owned(), 17)]));
        let found = parse_report(REPORT).unwrap();
        let kib = |it: u64| Bytes(it * 1024);
        let rest = Counted {
            used: kib(14),
            quota: None,
        };
        let photos = Counted {
            used: kib(64_002),
            quota: Some(kib(4882)),
        };
        assert_eq!(found, BTreeMap::from([(0, rest), (17, photos)]));
    }

    #[test]
    fn what_is_no_such_line_is_an_error() {
        for line in [
            "",
            "x",
            "17",
            "17 P",
            "17 -P- elsewhere",
            "-1 -P- /srv/tank/a",
            "17 -P- /srv/tanker",
        ] {
            let said = format!("{line}\n");
            assert!(parse_attributes(&said, "/srv/tank").is_err(), "{line:?}");
        }
        for line in [
            "17 1 2 3",
            "#x 1 2 3",
            "#17 1 2",
            "#17 1 2 x",
            "#17 99999999999999999999 0 0",
            "#17 18446744073709551615 0 0",
        ] {
            assert!(parse_report(line).is_err(), "{line:?}");
        }
    }
}
