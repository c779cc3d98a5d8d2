//! What arrays should be there, for people.

use moxnas_api::wire::expected::{Difference, ExpectedArray, ExpectedPage};

use super::lines;

/// What should be there, then what is not as it should be.
pub(super) fn sheet(page: &ExpectedPage) -> String {
    let mut parts = vec![match (page.items.is_empty(), page.since) {
        (false, _) => table(&page.items),
        (true, Some(_)) => "no arrays are expected".to_owned(),
        (true, None) => "nobody has ever agreed to anything".to_owned(),
    }];
    parts.extend(page.differences.iter().map(difference));
    if page.differences.is_empty() && page.since.is_some() {
        parts.push("everything is as expected".to_owned());
    }
    parts.join("\n\n")
}

fn table(items: &[ExpectedArray]) -> String {
    let mut table = super::table(&["EXPECTED", "LEVEL", "DEVICES", "MOUNTED AT", "ACCEPTED BY"]);
    for it in items {
        let members = it.members.iter().cloned();
        let spares = it.spares.iter().map(|it| format!("{it} (spare)"));
        let journal = it.journal.iter().map(|it| format!("{it} (journal)"));
        let devices: Vec<String> = members.chain(spares).chain(journal).collect();
        table.add_row([
            it.name.clone(),
            it.level.clone(),
            devices.join("\n"),
            it.mounts.join("\n"),
            it.accepted_by.clone(),
        ]);
    }
    lines(&table)
}

/// Upper case for what must not be overlooked.
fn difference(it: &Difference) -> String {
    let word = if it.is_fault { "FAULT" } else { "note" };
    format!("{word}: {}\n  what to do: {}", it.explanation, it.remedy)
}
