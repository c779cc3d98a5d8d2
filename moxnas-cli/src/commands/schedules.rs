//! Schedules, and what an expression means.

use moxnas_api::wire::schedules::{ChangeSchedule, Schedule, SchedulePage, Timeline};
use poem::http::Method;
use serde_json::json;

use super::{datasets::of_target, jobs, moments, parse};
use crate::{
    cli::{NextRuns, ScheduleName, ScheduleVerb},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const SCHEDULES: &str = "/api/schedulers";

pub(super) async fn schedule(
    transport: &Transport,
    verb: ScheduleVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let change = match verb {
        ScheduleVerb::Next(it) => return next(&it, printer),
        ScheduleVerb::List => {
            let text = transport.raw(&Ask::get(SCHEDULES)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.schedules(&parse::<SchedulePage>(&text)?),
            }
            return Ok(());
        }
        ScheduleVerb::Show(ScheduleName { schedule }) => {
            let text = transport.raw(&Ask::get(path(&schedule, ""))).await?;
            return shown(&text, printer);
        }
        ScheduleVerb::Snapshots(body) => {
            let ask = Ask::with_body(Method::POST, format!("{SCHEDULES}/snapshots"), &body);
            return shown(&transport.raw(&ask).await?, printer);
        }
        ScheduleVerb::Replica(mut body) => {
            body.replica = of_target(body.replica);
            let ask = Ask::with_body(Method::POST, format!("{SCHEDULES}/replicas"), &body);
            return shown(&transport.raw(&ask).await?, printer);
        }
        ScheduleVerb::Delete(ScheduleName { schedule }) => {
            let ask = Ask::bare(Method::DELETE, path(&schedule, ""));
            transport.raw(&ask).await?;
            return Ok(());
        }
        ScheduleVerb::Timeline => {
            let text = transport
                .raw(&Ask::get(format!("{SCHEDULES}/timeline")))
                .await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.timeline(&parse::<Timeline>(&text)?),
            }
            return Ok(());
        }
        ScheduleVerb::History {
            schedule: ScheduleName { schedule },
            limit,
        } => {
            let at = format!("{}?limit={limit}", path(&schedule, "/history"));
            let text = transport.raw(&Ask::get(at)).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.jobs(&parse(&text)?),
            }
            return Ok(());
        }
        ScheduleVerb::Run {
            schedule: ScheduleName { schedule },
            patience,
        } => {
            let ask = Ask::bare(Method::POST, path(&schedule, "/run-now"));
            let text = transport.raw(&ask).await?;
            return jobs::begun(transport, printer, &text, patience).await;
        }
        ScheduleVerb::Retry {
            schedule: ScheduleName { schedule },
            patience,
        } => {
            let ask = Ask::bare(Method::POST, path(&schedule, "/retry"));
            let text = transport.raw(&ask).await?;
            return jobs::begun(transport, printer, &text, patience).await;
        }
        ScheduleVerb::Enable(ScheduleName { schedule }) => (schedule, enabled(true)),
        ScheduleVerb::Disable(ScheduleName { schedule }) => (schedule, enabled(false)),
        ScheduleVerb::Change {
            schedule: ScheduleName { schedule },
            body,
        } => (schedule, body),
    };
    let (schedule, body) = change;
    let ask = Ask::with_body(Method::PATCH, path(&schedule, ""), &body);
    shown(&transport.raw(&ask).await?, printer)
}

fn enabled(enabled: bool) -> ChangeSchedule {
    ChangeSchedule {
        enabled: Some(enabled),
        ..ChangeSchedule::default()
    }
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.schedule(&parse::<Schedule>(text)?),
    }
    Ok(())
}

fn path(schedule: &str, rest: &str) -> String {
    format!("{SCHEDULES}/{}{rest}", segment(schedule))
}

/// When an expression comes next. Needs no service.
pub(super) fn next(it: &NextRuns, printer: &Printer) -> Result<(), Failure> {
    let calendar = moments::calendar(&it.expression)?;
    let zone = moments::zone(it.tz.as_deref())?;
    let from = moments::moment(it.from.as_deref(), &zone)?;
    let zone = calendar.zone(&zone).clone();
    let times: Vec<_> = calendar.upcoming(from, &zone).take(it.count).collect();
    if printer.is_json() {
        let answer = json!({
            "expression": calendar.to_string(),
            "description": calendar.describe(),
            "timezone": zone.iana_name(),
            "next": times.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        printer.json(&answer.to_string());
        return Ok(());
    }
    printer.line(&format!("{calendar}: {}", calendar.describe()));
    for time in &times {
        let local = time.to_zoned(zone.clone());
        printer.line(&local.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string());
    }
    if times.is_empty() {
        return Err(Failure::refused("it never comes"));
    }
    Ok(())
}
