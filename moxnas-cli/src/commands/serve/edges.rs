//! What the settings say about clients of the network, in the words of the interface.

use std::time::Duration;

use moxnas_api::{
    edges::{Edges, Hosts, Network, Origins, Rates},
    limit::BodyLimit,
    server::Limits,
};
use moxnas_app::settings::{self, ConfigFile, Within};

use super::env;
use crate::failure::Failure;

/// Who may ask for what, and how often.
pub(super) fn edges(file: &ConfigFile) -> Result<Edges, Failure> {
    let proxies = list("TRUSTED_PROXIES", &file.trusted_proxies);
    let hosts = list("ALLOWED_HOSTS", &file.allowed_hosts);
    let origins = list("CORS_ORIGINS", &file.cors_origins);
    let proxies = proxies.iter().map(|it| it.parse::<Network>());
    let settings::Limits {
        body_bytes,
        header_seconds: _,
        connections: _,
        connections_per_client: _,
        requests_per_second,
        auth_requests_per_second,
    } = file.limits;
    Ok(Edges {
        body: BodyLimit {
            bytes: body_bytes.get(),
            ..BodyLimit::default()
        },
        rates: Rates {
            api: narrow(requests_per_second),
            auth: narrow(auth_requests_per_second),
        },
        proxies: proxies
            .collect::<Result<_, _>>()
            .map_err(refused("trusted_proxies"))?,
        hosts: Hosts::with(hosts.iter().map(String::as_str)).map_err(refused("allowed_hosts"))?,
        origins: Origins::new(origins.iter().map(String::as_str))
            .map_err(refused("cors_origins"))?,
    })
}

/// What a connection may take.
pub(super) fn limits(file: &ConfigFile) -> Limits {
    Limits {
        connections: narrow(file.limits.connections),
        connections_per_client: narrow(file.limits.connections_per_client),
        headers: Duration::from_secs(file.limits.header_seconds.get()),
        ..Limits::default()
    }
}

/// What the environment lists, or else the file.
fn list(name: &str, file: &[String]) -> Vec<String> {
    match env(name) {
        Some(text) => {
            let listed = text.split(',').map(str::trim).filter(|it| !it.is_empty());
            listed.map(str::to_owned).collect()
        }
        None => file.to_owned(),
    }
}

fn narrow<T: TryFrom<u64>, const LEAST: u64, const MOST: u64>(number: Within<LEAST, MOST>) -> T {
    let number = T::try_from(number.get()).ok();
    number.expect("the bounds of the settings fit into 32 bits")
}

fn refused<E: std::error::Error>(setting: &'static str) -> impl Fn(E) -> Failure {
    move |err| Failure::refused(format!("{setting}: {err}"))
}
