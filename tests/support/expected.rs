//! What a gateway must know of one service: a model of the changes that it acknowledged, and of the one it may have made.

use std::collections::BTreeMap;

use titan_sdk::bundle::part;
use titan_sdk::client::{Client, ClientError};
use titan_sdk::trial::Kind;

use crate::bundle::{bundle, packed, small};

/// A change of a service.
#[derive(Clone, Debug)]
pub enum Change {
    /// Of a bundle with this mark.
    Deploy(u64),
    /// The same, on trial beside the active version.
    TryOut(u64),
    Promote,
    Abort,
    Rollback(u64),
    DeleteVersion(u64),
    DeleteService,
    Prune(usize),
}

/// A service after some changes.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    /// Digest of each version's notebook, which the mark decides.
    versions: BTreeMap<u64, String>,
    /// Every version that was ever active, in the order of last activation.
    activations: Vec<u64>,
    /// The version on trial.
    candidate: Option<u64>,
    /// Largest number ever given.
    last: u64,
}

/// A service as the gateway tells of it.
#[derive(Debug, PartialEq)]
pub struct Found {
    versions: BTreeMap<String, String>,
    pub active: Option<String>,
    previous: Option<String>,
    candidate: Option<String>,
}

/// A service as it must be.
pub struct Expected {
    pub service: &'static str,
    acknowledged: State,
    /// Asked for, and not answered.
    open: Option<Change>,
    /// No two bundles are alike.
    next_mark: u64,
}

impl Change {
    /// Any change that the service's state allows.
    pub fn any(expected: &mut Expected, below: &mut dyn FnMut(u64) -> u64) -> Change {
        let State { versions, activations, candidate, .. } = &expected.acknowledged;
        let mut one_of = |numbers: &[u64]| {
            let index = below(numbers.len() as u64);
            numbers[usize::try_from(index).unwrap()]
        };
        let choice = one_of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        let active = activations.last().copied();
        let settled: Vec<u64> = versions.keys().copied().filter(|number| Some(*number) != *candidate).collect();
        let inactive: Vec<u64> = settled.iter().copied().filter(|number| Some(*number) != active).collect();
        match choice {
            0..=2 if active.is_some() => Change::Rollback(one_of(&settled)),
            3 if !inactive.is_empty() => Change::DeleteVersion(one_of(&inactive)),
            4 if versions.len() > 2 => Change::Prune(2),
            5 if versions.len() > 3 => Change::DeleteService,
            6 | 7 if candidate.is_some() => Change::Promote,
            // No deploy while one is on trial.
            _ if candidate.is_some() => Change::Abort,
            _ => {
                let on_trial = choice > 8 && active.is_some();
                expected.next_mark += 1;
                let mark = expected.next_mark;
                if on_trial { Change::TryOut(mark) } else { Change::Deploy(mark) }
            }
        }
    }

    pub fn ask(&self, client: &Client, service: &str) -> Result<(), ClientError> {
        match self {
            Change::Deploy(mark) => client.deploy(service, &marked(service, *mark)).map(drop),
            Change::TryOut(mark) => client.try_out(service, &marked(service, *mark), &Kind::Shadow).map(drop),
            Change::Promote => client.promote(service).map(drop),
            Change::Abort => client.abort(service).map(drop),
            Change::Rollback(to) => client.rollback(service, Some(&format!("v{to}"))).map(drop),
            Change::DeleteVersion(number) => client.delete_version(service, &format!("v{number}")),
            Change::DeleteService => client.delete_service(service),
            Change::Prune(keep) => client.prune(service, *keep).map(drop),
        }
    }
}

impl State {
    fn after(&self, service: &str, change: &Change) -> State {
        let mut state = self.clone();
        match *change {
            Change::Deploy(mark) => {
                let number = state.add(service, mark);
                state.activations.push(number);
            }
            Change::TryOut(mark) => state.candidate = Some(state.add(service, mark)),
            Change::Promote => {
                let promoted = state.candidate.take();
                state.activations.extend(promoted);
            }
            Change::Abort => state.candidate = None,
            Change::Rollback(to) => {
                state.candidate = None;
                state.activations.retain(|number| *number != to);
                state.activations.push(to);
            }
            Change::DeleteVersion(number) => state.forget(&[number]),
            Change::DeleteService => {
                state.versions.clear();
                state.activations.clear();
                state.candidate = None;
            }
            Change::Prune(keep) => {
                let mut numbers: Vec<u64> = state.versions.keys().copied().collect();
                numbers.truncate(numbers.len().saturating_sub(keep));
                let in_use = [state.activations.last().copied(), state.candidate];
                numbers.retain(|number| !in_use.contains(&Some(*number)));
                state.forget(&numbers);
            }
        }
        state
    }

    fn add(&mut self, service: &str, mark: u64) -> u64 {
        self.last += 1;
        self.versions.insert(self.last, notebook(service, mark).1);
        self.last
    }

    fn forget(&mut self, numbers: &[u64]) {
        self.versions.retain(|number, _| !numbers.contains(number));
        self.activations.retain(|number| !numbers.contains(number));
    }

    fn told(&self) -> Found {
        let name = |number: &u64| format!("v{number}");
        Found {
            versions: self.versions.iter().map(|(number, digest)| (name(number), digest.clone())).collect(),
            active: self.activations.last().map(name),
            previous: self.activations.iter().rev().nth(1).map(name),
            candidate: self.candidate.as_ref().map(name),
        }
    }
}

impl Found {
    pub fn ask(client: &Client, service: &str) -> Result<Found, ClientError> {
        let known = client.services()?.into_iter().find(|known| known.name == service);
        let Some(known) = known else {
            return Ok(State::default().told());
        };
        let versions = client.versions(service)?.into_iter();
        let versions = versions.map(|version| (version.version, version.notebook_sha256)).collect();
        Ok(Found { versions, active: known.active, previous: known.previous, candidate: known.candidate })
    }
}

impl Expected {
    pub fn new(service: &'static str) -> Expected {
        Expected { service, acknowledged: State::default(), open: None, next_mark: 0 }
    }

    pub fn begin(&mut self, change: Change) {
        assert!(self.open.is_none());
        self.open = Some(change);
    }

    pub fn acknowledge(&mut self) {
        let change = self.open.take().unwrap();
        self.acknowledged = self.acknowledged.after(self.service, &change);
    }

    /// Compares with what a restarted gateway tells, and takes over whether the open change was made.
    pub fn settle(&mut self, found: &Found) -> Settled {
        let without = self.acknowledged.told();
        let open = self.open.take();
        // A change that changes nothing counts as made.
        if let Some(with) = open.as_ref().map(|open| self.acknowledged.after(self.service, open))
            && *found == with.told()
        {
            self.acknowledged = with;
            return Settled::Made;
        }
        if *found == without {
            return if open.is_some() { Settled::Absent } else { Settled::NothingOpen };
        }
        println!("{}: acknowledged {without:?}, then asked for {open:?}, found {found:?}", self.service);
        let is_there = |version: &String| found.versions.contains_key(version);
        if open.is_none() || !without.versions.keys().all(is_there) { Settled::Lost } else { Settled::Torn }
    }
}

/// What became of the changes that were acknowledged, and of the open one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Settled {
    NothingOpen,
    Made,
    Absent,
    /// Something acknowledged is not there.
    Lost,
    /// The open change is there in part.
    Torn,
}

fn notebook(service: &str, mark: u64) -> (Vec<u8>, String) {
    let text = format!("{{\"mark\": \"{service} {mark}\"}}").into_bytes();
    let digest = titan_sdk::digest::sha256_hex(&text);
    (text, digest)
}

/// The component is the same in all, so blobs are shared between versions and services.
fn marked(service: &str, mark: u64) -> Vec<u8> {
    let mut bundle = bundle(small());
    bundle.notebook = notebook(service, mark).0;
    bundle.manifest.notebook = part("notebook.ipynb", &bundle.notebook);
    packed(&bundle)
}
