//! API keys: what programs show instead of logging in.
//!
//! A key is a login's right or less: it opens the operations its scopes cover, with at most its own
//! role and at most the one its owner has at that moment, from the networks it is allowed in, until
//! it expires or is ended. It never opens what would make it more ([`crate::operation::Keys`]).

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use data_encoding::BASE64URL_NOPAD;
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::{
    Auth, AuthError, Identity, Scope, Scopes, Seen, not_written,
    secret::{Secret, hex, random_bytes},
};
use crate::{
    actor::{Credential, Role, Via},
    store::{ApiKey, NewApiKey, OwnedKey},
};

/// Lets people and secret scanners see what it is.
pub(super) const PREFIX: &str = "mxk_";
const SHOWN: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const SHOWN_LENGTH: usize = 8;
/// Longest name of a key, in characters.
const NAME: usize = 64;
/// Scopes and networks a key may have.
const LISTED: usize = 64;

/// A key to be made.
#[derive(Clone, Debug)]
pub struct KeyWish {
    /// What its owner calls it.
    pub name: String,
    /// What it may at most; `None`: what its owner may at the time it is made.
    pub role: Option<Role>,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// Where it may be used from; empty: from everywhere.
    pub networks: Vec<IpNet>,
    /// When it ends by itself.
    pub expires_at: Option<SystemTime>,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct MadeKey {
    /// The key.
    pub key: OwnedKey,
    /// What is to be shown; kept nowhere.
    pub secret: Secret,
}

/// A key as it is checked.
#[derive(Debug)]
pub(super) struct KnownKey {
    owned: OwnedKey,
    scopes: Arc<Scopes>,
    networks: Vec<IpNet>,
}

impl Auth {
    /// Who shows this API key, at this moment, from this address.
    pub async fn authenticate_key(
        &self,
        text: &str,
        address: Option<&str>,
    ) -> Result<Identity, AuthError> {
        let now = self.0.clock.now();
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let name = hex(&hash);
        let seen = match self.0.known_keys.get(&name, now) {
            Ok(seen) => seen,
            Err(generation) => {
                let owned = self.0.store.api_key(&hash).await?;
                let owned = owned.ok_or(AuthError::KeyUnknown)?;
                let used_at = owned.key.last_used_at;
                let seen = Arc::new(Seen::new(KnownKey::new(owned), used_at));
                self.0.known_keys.learn(&name, &seen, now, generation);
                seen
            }
        };
        seen.state.check(address, now)?;
        let OwnedKey { key, owner } = &seen.state.owned;
        if seen.is_due(now) {
            let (auth, id, address) = (self.clone(), key.id, address.map(str::to_owned));
            tokio::spawn(async move {
                let store = &auth.0.store;
                not_written(store.touch_api_key(id, address.as_deref(), now).await);
            });
        }
        Ok(Identity {
            login: owner.id,
            username: owner.username.clone(),
            role: key.role.min(owner.role),
            via: Via::ApiKey { id: key.id },
            credential: Credential::ApiKey {
                login: owner.id,
                name: key.name.clone(),
                scopes: Arc::clone(&seen.state.scopes),
            },
        })
    }

    /// Make a key of a login.
    pub async fn create_key(&self, login: i64, wish: KeyWish) -> Result<MadeKey, AuthError> {
        let found = self.0.store.credentials_of(login).await?;
        let owner = found
            .ok_or_else(|| AuthError::NoSuchLogin(login.to_string()))?
            .login;
        let now = self.0.clock.now();
        let role = wish.role.unwrap_or(owner.role);
        check_wish(&wish, role, owner.role, now)?;
        let shown = Secret::random(SHOWN, SHOWN_LENGTH).map_err(AuthError::Random)?;
        let random = random_bytes::<32>().map_err(AuthError::Random)?;
        let prefix = format!("{PREFIX}{}", shown.expose());
        let secret = format!("{prefix}_{}", BASE64URL_NOPAD.encode(&random));
        let new = NewApiKey {
            login,
            name: wish.name.trim().to_owned(),
            prefix,
            hash: Sha256::digest(secret.as_bytes()).into(),
            role,
            scopes: wish.scopes.iter().map(Scope::to_string).collect(),
            networks: wish.networks.iter().map(IpNet::to_string).collect(),
            at: now,
            expires_at: wish.expires_at,
        };
        let mut write = self.0.store.begin_write().await?;
        let id = write.create_api_key(&new).await?;
        write.commit().await?;
        let key = ApiKey {
            id,
            name: new.name,
            prefix: new.prefix,
            role,
            scopes: new.scopes,
            networks: new.networks,
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
            last_used_from: None,
            revoked_at: None,
        };
        Ok(MadeKey {
            key: OwnedKey { key, owner },
            secret: secret.into(),
        })
    }

    /// End a key, of one login or whosever it is. Counts from the moment the call returns.
    pub async fn delete_key(&self, id: i64, of: Option<i64>) -> Result<(), AuthError> {
        let auth = self.clone();
        self.change(async move {
            let mut write = auth.0.store.begin_write().await?;
            let stood = write.revoke_api_key(id, of, auth.0.clock.now()).await?;
            write.commit().await?;
            match stood {
                true => Ok(()),
                false => Err(AuthError::NoSuchKey(id)),
            }
        })
        .await
    }
}

fn check_wish(
    wish: &KeyWish,
    role: Role,
    of_owner: Role,
    now: SystemTime,
) -> Result<(), AuthError> {
    let length = wish.name.trim().chars().count();
    if !(1..=NAME).contains(&length) || wish.name.chars().any(char::is_control) {
        return Err(AuthError::BadKey(format!(
            "its name has 1 to {NAME} characters"
        )));
    }
    if role > of_owner {
        return Err(AuthError::BadKey(format!(
            "its role cannot be {role}: its owner is {of_owner}"
        )));
    }
    if wish.expires_at.is_some_and(|at| at <= now) {
        return Err(AuthError::BadKey(
            "it would have expired already".to_owned(),
        ));
    }
    if wish.scopes.len() > LISTED || wish.networks.len() > LISTED {
        return Err(AuthError::BadKey(format!(
            "it has at most {LISTED} scopes and {LISTED} networks"
        )));
    }
    Ok(())
}

impl KnownKey {
    fn new(owned: OwnedKey) -> KnownKey {
        // What does not parse was written by somebody else, and opens nothing.
        let scopes = owned.key.scopes.iter().filter_map(|it| it.parse().ok());
        let networks = owned.key.networks.iter().map(|it| it.parse());
        KnownKey {
            scopes: Arc::new(Scopes(scopes.collect())),
            // An empty list would mean everywhere.
            networks: networks.map(|it| it.unwrap_or(NOWHERE)).collect(),
            owned,
        }
    }

    fn check(&self, address: Option<&str>, now: SystemTime) -> Result<(), AuthError> {
        let OwnedKey { key, owner } = &self.owned;
        if owner.disabled {
            return Err(AuthError::LoginDisabled);
        }
        if key.revoked_at.is_some() {
            return Err(AuthError::KeyRevoked);
        }
        if key.expires_at.is_some_and(|at| now >= at) {
            return Err(AuthError::KeyExpired);
        }
        if !self.networks.is_empty() && !is_within(&self.networks, address) {
            return Err(AuthError::KeyNetwork(
                address.unwrap_or("this machine").to_owned(),
            ));
        }
        Ok(())
    }
}

/// A network that no client is in.
const NOWHERE: IpNet = IpNet::V4(ipnet::Ipv4Net::new_assert(
    std::net::Ipv4Addr::BROADCAST,
    32,
));

fn is_within(networks: &[IpNet], address: Option<&str>) -> bool {
    let Some(address) = address.and_then(|it| it.parse::<IpAddr>().ok()) else {
        return false;
    };
    // A socket for both families shows addresses of IPv4 within IPv6.
    let address = address.to_canonical();
    networks.iter().any(|it| it.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (networks, address, within) in [
            (vec!["10.0.0.0/8"], Some("10.1.2.3"), true),
            (vec!["10.0.0.0/8"], Some("11.1.2.3"), false),
            (vec!["10.0.0.0/8"], Some("::ffff:10.1.2.3"), true),
            (
                vec!["10.0.0.1/32", "2001:db8::/32"],
                Some("2001:db8::1"),
                true,
            ),
            (vec!["2001:db8::/32"], Some("10.0.0.1"), false),
            (vec!["0.0.0.0/0"], None, false),
            (vec!["0.0.0.0/0"], Some("nonsense"), false),
        ] {
            let parsed: Vec<IpNet> = networks.iter().map(|it| it.parse().unwrap()).collect();
            assert_eq!(
                is_within(&parsed, address),
                within,
                "{networks:?} {address:?}"
            );
        }
    }
}
