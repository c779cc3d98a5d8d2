//! A plan for people.

use moxnas_api::wire::plans::{ArrayOutlook, Plan, PlanArray, PlanStage, PlanStep};

use super::{arrays::word, bytes, consequences::duration, time};

/// What would be done, what it means, and its fingerprint.
pub(super) fn sheet(plan: &Plan) -> String {
    let mut text = vec![format!("Plan {} ({}):", plan.fingerprint, plan.operation)];
    if plan.steps.is_empty() {
        text.push("  nothing has to be done".to_owned());
    }
    for (number, step) in (1..).zip(&plan.steps) {
        text.push(format!("  {number}. {}", step.what));
        if let Some(command) = &step.command {
            text.push(format!("       $ {}", shell_line(command)));
        }
        if let Some(block) = &step.command_block {
            text.push(format!("       sends {block}"));
        }
        for file in &step.files {
            match file.diff.trim_end().contains('\n') {
                false => text.push(format!("       {}: {}", file.path, file.diff)),
                true => {
                    text.push(format!("       {}:", file.path));
                    let lines = file.diff.lines().map(|it| format!("         {it}"));
                    text.extend(lines);
                }
            }
        }
        text.extend(follows(step).iter().map(|it| format!("       {it}")));
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

/// A command as one would type it: words that a shell would part or read otherwise are quoted.
fn shell_line(words: &[String]) -> String {
    let plain = |it: char| it.is_alphanumeric() || "-_./:=,@%+^".contains(it);
    let quoted = words.iter().map(|it| match it.as_str() {
        "|" | "&&" => it.clone(),
        word if !word.is_empty() && word.chars().all(plain) => it.clone(),
        word => format!("'{}'", word.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// What a step leads to: redundancy and time. What is lost is said once, as a danger.
fn follows(step: &PlanStep) -> Vec<String> {
    let mut lines: Vec<String> = step.array.iter().map(stages).collect();
    if let Some(takes) = &step.takes {
        lines.push(match (takes.at_least_s, takes.at_most_s) {
            (Some(least), Some(most)) => format!("takes {} to {}", time(least), time(most)),
            (None, Some(most)) => format!("takes {}", time(most)),
            _ => "nobody knows how long it takes".to_owned(),
        });
        lines.push(format!("  {}", takes.because));
    }
    if let Some(work) = &step.work {
        lines.push(format!("{} takes {}", work.action, duration(work)));
        lines.push(format!("  {}", work.because));
    }
    lines
}

/// An array around a step, as short as can be: what stays is said once.
fn stages(it: &PlanArray) -> String {
    let PlanArray {
        name,
        before,
        at_once,
        in_the_end,
    } = it;
    let there = [before, at_once, in_the_end].into_iter().flatten();
    let mut sizes: Vec<u64> = there.map(|it| it.size_bytes).collect();
    sizes.dedup();
    let (size, differs) = match sizes.as_slice() {
        [one] => (format!(" {}", bytes(*one)), false),
        _ => (String::new(), true),
    };
    let stage = |it: &Option<PlanStage>| stage(it.as_ref(), differs);
    let mut parts = vec![format!("{} before", stage(before))];
    if at_once != before {
        parts.push(format!("{} at once", stage(at_once)));
    }
    if in_the_end != at_once {
        parts.push(format!("{} in the end", stage(in_the_end)));
    }
    if parts.len() == 1 {
        parts = vec![format!("{} all along", stage(before))];
    }
    format!("{name}{size}: {}", parts.join(", "))
}

fn stage(it: Option<&PlanStage>, with_size: bool) -> String {
    let Some(it) = it else {
        return "not there".to_owned();
    };
    let size = with_size.then(|| format!("{} ", bytes(it.size_bytes)));
    let lose = it.can_lose.map(|it| format!(" may lose {it}"));
    format!(
        "{}{}{}",
        size.unwrap_or_default(),
        word(it.health),
        lose.unwrap_or_default()
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_as_it_is_shown() {
        let words = [
            "useradd",
            "--comment",
            "Alice's",
            "",
            "&&",
            "mount",
            "/srv/a b",
            "uid=1",
        ];
        let words = words.map(str::to_owned);
        assert_eq!(
            shell_line(&words),
            r"useradd --comment 'Alice'\''s' '' && mount '/srv/a b' uid=1"
        );
    }
}
