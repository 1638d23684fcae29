//! Compiled code on disk: made once, mapped into every process that needs it.
//!
//! The only `unsafe` of this crate. Loading compiled code trusts the file as one trusts an executable: it must be
//! what [`wasmtime::Engine::precompile_module`] or `precompile_component` wrote for an engine with the same settings. That holds
//! because (1) files are only ever made here, in a folder the caller owns, and moved into place whole; (2) the name ends in
//! a hash of wasmtime's version and settings, and wasmtime checks them again on load; (3) who can write to that folder
//! can already replace the `titan` binary's other state, so no new power is given away.
#![allow(unsafe_code, reason = "see the module's safety argument")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Compiles `wasm` unless `folder` holds it compiled already, and maps it. `name` must name the content, by digest.
pub(super) fn module(
    engine: &Engine,
    folder: &Path,
    name: &str,
    wasm: impl FnOnce() -> wasmtime::Result<Vec<u8>>,
) -> wasmtime::Result<Module> {
    let path = path(engine, folder, name);
    if !path.exists() {
        tracing::info!("compiling the engine: once on this machine, for up to a minute");
        keep(&path, &engine.precompile_module(&wasm()?)?)?;
    }
    // SAFETY: the module's safety argument.
    unsafe { Module::deserialize_file(engine, &path) }
}

/// As [`module`], for a component.
pub(super) fn component<B: AsRef<[u8]>>(
    engine: &Engine,
    folder: &Path,
    name: &str,
    wasm: impl FnOnce() -> wasmtime::Result<B>,
) -> wasmtime::Result<Component> {
    let path = path(engine, folder, name);
    if !path.exists() {
        keep(&path, &engine.precompile_component(wasm()?.as_ref())?)?;
    }
    // SAFETY: the module's safety argument.
    unsafe { Component::deserialize_file(engine, &path) }
}

/// Where the compiled form of `name` is kept.
pub(super) fn path(engine: &Engine, folder: &Path, name: &str) -> PathBuf {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    folder.join(format!("{name}-{:016x}.cwasm", settings.finish()))
}

/// Two processes may do this at once: both write the same bytes, and the later rename replaces the earlier file, which
/// stays mapped where it was opened.
fn keep(path: &Path, compiled: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(compiled)?;
    // A crash of the machine must not leave a file of the right name and wrong content.
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
