//! The first sections of a component: the types and imports that its WIT world implies.
//!
//! `wit-component` knows how a world becomes component types, down to the aliases between interfaces; doing that again here would
//! be a second, worse implementation. So it encodes a component of the world around an empty module, and the sections
//! before the first core module are taken as they are.

use std::collections::HashMap;

use titan_sdk::wit;
use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentTypeRef, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::EncodeError;

/// Sections to copy, and where in the index spaces they leave off.
pub struct Prelude {
    /// Sections as (id, contents).
    pub sections: Vec<(u8, Vec<u8>)>,
    /// How many component types the sections define.
    pub types: u32,
    /// Imported instances by interface name.
    pub instances: HashMap<String, u32>,
    /// Types by name: those the world itself uses.
    pub named_types: HashMap<String, u32>,
}

impl Prelude {
    /// The prelude of the only world of the package `wit`.
    ///
    /// # Errors
    /// WIT that does not resolve.
    pub fn new(wit: &str) -> Result<Prelude, EncodeError> {
        let component = empty_component(wit).map_err(|e| EncodeError::World(format!("{e:#}")))?;
        Prelude::read(&component).map_err(|e| EncodeError::World(e.to_string()))
    }

    fn read(component: &[u8]) -> Result<Prelude, wasmparser::BinaryReaderError> {
        let mut prelude =
            Prelude { sections: Vec::new(), types: 0, instances: HashMap::new(), named_types: HashMap::new() };
        let mut instances = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match &payload {
                Payload::ModuleSection { .. } => break,
                Payload::ComponentTypeSection(section) => prelude.types += section.count(),
                Payload::ComponentImportSection(section) => {
                    for import in section.clone() {
                        let import = import?;
                        match import.ty {
                            ComponentTypeRef::Instance(_) => {
                                prelude.instances.insert(import.name.name.to_owned(), instances);
                                instances += 1;
                            }
                            ComponentTypeRef::Type(_) => {
                                prelude.named_types.insert(import.name.name.to_owned(), prelude.types);
                                prelude.types += 1;
                            }
                            _ => {}
                        }
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section.clone() {
                        if let ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } = alias? {
                            prelude.types += 1;
                        }
                    }
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                prelude.sections.push((id, component[range].to_vec()));
            }
        }
        Ok(prelude)
    }
}

/// A component of the world around a module that implements nothing.
fn empty_component(wit: &str) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut resolve = Resolve::default();
    for (name, text) in wit::FILES {
        resolve.push_source(name, text)?;
    }
    let package = resolve.push_source("component.wit", wit)?;
    let world = resolve.select_world(&[package], None)?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(ComponentEncoder::default().module(&module)?.encode()?)
}
