//! The version that is measured: the house-price example in its first state (10-32-32-1), as `benches/run.sh` compiled it.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use titan_sdk::budget::Budget;
use titan_sdk::bundle::Bundle;
use titan_sdk::engine::Engine;
use titan_sdk::host::{Limits, Program, Runtime, RuntimeOptions};
use titan_sdk::inference::Graph;

/// The JSON body of the prediction that is asked for.
pub const HOUSE: &str = r#"{"LotArea": 8450, "OverallQual": 7, "OverallCond": 5, "TotalBsmtSF": 856, "FullBath": 2, "HalfBath": 1, "BedroomAbvGr": 3, "TotRmsAbvGrd": 8, "Fireplaces": 0, "GarageArea": 548}"#;

/// Where `benches/run.sh` keeps what it prepares.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/benches"))
}

/// The compiled example.
///
/// # Errors
/// It has not been compiled.
pub fn bundle() -> anyhow::Result<Bundle> {
    let path = folder().join("house-price.titan");
    let file = File::open(&path).with_context(|| format!("{} is missing: run benches/run.sh", path.display()))?;
    Ok(Bundle::read(file, u64::MAX)?)
}

/// The example loaded without a gateway.
pub struct Subject {
    /// Its component.
    pub program: Program,
    /// Its models, and its memory without a bound.
    pub limits: Limits,
    /// The number of the endpoint `POST /prediction`.
    pub prediction: usize,
    /// `REQUEST` with [`HOUSE`] as its body.
    pub request: String,
}

impl Subject {
    /// Loads the example.
    ///
    /// # Errors
    /// It has not been compiled, or by another titan.
    pub fn load() -> anyhow::Result<Subject> {
        let bundle = bundle()?;
        let engine =
            Engine::of_digest(&bundle.manifest.engine).context("another titan compiled it: run benches/run.sh")?;
        let runtime = Runtime::new(&RuntimeOptions { max_instances: 8, ..RuntimeOptions::default() })?;
        let program = runtime.load_bytes(engine, &bundle.component, &bundle.manifest.endpoints)?;
        let named = bundle.manifest.models.iter().zip(&bundle.models);
        let graphs: HashMap<_, _> = named
            .map(|(model, onnx)| Ok((model.name.clone(), Arc::new(Graph::load(onnx)?))))
            .collect::<anyhow::Result<_>>()?;
        let limits = Limits { budget: Budget::new(u64::MAX), graphs: Arc::new(graphs), ..Limits::unlimited() };
        let prediction = bundle.manifest.endpoints.iter().position(|endpoint| endpoint.name == "post-prediction");
        let prediction = prediction.context("the example has no endpoint POST /prediction")?;
        let headers = r#"{"Content-Type": "application/json", "Host": "127.0.0.1:8080"}"#;
        let request = format!(r#"{{"body": {HOUSE}, "args": {{}}, "path": {{}}, "headers": {headers}}}"#);
        Ok(Subject { program, limits, prediction, request })
    }
}
