//! The embedded store's metadata as one value, and back. Rows travel as they are: what they mean is the tables' own affair.

use std::collections::{BTreeMap, HashSet};

use redb::{Database, ReadableDatabase, ReadableTable};
use serde_json::Value;
use titan_sdk::api::{Snapshot, SnapshotVersion};
use titan_sdk::backup::FORMAT;

use super::credentials;
use super::embedded::{Record, SERVICES, VERSIONS, decode, encode, metadata};
use super::{Credential, StoreError, Version};

/// All tables as of one moment.
pub(super) fn take(database: &Database) -> Result<Snapshot, StoreError> {
    let transaction = database.begin_read().map_err(metadata)?;
    let mut services = BTreeMap::new();
    for entry in transaction.open_table(SERVICES).map_err(metadata)?.iter().map_err(metadata)? {
        let (name, row) = entry.map_err(metadata)?;
        services.insert(name.value().to_owned(), decode(row.value())?);
    }
    let (mut versions, mut blobs) = (Vec::new(), BTreeMap::new());
    for entry in transaction.open_table(VERSIONS).map_err(metadata)?.iter().map_err(metadata)? {
        let (key, row) = entry.map_err(metadata)?;
        let (service, number) = key.value();
        versions.push(SnapshotVersion { service: service.to_owned(), number, row: decode(row.value())? });
        let version: Version = decode(row.value())?;
        blobs.extend(version.manifest.parts().map(|part| (part.sha256.clone(), part.bytes)));
    }
    let credentials = credentials::rows(&transaction)?;
    Ok(Snapshot { format: FORMAT, services, versions, credentials, blobs })
}

/// Fills the empty tables in one transaction.
pub(super) fn put(database: &Database, snapshot: &Snapshot) -> Result<(), StoreError> {
    let blobs: HashSet<&str> = snapshot.blobs.keys().map(String::as_str).collect();
    let transaction = database.begin_write().map_err(metadata)?;
    {
        let mut services = transaction.open_table(SERVICES).map_err(metadata)?;
        for (name, row) in &snapshot.services {
            let _: Record = typed(row)?;
            services.insert(name.as_str(), encode(row)?.as_slice()).map_err(metadata)?;
        }
        let mut versions = transaction.open_table(VERSIONS).map_err(metadata)?;
        for SnapshotVersion { service, number, row } in &snapshot.versions {
            let version: Version = typed(row)?;
            if let Some(part) = version.manifest.parts().find(|part| !blobs.contains(part.sha256.as_str())) {
                let problem = format!("{service} v{number} needs blob {} which the backup lacks", part.sha256);
                return Err(StoreError::Metadata(problem));
            }
            versions.insert((service.as_str(), *number), encode(row)?.as_slice()).map_err(metadata)?;
        }
        for row in &snapshot.credentials {
            let credential: Credential = typed(row)?;
            credentials::insert(&transaction, &credential)?;
        }
    }
    transaction.commit().map_err(metadata)
}

/// A row that this titan can read.
fn typed<T: serde::de::DeserializeOwned>(row: &Value) -> Result<T, StoreError> {
    T::deserialize(row).map_err(metadata)
}
