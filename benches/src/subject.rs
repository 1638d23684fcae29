//! The version that is measured: a bundle of the comparison, by default that of the 10-32-32-1 network, which `benches/run.sh`
//! compiled.

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
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/benches/compare"))
}

/// The bundle of the 10-32-32-1 network.
///
/// # Errors
/// It has not been compiled.
pub fn bundle() -> anyhow::Result<Bundle> {
    let path = folder().join("models/house/reuse/house.titan");
    let file = File::open(&path).with_context(|| format!("{} is missing: run benches/run.sh", path.display()))?;
    Ok(Bundle::read(file, u64::MAX)?)
}

/// A bundle loaded without a gateway.
pub struct Subject {
    /// Its component.
    pub program: Program,
    /// Its models, and its memory without a bound.
    pub limits: Limits,
    /// The number of the endpoint `POST /prediction`.
    pub prediction: usize,
    /// `REQUEST` with the body it is asked with.
    pub request: String,
}

impl Subject {
    /// Loads the 10-32-32-1 network.
    ///
    /// # Errors
    /// It has not been compiled, or by another titan.
    pub fn load() -> anyhow::Result<Subject> {
        Subject::of(&bundle()?, HOUSE)
    }

    /// Loads a bundle with the endpoint `POST /prediction`, to ask it with the JSON `body`.
    ///
    /// # Errors
    /// It has no such endpoint, or another titan compiled it.
    pub fn of(bundle: &Bundle, body: &str) -> anyhow::Result<Subject> {
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
        let prediction = prediction.context("the bundle has no endpoint POST /prediction")?;
        let headers = r#"{"Content-Type": "application/json", "Host": "127.0.0.1:8080"}"#;
        let request = format!(r#"{{"body": {body}, "args": {{}}, "path": {{}}, "headers": {headers}}}"#);
        Ok(Subject { program, limits, prediction, request })
    }
}
