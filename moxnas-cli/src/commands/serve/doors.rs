//! Where and how to listen.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use moxnas_api::{
    edges::{Edges, Hosts},
    server::{
        Limits, Server,
        tls::{Names, SelfMade, Source, Watch},
    },
};
use moxnas_app::settings::{ConfigFile, LISTEN, SOCKET, Tls};
use moxnas_core::clock::SystemClock;

use super::{env, refused};
use crate::{
    cli::{Global, Serve},
    failure::Failure,
};

/// Where and how to listen.
pub(super) struct Doors {
    listen: SocketAddr,
    certificate: Option<Certificate>,
    socket: Option<PathBuf>,
}

/// Where the certificate comes from.
enum Certificate {
    Given { certificate: PathBuf, key: PathBuf },
    SelfMade,
}

impl Doors {
    pub(super) fn new(global: &Global, serve: &Serve, file: &ConfigFile) -> Result<Doors, Failure> {
        let env_listen = env("MOXNAS_LISTEN").map(|it| {
            let bad = || format!("MOXNAS_LISTEN: {it:?} is no address and port");
            it.parse().map_err(|_| Failure::refused(bad()))
        });
        let listen = match (serve.listen, env_listen) {
            (Some(listen), _) => listen,
            (None, Some(listen)) => listen?,
            (None, None) => file
                .listen
                .unwrap_or_else(|| LISTEN.parse().expect("the constant is an address")),
        };
        let certificate = certificate(serve, file)?;
        let is_clear = certificate.is_none() && !listen.ip().is_loopback();
        if is_clear && !serve.insecure_http && !file.insecure_http {
            return Err(Failure::with_hint(
                format!("passwords and tokens would go over the network in the clear at {listen}"),
                "give it --tls self-signed, or --tls-cert and --tls-key, \
                 or --insecure-http if the network is safe",
            ));
        }
        let socket = global.socket.clone().or_else(|| file.socket.clone());
        // A simulated service must not stand where commands look for the real one.
        let usual = global.sim.is_none().then(|| PathBuf::from(SOCKET));
        Ok(Doors {
            listen,
            certificate,
            socket: socket.or(usual),
        })
    }

    /// The certificate that the service has or makes, if it is to speak TLS. One that it makes is
    /// kept in `data_dir`.
    pub(super) fn certificate(
        &self,
        data_dir: Option<&Path>,
        hosts: &Hosts,
    ) -> Result<Option<Watch>, Failure> {
        let source = match &self.certificate {
            None => return Ok(None),
            Some(Certificate::Given { certificate, key }) => Source::Given {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            Some(Certificate::SelfMade) => {
                let folder = data_dir.map(|it| it.join("tls"));
                let usual = Hosts::default();
                let names = Names::with(usual.names().chain(hosts.names()));
                Source::SelfMade(SelfMade::new(folder, names, Arc::new(SystemClock)))
            }
        };
        Watch::open(source).map(Some).map_err(refused)
    }

    /// Listen, with TLS if there is a certificate.
    pub(super) async fn open(
        self,
        limits: Limits,
        edges: &Edges,
        certificate: Option<&Watch>,
    ) -> Result<Server, Failure> {
        let mut server = Server::new(limits).behind(&edges.proxies);
        let bound = match certificate {
            Some(certificate) => server.bind_tls(self.listen, certificate.config()).await,
            None => server.bind_tcp(self.listen).await,
        };
        bound.map_err(refused)?;
        if let Some(socket) = &self.socket {
            prepare(socket)?;
            server.bind_unix(socket, 0o600).map_err(refused)?;
        }
        Ok(server)
    }
}

/// Options before the file; files that are named before a certificate that the service makes.
fn certificate(serve: &Serve, file: &ConfigFile) -> Result<Option<Certificate>, Failure> {
    if serve.tls.is_some() {
        return Ok(Some(Certificate::SelfMade));
    }
    let certificate = serve.tls_cert.as_ref().or(file.tls_cert.as_ref());
    let key = serve.tls_key.as_ref().or(file.tls_key.as_ref());
    match (certificate, key, file.tls) {
        (Some(certificate), Some(key), _) => Ok(Some(Certificate::Given {
            certificate: certificate.clone(),
            key: key.clone(),
        })),
        (None, None, Some(Tls::SelfSigned)) => Ok(Some(Certificate::SelfMade)),
        (None, None, None) => Ok(None),
        _ => Err(Failure::refused("TLS needs both a certificate and a key")),
    }
}

/// The folder of the socket.
fn prepare(socket: &Path) -> Result<(), Failure> {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)
        .map_err(|err| Failure::Broken(format!("{} cannot be made: {err}", folder.display())))
}
