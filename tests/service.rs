//! What a request sees and what limits it, with small notebooks in the image `python`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::metrics::sample;
use support::{Gateway, notebook};
use tempfile::TempDir;

/// A gateway with one service, `demo`, made of these cells.
fn serve(cells: &[&str]) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let file = notebook::write(folder.path(), "demo", cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    (gateway, folder)
}

#[test]
fn conventions_are_those_of_jupyter_kernel_gateway() {
    let (gateway, _data) = serve(&[
        "import json\nimport numpy as np\nscale = np.array([2.0, 3.0])\nclass Point:\n    def __init__(self, x): self.x = x\n    def double(self): return self.x * 2\npoint = Point(21)",
        "REQUEST = json.dumps({'body': {'x': 1}, 'args': {}, 'path': {}, 'headers': {}})",
        "# POST /echo\nprint(json.dumps(json.loads(REQUEST)['body']))",
        "# GET /users/:id\nrequest = json.loads(REQUEST)\nprint(request['path']['id'], request['args'].get('q'))",
        "# GET /value\nscale * 2",
        "# GET /point\nprint(point.double())",
        "# GET /created\nprint('{}')",
        "# ResponseInfo GET /created\nprint(json.dumps({'headers': {'Content-Type': 'application/json', 'X-Kind': 'new'}, 'status': 201}))",
        "# GET /fails\n1 / 0",
        "# GET /recursion\ndef deeper(n): return deeper(n + 1)\ntry:\n    deeper(0)\nexcept RecursionError:\n    print('caught')",
        "# GET /late\nimport statistics, fractions\nprint(statistics.mean([1, 2, 3]), fractions.Fraction(1, 3))",
        "# GET /integers\na = np.full(4, 2**31 - 1)\nprint(a.dtype, a.sum())",
        "# GET /files\ntry:\n    open('/etc/passwd')\nexcept OSError as e:\n    print(type(e).__name__)",
    ]);
    let echo = gateway.post("/demo/echo", &json!({"a": [1, 2.5, "ä"]}));
    assert_eq!((echo.status, echo.json()), (200, json!({"a": [1, 2.5, "ä"]})));
    assert_eq!(gateway.get("/demo/users/a%20b?q=1&q=2").body, "a b ['1', '2']\n");
    assert_eq!(gateway.get("/demo/value").json(), json!({"text/plain": "array([4., 6.])"}));
    assert_eq!(gateway.get("/demo/point").body, "42\n");
    let created = gateway.get("/demo/created");
    assert_eq!((created.status, created.content_type.as_deref()), (201, Some("application/json")));
    let fails = gateway.get("/demo/fails");
    assert_eq!(fails.status, 500);
    assert!(fails.json()["error"].as_str().unwrap().contains("'titan logs demo'"), "{fails:?}");
    assert_eq!(gateway.get("/demo/recursion").body, "caught\n");
    assert_eq!(gateway.get("/demo/late").body, "2 1/3\n");
    assert_eq!(gateway.get("/demo/integers").body, format!("int64 {}\n", 4 * ((1_i64 << 31) - 1)));
    assert_eq!(gateway.get("/demo/files").body, "FileNotFoundError\n");
    assert_eq!(gateway.post("/demo/value", &json!({})).status, 405);
    assert_eq!(gateway.get("/demo/nowhere").status, 404);
    assert_eq!(gateway.get("/nobody/value").status, 404);
}

#[test]
fn limits_hold_for_a_request_and_not_beyond() {
    let (gateway, _data) = serve(&[
        "'''yaml\ntitan: v1\nimage: python\ncpu: 1\nmemory: 256MB\ntimeout: 1s\n'''",
        "import numpy as np",
        "# GET /loop\nwhile True: pass",
        "# GET /sleep\nimport time\ntime.sleep(60)",
        "# GET /hoard\nkeep = []\nwhile True: keep.append(np.ones(1_000_000))",
        "# GET /hide\ntry:\n    np.ones(2**28)\nexcept MemoryError:\n    print('coped')",
        "# GET /fine\nprint('fine')",
    ]);
    for path in ["/demo/loop", "/demo/sleep"] {
        let start = Instant::now();
        let answer = gateway.get(path);
        assert_eq!(answer.status, 504, "{answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains("timeout"), "{answer:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{path} took {:?}", start.elapsed());
    }
    let hoard = gateway.get("/demo/hoard");
    assert_eq!(hoard.status, 507, "{hoard:?}");
    assert!(hoard.json()["error"].as_str().unwrap().contains("memory"), "{hoard:?}");
    assert_eq!(gateway.get("/demo/hide").body, "coped\n");
    assert_eq!(gateway.get("/demo/fine").body, "fine\n");
}

#[test]
fn a_fraction_of_a_core_is_a_share_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let spin = "# GET /spin\nimport time\nstart = time.monotonic()\nfor i in range(8_000_000): pass\nprint(time.monotonic() - start)";
    let file = notebook::write(folder.path(), "demo", &["'''yaml\ntitan: v1\ncpu: 0.25\n'''", spin]);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    let used = || sample(&gateway.admin_text("/metrics"), "titan_cpu_seconds_total", &["service=\"demo\""]).unwrap();
    let before = used();
    let wall: f64 = gateway.get("/demo/spin").body.trim().parse().unwrap();
    let used = used() - before;
    // Four times as long as what it used, less the burst that an idle version is granted. Not compared with another version: on a
    // busy machine the share of that one is any.
    assert!(used > 0.3, "{used} seconds are too few to tell");
    assert!(wall > 4.0 * (used - 0.15), "{wall} seconds passed, {used} used");
}

#[test]
fn instances_of_one_heap_image_differ_where_they_must() {
    let (gateway, _data) = serve(&[
        "'''yaml\ntitan: v1\nimage: python\nstate: fresh\n'''",
        "import random, secrets, uuid, time\nimport numpy as np\nrandom.seed(1)\nnp.random.seed(1)\ngenerator = np.random.default_rng(1)\nown, legacy, dice = np.random.default_rng(), np.random.RandomState(), random.Random()",
        "# GET /random\nprint(random.random())",
        "# GET /numpy\nprint(np.random.rand())",
        "# GET /new-generator\nprint(np.random.default_rng().random())",
        "# GET /own-generator\nprint(own.random())",
        "# GET /own-legacy-generator\nprint(legacy.normal())",
        "# GET /own-random\nprint(dice.random())",
        "# GET /own-seeded-generator\nprint(generator.random())",
        "# GET /secrets\nprint(secrets.token_hex(8))",
        "# GET /uuid\nprint(uuid.uuid4())",
        "# GET /time\nprint(time.time_ns())",
        "# GET /seeded\nrandom.seed(7); np.random.seed(7)\nprint(random.random(), np.random.rand())",
        "# GET /hash\nprint(hash('titan'))",
    ]);
    let different = [
        "random",
        "numpy",
        "new-generator",
        "own-generator",
        "own-legacy-generator",
        "own-random",
        "secrets",
        "uuid",
        "time",
    ];
    for path in different {
        let [first, second] = [(); 2].map(|()| gateway.get(&format!("/demo/{path}")));
        assert_eq!((first.status, second.status), (200, 200), "{first:?}");
        assert_ne!(first.body, second.body, "{path} repeats itself");
    }
    for path in ["seeded", "own-seeded-generator", "hash"] {
        let [first, second] = [(); 2].map(|()| gateway.get(&format!("/demo/{path}")));
        assert_eq!((first.status, first.body), (second.status, second.body), "{path}");
    }
    // The clock is the host's, not that of the deploy.
    let nanoseconds: u128 = gateway.get("/demo/time").body.trim().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert!(now.abs_diff(nanoseconds) < 5_000_000_000);
}

#[test]
fn state_reuse_keeps_no_more_instances_than_cores_and_answers_concurrently() {
    let (gateway, _data) = serve(&["# POST /wait\nimport time\ntime.sleep(0.01)\nprint('done')"]);
    let load = support::load::Load::start(&format!("{}/demo/wait", gateway.url), "{}".into(), 4);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        assert_eq!(gateway.post("/demo/wait", &json!({})).body, "done\n");
    }
    assert!(load.finish().iter().all(|sample| sample.status == 200 && sample.body == "done\n"));
}
