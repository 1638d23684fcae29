//! The engine's type: what its module imports and exports, read from the module itself.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{FuncType, GlobalType, MemoryType};
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

use super::EncodeError;

/// Where the engine's memory comes from.
pub const MEMORY: (&str, &str) = ("env", "memory");
/// The stack pointer's export.
pub const STACK_POINTER: &str = "__stack_pointer";

/// The parts of the engine's type that components are built from.
pub struct EngineType {
    /// Imported functions as (interface, name, type), in the order of the module, so grouped as the linker left them.
    pub functions: Vec<(String, String, FuncType)>,
    /// The imported memory.
    pub memory: MemoryType,
    /// Exported functions.
    pub exports: Vec<(String, FuncType)>,
    /// The stack pointer's type and start value. At the start value no call is active, and memory is all there is to keep.
    pub stack_pointer: (GlobalType, i32),
}

impl EngineType {
    /// Reads the type of the core module `wasm`.
    ///
    /// # Errors
    /// A module that is malformed, or imports or exports what an engine does not.
    pub fn read(wasm: &[u8]) -> Result<EngineType, EncodeError> {
        let bad = |what: &str| EncodeError::EngineForm(what.to_owned());
        let parse = |e: wasmparser::BinaryReaderError| EncodeError::EngineForm(e.to_string());
        let convert = |e: wasm_encoder::reencode::Error| EncodeError::EngineForm(e.to_string());
        let mut types = Vec::new();
        // The type index of every function: imports first, as Wasm counts them.
        let mut signatures = Vec::new();
        let mut functions = Vec::new();
        let mut memory = None;
        let mut globals = Vec::new();
        let mut exports = Vec::new();
        let mut stack_pointer = None;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(parse)? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        types.push(RoundtripReencoder.func_type(ty.map_err(parse)?).map_err(convert)?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(parse)?;
                        match import.ty {
                            TypeRef::Func(ty) => {
                                let signature =
                                    types.get(ty as usize).cloned().ok_or_else(|| bad("a type is missing"))?;
                                signatures.push(ty);
                                functions.push((import.module.to_owned(), import.name.to_owned(), signature));
                            }
                            TypeRef::Memory(ty) if (import.module, import.name) == MEMORY => {
                                memory = Some(RoundtripReencoder.memory_type(ty).map_err(convert)?);
                            }
                            _ => return Err(bad("it imports something that is neither a function nor its memory")),
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        signatures.push(ty.map_err(parse)?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global.map_err(parse)?;
                        let ty = RoundtripReencoder.global_type(global.ty).map_err(convert)?;
                        let start = match global.init_expr.get_operators_reader().read() {
                            Ok(Operator::I32Const { value }) => Some(value),
                            _ => None,
                        };
                        globals.push((ty, start));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(parse)?;
                        let index = export.index as usize;
                        match export.kind {
                            ExternalKind::Func => {
                                let ty = signatures.get(index).and_then(|ty| types.get(*ty as usize));
                                let ty = ty.cloned().ok_or_else(|| bad("an export has no type"))?;
                                exports.push((export.name.to_owned(), ty));
                            }
                            ExternalKind::Global if export.name == STACK_POINTER => {
                                stack_pointer = globals.get(index).and_then(|(ty, start)| Some((*ty, (*start)?)));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        let memory = memory.ok_or_else(|| bad("it does not import its memory"))?;
        let stack_pointer =
            stack_pointer.ok_or_else(|| bad("it does not export a stack pointer with a constant start"))?;
        Ok(EngineType { functions, memory, exports, stack_pointer })
    }

    /// The type of the exported function `name`.
    ///
    /// # Errors
    /// The engine lacks it.
    pub fn export(&self, name: &str) -> Result<&FuncType, EncodeError> {
        let found = self.exports.iter().find(|(export, _)| export == name);
        found.map(|(_, ty)| ty).ok_or_else(|| EncodeError::EngineForm(format!("it does not export {name}")))
    }
}
