//! Whole compiles, with real notebooks in the image `python`. The environment is kept in the user's cache between runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use titan_compiler::compile::{Compiled, compile};
use titan_compiler::error::CompileError;
use titan_compiler::interrupt::{Interrupter, interrupt};
use titan_compiler::options::Options;
use titan_compiler::progress::{Progress, Silent, Stage};
use wasmparser::{Parser, Payload};

/// A notebook of code cells in a folder of its own.
fn notebook(cells: &[&str]) -> (TempDir, PathBuf) {
    let cell = |source: &&str| json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": source});
    let cells: Vec<_> = cells.iter().map(cell).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo.ipynb");
    fs::write(&file, json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).to_string()).unwrap();
    (folder, file)
}

fn compiled(cells: &[&str]) -> Result<Compiled, CompileError> {
    let (_folder, file) = notebook(cells);
    compile(&file, &Options::default(), &Silent)
}

/// Pages of the heap that every instance starts with.
fn pages(compiled: &Compiled) -> u64 {
    let payloads = Parser::new(0).parse_all(&compiled.bundle.component);
    let memories = payloads.filter_map(|payload| match payload.unwrap() {
        Payload::MemorySection(section) => Some(section.into_iter().next().unwrap().unwrap().initial),
        _ => None,
    });
    memories.sum()
}

#[test]
fn the_same_notebook_gives_the_same_bundle() {
    let cells = [
        "import numpy as np\nscale = np.arange(1000.0)\nnames = {'a', 'b', 'c'}\ndef double(x): return x * 2",
        "# GET /x\nprint(double(scale).sum(), sorted(names))",
    ];
    let [first, second] = [(); 2].map(|()| compiled(&cells).unwrap());
    assert_eq!(first.bundle, second.bundle);
    let captured: Vec<_> = first.captured.iter().map(|variable| variable.name.as_str()).collect();
    for name in ["scale", "names", "double"] {
        assert!(captured.contains(&name), "{captured:?}");
    }
    let stages: Vec<_> = first.stages.iter().map(|(stage, _)| *stage).collect();
    assert_eq!((stages.first(), stages.last()), (Some(&Stage::Environment), Some(&Stage::Verify)));
}

#[test]
fn a_handler_that_hoards_or_crashes_is_not_warmed_up() {
    let tame = pages(&compiled(&["# GET /x\nprint(1)"]).unwrap());
    let hoards = pages(&compiled(&["# GET /x\nkeep = bytearray(100 << 20)\nprint(1)"]).unwrap());
    let crashes = pages(&compiled(&["# GET /x\nimport os\nos.abort()"]).unwrap());
    for other in [hoards, crashes] {
        assert!(other.abs_diff(tame) < 64, "{tame} pages, and {other}");
    }
}

#[test]
fn a_state_over_the_memory_is_refused() {
    let config = "'''yaml\ntitan: v1\nmemory: 100MB\n'''";
    let error =
        compiled(&[config, "large = b'x' * 200_000_000", "# GET /x\nprint(len(large))"]).unwrap_err().to_string();
    assert!(error.contains("'memory'") && error.contains("100000000"), "{error}");
}

/// Interrupts once the first cell runs.
struct Impatient(Interrupter);

impl Progress for Impatient {
    fn output(&self, line: &str) {
        assert_eq!(line, "here");
        self.0.interrupt();
    }
}

#[test]
fn an_interrupt_ends_the_notebook() {
    let (_folder, file) = notebook(&["import time\nprint('here', flush=True)\ntime.sleep(60)", "# GET /x\nprint(1)"]);
    // The environment may have to be made first, which prints and takes its time.
    compiled(&["# GET /x\nprint(1)"]).unwrap();
    let (interrupter, interrupt) = interrupt();
    let since = Instant::now();
    let options = Options { interrupt, ..Options::default() };
    assert!(matches!(compile(&file, &options, &Impatient(interrupter)), Err(CompileError::Interrupted)));
    assert!(since.elapsed() < Duration::from_secs(30));
}
