//! Bundles, as a gateway is sent them: the input itself, and the input as the archive that is compressed in one.

use titan_sdk::bundle::{Bundle, verify};
use titan_sdk::signature::{PrivateKey, Trust};

/// Bytes that a bundle may unpack to.
const LIMIT: u64 = 1 << 20;
/// Of a tar archive.
const BLOCK: usize = 512;
/// Where a tar header has the file's length and its own checksum, in octal.
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Reads a bundle.
pub fn check(input: &[u8]) {
    read(input);
    let mut archive = input.to_vec();
    repair(&mut archive);
    for archive in [input, &archive] {
        // Compressing to memory does not fail.
        if let Ok(packed) = zstd::encode_all(archive, 1) {
            read(&packed);
        }
    }
}

fn read(packed: &[u8]) {
    match Bundle::read(packed, LIMIT) {
        Err(error) => super::assert_one_line(&error),
        Ok(bundle) => again(&bundle),
    }
}

/// What was read holds what reading promises, and survives being written.
fn again(bundle: &Bundle) {
    let data = [&bundle.component].into_iter().chain(&bundle.models).chain([&bundle.notebook]);
    assert!(bundle.manifest.check().is_ok());
    assert!(bundle.manifest.parts().zip(data).all(|(part, data)| verify(part, data).is_ok()));
    let mut packed = Vec::new();
    bundle.write(&mut packed).expect("a bundle that was read can be written");
    let read = Bundle::read(packed.as_slice(), LIMIT).expect("a bundle that was written can be read");
    assert_eq!(read, *bundle);
    let key = PrivateKey::generate().expect("the system has random numbers").public();
    let stranger = Trust::new(vec![key]).check(&bundle.manifest, bundle.signed.as_ref());
    super::assert_one_line(&stranger.expect_err("nobody has signed with a new key"));
}

/// Makes the checksums of an archive's headers right, which no mutation would: its entries are read then.
fn repair(archive: &mut [u8]) {
    let mut rest = archive;
    while let Some((header, after)) = rest.split_first_chunk_mut::<BLOCK>() {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        header[CHECKSUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let octal: String =
            header[SIZE].iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_digit).collect();
        let size = usize::from_str_radix(&octal, 8).unwrap_or(0);
        let next = size.div_ceil(BLOCK).saturating_mul(BLOCK).min(after.len());
        rest = &mut after[next..];
    }
}
