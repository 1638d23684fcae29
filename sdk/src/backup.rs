//! The backup of a store, as one file.
//!
//! A tar archive compressed with zstd: `snapshot.json`, a [`Snapshot`], then every blob it lists, in its order, named by its SHA-256.
//! Blobs are verified when they are read. What the rows of a snapshot mean only the store knows.

use std::io::{self, Read, Write};

use crate::api::Snapshot;
use crate::archive::{self, NextError};
use crate::digest::{is_sha256_hex, sha256_hex};

/// The format of [`Snapshot`] that this titan writes and reads.
pub const FORMAT: u32 = 1;

const SNAPSHOT: &str = "snapshot.json";
/// A snapshot is read before anything vouches for its size.
const SNAPSHOT_LIMIT: u64 = 1 << 30;
/// As for bundles: blobs are heap images and weights.
const ZSTD_LEVEL: i32 = 1;

/// Why a backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Not an archive, or cut short.
    #[error("the backup is truncated or no titan backup ({0}): use another one")]
    Archive(#[from] io::Error),
    /// The snapshot is none.
    #[error("the backup's snapshot cannot be read ({0}): use another one")]
    Json(#[from] serde_json::Error),
    /// Another titan wrote it.
    #[error("the backup has format {0}, this titan reads format {FORMAT}: restore it with the titan that wrote it")]
    Format(u32),
    /// A file in it is not what it should be.
    #[error("the backup's {file} {problem}: use another backup")]
    File {
        /// Its name in the archive: the snapshot's, or a blob's digest.
        file: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Writes a backup. `blob` gives the blob of a digest.
///
/// # Errors
/// Those of `blob`, and of `writer`.
pub fn write<E: From<io::Error>>(
    writer: impl Write,
    snapshot: &Snapshot,
    mut blob: impl FnMut(&str) -> Result<Vec<u8>, E>,
) -> Result<(), E> {
    let mut packed = zstd::Encoder::new(writer, ZSTD_LEVEL)?;
    packed.include_checksum(true)?;
    let mut archive = tar::Builder::new(packed);
    archive::append(&mut archive, SNAPSHOT, &serde_json::to_vec(snapshot).map_err(io::Error::from)?)?;
    for digest in snapshot.blobs.keys() {
        archive::append(&mut archive, digest, &blob(digest)?)?;
    }
    Ok(archive.into_inner()?.finish()?.flush()?)
}

/// Reads a backup, and gives `keep` each blob with its digest, verified.
///
/// # Errors
/// See [`BackupError`]; and those of `keep`.
pub fn read<E: From<BackupError>>(
    reader: impl Read,
    mut keep: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<Snapshot, E> {
    let mut archive = zstd::Decoder::new(reader).map(tar::Archive::new).map_err(BackupError::Archive)?;
    let mut entries = archive.entries().map_err(BackupError::Archive)?;
    let mut next = |file: &str, limit| {
        archive::next(&mut entries, file, limit).map_err(|error| match error {
            NextError::Archive(error) => BackupError::Archive(error),
            NextError::File(problem) => BackupError::File { file: file.into(), problem },
        })
    };
    let snapshot = next(SNAPSHOT, SNAPSHOT_LIMIT)?;
    let snapshot: Snapshot = serde_json::from_slice(&snapshot).map_err(BackupError::Json)?;
    if snapshot.format != FORMAT {
        return Err(BackupError::Format(snapshot.format).into());
    }
    for (digest, bytes) in &snapshot.blobs {
        let data = next(digest, *bytes)?;
        if !is_sha256_hex(digest) || sha256_hex(&data) != *digest {
            return Err(BackupError::File { file: digest.clone(), problem: "is not what its digest says" }.into());
        }
        keep(digest, &data)?;
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const BLOBS: [&[u8]; 3] = [b"component", b"model", b""];

    fn snapshot() -> Snapshot {
        let blobs = BLOBS.iter().map(|data| (sha256_hex(data), data.len() as u64)).collect();
        let services = BTreeMap::from([("a".into(), serde_json::json!({"last": 1}))]);
        Snapshot { format: FORMAT, services, versions: Vec::new(), credentials: Vec::new(), blobs }
    }

    fn packed(snapshot: &Snapshot, blobs: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let find = |digest: &str| blobs.iter().find(|data| sha256_hex(data) == digest);
        write(&mut bytes, snapshot, |digest| {
            find(digest).map(|data| data.to_vec()).ok_or_else(|| io::Error::other("none"))
        })
        .unwrap();
        bytes
    }

    fn unpacked(bytes: &[u8]) -> Result<(Snapshot, usize), BackupError> {
        let mut count = 0;
        let snapshot = read(bytes, |_, _| {
            count += 1;
            Ok::<_, BackupError>(())
        })?;
        Ok((snapshot, count))
    }

    #[test]
    fn a_backup_comes_back_as_it_was() {
        assert_eq!(unpacked(&packed(&snapshot(), &BLOBS)).unwrap(), (snapshot(), 3));
    }

    #[test]
    fn a_blob_that_is_not_what_it_was_is_named() {
        let mut bytes = Vec::new();
        write(&mut bytes, &snapshot(), |_| Ok::<_, io::Error>(b"component".to_vec())).unwrap();
        let error = unpacked(&bytes).unwrap_err().to_string();
        assert!(snapshot().blobs.keys().any(|digest| error.contains(digest)), "{error}");
    }

    #[test]
    fn a_backup_of_another_format_is_refused() {
        let other = Snapshot { format: 2, ..snapshot() };
        assert!(matches!(unpacked(&packed(&other, &BLOBS)), Err(BackupError::Format(2))));
    }

    proptest! {
        #[test]
        fn a_truncated_backup_is_an_error(cut in 0usize..1000) {
            let bytes = packed(&snapshot(), &BLOBS);
            // The end of the archive is padding; all before it is needed.
            let cut = cut % (bytes.len() - 16);
            prop_assert!(unpacked(&bytes[..cut]).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(unpacked(&bytes).is_err());
        }
    }
}
