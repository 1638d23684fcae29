//! The bundle: what is uploaded, as one file.
//!
//! Format 1 is a tar archive (ustar headers) compressed with zstd. The entries come in this order: `manifest.json`, then
//! `signature.json` if the bundle is signed (see [`crate::signature`]), then every part in the order of [`Manifest::parts`] under the
//! file names the manifest gives. Owner and group are 0, the mode is 0644,
//! the time is the epoch, so the same parts are the same bytes. zstd's content checksum guards the manifest, which no digest
//! covers, against damage on the way; it is no signature.
//!
//! A bundle is read into memory whole: parts are verified against the manifest's digests before anybody sees them.

use std::io::{self, Read, Write};
use std::iter::Peekable;

use crate::archive::{self, NextError};
use crate::digest::sha256_hex;
use crate::manifest::{MANIFEST, Manifest, ManifestError, Part, SIGNATURE};
use crate::signature::{PrivateKey, Signed};
use crate::text::one_line;

/// The media type of a bundle.
pub const MEDIA_TYPE: &str = "application/vnd.titan.bundle";

/// A manifest is read before anything vouches for its size.
const MANIFEST_LIMIT: u64 = 4 << 20;
const SIGNATURE_LIMIT: u64 = 4 << 10;
/// What may follow the last entry: `tar` pads to 10 KiB.
const PADDING_LIMIT: u64 = 1 << 20;
/// Level 1 packs a heap image about as fast as it can be hashed; higher levels cost deploy time for a few percent.
const ZSTD_LEVEL: i32 = 1;

/// A version, ready to be uploaded or loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// What the bundle says about itself.
    pub manifest: Manifest,
    /// The Wasm component.
    pub component: Vec<u8>,
    /// ONNX files in the order of `manifest.models`.
    pub models: Vec<Vec<u8>>,
    /// The `.ipynb` file.
    pub notebook: Vec<u8>,
    /// Who vouches for the manifest, and so for all of it.
    pub signed: Option<Signed>,
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not an archive, or cut short.
    #[error("the bundle is truncated or not a titan bundle ({}): compile the notebook again and send the file whole", one_line(.0))]
    Archive(#[from] io::Error),
    /// The manifest is no manifest.
    #[error("the bundle's manifest cannot be read ({}): compile the notebook again with this titan", one_line(.0))]
    Json(#[from] serde_json::Error),
    /// The manifest breaks a rule.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A part is not what the manifest says.
    #[error("bundle part {file:?} {problem}: the file was changed or damaged, compile the notebook again")]
    Part {
        /// The part's name in the archive.
        file: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Unpacked it would be too large.
    #[error(
        "the bundle unpacks to more than {limit} bytes, the gateway's limit: make the models smaller or raise the limit"
    )]
    TooLarge {
        /// The reader's limit in bytes.
        limit: u64,
    },
}

impl Bundle {
    /// Signs the bundle as it is now, in place of an earlier signature.
    ///
    /// # Errors
    /// None that a manifest which was read or compiled can meet.
    pub fn sign(&mut self, key: &PrivateKey) -> Result<(), BundleError> {
        self.signed = Some(key.sign(serde_json::to_string_pretty(&self.manifest)?));
        Ok(())
    }

    /// Writes the archive; the same bundle gives the same bytes.
    ///
    /// # Errors
    /// Those of `writer`, and a manifest that was changed after it was signed.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        let mut packed = zstd::Encoder::new(writer, ZSTD_LEVEL)?;
        packed.include_checksum(true)?;
        let mut archive = tar::Builder::new(packed);
        match &self.signed {
            None => archive::append(&mut archive, MANIFEST, &serde_json::to_vec_pretty(&self.manifest)?)?,
            // What was signed is kept byte for byte.
            Some(signed) if serde_json::from_str::<Manifest>(&signed.manifest)? == self.manifest => {
                archive::append(&mut archive, MANIFEST, signed.manifest.as_bytes())?;
                archive::append(&mut archive, SIGNATURE, &serde_json::to_vec_pretty(&signed.signature)?)?;
            }
            Some(_) => return Err(io::Error::other("the manifest was changed after it was signed")),
        }
        for (part, data) in self.manifest.parts().zip(self.data()) {
            archive::append(&mut archive, &part.file, data)?;
        }
        archive.into_inner()?.finish()?.flush()
    }

    /// Reads and verifies an archive. `limit` bounds the unpacked size in bytes.
    ///
    /// # Errors
    /// A truncated archive, a manifest that breaks a rule, a part missing, extra or unlike its digest.
    pub fn read(reader: impl Read, limit: u64) -> Result<Bundle, BundleError> {
        let mut archive = tar::Archive::new(zstd::Decoder::new(reader)?);
        let mut entries = archive.entries()?;
        let text = next(&mut entries, MANIFEST, MANIFEST_LIMIT)?;
        let manifest: Manifest = serde_json::from_slice(&text)?;
        manifest.check()?;
        if manifest.bytes() > limit {
            return Err(BundleError::TooLarge { limit });
        }
        let mut entries = entries.peekable();
        let signed = if is_next(&mut entries, SIGNATURE) {
            let signature = serde_json::from_slice(&next(&mut entries, SIGNATURE, SIGNATURE_LIMIT)?)?;
            let text = String::from_utf8(text).map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?;
            Some(Signed { manifest: text, signature })
        } else {
            None
        };
        let mut parts = Vec::new();
        for part in manifest.parts() {
            let data = next(&mut entries, &part.file, part.bytes)?;
            verify(part, &data)?;
            parts.push(data);
        }
        if let Some(extra) = entries.next() {
            let file = extra?.path()?.display().to_string();
            return Err(BundleError::Part { file, problem: "is not in the manifest" });
        }
        // The checksum is compared at the end of the stream, which is where an archive's padding ends.
        if io::copy(&mut archive.into_inner().take(PADDING_LIMIT), &mut io::sink())? == PADDING_LIMIT {
            return Err(BundleError::Archive(io::Error::new(io::ErrorKind::InvalidData, "it does not end")));
        }
        let mut parts = parts.into_iter();
        let mut take = || parts.next().unwrap_or_default();
        let component = take();
        let models = manifest.models.iter().map(|_| take()).collect();
        let notebook = take();
        Ok(Bundle { manifest, component, models, notebook, signed })
    }

    fn data(&self) -> impl Iterator<Item = &[u8]> {
        [&self.component].into_iter().chain(&self.models).chain([&self.notebook]).map(Vec::as_slice)
    }
}

/// Checks that `data` is the part the manifest describes.
///
/// # Errors
/// A different length or digest.
pub fn verify(part: &Part, data: &[u8]) -> Result<(), BundleError> {
    let wrong = |problem| Err(BundleError::Part { file: part.file.clone(), problem });
    if data.len() as u64 != part.bytes {
        return wrong("has another length than the manifest says");
    }
    if sha256_hex(data) != part.sha256 {
        return wrong("does not have the digest the manifest says");
    }
    Ok(())
}

/// Describes `data` as the part named `file`.
pub fn part(file: &str, data: &[u8]) -> Part {
    Part { file: file.into(), sha256: sha256_hex(data), bytes: data.len() as u64 }
}

/// Whether the next entry is `file`.
fn is_next<'a, R: Read + 'a>(
    entries: &mut Peekable<impl Iterator<Item = io::Result<tar::Entry<'a, R>>>>,
    file: &str,
) -> bool {
    let Some(Ok(entry)) = entries.peek() else { return false };
    entry.path().is_ok_and(|path| path.to_str() == Some(file))
}

fn next<'a, R: Read + 'a>(
    entries: &mut impl Iterator<Item = io::Result<tar::Entry<'a, R>>>,
    file: &str,
    limit: u64,
) -> Result<Vec<u8>, BundleError> {
    archive::next(entries, file, limit).map_err(|error| match error {
        NextError::Archive(error) => BundleError::Archive(error),
        NextError::File(problem) => BundleError::Part { file: file.into(), problem },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::sample;
    use crate::signature::Trust;
    use proptest::prelude::*;

    fn bundle() -> Bundle {
        Bundle {
            manifest: sample(),
            component: b"component".to_vec(),
            models: vec![b"onnx".to_vec()],
            notebook: b"{}".to_vec(),
            signed: None,
        }
    }

    fn packed() -> Vec<u8> {
        let mut bytes = Vec::new();
        bundle().write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_bundle_comes_back_as_it_was_and_its_bytes_are_stable() {
        assert_eq!(Bundle::read(packed().as_slice(), 1 << 20).unwrap(), bundle());
        assert_eq!(packed(), packed());
    }

    #[test]
    fn a_changed_part_is_named() {
        let mut changed = bundle();
        changed.models[0] = b"ONNX".to_vec();
        let mut bytes = Vec::new();
        changed.write(&mut bytes).unwrap();
        let error = Bundle::read(bytes.as_slice(), 1 << 20).unwrap_err().to_string();
        assert!(error.contains("models/model.onnx") && error.contains("digest"), "{error}");
    }

    #[test]
    fn a_signature_travels_with_the_bytes_it_is_of() {
        let key = PrivateKey::generate().unwrap();
        let mut bundle = bundle();
        bundle.sign(&key).unwrap();
        let mut bytes = Vec::new();
        bundle.write(&mut bytes).unwrap();
        let read = Bundle::read(bytes.as_slice(), 1 << 20).unwrap();
        assert_eq!(read, bundle);
        Trust::new(vec![key.public()]).check(&read.manifest, read.signed.as_ref()).unwrap();
        bundle.manifest.service = "other".into();
        assert!(bundle.write(Vec::new()).unwrap_err().to_string().contains("after it was signed"));
    }

    #[test]
    fn a_bundle_over_the_limit_is_refused_before_it_is_unpacked() {
        assert!(matches!(Bundle::read(packed().as_slice(), 8), Err(BundleError::TooLarge { limit: 8 })));
    }

    proptest! {
        #[test]
        fn a_truncated_bundle_is_an_error(cut in 0usize..1000) {
            let bytes = packed();
            let cut = cut % bytes.len();
            prop_assert!(Bundle::read(&bytes[..cut], 1 << 20).is_err());
        }

        #[test]
        fn a_flipped_byte_is_an_error_or_harmless(at in 0usize..1000, bit in 0u8..8) {
            let mut bytes = packed();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(read) = Bundle::read(bytes.as_slice(), 1 << 20) {
                prop_assert_eq!(read, bundle());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(Bundle::read(bytes.as_slice(), 1 << 20).is_err());
        }
    }
}
