//! The notebooks in `tests/notebooks/`, each a plausible use of its own: every one is run by the real libraries, deployed
//! as it is, and answers as its own kernel does.
//!
//! Each test says what `titan deploy` finds of a notebook: how many endpoints are checked, and which cannot be, with the
//! reason. The kernel then answers every endpoint's mock request and those of `requests.json`, one after the other, and a
//! gateway is sent the same over HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::close::assert_close;
use support::{Gateway, notebook, root, succeed, titan};

/// What numbers in an answer over HTTP may differ by from the kernel's, relatively: as at deploy.
const TOLERANCE: f64 = 1e-5;

/// What becomes of a notebook: how many of its endpoints are checked, and which cannot be, with what `titan deploy` says.
struct Expected {
    checked: usize,
    not_checkable: &'static [(&'static str, &'static str)],
}

/// A test a notebook, and `EXPECTED`, the table of all.
macro_rules! corpus {
    ($($test:ident: $notebook:literal, $checked:literal $(, $endpoint:literal: $reason:literal)*;)*) => {
        const EXPECTED: &[(&str, Expected)] = &[
            $(($notebook, Expected { checked: $checked, not_checkable: &[$(($endpoint, $reason)),*] }),)*
        ];
        $(
            #[test]
            fn $test() {
                answers_as_its_kernel($notebook);
            }
        )*
    };
}

corpus! {
    ab_test: "ab-test", 4;
    bike_demand: "bike-demand", 4;
    card_anomalies: "card-anomalies", 5;
    churn: "churn", 5;
    country_lookup: "country-lookup", 4;
    credit_risk: "credit-risk", 5;
    crypto_lstm: "crypto-lstm", 3;
    customer_segments: "customer-segments", 5;
    delivery_network: "delivery-network", 4;
    energy_forecast: "energy-forecast", 6;
    fuel_economy: "fuel-economy", 4;
    handwritten_digits: "handwritten-digits", 5;
    house_neighbours: "house-neighbours", 6;
    image_filters: "image-filters", 3;
    intent_attention: "intent-attention", 4;
    invoice_tools: "invoice-tools", 6;
    link_shortener: "link-shortener", 4;
    machine_wear: "machine-wear", 5;
    model_files: "model-files", 4;
    movie_recommender: "movie-recommender", 6;
    notebook_displays: "notebook-displays", 10;
    online_learning: "online-learning", 4;
    onnx_scoring: "onnx-scoring", 4;
    option_pricing: "option-pricing", 4;
    page_counter: "page-counter", 5;
    parcel_rates: "parcel-rates", 5;
    product_codes: "product-codes", 4;
    review_sentiment: "review-sentiment", 4;
    river_level: "river-level", 3;
    sales_report: "sales-report", 10;
    sensor_autoencoder: "sensor-autoencoder", 3;
    shift_planner: "shift-planner", 5;
    tabletop_dice: "tabletop-dice", 2,
        "POST /roll": "it depends on randomness",
        "GET /character": "it depends on randomness",
        "GET /clock": "it depends on time";
    text_cleaning: "text-cleaning", 5;
    ticket_priority: "ticket-priority", 5;
    ticket_routing: "ticket-routing", 4;
    torch_curves: "torch-curves", 3;
    torch_wine: "torch-wine", 3;
    traffic_signs: "traffic-signs", 4;
    vibration_analysis: "vibration-analysis", 6;
}

/// Deploys the notebook with a last cell that records answers of its kernel, and compares them with the service's.
fn answers_as_its_kernel(name: &str) {
    let (_, expected) = EXPECTED.iter().find(|(known, _)| *known == name).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = copy(name, folder.path());
    let gateway = Gateway::start(&folder.path().join("store"));
    let answers = folder.path().join("answers.json");
    let job = json!({"notebook": source(name), "requests": requests(name), "answers": answers});
    let output = titan()
        .args(["deploy", file.to_str().unwrap()])
        .env("TITAN_GATEWAY", &gateway.admin)
        .env("TITAN_TEST_RECORD", job.to_string())
        .output()
        .unwrap();
    assert_findings(&succeed(&output), name, expected);
    let answers: Vec<Value> = serde_json::from_slice(&fs::read(&answers).unwrap()).unwrap();
    assert!(answers.len() >= expected.checked + expected.not_checkable.len());
    for answer in &answers {
        let endpoint = answer["endpoint"].as_str().unwrap();
        let (status, body) = ask(&gateway, name, endpoint, answer);
        let what = format!("{endpoint} of {name}, asked {}", answer["request"]);
        assert_eq!(json!(status), answer["status"], "{what}: {}", String::from_utf8_lossy(&body));
        let recorded = STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
        let differs_each_time = expected.not_checkable.iter().any(|(known, _)| *known == endpoint);
        // An exception is told otherwise here than there, and 204 has no body.
        if !differs_each_time && ![204, 500].contains(&status) && body != recorded {
            println!("{what}");
            assert_close(&unpadded(body), &unpadded(recorded), TOLERANCE);
        }
    }
}

/// The text without the spaces that numbers of other lengths in their columns bring about.
fn unpadded(body: Vec<u8>) -> String {
    let text = String::from_utf8(body).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("[ ", "[").replace(" ]", "]").replace(" ,", ",")
}

fn folder() -> PathBuf {
    root().join("tests/notebooks").canonicalize().unwrap()
}

fn source(name: &str) -> PathBuf {
    folder().join(format!("{name}.ipynb"))
}

/// The notebook with the recording cell, and the files beside it, in `folder`.
fn copy(name: &str, folder: &Path) -> PathBuf {
    let mut own: Value = serde_json::from_slice(&fs::read(source(name)).unwrap()).unwrap();
    let recording = &notebook::notebook(&[include_str!("support/record.py")])["cells"][0];
    own["cells"].as_array_mut().unwrap().push(recording.clone());
    let file = folder.join(format!("{name}.ipynb"));
    fs::write(&file, own.to_string()).unwrap();
    fs::create_dir(folder.join("data")).unwrap();
    for data in fs::read_dir(self::folder().join("data")).unwrap() {
        let data = data.unwrap();
        fs::copy(data.path(), folder.join("data").join(data.file_name())).unwrap();
    }
    file
}

/// Requests beside the mock ones: [[endpoint, request]].
fn requests(name: &str) -> Value {
    let all: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(folder().join("requests.json")).unwrap()).unwrap();
    all.get(name).cloned().unwrap_or(json!([]))
}

/// The lines that `titan deploy` prints of the endpoints are what the table expects.
fn assert_findings(stdout: &str, name: &str, expected: &Expected) {
    let prefix = format!("/{name}/");
    let lines: Vec<_> = stdout.lines().filter(|line| line.contains(&prefix) && line.contains("  ")).collect();
    let checked = lines.iter().filter(|line| line.ends_with("  checked")).count();
    let others: BTreeSet<String> = lines
        .iter()
        .filter(|line| !line.ends_with("  checked"))
        .filter_map(|line| line.split_once("  not checkable: "))
        .map(|(endpoint, reason)| (endpoint.split_whitespace().collect::<Vec<_>>().join(" "), reason))
        .map(|(endpoint, reason)| format!("{}: {reason}", endpoint.replace(&prefix, "/")))
        .collect();
    let wanted = expected.not_checkable.iter().map(|(endpoint, reason)| format!("{endpoint}: {reason}")).collect();
    assert_eq!((checked, others), (expected.checked, wanted), "{stdout}");
}

/// Status and body of the service's answer to the request that `recorded` is the kernel's answer to.
fn ask(gateway: &Gateway, service: &str, endpoint: &str, recorded: &Value) -> (u16, Vec<u8>) {
    let request = &recorded["request"];
    let (method, path) = endpoint.split_once(' ').unwrap();
    let mut path = path.to_owned();
    for (name, value) in request["path"].as_object().unwrap() {
        path = path.replace(&format!(":{name}"), value.as_str().unwrap());
    }
    assert!(!path.contains(':'), "{endpoint} of {service} needs a mock request with its parameters");
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, values) in request["args"].as_object().unwrap() {
        for value in values.as_array().unwrap() {
            query.append_pair(name, value.as_str().unwrap());
        }
    }
    let uri = format!("{}/{service}{path}?{}", gateway.url, query.finish());
    // As the kernel wrote it: the order of keys becomes that of columns.
    let body = if request["body"] == "" { "" } else { recorded["sent"].as_str().unwrap() };
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
    let request = ureq::http::Request::builder().method(method).uri(uri).header("content-type", "application/json");
    let mut response = ureq::Agent::from(agent).run(request.body(body.to_owned()).unwrap()).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
}

#[test]
fn every_notebook_is_tried_and_counted_in_the_readme() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let notebooks = entries.filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    let found: BTreeSet<_> = notebooks.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let tried: BTreeSet<_> = EXPECTED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, tried);
    let checked: usize = EXPECTED.iter().map(|(_, expected)| expected.checked).sum();
    let others: usize = EXPECTED.iter().map(|(_, expected)| expected.not_checkable.len()).sum();
    let count = format!("{} notebooks, {} endpoints, {checked} checked", tried.len(), checked + others);
    assert!(fs::read_to_string(root().join("README.md")).unwrap().contains(&count), "README.md should say: {count}");
}
