//! What changes services: deploy, rollback, removal; `trials` begins and ends trials, `views` says what there is, `error` why nothing
//! was changed. Every change is durable before the route is switched, and nothing has changed when it fails. Changes of one
//! service come one at a time; requests are never in their way.

mod error;
mod trials;
mod views;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use bytes::Bytes;
use dashmap::DashMap;
use titan_sdk::api;
use titan_sdk::bundle::{Bundle, BundleError};
use titan_sdk::manifest::{ManifestError, is_service_name};
use titan_sdk::trial::{By, Kind, Outcome};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::task::spawn_blocking;

use crate::access::Access;
use crate::delivery::route::Routes;
use crate::observe::counters::Counters;
use crate::observe::logs::Logs;
use crate::store::{Service, Store, StoreError};
use crate::version::Version;
use crate::version::loader::{Loader, Source};

pub(crate) use error::ControlError;

/// Changes services.
pub(crate) struct Control {
    store: Arc<dyn Store>,
    access: Arc<Access>,
    loader: Arc<Loader>,
    routes: Arc<Routes<Version>>,
    logs: Logs,
    counters: Counters,
    max_bundle_bytes: u64,
    /// One lock a service. They stay for good, so that two changes never hold two locks of one service; they are as few as the
    /// names an operator has ever used.
    changes: DashMap<String, Arc<Mutex<()>>>,
    /// How many services wait for their active version to be loaded.
    loading: watch::Sender<usize>,
}

impl Control {
    /// Routes every service in `store`, and begins to load their active versions. A version that cannot be loaded, as after an
    /// upgrade to another engine, leaves its service without an answer and does not keep the others from starting.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn start(
        store: Arc<dyn Store>,
        access: Arc<Access>,
        loader: Arc<Loader>,
        routes: Arc<Routes<Version>>,
        logs: Logs,
        counters: Counters,
        max_bundle_bytes: u64,
    ) -> Result<Arc<Control>, ControlError> {
        let (changes, loading) = (DashMap::new(), watch::Sender::default());
        let control =
            Arc::new(Control { store, access, loader, routes, logs, counters, max_bundle_bytes, changes, loading });
        control.sweep().await;
        let services = control.blocking(|store| store.services()).await?;
        services.iter().for_each(|service| control.routes.add(&service.name));
        control.loading.send_replace(services.len());
        let unloaded: Vec<_> = services.into_iter().map(|service| service.name).collect();
        let unloaded = Arc::new(Mutex::new(unloaded));
        // Optimising models takes a core each.
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            tokio::spawn(Arc::clone(&control).load_all(Arc::clone(&unloaded)));
        }
        Ok(control)
    }

    /// How many services wait for their active version to be loaded.
    pub(crate) fn loading(&self) -> usize {
        *self.loading.borrow()
    }

    /// Waits until every service has its active version, or is known to have none.
    pub(crate) async fn loaded(&self) {
        // The sender is held here.
        let _ = self.loading.subscribe().wait_for(|loading| *loading == 0).await;
    }

    /// Loads the active versions of these services, first those for which requests wait.
    async fn load_all(self: Arc<Self>, unloaded: Arc<Mutex<Vec<String>>>) {
        loop {
            let service = {
                let mut unloaded = unloaded.lock().await;
                let wanted = unloaded.iter().position(|service| self.routes.is_wanted(service));
                if unloaded.is_empty() {
                    break;
                }
                unloaded.swap_remove(wanted.unwrap_or_default())
            };
            if let Err(error) = self.load_active(&service).await {
                tracing::error!(service, "not served: {error}");
                self.routes.fail(&service);
            }
            self.loading.send_modify(|loading| *loading -= 1);
        }
    }

    async fn load_active(self: &Arc<Self>, service: &str) -> Result<(), ControlError> {
        let _change = self.change(service).await;
        // A deploy may have been faster.
        if self.routes.plan(service).is_err() {
            let known = self.known(service).await?;
            let number = active(&known)?;
            let version = self.load(service, number).await?;
            // Both at once: clients of the candidate stay its clients.
            let candidate = self.resume(&known).await;
            self.routes.replace(service, number, version, candidate);
        }
        Ok(())
    }

    /// Whether only signed bundles are taken.
    pub(crate) fn signed_only(&self) -> bool {
        self.loader.signed_only()
    }

    /// Makes a bundle, uploaded by `by`, the next version of `service`, whatever name it was compiled under: the active one, or
    /// one on trial beside it.
    ///
    /// # Errors
    /// A bundle that is damaged, not trusted, for another engine, or does not load; a trial that is under way, or has nothing to
    /// begin beside; a store that fails.
    pub(crate) async fn deploy(
        self: &Arc<Self>,
        service: &str,
        upload: Bytes,
        by: Option<String>,
        trial: Option<Kind>,
    ) -> Result<api::Deployed, ControlError> {
        let deployed = self.try_deploy(service, upload, by, trial).await;
        self.counters.deployed(deployed.is_ok());
        deployed
    }

    async fn try_deploy(
        self: &Arc<Self>,
        service: &str,
        upload: Bytes,
        by: Option<String>,
        trial: Option<Kind>,
    ) -> Result<api::Deployed, ControlError> {
        let start = Instant::now();
        if !is_service_name(service) {
            return Err(BundleError::from(ManifestError::Service(service.into())).into());
        }
        let limit = self.max_bundle_bytes;
        let read = spawn_blocking(move || Bundle::read(&upload[..], limit));
        let mut bundle = read.await.map_err(|_| ControlError::Stopping)??;
        bundle.manifest.service = service.into();
        let bundle = Arc::new(bundle);

        let _change = self.change(service).await;
        self.free_for(service, trial.as_ref()).await?;
        let name = service.to_owned();
        let number = self.blocking(move |store| store.next_number(&name)).await?;
        let version = Arc::new(self.loader.load(number, Source::Bundle(Arc::clone(&bundle))).await?);
        let state = trial.as_ref().map_or(api::VersionState::Active, trials::state);
        let trial = trial.map(trials::begun);
        let (stored, kept) = (Arc::clone(&bundle), trial.clone());
        self.blocking(move |store| store.add(number, &stored, by.as_deref(), kept.as_ref())).await?;
        match trial {
            None => self.routes.switch(service, number, version),
            Some(trial) => self.begin(service, number, version, &trial)?,
        }
        let load_ms = start.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(service, version = number, load_ms, %state, "deployed");
        let endpoints = bundle.manifest.endpoints.clone();
        Ok(api::Deployed { service: service.into(), version: format!("v{number}"), state, endpoints, load_ms })
    }

    /// Makes version `to` active, by default the one that was active before the present one. Either ends a trial; while a canary
    /// answers, the default is the active version alone, since that is what answered before.
    ///
    /// # Errors
    /// There is no such service or version, it is the one on trial, it does not load, or the store fails.
    pub(crate) async fn rollback(&self, service: &str, to: Option<&str>) -> Result<api::RolledBack, ControlError> {
        let _change = self.change(service).await;
        let known = self.known(service).await?;
        let active = active(&known)?;
        let canary = self.canary(&known).await?;
        let target = match (to, canary) {
            (Some(version), _) => find(&known, version)?,
            (None, Some(_)) => active,
            (None, None) => known.previous().ok_or(ControlError::NoPrevious { service: service.into(), active })?,
        };
        if let Some(candidate) = known.candidate.filter(|candidate| *candidate == target) {
            return Err(ControlError::OnTrial { service: service.into(), candidate });
        }
        let from = canary.filter(|_| target == active).unwrap_or(active);
        if target != active || known.candidate.is_some() {
            let ended = trials::ended(Outcome::Aborted, By::Operator, format!("rolled back to v{target}"));
            self.activate(&known, target, Some(ended)).await?;
            self.counters.rolled_back();
            tracing::info!(service, from, to = target, "rolled back");
        }
        Ok(api::RolledBack { service: service.into(), from: format!("v{from}"), to: format!("v{target}") })
    }

    /// Deletes a version that is neither active nor on trial.
    ///
    /// # Errors
    /// There is no such service or version, it is active or on trial, or the store fails.
    pub(crate) async fn remove_version(&self, service: &str, version: &str) -> Result<(), ControlError> {
        let _change = self.change(service).await;
        let known = self.known(service).await?;
        let number = find(&known, version)?;
        let active = active(&known)?;
        if number == active {
            return Err(ControlError::Active { service: service.into(), active });
        }
        if known.candidate == Some(number) {
            return Err(ControlError::OnTrial { service: service.into(), candidate: number });
        }
        let name = service.to_owned();
        self.blocking(move |store| store.remove_versions(&name, &[number])).await?;
        self.routes.forget(service, number);
        tracing::info!(service, version = number, "deleted");
        self.sweep().await;
        Ok(())
    }

    /// Deletes all versions of `service` but the newest `keep` and those in use: the active one, the one on trial, and any
    /// that still answers requests.
    ///
    /// # Errors
    /// There is no such service, or the store fails.
    pub(crate) async fn prune(&self, service: &str, keep: usize) -> Result<api::Pruned, ControlError> {
        let _change = self.change(service).await;
        let known = self.known(service).await?;
        let active = active(&known)?;
        let mut old: Vec<u64> = known.versions().collect();
        old.sort_unstable();
        old.truncate(old.len().saturating_sub(keep));
        let is_routed = |number| active == number || known.candidate == Some(number);
        let is_used = |number: &u64| is_routed(*number) || self.routes.is_draining(service, *number);
        let (in_use, deleted): (Vec<_>, Vec<_>) = old.into_iter().partition(is_used);
        if !deleted.is_empty() {
            let (name, numbers) = (service.to_owned(), deleted.clone());
            self.blocking(move |store| store.remove_versions(&name, &numbers)).await?;
            deleted.iter().for_each(|number| self.routes.forget(service, *number));
            tracing::info!(service, versions = ?deleted, "pruned");
            self.sweep().await;
        }
        let names = |numbers: Vec<u64>| numbers.into_iter().map(|number| format!("v{number}")).collect();
        Ok(api::Pruned { service: service.into(), deleted: names(deleted), in_use: names(in_use) })
    }

    /// Deletes a service with all its versions and keys.
    ///
    /// # Errors
    /// There is no such service, or the store fails.
    pub(crate) async fn remove_service(&self, service: &str) -> Result<(), ControlError> {
        let _change = self.change(service).await;
        self.known(service).await?;
        let (name, access) = (service.to_owned(), Arc::clone(&self.access));
        // Keys first: should the gateway be killed in between, nobody is let in who should not be.
        spawn_blocking(move || access.forget_service(&name)).await.map_err(|_| ControlError::Stopping)??;
        let name = service.to_owned();
        self.blocking(move |store| store.remove_service(&name)).await?;
        self.routes.remove(service);
        self.logs.remove(service);
        tracing::info!(service, "deleted");
        self.sweep().await;
        Ok(())
    }

    /// Makes an API key of a service and gives its secret.
    ///
    /// # Errors
    /// There is no such service, the name is malformed or taken, or the store fails.
    pub(crate) async fn create_key(&self, service: &str, name: String) -> Result<String, ControlError> {
        // A key that is made while its service is deleted would open the next one of that name.
        let _change = self.change(service).await;
        self.known(service).await?;
        let (service, access) = (service.to_owned(), Arc::clone(&self.access));
        let create = move || access.create_key(&service, &name);
        Ok(spawn_blocking(create).await.map_err(|_| ControlError::Stopping)??)
    }

    /// A version that is in memory.
    pub(crate) fn held(&self, service: &str, number: u64) -> Option<Arc<Version>> {
        self.routes.loaded(service, number)
    }

    /// Checks that there is such a version.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub(crate) async fn known_version(&self, service: &str, number: u64) -> Result<(), ControlError> {
        find(&self.known(service).await?, &format!("v{number}")).map(drop)
    }

    /// Loads a version that no plan names, and keeps it in memory until it is released.
    ///
    /// # Errors
    /// There is no such version, it does not load, or the store fails.
    pub(crate) async fn keep(&self, service: &str, number: u64) -> Result<Arc<Version>, ControlError> {
        let _change = self.change(service).await;
        let version = match self.routes.loaded(service, number) {
            Some(version) => version,
            None => self.load(service, number).await?,
        };
        self.routes.keep(service, number, &version);
        Ok(version)
    }

    /// Keeps a version no longer.
    pub(crate) fn release(&self, service: &str, number: u64) {
        self.routes.release(service, number);
    }

    async fn load(&self, service: &str, number: u64) -> Result<Arc<Version>, ControlError> {
        let name = service.to_owned();
        let kept = self.blocking(move |store| store.version(&name, number)).await?;
        let kept = kept.ok_or_else(|| StoreError::Unknown { service: service.into(), number })?;
        let source = Source::Store(Arc::clone(&self.store), Box::new(kept));
        Ok(Arc::new(self.loader.load(number, source).await?))
    }

    /// Compiled components of versions that are gone only take space, so failing to remove them fails nothing else.
    async fn sweep(&self) {
        let swept = match self.blocking(|store| store.digests()).await {
            Ok(digests) => self.loader.sweep(&digests).await.map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = swept {
            tracing::warn!("compiled components of deleted versions are not removed: {error}");
        }
    }

    async fn change(&self, service: &str) -> OwnedMutexGuard<()> {
        let lock = Arc::clone(&self.changes.entry(service.to_owned()).or_default());
        lock.lock_owned().await
    }

    async fn known(&self, service: &str) -> Result<Service, ControlError> {
        let name = service.to_owned();
        let known = self.blocking(move |store| store.service(&name)).await?;
        known.ok_or_else(|| ControlError::UnknownService(service.into()))
    }

    /// The store waits for the disk, so it is called off the threads that serve.
    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let store = Arc::clone(&self.store);
        Ok(spawn_blocking(move || call(&*store)).await.map_err(|_| ControlError::Stopping)??)
    }
}

fn active(service: &Service) -> Result<u64, ControlError> {
    service.active().ok_or_else(|| ControlError::UnknownService(service.name.clone()))
}

/// The number of a version that is named as in `v2`.
fn find(service: &Service, version: &str) -> Result<u64, ControlError> {
    let named = service.versions().find(|number| format!("v{number}") == version);
    named.ok_or_else(|| ControlError::UnknownVersion { service: service.name.clone(), version: version.into() })
}
