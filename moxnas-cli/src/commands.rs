//! What each command does: turn words into a request, and the answer into text.

mod access;
mod accounts;
mod arrays;
mod audit;
mod database;
mod datasets;
mod decode;
mod disks;
mod doctor;
mod jobs;
mod login;
mod moments;
mod paper;
mod pools;
mod prune;
pub(crate) mod remote;
mod schedules;
mod serve;
mod services;
pub(crate) mod share_files;
mod shares;
mod users;

use moxnas_api::wire::{
    access::CapabilityPage,
    initramfs::Initramfs,
    simulation::{Advance, Fault, Simulation},
};
use poem::http::Method;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::Value;

use crate::{
    cli::{Cli, Global, Noun, PruneVerb, ScheduleVerb, ShareVerb, SimVerb, SystemVerb},
    confirm::Wish,
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

/// Run a command.
pub(crate) async fn run(cli: Cli, printer: &Printer) -> Result<(), Failure> {
    let Cli { global, noun } = cli;
    match noun {
        Noun::Serve(serve) => serve::serve(&global, serve, printer).await,
        Noun::Decode(verb) => decode::decode(&verb, printer),
        Noun::Prune(PruneVerb::Simulate(it)) => prune::simulate(&it, printer),
        Noun::Share(ShareVerb::Render(it)) => share_files::render_to(&it, printer),
        Noun::Share(ShareVerb::Read(it)) => share_files::read_from(&it, printer),
        Noun::Share(verb) => {
            let transport = Transport::open(&global).await?;
            transport.know_pools().await;
            let done = shares::share(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Completions { shell } => paper::completions(shell, printer),
        Noun::Man { dir } => paper::man(dir.as_deref(), printer),
        Noun::Unit { program, config } => paper::unit(program, config, printer),
        Noun::Audit(verb) => audit::audit(&global, verb, printer).await,
        Noun::Db(verb) => database::database(&global, verb, printer).await,
        Noun::Doctor => doctor::doctor(&global, printer),
        Noun::Logout => login::logout(&global).await,
        Noun::Login(login) => login::login(&global, login, printer).await,
        Noun::Password { password_stdin } => {
            let transport = Transport::open(&global).await?;
            let done = login::change_password(&transport, password_stdin, printer).await;
            told(&transport, printer, done)
        }
        Noun::User(verb) => {
            let transport = Transport::open(&global).await?;
            let done = users::user(&transport, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Session(verb) => {
            let transport = Transport::open(&global).await?;
            let done = access::session(&transport, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Key(verb) => {
            let transport = Transport::open(&global).await?;
            let done = access::key(&transport, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Totp(verb) => {
            let transport = Transport::open(&global).await?;
            let done = access::totp(&transport, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Disk(verb) => {
            let transport = Transport::open(&global).await?;
            let done = disks::disk(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Array(verb) => {
            let transport = Transport::open(&global).await?;
            let done = arrays::array(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Pool(verb) => {
            let transport = Transport::open(&global).await?;
            transport.know_pools().await;
            let done = pools::pool(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Dataset(verb) => {
            let transport = Transport::open(&global).await?;
            transport.know_pools().await;
            let done = datasets::dataset(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Snapshot(verb) => {
            let transport = Transport::open(&global).await?;
            transport.know_pools().await;
            let done = datasets::snapshot(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Service(verb) => {
            let transport = Transport::open(&global).await?;
            let done = services::service(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Account(verb) => {
            let transport = Transport::open(&global).await?;
            let done = accounts::account(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Group(verb) => {
            let transport = Transport::open(&global).await?;
            let done = accounts::group(&transport, &global, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Target(verb) => {
            let transport = Transport::open(&global).await?;
            let done = remote::target(&transport, verb, printer).await;
            told(&transport, printer, done)
        }
        // It needs neither a service nor a runtime, see `main`.
        Noun::Replica(_) => Ok(()),
        Noun::System(verb) => {
            let transport = Transport::open(&global).await?;
            transport.know_pools().await;
            told(
                &transport,
                printer,
                system(&transport, &global, verb, printer).await,
            )
        }
        Noun::Job(verb) => {
            let transport = Transport::open(&global).await?;
            told(
                &transport,
                printer,
                jobs::job(&transport, verb, printer).await,
            )
        }
        Noun::Schedule(ScheduleVerb::Next(next)) => schedules::next(&next, printer),
        Noun::Schedule(verb) => {
            let transport = Transport::open(&global).await?;
            let done = schedules::schedule(&transport, verb, printer).await;
            told(&transport, printer, done)
        }
        Noun::Sim(verb) => {
            let transport = Transport::open(&global).await?;
            told(
                &transport,
                printer,
                sim(&transport, &global, verb, printer).await,
            )
        }
    }
}

/// Whatever came of it: if the machine is simulated, say so.
fn told(
    transport: &Transport,
    printer: &Printer,
    done: Result<(), Failure>,
) -> Result<(), Failure> {
    if let Some(scenario) = transport.simulated() {
        printer.simulated(&scenario);
    }
    done
}

/// The items of all pages of a list, as one page without a next one.
async fn all_pages(transport: &Transport, path: &str) -> Result<String, Failure> {
    let broken = || Failure::Broken("the answer is no page of a list".to_owned());
    let mut whole: Option<Value> = None;
    let mut cursor = String::new();
    let joint = if path.contains('?') { '&' } else { '?' };
    loop {
        let text = transport
            .raw(&Ask::get(format!("{path}{joint}limit=1000{cursor}")))
            .await?;
        let mut page: Value = serde_json::from_str(&text).map_err(|_| broken())?;
        let next = page.as_object_mut().and_then(|it| it.remove("next"));
        match &mut whole {
            None => whole = Some(page),
            Some(whole) => {
                let more = page.get_mut("items").map(Value::take);
                let items = whole.get_mut("items").and_then(Value::as_array_mut);
                match (items, more) {
                    (Some(items), Some(Value::Array(more))) => items.extend(more),
                    _ => return Err(broken()),
                }
            }
        }
        match next.as_ref().and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={}", segment(next)),
            None => return Ok(whole.unwrap_or_default().to_string()),
        }
    }
}

/// An answer that must be what the interface promises.
fn parse<T: ParseFromJSON>(text: &str) -> Result<T, Failure> {
    let not = |err: poem_openapi::types::ParseError<T>| {
        Failure::Broken(format!("the answer is not understood: {}", err.message()))
    };
    T::parse_from_json_string(text).map_err(not)
}

/// A path below `/dev` in a URL would be several parts; its last one names the same device.
fn name_of(device: &str) -> &str {
    match device.strip_prefix("/dev/") {
        Some(rest) => rest.rsplit('/').next().unwrap_or(rest),
        None => device,
    }
}

async fn system(
    transport: &Transport,
    global: &Global,
    verb: SystemVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let path = match verb {
        SystemVerb::Health => "/api/system/health/detailed",
        SystemVerb::Info => "/api/system/info",
        SystemVerb::Capabilities => {
            let text = transport.raw(&Ask::get("/api/system/capabilities")).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.capabilities(&parse::<CapabilityPage>(&text)?),
            }
            return Ok(());
        }
        SystemVerb::Initramfs => {
            let ask = Ask::get("/api/system/initramfs?fresh=true");
            let text = transport.raw(&ask).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.initramfs(&parse::<Initramfs>(&text)?),
            }
            return Ok(());
        }
        SystemVerb::UpdateInitramfs { patience } => {
            let at = "/api/system/initramfs/update".to_owned();
            let wish = Wish::new("initramfs_update", Method::POST, at, &[], None);
            return jobs::begin(transport, global, printer, wish, patience).await;
        }
    };
    show(&transport.raw(&Ask::get(path)).await?, printer)
}

/// A result that has no table of its own.
fn show(text: &str, printer: &Printer) -> Result<(), Failure> {
    if printer.is_json() {
        printer.json(text);
        return Ok(());
    }
    let broken = |err| Failure::Broken(format!("the answer is no JSON: {err}"));
    printer.outline(&serde_json::from_str(text).map_err(broken)?);
    Ok(())
}

async fn sim(
    transport: &Transport,
    global: &Global,
    verb: SimVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let ask = match verb {
        SimVerb::Show => Ask::get("/api/sim"),
        SimVerb::Advance { time } => {
            Ask::with_body(Method::POST, "/api/sim/clock", &Advance { seconds: time })
        }
        SimVerb::Fault {
            kind,
            serial,
            device,
            size,
            signature,
            pool,
            step,
        } => {
            let fault = Fault {
                kind,
                serial,
                device,
                size_bytes: size,
                signature,
                pool,
                step,
            };
            Ask::with_body(Method::POST, "/api/sim/faults", &fault)
        }
    };
    let answer = transport.raw(&ask).await;
    let text = answer.map_err(|failure| match failure {
        // A real service has no such path at all.
        Failure::Problem(problem) if problem.status == 404 && problem.operation.is_none() => {
            Failure::with_hint(
                "this machine is not simulated",
                "start one: moxnas serve --sim",
            )
        }
        other => other,
    })?;
    if global.sim.is_some() {
        printer.note("this simulated machine ends with the command; `moxnas serve --sim` stays");
    }
    show(&parse::<Simulation>(&text)?.to_json_string(), printer)
}
