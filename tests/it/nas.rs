//! A whole NAS within the test: the REST interface over a simulated machine, with a login of each
//! role.

use std::{collections::BTreeMap, sync::Arc};

use moxnas_app::{App, Role, scenario::Scenario, settings::Settings, store::Record};
use poem::{
    Body, Endpoint, EndpointExt, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderMap, Method, StatusCode},
};
use serde_json::{Value, json};

/// The password of every login that a test makes.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Where arrays are.
pub(crate) const ARRAYS: &str = "/api/storage/arrays";

/// A NAS that is not there.
pub(crate) struct Nas {
    pub(crate) app: Arc<App>,
    endpoint: BoxEndpoint<'static, Response>,
    tokens: BTreeMap<Role, String>,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    token: Token,
}

/// What a request shows.
#[derive(Clone, Debug)]
enum Token {
    Of(Role),
    Text(String),
    None,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Nas {
    pub(crate) async fn start(scenario: &str) -> Nas {
        Nas::with(&Settings::simulated(Scenario::built_in(scenario).unwrap())).await
    }

    pub(crate) async fn with(settings: &Settings) -> Nas {
        Nas::of(App::start(settings).await.unwrap()).await
    }

    /// The job that was begun, once it stands so and, if it runs, has said what it does.
    pub(crate) async fn until_job(&self, begun: &Reply, state: &str) -> Value {
        let path = format!("/api/jobs/{}", begun.json()["id"].as_str().unwrap());
        for _ in 0..1000 {
            let job = self.ok(get(&path)).await;
            if job["state"] == state && (state != "running" || !job["message"].is_null()) {
                return job;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{:#}", self.ok(get(&path)).await);
    }

    /// The interface of an application, with a login of each role.
    pub(crate) async fn of(app: Arc<App>) -> Nas {
        let endpoint = moxnas_api::endpoint(Arc::clone(&app)).boxed();
        let mut nas = Nas {
            app,
            endpoint,
            tokens: BTreeMap::new(),
        };
        for role in Role::ALL {
            let name = format!("one-{role}");
            nas.app
                .auth
                .create_login(&name, role, PASSWORD)
                .await
                .unwrap();
            let tokens = nas.login(&name).await;
            nas.tokens
                .insert(role, tokens["token"].as_str().unwrap().to_owned());
        }
        nas
    }

    /// Log in as a client does.
    pub(crate) async fn login(&self, name: &str) -> Value {
        let body = json!({ "username": name, "password": PASSWORD });
        let reply = self.ask(post("/api/auth/login", body).nobody()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Reply {
        let response = self.endpoint.get_response(self.request(ask)).await;
        let (parts, body) = response.into_parts();
        let text = body.into_string().await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// An answer that may have no end.
    pub(crate) async fn open(&self, ask: Ask) -> Response {
        self.endpoint.get_response(self.request(ask)).await
    }

    fn request(&self, ask: Ask) -> Request {
        let Ask {
            method,
            path,
            headers,
            body,
            token,
        } = ask;
        let mut request = Request::builder().method(method).uri_str(path);
        let token = match token {
            Token::Of(role) => Some(self.tokens[&role].clone()),
            Token::Text(text) => Some(text),
            Token::None => None,
        };
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body.map_or_else(Body::empty, Body::from))
    }

    /// What an answer must say if all is well.
    pub(crate) async fn ok(&self, ask: Ask) -> Value {
        let what = format!("{ask:?}");
        let reply = self.ask(ask).await;
        assert!(reply.status.is_success(), "{what}: {}", reply.text);
        if reply.text.is_empty() {
            Value::Null
        } else {
            reply.json()
        }
    }

    /// Make a change the way that people do: plan it, agree, do it.
    pub(crate) async fn change(&self, operation: &str, path: Value, ask: Ask) -> Reply {
        let body: Option<Value> = ask
            .body
            .as_ref()
            .map(|it| serde_json::from_str(it).unwrap());
        let plan = json!({ "operation": operation, "path": path, "body": body });
        let plan = self.ok(post("/api/plans", plan)).await;
        self.ask(ask.header("X-Confirm-Plan", plan["fingerprint"].as_str().unwrap()))
            .await
    }

    /// On a machine without arrays: make something that loses data, which is refused with its plan
    /// and leaves everything alone, until the plan is agreed to.
    pub(crate) async fn made_when_agreed(&self, path: &str, wish: &Value, plan: &Value) -> Reply {
        let refused = self.ask(post(path, wish.clone())).await;
        let refused = refused.problem(428, "confirmation_required");
        assert_eq!(refused["plan"], *plan);
        let arrays = self.ok(get(ARRAYS)).await;
        assert_eq!(arrays["items"], json!([]), "nothing was done");
        let confirm = plan["fingerprint"].as_str().unwrap();
        let agreed = post(path, wish.clone()).header("X-Confirm-Plan", confirm);
        let made = self.ask(agreed).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made
    }

    /// Create an array of disks of the scenario `blank`, by the last digits of their serial numbers.
    pub(crate) async fn create(&self, name: &str, level: &str, disks: &[u32]) -> Reply {
        let wish = wish(name, level, disks);
        self.change("array_create", json!({}), post(ARRAYS, wish))
            .await
    }

    /// Let something go wrong.
    pub(crate) async fn fault(&self, fault: Value) {
        self.ok(post("/api/sim/faults", fault)).await;
    }

    /// Let time pass.
    pub(crate) async fn advance(&self, seconds: u64) {
        self.ok(post("/api/sim/clock", json!({ "seconds": seconds })))
            .await;
    }

    pub(crate) async fn audit(&self) -> Vec<Record> {
        self.app.store.audit(0, 10_000).await.unwrap()
    }
}

/// The body of a request for an array of disks of the scenario `blank`.
pub(crate) fn wish(name: &str, level: &str, disks: &[u32]) -> Value {
    let members: Vec<String> = disks.iter().map(|it| blank(*it)).collect();
    json!({ "name": name, "level": level, "members": members })
}

/// The serial number of a disk of the scenario `blank`.
pub(crate) fn blank(number: u32) -> String {
    format!("BLANK-{number:04}")
}

/// A `GET` by the admin.
pub(crate) fn get(path: impl Into<String>) -> Ask {
    bare(Method::GET, path)
}

/// A request without a body by the admin.
pub(crate) fn bare(method: Method, path: impl Into<String>) -> Ask {
    let path = path.into();
    Ask {
        method,
        path,
        headers: Vec::new(),
        body: None,
        token: Token::Of(Role::Admin),
    }
}

/// A `POST` by the admin.
pub(crate) fn post(path: impl Into<String>, body: Value) -> Ask {
    bare(Method::POST, path).json(&body)
}

impl Ask {
    /// The body, if it has one.
    pub(crate) fn body(&self) -> Option<Value> {
        let text = self.body.as_ref()?;
        Some(serde_json::from_str(text).unwrap())
    }

    pub(crate) fn json(self, body: &Value) -> Ask {
        self.text(&body.to_string())
            .header("Content-Type", "application/json")
    }

    /// One more field in the body.
    pub(crate) fn with(self, field: &str, value: Value) -> Ask {
        let mut body: Value = serde_json::from_str(self.body.as_deref().unwrap_or("{}")).unwrap();
        body[field] = value;
        self.json(&body)
    }

    /// A body of no type.
    pub(crate) fn text(mut self, body: &str) -> Ask {
        self.body = Some(body.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Ask {
        self.headers.retain(|(it, _)| *it != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn by(mut self, role: Role) -> Ask {
        self.token = Token::Of(role);
        self
    }

    /// With a token that the test brings.
    pub(crate) fn token(mut self, token: &str) -> Ask {
        self.token = Token::Text(token.to_owned());
        self
    }

    pub(crate) fn nobody(mut self) -> Ask {
        self.token = Token::None;
        self
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|err| panic!("{err}: {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|it| it.to_str().ok())
    }

    /// It is a problem, and a whole one: see RFC 9457 and the page about the REST contract.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(
            (self.status.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{problem:#}"
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(
            problem["title"],
            json!(self.status.canonical_reason().unwrap())
        );
        assert_eq!(problem["status"], status);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty(), "it says what is wrong: {problem:#}");
        assert!(
            problem["causes"].is_array() && problem["errors"].is_array(),
            "{problem:#}"
        );
        let id = problem["request_id"]
            .as_str()
            .expect("it can be found in the log");
        assert_eq!(self.header("x-request-id"), Some(id));
        assert!(
            self.header("x-moxnas-simulated").is_some(),
            "problems too are simulated ones"
        );
        let known = [
            "type",
            "title",
            "status",
            "code",
            "detail",
            "operation",
            "causes",
            "hint",
            "request_id",
            "errors",
            "plan",
        ];
        for member in problem.as_object().unwrap().keys() {
            assert!(
                known.contains(&member.as_str()),
                "{member} is not in the contract"
            );
        }
        problem
    }
}
