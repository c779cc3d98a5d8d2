//! The names under which this service is reached.
//!
//! A page of another site can have its own name point at this machine and then count as the same
//! site for the browser (DNS rebinding). The browser still says that name in `Host`, so names that
//! are not this machine's are refused. An address is nobody's name and passes.

use std::{collections::BTreeSet, net::IpAddr};

use poem::{
    Request,
    http::{
        StatusCode, Version,
        header::HOST,
        uri::{Authority, InvalidUri},
    },
};

use crate::problem::Problem;

/// The host names that requests may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Whatever the request says.
    Any,
    /// Addresses, and these names, in small letters.
    Named(BTreeSet<String>),
}

/// A text is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host name: it is written without scheme, port and path")]
pub struct BadHost(String);

impl Default for Hosts {
    /// `localhost`, and this machine's name by itself, before its first dot, and under `.local`.
    fn default() -> Hosts {
        let mut names = BTreeSet::from(["localhost".to_owned()]);
        let machine = nix::unistd::gethostname().ok();
        if let Some(name) = machine.and_then(|it| it.into_string().ok()) {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let short = name.split('.').next().unwrap_or_default().to_owned();
            if !short.is_empty() {
                names.extend([format!("{short}.local"), short, name]);
            }
        }
        Hosts::Named(names)
    }
}

impl Hosts {
    /// The usual names and `more`; `*` among them stands for all.
    ///
    /// # Errors
    /// One of them is no host name.
    pub fn with<'a>(more: impl IntoIterator<Item = &'a str>) -> Result<Hosts, BadHost> {
        let mut hosts = Hosts::default();
        for text in more {
            let is_name = |it: u8| it.is_ascii_alphanumeric() || b"-._".contains(&it);
            if text == "*" {
                hosts = Hosts::Any;
            } else if text.is_empty() || !text.bytes().all(is_name) {
                return Err(BadHost(text.to_owned()));
            } else if let Hosts::Named(names) = &mut hosts {
                names.insert(text.trim_end_matches('.').to_ascii_lowercase());
            }
        }
        Ok(hosts)
    }

    /// The names, without addresses.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Hosts::Any => None,
            Hosts::Named(names) => Some(names),
        };
        names.into_iter().flatten().map(String::as_str)
    }

    /// Let pass what names this service.
    ///
    /// # Errors
    /// 400 `host_not_allowed`, or `invalid_request` if there is not one host.
    pub(super) fn check(&self, request: &Request) -> Result<(), Problem> {
        let unclear = || Problem::invalid("a request names its host, and once");
        let mut lines = request.headers().get_all(HOST).iter();
        let (line, another) = (lines.next(), lines.next());
        // In HTTP/2 the host stands here; in HTTP/1 a request to a proxy has it, too.
        let target = request.uri().authority();
        let needs_one = request.version() > Version::HTTP_10;
        if another.is_some() || (needs_one && line.is_none() && target.is_none()) {
            return Err(unclear());
        }
        let line = line.map(|it| it.as_bytes()).map(Authority::try_from);
        let line: Result<Option<Authority>, InvalidUri> = line.transpose();
        let line = line.map_err(|_| unclear())?;
        if target.into_iter().chain(&line).all(|it| self.allows(it)) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::BAD_REQUEST, "host_not_allowed")
            .detail("this service is not known under the host name of the request")
            .hint("if the name is right, add it to `allowed_hosts` in the settings"))
    }

    fn allows(&self, authority: &Authority) -> bool {
        let Hosts::Named(names) = self else {
            return true;
        };
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_address = bare.unwrap_or(host).parse::<IpAddr>().is_ok();
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        !authority.as_str().contains('@') && (is_address || names.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(hosts: &Hosts, host: &str) -> bool {
        let request = Request::builder().header(HOST, host).finish();
        hosts.check(&request).is_ok()
    }

    #[test]
    fn names_of_this_machine_and_addresses_are_allowed() {
        let hosts = Hosts::with(["NAS.example.com"]).unwrap();
        for host in [
            "localhost",
            "LocalHost:8000",
            "localhost.",
            "127.0.0.1",
            "192.0.2.1:8000",
            "[::1]",
            "[2001:db8::1]:8000",
            "nas.example.com",
            "nas.example.com.:443",
        ] {
            assert!(is_allowed(&hosts, host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "evil.nas.example.com",
            "nas.example.com.evil.org",
            "localhost:80@evil.org",
            "localhost@evil.org",
            "2130706433",
            "0x7f.1",
            "localhost, evil.org",
            "localhost/evil",
            ".",
        ] {
            assert!(!is_allowed(&hosts, host), "{host}");
        }
        assert!(is_allowed(&Hosts::with(["*"]).unwrap(), "example.com"));
    }

    #[test]
    fn the_machine_is_called_by_its_name() {
        let name = nix::unistd::gethostname().unwrap().into_string().unwrap();
        let short = name.split('.').next().unwrap();
        assert!(is_allowed(&Hosts::default(), &name));
        assert!(is_allowed(&Hosts::default(), &format!("{short}.local")));
    }

    #[test]
    fn a_request_names_its_host_once() {
        let refused = |request: Request| {
            let problem = Hosts::default().check(&request).unwrap_err();
            problem.details().code.clone()
        };
        assert_eq!(refused(Request::builder().finish()), "invalid_request");
        let mut twice = Request::builder().header(HOST, "localhost").finish();
        let value = twice.headers()[HOST].clone();
        twice.headers_mut().append(HOST, value);
        assert_eq!(refused(twice), "invalid_request");
        // The target of a request to a proxy is the host, and so is the header: both have to fit.
        let target = Request::builder()
            .uri_str("http://example.com/")
            .header(HOST, "localhost");
        assert_eq!(refused(target.finish()), "host_not_allowed");
        let old = Request::builder().version(Version::HTTP_10).finish();
        assert!(Hosts::default().check(&old).is_ok());
    }

    #[test]
    fn says_what_is_no_name() {
        for text in [
            "http://nas",
            "nas:8000",
            "nas/",
            "",
            "n as",
            "*.example.com",
        ] {
            let said = Hosts::with([text]).unwrap_err().to_string();
            assert!(
                said.starts_with(&format!("{text:?} is no host name")),
                "{said}"
            );
        }
    }
}
