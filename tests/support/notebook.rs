//! Notebooks for tests, and bundles compiled from them once a run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{house_prices, root, succeed, titan};

/// A notebook of code cells, in the image `python` unless a cell configures another.
pub fn notebook(cells: &[&str]) -> Value {
    let cell = |(index, source): (usize, &&str)| json!({"cell_type": "code", "id": format!("c{index}"), "metadata": {}, "outputs": [], "execution_count": null, "source": source});
    json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells.iter().enumerate().map(cell).collect::<Vec<_>>()})
}

/// Writes a notebook named `name` into `folder`.
pub fn write(folder: &Path, name: &str, cells: &[&str]) -> PathBuf {
    let file = folder.join(format!("{name}.ipynb"));
    fs::write(&file, notebook(cells).to_string()).unwrap();
    file
}

/// The house-price example in state `version`, compiled, and what the notebook's own kernel computed for every endpoint.
pub struct HousePrice {
    pub bundle: PathBuf,
    /// Standard output of each endpoint cell, by its annotation: `GET /loss`.
    pub expected: Value,
    /// The JSON body of the notebook's mock request.
    pub body: Value,
}

/// Runs every endpoint cell in the kernel with the notebook's own mock `REQUEST`, and writes what it printed.
const RECORD: &str = r##"
import contextlib as _contextlib, io as _io, json as _json, os as _os
_cells = [c["source"] if isinstance(c["source"], str) else "".join(c["source"])
          for c in _json.load(open(_os.environ["TITAN_TEST_NOTEBOOK"]))["cells"] if c["cell_type"] == "code"]
_expected = {}
for _source in _cells:
    _first = _source.split("\n", 1)[0]
    if _first.startswith(("# GET ", "# POST ")):
        _printed = _io.StringIO()
        # Keras draws its progress bar on stdout, which a service leaves out.
        import keras as _keras
        _keras.config.disable_interactive_logging()
        with _contextlib.redirect_stdout(_printed):
            exec(_source, globals())
        _expected[_first[2:]] = _printed.getvalue()
_request = _json.loads(REQUEST)
with open(_os.environ["TITAN_TEST_EXPECTED"], "w") as _file:
    _json.dump({"expected": _expected, "body": _request["body"]}, _file)
"##;

impl HousePrice {
    /// Trains and compiles, unless an earlier test of this build did: training takes a minute.
    pub fn compiled(version: &str) -> HousePrice {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("house-price").join(version);
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let (bundle, expected) = (folder.join("house-price.titan"), folder.join("expected.json"));
        let source = root().join("examples/house-price").join(version).join("house-price.ipynb");
        let newest = [&super::binary(), &source].map(|file| fs::metadata(file).unwrap().modified().unwrap());
        let made = fs::metadata(&bundle).and_then(|m| m.modified()).ok();
        if made.is_none_or(|made| newest.iter().any(|n| *n > made)) {
            let mut notebook: Value = serde_json::from_slice(&fs::read(&source).unwrap()).unwrap();
            let record = super::notebook::notebook(&[RECORD])["cells"][0].clone();
            notebook["cells"].as_array_mut().unwrap().push(record);
            let copy = folder.join("house-price.ipynb");
            fs::write(&copy, notebook.to_string()).unwrap();
            let output = titan()
                .arg("compile")
                .args([&copy, Path::new("-o"), &bundle])
                .env("TITAN_HOUSE_PRICES", house_prices().canonicalize().unwrap())
                .env("TITAN_TEST_NOTEBOOK", &copy)
                .env("TITAN_TEST_EXPECTED", &expected)
                .output()
                .unwrap();
            succeed(&output);
        }
        let recorded: Value = serde_json::from_slice(&fs::read(&expected).unwrap()).unwrap();
        HousePrice { bundle, expected: recorded["expected"].clone(), body: recorded["body"].clone() }
    }
}
