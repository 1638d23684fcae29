//! The Python packages' own tests, in the environment a notebook gets: `compiler/python/tests` with real Keras.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use titan_compiler::environment;
use titan_compiler::notebook::Notebook;
use titan_compiler::options::Options;
use titan_compiler::progress::{Clock, Silent};

const NOTEBOOK: &str = r##"{"nbformat": 4, "metadata": {}, "cells": [
    {"cell_type": "markdown", "source": "titan: v1\nimage: tensorflow"},
    {"cell_type": "code", "source": "# GET /x"}
]}"##;

/// Takes minutes: most of it is exporting some eighty models from Keras.
#[test]
fn the_python_packages_pass_their_tests() {
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::parse(&folder.path().join("x.ipynb"), NOTEBOOK.into(), None).unwrap();
    let environment = environment::prepare(&notebook, &Options::default(), &mut Clock::new(&Silent)).unwrap();
    let output = Command::new(environment.python())
        .args(["-m", "unittest", "discover", "-s", "tests", "-t", "."])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("Ran 0 tests") && text.contains("\nRan "), "{text}");
}
