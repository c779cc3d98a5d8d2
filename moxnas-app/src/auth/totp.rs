//! Codes that change with time (RFC 6238): HMAC-SHA-1, six digits, a step of 30 seconds, as every
//! authenticator app has it.

use std::time::SystemTime;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::secret::{Secret, random_bytes};

/// What SHA-1 gives, as RFC 4226 recommends.
const BYTES: usize = 20;
/// Seconds.
const STEP: u64 = 30;
const DIGITS: usize = 6;
/// Steps before and after the present one that count, for clocks that are not quite right.
const SLACK: u64 = 1;

/// A secret shared with an app.
pub(super) struct TotpSecret(Vec<u8>);

impl TotpSecret {
    pub(super) fn random() -> Result<TotpSecret, getrandom::Error> {
        Ok(TotpSecret(random_bytes::<BYTES>()?.to_vec()))
    }

    pub(super) fn of(bytes: Vec<u8>) -> TotpSecret {
        TotpSecret(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it.
    pub(super) fn base32(&self) -> Secret {
        BASE32_NOPAD.encode(&self.0).into()
    }

    /// The step around `now` whose code this is, the latest if there are two.
    pub(super) fn step_of(&self, code: &str, now: SystemTime) -> Option<u64> {
        let present = step(now);
        let near = present.saturating_sub(SLACK)..=present + SLACK;
        // All of them are looked at, whichever matches.
        near.fold(None, |found, step| {
            let matches = self
                .code(step)
                .bytes()
                .zip(code.bytes())
                .fold(code.len() ^ DIGITS, |odd, (a, b)| odd | usize::from(a ^ b));
            if matches == 0 { Some(step) } else { found }
        })
    }

    /// The code of a step (RFC 4226 5.3).
    pub(super) fn code(&self, step: u64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&step.to_be_bytes());
        let hash: [u8; 20] = mac.finalize().into_bytes().into();
        let at = usize::from(hash[19] & 0xf);
        let four = [hash[at], hash[at + 1], hash[at + 2], hash[at + 3]];
        let number = u32::from_be_bytes(four) & 0x7fff_ffff;
        format!("{:0DIGITS$}", number % 10u32.pow(DIGITS as u32))
    }
}

/// The number of the step that a moment belongs to.
pub(super) fn step(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / STEP
}

/// What an app reads from a picture:
/// <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>.
pub(super) fn url(secret: &Secret, issuer: &str, username: &str) -> Secret {
    let issuer = percent(issuer);
    let text = format!(
        "otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}",
        percent(username),
        secret.expose(),
    );
    text.into()
}

fn percent(text: &str) -> String {
    let keep = |it: u8| it.is_ascii_alphanumeric() || b"-._~".contains(&it);
    let one = |it: u8| match keep(it) {
        true => char::from(it).to_string(),
        false => format!("%{it:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn the_codes_of_the_standard() {
        let secret = TotpSecret::of(b"12345678901234567890".to_vec());
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(step(at(second))), code);
            assert_eq!(secret.step_of(code, at(second)), Some(second / 30));
            assert_eq!(secret.step_of(code, at(second + 30)), Some(second / 30));
            assert_eq!(secret.step_of(code, at(second + 60)), None);
            assert_eq!(secret.step_of(code, at(second - 30)), Some(second / 30));
        }
        for odd in [
            "",
            "2",
            "28708",
            "2870822",
            "aaaaaa",
            "\u{661}\u{662}\u{663}",
        ] {
            assert_eq!(secret.step_of(odd, at(59)), None, "{odd}");
        }
    }

    #[test]
    fn what_an_app_reads() {
        let secret = TotpSecret::of(b"12345678901234567890".to_vec());
        assert_eq!(
            url(&secret.base32(), "MoxNAS den 1", "ann").expose(),
            "otpauth://totp/MoxNAS%20den%201:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=MoxNAS%20den%201&algorithm=SHA1&digits=6&period=30"
        );
    }
}
