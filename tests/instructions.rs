//! How many instructions of Wasm a prediction takes: reading the request, the cell, printing the answer. They do not depend on
//! the machine or the profile of the build, so they are checked with the other tests; a change that makes a prediction take
//! more has to say why, here. The notebooks are those of the comparison.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use support::{root, succeed, titan};
use titan_sdk::budget::Budget;
use titan_sdk::bundle::Bundle;
use titan_sdk::engine::Engine;
use titan_sdk::host::{Limits, Runtime, RuntimeOptions};
use titan_sdk::inference::Graph;

/// Until CPython has adapted its code to what it is called with.
const WARM: usize = 50;
const LIMIT: Duration = Duration::from_secs(60);

/// Thousands of instructions of a prediction of `notebook` in an instance that is reused, and in a fresh one.
fn measure(notebook: &str, body: &Value) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let source = root().join("benches/compare/notebooks");
    for file in [format!("{notebook}.ipynb"), "inputs.py".into()] {
        fs::copy(source.join(&file), folder.path().join(&file)).unwrap();
    }
    let compile =
        titan().args(["compile", &format!("{notebook}.ipynb"), "-o", "x.titan"]).current_dir(folder.path()).output();
    succeed(&compile.unwrap());
    let bundle = Bundle::read(File::open(folder.path().join("x.titan")).unwrap(), u64::MAX).unwrap();

    let runtime =
        Runtime::new(&RuntimeOptions { max_instances: 2, counting: true, ..RuntimeOptions::default() }).unwrap();
    let manifest = &bundle.manifest;
    let engine = Engine::of_digest(&manifest.engine).unwrap();
    let program = runtime.load_bytes(engine, &bundle.component, &manifest.endpoints).unwrap();
    let models = manifest.models.iter().zip(&bundle.models);
    let graphs: HashMap<_, _> =
        models.map(|(model, onnx)| (model.name.clone(), Arc::new(Graph::load(onnx).unwrap()))).collect();
    let limits = Limits { budget: Budget::new(u64::MAX), graphs: Arc::new(graphs), ..Limits::unlimited() };
    let endpoint = manifest.endpoints.iter().position(|endpoint| endpoint.name == "post-prediction").unwrap();
    let request =
        json!({"body": body, "args": {}, "path": {}, "headers": {"Content-Type": "application/json"}}).to_string();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut instance = program.instantiate(limits).await.unwrap();
        let mut counts = Vec::new();
        for _ in 0..WARM {
            let before = instance.instructions().unwrap();
            let answer = instance.call(endpoint, &request, LIMIT).await.unwrap().unwrap();
            assert!(String::from_utf8(answer.body).unwrap().contains("answer"));
            counts.push((instance.instructions().unwrap() - before).div_ceil(1000));
        }
        (counts[WARM - 1], counts[0])
    })
}

/// The notebook, a body for it, and how many thousands of instructions its prediction may take, reused and fresh.
fn subjects() -> [(&'static str, Value, u64, u64); 3] {
    let house = json!({
        "LotArea": 8450, "OverallQual": 7, "OverallCond": 5, "TotalBsmtSF": 856, "FullBath": 2, "HalfBath": 1,
        "BedroomAbvGr": 3, "TotRmsAbvGrd": 8, "Fireplaces": 0, "GarageArea": 548
    });
    let pixels: Vec<usize> = (0..28).flat_map(|row| (0..28).map(move |column| row * column % 256)).collect();
    let text = "It was not the best film that I have seen, but the music and the acting made me watch it to the end.";
    [
        ("house", house, 278, 290),
        ("digits", json!({"pixels": pixels}), 1_600, 1_590),
        ("reviews", json!({"text": text}), 313, 332),
    ]
}

#[test]
fn a_prediction_takes_no_more_instructions_than_it_may() {
    let mut over = Vec::new();
    for (notebook, body, reused, fresh) in subjects() {
        let found = measure(notebook, &body);
        println!("{notebook}: {} thousand instructions reused, {} fresh", found.0, found.1);
        if found.0 > reused || found.1 > fresh {
            over.push(format!("{notebook}: {found:?} thousand, where {:?} are allowed", (reused, fresh)));
        }
    }
    assert!(over.is_empty(), "{over:#?}");
}
