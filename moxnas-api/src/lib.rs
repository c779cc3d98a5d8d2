//! The REST interface of MoxNAS: bytes in, [`moxnas_app::App`], bytes out.
//!
//! [`endpoint`] is the whole interface as a poem endpoint, to be served by [`server::Server`],
//! mounted by another program, or called without a socket. [`spec`] is its OpenAPI document, which
//! needs no running machine.
//!
//! ```
//! use moxnas_app::{App, scenario::Scenario, settings::Settings};
//! use poem::{Endpoint, Request};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let settings = Settings::simulated(Scenario::built_in("sandbox")?);
//! let endpoint = moxnas_api::endpoint(App::start(&settings).await?);
//! let request = Request::builder().uri_str("/api/system/health").finish();
//! let response = endpoint.get_response(request).await;
//! assert_eq!(response.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it deliberately does not do: it decides nothing. A handler turns a request into an
//! operation and the answer into JSON.

pub mod cached;
pub mod caller;
pub mod edges;
pub mod input;
pub mod limit;
mod pages;
pub mod problem;
pub mod refuse;
pub mod routes;
pub mod server;
pub mod shape;
pub mod stack;
pub mod wire;

use std::{ops::Deref, sync::Arc};

use moxnas_app::App;
use poem::{
    Endpoint, EndpointExt, Request, Response, Route,
    endpoint::make_sync,
    http::{HeaderName, HeaderValue, Uri},
};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService};

use crate::{
    edges::Edges,
    routes::*,
    shape::{Shaped, document::complete},
};

/// Says in every answer of a simulated service that it is one, and which scenario.
pub const SIMULATED: HeaderName = HeaderName::from_static("x-moxnas-simulated");

/// What all handlers share.
#[derive(Clone)]
pub struct Shared {
    app: Arc<App>,
    pages: Arc<pages::Pages>,
}

impl Deref for Shared {
    type Target = Arc<App>;
    fn deref(&self) -> &Arc<App> {
        &self.app
    }
}

type Api = Shaped<(
    auth::Auth,
    users::Users,
    api_keys::ApiKeys,
    system::System,
    disks::Disks,
    expected::Expected,
    arrays::Arrays,
    arrays::Status,
    pools::Pools,
    datasets::Datasets,
    // A tuple has sixteen at most.
    (datasets::Snapshots, targets::Targets),
    plans::Plans,
    events::Events,
    jobs::Jobs,
    schedules::Schedules,
    (
        audit::Audit,
        shares::Shares,
        shares::SmbShares,
        shares::NfsShares,
        shares::FtpShares,
        shares::SftpShares,
        accounts::Accounts,
        accounts::Groups,
        services::Services,
        services::ShareSessions,
        access::Access,
    ),
)>;

const ABOUT: &str = "\
Manages a storage server: disks, md arrays, and what stands on them.

**Plans.** Every change can be planned first, at `POST /api/plans`. A change that loses data or \
redundancy has to be confirmed with the fingerprint of its plan in `X-Confirm-Plan`; without it \
the answer is 428 and carries the plan, and 409 when the machine changed since you looked.

**Access.** A session's token or an API key goes into `Authorization: Bearer …`. A browser may have \
a cookie instead, and then sends `X-CSRF-Token` with everything that is not a `GET`. What each \
role may is in `docs/access.md`.

**Errors** are `application/problem+json` with a stable `code`, the causes and, where there is \
one, a `hint`.

**Lists** answer `{\"items\": [...], \"next\": \"cursor\"}`; without `next` it is the last page.

**Units.** Sizes in bytes, times in UTC, temperatures in degrees Celsius, percentages 0 to 100. \
What is not known is left out, with a reason beside it, and never made up.";

fn service(simulated: Option<&str>) -> OpenApiService<Api, ()> {
    let api = Shaped((
        auth::Auth,
        users::Users,
        api_keys::ApiKeys,
        system::System,
        disks::Disks,
        expected::Expected,
        arrays::Arrays,
        arrays::Status,
        pools::Pools,
        datasets::Datasets,
        (datasets::Snapshots, targets::Targets),
        plans::Plans,
        events::Events,
        jobs::Jobs,
        schedules::Schedules,
        (
            audit::Audit,
            shares::Shares,
            shares::SmbShares,
            shares::NfsShares,
            shares::FtpShares,
            shares::SftpShares,
            accounts::Accounts,
            accounts::Groups,
            services::Services,
            services::ShareSessions,
            access::Access,
        ),
    ));
    let title = match simulated {
        Some(scenario) => format!("MoxNAS (SIMULATED: {scenario})"),
        None => "MoxNAS".to_owned(),
    };
    named(OpenApiService::new(api, title, env!("CARGO_PKG_VERSION")))
        .description(ABOUT)
        .server("/api")
}

fn simulation() -> OpenApiService<Shaped<simulation::Simulation>, ()> {
    let api = Shaped(simulation::Simulation);
    let title = "MoxNAS simulation";
    named(OpenApiService::new(api, title, env!("CARGO_PKG_VERSION")))
        .description("Only in a simulated service: faults and the clock.")
        .server("/api/sim")
}

/// With whose it is, and what may be done with it.
fn named<T>(service: OpenApiService<T, ()>) -> OpenApiService<T, ()> {
    let home = env!("CARGO_PKG_REPOSITORY");
    let license = LicenseObject::new(env!("CARGO_PKG_LICENSE"));
    service
        .contact(ContactObject::new().name("MoxNAS").url(home))
        .license(license.url(format!("{home}/blob/main/LICENSE-APACHE")))
}

/// The OpenAPI document. The same on every machine.
#[must_use]
pub fn spec() -> String {
    complete(&service(None).spec())
}

/// The OpenAPI document of `/api/sim`, which only a simulated service has.
#[must_use]
pub fn simulation_spec() -> String {
    complete(&simulation().spec())
}

/// The whole interface with the usual [`Edges`]. Keeps the snapshot of the machine fresh as long as
/// it lives, so it must be made within a tokio runtime.
pub fn endpoint(app: Arc<App>) -> impl Endpoint<Output = Response> + 'static {
    endpoint_within(app, Edges::default())
}

/// The whole interface, as [`endpoint`], for the clients that `edges` let in.
pub fn endpoint_within(app: Arc<App>, edges: Edges) -> impl Endpoint<Output = Response> + 'static {
    moxnas_app::loops::keep_looking(&app);
    moxnas_app::loops::keep_audit_marked(&app);
    moxnas_app::loops::keep_forwarding(&app);
    let simulated = app.simulation.as_ref().map(|it| it.scenario.clone());
    let api = service(simulated.as_deref());
    let docs = stack::docs(page(&api.swagger_ui_html(), simulated.as_deref()));
    let json = document(complete(&api.spec()));
    let mut site = Route::new()
        .nest("/api", api)
        .at("/api/docs", docs)
        .at("/api/openapi.json", json);
    if simulated.is_some() {
        let simulation = simulation();
        let json = document(complete(&simulation.spec()));
        site = site
            .nest("/api/sim", simulation)
            .at("/api/sim/openapi.json", json);
    }
    let shared = Shared {
        app,
        pages: Arc::default(),
    };
    let value = simulated.and_then(|it| HeaderValue::from_str(&it).ok());
    let site = site
        .data(shared)
        .before(async |request| Ok(known_elsewhere(request)));
    stack::compose(site, edges).after(move |result| {
        let value = value.clone();
        async move {
            let mut response: Response = result?;
            if let Some(value) = value {
                response.headers_mut().insert(SIMULATED, value);
            }
            Ok(response)
        }
    })
}

/// What poem-openapi's page lacks: a name, a doctype, and, where people look at a simulated machine,
/// that nothing on it is real.
fn page(html: &str, simulated: Option<&str>) -> String {
    // Scripts within the page hold pieces of HTML too, so the places are looked for from the outside.
    let html = html
        .trim_start()
        .replacen("<title>Swagger UI<", "<title>MoxNAS<", 1);
    let body = html.rfind("<body>").map_or(0, |at| at + "<body>".len());
    let banner = simulated.map(|scenario| {
        let scenario = scenario.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            "<style>html{{scroll-padding-top:40px}}#simulated{{position:sticky;top:0;z-index:9;\
             margin:-8px -8px 0;padding:8px;text-align:center;background:#b45309;color:#fff;\
             font:bold 16px sans-serif}}</style><div id=\"simulated\">\
             SIMULATED MACHINE ({scenario}): no disk here is real</div>"
        )
    });
    let (head, rest) = html.split_at(body);
    format!(
        "<!DOCTYPE html>\n{head}{}{rest}",
        banner.unwrap_or_default()
    )
}

fn document(text: String) -> poem::RouteMethod {
    let text = bytes::Bytes::from(text);
    shape::get_only(make_sync(move |_| {
        Response::builder()
            .content_type(shape::JSON)
            .body(text.clone())
    }))
}

/// Clients of the earlier systems ask for `/health`.
fn known_elsewhere(mut request: Request) -> Request {
    if request.uri().path() == "/health" {
        *request.uri_mut() = Uri::from_static("/api/system/health");
    }
    request
}
