//! Jobs, and following one to its end.

use std::time::Duration;

use moxnas_api::wire::jobs::{Job, JobPage, JobState, LogPage};
use poem::http::Method;

use super::{all_pages, parse};
use crate::{
    cli::{Global, JobId, JobVerb, Patience},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const JOBS: &str = "/api/jobs";
/// How often a job is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn job(
    transport: &Transport,
    verb: JobVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    match verb {
        JobVerb::List { limit, state } => {
            let state = state.map(|it| format!("&state={}", word(it)));
            let path = format!("{JOBS}?limit={limit}{}", state.unwrap_or_default());
            let text = transport.raw(&Ask::get(path)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.jobs(&parse::<JobPage>(&text)?),
            }
            Ok(())
        }
        JobVerb::Show(JobId { job }) => {
            let text = transport.raw(&Ask::get(path(&job, ""))).await?;
            shown(&text, printer)
        }
        JobVerb::Log(JobId { job }) => {
            let text = all_pages(transport, &path(&job, "/log")).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.job_log(&parse::<LogPage>(&text)?),
            }
            Ok(())
        }
        JobVerb::Follow(JobId { job }) => {
            let text = transport.raw(&Ask::get(path(&job, ""))).await?;
            follow(transport, printer, &parse(&text)?).await
        }
        JobVerb::Cancel(JobId { job }) => {
            let ask = Ask::bare(Method::POST, path(&job, "/cancel"));
            let text = transport.raw(&ask).await?;
            shown(&text, printer)
        }
        JobVerb::Retry {
            job: JobId { job },
            patience,
        } => {
            let ask = Ask::bare(Method::POST, path(&job, "/retry"));
            let text = transport.raw(&ask).await?;
            begun(transport, printer, &text, patience).await
        }
    }
}

/// Make a change that a job makes, and stay with it.
pub(super) async fn begin(
    transport: &Transport,
    global: &Global,
    printer: &Printer,
    wish: Wish,
    patience: Patience,
) -> Result<(), Failure> {
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Planned => Ok(()),
        Outcome::Done(text) => begun(transport, printer, &text, patience).await,
    }
}

/// A job was begun: stay with it, unless somebody is in a hurry or it ends with this process.
pub(super) async fn begun(
    transport: &Transport,
    printer: &Printer,
    text: &str,
    patience: Patience,
) -> Result<(), Failure> {
    let job: Job = parse(text)?;
    if patience.detach || transport.is_forgotten() {
        return shown(text, printer);
    }
    printer.note(&format!("job {}: ^C leaves it running", job.id));
    follow(transport, printer, &job).await
}

async fn follow(transport: &Transport, printer: &Printer, job: &Job) -> Result<(), Failure> {
    let at = path(&job.id, "");
    loop {
        let text = transport.raw(&Ask::get(at.clone())).await?;
        let job: Job = parse(&text)?;
        if !job.state.is_over() && job.state != JobState::Paused {
            printer.progress(&job);
            tokio::time::sleep(ASK_EVERY).await;
            continue;
        }
        printer.progress_over();
        shown(&text, printer)?;
        return match job.state {
            JobState::Failed => Err(Failure::Broken(format!(
                "the job failed: {}",
                job.error.unwrap_or_default()
            ))),
            JobState::Cancelled => Err(Failure::refused("the job was cancelled")),
            _ => Ok(()),
        };
    }
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.job(&parse::<Job>(text)?),
    }
    Ok(())
}

fn path(job: &str, rest: &str) -> String {
    format!("{JOBS}/{}{rest}", segment(job))
}

fn word(state: JobState) -> String {
    moxnas_app::store::JobState::from(state).to_string()
}
