//! A plan for people.

use moxnas_api::wire::plans::{ArrayOutlook, Plan};

use super::bytes;

/// What would be done, what it means, and its fingerprint.
pub(super) fn sheet(plan: &Plan) -> String {
    let mut text = vec![format!("Plan {} ({}):", plan.fingerprint, plan.operation)];
    if plan.steps.is_empty() {
        text.push("  nothing has to be done".to_owned());
    }
    for (number, step) in (1..).zip(&plan.steps) {
        text.push(format!("  {number}. {}", step.what));
        if let Some(command) = &step.command {
            text.push(format!("       $ {}", command.join(" ")));
        }
        if let Some(file) = &step.file {
            text.push(format!("       {}: {}", file.path, file.diff));
        }
    }
    text.extend(
        plan.before
            .iter()
            .map(|it| format!("Before:  {}", outlook(it))),
    );
    text.extend(
        plan.after
            .iter()
            .map(|it| format!("After:   {}", outlook(it))),
    );
    text.extend(plan.warnings.iter().map(|it| format!("Note:    {it}")));
    text.extend(plan.dangers.iter().map(|it| format!("DANGER:  {it}")));
    text.join("\n")
}

fn outlook(it: &ArrayOutlook) -> String {
    let lose = match it.can_lose {
        Some(count) => format!(", may lose {count}"),
        None => String::new(),
    };
    let ArrayOutlook {
        name,
        level,
        size_bytes,
        health,
        members,
        ..
    } = it;
    format!(
        "{name} {level} {}, {members} members, {health}{lose}",
        bytes(*size_bytes)
    )
}
