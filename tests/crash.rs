//! `kill -9` at any moment: the same services, versions and routes after a restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Gateway, notebook, succeed, titan};

/// Bundles of three versions of `crash`, told apart by what they answer.
fn bundles(folder: &Path) -> Vec<Vec<u8>> {
    let make = |number: usize| {
        let endpoint = format!("# GET /x\nprint({number})");
        let file = notebook::write(folder, "crash", &[&endpoint]);
        let bundle = folder.join("crash.titan");
        succeed(&titan().args([Path::new("compile"), &file, Path::new("-o"), &bundle]).output().unwrap());
        fs::read(bundle).unwrap()
    };
    (1..=3).map(make).collect()
}

/// Service and versions as the admin API tells them, but for what is measured.
fn state(gateway: &Gateway) -> (Value, Value) {
    gateway.loaded();
    (gateway.admin_get("/v1/services/crash"), gateway.admin_get("/v1/services/crash/versions"))
}

fn active(gateway: &Gateway) -> String {
    gateway.admin_get("/v1/services/crash")["active"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let bundles = bundles(folder.path());
    let mut gateway = Gateway::start(&data);
    let client = titan_sdk::client::Client::new(&gateway.admin);
    for bundle in &bundles[..2] {
        client.deploy("crash", bundle).unwrap();
    }
    client.rollback("crash", None).unwrap();
    let before = state(&gateway);
    gateway.kill();
    gateway = Gateway::start(&data);
    assert_eq!(state(&gateway), before);
    assert_eq!(active(&gateway), "v1");
    assert_eq!(gateway.get("/crash/x").body, "1\n");
}

#[test]
fn a_kill_at_any_moment_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let bundles = bundles(folder.path());
    let mut gateway = Gateway::start(&data);
    titan_sdk::client::Client::new(&gateway.admin).deploy("crash", &bundles[0]).unwrap();
    let mut numbers = vec![1];
    for round in 0..12_u64 {
        // Deploys and rollbacks without pause; the kill comes a little later each round.
        let (url, turns) = (gateway.admin.clone(), bundles.clone());
        let worker = std::thread::spawn(move || {
            let client = titan_sdk::client::Client::new(&url);
            let mut acknowledged = (Vec::new(), None);
            for turn in 0.. {
                let number = turn % turns.len();
                let Ok(deployed) = client.deploy("crash", &turns[number]) else { break };
                acknowledged.0.push((deployed.version.clone(), number + 1));
                acknowledged.1 = Some(deployed.version);
                let Ok(back) = client.rollback("crash", None) else { break };
                acknowledged.1 = Some(back.to);
            }
            acknowledged
        });
        let until = Instant::now() + Duration::from_millis(20 + 37 * round);
        while Instant::now() < until && !worker.is_finished() {
            std::thread::yield_now();
        }
        gateway.kill();
        let (deployed, last_active) = worker.join().unwrap();
        numbers.extend(deployed.iter().map(|(_, number)| *number));

        gateway = Gateway::start(&data);
        let (service, versions) = state(&gateway);
        let versions = versions["versions"].as_array().unwrap().clone();
        let named = |version: &str| versions.iter().any(|v| v["version"] == version);
        for (version, _) in &deployed {
            assert!(named(version), "{version} was acknowledged and is gone");
        }
        // The last operation may have reached the disk without its answer reaching the client: at most one more version.
        assert!(versions.len() <= numbers.len() + 1, "{versions:?}");
        while numbers.len() < versions.len() {
            numbers.push(0);
        }
        let active = service["active"].as_str().unwrap();
        assert!(named(active));
        let active_number = numbers[active[1..].parse::<usize>().unwrap() - 1];
        let answer = gateway.get("/crash/x");
        assert_eq!((answer.status, answer.version.as_deref()), (200, Some(active)), "after {last_active:?}");
        if active_number != 0 {
            assert_eq!(answer.body, format!("{active_number}\n"));
        }
    }
}
