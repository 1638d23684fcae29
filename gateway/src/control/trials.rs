//! Trials: how they begin, go on after a restart, and end, by an operator or by what the gateway has measured.

use std::sync::{Arc, Weak};
use std::time::Duration;

use titan_sdk::api;
use titan_sdk::trial::{self, By, Ended, Kind, Outcome};
use tokio::time::{MissedTickBehavior, interval};

use super::{Control, ControlError, active};
use crate::delivery::route::{Candidate, NoRoute};
use crate::delivery::trial::{Trial, now};
use crate::store::{Service, StoreError};
use crate::version::Version;

/// How often a canary is judged.
const LOOK: Duration = Duration::from_secs(1);

/// A trial's verdict: what becomes of the version, and why.
type Verdict = (Outcome, String);

impl Control {
    /// Makes the version on trial the active one.
    ///
    /// # Errors
    /// There is no such service or trial, the version does not load, or the store fails.
    pub(crate) async fn promote(&self, service: &str) -> Result<api::Promoted, ControlError> {
        let (candidate, active) = self.end(service, None, By::Operator, (Outcome::Promoted, "as asked".into())).await?;
        Ok(api::Promoted { service: service.into(), from: format!("v{active}"), to: format!("v{candidate}") })
    }

    /// Ends the trial; the active version answers alone.
    ///
    /// # Errors
    /// There is no such service or trial, or the store fails.
    pub(crate) async fn abort(&self, service: &str) -> Result<api::Aborted, ControlError> {
        let (candidate, active) = self.end(service, None, By::Operator, (Outcome::Aborted, "as asked".into())).await?;
        Ok(api::Aborted { service: service.into(), version: format!("v{candidate}"), active: format!("v{active}") })
    }

    /// Ends the trial of `only`, or whichever is under way. Gives its version, and the one that was active.
    async fn end(
        &self,
        service: &str,
        only: Option<u64>,
        by: By,
        (outcome, reason): Verdict,
    ) -> Result<(u64, u64), ControlError> {
        let _change = self.change(service).await;
        let known = self.known(service).await?;
        let candidate = known.candidate.filter(|candidate| only.is_none_or(|only| only == *candidate));
        let candidate = candidate.ok_or_else(|| ControlError::NoTrial(service.into()))?;
        let active = active(&known)?;
        let target = match outcome {
            Outcome::Promoted => candidate,
            Outcome::Aborted => active,
        };
        self.activate(&known, target, Some(ended(outcome, by, reason.clone()))).await?;
        match by {
            By::Operator => tracing::info!(service, version = candidate, active, "trial {outcome}"),
            By::Gateway => tracing::warn!(service, version = candidate, active, "trial {outcome}: {reason}"),
        }
        Ok((candidate, active))
    }

    /// Makes a version active, durably and then on the route; a trial that is under way ends so.
    pub(super) async fn activate(
        &self,
        service: &Service,
        target: u64,
        ended: Option<Ended>,
    ) -> Result<(), ControlError> {
        let name = service.name.clone();
        let version = match self.routes.loaded(&name, target) {
            Some(version) => Some(version),
            // It did not load when the gateway started; its trial can be ended all the same.
            None if service.active() == Some(target) => None,
            None => Some(self.load(&name, target).await?),
        };
        let trial = match service.candidate {
            Some(candidate) => self.kept_trial(&name, candidate).await?,
            None => None,
        };
        let end = trial.as_ref().and(ended.as_ref()).map(|ended| (ended.outcome, ended.by));
        let trial = trial.map(|mut trial| {
            self.describe_trial(&name, &mut trial);
            trial::Trial { ended, ..trial }
        });
        self.blocking(move |store| store.activate(&name, target, trial.as_ref())).await?;
        if let Some((outcome, by)) = end {
            self.counters.tried(outcome, by);
        }
        if let Some(version) = version {
            self.routes.switch(&service.name, target, version);
        }
        Ok(())
    }

    /// Checks that nothing stands against a deploy: it must not change what a trial compares, and a trial needs something to
    /// compare with.
    pub(super) async fn free_for(&self, service: &str, trial: Option<&Kind>) -> Result<(), ControlError> {
        let name = service.to_owned();
        let known = self.blocking(move |store| store.service(&name)).await?;
        if let Some(candidate) = known.and_then(|known| known.candidate) {
            return Err(ControlError::OnTrial { service: service.into(), candidate });
        }
        if trial.is_some() && self.routes.plan(service).is_err() {
            return Err(ControlError::NothingBeside(service.into()));
        }
        Ok(())
    }

    /// The candidate whose trial goes on after a restart, if there is one. One that cannot be loaded leaves the active version
    /// alone; its trial can be ended all the same.
    pub(super) async fn resume(self: &Arc<Self>, service: &Service) -> Option<(u64, Candidate<Version>)> {
        let (name, number) = (&service.name, service.candidate?);
        let resumed = async {
            let unknown = || StoreError::Unknown { service: name.clone(), number };
            let trial = self.kept_trial(name, number).await?.ok_or_else(unknown)?;
            Ok::<_, ControlError>(self.candidate(name, number, self.load(name, number).await?, &trial))
        };
        match resumed.await {
            Ok(candidate) => Some((number, candidate)),
            Err(error) => {
                tracing::error!(service = name, version = number, "its trial does not go on: {error}");
                None
            }
        }
    }

    /// Puts a version that the store keeps as the candidate on trial.
    pub(super) fn begin(
        self: &Arc<Self>,
        service: &str,
        number: u64,
        version: Arc<Version>,
        kept: &trial::Trial,
    ) -> Result<(), ControlError> {
        let begun = self.routes.begin(service, number, self.candidate(service, number, version, kept));
        begun.map_err(|_: NoRoute| ControlError::NothingBeside(service.into()))
    }

    /// A version with its trial, which is watched from now on.
    fn candidate(
        self: &Arc<Self>,
        service: &str,
        number: u64,
        version: Arc<Version>,
        kept: &trial::Trial,
    ) -> Candidate<Version> {
        let trial = Arc::new(Trial::new(service, number, &version, kept));
        tokio::spawn(watch(Arc::downgrade(self), Arc::downgrade(&trial), service.to_owned(), number));
        Candidate { version, trial }
    }

    /// Adds to what is kept of a trial under way what it has shown so far.
    pub(super) fn describe_trial(&self, service: &str, kept: &mut trial::Trial) {
        if let Ok(plan) = self.routes.plan(service)
            && let Some(candidate) = &plan.candidate
        {
            candidate.trial.describe(kept);
        }
    }

    /// The version that is on trial as a canary.
    pub(super) async fn canary(&self, service: &Service) -> Result<Option<u64>, ControlError> {
        let Some(candidate) = service.candidate else { return Ok(None) };
        let trial = self.kept_trial(&service.name, candidate).await?;
        Ok(trial.filter(|trial| matches!(trial.kind, Kind::Canary(_))).map(|_| candidate))
    }

    async fn kept_trial(&self, service: &str, number: u64) -> Result<Option<trial::Trial>, ControlError> {
        let name = service.to_owned();
        let version = self.blocking(move |store| store.version(&name, number)).await?;
        Ok(version.and_then(|version| version.trial))
    }
}

/// Judges a canary until its trial has ended.
async fn watch(control: Weak<Control>, trial: Weak<Trial>, service: String, number: u64) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        // Neither is kept alive between looks.
        let (Some(control), Some(trial)) = (control.upgrade(), trial.upgrade()) else { return };
        let Some(verdict) = verdict(&trial) else { continue };
        match control.end(&service, Some(number), By::Gateway, verdict).await {
            Ok(_) | Err(ControlError::NoTrial(_) | ControlError::UnknownService(_)) => return,
            // The gateway that takes over judges anew.
            Err(ControlError::Store(StoreError::GivenUp)) => {}
            Err(error) => tracing::error!(service, version = number, "its trial cannot be ended: {error}"),
        }
    }
}

fn verdict(trial: &Trial) -> Option<Verdict> {
    let Trial::Canary(canary) = trial else { return None };
    let evidence = canary.evidence();
    if let Some(reason) = canary.alarm(&evidence) {
        return Some((Outcome::Aborted, reason));
    }
    if canary.is_proven() {
        return Some((Outcome::Promoted, "it has kept its margins for as long as was asked".into()));
    }
    canary.turn();
    None
}

/// A trial that begins now.
pub(super) fn begun(kind: Kind) -> trial::Trial {
    trial::Trial { kind, started_at: now(), evidence: None, compared: None, ended: None }
}

/// A trial's end, now.
pub(super) fn ended(outcome: Outcome, by: By, reason: String) -> Ended {
    Ended { at: now(), outcome, by, reason }
}

/// The state of a version that is tried so.
pub(super) fn state(kind: &Kind) -> api::VersionState {
    match kind {
        Kind::Canary(_) => api::VersionState::Canary,
        Kind::Shadow => api::VersionState::Shadow,
    }
}
