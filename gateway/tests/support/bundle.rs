//! Bundles of a component that is written by hand.

#![allow(dead_code, reason = "every test binary uses its own part")]

use titan_sdk::bundle::{Bundle, part};
use titan_sdk::manifest::{Config, Endpoint, FORMAT, Manifest};

/// Export name, method, path, and the core function behind it.
const ENDPOINTS: [(&str, &str, &str, &str); 10] = [
    ("post-echo", "POST", "/echo", "echo"),
    ("get-users", "GET", "/users/:id", "echo"),
    ("get-count", "GET", "/count", "count"),
    ("get-created", "GET", "/created", "created"),
    ("get-fail", "GET", "/fail", "fail"),
    ("get-trap", "GET", "/trap", "trap"),
    ("get-spin", "GET", "/spin", "spin"),
    ("get-wait", "GET", "/wait", "wait"),
    ("get-hoard", "GET", "/hoard", "hoard"),
    ("get-root", "GET", "/", "created"),
];

/// A bundle of the hand-written component.
pub fn bundle(config: Config) -> Bundle {
    sized_bundle(config, 1)
}

/// As [`bundle`], with instances of this many pages of 64 KiB.
pub fn sized_bundle(config: Config, pages: u32) -> Bundle {
    let lift = |(name, _, _, function): &(&str, &str, &str, &str)| {
        format!(
            "(func ${name} (type $endpoint) (canon lift (core func $instance \"{function}\") (memory (core memory $instance \"memory\"))
             (realloc (core func $instance \"realloc\")) (post-return (core func $instance \"reset\"))))
             (export \"{name}\" (func ${name}))"
        )
    };
    let exports: String = ENDPOINTS.iter().map(lift).collect();
    let text = include_str!("versions.wat").replace("PAGES", &pages.to_string()).replace("ENDPOINTS", &exports);
    let component = wat::parse_str(text).unwrap();
    let endpoints = ENDPOINTS.iter().map(|(name, method, path, _)| Endpoint {
        name: (*name).into(),
        method: (*method).into(),
        path: (*path).into(),
        example: None,
    });
    let manifest = Manifest {
        format: FORMAT,
        service: "compiled-under-another-name".into(),
        endpoints: endpoints.collect(),
        config,
        engine: titan_sdk::engine::ENGINES[0].digest().into(),
        component: part("component.wasm", &component),
        models: Vec::new(),
        notebook: part("notebook.ipynb", b"{}"),
        parity: Vec::new(),
    };
    Bundle { manifest, component, models: Vec::new(), notebook: b"{}".to_vec(), signed: None }
}

/// A bundle as it is uploaded.
pub fn packed(bundle: &Bundle) -> Vec<u8> {
    let mut bytes = Vec::new();
    bundle.write(&mut bytes).unwrap();
    bytes
}

/// A configuration that is small enough for `/hoard` to fail and short enough for `/spin` to end.
pub fn small() -> Config {
    Config { memory: 2_000_000, timeout_ms: 300, ..Config::default() }
}
