//! Signatures of bundles: who vouches for what a gateway is asked to run.
//!
//! What is signed is the bundle's `manifest.json`, byte for byte. It names the service, the engine and the configuration, and holds
//! the length and the SHA-256 of every part, so a signature covers the whole bundle. The signed message is the text
//!
//! ```text
//! titan bundle signature v1
//! sha256:<SHA-256 of manifest.json in lower-case hexadecimal>
//! ```
//!
//! each line ended by a line feed. The first line keeps a signature from meaning anything elsewhere. The signature is plain Ed25519
//! (RFC 8032) and travels as `signature.json`, the archive's second entry. Keys are PEM as OpenSSL writes them: PKCS#8 for the
//! private key, SubjectPublicKeyInfo for the public one, whose SHA-256 is the key's id.

use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes, spki::der::pem::LineEnding,
};
use ed25519_dalek::{SIGNATURE_LENGTH, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::digest::{hex, sha256_hex, unhex};
use crate::manifest::Manifest;

/// A manifest as it was signed, and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// `manifest.json`, byte for byte.
    pub manifest: String,
    /// What vouches for it.
    pub signature: Signature,
}

/// The content of `signature.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Id of the key that signed.
    pub key: String,
    /// The Ed25519 signature in lower-case hexadecimal.
    pub ed25519: String,
}

/// A key that signs.
pub struct PrivateKey(SigningKey);

/// A key that tells what its private key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Trust(Vec<PublicKey>);

/// Why a bundle is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error(
        "the bundle of {0:?} is not signed, and this gateway takes signed ones only: sign it with 'titan deploy --sign KEY'"
    )]
    Unsigned(String),
    /// The key is none of those that count.
    #[error(
        "the bundle is signed by the key {0:?}, which this gateway does not trust: sign it with a key that it trusts"
    )]
    Untrusted(String),
    /// The signature is another manifest's.
    #[error("the bundle of {0:?} was altered after it was signed: sign it anew")]
    Altered(String),
    /// It was signed under another service's name.
    #[error("the bundle was signed for the service {signed:?}, not for {service:?}: sign it under that name (--name)")]
    Service {
        /// The name that was signed.
        signed: String,
        /// The name it was to get.
        service: String,
    },
    /// Not a key in PEM.
    #[error("it is no {0} in PEM: 'titan keygen' makes a pair")]
    Key(&'static str),
    /// The system has no random numbers.
    #[error("the system has no random numbers ({0}): check that the getrandom system call is allowed")]
    Random(getrandom::Error),
}

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<PrivateKey, SignatureError> {
        let mut seed = [0; ed25519_dalek::SECRET_KEY_LENGTH];
        getrandom::fill(&mut seed).map_err(SignatureError::Random)?;
        Ok(PrivateKey(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key in PKCS#8 PEM.
    ///
    /// # Errors
    /// A text that is none.
    pub fn from_pem(pem: &str) -> Result<PrivateKey, SignatureError> {
        SigningKey::from_pkcs8_pem(pem).map(PrivateKey).map_err(|_| SignatureError::Key("Ed25519 private key"))
    }

    /// The key in PKCS#8 PEM.
    ///
    /// # Errors
    /// None that a key which exists can meet.
    pub fn to_pem(&self) -> Result<String, SignatureError> {
        // Without the public key it is the form that OpenSSL reads too.
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF).map_err(|_| SignatureError::Key("Ed25519 private key"))?;
        Ok(pem.to_string())
    }

    /// Its other half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a manifest in the bytes it travels in.
    pub(crate) fn sign(&self, manifest: String) -> Signed {
        let ed25519 = hex(&self.0.sign(message(&manifest).as_bytes()).to_bytes());
        Signed { manifest, signature: Signature { key: self.public().id(), ed25519 } }
    }
}

impl PublicKey {
    /// Reads a key in SubjectPublicKeyInfo PEM.
    ///
    /// # Errors
    /// A text that is none.
    pub fn from_pem(pem: &str) -> Result<PublicKey, SignatureError> {
        VerifyingKey::from_public_key_pem(pem).map(PublicKey).map_err(|_| SignatureError::Key("Ed25519 public key"))
    }

    /// The key in SubjectPublicKeyInfo PEM.
    ///
    /// # Errors
    /// None that a key which exists can meet.
    pub fn to_pem(&self) -> Result<String, SignatureError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| SignatureError::Key("Ed25519 public key"))
    }

    /// SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal.
    pub fn id(&self) -> String {
        // Encoding 32 bytes into a structure of fixed form does not fail.
        self.0.to_public_key_der().map(|der| sha256_hex(der.as_bytes())).unwrap_or_default()
    }
}

impl Trust {
    /// Trust in these keys. Without any, every bundle is trusted.
    pub fn new(keys: Vec<PublicKey>) -> Trust {
        Trust(keys)
    }

    /// Whether unsigned bundles are refused.
    pub fn is_required(&self) -> bool {
        !self.0.is_empty()
    }

    /// Checks that a trusted key vouches for `manifest`.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn check(&self, manifest: &Manifest, signed: Option<&Signed>) -> Result<(), SignatureError> {
        if !self.is_required() {
            return Ok(());
        }
        let Signed { manifest: text, signature } =
            signed.ok_or_else(|| SignatureError::Unsigned(manifest.service.clone()))?;
        let altered = || SignatureError::Altered(manifest.service.clone());
        let key = self.0.iter().find(|key| key.id() == signature.key);
        let key = key.ok_or_else(|| SignatureError::Untrusted(signature.key.clone()))?;
        let bytes = unhex::<SIGNATURE_LENGTH>(&signature.ed25519).ok_or_else(altered)?;
        let bytes = ed25519_dalek::Signature::from_bytes(&bytes);
        key.0.verify_strict(message(text).as_bytes(), &bytes).map_err(|_| altered())?;
        // What was signed is what is used.
        let vouched: Manifest = serde_json::from_str(text).map_err(|_| altered())?;
        if vouched.service != manifest.service {
            return Err(SignatureError::Service { signed: vouched.service, service: manifest.service.clone() });
        }
        if vouched == *manifest { Ok(()) } else { Err(altered()) }
    }
}

fn message(manifest: &str) -> String {
    format!("titan bundle signature v1\nsha256:{}\n", sha256_hex(manifest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::sample;
    use proptest::prelude::*;

    fn signed(key: &PrivateKey) -> Signed {
        key.sign(serde_json::to_string_pretty(&sample()).unwrap())
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = PrivateKey::generate().unwrap();
        let (private, public) = (key.to_pem().unwrap(), key.public().to_pem().unwrap());
        assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{private}");
        assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{public}");
        assert_eq!(PrivateKey::from_pem(&private).unwrap().public(), key.public());
        assert_eq!(PublicKey::from_pem(&public).unwrap(), key.public());
        assert!(PrivateKey::from_pem(&public).is_err() && PublicKey::from_pem(&private).is_err());
        assert_ne!(PrivateKey::generate().unwrap().public().id(), key.public().id());
    }

    #[test]
    fn openssl_signs_alike() {
        // openssl genpkey -algorithm ed25519; openssl pkey -pubout -outform DER | sha256sum; printf of the message, then
        // openssl pkeyutl -sign -rawin | xxd -p
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIG79GawdjPdtTHJWffsakW2muna3hM1vLFJI5aC0l79O\n-----END PRIVATE KEY-----\n";
        let key = PrivateKey::from_pem(pem).unwrap();
        assert_eq!(key.to_pem().unwrap(), pem);
        let signature = key.sign("{}".into()).signature;
        assert_eq!(signature.key, "2a162fdb9ddffb60489159e676c6fc56340dc29458e30d5a13aad346971f7e7e");
        let expected = "a62c784968ced8ff3b09a322a5d9ccfd018f88d2d6cd6f064d4374b45110adf1f543765ca463967a83b320bf65647b0745a3d02c0722b582f017755383696600";
        assert_eq!(signature.ed25519, expected);
    }

    #[test]
    fn only_what_a_trusted_key_signed_is_trusted() {
        let [key, other] = [(); 2].map(|()| PrivateKey::generate().unwrap());
        let trust = Trust::new(vec![other.public(), key.public()]);
        trust.check(&sample(), Some(&signed(&key))).unwrap();
        assert!(matches!(trust.check(&sample(), None), Err(SignatureError::Unsigned(_))));
        let stranger = signed(&PrivateKey::generate().unwrap());
        assert!(matches!(trust.check(&sample(), Some(&stranger)), Err(SignatureError::Untrusted(_))));
        let nobody = Trust::default();
        assert!(!nobody.is_required());
        nobody.check(&sample(), None).unwrap();
    }

    #[test]
    fn whatever_was_altered_is_noticed() {
        let [key, other] = [(); 2].map(|()| PrivateKey::generate().unwrap());
        let trust = Trust::new(vec![other.public(), key.public()]);
        let good = signed(&key);
        let altered = |alter: fn(&mut Signed, &mut Manifest)| {
            let (mut signed, mut manifest) = (good.clone(), sample());
            alter(&mut signed, &mut manifest);
            trust.check(&manifest, Some(&signed)).unwrap_err()
        };
        for error in [
            altered(|_, manifest| manifest.component.sha256 = sha256_hex(b"another")),
            altered(|_, manifest| manifest.config.memory += 1),
            altered(|signed, manifest| {
                manifest.config.cpu = 2.0;
                signed.manifest = serde_json::to_string_pretty(manifest).unwrap();
            }),
            altered(|signed, _| signed.manifest.push(' ')),
            altered(|signed, _| signed.signature.ed25519.replace_range(..2, "00")),
            altered(|signed, _| signed.signature.ed25519.truncate(10)),
        ] {
            assert!(matches!(error, SignatureError::Altered(_)), "{error}");
        }
        let renamed = altered(|_, manifest| manifest.service = "other".into());
        assert!(matches!(renamed, SignatureError::Service { .. }), "{renamed}");
        let mut relabelled = good.clone();
        relabelled.signature.key = other.public().id();
        assert!(matches!(trust.check(&sample(), Some(&relabelled)), Err(SignatureError::Altered(_))));
    }

    proptest! {
        #[test]
        fn any_signature_is_judged(key in "\\PC{0,70}", ed25519 in "[0-9a-f]{0,130}", manifest in "\\PC{0,40}") {
            let trusted = PrivateKey::generate().unwrap().public();
            for key in [trusted.id(), key] {
                let signed = Signed { manifest: manifest.clone(), signature: Signature { key, ed25519: ed25519.clone() } };
                prop_assert!(Trust::new(vec![trusted.clone()]).check(&sample(), Some(&signed)).is_err());
            }
        }

        #[test]
        fn any_text_is_a_key_or_none(text in "\\PC{0,100}") {
            let pem = |label: &str| format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            prop_assert!(PrivateKey::from_pem(&pem("PRIVATE KEY")).is_err());
            prop_assert!(PublicKey::from_pem(&pem("PUBLIC KEY")).is_err());
        }
    }
}
