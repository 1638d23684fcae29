//! Secrets: 256 random bits, of which only a digest is kept.
//!
//! The digest is SHA-256, without salt and without the slowness that passwords need: a slow hash makes each guess at a secret that
//! people chose expensive, but nobody guesses 256 random bits, however fast each attempt is. What a slow hash would do is let
//! strangers spend the gateway's CPU.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use titan_sdk::digest::{hex, unhex};

/// What is kept of a secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Of a secret as it was shown.
    pub(super) fn of(secret: &[u8]) -> Digest {
        Digest(Sha256::digest(secret).into())
    }

    /// From the store.
    pub(super) fn from_hex(text: &str) -> Option<Digest> {
        unhex(text).map(Digest)
    }

    /// For the store.
    pub(super) fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl ConstantTimeEq for Digest {
    fn ct_eq(&self, other: &Digest) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// A new secret. The prefix says what it is for, to people and to scanners that look for secrets in public places.
///
/// # Errors
/// The system has no random numbers.
pub(super) fn generate(prefix: &str) -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{prefix}_{}", hex(&bytes)))
}

/// The secret in `Authorization: Bearer SECRET`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, secret) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| secret.trim_ascii())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_differ_and_are_known_by_their_digest() {
        let [first, second] = [(); 2].map(|()| generate("titan_token").unwrap());
        assert!(first.starts_with("titan_token_") && first.len() == "titan_token_".len() + 64);
        let kept = Digest::from_hex(&Digest::of(first.as_bytes()).to_hex()).unwrap();
        assert!(bool::from(kept.ct_eq(&Digest::of(first.as_bytes()))));
        assert!(!bool::from(kept.ct_eq(&Digest::of(second.as_bytes()))));
        assert!(Digest::from_hex("no digest").is_none());
    }

    #[test]
    fn a_bearer_token_is_read_from_its_header() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(|secret| String::from_utf8(secret.to_vec()).unwrap())
        };
        for value in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(read(value).as_deref(), Some("abc"), "{value:?}");
        }
        for value in ["", "abc", "Basic abc", "Bearer", "Bearerabc"] {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read(value: Vec<u8>, secret in "[!-~]{1,80}") {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                bearer(&HeaderMap::from_iter([(AUTHORIZATION, value)]));
            }
            let value = HeaderValue::try_from(format!("Bearer {secret}")).unwrap();
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            prop_assert_eq!(bearer(&headers), Some(secret.as_bytes()));
        }
    }
}
