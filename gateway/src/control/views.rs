//! What there is: services, versions, their notebooks and logs, as the admin API shows them. Nothing here changes anything.

use std::sync::Arc;

use titan_sdk::api;
use titan_sdk::manifest::Manifest;
use titan_sdk::view::Cells;
use tokio::task::spawn_blocking;

use super::{Control, ControlError, find, trials};
use crate::dashboard::cells;
use crate::delivery::route::NoRoute;
use crate::observe::logs::Reader;
use crate::store::{self, Service, StoreError};
use crate::version::{Version, stats};

impl Control {
    /// Every service, by name.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn services(&self) -> Result<api::Services, ControlError> {
        let services = self.blocking(|store| store.services()).await?;
        Ok(api::Services { services: services.iter().map(|service| self.describe(service)).collect() })
    }

    /// One service.
    ///
    /// # Errors
    /// There is none of that name, or the store fails.
    pub(crate) async fn service(&self, name: &str) -> Result<api::Service, ControlError> {
        Ok(self.describe(&self.known(name).await?))
    }

    /// Every version of a service, oldest first.
    ///
    /// # Errors
    /// There is no such service, or the store fails.
    pub(crate) async fn versions(&self, name: &str) -> Result<api::Versions, ControlError> {
        let service = self.known(name).await?;
        let owned = name.to_owned();
        let versions = self.blocking(move |store| store.versions(&owned)).await?;
        Ok(api::Versions {
            versions: versions.into_iter().map(|version| self.describe_version(&service, version)).collect(),
        })
    }

    /// One version.
    ///
    /// # Errors
    /// There is no such service or version, or the store fails.
    pub(crate) async fn version(&self, service: &str, version: &str) -> Result<api::Version, ControlError> {
        let (known, kept) = self.kept(service, version).await?;
        Ok(self.describe_version(&known, kept))
    }

    /// A version's notebook, as it was deployed.
    ///
    /// # Errors
    /// There is no such service or version, or the store fails.
    pub(crate) async fn notebook(&self, service: &str, version: &str) -> Result<Vec<u8>, ControlError> {
        let (_, kept) = self.kept(service, version).await?;
        self.blocking(move |store| store.part(&kept.manifest.notebook)).await
    }

    /// The cells of a version's notebook, to look at.
    ///
    /// # Errors
    /// There is no such service or version, the store fails, or the file is no notebook.
    pub(crate) async fn cells(&self, service: &str, version: &str) -> Result<Cells, ControlError> {
        let notebook = self.notebook(service, version).await?;
        let cells = spawn_blocking(move || cells::read(&notebook)).await.map_err(|_| ControlError::Stopping)?;
        let (service, version) = (service.to_owned(), version.to_owned());
        cells.map_err(|cause| ControlError::Notebook { service, version, cause })
    }

    /// A version in memory, active or not.
    ///
    /// # Errors
    /// There is no such service or version, or it does not load.
    pub(crate) async fn in_memory(&self, service: &str, version: &str) -> Result<Arc<Version>, ControlError> {
        let number = find(&self.known(service).await?, version)?;
        match self.routes.loaded(service, number) {
            Some(version) => Ok(version),
            None => self.load(service, number).await,
        }
    }

    /// What the versions of a service that are in memory have been doing in the last minute, oldest version first.
    ///
    /// # Errors
    /// There is no such service, or the store fails.
    pub(crate) async fn stats(&self, name: &str) -> Result<api::Stats, ControlError> {
        self.known(name).await?;
        Ok(stats::of(name, &self.routes.all_loaded(name)))
    }

    /// The log of a service.
    ///
    /// # Errors
    /// There is no such service, or the store fails.
    pub(crate) async fn log(&self, name: &str) -> Result<Reader, ControlError> {
        self.known(name).await?;
        Ok(self.logs.reader(name))
    }

    /// Everything the store knows but its blobs, as of one moment.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn snapshot(&self) -> Result<api::Snapshot, ControlError> {
        self.blocking(|store| store.snapshot()).await
    }

    /// A blob that some version needs.
    ///
    /// # Errors
    /// There is none of that digest, or the store fails.
    pub(crate) async fn blob(&self, digest: &str) -> Result<Vec<u8>, ControlError> {
        let name = digest.to_owned();
        self.blocking(move |store| store.blob(&name)).await?.ok_or_else(|| ControlError::UnknownBlob(digest.into()))
    }

    async fn kept(&self, service: &str, version: &str) -> Result<(Service, store::Version), ControlError> {
        let known = self.known(service).await?;
        let number = find(&known, version)?;
        let name = service.to_owned();
        let kept = self.blocking(move |store| store.version(&name, number)).await?;
        Ok((known, kept.ok_or_else(|| StoreError::Unknown { service: service.into(), number })?))
    }

    fn describe(&self, service: &Service) -> api::Service {
        let name = |number| format!("v{number}");
        let health = match self.routes.plan(&service.name) {
            Ok(_) => api::Health::Serving,
            Err(NoRoute::Loading) => api::Health::Loading,
            Err(_) => api::Health::NotLoaded,
        };
        api::Service {
            name: service.name.clone(),
            active: service.active().map(name),
            health,
            previous: service.previous().map(name),
            candidate: service.candidate.map(name),
            versions: service.versions().count(),
        }
    }

    fn describe_version(&self, service: &Service, mut version: store::Version) -> api::Version {
        let number = version.number;
        let on_trial = version.trial.as_mut().filter(|_| service.candidate == Some(number));
        let state = if service.active() == Some(number) {
            api::VersionState::Active
        } else if let Some(trial) = on_trial {
            self.describe_trial(&service.name, trial);
            trials::state(&trial.kind)
        } else if self.routes.is_draining(&service.name, number) {
            api::VersionState::Draining
        } else {
            api::VersionState::Ready
        };
        let size = version.manifest.bytes();
        let Manifest { config, endpoints, engine, models, notebook, parity, .. } = version.manifest;
        api::Version {
            version: format!("v{number}"),
            state,
            deployed_at: version.deployed_at,
            deployed_by: version.deployed_by,
            size,
            config,
            endpoints,
            engine,
            models,
            notebook_sha256: notebook.sha256,
            parity,
            trial: version.trial,
        }
    }
}
