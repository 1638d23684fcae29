//! The prebuilt engines: CPython and numpy as one Wasm core module, and the same with pandas, embedded in this crate.
//!
//! A version needs exactly one of them, the smallest that has what its endpoints import. An engine is used in two halves. Its
//! code, without any data, is compiled once a machine and imported by every version's component. Its static data is the
//! memory a boot starts from. They are split here, so that instantiating the code never overwrites a heap image. How the
//! modules are made: `engine/README.md`.

use std::io::{self, Read};
use std::path::PathBuf;

use etcetera::BaseStrategy;
use wasmparser::{DataKind, Operator, Parser, Payload};

/// The name under which components import their engine.
pub const IMPORT: &str = "titan-engine";

/// How far back a packed engine may refer, as a power of two: `--long` in `engine/build.sh`.
const WINDOW_LOG: u32 = 27;

/// One engine, as `engine/build.sh` made it.
#[derive(Debug)]
pub struct Engine {
    /// What tells it from the others: the largest package in it.
    pub name: &'static str,
    prebuilt: &'static [u8],
    /// The engine that `prebuilt` is packed against: most of a larger engine is in the smaller one too.
    base: Option<&'static str>,
    digest: &'static str,
    modules: &'static str,
}

macro_rules! prebuilt {
    ($name:literal, $base:expr) => {
        Engine {
            name: $name,
            prebuilt: include_bytes!(concat!("../engine/prebuilt/", $name, "/engine.wasm.zst")),
            base: $base,
            digest: include_str!(concat!("../engine/prebuilt/", $name, "/engine.sha256")),
            modules: include_str!(concat!("../engine/prebuilt/", $name, "/modules.txt")),
        }
    };
}

/// Every engine. Each has all modules of those before it.
pub static ENGINES: [Engine; 2] = [prebuilt!("numpy", None), prebuilt!("pandas", Some("numpy"))];

/// The engine in its two halves.
pub struct Parts {
    /// The module without data: what is compiled and imported.
    pub code: Vec<u8>,
    /// The static data as (address, bytes).
    pub data: Vec<(u32, Vec<u8>)>,
}

/// Why the embedded engine cannot be used. Any of these is a fault of the build.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The embedded file does not unpack.
    #[error("the embedded engine does not unpack ({0}): this titan binary is damaged, install it again")]
    Unpack(#[from] io::Error),
    /// The module is not of the expected form.
    #[error("the embedded engine is malformed ({0}): rebuild it with sdk/engine/build.sh")]
    Form(String),
}

impl Engine {
    /// The engine of this name.
    pub fn named(name: &str) -> Option<&'static Engine> {
        ENGINES.iter().find(|engine| engine.name == name)
    }

    /// The engine of this digest.
    pub fn of_digest(digest: &str) -> Option<&'static Engine> {
        ENGINES.iter().find(|engine| engine.digest() == digest)
    }

    /// SHA-256 of the module, in hexadecimal. Heap images belong to exactly one engine.
    pub fn digest(&self) -> &'static str {
        self.digest.trim()
    }

    /// Names of the Python modules it can import, sorted.
    pub fn modules(&self) -> impl Iterator<Item = &'static str> {
        self.modules.lines()
    }

    /// The module whole, unpacked.
    ///
    /// # Errors
    /// A damaged binary.
    pub fn module(&self) -> Result<Vec<u8>, EngineError> {
        let base = match self.base.and_then(Engine::named) {
            Some(base) => base.module()?,
            None => Vec::new(),
        };
        let mut unpacked = zstd::Decoder::with_ref_prefix(self.prebuilt, &base)?;
        unpacked.window_log_max(WINDOW_LOG)?;
        let mut module = Vec::new();
        unpacked.read_to_end(&mut module)?;
        Ok(module)
    }

    /// The module in its two halves.
    ///
    /// # Errors
    /// A damaged binary, or a module with passive data, a start function or computed addresses.
    pub fn parts(&self) -> Result<Parts, EngineError> {
        split(&self.module()?)
    }
}

/// Where Titan keeps what it can make again: compiled engines, Python environments. `TITAN_CACHE` names another folder.
pub fn cache_dir() -> PathBuf {
    match std::env::var_os("TITAN_CACHE") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        // Without a home folder the system's temporary one serves; a cache may vanish.
        _ => etcetera::choose_base_strategy()
            .map_or_else(|_| std::env::temp_dir(), |base| base.cache_dir())
            .join("titan"),
    }
}

fn split(wasm: &[u8]) -> Result<Parts, EngineError> {
    let form = |e: &dyn std::fmt::Display| EngineError::Form(e.to_string());
    let mut data = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|e| form(&e))? {
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment.map_err(|e| form(&e))?;
                    let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
                        return Err(form(&"a data segment is not active in memory 0"));
                    };
                    let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else {
                        return Err(form(&"a data segment has a computed address"));
                    };
                    data.push((value.cast_unsigned(), segment.data.to_vec()));
                }
            }
            Payload::StartSection { .. } => return Err(form(&"it has a start function")),
            _ => {}
        }
    }
    Ok(Parts { code: without_data(wasm).map_err(|e| form(&e))?, data })
}

/// Copies a module section by section, leaving out its data.
fn without_data(wasm: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    let mut code = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match payload {
            Payload::DataSection(_) | Payload::DataCountSection { .. } => {}
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    code.section(&wasm_encoder::RawSection { id, data: &wasm[range] });
                }
            }
        }
    }
    Ok(code.finish())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::digest::sha256_hex;

    /// Files under `folder` that the build reads, as (path relative to `root`, contents).
    fn inputs(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                if name != "prebuilt" && name != "tests" && !name.ends_with("__pycache__") {
                    inputs(root, &path, found);
                }
            } else if name != "README.md" {
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }

    #[test]
    fn the_engines_were_built_from_the_sources_beside_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("engine");
        let mut files = Vec::new();
        inputs(&root, &root, &mut files);
        files.sort();
        let mut bytes = Vec::new();
        for (name, contents) in files {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&(contents.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&contents);
        }
        let built_from = fs::read_to_string(root.join("prebuilt/inputs.sha256")).unwrap();
        assert_eq!(sha256_hex(&bytes), built_from.trim(), "run sdk/engine/build.sh and commit sdk/engine/prebuilt");
    }

    #[test]
    fn every_engine_is_the_one_its_digest_names() {
        for engine in &ENGINES {
            assert_eq!(sha256_hex(&engine.module().unwrap()), engine.digest(), "{}", engine.name);
        }
    }

    #[test]
    fn every_engine_has_the_modules_of_those_before_it() {
        for pair in ENGINES.windows(2) {
            let larger: HashSet<_> = pair[1].modules().collect();
            assert_eq!(pair[0].modules().find(|module| !larger.contains(module)), None, "{}", pair[1].name);
        }
    }

    #[test]
    fn the_stack_pointer_is_the_only_state_outside_memory() {
        ENGINES.iter().for_each(assert_state_is_memory);
    }

    fn assert_state_is_memory(engine: &Engine) {
        let code = engine.parts().unwrap().code;
        let mut mutable = 0;
        for payload in Parser::new(0).parse_all(&code) {
            match payload.unwrap() {
                Payload::GlobalSection(globals) => {
                    mutable += globals.into_iter().filter(|g| g.as_ref().unwrap().ty.mutable).count();
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader().unwrap() {
                        let changes_table = matches!(
                            operator.unwrap(),
                            Operator::TableSet { .. }
                                | Operator::TableGrow { .. }
                                | Operator::TableFill { .. }
                                | Operator::TableCopy { .. }
                                | Operator::TableInit { .. }
                        );
                        assert!(!changes_table, "the function table is part of the state");
                    }
                }
                Payload::DataSection(_) => panic!("the code half has data"),
                _ => {}
            }
        }
        assert_eq!(mutable, 1, "a heap image holds memory and nothing else");
    }

    #[test]
    fn engines_import_only_what_serving_needs() {
        for engine in &ENGINES {
            assert_imports_only_what_serving_needs(&engine.module().unwrap());
        }
    }

    fn assert_imports_only_what_serving_needs(module: &[u8]) {
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::ImportSection(imports) = payload.unwrap() {
                for import in imports.into_imports() {
                    let module = import.unwrap().module;
                    let allowed = ["env", "wasi:cli/stderr@", "wasi:clocks/", "wasi:io/", "wasi:nn/", "wasi:random/"];
                    assert!(allowed.iter().any(|prefix| module.starts_with(prefix)), "the engine imports {module}");
                }
            }
        }
    }
}
