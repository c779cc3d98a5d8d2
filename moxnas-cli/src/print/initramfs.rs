//! What the machine's kernels know of arrays while they start, for people.

use moxnas_api::wire::initramfs::{Initramfs, InitramfsStanding};

use super::lines;

/// Image by image, then why.
pub(super) fn sheet(all: &Initramfs) -> String {
    if let Some(why) = &all.unknown_because {
        return format!("not known: {why}");
    }
    if all.images.is_empty() {
        return "there is none in /boot: this machine starts without one of its own, as a container \
                does with its host's kernel"
            .to_owned();
    }
    let mut table = super::table(&["INITRAMFS", "KERNEL", "ARRAYS"]);
    for it in &all.images {
        let runs = if it.is_running { " (runs)" } else { "" };
        let standing = match it.standing {
            InitramfsStanding::Current => "as in mdadm.conf",
            InitramfsStanding::Outdated => "OUTDATED",
            InitramfsStanding::WithoutMdadm => "none, it has no mdadm",
            InitramfsStanding::Unknown => "NOT KNOWN",
        };
        table.add_row([
            it.path.clone(),
            format!("{}{runs}", it.kernel),
            standing.to_owned(),
        ]);
    }
    let mut parts = vec![lines(&table)];
    for it in all.images.iter().filter(|it| !it.reasons.is_empty()) {
        let reasons = it.reasons.iter().map(|it| format!("  - {it}"));
        let reasons: Vec<String> = reasons.collect();
        parts.push(format!("{}:\n{}", it.path, reasons.join("\n")));
    }
    let is_due = |it: &InitramfsStanding| {
        matches!(it, InitramfsStanding::Outdated | InitramfsStanding::Unknown)
    };
    if all.images.iter().any(|it| is_due(&it.standing)) {
        parts.push("`moxnas system update-initramfs` makes them again".to_owned());
    }
    parts.join("\n\n")
}
