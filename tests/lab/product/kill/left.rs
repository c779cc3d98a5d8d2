//! What the service left when it was killed.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use moxnas_app::store::{DatabaseUrl, Job, JobFilter, Node, Phase, Record, Store};
use moxnas_tests::lab::Machine;

/// The service is down: its database as it was, read from a copy of its files, and mdadm.conf.
pub(super) struct Left {
    pub(super) jobs: Vec<Job>,
    pub(super) audit: Vec<Record>,
    pub(super) conf: String,
    /// A new mdadm.conf was being written beside it.
    pub(super) is_conf_unfinished: bool,
    /// What md does, in words.
    pub(super) md: String,
}

impl Left {
    pub(super) fn read(machine: &mut Machine) -> Result<Self> {
        machine.sh("mkdir /mnt/lab/left; cd /var/lib/moxnas; cp node moxnas.db* /mnt/lab/left/")?;
        let (beside, conf) = conf_folder(machine)?;
        let md = machine.gather(&["/sys/block/md*/md/sync_*"])?.files;
        let md = md.iter().filter_map(|(path, text)| {
            let (array, file) = path.strip_prefix("/sys/block/")?.split_once("/md/")?;
            let text = text.trim().replace(' ', "");
            match file {
                "sync_action" => Some(format!("{array} {text}")),
                "sync_completed" if text != "none" => Some(text),
                _ => None,
            }
        });
        let md = md.collect::<Vec<_>>().join(" ");
        let folder = machine.share().join("left");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (jobs, audit) = runtime.block_on(history(&folder))?;
        fs::remove_dir_all(folder)?;
        Ok(Self {
            jobs,
            audit,
            conf,
            is_conf_unfinished: !beside.is_empty(),
            md,
        })
    }

    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|it| !it.state.is_over())
    }

    /// The jobs in flight, in words.
    pub(super) fn told(&self) -> String {
        let words: Vec<String> = self
            .in_flight()
            .map(|it| {
                let progress = it.progress.map(|it| format!(" {}%", it / 100));
                let (new, progress) = (&it.new, progress.unwrap_or_default());
                let noted = if it.checkpoint.is_some() {
                    " noted"
                } else {
                    ""
                };
                format!("{} {} {}{progress}{noted}", new.kind, new.object, it.state)
            })
            .collect();
        match words.is_empty() {
            true => "no job in flight".to_owned(),
            false => words.join(", "),
        }
    }

    /// Every job has its intent, and its outcome when it is over, once each; of other changes there
    /// is never an outcome without intent or a second one.
    pub(super) fn check_audit(&self) -> Result<()> {
        let mut of_jobs: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let mut of_calls: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for record in &self.audit {
            let entry = &record.entry;
            let count = match entry.detail["job"].as_str() {
                Some(id) => of_jobs.entry(id).or_default(),
                None => {
                    let key = (entry.request_id.as_str(), entry.operation.as_str());
                    of_calls.entry(key).or_default()
                }
            };
            match entry.phase {
                Phase::Intent => count.0 += 1,
                Phase::Outcome => count.1 += 1,
                _ => (),
            }
        }
        for job in &self.jobs {
            let count = of_jobs.get(job.new.id.as_str()).copied();
            let wanted = (1, usize::from(job.state.is_over()));
            ensure!(
                count.unwrap_or_default() == wanted,
                "the audit log tells of a job {count:?} instead of {wanted:?}: {job:?}"
            );
        }
        for (id, count) in of_jobs {
            let is_there = self.jobs.iter().any(|it| it.new.id == id);
            ensure!(
                is_there,
                "the audit log tells of a lost job {id}: {count:?}"
            );
        }
        for (call, (intents, outcomes)) in of_calls {
            ensure!(
                outcomes <= 1 && intents <= 1,
                "{call:?}: {intents} intents, {outcomes} outcomes"
            );
        }
        Ok(())
    }
}

/// What lies beside mdadm.conf, and its text.
pub(super) fn conf_folder(machine: &mut Machine) -> Result<(Vec<String>, String)> {
    let mut files = machine.gather(&["/etc/mdadm/*"])?.files;
    let conf = files.remove("/etc/mdadm/mdadm.conf");
    let conf = conf.context("mdadm.conf is gone")?;
    Ok((files.into_keys().collect(), conf))
}

async fn history(folder: &Path) -> Result<(Vec<Job>, Vec<Record>)> {
    let node = Node::of_folder(folder, "copy")?;
    let store = Store::open_on(&DatabaseUrl::in_folder(folder), node).await?;
    let jobs = store.jobs(&JobFilter::default(), 100_000).await?;
    let mut audit = Vec::new();
    loop {
        let after = audit.last().map_or(0, |it: &Record| it.id);
        let more = store.audit(after, 1000).await?;
        if more.is_empty() {
            break;
        }
        audit.extend(more);
    }
    store.close().await;
    Ok((jobs, audit))
}

/// What of mdadm.conf is not of MoxNAS, and must stay as it is.
pub(super) struct Conf {
    others: Vec<String>,
}

impl Conf {
    pub(super) fn before_moxnas(text: &str) -> Self {
        let others = text.lines().map(str::to_owned).collect();
        Self { others }
    }

    /// Fails unless every line is whole, and in its place. Returns the UUIDs of the
    /// arrays that are named, by name.
    pub(super) fn check(&self, text: &str) -> Result<BTreeMap<String, String>> {
        ensure!(text.ends_with('\n'), "mdadm.conf ends in a line:\n{text}");
        let (mut named, mut others) = (BTreeMap::new(), Vec::new());
        let (mut blocks, mut is_inside) = (0, false);
        for line in text.lines() {
            match line {
                it if it.starts_with("# BEGIN MoxNAS: ") => {
                    ensure!(!is_inside, "a block in a block:\n{text}");
                    (is_inside, blocks) = (true, blocks + 1);
                }
                "# END MoxNAS" => {
                    ensure!(is_inside, "an end without a begin:\n{text}");
                    is_inside = false;
                }
                it if is_inside => {
                    let array = read_line(it);
                    let (name, uuid) =
                        array.with_context(|| format!("half a line {it:?} in:\n{text}"))?;
                    let before = named.insert(name, uuid);
                    ensure!(before.is_none(), "a name means two arrays:\n{text}");
                }
                it => others.push(it.to_owned()),
            }
        }
        ensure!(!is_inside && blocks <= 1, "not one whole block:\n{text}");
        ensure!(others == self.others, "foreign lines changed:\n{text}");
        Ok(named)
    }
}

fn read_line(line: &str) -> Option<(String, String)> {
    let (device, uuid) = line.strip_prefix("ARRAY ")?.split_once(" UUID=")?;
    let groups: Vec<&str> = uuid.split(':').collect();
    let is_whole = |it: &&str| it.len() == 8 && it.bytes().all(|it| it.is_ascii_hexdigit());
    let is_uuid = groups.len() == 4 && groups.iter().all(is_whole);
    let name = device.strip_prefix("/dev/md/")?;
    is_uuid.then(|| (name.to_owned(), uuid.to_owned()))
}
