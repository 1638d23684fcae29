//! The default store: one folder, with metadata in `redb` and parts of bundles as files.
//!
//! A change writes files first, then their folder, then commits the metadata that mentions them, each with an fsync. A crash
//! in between leaves files that nothing mentions; opening the store removes them.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
    WriteTransaction,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use titan_sdk::api::Snapshot;
use titan_sdk::bundle::{Bundle, verify};
use titan_sdk::digest::{is_sha256_hex, sha256_hex};
use titan_sdk::manifest::Part;
use titan_sdk::trial::Trial;

use super::blobs::{Blobs, at, sync_folder};
use super::{Credential, Service, Store, StoreError, Version, credentials, snapshot};

/// JSON of [`Record`] by service name.
pub(super) const SERVICES: TableDefinition<&str, &[u8]> = TableDefinition::new("services");
/// JSON of [`Version`] by service name and number.
pub(super) const VERSIONS: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("versions");

/// What is kept of a service, even after its last version was removed.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The largest number ever given to a version.
    last: u64,
    /// See [`Service::activations`].
    activations: Vec<u64>,
    /// See [`Service::unpromoted`].
    #[serde(default)]
    unpromoted: Vec<u64>,
    /// See [`Service::candidate`].
    #[serde(default)]
    candidate: Option<u64>,
}

/// A store in one folder.
pub(crate) struct Embedded {
    metadata: Database,
    blobs: Blobs,
    /// Held by every change, so that none removes files which another is about to mention.
    changing: Mutex<()>,
}

impl Embedded {
    /// Opens the store in `folder`, makes it where it is missing, and removes what a crash left behind.
    ///
    /// # Errors
    /// A folder that another gateway uses, or that cannot be written.
    pub(crate) fn open(folder: &Path) -> Result<Embedded, StoreError> {
        // It holds notebooks, and machine code that is run as it is.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
        let file = folder.join("metadata.redb");
        let metadata = Database::create(&file).map_err(|e| match e {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(folder.to_owned()),
            // Of a file that is no database, or not whole, redb says that with these two.
            DatabaseError::Storage(StorageError::Io(cause))
                if !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                StoreError::File { path: file.clone(), cause }
            }
            e => StoreError::Metadata(e.to_string()),
        })?;
        let blobs = Blobs::open(folder.join("blobs"))?;
        let store = Embedded { metadata, blobs, changing: Mutex::new(()) };
        store.change(|_, _| Ok(()))?;
        credentials::open(&store.metadata)?;
        store.blobs.sweep(&store.digests()?)?;
        sync_folder(folder)?;
        // The folder's own name, in case it is new.
        if let Some(parent) = folder.canonicalize().map_err(at(folder))?.parent() {
            sync_folder(parent)?;
        }
        Ok(store)
    }

    /// Commits what `change` does to the tables, or nothing at all if it fails.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Table<&str, &[u8]>, &mut Table<(&str, u64), &[u8]>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction: WriteTransaction = self.metadata.begin_write().map_err(metadata)?;
        let result = {
            let mut services = transaction.open_table(SERVICES).map_err(metadata)?;
            let mut versions = transaction.open_table(VERSIONS).map_err(metadata)?;
            change(&mut services, &mut versions)?
        };
        transaction.commit().map_err(metadata)?;
        Ok(result)
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.metadata.begin_read().map_err(metadata)
    }

    /// Removes blobs that no version mentions any more. They only take space, so failing to remove them fails nothing else.
    fn sweep(&self) {
        if let Err(error) = self.digests().and_then(|digests| self.blobs.sweep(&digests)) {
            tracing::warn!("blobs of deleted versions are not removed: {error}");
        }
    }

    /// Keeps a blob for [`Embedded::import`]. `digest` is the SHA-256 of `data`.
    pub(crate) fn put_blob(&self, digest: &str, data: &[u8]) -> Result<(), StoreError> {
        self.blobs.put(digest, data)
    }

    /// Fills a new store, whose blobs were put before.
    pub(crate) fn import(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.blobs.sync()?;
        snapshot::put(&self.metadata, snapshot)
    }

    /// Files change under this lock only.
    fn changing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data that a panic could leave half changed.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Embedded {
    fn services(&self) -> Result<Vec<Service>, StoreError> {
        let mut all = Vec::new();
        for entry in self.read()?.open_table(SERVICES).map_err(metadata)?.iter().map_err(metadata)? {
            let (name, record) = entry.map_err(metadata)?;
            all.extend(service(name.value(), decode(record.value())?));
        }
        Ok(all)
    }

    fn service(&self, name: &str) -> Result<Option<Service>, StoreError> {
        let table = self.read()?.open_table(SERVICES).map_err(metadata)?;
        Ok(service(name, record(&table, name)?))
    }

    fn versions(&self, service: &str) -> Result<Vec<Version>, StoreError> {
        let table = self.read()?.open_table(VERSIONS).map_err(metadata)?;
        let range = table.range((service, 0)..=(service, u64::MAX)).map_err(metadata)?;
        range.map(|entry| decode(entry.map_err(metadata)?.1.value())).collect()
    }

    fn version(&self, service: &str, number: u64) -> Result<Option<Version>, StoreError> {
        let table = self.read()?.open_table(VERSIONS).map_err(metadata)?;
        let entry = table.get((service, number)).map_err(metadata)?;
        entry.map(|entry| decode(entry.value())).transpose()
    }

    fn next_number(&self, service: &str) -> Result<u64, StoreError> {
        let table = self.read()?.open_table(SERVICES).map_err(metadata)?;
        Ok(record(&table, service)?.last + 1)
    }

    fn add(&self, number: u64, bundle: &Bundle, by: Option<&str>, trial: Option<&Trial>) -> Result<(), StoreError> {
        let _changing = self.changing();
        let manifest = &bundle.manifest;
        let name = manifest.service.as_str();
        let data = [&bundle.component].into_iter().chain(&bundle.models).chain([&bundle.notebook]);
        for (part, data) in manifest.parts().zip(data) {
            self.blobs.put(&part.sha256, data)?;
        }
        self.blobs.sync()?;
        let (deployed_by, signed) = (by.map(Into::into), bundle.signed.clone());
        let (manifest, trial) = (manifest.clone(), trial.cloned());
        let version = Version { number, deployed_at: now(), deployed_by, manifest, signed, trial };
        self.change(|services, versions| {
            let mut record = record(services, name)?;
            if number <= record.last {
                return Err(StoreError::Taken { service: name.into(), number });
            }
            record.last = number;
            if version.trial.is_some() {
                record.unpromoted.push(number);
                record.candidate = Some(number);
            } else {
                record.activations.push(number);
            }
            services.insert(name, encode(&record)?.as_slice()).map_err(metadata)?;
            versions.insert((name, number), encode(&version)?.as_slice()).map_err(metadata)?;
            Ok(())
        })
    }

    fn activate(&self, service: &str, number: u64, ended: Option<&Trial>) -> Result<(), StoreError> {
        self.change(|services, versions| {
            let mut record = record(services, service)?;
            if let Some(candidate) = record.candidate.take() {
                let kept = versions.get((service, candidate)).map_err(metadata)?.map(|kept| decode(kept.value()));
                let kept: Version = kept.ok_or_else(|| unknown(service, candidate))??;
                let trial = ended.cloned().or(kept.trial);
                let version = encode(&Version { trial, ..kept })?;
                versions.insert((service, candidate), version.as_slice()).map_err(metadata)?;
            }
            remove(&mut record, service, number)?;
            record.activations.push(number);
            services.insert(service, encode(&record)?.as_slice()).map_err(metadata)?;
            Ok(())
        })
    }

    fn remove_versions(&self, service: &str, numbers: &[u64]) -> Result<(), StoreError> {
        let _changing = self.changing();
        self.change(|services, versions| {
            let mut record = record(services, service)?;
            for &number in numbers {
                remove(&mut record, service, number)?;
                versions.remove((service, number)).map_err(metadata)?;
            }
            services.insert(service, encode(&record)?.as_slice()).map_err(metadata)?;
            Ok(())
        })?;
        self.sweep();
        Ok(())
    }

    fn remove_service(&self, service: &str) -> Result<(), StoreError> {
        let _changing = self.changing();
        self.change(|services, versions| {
            let mut record = record(services, service)?;
            for number in record.activations.drain(..).chain(record.unpromoted.drain(..)) {
                versions.remove((service, number)).map_err(metadata)?;
            }
            record.candidate = None;
            services.insert(service, encode(&record)?.as_slice()).map_err(metadata)?;
            Ok(())
        })?;
        self.sweep();
        Ok(())
    }

    fn part(&self, part: &Part) -> Result<Vec<u8>, StoreError> {
        let data = self.blobs.get(&part.sha256)?;
        verify(part, &data)?;
        Ok(data)
    }

    fn digests(&self) -> Result<HashSet<String>, StoreError> {
        let mut digests = HashSet::new();
        for entry in self.read()?.open_table(VERSIONS).map_err(metadata)?.iter().map_err(metadata)? {
            let version: Version = decode(entry.map_err(metadata)?.1.value())?;
            digests.extend(version.manifest.parts().map(|part| part.sha256.clone()));
        }
        Ok(digests)
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        snapshot::take(&self.metadata)
    }

    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if !is_sha256_hex(digest) || !self.digests()?.contains(digest) {
            return Ok(None);
        }
        let data = self.blobs.get(digest)?;
        if sha256_hex(&data) == digest { Ok(Some(data)) } else { Err(StoreError::Blob(digest.into())) }
    }

    fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        credentials::all(&self.metadata)
    }

    fn add_credential(&self, credential: &Credential) -> Result<bool, StoreError> {
        credentials::add(&self.metadata, credential)
    }

    fn remove_credentials(&self, which: &dyn Fn(&Credential) -> bool) -> Result<usize, StoreError> {
        credentials::remove(&self.metadata, which)
    }
}

/// What is kept of the service `name`; the default for one never seen.
fn record(table: &impl ReadableTable<&'static str, &'static [u8]>, name: &str) -> Result<Record, StoreError> {
    table.get(name).map_err(metadata)?.map_or_else(|| Ok(Record::default()), |entry| decode(entry.value()))
}

/// A service is visible while it has versions.
fn service(name: &str, record: Record) -> Option<Service> {
    let Record { activations, unpromoted, candidate, .. } = record;
    (!activations.is_empty()).then(|| Service { name: name.into(), activations, unpromoted, candidate })
}

fn remove(record: &mut Record, service: &str, number: u64) -> Result<(), StoreError> {
    let numbers = record.activations.len() + record.unpromoted.len();
    record.activations.retain(|&kept| kept != number);
    record.unpromoted.retain(|&kept| kept != number);
    record.candidate.take_if(|candidate| *candidate == number);
    if record.activations.len() + record.unpromoted.len() < numbers { Ok(()) } else { Err(unknown(service, number)) }
}

fn unknown(service: &str, number: u64) -> StoreError {
    StoreError::Unknown { service: service.into(), number }
}

fn now() -> u64 {
    // A clock before 1970 is a broken clock; the deploy is no less valid.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(metadata)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(metadata)
}

pub(super) fn metadata(error: impl std::fmt::Display) -> StoreError {
    StoreError::Metadata(error.to_string())
}

#[cfg(test)]
mod tests {
    use titan_sdk::bundle::part;
    use titan_sdk::manifest::{Config, Endpoint, FORMAT, Manifest};
    use titan_sdk::trial::{By, Ended, Kind, Outcome};

    use super::*;

    fn bundle(service: &str, component: &[u8]) -> Bundle {
        let manifest = Manifest {
            format: FORMAT,
            service: service.into(),
            endpoints: vec![Endpoint { name: "get-x".into(), method: "GET".into(), path: "/x".into(), example: None }],
            config: Config::default(),
            engine: sha256_hex(b"engine"),
            component: part("component.wasm", component),
            models: Vec::new(),
            notebook: part("notebook.ipynb", b"{}"),
            parity: Vec::new(),
        };
        Bundle { manifest, component: component.to_vec(), models: Vec::new(), notebook: b"{}".to_vec(), signed: None }
    }

    fn deploy(store: &Embedded, service: &str, component: &[u8]) -> u64 {
        let number = store.next_number(service).unwrap();
        store.add(number, &bundle(service, component), Some("ada@lab"), None).unwrap();
        number
    }

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder.join("blobs")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metadata.redb");
        fs::create_dir(&file).unwrap();
        let error = Embedded::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        fs::remove_dir(&file).unwrap();
        fs::write(&file, "no database, but long enough to be taken for one: ".repeat(100)).unwrap();
        let error = Embedded::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("from a backup"), "{error}");
    }

    #[test]
    fn what_was_added_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!([deploy(&store, "a", b"1"), deploy(&store, "a", b"2"), deploy(&store, "b", b"1")], [1, 2, 1]);
        store.activate("a", 1, None).unwrap();
        let before = (store.services().unwrap(), store.versions("a").unwrap());
        drop(store);
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!((store.services().unwrap(), store.versions("a").unwrap()), before);
        let version = store.version("a", 2).unwrap().unwrap();
        assert_eq!(store.part(&version.manifest.component).unwrap(), b"2");
        assert_eq!(version.deployed_by.as_deref(), Some("ada@lab"));
        assert_eq!(store.version("a", 3).unwrap(), None);
    }

    #[test]
    fn the_previous_version_is_the_one_active_before_and_still_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        let state = |store: &Embedded| {
            let service = store.service("a").unwrap().unwrap();
            (service.active(), service.previous())
        };
        deploy(&store, "a", b"1");
        assert_eq!(state(&store), (Some(1), None));
        deploy(&store, "a", b"2");
        deploy(&store, "a", b"3");
        store.activate("a", 1, None).unwrap();
        assert_eq!(state(&store), (Some(1), Some(3)));
        store.remove_versions("a", &[3]).unwrap();
        assert_eq!(state(&store), (Some(1), Some(2)));
        assert!(matches!(store.activate("a", 3, None), Err(StoreError::Unknown { number: 3, .. })));
    }

    #[test]
    fn a_candidate_is_neither_active_nor_previous_until_it_is_promoted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        deploy(&store, "a", b"1");
        let trial = |reason: Option<&str>| {
            let ended =
                |reason: &str| Ended { at: 2, outcome: Outcome::Aborted, by: By::Operator, reason: reason.into() };
            Trial { kind: Kind::Shadow, started_at: 1, evidence: None, compared: None, ended: reason.map(ended) }
        };
        let state = |store: &Embedded| {
            let service = store.service("a").unwrap().unwrap();
            (service.active(), service.previous(), service.candidate, service.unpromoted)
        };
        store.add(2, &bundle("a", b"2"), None, Some(&trial(None))).unwrap();
        assert_eq!(state(&store), (Some(1), None, Some(2), vec![2]));
        // Aborted: the active version goes on.
        store.activate("a", 1, Some(&trial(Some("no")))).unwrap();
        assert_eq!(state(&store), (Some(1), None, None, vec![2]));
        assert_eq!(store.version("a", 2).unwrap().unwrap().trial, Some(trial(Some("no"))));
        store.add(3, &bundle("a", b"3"), None, Some(&trial(None))).unwrap();
        drop(store);
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!(state(&store), (Some(1), None, Some(3), vec![2, 3]));
        // Promoted.
        store.activate("a", 3, Some(&trial(Some("yes")))).unwrap();
        assert_eq!(state(&store), (Some(3), Some(1), None, vec![2]));
        store.add(4, &bundle("a", b"4"), None, Some(&trial(None))).unwrap();
        store.remove_versions("a", &[4]).unwrap();
        assert_eq!(state(&store), (Some(3), Some(1), None, vec![2]));
        store.remove_service("a").unwrap();
        assert_eq!((store.versions("a").unwrap(), files(folder.path())), (Vec::new(), Vec::<String>::new()));
    }

    #[test]
    fn a_number_is_never_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        deploy(&store, "a", b"1");
        deploy(&store, "a", b"2");
        store.remove_versions("a", &[2]).unwrap();
        assert_eq!(deploy(&store, "a", b"3"), 3);
        store.remove_service("a").unwrap();
        assert_eq!((store.services().unwrap(), store.service("a").unwrap()), (Vec::new(), None));
        assert_eq!(deploy(&store, "a", b"4"), 4);
        assert!(matches!(store.add(4, &bundle("a", b"5"), None, None), Err(StoreError::Taken { number: 4, .. })));
    }

    #[test]
    fn blobs_live_as_long_as_a_version_mentions_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        deploy(&store, "a", b"shared");
        deploy(&store, "b", b"shared");
        deploy(&store, "b", b"own");
        assert_eq!(files(folder.path()).len(), 3);
        store.remove_service("b").unwrap();
        let version = store.version("a", 1).unwrap().unwrap();
        let mut kept: Vec<_> = version.manifest.parts().map(|part| part.sha256.clone()).collect();
        kept.sort();
        assert_eq!(files(folder.path()), kept);
    }

    #[test]
    fn leftovers_of_a_crash_go_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        deploy(&store, "a", b"1");
        let part = store.version("a", 1).unwrap().unwrap().manifest.component;
        drop(store);
        for name in [".tmp123", &sha256_hex(b"never committed")] {
            fs::write(folder.path().join("blobs").join(name), b"half").unwrap();
        }
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!(files(folder.path()).len(), 2);
        fs::write(folder.path().join("blobs").join(&part.sha256), b"2").unwrap();
        assert!(matches!(store.part(&part), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn versions_are_removed_all_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        for number in 1..=4_u8 {
            deploy(&store, "a", &[number]);
        }
        assert!(matches!(store.remove_versions("a", &[1, 2, 9]), Err(StoreError::Unknown { number: 9, .. })));
        assert_eq!((store.versions("a").unwrap().len(), files(folder.path()).len()), (4, 5));
        store.remove_versions("a", &[1, 3]).unwrap();
        let numbers: Vec<_> = store.versions("a").unwrap().iter().map(|version| version.number).collect();
        assert_eq!((numbers, files(folder.path()).len()), (vec![2, 4], 3));
    }

    #[test]
    fn only_blobs_that_versions_mention_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        deploy(&store, "a", b"1");
        assert_eq!(store.blob(&sha256_hex(b"1")).unwrap().as_deref(), Some(&b"1"[..]));
        for digest in [&sha256_hex(b"2"), "../metadata.redb", ""] {
            assert_eq!(store.blob(digest).unwrap(), None, "{digest}");
        }
        fs::write(folder.path().join("blobs").join(sha256_hex(b"1")), b"x").unwrap();
        assert!(matches!(store.blob(&sha256_hex(b"1")), Err(StoreError::Blob(_))));
    }

    #[test]
    fn one_folder_serves_one_gateway() {
        let folder = tempfile::tempdir().unwrap();
        let _store = Embedded::open(folder.path()).unwrap();
        let error = Embedded::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("another gateway") && error.contains("--data"), "{error}");
    }
}
