//! The store as one process has it, until it gives it up for another process to open.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use titan_sdk::api::Snapshot;
use titan_sdk::bundle::Bundle;
use titan_sdk::manifest::Part;
use titan_sdk::trial::Trial;

use super::{Credential, Service, Store, StoreError, Version};

/// A store that can be given up and had again while others hold it.
pub(crate) struct Shared(RwLock<Option<Box<dyn Store>>>);

impl Shared {
    pub(crate) fn new(store: Box<dyn Store>) -> Shared {
        Shared(RwLock::new(Some(store)))
    }

    /// Closes the store once no call is in it any more. From then on calls are refused. Blocks.
    pub(crate) fn give_up(&self) {
        self.put(None);
    }

    /// Goes on with `store`.
    pub(crate) fn have(&self, store: Box<dyn Store>) {
        self.put(Some(store));
    }

    fn put(&self, store: Option<Box<dyn Store>>) {
        // Nothing that holds the lock for writing can panic.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = store;
    }

    fn call<T>(&self, call: impl FnOnce(&dyn Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let store = self.0.read().unwrap_or_else(PoisonError::into_inner);
        call(store.as_deref().ok_or(StoreError::GivenUp)?)
    }
}

impl Store for Shared {
    fn services(&self) -> Result<Vec<Service>, StoreError> {
        self.call(|store| store.services())
    }

    fn service(&self, name: &str) -> Result<Option<Service>, StoreError> {
        self.call(|store| store.service(name))
    }

    fn versions(&self, service: &str) -> Result<Vec<Version>, StoreError> {
        self.call(|store| store.versions(service))
    }

    fn version(&self, service: &str, number: u64) -> Result<Option<Version>, StoreError> {
        self.call(|store| store.version(service, number))
    }

    fn next_number(&self, service: &str) -> Result<u64, StoreError> {
        self.call(|store| store.next_number(service))
    }

    fn add(&self, number: u64, bundle: &Bundle, by: Option<&str>, trial: Option<&Trial>) -> Result<(), StoreError> {
        self.call(|store| store.add(number, bundle, by, trial))
    }

    fn activate(&self, service: &str, number: u64, ended: Option<&Trial>) -> Result<(), StoreError> {
        self.call(|store| store.activate(service, number, ended))
    }

    fn remove_versions(&self, service: &str, numbers: &[u64]) -> Result<(), StoreError> {
        self.call(|store| store.remove_versions(service, numbers))
    }

    fn remove_service(&self, service: &str) -> Result<(), StoreError> {
        self.call(|store| store.remove_service(service))
    }

    fn part(&self, part: &Part) -> Result<Vec<u8>, StoreError> {
        self.call(|store| store.part(part))
    }

    fn digests(&self) -> Result<HashSet<String>, StoreError> {
        self.call(|store| store.digests())
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.call(|store| store.snapshot())
    }

    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.call(|store| store.blob(digest))
    }

    fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        self.call(|store| store.credentials())
    }

    fn add_credential(&self, credential: &Credential) -> Result<bool, StoreError> {
        self.call(|store| store.add_credential(credential))
    }

    fn remove_credentials(&self, which: &dyn Fn(&Credential) -> bool) -> Result<usize, StoreError> {
        self.call(|store| store.remove_credentials(which))
    }
}
