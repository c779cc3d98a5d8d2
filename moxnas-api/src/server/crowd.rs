//! How many connections each client has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use super::Peer;
use crate::edges::{ClientKey, Network};

/// The clients of one listener. Bounded by the connections that it serves.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    /// 0: no limit.
    most: usize,
    /// Each of these stands for many clients.
    proxies: Arc<[Network]>,
    clients: Arc<Mutex<HashMap<ClientKey, Client>>>,
}

#[derive(Debug, Default)]
struct Client {
    connections: usize,
    /// Whether the log has it that some were refused.
    is_told: bool,
}

/// A connection that is counted, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    client: Option<ClientKey>,
}

impl Crowd {
    pub(super) fn new(most: usize, proxies: Arc<[Network]>) -> Crowd {
        let clients = Arc::default();
        Crowd {
            most,
            proxies,
            clients,
        }
    }

    /// Count a connection; `None` if its client has enough of them.
    pub(super) fn admit(&self, peer: Peer) -> Option<Place> {
        let Peer::Tcp(peer) = peer else {
            return Some(self.place(None));
        };
        let address = peer.ip();
        if self.most == 0 || self.proxies.iter().any(|it| it.contains(address)) {
            return Some(self.place(None));
        }
        let key = ClientKey::from(address);
        let mut clients = self.clients();
        let client = clients.entry(key).or_default();
        if client.connections >= self.most {
            if !client.is_told {
                let most = self.most;
                tracing::warn!(%address, most, "a client has too many connections");
            }
            client.is_told = true;
            return None;
        }
        client.connections += 1;
        drop(clients);
        Some(self.place(Some(key)))
    }

    fn place(&self, client: Option<ClientKey>) -> Place {
        let crowd = self.clone();
        Place { crowd, client }
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<ClientKey, Client>> {
        self.clients.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(key) = self.client else {
            return;
        };
        let mut clients = self.crowd.clients();
        if let Some(client) = clients.get_mut(&key) {
            client.connections -= 1;
            if client.connections == 0 {
                clients.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::Tcp(text.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn each_client_has_its_own_count_and_a_proxy_none() {
        let proxies = Arc::new(["10.0.0.0/8".parse().unwrap()]);
        let crowd = Crowd::new(2, proxies);
        let one = "192.0.2.1:1";
        let first = crowd.admit(peer(one)).unwrap();
        let second = crowd.admit(peer("192.0.2.1:2")).unwrap();
        assert!(crowd.admit(peer("192.0.2.1:3")).is_none());
        let other = crowd.admit(peer("192.0.2.2:1")).unwrap();
        let proxied: Vec<_> = (1..5)
            .map(|it| crowd.admit(peer(&format!("10.0.0.1:{it}"))).unwrap())
            .collect();
        drop(first);
        let third = crowd.admit(peer(one)).unwrap();
        assert!(crowd.admit(peer(one)).is_none());
        drop((second, third, other, proxied));
        assert!(crowd.clients().is_empty(), "nobody is remembered");
    }
}
