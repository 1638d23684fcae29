//! `titan gateway backup` and `titan gateway restore`: a gateway's store as one file, taken while it serves.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use titan_gateway::store::restore::restore;
use titan_sdk::api::Snapshot;
use titan_sdk::backup;
use titan_sdk::client::{Client, ClientError};

use crate::args::GatewayCommand;
use crate::config::default_data;

/// Versions may be deleted while their blobs are fetched; then there is a new snapshot.
const ATTEMPTS: usize = 3;

pub fn run(command: &GatewayCommand) -> anyhow::Result<()> {
    let (done, file, snapshot) = match command {
        GatewayCommand::Backup { file, target } => ("backed up to", file, take(&target.client()?, file)?),
        GatewayCommand::Restore { file, data } => {
            let data = data.clone().map_or_else(default_data, Ok)?;
            let open =
                File::open(file).with_context(|| format!("{} cannot be read: check its path", file.display()))?;
            ("restored from", file, restore(BufReader::new(open), &data)?)
        }
    };
    let Snapshot { services, versions, blobs, .. } = snapshot;
    let bytes = bytesize::ByteSize(blobs.values().sum()).display().si();
    let counts = format!("{} services, {} versions, {bytes}", services.len(), versions.len());
    writeln!(io::stdout(), "{done} {}: {counts}", file.display())?;
    Ok(())
}

/// Writes the file under another name first: there is a whole backup under this one, or what was there before.
fn take(client: &Client, path: &Path) -> anyhow::Result<Snapshot> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = || format!("{} cannot be written", path.display());
    let mut attempt = 1;
    loop {
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(unwritable)?;
        let snapshot = client.snapshot()?;
        let blob = |digest: &str| client.blob(digest).map_err(anyhow::Error::from);
        match backup::write(BufWriter::new(&mut file), &snapshot, blob) {
            Ok(()) => {
                file.as_file().sync_all().with_context(unwritable)?;
                file.persist(path).with_context(unwritable)?;
                return Ok(snapshot);
            }
            Err(error) if is_gone(&error) && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.context(unwritable())),
        }
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ClientError::Refused { status: 404, .. }))
}
