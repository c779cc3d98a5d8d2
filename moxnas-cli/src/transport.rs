//! How a request reaches the interface: over HTTP, over the Unix socket, or within this process.
//! The same bytes each way.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use moxnas_api::{caller::InProcess, problem::Details, refuse::CONFIRM};
use moxnas_app::{
    App, Role,
    scenario::Scenario,
    settings::{AuditSettings, DATA_DIR, LOCK, Pace, Right, SOCKET, Settings},
    store::DatabaseUrl,
};
use poem::{Endpoint, Request, Response, endpoint::BoxEndpoint, http::Method};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::Value;

use crate::{cli::Global, commands::share_files::places, failure::Failure, session::Session};

/// Reaches the interface.
pub(crate) struct Transport {
    way: Way,
    /// What the service calls its scenario, once it has said that it is simulated.
    simulated: std::sync::Mutex<Option<String>>,
}

enum Way {
    Http {
        client: reqwest::Client,
        base: String,
        token: Option<String>,
    },
    InProcess {
        endpoint: BoxEndpoint<'static, Response>,
        role: Role,
        is_simulated: bool,
    },
}

/// A request.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    pub(crate) confirm: Option<String>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Ask {
        Ask {
            method: Method::GET,
            path: path.into(),
            body: None,
            confirm: None,
        }
    }

    pub(crate) fn with_body(method: Method, path: impl Into<String>, body: &impl ToJSON) -> Ask {
        Ask {
            method,
            path: path.into(),
            body: body.to_json(),
            confirm: None,
        }
    }

    pub(crate) fn bare(method: Method, path: impl Into<String>) -> Ask {
        Ask {
            method,
            path: path.into(),
            body: None,
            confirm: None,
        }
    }
}

/// One part of a path, which may hold anything a person types.
pub(crate) fn segment(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let encoded = text
        .bytes()
        .map(|byte| match keep(byte) && text != "." && text != ".." {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        });
    encoded.collect()
}

impl Transport {
    /// Have the pools asked what is in them, where no service does it by itself. What is not known
    /// afterwards is said by whoever needs it.
    pub(crate) async fn know_pools(&self) {
        if let Way::InProcess { .. } = self.way {
            let ask = Ask::get("/api/storage/datasets?fresh=true&limit=1");
            drop(self.raw(&ask).await);
        }
    }

    /// The way that the options ask for.
    pub(crate) async fn open(global: &Global) -> Result<Transport, Failure> {
        let socket = global
            .socket
            .clone()
            .unwrap_or_else(|| PathBuf::from(SOCKET));
        let way = if let Some(server) = &global.server {
            Way::http(server, global.cacert.as_deref())?
        } else if let Some(scenario) = &global.sim {
            let scenario = Scenario::load(scenario).map_err(|err| broken_start(&err.into()))?;
            Way::in_process(&Settings::simulated(scenario), Role::Admin).await?
        } else if global.local {
            Way::local(&socket).await?
        } else if global.socket.is_some() || UnixStream::connect(&socket).is_ok() {
            Way::unix(&socket)?
        } else {
            Way::local(&socket).await?
        };
        Ok(Transport {
            way,
            simulated: std::sync::Mutex::default(),
        })
    }

    /// The service that a session would belong to, if it is reached over HTTP.
    pub(crate) fn server(&self) -> Option<&str> {
        match &self.way {
            Way::Http { base, .. } if base != UNIX_BASE => Some(base),
            _ => None,
        }
    }

    /// Whether all that is begun ends with this process: a simulated machine of its own.
    pub(crate) fn is_forgotten(&self) -> bool {
        matches!(
            &self.way,
            Way::InProcess {
                is_simulated: true,
                ..
            }
        )
    }

    /// The scenario, if the service said that its machine is simulated.
    pub(crate) fn simulated(&self) -> Option<String> {
        self.simulated
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// Ask, and read the answer.
    pub(crate) async fn send<T: ParseFromJSON>(&self, ask: &Ask) -> Result<T, Failure> {
        let text = self.raw(ask).await?;
        T::parse_from_json_string(&text).map_err(|err| {
            Failure::Broken(format!("the answer is not understood: {}", err.message()))
        })
    }

    /// Ask, and take the text of the answer.
    pub(crate) async fn raw(&self, ask: &Ask) -> Result<String, Failure> {
        let (status, simulated, text) = match &self.way {
            Way::Http {
                client,
                base,
                token,
            } => {
                let mut answer = http(client, base, token.as_deref(), ask).await?;
                if answer.0 == 401
                    && token.is_none()
                    && let Some(token) = renewed(client, base).await
                {
                    answer = http(client, base, Some(&token), ask).await?;
                }
                answer
            }
            Way::InProcess { endpoint, role, .. } => in_process(endpoint, *role, ask).await?,
        };
        if simulated.is_some() {
            *self
                .simulated
                .lock()
                .expect("no holder of this lock panics") = simulated;
        }
        if (200..300).contains(&status) {
            return Ok(text);
        }
        let problem = Details::parse_from_json_string(&text);
        Err(match problem {
            Ok(problem) => Failure::Problem(Box::new(problem)),
            Err(_) => Failure::Broken(format!("the service answered {status} and no problem")),
        })
    }
}

type Answer = (u16, Option<String>, String);

/// Over a socket the host does not matter.
const UNIX_BASE: &str = "http://moxnas";

impl Way {
    fn http(server: &str, cacert: Option<&Path>) -> Result<Way, Failure> {
        let base = server.trim_end_matches('/').to_owned();
        let mut client = reqwest::Client::builder();
        if let Some(path) = cacert {
            let read = std::fs::read(path).map_err(|err| err.to_string());
            let bundle = read.and_then(|pem| {
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|err| err.to_string())
            });
            let all = bundle.map_err(|err| {
                Failure::refused(format!("{} cannot be used: {err}", path.display()))
            })?;
            client = client.tls_certs_only(all);
        }
        let client = client.build().map_err(|err| Failure::Broken(chain(&err)))?;
        let token = std::env::var("MOXNAS_TOKEN")
            .ok()
            .filter(|it| !it.is_empty());
        Ok(Way::Http {
            client,
            base,
            token,
        })
    }

    fn unix(socket: &Path) -> Result<Way, Failure> {
        let client = reqwest::Client::builder()
            .unix_socket(socket.to_owned())
            .build();
        let client = client.map_err(|err| Failure::Broken(chain(&err)))?;
        let token = std::env::var("MOXNAS_TOKEN")
            .ok()
            .filter(|it| !it.is_empty());
        Ok(Way::Http {
            client,
            base: UNIX_BASE.to_owned(),
            token,
        })
    }

    /// The work is done in this process. Root may change the machine unless a service does;
    /// others may look.
    async fn local(socket: &Path) -> Result<Way, Failure> {
        let is_root = nix::unistd::geteuid().is_root();
        let data = Path::new(DATA_DIR);
        let right = match (service_runs(socket), is_root) {
            (true, _) => Right::ServiceRuns(socket.to_owned()),
            (false, true) => Right::Change(PathBuf::from(LOCK)),
            (false, false) => Right::NotRoot,
        };
        let keeps = matches!(right, Right::Change(_));
        let settings = Settings {
            scenario: None,
            database: if keeps {
                DatabaseUrl::in_folder(data)
            } else {
                DatabaseUrl::Memory
            },
            data_dir: keeps.then(|| data.to_owned()),
            admin_password: None,
            right,
            pace: Pace::Usual,
            audit: AuditSettings::default(),
            places: places(),
        };
        let role = if is_root { Role::Admin } else { Role::Viewer };
        // Whoever may not change the machine is told so by the lock, not by the role.
        let role = if keeps { role } else { Role::Admin };
        Way::in_process(&settings, role).await
    }

    async fn in_process(settings: &Settings, role: Role) -> Result<Way, Failure> {
        let app: Arc<App> = App::start(settings).await.map_err(|err| match err {
            moxnas_app::app::StartError::App(err) => broken_start(&err),
            other => Failure::Broken(chain(&other)),
        })?;
        let endpoint = moxnas_api::endpoint(app);
        Ok(Way::InProcess {
            endpoint: poem::EndpointExt::boxed(endpoint),
            role,
            is_simulated: settings.scenario.is_some(),
        })
    }
}

/// Whether something answers on the socket, or would answer somebody with more rights.
fn service_runs(socket: &Path) -> bool {
    match UnixStream::connect(socket) {
        Ok(_) => true,
        Err(err) => err.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

fn broken_start(err: &moxnas_app::Error) -> Failure {
    let message = chain(err);
    match (err.hint(), err.kind()) {
        (hint, moxnas_app::Kind::Invalid | moxnas_app::Kind::Conflict) => {
            Failure::Refused { message, hint }
        }
        _ => Failure::Broken(message),
    }
}

async fn http(
    client: &reqwest::Client,
    base: &str,
    token: Option<&str>,
    ask: &Ask,
) -> Result<Answer, Failure> {
    let mut request = client.request(ask.method.clone(), format!("{base}{}", ask.path));
    let kept = || Session::with(base).map(|it| it.token);
    if let Some(token) = token.map(str::to_owned).or_else(kept) {
        request = request.bearer_auth(token);
    }
    if let Some(confirm) = &ask.confirm {
        request = request.header(CONFIRM, confirm);
    }
    if let Some(body) = &ask.body {
        request = request.json(body);
    }
    let unreachable = |err: reqwest::Error| match err.is_connect() {
        true => Failure::Broken(format!("no service answers at {base}: {}", chain(&err))),
        false => Failure::Broken(chain(&err)),
    };
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let simulated = response.headers().get(moxnas_api::SIMULATED);
    let simulated = simulated.and_then(|it| it.to_str().ok()).map(str::to_owned);
    let text = response
        .text()
        .await
        .map_err(|err| Failure::Broken(chain(&err)))?;
    Ok((status, simulated, text))
}

/// The next access token of the kept session, if it goes on.
async fn renewed(client: &reqwest::Client, base: &str) -> Option<String> {
    use moxnas_api::wire::auth::{Refresh, Tokens};
    let session = Session::with(base)?;
    let body = Refresh {
        refresh_token: session.refresh_token,
    };
    let ask = Ask::with_body(Method::POST, "/api/auth/refresh", &body);
    let (status, _, text) = http(client, base, Some(""), &ask).await.ok()?;
    let tokens = Tokens::parse_from_json_string(&text)
        .ok()
        .filter(|_| status == 200)?;
    let Tokens {
        token,
        refresh_token,
        ..
    } = tokens;
    let session = Session {
        server: base.to_owned(),
        token: token.clone(),
        refresh_token,
    };
    // Not kept: this command works, the next one asks to log in.
    let _ = session.keep();
    Some(token)
}

async fn in_process(
    endpoint: &BoxEndpoint<'static, Response>,
    role: Role,
    ask: &Ask,
) -> Result<Answer, Failure> {
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri_str(&ask.path)
        .extension(InProcess(moxnas_app::Actor {
            role: Some(role),
            ..App::this_process("")
        }));
    if let Some(confirm) = &ask.confirm {
        request = request.header(CONFIRM, confirm);
    }
    let request = match &ask.body {
        Some(body) => request
            .content_type("application/json")
            .body(body.to_string()),
        None => request.finish(),
    };
    let response = endpoint.get_response(request).await;
    let status = response.status().as_u16();
    let simulated = response.header(moxnas_api::SIMULATED).map(str::to_owned);
    let text = response.into_body().into_string().await;
    let text = text.map_err(|err| Failure::Broken(chain(&err)))?;
    Ok((status, simulated, text))
}

fn chain(err: &dyn std::error::Error) -> String {
    moxnas_core::chain::chain(err)
}
