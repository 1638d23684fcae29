//! What is kept: services, their versions, and which one is active. The store is the truth that a restart begins from.
//!
//! [`Store`] is a trait so that a fleet can keep the same in a replicated store; [`Embedded`] keeps it in one folder. A
//! store knows nothing of Wasm, of HTTP, or of which versions are loaded.

mod blobs;
mod credentials;
mod embedded;
pub mod restore;
mod shared;
mod snapshot;

pub(crate) use embedded::Embedded;
pub(crate) use shared::Shared;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use titan_sdk::access::Role;
use titan_sdk::api::Snapshot;
use titan_sdk::bundle::{Bundle, BundleError};
use titan_sdk::manifest::{Manifest, Part};
use titan_sdk::signature::Signed;
use titan_sdk::trial::Trial;

/// A service that has at least one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Every version that was ever active, in the order in which they were last activated. The last one is active.
    pub(crate) activations: Vec<u64>,
    /// Every other version, oldest first: deployed on trial and never promoted.
    pub(crate) unpromoted: Vec<u64>,
    /// The version of `unpromoted` whose trial is under way.
    pub(crate) candidate: Option<u64>,
}

impl Service {
    /// The version its route points to.
    pub(crate) fn active(&self) -> Option<u64> {
        self.activations.last().copied()
    }

    /// The version that was active before the active one.
    pub(crate) fn previous(&self) -> Option<u64> {
        self.activations.iter().rev().nth(1).copied()
    }

    /// Every version, in no order.
    pub(crate) fn versions(&self) -> impl Iterator<Item = u64> {
        self.activations.iter().chain(&self.unpromoted).copied()
    }
}

/// A version as it was deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) deployed_at: u64,
    /// Whoever deployed it, as they or their token said.
    #[serde(default)]
    pub(crate) deployed_by: Option<String>,
    pub(crate) manifest: Manifest,
    /// The bundle's signature, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed: Option<Signed>,
    /// How it was tried, or is: what is measured of a trial is kept when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trial: Option<Trial>,
}

/// A secret that somebody holds, and what it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credential {
    /// Unique among those of the admin API, or of one service.
    pub(crate) name: String,
    pub(crate) grant: Grant,
    /// Of the secret, in hexadecimal.
    pub(crate) sha256: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_at: u64,
}

/// What a credential opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grant {
    /// The admin API, with a role.
    Admin(Role),
    /// The endpoints of a service.
    Service(String),
}

/// Why the store did not do as asked. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder.
    #[error("{0} is in use by another gateway: stop that one, or name another folder with --data")]
    InUse(PathBuf),
    /// A file cannot be read or written.
    #[error("the store cannot use {path} ({cause}): check that the disk has space and the folder is writable")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The metadata cannot be read or written.
    #[error("the store's metadata cannot be used ({0}): check the disk, or restore the data folder from a backup")]
    Metadata(String),
    /// A blob is not what it was when it was stored.
    #[error("the store is damaged: {0}")]
    Damaged(#[from] BundleError),
    /// A blob is not what its name says.
    #[error("the store is damaged: blob {0} is not what its digest says; restore the data folder from a backup")]
    Blob(String),
    /// Somebody else deployed the same number first.
    #[error("{service} v{number} was deployed by somebody else just now: deploy again")]
    Taken {
        /// The service.
        service: String,
        /// The number that is taken.
        number: u64,
    },
    /// The process no longer has it.
    #[error("a new gateway is taking over from this one: try again in a few seconds")]
    GivenUp,
    /// There is no such version.
    #[error("service {service:?} has no version v{number}: 'titan versions {service}' lists them")]
    Unknown {
        /// The service.
        service: String,
        /// The number asked for.
        number: u64,
    },
}

/// Keeps services and versions. Every change is atomic, and durable once its call has returned; calls block on the disk.
pub(crate) trait Store: Send + Sync {
    /// Every service, by name.
    fn services(&self) -> Result<Vec<Service>, StoreError>;

    /// One service.
    fn service(&self, name: &str) -> Result<Option<Service>, StoreError>;

    /// Every version of a service, oldest first.
    fn versions(&self, service: &str) -> Result<Vec<Version>, StoreError>;

    /// One version.
    fn version(&self, service: &str, number: u64) -> Result<Option<Version>, StoreError>;

    /// The number the next version of a service gets: larger than any it ever had, deleted ones included.
    fn next_number(&self, service: &str) -> Result<u64, StoreError>;

    /// Keeps `bundle`, deployed by `by`, as version `number` of the service its manifest names, and makes it the active one, or
    /// the candidate if it is deployed on trial. `number` is what [`Store::next_number`] said, unless somebody else was faster.
    fn add(&self, number: u64, bundle: &Bundle, by: Option<&str>, trial: Option<&Trial>) -> Result<(), StoreError>;

    /// Makes a version the active one, and at once ends the candidate's trial, if there is one, as `ended` says.
    fn activate(&self, service: &str, number: u64, ended: Option<&Trial>) -> Result<(), StoreError>;

    /// Forgets versions, all or none. If the active one is among them, the one before it becomes so.
    fn remove_versions(&self, service: &str, numbers: &[u64]) -> Result<(), StoreError>;

    /// Forgets a service and its versions, though not which numbers it has used.
    fn remove_service(&self, service: &str) -> Result<(), StoreError>;

    /// A part of a kept version, verified.
    fn part(&self, part: &Part) -> Result<Vec<u8>, StoreError>;

    /// Digests of the parts of every kept version.
    fn digests(&self) -> Result<HashSet<String>, StoreError>;

    /// Everything but the blobs, as of one moment.
    fn snapshot(&self) -> Result<Snapshot, StoreError>;

    /// A blob, verified; none where no version mentions it.
    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Every credential, by service and name.
    fn credentials(&self) -> Result<Vec<Credential>, StoreError>;

    /// Keeps a credential, unless its name is taken: then nothing changes and it says so.
    fn add_credential(&self, credential: &Credential) -> Result<bool, StoreError>;

    /// Forgets the credentials that `which` chooses, and says how many there were.
    fn remove_credentials(&self, which: &dyn Fn(&Credential) -> bool) -> Result<usize, StoreError>;
}
