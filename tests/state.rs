//! State between requests: what the compiler chooses, what the config cell says, and what a kernel does not hold up.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Gateway, notebook};
use tempfile::TempDir;

/// A gateway, and a folder for notebooks.
fn gateway() -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Gateway::start(&folder.path().join("data")), folder)
}

/// Deploys these cells under `name`; what the command printed.
fn deploy(gateway: &Gateway, folder: &TempDir, name: &str, cells: &[&str]) -> String {
    let file = notebook::write(folder.path(), name, cells);
    gateway.run(&["deploy", file.to_str().unwrap()])
}

/// The line on state of what `titan deploy` printed.
fn state_line(printed: &str) -> &str {
    printed.lines().find(|line| line.starts_with("state: ")).unwrap_or_else(|| panic!("no line on state: {printed}"))
}

/// How the gateway's active version of `service` keeps state.
fn state_of(gateway: &Gateway, service: &str) -> serde_json::Value {
    gateway.admin_get(&format!("/v1/services/{service}/versions"))["versions"][0]["config"]["state"].clone()
}

/// Waits for as many seconds as the request's body says.
const WAIT: &str = "# POST /wait\nstate.append(1)\ntime.sleep(json.loads(REQUEST)['body'])\n";
const COUNT: &str = "# POST /count\ncounter += 1\nprint(counter)";

#[test]
fn a_counter_is_kept_by_a_kernel_and_loses_no_request() {
    let (gateway, folder) = gateway();
    let printed =
        deploy(&gateway, &folder, "counter", &["counter = 0\nlog = []", COUNT, "# GET /count\nprint(counter)"]);
    assert_eq!(
        state_line(&printed),
        "state: kernel, because POST /count changes 'counter', which it reads (cell 2): requests are answered one at a time"
    );
    assert_eq!(state_of(&gateway, "counter"), "kernel");
    let (clients, each) = (8, 25);
    let mut counts: Vec<usize> = thread::scope(|scope| {
        let client = || {
            let count = |_| gateway.post("/counter/count", &json!({})).body.trim().parse().unwrap();
            (0..each).map(count).collect::<Vec<usize>>()
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    counts.sort_unstable();
    assert_eq!(counts, (1..=clients * each).collect::<Vec<_>>());
    assert_eq!(gateway.get("/counter/count").body, format!("{}\n", clients * each), "every endpoint sees it");
}

#[test]
fn what_endpoints_share_decides_where_the_config_cell_is_silent() {
    let (gateway, folder) = gateway();
    let setup = "import json\ncache = {}\nlimit = 3\nclass Model:\n    def fit(self, x): self.mean = sum(x) / len(x)\n    def predict(self, x): return x - self.mean\nmodel = Model()\nmodel.fit([1, 2])\ndef remember(key, value):\n    cache[key] = value";
    for (name, endpoints, state) in [
        (
            "local",
            ["# POST /a\nx = json.loads(REQUEST)['body']\nprint(x, limit)", "# GET /b\nx = 1\nprint(x)"],
            "reuse",
        ),
        ("cached", ["# POST /a\nremember(REQUEST, 1)", "# GET /b\nprint(len(cache))"], "kernel"),
        ("trained", ["# POST /a\nmodel.fit([4])", "# GET /b\nprint(model.predict(1))"], "kernel"),
        ("asked", ["# POST /a\nprint(model.predict(2))", "# GET /b\nprint(model.predict(1))"], "reuse"),
        ("set-there", ["# POST /a\nlatest = REQUEST", "# GET /b\nprint(latest)"], "kernel"),
    ] {
        let printed = deploy(&gateway, &folder, name, &[setup, endpoints[0], endpoints[1]]);
        assert!(state_line(&printed).starts_with(&format!("state: {state}, because ")), "{name}: {printed}");
        assert_eq!(state_of(&gateway, name), state, "{name}");
    }
    // What one request sets the next one finds.
    assert_eq!(gateway.post("/trained/a", &json!({})).status, 200);
    assert_eq!(gateway.get("/trained/b").body, "-3.0\n");
    assert_eq!(gateway.get("/set-there/b").status, 500, "nothing is set yet");
    assert_eq!(gateway.post("/set-there/a", &json!({"x": 7})).status, 200);
    assert!(gateway.get("/set-there/b").body.contains("\"x\":7"));
}

#[test]
fn the_config_cell_decides_where_it_speaks() {
    let (gateway, folder) = gateway();
    let deploy = |state: &str| {
        let config = format!("'''yaml\ntitan: v1\ncpu: 2\nstate: {state}\n'''");
        let printed = deploy(&gateway, &folder, state, &[&config, "counter = 0", COUNT]);
        let begin = format!("state: {state}, because the config cell says so");
        assert!(state_line(&printed).starts_with(&begin), "{printed}");
        // The notebook's own word stands, but its author is told what it means for this code.
        assert_eq!(state_line(&printed).contains("although POST /count changes 'counter'"), state != "kernel");
        [(); 3].map(|()| gateway.post(&format!("/{state}/count"), &json!({})).body).concat()
    };
    assert_eq!(deploy("fresh"), "1\n1\n1\n");
    assert_eq!(deploy("kernel"), "1\n2\n3\n");
    // One client after the other is answered by the same instance, as it happens; which one is no promise.
    assert_eq!(deploy("reuse"), "1\n2\n3\n");
}

#[test]
fn kernels_that_wait_hold_up_nobody_else() {
    let (gateway, folder) = gateway();
    let wait = format!("{WAIT}print(len(state))");
    let cells = ["import json, time\nstate = []", wait.as_str()];
    // More of them than the gateway has threads.
    let waiting: Vec<String> = (0..8).map(|number| format!("wait-{number}")).collect();
    for name in &waiting {
        assert!(state_line(&deploy(&gateway, &folder, name, &cells)).starts_with("state: kernel"));
    }
    deploy(&gateway, &folder, "quick", &["# GET /quick\nprint('quick')"]);
    gateway.get("/quick/quick");
    thread::scope(|scope| {
        let began = Instant::now();
        let wait = |name: &String| {
            let path = format!("/{name}/wait");
            let gateway = &gateway;
            scope.spawn(move || gateway.post(&path, &json!(3)))
        };
        let requests: Vec<_> = waiting.iter().map(wait).collect();
        let mut slowest = Duration::ZERO;
        let mut answered = 0;
        while !requests.iter().any(|request| request.is_finished()) {
            let sent = Instant::now();
            assert_eq!(gateway.get("/quick/quick").body, "quick\n");
            slowest = slowest.max(sent.elapsed());
            answered += 1;
        }
        assert!(began.elapsed() >= Duration::from_secs(3));
        assert!(answered > 20 && slowest < Duration::from_secs(1), "{answered} answers, the slowest took {slowest:?}");
        for request in requests {
            assert_eq!(request.join().unwrap().body, "1\n");
        }
    });
}

#[test]
fn a_kernel_that_waits_does_not_hold_up_the_next_version() {
    let (gateway, folder) = gateway();
    let wait = format!("{WAIT}print('first')");
    deploy(&gateway, &folder, "demo", &["import json, time\nstate = []", &wait]);
    thread::scope(|scope| {
        let first = scope.spawn(|| gateway.post("/demo/wait", &json!(3)));
        // Three at once, one of which runs: the others wait for their turn on the version they came to.
        let others: Vec<_> = (0..2).map(|_| scope.spawn(|| gateway.post("/demo/wait", &json!(3)))).collect();
        deploy(&gateway, &folder, "demo", &["state = []", "# POST /wait\nstate.append(1)\nprint(len(state))"]);
        let sent = Instant::now();
        let answer = gateway.post("/demo/wait", &json!({}));
        assert_eq!((answer.version.as_deref(), answer.body.as_str()), (Some("v2"), "1\n"));
        assert!(sent.elapsed() < Duration::from_secs(1), "it took {:?}", sent.elapsed());
        assert!(!others.iter().all(|request| request.is_finished()), "the old version is still busy");
        for request in others.into_iter().chain([first]) {
            let answer = request.join().unwrap();
            assert_eq!((answer.version.as_deref(), answer.body.as_str()), (Some("v1"), "first\n"));
        }
    });
}
