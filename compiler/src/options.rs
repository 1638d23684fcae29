//! What a caller may say about a compile beside the notebook itself.

use std::path::PathBuf;

use crate::interrupt::Interrupt;

/// Options of one compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image to use instead of the one the config cell names.
    pub image: Option<String>,
    /// The service's name instead of the file's stem.
    pub name: Option<String>,
    /// Whether an endpoint that answers otherwise than the notebook does is an error. Endpoints are compared in any case.
    pub verify: bool,
    /// Where environments, compiled engines and booted heaps are kept.
    pub cache: PathBuf,
    /// Asks the compile to stop.
    pub interrupt: Interrupt,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            image: None,
            name: None,
            verify: true,
            cache: titan_sdk::engine::cache_dir(),
            interrupt: Interrupt::never(),
        }
    }
}
