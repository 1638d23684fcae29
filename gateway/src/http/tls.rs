//! TLS of the listeners: a certificate and its key from two PEM files, read again when they change.
//!
//! New files that do not hold, or are half replaced, change nothing: the certificate in use stays, and the log says why. The files are
//! compared by content, so that it does not matter how they are replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0} cannot be read ({1}): check the path and its permissions")]
    File(PathBuf, io::Error),
    /// A file does not hold what it should.
    #[error("{0} holds no {1} in PEM: name another file")]
    Pem(PathBuf, &'static str),
    /// They do not belong together, or are of a kind that rustls does not know.
    #[error("the certificate in {0} cannot be used ({1}): check that it and the key belong together")]
    Certificate(PathBuf, tokio_rustls::rustls::Error),
}

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
}

/// What the files hold, told from other contents.
type Fingerprint = Result<[u8; 32], String>;

impl Tls {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub(crate) fn open(files: TlsFiles) -> Result<Tls, TlsError> {
        let (config, _) = read(&files)?;
        Ok(Tls { files, config: ArcSwap::from_pointee(config) })
    }

    /// The server's side of a handshake.
    ///
    /// # Errors
    /// A client that speaks something else, or leaves.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }

    /// Looks at the files for ever, and takes what is new for the connections that begin from then on.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut looks = interval(LOOK);
        let mut seen: Option<Fingerprint> = None;
        loop {
            looks.tick().await;
            let files = self.files.clone();
            // An error is that of a runtime which stops.
            let Ok(read) = spawn_blocking(move || read(&files)).await else { return };
            let (config, now) = match read {
                Ok((config, fingerprint)) => (Some(config), Ok(fingerprint)),
                Err(error) => (None, Err(error.to_string())),
            };
            let before = seen.replace(now.clone());
            if before.as_ref() == Some(&now) {
                continue;
            }
            match (config, now) {
                (Some(config), _) => {
                    self.config.store(Arc::new(config));
                    // The first look sees what was opened.
                    if before.is_some() {
                        tracing::info!("the certificate in {} is in use now", self.files.certificate.display());
                    }
                }
                (None, Err(error)) => tracing::error!("{error}; the certificate from before stays in use"),
                (None, Ok(_)) => {}
            }
        }
    }
}

fn read(files: &TlsFiles) -> Result<(ServerConfig, [u8; 32]), TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|cause| TlsError::File(path.into(), cause));
    let (chain, key) = (read(&files.certificate)?, read(&files.key)?);
    let fingerprint = Sha256::new().chain_update(Sha256::digest(&chain)).chain_update(&key).finalize().into();
    let no_certificate = || TlsError::Pem(files.certificate.clone(), "certificate");
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Pem(files.key.clone(), "private key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|cause| TlsError::Certificate(files.certificate.clone(), cause))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, fingerprint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path) -> TlsFiles {
        let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn files_are_told_apart_by_content_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path());
        let (config, first) = read(&files).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(read(&files).unwrap().1, first);
        let key = fs::read(&files.key).unwrap();
        write(folder.path());
        assert_ne!(read(&files).unwrap().1, first);

        let error = |files: &TlsFiles| read(files).err().unwrap().to_string();
        // The certificate is the new one, the key is still the old.
        fs::write(&files.key, key).unwrap();
        assert!(error(&files).contains("belong together"), "{}", error(&files));
        fs::write(&files.key, "no key").unwrap();
        assert!(error(&files).contains("key.pem holds no private key"), "{}", error(&files));
        fs::write(&files.certificate, "").unwrap();
        assert!(error(&files).contains("cert.pem holds no certificate"), "{}", error(&files));
        fs::remove_file(&files.certificate).unwrap();
        assert!(error(&files).contains("cert.pem cannot be read"), "{}", error(&files));
    }
}
