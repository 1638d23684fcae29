//! Who is let in: tokens and roles on the admin listener, API keys and CORS on the service listener, signatures and imports of
//! bundles.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use support::{Answer, Gateway, bundle, options, packed, send, sized_bundle, small};
use titan_gateway::Options;
use titan_gateway::http::cors::Cors;
use titan_sdk::access::Role;
use titan_sdk::bundle::{Bundle, part};
use titan_sdk::client::{Client, ClientError, Credentials};
use titan_sdk::manifest::{Auth, Config};
use titan_sdk::signature::PrivateKey;
use titan_sdk::trial::{Canary, Kind, Sticky};

/// A gateway that asks for tokens, and its first token.
fn guarded(data: &Path) -> (Gateway, String) {
    let gateway = Gateway::of(Options { require_token: true, ..options(data) }).unwrap();
    let token = std::fs::read_to_string(data.join("admin-token")).unwrap().trim().to_owned();
    (gateway, token)
}

fn client(gateway: &Gateway, token: &str) -> Client {
    let credentials = Credentials { token: Some(token.into()), ca: None };
    Client::with(&format!("http://{}", gateway.admin), credentials).unwrap()
}

fn admin(gateway: &Gateway, method: &str, path: &str, token: Option<&str>) -> Answer {
    let authorization = format!("Bearer {}", token.unwrap_or_default());
    let headers = [("authorization", authorization.as_str())];
    send(gateway.admin, method, path, if token.is_some() { &headers } else { &[] }, b"")
}

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, message } => (status, message),
        error => panic!("{error}"),
    }
}

#[test]
fn strangers_learn_nothing_of_the_admin_api() {
    let data = tempfile::tempdir().unwrap();
    let (gateway, token) = guarded(data.path());
    let mode = std::fs::metadata(data.path().join("admin-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    client(&gateway, &token).deploy("demo", &packed(&bundle(small()))).unwrap();
    for (shown, challenge) in [
        (None, r#"Bearer realm="titan""#),
        (Some("titan_token_00"), r#"Bearer realm="titan", error="invalid_token""#),
        (Some(&token[..token.len() - 1]), r#"Bearer realm="titan", error="invalid_token""#),
    ] {
        // What exists and what does not, what is a call and what is none: all are answered alike.
        let answers = [
            ("GET", "/v1/gateway"),
            ("GET", "/v1/services/demo"),
            ("GET", "/v1/services/nobody"),
            ("PUT", "/v1/services/demo"),
            ("POST", "/v1/services/demo/versions"),
            ("GET", "/nowhere"),
        ]
        .map(|(method, path)| admin(&gateway, method, path, shown));
        for answer in &answers {
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(challenge)), "{answer:?}");
            assert_eq!(answer.body, answers[0].body);
        }
        assert!(answers[0].json()["error"].as_str().unwrap().contains("titan login"), "{answers:?}");
    }
    let basic = send(gateway.admin, "GET", "/v1/gateway", &[("authorization", "Basic eA==")], b"");
    assert_eq!(basic.status, 401);
    assert_eq!(admin(&gateway, "GET", "/nowhere", Some(&token)).status, 404);
    // Services are served all the same.
    assert_eq!(gateway.get("/demo/created").status, 201);
}

#[test]
fn roles_open_what_they_name() {
    let data = tempfile::tempdir().unwrap();
    let (gateway, first) = guarded(data.path());
    let root = client(&gateway, &first);
    let tokens = [Role::Read, Role::Deploy, Role::Admin].map(|role| {
        let created = root.create_token(&role.to_string(), role).unwrap();
        (role, created.secret)
    });
    root.deploy("demo", &packed(&bundle(small()))).unwrap();
    for (role, token) in &tokens {
        let caller = client(&gateway, token).gateway().unwrap().caller;
        assert_eq!((caller.token, caller.role), (Some(role.to_string()), *role));
        for (method, path, needs) in [
            ("GET", "/v1/services", Role::Read),
            ("GET", "/v1/services/demo/versions", Role::Read),
            ("GET", "/v1/services/demo/keys", Role::Read),
            ("POST", "/v1/services/demo/versions", Role::Deploy),
            ("DELETE", "/v1/services/nobody", Role::Deploy),
            ("DELETE", "/v1/services/demo/versions/v9", Role::Deploy),
            ("POST", "/v1/services/demo/rollback", Role::Deploy),
            ("POST", "/v1/services/demo/keys", Role::Deploy),
            ("DELETE", "/v1/services/demo/keys/x", Role::Deploy),
            ("GET", "/v1/tokens", Role::Admin),
            ("POST", "/v1/tokens", Role::Admin),
            ("DELETE", "/v1/tokens/x", Role::Admin),
        ] {
            let answer = admin(&gateway, method, path, Some(token));
            assert_eq!(answer.status == 403, *role < needs, "{role}: {method} {path}: {answer:?}");
            if answer.status == 403 {
                let error = answer.json()["error"].as_str().unwrap().to_owned();
                let named = [format!("the role {needs}"), format!("{:?}", role.to_string())];
                assert!(named.iter().all(|part| error.contains(part)), "{error}");
            }
        }
    }
    assert_eq!(gateway.get("/demo/created").header("titan-version"), Some("v1"), "nothing was changed");
}

#[test]
fn a_token_is_of_use_until_it_is_revoked() {
    let data = tempfile::tempdir().unwrap();
    let (gateway, first) = guarded(data.path());
    let root = client(&gateway, &first);
    let ci = client(&gateway, &root.create_token("ci", Role::Deploy).unwrap().secret);
    ci.deploy("demo", &packed(&bundle(small()))).unwrap();
    assert_eq!(refused(root.create_token("ci", Role::Read)).0, 409);
    assert_eq!(refused(root.create_token("C I", Role::Read)).0, 400);
    assert_eq!(refused(root.revoke_token("nobody")).0, 404);
    let (status, message) = refused(root.revoke_token("first"));
    assert!(status == 409 && message.contains("last token"), "{status} {message}");
    root.revoke_token("ci").unwrap();
    assert_eq!(refused(ci.services()).0, 401);
    assert_eq!(admin(&gateway, "POST", "/v1/tokens", Some(&first)).status, 400);

    // A restart keeps the tokens and makes no new one.
    let other = root.create_token("other", Role::Read).unwrap().secret;
    drop(gateway);
    std::fs::remove_file(data.path().join("admin-token")).unwrap();
    let gateway = Gateway::of(Options { require_token: true, ..options(data.path()) }).unwrap();
    assert!(!data.path().join("admin-token").exists());
    client(&gateway, &other).services().unwrap();
    let names: Vec<_> = client(&gateway, &first).tokens().unwrap().into_iter().map(|token| token.name).collect();
    assert_eq!(names, ["first", "other"]);
}

#[test]
fn beyond_loopback_a_token_is_asked_for_whatever_the_options_say() {
    let data = tempfile::tempdir().unwrap();
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let gateway = Gateway::of(Options { admin: everywhere, ..options(data.path()) }).unwrap();
    assert_eq!(refused(gateway.client.services()).0, 401);
    let token = std::fs::read_to_string(data.path().join("admin-token")).unwrap();
    assert_eq!(client(&gateway, token.trim()).services().unwrap(), []);
}

#[test]
fn the_first_token_may_be_made_in_the_folder_of_a_gateway_that_does_not_run() {
    let data = tempfile::tempdir().unwrap();
    let token = titan_gateway::access::create_token(data.path(), "me", Role::Admin).unwrap();
    let gateway = Gateway::of(Options { require_token: true, ..options(data.path()) }).unwrap();
    assert!(!data.path().join("admin-token").exists(), "there is one already");
    client(&gateway, &token).tokens().unwrap();
    let error = titan_gateway::access::create_token(data.path(), "more", Role::Admin).unwrap_err();
    assert!(error.to_string().contains("in use by another gateway"), "{error}");
}

fn locked() -> Config {
    Config { auth: Auth::Key, ..small() }
}

#[test]
fn a_service_with_keys_answers_only_who_has_one() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    assert_eq!(refused(gateway.client.create_key("demo", "app")).0, 404);
    gateway.deploy(locked());
    let ask = |path: &str, headers: &[(&str, &str)]| send(gateway.services, "GET", path, headers, b"");
    let closed = ask("/demo/users/1", &[("x-api-key", "anything")]);
    assert_eq!((closed.status, closed.header("titan-version")), (401, Some("v1")));
    assert!(closed.json()["error"].as_str().unwrap().contains("titan key create demo"), "{closed:?}");

    let key = gateway.client.create_key("demo", "app").unwrap().secret;
    let bearer = format!("Bearer {key}");
    for (headers, status) in [
        (vec![("authorization", bearer.as_str())], 200),
        (vec![("x-api-key", key.as_str())], 200),
        (vec![("x-api-key", key.as_str()), ("authorization", "Basic eA==")], 200),
        (vec![("x-api-key", "titan_key_0")], 401),
        (vec![("x-api-key", "titan_key_0"), ("authorization", bearer.as_str())], 401),
        (vec![("authorization", "Basic eA==")], 401),
        (vec![], 401),
    ] {
        let answer = ask("/demo/users/1", &headers);
        assert_eq!(answer.status, status, "{headers:?} {answer:?}");
        if status == 200 {
            let request = answer.json();
            let seen: Vec<&String> = request["headers"].as_object().unwrap().keys().collect();
            assert!(seen.iter().all(|name| *name != "Authorization" && *name != "X-Api-Key"), "{seen:?}");
            assert!(!answer.body.contains(&key));
        } else {
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
    // What endpoints there are is nobody's business without a key.
    let strangers = ["/demo/nowhere", "/demo/count", "/demo"].map(|path| ask(path, &[]));
    assert!(strangers.iter().all(|answer| answer.status == 401 && answer.body == strangers[0].body), "{strangers:?}");

    // But the page that asks for one.
    let page = ask("/demo/docs", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(ask("/demo/openapi.json", &[]).status, 401);
    let document = ask("/demo/openapi.json", &[("x-api-key", &key)]).json();
    assert_eq!(document["components"]["securitySchemes"]["header"]["name"], "X-API-Key");

    assert_eq!(gateway.client.keys("demo").unwrap()[0].name, "app");
    assert_eq!(refused(gateway.client.create_key("demo", "app")).0, 409);
    gateway.client.revoke_key("demo", "app").unwrap();
    assert_eq!(ask("/demo/users/1", &[("x-api-key", &key)]).status, 401);
    assert_eq!(refused(gateway.client.revoke_key("demo", "app")).0, 404);
}

#[test]
fn keys_are_a_service_s_own_and_go_with_it() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(locked());
    gateway.client.deploy("other", &packed(&bundle(locked()))).unwrap();
    let key = gateway.client.create_key("demo", "app").unwrap().secret;
    gateway.client.create_key("other", "app").unwrap();
    let ask = |path: &str| send(gateway.services, "GET", path, &[("x-api-key", key.as_str())], b"").status;
    assert_eq!((ask("/demo/created"), ask("/other/created")), (201, 401));
    // A version that asks for no key sees the headers that are its own.
    gateway.deploy(small());
    let open = send(gateway.services, "GET", "/demo/users/1", &[("authorization", "Basic eA==")], b"");
    assert_eq!(open.json()["headers"]["Authorization"], "Basic eA==");
    gateway.client.delete_service("demo").unwrap();
    gateway.deploy(locked());
    assert_eq!((ask("/demo/created"), gateway.client.keys("demo").unwrap().len()), (401, 0));
    assert_eq!(gateway.client.keys("other").unwrap().len(), 1);
}

#[test]
fn no_other_version_is_a_way_around_the_key() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    gateway.deploy(locked());
    let ask = |path: &str, key: &str| {
        let answer = send(gateway.services, "GET", path, &[("x-api-key", key)], b"");
        (answer.status, answer.header("titan-version").map(ToOwned::to_owned))
    };
    let key = gateway.client.create_key("demo", "app").unwrap().secret;
    // Versions that ask for none: an earlier one by its name, and a canary.
    for path in ["/demo/created", "/demo@v1/created", "/demo@v2/created", "/demo@v9/created"] {
        assert_eq!(ask(path, "").0, 401, "{path}");
    }
    assert_eq!(ask("/demo@v1/created", &key), (201, Some("v1".into())));
    let canary = Canary {
        share: 0.5,
        sticky: Sticky::None,
        max_error_increase: 0.9,
        max_latency_increase: 100.0,
        window_ms: 600_000,
        promote_after_ms: None,
    };
    gateway.client.try_out("demo", &packed(&bundle(small())), &Kind::Canary(canary)).unwrap();
    for (key, status) in [("", 401), (key.as_str(), 201)] {
        let answers: Vec<_> = (0..100).map(|_| ask("/demo/created", key)).collect();
        assert!(answers.iter().all(|answer| answer.0 == status), "{answers:?}");
        for version in ["v2", "v3"] {
            assert!(answers.iter().any(|answer| answer.1.as_deref() == Some(version)), "{version}");
        }
    }
    gateway.client.promote("demo").unwrap();
    assert_eq!(ask("/demo/created", "").0, 201, "the active version is open");
    assert_eq!(ask("/demo@v2/created", "").0, 401, "the one that was named is not");
}

#[test]
fn a_key_is_asked_for_before_the_body_is_read() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(locked());
    let mut stream = TcpStream::connect(gateway.services).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // Of the body nothing is ever sent.
    stream.write_all(b"POST /demo/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[test]
fn pages_of_allowed_origins_may_call_services() {
    let data = tempfile::tempdir().unwrap();
    let app = "https://app.example.org";
    let cors = Cors { allowed_origins: vec![app.into()], ..Cors::default() };
    let gateway = Gateway::of(Options { cors, ..options(data.path()) }).unwrap();
    gateway.deploy(locked());
    let preflight = |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        send(gateway.services, "OPTIONS", "/demo/echo", &headers, b"")
    };
    let allowed = preflight(app);
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, Some(app)), "without a key");
    assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization, content-type, x-api-key"));
    assert!(allowed.header("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);
    // A page is told too why it is not answered.
    let refused = send(gateway.services, "GET", "/demo/created", &[("origin", app)], b"");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(app)));

    drop(gateway);
    let gateway = Gateway::start(data.path());
    let headers = [("origin", app), ("access-control-request-method", "POST")];
    let silent = send(gateway.services, "OPTIONS", "/demo/echo", &headers, b"");
    assert!(silent.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{silent:?}");
}

/// The bundle with its component written anew.
fn with_component(text: &str) -> Bundle {
    let mut bundle = bundle(small());
    bundle.component = wat::parse_str(text).unwrap();
    bundle.manifest.component = part("component.wasm", &bundle.component);
    bundle
}

#[test]
fn nothing_in_a_bundle_reaches_the_host_outside_its_world() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    for import in [
        r#""wasi:sockets/tcp@0.2.0" (instance)"#,
        r#""wasi:filesystem/preopens@0.2.0" (instance)"#,
        r#""wasi:cli/environment@0.2.0" (instance)"#,
        r#""wasi:http/outgoing-handler@0.2.0" (instance)"#,
        r#""unknown" (func)"#,
        r#""another-engine" (core module)"#,
        // The engine itself, with what it does not have.
        r#""titan-engine" (core module (export "system" (func)))"#,
    ] {
        let bundle = with_component(&format!("(component (import {import}))"));
        let (status, message) = refused(gateway.client.deploy("demo", &packed(&bundle)));
        let named = import.split('"').nth(1).unwrap();
        assert!(status == 422 && message.contains(named), "{import}: {status} {message}");
    }
    let mut other = bundle(small());
    other.manifest.engine = titan_sdk::digest::sha256_hex(b"another engine");
    let (status, message) = refused(gateway.client.deploy("demo", &packed(&other)));
    assert!(status == 409 && message.contains(&other.manifest.engine), "{status} {message}");
    assert_eq!(gateway.client.services().unwrap(), []);
}

/// A gateway that trusts these keys.
fn trusting(data: &Path, keys: &[&PrivateKey]) -> Gateway {
    let file = |(index, key): (usize, &&PrivateKey)| {
        let file = data.join(format!("{index}.pub"));
        std::fs::write(&file, key.public().to_pem().unwrap()).unwrap();
        file
    };
    let trusted_keys = keys.iter().enumerate().map(file).collect();
    Gateway::of(Options { trusted_keys, ..options(data) }).unwrap()
}

fn signed(service: &str, key: &PrivateKey) -> Bundle {
    let mut bundle = bundle(small());
    bundle.manifest.service = service.into();
    bundle.sign(key).unwrap();
    bundle
}

#[test]
fn a_gateway_that_asks_for_signatures_takes_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let [key, other, stranger] = [(); 3].map(|()| PrivateKey::generate().unwrap());
    let gateway = trusting(data.path(), &[&other, &key]);
    assert!(gateway.client.gateway().unwrap().signed_only);
    let deploy = |service: &str, bundle: &Bundle| gateway.client.deploy(service, &packed(bundle));
    let mut altered = signed("demo", &key);
    let mut manifest = altered.manifest.clone();
    manifest.config.memory += 1;
    altered.manifest = manifest.clone();
    altered.signed.as_mut().unwrap().manifest = serde_json::to_string_pretty(&manifest).unwrap();
    for (bundle, named) in [
        (bundle(small()), "is not signed"),
        (signed("demo", &stranger), stranger.public().id().as_str()),
        (altered, "was altered"),
        (signed("other", &key), "for the service \"other\""),
    ] {
        let (status, message) = refused(deploy("demo", &bundle));
        assert!(status == 422 && message.contains(named), "{status} {message}");
    }
    assert_eq!(gateway.client.services().unwrap(), []);
    assert_eq!(deploy("demo", &signed("demo", &key)).unwrap().version, "v1");
    assert_eq!(deploy("demo", &signed("demo", &other)).unwrap().version, "v2");
    assert_eq!(gateway.get("/demo/created").status, 201);
}

#[test]
fn what_the_store_holds_must_be_vouched_for_too() {
    let data = tempfile::tempdir().unwrap();
    let [key, retired] = [(); 2].map(|()| PrivateKey::generate().unwrap());
    // Deployed while nobody asked for signatures, or for other ones.
    let gateway = trusting(data.path(), &[]);
    assert!(!gateway.client.gateway().unwrap().signed_only);
    gateway.client.deploy("unsigned", &packed(&bundle(small()))).unwrap();
    gateway.client.deploy("retired", &packed(&signed("retired", &retired))).unwrap();
    gateway.client.deploy("good", &packed(&bundle(small()))).unwrap();
    gateway.client.deploy("good", &packed(&signed("good", &key))).unwrap();
    drop(gateway);

    let gateway = trusting(data.path(), &[&key]);
    assert_eq!(gateway.get("/good/created").header("titan-version"), Some("v2"));
    for service in ["unsigned", "retired"] {
        assert_eq!(gateway.get(&format!("/{service}/created")).status, 503, "{service}");
    }
    let (status, message) = refused(gateway.client.rollback("good", None));
    assert!(status == 422 && message.contains("is not signed"), "{status} {message}");
    assert_eq!(gateway.get("/good/created").header("titan-version"), Some("v2"));
}

#[test]
fn a_part_that_was_damaged_on_disk_is_not_served() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    gateway.client.deploy("other", &packed(&sized_bundle(small(), 2))).unwrap();
    let component = bundle(small()).manifest.component.sha256;
    drop(gateway);
    let blob = data.path().join("blobs").join(component);
    let mut bytes = std::fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    std::fs::remove_dir_all(data.path().join("compiled")).unwrap();
    let gateway = Gateway::start(data.path());
    assert_eq!(gateway.get("/demo/created").status, 503);
    assert_eq!(gateway.get("/other/created").status, 201);
}
