//! The daemons that serve, as systemd runs them.

use std::{sync::Arc, time::SystemTime};

use moxnas_core::{chain::chain, plan::Plan};
use moxnas_shares::services::{
    self, ServiceName, Services,
    model::{LogLine, NoSuchService},
    plan::{Asked as Wished, Refusal, Wish, plan, verify},
};

use crate::{
    actor::{Actor, Role},
    answers::{Asked, Question},
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
    seen::Seen,
};

/// How many lines of a log are shown, if nothing else is said.
pub const LINES: u32 = 50;
/// How many may be asked for.
pub const LINES_MAX: u32 = 1000;

/// List the services.
#[derive(Clone, Copy, Debug)]
pub struct ServiceList;

/// Show a service.
#[derive(Clone, Debug)]
pub struct ServiceGet {
    /// Its name.
    pub service: String,
}

/// Show what a service said last.
#[derive(Clone, Debug)]
pub struct ServiceLog {
    /// Its name.
    pub service: String,
    /// How many lines of each of its units at most.
    pub lines: u32,
}

/// Services, as they were last asked for.
#[derive(Clone, Debug)]
pub struct ServicesView {
    /// What systemd said.
    pub services: Arc<Services>,
    /// When, by the machine's clock.
    pub as_of: SystemTime,
    /// Where they were asked.
    pub seen: Arc<Seen>,
}

operation!(
    ServiceList,
    "service_list",
    Some(Role::Viewer),
    ServicesView
);
operation!(
    ServiceGet,
    "service_get",
    Some(Role::Viewer),
    ServicesView,
    service
);
operation!(
    ServiceLog,
    "service_log",
    Some(Role::Viewer),
    Vec<LogLine>,
    service
);

/// The service of this name.
fn named(name: &str) -> Result<ServiceName, Error> {
    let found = name.parse::<ServiceName>();
    found.map_err(|err: NoSuchService| Refusal::from(err).into())
}

/// What was said last. Where nobody asked yet it is asked now.
async fn asked(app: &App) -> Result<ServicesView, Error> {
    let mut seen = app.seen();
    if seen.answers.services.is_none() {
        seen = app.ask(Question::Services).await?;
    }
    let (services, as_of) = known(&seen)?;
    Ok(ServicesView {
        services,
        as_of,
        seen,
    })
}

fn known(seen: &Seen) -> Result<(Arc<Services>, SystemTime), Error> {
    let asked = seen.answers.services.as_ref();
    let Asked { said, as_of } =
        asked.ok_or_else(|| Error::ServicesNotTold("nobody asked yet".to_owned()))?;
    match said {
        Ok(services) => Ok((Arc::clone(services), *as_of)),
        Err(why) => Err(Error::ServicesNotTold(why.clone())),
    }
}

impl Query for ServiceList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ServicesView, Error> {
        asked(app).await
    }
}

impl Query for ServiceGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ServicesView, Error> {
        named(&self.service)?;
        asked(app).await
    }
}

impl Query for ServiceLog {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<LogLine>, Error> {
        let service = named(&self.service)?;
        let lines = self.lines.clamp(1, LINES_MAX);
        let known = asked(app).await?.services;
        let units: Vec<_> = known.installed(service).map(|(unit, _)| unit).collect();
        let said = app.with_machine(move |it| {
            let mut all = Vec::new();
            for unit in units {
                all.extend(it.services.log(unit, lines)?);
            }
            all.sort_by_key(|it: &LogLine| it.at);
            Ok(all)
        });
        let said: Result<Vec<LogLine>, services::BackendError> = said.await?;
        said.map_err(|err| Error::ServicesNotTold(chain(&err)))
    }
}

/// A change of a service.
macro_rules! service_operation {
    ($(#[$doc:meta])* $type:ident $name:literal $role:ident $wish:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $type {
            /// The name of the service.
            pub service: String,
        }

        operation!($type, $name, Some(Role::$role), (), service);

        impl Change for $type {
            const LANE: Lane = Lane::Shares;

            fn asks(&self, _: &Seen) -> Vec<Question> {
                vec![Question::Services, Question::Sessions]
            }

            fn plan(&self, seen: &Seen) -> Result<Plan<AppStep>, Error> {
                planned(seen, &self.service, $wish)
            }

            fn etag(&self, _: &Seen) -> Option<String> {
                None
            }

            fn verify(&self, after: &Seen) -> Result<(), Error> {
                verified(after, &self.service, $wish)
            }
        }
    };
}

service_operation! {
    /// Have a service run.
    ServiceStart "service_start" Operator Wish::Start
}
service_operation! {
    /// Have a service not run.
    ServiceStop "service_stop" Admin Wish::Stop
}
service_operation! {
    /// End a service and start it anew.
    ServiceRestart "service_restart" Operator Wish::Restart
}
service_operation! {
    /// Have a service read its files again, without ending what it is at.
    ServiceReload "service_reload" Operator Wish::Reload
}
service_operation! {
    /// Have a service come with the machine.
    ServiceEnable "service_enable" Admin Wish::Enable
}
service_operation! {
    /// Have a service not come with the machine.
    ServiceDisable "service_disable" Admin Wish::Disable
}

fn planned(seen: &Seen, service: &str, wish: Wish) -> Result<Plan<AppStep>, Error> {
    let name = named(service)?;
    let (services, _) = known(seen)?;
    let sessions = seen.answers.sessions.as_ref();
    let sessions = sessions.and_then(|it| it.said.as_ref().ok());
    let wished = Wished {
        sessions: sessions.map(|it| it.of_service(name)),
        ..Wished::new(service, wish)
    };
    Ok(plan(&services, &wished)?.map(AppStep::Service))
}

fn verified(after: &Seen, service: &str, wish: Wish) -> Result<(), Error> {
    let (services, _) = known(after)?;
    // That a restart made a new process, systemd said itself: what was before is not here.
    let done = verify(&Services::default(), &services, named(service)?, wish);
    done.map_err(|err| Error::NotVerified(err.to_string()))
}
