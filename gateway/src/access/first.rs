//! The first token: a gateway that asks for tokens and has none that may administrate makes one, and hands it to whoever may read
//! its data folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use titan_sdk::access::Role;

use super::{Access, AccessError, TOKEN, secret};
use crate::store::Grant;

/// The file in the data folder.
const FILE: &str = "admin-token";
const NAME: &str = "first";

/// Writes a new secret, then keeps the token: a crash in between makes the next start write another.
pub(super) fn create(access: &Access, data: &Path) -> Result<(), AccessError> {
    let path = data.join(FILE);
    let secret = secret::generate(TOKEN).map_err(AccessError::Random)?;
    let write = || {
        // Readable by the owner alone from its making on.
        let mut file = tempfile::NamedTempFile::new_in(data)?;
        writeln!(file, "{secret}")?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        File::open(data)?.sync_all()
    };
    write().map_err(|cause| AccessError::First(path.clone(), cause))?;
    access.keep(NAME, Grant::Admin(Role::Admin), &secret)?;
    tracing::info!("the admin API asks for a token, the first is in {}: 'titan login URL' takes it", path.display());
    Ok(())
}
