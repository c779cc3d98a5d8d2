//! The service.

mod doors;
mod edges;
mod notify;

use std::{io::IsTerminal, path::PathBuf, sync::Arc};

use moxnas_app::{
    App,
    auth::{FirstStart, Secret, Terminal},
    scenario::Scenario,
    settings::{ConfigFile, DATA_DIR, LOCK, Pace, Right, Settings},
    store::DatabaseUrl,
};
use moxnas_core::chain::chain;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use self::doors::Doors;
use super::share_files::places;
use crate::{
    cli::{Global, Serve},
    failure::Failure,
    print::Printer,
};

pub(super) async fn serve(global: &Global, serve: Serve, printer: &Printer) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_env("MOXNAS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let file = ConfigFile::read(serve.config.as_deref()).map_err(refused)?;
    let settings = settings(global, &serve, &file)?;
    let edges = edges::edges(&file)?;
    let doors = Doors::new(global, &serve, &file)?;
    let certificate = doors.certificate(settings.data_dir.as_deref(), &edges.hosts)?;
    let limits = edges::limits(&file);
    let server = doors.open(limits, &edges, certificate.as_ref()).await?;

    let app = App::start(&settings)
        .await
        .map_err(|err| Failure::Broken(chain(&err)))?;
    welcome(&app, &settings, printer).await?;
    if let Some(certificate) = &certificate {
        let fingerprint = certificate.config().fingerprint();
        printer.line(&format!("certificate: SHA-256 {fingerprint}"));
    }
    let scheme = certificate.as_ref().map_or("http", |_| "https");
    for address in &server.listening().tcp {
        printer.line(&format!(
            "listening on {scheme}://{address}, documentation at {scheme}://{address}/api/docs"
        ));
    }
    for socket in &server.listening().unix {
        printer.line(&format!("listening on {}", socket.display()));
    }
    moxnas_app::loops::keep_asking(&app);
    moxnas_app::loops::keep_pools_known(&app);
    moxnas_app::loops::keep_working(&app);
    notify::tell(notify::READY);
    // Also where there is nothing to read again: who is asked to must not end.
    let hangup = signal(SignalKind::hangup()).expect("signals can be listened to");
    let serving = server.run(moxnas_api::endpoint_within(Arc::clone(&app), edges), stop());
    match certificate {
        Some(certificate) => tokio::select! {
            () = serving => (),
            () = certificate.run(hangup) => (),
        },
        None => serving.await,
    }
    notify::tell(notify::STOPPING);
    app.stop().await.map_err(|err| Failure::Broken(chain(&err)))
}

fn settings(global: &Global, serve: &Serve, file: &ConfigFile) -> Result<Settings, Failure> {
    let admin_password = env("MOXNAS_ADMIN_PASSWORD").map(Secret::from);
    let data_dir = serve
        .data_dir
        .clone()
        .or_else(|| env("MOXNAS_DATA_DIR").map(PathBuf::from));
    let url = env("DATABASE_URL").or_else(|| file.database_url.clone());
    let url = url
        .map(|it| it.parse::<DatabaseUrl>())
        .transpose()
        .map_err(refused)?;
    if let Some(scenario) = &global.sim {
        let scenario = Scenario::load(scenario).map_err(refused)?;
        // Nothing of a simulated machine is kept unless somebody names a place.
        let database = url.or_else(|| data_dir.as_deref().map(DatabaseUrl::in_folder));
        return Ok(Settings {
            database: database.unwrap_or(DatabaseUrl::Memory),
            data_dir,
            admin_password,
            audit: file.audit().map_err(refused)?,
            places: places(),
            ..Settings::simulated(scenario)
        });
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::with_hint(
            "the service changes disks and has to be run by root",
            "try it without: moxnas serve --sim",
        ));
    }
    let data_dir = data_dir.or_else(|| file.data_dir.clone());
    let data_dir = data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR));
    Ok(Settings {
        scenario: None,
        database: url.unwrap_or_else(|| DatabaseUrl::in_folder(&data_dir)),
        data_dir: Some(data_dir),
        admin_password,
        right: Right::Change(PathBuf::from(LOCK)),
        pace: Pace::Usual,
        audit: file.audit().map_err(refused)?,
        places: places(),
    })
}

/// Who can log in, and with what.
async fn welcome(app: &App, settings: &Settings, printer: &Printer) -> Result<(), Failure> {
    // A simulated service has nothing to lose: its password may stand in a log.
    let is_shown = std::io::stdout().is_terminal() || app.simulation.is_some();
    let terminal = if is_shown {
        Terminal::Attached
    } else {
        Terminal::Absent
    };
    let first = app
        .first_start(settings.admin_password.clone(), terminal)
        .await;
    let first = first.map_err(|err| Failure::refused(chain(&err)))?;
    if let Some(simulation) = &app.simulation {
        printer.line(&format!(
            "SIMULATED MACHINE ({}): no disk here is real",
            simulation.scenario
        ));
    }
    match first {
        FirstStart::AlreadySet => (),
        FirstStart::MadeFromEnvironment => printer.line("login: admin, with the password given"),
        FirstStart::MadeRandom { password } => {
            printer.line(&format!(
                "login: admin, password: {} (shown this once)",
                password.expose()
            ));
        }
        FirstStart::NoPasswordYet => printer
            .line("nobody can log in yet: root sets a password with `moxnas user passwd admin`"),
    }
    Ok(())
}

async fn stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be listened to");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be listened to");
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

fn refused(err: impl std::error::Error) -> Failure {
    Failure::refused(chain(&err))
}
