//! Config cells: the input as the text of a Markdown cell, and as the string in a code cell.

use std::path::{Component, Path};

use serde_json::json;
use titan_compiler::notebook::Notebook;

/// Reads a cell.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    read("markdown", text);
    read("code", text);
    read("code", &format!("'''yaml\n{text}\n'''"));
}

fn read(kind: &str, source: &str) {
    let cells = json!([{"cell_type": kind, "source": source}, {"cell_type": "code", "source": "# GET /x\nx"}]);
    let notebook = json!({"nbformat": 4, "cells": cells}).to_string().into_bytes();
    match Notebook::parse(Path::new("/folder/x.ipynb"), notebook, None) {
        Err(error) => super::assert_one_line(&error),
        Ok(notebook) => {
            let settings = notebook.settings;
            settings.config.check().expect("a gateway takes what the config cell says");
            for file in &settings.files {
                let mut parts = Path::new(file).components();
                let inside = parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
                assert!(inside, "{file:?} is not within the notebook's folder");
            }
        }
    }
}
