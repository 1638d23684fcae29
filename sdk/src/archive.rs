//! Tar archives whose entries come in a known order: what bundles and backups are made of.

use std::io::{self, Read, Write};

/// Appends a file. Owner and group are 0, the mode is 0644, the time is the epoch, so the same files are the same bytes.
pub(crate) fn append(archive: &mut tar::Builder<impl Write>, file: &str, data: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, file, data)
}

/// Why the next file is not there.
pub(crate) enum NextError {
    Archive(io::Error),
    /// What is wrong with it.
    File(&'static str),
}

/// The next file, which must be the one of this name with at most `limit` bytes.
pub(crate) fn next<'a, R: Read + 'a>(
    entries: &mut impl Iterator<Item = io::Result<tar::Entry<'a, R>>>,
    file: &str,
    limit: u64,
) -> Result<Vec<u8>, NextError> {
    let mut entry = entries.next().ok_or(NextError::File("is missing"))??;
    if entry.path()?.to_str() != Some(file) {
        return Err(NextError::File("is missing or out of order"));
    }
    if entry.size() > limit {
        return Err(NextError::File("has another length than the manifest says"));
    }
    // The size is a claim of the archive: the buffer grows with what really arrives.
    let mut data = Vec::new();
    entry.read_to_end(&mut data)?;
    Ok(data)
}

impl From<io::Error> for NextError {
    fn from(error: io::Error) -> Self {
        NextError::Archive(error)
    }
}
