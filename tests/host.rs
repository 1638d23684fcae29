//! What `titan` says about the host and about itself: doctor, completions, manual pages, and the files in `packaging/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Gateway, binary, fail, root, succeed, titan};

/// Levels by check, of which the worst counts.
fn levels(printed: &[u8]) -> BTreeMap<String, String> {
    let findings: Vec<Value> = serde_json::from_slice(printed).unwrap();
    let mut levels = BTreeMap::new();
    for finding in findings {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        assert_eq!(finding.get("mend").is_some(), text("level") != "ok", "what is wrong can be mended: {finding}");
        let level = levels.entry(text("check")).or_insert_with(|| text("level"));
        if text("level") == "error" {
            *level = text("level");
        }
    }
    levels
}

fn doctor(arguments: &[&str], data: &Path) -> Command {
    let mut command = titan();
    command.args(["doctor", "--data"]).arg(data).args(arguments);
    command
}

#[test]
fn doctor_looks_at_a_fit_host_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let free = ["--json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let output = doctor(&free, &data).output().unwrap();
    succeed(&output);
    let levels = levels(&output.stdout);
    for check in ["kernel", "memory", "overcommit", "open files", "clock", "disk space", "engine cache", "engine"] {
        assert!(["ok", "warning"].contains(&levels[check].as_str()), "{levels:?}");
    }
    assert!(!data.exists());
    // As a table for people.
    let printed = succeed(&doctor(&free[1..], &data).output().unwrap());
    assert!(printed.starts_with("CHECK") && printed.contains("services address"), "{printed}");
}

#[test]
fn doctor_names_what_keeps_a_gateway_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output = doctor(&["--json", "--listen", &address, "--admin", "127.0.0.1:0"], &file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fail(&output), "error: 2 checks failed: mend them as the list says");
    let levels = levels(&output.stdout);
    assert_eq!((levels["services address"].as_str(), levels["data folder"].as_str()), ("error", "error"));
    assert_eq!(levels["admin address"], "ok");
    // Where the process's address space is limited, the instances do not fit.
    let shell = format!("ulimit -v 16000000; exec '{}' doctor --json", binary().display());
    let limited = Command::new("bash").args(["-c", &shell]).env("TITAN_DATA", folder.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&limited.stdout).contains("ulimit -v"), "{limited:?}");
    assert_eq!(limited.status.code(), Some(1));
    // A configuration that cannot be read is said as the gateway says it.
    let wrong = folder.path().join("titan.toml");
    fs::write(&wrong, "[limits]\nmax_boddy = '1MB'\n").unwrap();
    let error = fail(&titan().args(["doctor", "--config"]).arg(&wrong).output().unwrap());
    assert!(error.contains("titan.toml:2: limits.max_boddy: "), "{error}");
}

#[test]
fn doctor_knows_a_gateway_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path());
    let [services, admin] = [&gateway.url, &gateway.admin].map(|url| url.trim_start_matches("http://"));
    while !folder.path().join("handover.sock").exists() {
        std::thread::yield_now();
    }
    let output = doctor(&["--json", "--listen", services, "--admin", admin], folder.path()).output().unwrap();
    assert_eq!(levels(&output.stdout)["services address"], "ok", "{output:?}");
}

#[test]
fn the_example_configuration_starts_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let example = fs::read_to_string(root().join("packaging/titan.toml")).unwrap();
    let config = folder.path().join("titan.toml");
    let text =
        example.replace("\"127.0.0.1:8080\"", "\"127.0.0.1:0\"").replace("\"127.0.0.1:8081\"", "\"127.0.0.1:0\"");
    fs::write(&config, text.replace("#data = \"/var/lib/titan\"", "data = \"here\"")).unwrap();
    let gateway = Gateway::spawn(titan().args(["gateway", "--config"]).arg(&config));
    assert_eq!(gateway.admin_get("/v1/services")["services"], serde_json::json!([]));
    assert!(folder.path().join("here/metadata.redb").exists(), "paths are relative to the file");
}

#[test]
fn every_command_has_completions_and_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    succeed(&titan().arg("man").arg(folder.path()).output().unwrap());
    let script = succeed(&titan().args(["completions", "bash"]).output().unwrap());
    let help = succeed(&titan().arg("--help").output().unwrap());
    let commands =
        help.split("Commands:").nth(1).unwrap().lines().skip(1).map_while(|line| line.split_whitespace().next());
    let commands: Vec<_> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        assert!(script.contains(command), "{command}");
        let page = fs::read_to_string(folder.path().join(format!("titan-{command}.1"))).unwrap();
        assert!(page.contains(".SH DESCRIPTION"), "{command}");
    }
    assert!(folder.path().join("titan-gateway-backup.1").exists());
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(succeed(&titan().args(["completions", shell]).output().unwrap()).len() > 1000);
    }
}

#[test]
fn systemd_accepts_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: systemd-analyze is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("titan.service");
    // The program that is verified is the one under test.
    let text = fs::read_to_string(root().join("packaging/titan.service")).unwrap();
    fs::write(&unit, text.replace("/usr/bin/titan", binary().to_str().unwrap())).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_it: Vec<_> = said.lines().filter(|line| line.contains("titan")).collect();
    assert!(verified.status.success() && about_it.is_empty(), "{said}");
    let exposure =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=25"]).arg(&unit).output();
    let exposure = exposure.unwrap();
    assert!(exposure.status.success(), "{}", String::from_utf8_lossy(&exposure.stdout));
}
