//! A change from the command line: the plan is shown, agreed to, and sent with its fingerprint.

use std::io::{IsTerminal, Write};

use moxnas_api::wire::plans::{Plan, PlanRequest};
use poem::http::Method;
use serde_json::Value;

use crate::{
    cli::Global,
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport},
};

/// A change: the request itself, and the same for the planner.
pub(crate) struct Wish {
    pub(crate) ask: Ask,
    pub(crate) plan: PlanRequest,
}

impl Wish {
    /// A request for an operation, with what its path names and its body.
    pub(crate) fn new(
        operation: &str,
        method: Method,
        at: String,
        parameters: &[(&str, &str)],
        body: Option<Value>,
    ) -> Wish {
        let parameter = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Wish {
            ask: Ask {
                body: body.clone(),
                ..Ask::bare(method, at)
            },
            plan: PlanRequest {
                operation: operation.to_owned(),
                path: parameters.iter().map(parameter).collect(),
                body,
            },
        }
    }
}

/// Whether there is something to show afterwards.
pub(crate) enum Outcome {
    /// The text of the answer.
    Done(String),
    /// Only the plan was wanted.
    Planned,
}

/// Plan, show, agree, do.
pub(crate) async fn carry_out(
    transport: &Transport,
    global: &Global,
    printer: &Printer,
    mut wish: Wish,
) -> Result<Outcome, Failure> {
    let plan = Ask::with_body(Method::POST, "/api/plans", &wish.plan);
    let plan: Plan = transport.send(&plan).await?;
    if global.dry_run {
        printer.planned(&plan);
        return Ok(Outcome::Planned);
    }
    printer.plan_ahead(&plan);
    agree(&plan, global, transport.simulated().as_deref())?;
    wish.ask.confirm = Some(plan.fingerprint);
    Ok(Outcome::Done(transport.raw(&wish.ask).await?))
}

fn agree(plan: &Plan, global: &Global, simulated: Option<&str>) -> Result<(), Failure> {
    if plan.dangers.is_empty() || global.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::with_hint(
            "this has to be confirmed, and there is no terminal to ask at",
            "look at the plan with --dry-run, and agree with --yes",
        ));
    }
    let machine = match simulated {
        Some(scenario) => format!(" on the simulated machine ({scenario})"),
        None => String::new(),
    };
    let mut stderr = std::io::stderr();
    let mut line = String::new();
    let asked = write!(stderr, "Do this{machine}? [y/N] ").and_then(|()| stderr.flush());
    let answered = asked.and_then(|()| std::io::stdin().read_line(&mut line));
    answered.map_err(|err| Failure::Broken(format!("the terminal does not answer: {err}")))?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::refused("not confirmed, nothing was done")),
    }
}
