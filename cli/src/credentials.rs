//! What is remembered of gateways: a token for each, and the authority of its certificate, in one file of the user's config folder
//! that only the user can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use titan_sdk::client::Credentials;

/// What is remembered, by the URL of a gateway's admin API.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Remembered(BTreeMap<String, Entry>);

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
}

impl Remembered {
    /// Reads the user's file; nothing is remembered where there is none, or no folder for it.
    pub fn read() -> anyhow::Result<Remembered> {
        path().map_or_else(|_| Ok(Remembered::default()), |path| Remembered::read_from(&path))
    }

    fn read_from(path: &Path) -> anyhow::Result<Remembered> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Remembered::default()),
            text => text.map_err(|cause| {
                anyhow!("{} cannot be read ({cause}): give the token in TITAN_TOKEN", path.display())
            })?,
        };
        let mode = fs::metadata(path)?.permissions().mode();
        ensure!(mode & 0o077 == 0, "{0} can be read by other users: run 'chmod 600 {0}'", path.display());
        // Of what is wrong with it nothing is shown: it would be a part of a token.
        toml::from_str(&text)
            .map_err(|_| anyhow!("{} is not as 'titan login' wrote it: delete it, and log in again", path.display()))
    }

    /// Writes the user's file.
    pub fn write(&self) -> anyhow::Result<()> {
        self.write_to(&path()?)
    }

    fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        let write = || -> anyhow::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // Its owner's alone from its making on.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(toml::to_string(self)?.as_bytes())?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|cause| {
            anyhow!("{} cannot be written ({cause}): give the token in TITAN_TOKEN instead", path.display())
        })
    }

    /// What a client shows the gateway at `url`.
    pub fn get(&self, url: &str) -> Credentials {
        let entry = self.0.get(key(url));
        Credentials { token: entry.map(|entry| entry.token.clone()), ca: entry.and_then(|entry| entry.ca.clone()) }
    }

    /// Remembers what opens the gateway at `url`.
    pub fn insert(&mut self, url: &str, token: String, ca: Option<String>) {
        self.0.insert(key(url).into(), Entry { token, ca });
    }

    /// Forgets the gateway at `url`, and says whether there was something to forget.
    pub fn remove(&mut self, url: &str) -> bool {
        self.0.remove(key(url)).is_some()
    }
}

/// One URL may be written with and without a slash at its end.
fn key(url: &str) -> &str {
    url.trim_end_matches('/')
}

fn path() -> anyhow::Result<PathBuf> {
    let base = etcetera::choose_base_strategy()
        .map_err(|cause| anyhow!("there is no home folder ({cause}): set HOME, or give the token in TITAN_TOKEN"))?;
    Ok(base.config_dir().join("titan").join("credentials.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_back_and_the_user_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("titan/credentials.toml");
        let mut remembered = Remembered::read_from(&path).unwrap();
        assert_eq!(remembered.get("http://a:1").token, None);
        remembered.insert("http://a:1/", "secret".into(), None);
        remembered.insert("https://b", "other".into(), Some("PEM\nPEM\n".into()));
        remembered.write_to(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut remembered = Remembered::read_from(&path).unwrap();
        assert_eq!(remembered.get("http://a:1").token.as_deref(), Some("secret"));
        let other = remembered.get("https://b/");
        assert_eq!((other.token.as_deref(), other.ca.as_deref()), (Some("other"), Some("PEM\nPEM\n")));
        assert!(remembered.remove("https://b") && !remembered.remove("https://b"));
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_damaged_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.toml");
        fs::write(&path, "\"http://a\" = secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Remembered::read_from(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = format!("{:#}", Remembered::read_from(&path).unwrap_err());
        assert!(error.contains("titan login") && !error.contains("secret"), "{error}");
    }
}
