//! Who may do what: tokens of the admin API with their roles, and API keys of services.
//!
//! A caller is told from others by a secret (see `secret`), whose digest the store keeps. All digests are in memory, so that a
//! request is judged without the disk; every comparison looks at all of them and at every byte, so that the time it takes tells
//! nothing. What a role is needed for, and which services ask for keys, this module does not know.

mod first;
pub(crate) mod refusal;
mod secret;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName};
use subtle::ConstantTimeEq;
use titan_sdk::access::{Caller, Key, Role, Token};
use titan_sdk::manifest::is_service_name;

use crate::store::{Credential, Embedded, Grant, Store, StoreError};
use secret::Digest;

/// Carries an API key where `Authorization` cannot.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What the secrets of tokens and keys begin with.
const TOKEN: &str = "titan_token";
const KEY: &str = "titan_key";

/// Who may do what on one gateway.
pub(crate) struct Access {
    store: Arc<dyn Store>,
    /// Whether the admin API answers nobody without a token.
    required: bool,
    known: ArcSwap<Known>,
    /// Held by every change, so that what is in memory is the store as it was left by the last one.
    changing: Mutex<()>,
}

/// The store's credentials.
#[derive(Default)]
struct Known {
    tokens: Vec<(Digest, Credential)>,
    /// By service.
    keys: HashMap<String, Vec<(Digest, Credential)>>,
}

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It shows nothing.
    Anonymous,
    /// What it shows is not known.
    Unknown,
    /// There is nothing yet that would be known.
    Closed,
}

/// Why credentials were not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The name cannot stand in a URL.
    #[error(
        "the name {0:?} is not usable: use 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit"
    )]
    Name(String),
    /// There is one of that name.
    #[error("there is a {0} named {1:?} already: choose another name, or revoke it first")]
    Taken(&'static str, String),
    /// There is none of that name.
    #[error("there is no {0} named {1:?}: 'titan {0} list' shows them")]
    Unknown(&'static str, String),
    /// Without it nobody could change who may do what.
    #[error("{0:?} is the last token with the role admin and cannot be revoked: create another first")]
    LastAdmin(String),
    /// The system has no random numbers.
    #[error("the system has no random numbers ({0}): check that the getrandom system call is allowed")]
    Random(getrandom::Error),
    /// The first token cannot be handed over.
    #[error("the first token cannot be written to {0} ({1}): check that the folder is writable")]
    First(std::path::PathBuf, std::io::Error),
}

impl Access {
    /// Reads the credentials in `store`. Where tokens are `required` and none may administrate, one is made and its secret
    /// written to a file in the folder `data`. Blocks.
    ///
    /// # Errors
    /// See [`AccessError`].
    pub(crate) fn open(store: Arc<dyn Store>, required: bool, data: &Path) -> Result<Access, AccessError> {
        let known = ArcSwap::from_pointee(Known::read(&*store)?);
        let access = Access { store, required, known, changing: Mutex::new(()) };
        if required && access.admins() == 0 {
            first::create(&access, data)?;
        }
        Ok(access)
    }

    /// Who sends these headers to the admin API. A token that is shown must be known, even where none is required.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Stranger> {
        let Some(shown) = secret::bearer(headers) else {
            let anybody = Caller { token: None, role: Role::Admin };
            return if self.required { Err(Stranger::Anonymous) } else { Ok(anybody) };
        };
        let known = self.known.load();
        match find(&known.tokens, shown) {
            Some(Credential { name, grant: Grant::Admin(role), .. }) => {
                Ok(Caller { token: Some(name.clone()), role: *role })
            }
            _ => Err(Stranger::Unknown),
        }
    }

    /// Whether these headers carry a key of `service`.
    pub(crate) fn admits(&self, service: &str, headers: &HeaderMap) -> Result<(), Stranger> {
        let known = self.known.load();
        let keys = known.keys.get(service).ok_or(Stranger::Closed)?;
        let shown = headers.get(API_KEY).map(|value| value.as_bytes()).or_else(|| secret::bearer(headers));
        let shown = shown.ok_or(Stranger::Anonymous)?;
        find(keys, shown).map(drop).ok_or(Stranger::Unknown)
    }

    /// Every token of the admin API, by name.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        let known = self.known.load();
        let describe = |(_, credential): &(Digest, Credential)| match credential.grant {
            Grant::Admin(role) => {
                Some(Token { name: credential.name.clone(), role, created_at: credential.created_at })
            }
            Grant::Service(_) => None,
        };
        known.tokens.iter().filter_map(describe).collect()
    }

    /// Every API key of a service, by name.
    pub(crate) fn keys(&self, service: &str) -> Vec<Key> {
        let known = self.known.load();
        let describe = |(_, key): &(Digest, Credential)| Key { name: key.name.clone(), created_at: key.created_at };
        known.keys.get(service).into_iter().flatten().map(describe).collect()
    }

    /// Makes a token of the admin API and gives its secret. Blocks.
    ///
    /// # Errors
    /// A name that is malformed or taken, or a store that fails.
    pub(crate) fn create_token(&self, name: &str, role: Role) -> Result<String, AccessError> {
        self.create(name, Grant::Admin(role))
    }

    /// Makes an API key of a service and gives its secret. Blocks.
    ///
    /// # Errors
    /// A name that is malformed or taken, or a store that fails.
    pub(crate) fn create_key(&self, service: &str, name: &str) -> Result<String, AccessError> {
        self.create(name, Grant::Service(service.into()))
    }

    /// Forgets a token of the admin API. Blocks.
    ///
    /// # Errors
    /// There is no such token, it is the last that may administrate, or the store fails.
    pub(crate) fn revoke_token(&self, name: &str) -> Result<(), AccessError> {
        let _changing = self.changing();
        let is_admin = self.tokens().iter().any(|token| token.name == name && token.role == Role::Admin);
        if is_admin && self.admins() == 1 {
            return Err(AccessError::LastAdmin(name.into()));
        }
        let gone = |kept: &Credential| matches!(kept.grant, Grant::Admin(_)) && kept.name == name;
        if self.store.remove_credentials(&gone)? == 0 {
            return Err(AccessError::Unknown("token", name.into()));
        }
        self.read()
    }

    /// Forgets an API key of a service. Blocks.
    ///
    /// # Errors
    /// There is no such key, or the store fails.
    pub(crate) fn revoke_key(&self, service: &str, name: &str) -> Result<(), AccessError> {
        let gone = |kept: &Credential| matches!(&kept.grant, Grant::Service(of) if of == service) && kept.name == name;
        let _changing = self.changing();
        if self.store.remove_credentials(&gone)? == 0 {
            return Err(AccessError::Unknown("key", name.into()));
        }
        self.read()
    }

    /// Forgets every API key of a service. Blocks.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) fn forget_service(&self, service: &str) -> Result<(), AccessError> {
        let _changing = self.changing();
        self.store.remove_credentials(&|kept| matches!(&kept.grant, Grant::Service(of) if of == service))?;
        self.read()
    }

    fn create(&self, name: &str, grant: Grant) -> Result<String, AccessError> {
        let prefix = if let Grant::Admin(_) = grant { TOKEN } else { KEY };
        let secret = secret::generate(prefix).map_err(AccessError::Random)?;
        self.keep(name, grant, &secret)?;
        Ok(secret)
    }

    fn keep(&self, name: &str, grant: Grant, secret: &str) -> Result<(), AccessError> {
        // The rule for names of services is the one for what stands in a URL.
        if !is_service_name(name) {
            return Err(AccessError::Name(name.into()));
        }
        let kind = if let Grant::Admin(_) = grant { "token" } else { "key" };
        let sha256 = Digest::of(secret.as_bytes()).to_hex();
        let _changing = self.changing();
        if !self.store.add_credential(&Credential { name: name.into(), grant, sha256, created_at: now() })? {
            return Err(AccessError::Taken(kind, name.into()));
        }
        self.read()
    }

    fn admins(&self) -> usize {
        self.tokens().iter().filter(|token| token.role == Role::Admin).count()
    }

    fn read(&self) -> Result<(), AccessError> {
        self.known.store(Arc::new(Known::read(&*self.store)?));
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data that a panic could leave half changed.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn read(store: &dyn Store) -> Result<Known, StoreError> {
        let mut known = Known::default();
        for credential in store.credentials()? {
            let digest = Digest::from_hex(&credential.sha256)
                .ok_or_else(|| StoreError::Metadata(format!("{:?} has no digest", credential.name)))?;
            let of = match &credential.grant {
                Grant::Admin(_) => &mut known.tokens,
                Grant::Service(service) => known.keys.entry(service.clone()).or_default(),
            };
            of.push((digest, credential));
        }
        Ok(known)
    }
}

/// Makes a token in the store of a gateway that does not run, in the folder `data`: the way in where no token is left. Blocks.
///
/// # Errors
/// A gateway that runs, or those of [`AccessError`].
pub fn create_token(data: &Path, name: &str, role: Role) -> Result<String, AccessError> {
    Access::open(Arc::new(Embedded::open(data)?), false, data)?.create_token(name, role)
}

/// The credential of a secret.
fn find<'a>(known: &'a [(Digest, Credential)], secret: &[u8]) -> Option<&'a Credential> {
    let digest = Digest::of(secret);
    let matches = |found, (kept, credential): &'a (Digest, Credential)| {
        if bool::from(kept.ct_eq(&digest)) { Some(credential) } else { found }
    };
    known.iter().fold(None, matches)
}

fn now() -> u64 {
    // A clock before 1970 is a broken clock; the credential is no less valid.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    fn open(folder: &Path, required: bool) -> Access {
        Access::open(Arc::new(Embedded::open(folder).unwrap()), required, folder).unwrap()
    }

    fn shown(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn bearer(secret: &str) -> HeaderMap {
        shown(AUTHORIZATION, &format!("Bearer {secret}"))
    }

    #[test]
    fn tokens_are_known_until_they_are_revoked_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let access = open(folder.path(), true);
        let secret = access.create_token("ci", Role::Deploy).unwrap();
        drop(access);
        let access = open(folder.path(), true);
        let caller = access.caller(&bearer(&secret)).unwrap();
        assert_eq!(caller, Caller { token: Some("ci".into()), role: Role::Deploy });
        assert_eq!(access.caller(&HeaderMap::new()), Err(Stranger::Anonymous));
        for unknown in ["", "ci", &secret[1..], &secret.to_uppercase()] {
            assert_eq!(access.caller(&bearer(unknown)), Err(Stranger::Unknown), "{unknown}");
        }
        access.revoke_token("ci").unwrap();
        assert_eq!(access.caller(&bearer(&secret)), Err(Stranger::Unknown));
        assert!(matches!(access.revoke_token("ci"), Err(AccessError::Unknown("token", _))));
    }

    #[test]
    fn where_no_token_is_required_one_that_is_shown_must_be_known() {
        let folder = tempfile::tempdir().unwrap();
        let access = open(folder.path(), false);
        assert_eq!(access.caller(&HeaderMap::new()).unwrap().role, Role::Admin);
        assert_eq!(access.caller(&bearer("x")), Err(Stranger::Unknown));
        assert_eq!(access.tokens(), [], "none is made where none is needed");
        let secret = access.create_token("viewer", Role::Read).unwrap();
        assert_eq!(access.caller(&bearer(&secret)).unwrap().role, Role::Read);
    }

    #[test]
    fn the_store_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let access = open(folder.path(), false);
        let secrets = [access.create_token("a", Role::Admin).unwrap(), access.create_key("demo", "b").unwrap()];
        let kept = std::fs::read(folder.path().join("metadata.redb")).unwrap();
        for secret in secrets {
            let random = secret.rsplit('_').next().unwrap().as_bytes();
            assert!(!kept.windows(random.len()).any(|window| window == random));
        }
    }

    #[test]
    fn the_last_administrator_stays() {
        let folder = tempfile::tempdir().unwrap();
        let access = open(folder.path(), false);
        access.create_token("one", Role::Admin).unwrap();
        access.create_token("two", Role::Admin).unwrap();
        access.create_token("ci", Role::Deploy).unwrap();
        access.revoke_token("one").unwrap();
        assert!(matches!(access.revoke_token("two"), Err(AccessError::LastAdmin(_))));
        let names: Vec<_> = access.tokens().into_iter().map(|token| token.name).collect();
        assert_eq!(names, ["ci", "two"]);
    }

    #[test]
    fn names_are_usable_in_urls_and_unique_a_kind() {
        let folder = tempfile::tempdir().unwrap();
        let access = open(folder.path(), false);
        for name in ["", "A", "a/b", "a b", "../x"] {
            assert!(matches!(access.create_token(name, Role::Read), Err(AccessError::Name(_))), "{name}");
        }
        access.create_token("a", Role::Read).unwrap();
        access.create_key("demo", "a").unwrap();
        access.create_key("other", "a").unwrap();
        assert!(matches!(access.create_token("a", Role::Admin), Err(AccessError::Taken("token", _))));
        assert!(matches!(access.create_key("demo", "a"), Err(AccessError::Taken("key", _))));
    }

    #[test]
    fn keys_open_their_service_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let access = open(folder.path(), false);
        assert_eq!(access.admits("demo", &bearer("x")), Err(Stranger::Closed));
        let key = access.create_key("demo", "app").unwrap();
        let token = access.create_token("a", Role::Admin).unwrap();
        access.create_key("other", "app").unwrap();
        for headers in [bearer(&key), shown(API_KEY, &key)] {
            assert_eq!(access.admits("demo", &headers), Ok(()));
            assert_eq!(access.admits("other", &headers), Err(Stranger::Unknown));
        }
        assert_eq!(access.admits("demo", &HeaderMap::new()), Err(Stranger::Anonymous));
        assert_eq!(access.admits("demo", &bearer(&token)), Err(Stranger::Unknown), "a token is no key");
        assert_eq!(access.caller(&bearer(&key)), Err(Stranger::Unknown), "a key is no token");
        access.revoke_key("demo", "app").unwrap();
        assert_eq!(access.admits("demo", &bearer(&key)), Err(Stranger::Closed));
        access.forget_service("other").unwrap();
        assert_eq!((access.keys("other"), access.tokens().len()), (Vec::new(), 1));
    }
}
