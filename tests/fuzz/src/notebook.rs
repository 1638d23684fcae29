//! Notebooks, as `titan deploy` is given them.

use std::path::Path;

use titan_compiler::notebook::Notebook;
use titan_sdk::bundle::part;
use titan_sdk::digest::sha256_hex;
use titan_sdk::manifest::{FORMAT, Manifest};

/// Understands a notebook.
pub fn check(input: &[u8]) {
    match Notebook::parse(Path::new("/folder/House Price.ipynb"), input.to_vec(), None) {
        Err(error) => super::assert_one_line(&error),
        Ok(notebook) => understood(&notebook, input),
    }
}

fn understood(notebook: &Notebook, input: &[u8]) {
    assert_eq!(notebook.bytes, input, "the notebook travels as it is");
    assert!(notebook.cells.is_sorted_by(|one, next| one.index < next.index), "cells run in the notebook's order");
    assert!(notebook.endpoints.is_sorted_by(|one, next| one.after_cell < next.after_cell));
    let manifest = Manifest {
        format: FORMAT,
        service: notebook.service.clone(),
        endpoints: notebook.endpoints.iter().map(|endpoint| endpoint.manifest()).collect(),
        config: notebook.settings.config.clone(),
        engine: sha256_hex(b"engine"),
        component: part("component.wasm", b""),
        models: Vec::new(),
        notebook: part("notebook.ipynb", input),
        parity: Vec::new(),
    };
    if let Err(refused) = manifest.check() {
        panic!("the gateway would refuse what the compiler understood: {refused}");
    }
    notebook.installs();
}
