//! What happens to a gateway in its life: old versions are pruned, it is backed up and restored, restarted with many services, and
//! runs out of disk.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Gateway, fail, succeed, titan};
use titan_sdk::client::{Client, ClientError};
use titan_sdk::digest::sha256_hex;
use titan_sdk::manifest::Config;

/// A bundle that differs from those with another `mark`.
fn marked(mark: &str, config: Config) -> Vec<u8> {
    let mut bundle = bundle::bundle(config);
    bundle.notebook = mark.as_bytes().to_vec();
    bundle.manifest.notebook = titan_sdk::bundle::part("notebook.ipynb", &bundle.notebook);
    bundle::packed(&bundle)
}

fn versions(gateway: &Gateway, service: &str) -> Vec<String> {
    let listed = gateway.admin_get(&format!("/v1/services/{service}/versions"));
    listed["versions"].as_array().unwrap().iter().map(|v| v["version"].as_str().unwrap().to_owned()).collect()
}

/// All that the admin API tells of services and versions.
fn state(gateway: &Gateway) -> Vec<Value> {
    gateway.loaded();
    let services = gateway.admin_get("/v1/services");
    let names = services["services"].as_array().unwrap().iter().map(|service| service["name"].as_str().unwrap());
    let versions = names.map(|name| gateway.admin_get(&format!("/v1/services/{name}/versions")));
    let mut all: Vec<_> = versions.collect();
    all.push(services.clone());
    all
}

#[test]
fn prune_keeps_the_newest_and_what_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path());
    let client = Client::new(&gateway.admin);
    let deploy = |service: &str, config| client.deploy(service, &marked(service, config)).unwrap().version;
    deploy("demo", bundle::small());
    assert_eq!(deploy("demo", Config { timeout_ms: 60_000, ..bundle::small() }), "v2");
    // A request that ends when its client leaves, behind one whose answer shows that it has arrived.
    let mut request = TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
    request
        .write_all(b"GET /demo/created HTTP/1.1\r\nhost: x\r\n\r\nGET /demo/spin HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    assert!(request.read(&mut [0; 1]).unwrap() == 1);
    let is = |version: &str, state: &str| {
        let listed = gateway.admin_get("/v1/services/demo/versions");
        listed["versions"].as_array().unwrap().iter().any(|v| v["version"] == version && v["state"] == state)
    };
    for _ in 3..=6 {
        deploy("demo", bundle::small());
    }
    assert!(is("v2", "draining"));
    client.rollback("demo", Some("v3")).unwrap();
    for _ in 0..2 {
        deploy("other", bundle::small());
    }
    let newest: Vec<String> = versions(&gateway, "demo").into_iter().rev().take(2).rev().collect();
    let printed = gateway.run(&["prune", "--keep", "2"]);
    assert_eq!(printed, "pruned demo: deleted v1, v4; kept v2, v3, in use\npruned other: deleted nothing\n");
    assert_eq!(versions(&gateway, "demo"), [&["v2".into(), "v3".into()], &newest[..]].concat());
    assert_eq!(gateway.get("/demo/created").version.as_deref(), Some("v3"));

    drop(request);
    while is("v2", "draining") {
        std::thread::yield_now();
    }
    assert_eq!(gateway.run(&["prune", "demo", "--keep", "0"]), "pruned demo: deleted v2, v5, v6; kept v3, in use\n");
    assert!(fail(&gateway.titan(&["prune", "nobody", "--keep", "1"])).contains("nobody"));
    assert_eq!(versions(&gateway, "other"), ["v1", "v2"]);
}

#[test]
fn a_backup_taken_under_deploys_is_restored_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let gateway = Gateway::start(&at("data"));
    let client = Client::new(&gateway.admin);
    for number in 1..=4 {
        client.deploy("demo", &marked(&number.to_string(), bundle::small())).unwrap();
    }
    client.rollback("demo", Some("v2")).unwrap();
    let token = client.create_token("ci", titan_sdk::access::Role::Admin).unwrap().secret;
    let before = state(&gateway);
    let backup = text(&at("store.backup"));
    let printed = gateway.run(&["gateway", "backup", &backup]);
    assert!(printed.starts_with(&format!("backed up to {backup}: 1 services, 4 versions, ")), "{printed}");

    // A second one, while versions come and go: it is some moment's state, whole.
    let busy = text(&at("busy.backup"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                client.deploy("busy", &marked(&format!("busy {number}"), bundle::small())).unwrap();
                client.prune("busy", 30).unwrap();
            }
        });
        for _ in 0..5 {
            gateway.run(&["gateway", "backup", &busy]);
        }
        done.store(true, Ordering::Relaxed);
    });

    let restore =
        |file: &str, data: &Path| titan().args(["gateway", "restore", file, "--data"]).arg(data).output().unwrap();
    let error = fail(&restore(&backup, &at("data")));
    assert!(error.contains("not empty"), "{error}");
    succeed(&restore(&busy, &at("busy")));
    let other = Gateway::start(&at("busy"));
    assert_eq!(other.get("/busy/created").status, 201);
    assert_eq!(other.get("/demo/created").version.as_deref(), Some("v2"));
    other.kill();

    let printed = succeed(&restore(&backup, &at("restored")));
    assert!(printed.starts_with(&format!("restored from {backup}: 1 services, 4 versions, ")), "{printed}");
    let restored = Gateway::start(&at("restored"));
    assert_eq!(state(&restored), before);
    assert_eq!(restored.get("/demo/created").version.as_deref(), Some("v2"));
    let listed =
        titan().args(["token", "list", "--gateway", &restored.admin]).env("TITAN_TOKEN", token).output().unwrap();
    assert!(succeed(&listed).contains("ci"), "tokens are restored too");
    // Numbers go on where they were.
    let deployed = Client::new(&restored.admin).deploy("demo", &marked("5", bundle::small())).unwrap();
    assert_eq!(deployed.version, "v5");

    // Damage of any kind is noticed, and leaves nothing behind.
    let bytes = std::fs::read(&backup).unwrap();
    let damaged = text(&at("damaged.backup"));
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for damage in [&flipped[..], &bytes[..bytes.len() / 2], b"hello"] {
        std::fs::write(&damaged, damage).unwrap();
        let error = fail(&restore(&damaged, &at("never")));
        assert!(error.contains("backup"), "{error}");
        assert!(!at("never").exists());
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_str().unwrap().starts_with('.')), "{left:?}");
}

#[test]
fn with_two_hundred_services_it_serves_at_once() {
    const SERVICES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path());
    let client = Client::new(&gateway.admin);
    for number in 0..SERVICES {
        client.deploy(&format!("s{number}"), &marked(&number.to_string(), bundle::small())).unwrap();
    }
    gateway.kill();
    let start = Instant::now();
    let gateway = Gateway::start(folder.path());
    // Whichever is asked first does not wait for the others.
    let answer = gateway.get(&format!("/s{}/created", SERVICES / 2));
    let first = start.elapsed();
    assert_eq!((answer.status, answer.version.as_deref()), (201, Some("v1")));
    gateway.loaded();
    println!("{SERVICES} services: first answer after {first:?}, all loaded after {:?}", start.elapsed());
    assert!(first < Duration::from_secs(2), "{first:?}");
    for number in 0..SERVICES {
        assert_eq!(gateway.get(&format!("/s{number}/created")).status, 201);
    }
}

/// A file system of a few megabytes.
struct Small(PathBuf);

impl Small {
    fn mount(path: PathBuf) -> Option<Small> {
        std::fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(&path);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Small(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily, since a gateway that a failed test leaves behind may still use it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(folder.path().join("disk")) else {
        println!("skipped: only root may mount the small file system that this test fills");
        return;
    };
    let gateway = Gateway::start(&disk.0);
    let client = Client::new(&gateway.admin);
    // Bytes that do not compress, another half a megabyte a version.
    let bundle = |number: u64| {
        let mut noise = String::new();
        while noise.len() < 500_000 {
            noise += &sha256_hex(format!("{number} {}", noise.len()).as_bytes());
        }
        marked(&noise, bundle::small())
    };
    let mut deployed = 0;
    let (status, message) = loop {
        match client.deploy("demo", &bundle(deployed)) {
            Ok(_) => deployed += 1,
            Err(ClientError::Refused { status, message }) => break (status, message),
            Err(error) => panic!("{error}"),
        }
        assert!(deployed < 100, "the disk never fills");
    };
    assert!(deployed > 5, "{deployed}");
    assert!(status == 507 && message.contains("disk"), "{status} {message}");
    let last = format!("v{deployed}");
    let before = state(&gateway);
    for _ in 0..5 {
        assert!(client.deploy("demo", &bundle(1000)).is_err());
    }
    // Nothing has changed, it serves, and what it kept is sound.
    assert_eq!(state(&gateway), before);
    assert_eq!(gateway.get("/demo/created").version, Some(last.clone()));
    assert_eq!(client.rollback("demo", None).unwrap().from, last);
    client.rollback("demo", Some(&last)).unwrap();
    gateway.kill();
    let gateway = Gateway::start(&disk.0);
    let client = Client::new(&gateway.admin);
    assert_eq!(gateway.get("/demo/created").version, Some(last));
    // With space again it goes on.
    gateway.run(&["prune", "demo", "--keep", "2"]);
    client.deploy("demo", &bundle(2000)).unwrap();
    let backup = folder.path().join("backup");
    gateway.run(&["gateway", "backup", backup.to_str().unwrap()]);
    let mut bytes = Vec::new();
    std::fs::File::open(backup).unwrap().read_to_end(&mut bytes).unwrap();
    titan_sdk::backup::read(&bytes[..], |_, _| Ok::<_, titan_sdk::backup::BackupError>(())).unwrap();
    gateway.kill();
}
