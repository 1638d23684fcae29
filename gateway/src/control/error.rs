//! Why a change, or a look at what there is, comes to nothing.

use titan_sdk::bundle::BundleError;

use crate::access::AccessError;
use crate::store::StoreError;
use crate::version::loader::LoadError;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The bundle is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The version cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Credentials are not changed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is no such service.
    #[error("there is no service {0:?}: 'titan services' lists them")]
    UnknownService(String),
    /// There is no such version.
    #[error("service {service:?} has no version {version:?}: 'titan versions {service}' lists them")]
    UnknownVersion {
        /// The service.
        service: String,
        /// The version as it was named.
        version: String,
    },
    /// No version needs such a blob.
    #[error("no version needs a blob {0:?}: take the digests from a new snapshot")]
    UnknownBlob(String),
    /// A rollback without a target has none to return to.
    #[error("no version of {service:?} was active before v{active}: deploy another, or name one with --to")]
    NoPrevious {
        /// The service.
        service: String,
        /// Its active version.
        active: u64,
    },
    /// The active version cannot be deleted.
    #[error(
        "{service:?} v{active} is active and cannot be deleted: roll back to another version first, or delete the service"
    )]
    Active {
        /// The service.
        service: String,
        /// Its active version.
        active: u64,
    },
    /// What was deployed as a notebook is none that can be shown.
    #[error("the notebook of {service:?} {version} cannot be shown ({cause}): deploy one that Jupyter can open")]
    Notebook {
        /// The service.
        service: String,
        /// The version as it was named.
        version: String,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// One trial at a time.
    #[error("{service:?} v{candidate} is on trial: 'titan promote {service}' or 'titan abort {service}' first")]
    OnTrial {
        /// The service.
        service: String,
        /// The version on trial.
        candidate: u64,
    },
    /// There is no trial to end.
    #[error("no version of {0:?} is on trial: 'titan deploy --canary 10%' begins a trial")]
    NoTrial(String),
    /// A trial needs a version that answers.
    #[error("{0:?} has no version that answers, to try another beside: deploy without --canary and --shadow")]
    NothingBeside(String),
    /// The gateway's runtime is gone.
    #[error("the gateway is stopping: try again when it has started anew")]
    Stopping,
}
