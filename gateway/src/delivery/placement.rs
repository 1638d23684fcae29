//! Which version answers a request: the active one, the canary that has a share, or the one that the URL names.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use titan_sdk::manifest::Auth;

use crate::delivery::canary::{Side, set_cookie};
use crate::delivery::route::Plan;
use crate::delivery::shadow::Shadow;
use crate::delivery::trial::Trial;
use crate::version::Version;

/// A request's version, for as long as the request lasts, and its part in a trial.
pub(crate) struct Placement {
    pub(crate) version: Arc<Version>,
    /// Whether the client must show a key of the service.
    pub(crate) needs_key: bool,
    /// Tells the client's next request where this one went.
    pub(crate) set_cookie: Option<HeaderValue>,
    trial: Option<(Arc<Trial>, Side)>,
}

impl Placement {
    /// A request that is for this version and no trial's.
    pub(crate) fn direct(version: Arc<Version>) -> Placement {
        Placement { needs_key: version.auth() == Auth::Key, version, set_cookie: None, trial: None }
    }

    /// The same, with a key asked for in any case if `always`.
    pub(crate) fn with_key(self, always: bool) -> Placement {
        Placement { needs_key: self.needs_key || always, ..self }
    }

    /// A request to `service` with these headers, by its plan.
    pub(crate) fn by_plan(service: &str, plan: &Plan<Version>, headers: &HeaderMap) -> Placement {
        let Some(candidate) = &plan.candidate else { return Placement::direct(Arc::clone(&plan.active)) };
        let (side, tell) = match &*candidate.trial {
            Trial::Canary(canary) => canary.place(headers, plan.active.label(), candidate.version.label()),
            Trial::Shadow(_) => (Side::Active, false),
        };
        let version = match side {
            Side::Active => &plan.active,
            Side::Canary => &candidate.version,
        };
        Placement {
            set_cookie: if tell { set_cookie(service, version.label()) } else { None },
            trial: Some((Arc::clone(&candidate.trial), side)),
            ..Placement::direct(Arc::clone(version)).with_key(plan.active.auth() == Auth::Key)
        }
    }

    /// Counts an answer that took so long.
    pub(crate) fn answered(&self, latency: Duration, failed: bool) {
        if let Some((trial, side)) = &self.trial
            && let Trial::Canary(canary) = &**trial
        {
            canary.record(*side, latency, failed);
        }
    }

    /// Who gets a copy of the request.
    pub(crate) fn shadow(&self) -> Option<&Shadow> {
        match &*self.trial.as_ref()?.0 {
            Trial::Shadow(shadow) => Some(shadow),
            Trial::Canary(_) => None,
        }
    }
}
