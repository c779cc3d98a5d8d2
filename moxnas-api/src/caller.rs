//! Who asks: a bearer of a token or an API key, a browser with a cookie, a process at the other end
//! of the Unix socket, or this very process.
//!
//! What was shown first in that order is what counts: a bad token is not rescued by a good cookie.

pub(crate) mod cookie;

use moxnas_app::{Actor, App, Credential, Error, Role, Via, auth::AuthError};
use poem::{Request, RequestBody, http::header::AUTHORIZATION};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{Shared, edges::ClientAddress, problem::Problem, server::Peer, stack::RequestId};

const SCHEME: &str = "Bearer";
const COOKIE_SCHEME: &str = "Cookie";
/// What API keys begin with.
const API_KEY: &str = "mxk_";

/// In the extensions of a request that never came over a wire: the caller, as whoever made the
/// request in this process says.
#[derive(Clone, Debug)]
pub struct InProcess(pub Actor);

/// Who asks: somebody. Where nobody may ask as well it is [`Anybody`].
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
}

impl Caller {
    async fn of(request: &Request, app: &App) -> Result<Caller, Error> {
        let request_id = request.extensions().get::<RequestId>();
        let request_id = request_id.map_or_else(String::new, ToString::to_string);
        if let Some(InProcess(actor)) = request.extensions().get() {
            let actor = Actor {
                request_id,
                ..actor.clone()
            };
            return Ok(Caller { actor });
        }
        let peer = request.extensions().get::<Peer>().copied();
        let address = address(request);
        // What was shown is what counts, on the socket too.
        if let Some(token) = bearer(request)? {
            let identity = match token.starts_with(API_KEY) {
                true => app.auth.authenticate_key(token, address.as_deref()).await?,
                false => app.auth.authenticate(token).await?,
            };
            let actor = identity.actor(address, request_id);
            return Ok(Caller { actor });
        }
        if let Some(text) = cookie::of(request) {
            let identity = app.auth.authenticate_cookie(text).await?;
            let actor = identity.actor(address, request_id);
            cookie::guard(request, &actor, &app.auth)?;
            return Ok(Caller { actor });
        }
        let actor = match peer {
            Some(Peer::Unix { uid, .. }) if is_owner(uid) => Actor {
                name: if uid == 0 {
                    "root".to_owned()
                } else {
                    format!("uid-{uid}")
                },
                role: Some(Role::Admin),
                via: Via::Socket { uid },
                address: None,
                request_id,
                credential: Credential::None,
            },
            _ => Actor {
                address,
                ..Actor::nobody(request_id)
            },
        };
        Ok(Caller { actor })
    }
}

fn address(request: &Request) -> Option<String> {
    let client = request.extensions().get::<ClientAddress>();
    client.map(|it| it.0.to_string())
}

/// Root, and whoever runs the service: both can do anything to it already.
fn is_owner(uid: u32) -> bool {
    uid == 0 || uid == nix::unistd::geteuid().as_raw()
}

fn bearer(request: &Request) -> Result<Option<&str>, Error> {
    let Some(value) = request.headers().get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|it| {
        let (scheme, token) = it.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    // Another scheme, such as a name and password, is no login here.
    token.map(Some).ok_or(Error::Auth(AuthError::SessionEnded))
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "The token of POST /api/auth/login, or an API key (`mxk_…`). Root on the Unix socket \
                 needs none.",
            ),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
        let scheme = MetaSecurityScheme {
            ty: "apiKey",
            description: Some(
                "For browsers: set by POST /api/auth/login with `cookie`, for twelve hours. What is \
                 not a GET needs the header X-CSRF-Token too, and must not come from another site \
                 (`csrf`). Not looked at beside an Authorization header.",
            ),
            name: Some(cookie::NAME),
            key_in: Some("cookie"),
            scheme: None,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(COOKIE_SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, COOKIE_SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Caller> {
        let app: &Shared = request.data().expect("the endpoint was made with an app");
        let caller = Caller::of(request, app).await.map_err(Problem::from)?;
        if caller.actor.role.is_none() {
            // Before anything that may be wrong with the request: strangers are told no more.
            return Err(Problem::from(Error::Unauthenticated).into());
        }
        Ok(caller)
    }
}

/// Who asks, where no login is needed: it is not in the document, and a stale token does no harm.
#[derive(Clone, Debug)]
pub struct Anybody(pub Actor);

impl<'a> ApiExtractor<'a> for Anybody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Anybody> {
        let app: &Shared = request.data().expect("the endpoint was made with an app");
        let request_id = request.extensions().get::<RequestId>();
        let nobody = || Actor {
            // Whoever shows a stale token has an address all the same.
            address: address(request),
            ..Actor::nobody(request_id.map_or_else(String::new, ToString::to_string))
        };
        let caller = Caller::of(request, app).await;
        Ok(Anybody(caller.map_or_else(|_| nobody(), |it| it.actor)))
    }
}
