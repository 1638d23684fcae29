//! Files named by the SHA-256 of what they hold, in one folder.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The folder.
pub(super) struct Blobs(PathBuf);

impl Blobs {
    /// Opens the folder, and makes it where it is missing.
    pub(super) fn open(folder: PathBuf) -> Result<Blobs, StoreError> {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(Blobs(folder))
    }

    /// Keeps `data` under `digest`. Durable only after [`Blobs::sync`].
    pub(super) fn put(&self, digest: &str, data: &[u8]) -> Result<(), StoreError> {
        let path = self.path(digest);
        // A file gets its name only when it is whole and on disk, so a file of the right name is the right one.
        if path.exists() {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            file.write_all(data)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(at(&path))
    }

    /// Makes the names of all files durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        sync_folder(&self.0)
    }

    /// What is kept under `digest`.
    pub(super) fn get(&self, digest: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        fs::read(&path).map_err(at(&path))
    }

    /// Removes every file that is not named in `keep`: blobs of removed versions, and what a crash left behind.
    pub(super) fn sweep(&self, keep: &HashSet<String>) -> Result<(), StoreError> {
        for entry in fs::read_dir(&self.0).map_err(at(&self.0))? {
            let path = entry.map_err(at(&self.0))?.path();
            let kept = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| keep.contains(name));
            if !kept {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.0.join(digest)
    }
}

/// Makes the names of the files in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// Says which file an error is about.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |cause| StoreError::File { path: path.to_owned(), cause }
}
