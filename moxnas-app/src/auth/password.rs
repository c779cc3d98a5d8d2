//! How passwords are kept and checked.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        Error as HashError,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use tokio::sync::Semaphore;

use super::secret::{Secret, random_bytes};

/// Memory in KiB, passes and lanes: the first choice of the OWASP password storage cheat sheet
/// for argon2id, 20 ms on a small machine.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Blocks of 1 KiB in an allocation that glibc gives back when it is freed.
const RETURNED: usize = 33 * 1024;
/// Hashes at a time. Each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Callers that may wait for one; more are turned away at once, or a flood of guesses would be
/// answered in an hour and everybody else after it.
const WAITING: usize = 32;

/// A hash of nothing: its salt and output were written down, not computed. Unknown names are
/// checked against it so that they take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw\
                      $bm9ib2R5IGhhcyB0aGlzIHBhc3N3b3JkLCBldmVyLi4";

/// Hashes and checks passwords, a few at a time.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    /// How often argon2 was run: what a caller waits for.
    runs: Arc<AtomicU64>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            runs: Arc::default(),
        }
    }
}

impl Passwords {
    /// The PHC string to keep for a password.
    pub(super) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = Secret::from(password);
        self.run(move || hash(&password)).await
    }

    /// Whether the password is the one that `kept` was made from. Without one it never is, and
    /// finding out takes the same time.
    pub(super) async fn verify(
        &self,
        password: &str,
        kept: Option<String>,
    ) -> Result<bool, PasswordError> {
        let password = Secret::from(password);
        self.run(move || {
            let same = verify(&password, kept.as_deref().unwrap_or(NOBODY))?;
            Ok(same && kept.is_some())
        })
        .await
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.expect("this semaphore is never closed");
        self.runs.fetch_add(1, Ordering::Relaxed);
        // The permits go along: a caller that gives up does not stop the hashing.
        let done = tokio::task::spawn_blocking(move || {
            let _permits = (place, turn);
            work()
        });
        done.await
            .expect("hashing does not panic")
            .map_err(PasswordError::Hash)
    }
}

fn hash(password: &Secret) -> Result<String, HashError> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None)?;
    let salt = random_bytes::<{ Salt::RECOMMENDED_LENGTH }>().map_err(|_| HashError::RngFailure)?;
    let kept = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(argon2id(password, &salt, params)?),
    };
    Ok(kept.to_string())
}

fn verify(password: &Secret, kept: &str) -> Result<bool, HashError> {
    let kept = PasswordHash::new(kept)?;
    if kept.algorithm != ARGON2ID_IDENT || kept.version != Some(Version::V0x13.into()) {
        return Err(HashError::Algorithm);
    }
    let params = Params::try_from(&kept)?;
    let salt = kept.salt.ok_or(HashError::SaltInvalid)?;
    // Outputs are compared in constant time.
    Ok(kept.hash == Some(argon2id(password, &salt, params)?))
}

/// Not by `Argon2::hash_password`, which leaves the allocator with 19 MiB for every thread that
/// ever hashed: glibc keeps what was freed, unless it was more than 32 MiB, which goes back to the
/// kernel (`M_MMAP_THRESHOLD` in mallopt(3)). What is not touched costs nothing.
fn argon2id(password: &Secret, salt: &[u8], params: Params) -> Result<Output, HashError> {
    let blocks = params.m_cost() as usize;
    let mut memory = Vec::with_capacity(blocks.max(RETURNED));
    memory.resize(blocks, Block::new());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password.expose().as_bytes(),
        salt,
        &mut output,
        &mut memory[..],
    )?;
    Ok(Output::new(&output)?)
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting.
    #[error("too many passwords are being checked")]
    Busy,
    /// argon2 could not read a stored hash, or got no randomness for a new one.
    #[error("a password could not be hashed")]
    Hash(#[source] HashError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What makes an unknown name take as long as a known one.
    #[tokio::test]
    async fn the_hash_of_nobody_costs_what_others_cost() {
        let real = Passwords::default()
            .hash("correct horse battery")
            .await
            .unwrap();
        let (real, nobody) = (
            PasswordHash::new(&real).unwrap(),
            PasswordHash::new(NOBODY).unwrap(),
        );
        assert_eq!(real.algorithm, nobody.algorithm);
        assert_eq!(real.version, nobody.version);
        assert_eq!(real.params, nobody.params);
        assert_eq!(real.salt.unwrap().len(), nobody.salt.unwrap().len());
        assert_eq!(real.hash.unwrap().len(), nobody.hash.unwrap().len());
    }

    #[test]
    fn hashes_are_those_of_argon2() {
        use argon2::PasswordVerifier;
        let secret = Secret::from("correct horse battery");
        let kept = hash(&secret).unwrap();
        let theirs = |password: &str| {
            let read = PasswordHash::new(&kept).unwrap();
            Argon2::default()
                .verify_password(password.as_bytes(), &read)
                .is_ok()
        };
        assert!(theirs("correct horse battery") && !theirs("staple"));
        assert!(verify(&secret, &kept).unwrap() && !verify(&"staple".into(), &kept).unwrap());
        assert_ne!(hash(&secret).unwrap(), kept);
        for odd in [
            "",
            "$argon2id$",
            "$2b$12$abc",
            &kept.replace("id", "i"),
            &kept[..60],
        ] {
            assert!(verify(&secret, odd).is_err(), "{odd}");
        }
    }

    #[tokio::test]
    async fn a_flood_is_turned_away() {
        let passwords = Passwords::default();
        let _taken = passwords.places.acquire_many(34).await.unwrap();
        let answer = passwords.verify("correct horse battery", None).await;
        assert!(matches!(answer, Err(PasswordError::Busy)));
    }
}
