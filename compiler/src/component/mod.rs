//! Encodes components around a heap image.
//!
//! A component is a few kilobytes of sections around the image; the engine is imported as a core module, so nothing large
//! is compiled for a version. Two kinds are made, with the same bones:
//!
//! * a version's component, which exports its endpoints (`sdk/wit/world.wit`);
//! * the component that makes heap images, which exports the engine's life cycle and hands its memory to the host
//!   ([`Role::Snapshot`]); it never leaves the compiler.
//!
//! What is inside, in the order of instantiation, because each needs what came before:
//!
//! 1. the **heap**: memory with the image, and a `realloc` that calls through a table, for the host functions below need one before
//!    the engine exists;
//! 2. the **host functions**, lowered with that memory and `realloc`;
//! 3. the **engine**, with both;
//! 4. the **glue**, which puts the engine's `cabi_realloc` into the table and names one function an endpoint.
//!
//! This module knows Wasm encodings. It knows nothing of Python, and runs nothing.

mod cores;
mod engine_type;
mod prelude;
mod sections;

use titan_sdk::engine::{self, EngineError};
use titan_sdk::manifest::Endpoint;

use crate::heap::HeapImage;
use engine_type::EngineType;
use prelude::Prelude;

/// What a component is for.
#[derive(Clone, Copy)]
pub enum Role<'a> {
    /// Answers requests: one export an endpoint.
    Version(&'a [Endpoint]),
    /// Makes heap images: exports `boot`, `freeze` and `keep`, see [`SNAPSHOT_WIT`].
    Snapshot,
}

/// The world of a component that makes heap images.
pub const SNAPSHOT_WIT: &str = r"
package titan:snapshot;

interface host {
    /// Receives all of linear memory, in place.
    keep: func(memory: list<u8>);
}

world snapshot {
    include titan:service/host@0.1.0;
    import host;

    /// Starts CPython and imports what every endpoint needs.
    export boot: func() -> result<_, string>;
    /// Loads the frozen state and makes the heap ready to be kept.
    export freeze: func(state: list<u8>) -> result<_, string>;
    /// Hands memory to the host.
    export keep: func();
}
";
/// Under this name the host receives memory.
pub const SNAPSHOT_HOST: &str = "titan:snapshot/host";

/// Why no component could be encoded. All are faults of this program or its engine, none of a notebook.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The embedded engine does not unpack.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine module is not what the encoder expects.
    #[error("the engine does not fit this compiler ({0}): rebuild it with sdk/engine/build.sh")]
    EngineForm(String),
    /// The WIT does not resolve or encode.
    #[error("the world of the component cannot be encoded: {0}")]
    World(String),
}

/// Encodes components for one engine. Making it reads the engine once; encoding a component then takes milliseconds.
pub struct Encoder {
    engine: EngineType,
}

impl Encoder {
    /// An encoder for `engine`, and the engine's static data: the heap image a boot starts from.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn new(engine: &engine::Engine) -> Result<(Encoder, HeapImage), EncodeError> {
        let parts = engine.parts()?;
        let engine = EngineType::read(&parts.code)?;
        let pages = engine.memory.minimum;
        Ok((Encoder { engine }, HeapImage { pages, segments: parts.data }))
    }

    /// Encodes the component of `role` around `image`. The same input gives the same bytes.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self, image: &HeapImage, role: Role<'_>) -> Result<Vec<u8>, EncodeError> {
        let prelude = Prelude::new(&world(role))?;
        sections::encode(&self.engine, &prelude, image, role)
    }
}

/// The WIT package whose only world is that of the component.
fn world(role: Role<'_>) -> String {
    match role {
        Role::Snapshot => SNAPSHOT_WIT.to_owned(),
        Role::Version(endpoints) => {
            let mut wit = String::from(
                "package titan:version;\n\nworld version {\n    include titan:service/host@0.1.0;\n    use titan:service/types@0.1.0.{response, failure};\n\n",
            );
            for endpoint in endpoints {
                // `%` lets a name be a WIT keyword.
                wit += &format!("    export %{}: func(request: string) -> result<response, failure>;\n", endpoint.name);
            }
            wit + "}\n"
        }
    }
}

#[cfg(test)]
mod tests;
