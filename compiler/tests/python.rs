//! The Python packages' own tests, in the environments a notebook gets: `compiler/python/tests` with the real libraries.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use serde_json::json;
use titan_compiler::environment;
use titan_compiler::notebook::Notebook;
use titan_compiler::options::Options;
use titan_compiler::progress::{Clock, Silent};

/// Runs the tests of `modules`, or all there are, in an image. Tests whose libraries it lacks skip themselves.
fn assert_pass(image: &str, modules: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let cells = json!([
        {"cell_type": "markdown", "source": format!("titan: v1\nimage: {image}")},
        {"cell_type": "code", "source": "# GET /x"}
    ]);
    let text = json!({"nbformat": 4, "metadata": {}, "cells": cells}).to_string();
    let notebook = Notebook::parse(&folder.path().join("x.ipynb"), text.into(), None).unwrap();
    let environment = environment::prepare(&notebook, &Options::default(), &mut Clock::new(&Silent)).unwrap();
    let mut command = Command::new(environment.python());
    command.args(["-m", "unittest"]);
    if modules.is_empty() {
        command.args(["discover", "-s", "tests", "-t", "."]);
    }
    command.args(modules).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"));
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("Ran 0 tests") && text.contains("\nRan "), "{text}");
}

/// Takes minutes: most of it is exporting some eighty models from Keras.
#[test]
fn the_python_packages_pass_their_tests() {
    assert_pass("tensorflow", &[]);
}

#[test]
fn what_needs_scikit_learns_image_passes() {
    let modules = ["tests.test_onnx_session", "tests.test_refused", "tests.test_sklearn", "tests.test_sklearn_compose"];
    assert_pass("scikit-learn", &modules);
}

#[test]
#[ignore = "installs PyTorch with CUDA, 5 GB: run it with --ignored"]
fn what_needs_pytorchs_image_passes() {
    assert_pass("pytorch", &["tests.test_refused", "tests.test_torch"]);
}
