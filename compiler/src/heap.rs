//! The heap image: linear memory as data, the form in which a booted engine or a frozen notebook is kept.
//!
//! A heap image belongs to the engine whose addresses it holds. This module knows bytes; what they mean is the engine's.

use std::io::{self, Read, Write};

/// Bytes of a Wasm page.
pub const PAGE: usize = 64 << 10;
/// Zero bytes between two segments below which they are kept as one: a segment's own header is of this order.
const GAP: usize = 64;

/// Linear memory at rest: its size, and what in it is not zero.
#[derive(Clone, PartialEq, Eq)]
pub struct HeapImage {
    /// Size of the memory in Wasm pages.
    pub pages: u64,
    /// Non-zero stretches as (address, bytes), ascending, without overlap.
    pub segments: Vec<(u32, Vec<u8>)>,
}

impl HeapImage {
    /// Keeps a whole linear memory.
    pub fn of_memory(memory: &[u8]) -> HeapImage {
        let mut segments = Vec::new();
        let mut at = 0;
        while let Some(start) = next_non_zero(memory, at) {
            let mut end = start;
            while let Some(next) = next_non_zero(memory, end).filter(|next| next - end < GAP) {
                end = next_zero(memory, next);
            }
            let address = u32::try_from(start).unwrap_or(u32::MAX);
            segments.push((address, memory[start..end].to_vec()));
            at = end;
        }
        HeapImage { pages: (memory.len() / PAGE) as u64, segments }
    }

    /// Bytes that are not zero, or nearly.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|(_, data)| data.len() as u64).sum()
    }

    /// Writes the image: pages, then every segment's address, length and bytes; numbers are 64-bit little endian.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(&self.pages.to_le_bytes())?;
        for (address, data) in &self.segments {
            to.write_all(&u64::from(*address).to_le_bytes())?;
            to.write_all(&(data.len() as u64).to_le_bytes())?;
            to.write_all(data)?;
        }
        Ok(())
    }

    /// Reads what [`HeapImage::write`] wrote.
    ///
    /// # Errors
    /// Those of the reader, and a file that was cut short or reaches beyond its own memory.
    pub fn read(mut from: impl Read) -> io::Result<HeapImage> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "not a heap image");
        let pages = number(&mut from)?.ok_or_else(malformed)?;
        let size = pages.checked_mul(PAGE as u64).filter(|size| *size <= 1 << 32).ok_or_else(malformed)?;
        let mut segments = Vec::new();
        while let Some(address) = number(&mut from)? {
            let length = number(&mut from)?.ok_or_else(malformed)?;
            if address.checked_add(length).is_none_or(|end| end > size) {
                return Err(malformed());
            }
            let mut data = Vec::new();
            from.by_ref().take(length).read_to_end(&mut data)?;
            if data.len() as u64 != length {
                return Err(malformed());
            }
            segments.push((u32::try_from(address).map_err(|_| malformed())?, data));
        }
        Ok(HeapImage { pages, segments })
    }
}

/// The next number, or none at the end.
fn number(from: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    match from.read(&mut bytes)? {
        0 => Ok(None),
        some => {
            from.read_exact(&mut bytes[some..])?;
            Ok(Some(u64::from_le_bytes(bytes)))
        }
    }
}

fn next_non_zero(memory: &[u8], from: usize) -> Option<usize> {
    // By words first: most of a heap image's gaps are long.
    let mut at = from;
    while !at.is_multiple_of(16) && at < memory.len() {
        if memory[at] != 0 {
            return Some(at);
        }
        at += 1;
    }
    let words = memory.get(at..)?.chunks(16).position(|word| word.iter().any(|byte| *byte != 0))?;
    let at = at + words * 16;
    memory[at..].iter().position(|byte| *byte != 0).map(|offset| at + offset)
}

fn next_zero(memory: &[u8], from: usize) -> usize {
    memory[from..].iter().position(|byte| *byte == 0).map_or(memory.len(), |offset| from + offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn restored(image: &HeapImage) -> Vec<u8> {
        let mut memory = vec![0; usize::try_from(image.pages).unwrap() * PAGE];
        for (address, data) in &image.segments {
            memory[*address as usize..][..data.len()].copy_from_slice(data);
        }
        memory
    }

    proptest! {
        #[test]
        fn an_image_holds_the_memory_it_was_made_of(writes in proptest::collection::vec((0..PAGE * 2 - 300, 1u8.., 1..300usize), 0..40)) {
            let mut memory = vec![0; PAGE * 2];
            for (at, byte, length) in writes {
                memory[at..at + length].fill(byte);
            }
            let image = HeapImage::of_memory(&memory);
            prop_assert_eq!(&restored(&image), &memory);
            let mut file = Vec::new();
            image.write(&mut file).unwrap();
            prop_assert!(HeapImage::read(&file[..]).unwrap() == image);
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = HeapImage::read(&bytes[..]);
        }
    }

    #[test]
    fn a_cut_file_is_refused() {
        let mut file = Vec::new();
        HeapImage::of_memory(&[7; PAGE]).write(&mut file).unwrap();
        assert!(HeapImage::read(&file[..file.len() - 1]).is_err());
    }
}
