//! A backup becomes the data folder of a gateway.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use titan_sdk::api::Snapshot;
use titan_sdk::backup::{self, BackupError};

use crate::store::{Embedded, StoreError};

/// Why a backup is not restored. The folder is as it was then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There may be a store already.
    #[error("{0} is not empty: restore into a new folder, or move this one away first")]
    NotEmpty(PathBuf),
    /// The folder cannot be made.
    #[error("{0} cannot be made ({1}): check that the disk has space and the folder above it is writable")]
    Folder(PathBuf, io::Error),
    /// The backup is refused.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The new store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the folder `data`, which must be missing or empty, of a backup. It gets its name only when all of it is verified and on
/// disk.
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(reader: impl Read, data: &Path) -> Result<Snapshot, RestoreError> {
    if fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(RestoreError::NotEmpty(data.to_owned()));
    }
    let folder = |cause| RestoreError::Folder(data.to_owned(), cause);
    let absolute = std::path::absolute(data).map_err(folder)?;
    let parent = absolute.parent().unwrap_or(&absolute);
    fs::create_dir_all(parent).map_err(folder)?;
    // Beside it, so that it can be renamed.
    let unfinished = tempfile::Builder::new().prefix(".titan-restore").tempdir_in(parent).map_err(folder)?;
    let store = Embedded::open(unfinished.path())?;
    let snapshot = backup::read(reader, |digest, data| store.put_blob(digest, data).map_err(RestoreError::from))?;
    store.import(&snapshot)?;
    drop(store);
    // Onto an empty folder a folder can be renamed.
    fs::rename(unfinished.path(), &absolute).map_err(folder)?;
    fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(folder)?;
    Ok(snapshot)
}
