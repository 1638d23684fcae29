//! The parity check at deploy: what is compared, what cannot be, and what a difference does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Gateway, fail, notebook, succeed};
use tempfile::TempDir;

struct Service {
    gateway: Gateway,
    folder: TempDir,
}

impl Service {
    fn new() -> Service {
        let folder = tempfile::tempdir().unwrap();
        Service { gateway: Gateway::start(&folder.path().join("data")), folder }
    }

    /// `titan deploy` of a notebook `demo` with these cells.
    fn deploy(&self, cells: &[&str], flags: &[&str]) -> std::process::Output {
        let file = notebook::write(self.folder.path(), "demo", cells);
        self.gateway.titan(&[&["deploy", file.to_str().unwrap()], flags].concat())
    }

    /// What the newest version of `demo` says of its endpoints: (export name, outcome, reason).
    fn parity(&self) -> Vec<(String, String, String)> {
        let listed: Value = serde_json::from_str(&self.gateway.run(&["versions", "demo", "--json"])).unwrap();
        let version = listed["versions"].as_array().unwrap().last().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |parity: &Value| (text(&parity["endpoint"]), text(&parity["outcome"]), text(&parity["reason"]));
        version["parity"].as_array().unwrap().iter().map(of).collect()
    }
}

/// The lines `titan deploy` prints of the endpoints.
fn assert_lines(stdout: &str, expected: &[&str]) {
    let lines: Vec<_> = stdout.lines().filter(|line| line.contains(" /demo/")).collect();
    assert_eq!(lines, expected, "{stdout}");
}

#[test]
fn endpoints_that_answer_as_the_notebook_does_are_checked() {
    let service = Service::new();
    // All start from the same state, whatever another endpoint does to it.
    let output = service.deploy(
        &[
            "import json\nimport numpy as np\nfrom json import loads\nscale = np.array([2.0, 1 / 3])\nvisits = []\nclass Counter:\n    count = 0\ncounter = Counter()",
            "# GET /none\nprint(REQUEST)",
            "REQUEST = json.dumps({'body': {'x': 1}, 'args': {'n': ['7']}, 'path': {'id': 'a b'}, 'headers': {}})",
            "# POST /echo\nprint(json.dumps(loads(REQUEST)['body']))",
            "# GET /users/:id\nprint(loads(REQUEST)['path']['id'], loads(REQUEST)['args'])",
            "# GET /value\n{'scale': scale * 2, 'names': ['a', 'b']}",
            "# GET /append\nvisits.append(1)\nCounter.count += 1\nprint(visits, Counter.count)",
            "# GET /visits\nprint(visits, Counter.count)",
            "# GET /created\nprint('{}')",
            "# ResponseInfo GET /created\nprint(json.dumps({'headers': {'X-Kind': 'new'}, 'status': 201}))",
            "# GET /object\n[counter, Counter.__init__, visits.append]",
            "# GET /quiet\nscale;",
            "# DELETE /bytes\nimport sys\nsys.stdout.buffer.write(b'\\xff\\x00') and None",
        ],
        &[],
    );
    let stdout = succeed(&output);
    assert_lines(
        &stdout,
        &[
            "GET    /demo/none  checked",
            "POST   /demo/echo  checked",
            "GET    /demo/users/:id  checked",
            "GET    /demo/value  checked",
            "GET    /demo/append  checked",
            "GET    /demo/visits  checked",
            "GET    /demo/created  checked",
            "GET    /demo/object  checked",
            "GET    /demo/quiet  checked",
            "DELETE /demo/bytes  checked",
        ],
    );
    assert!(stdout.contains("answers ") && stdout.contains("verify "), "{stdout}");
    assert!(service.parity().iter().all(|(_, outcome, reason)| outcome == "checked" && reason.is_empty()));
}

#[test]
fn endpoints_that_cannot_be_checked_say_why_and_deploy() {
    let service = Service::new();
    let output = service.deploy(
        &[
            "'''yaml\ntitan: v1\nmemory: 256MB\ntimeout: 1s\n'''",
            "import datetime, random, time, uuid\nimport numpy as np\nwords = 'the quick brown fox jumps'.split()",
            "# GET /time\nprint(time.time_ns())",
            "# GET /now\nprint(datetime.datetime.now())",
            "# GET /random\nprint(random.random(), np.random.rand())",
            "# GET /uuid\nprint(uuid.uuid4())",
            "# GET /seeded\nrandom.seed(7)\nnp.random.seed(7)\nprint(random.random(), np.random.rand())",
            "# GET /rested\ntime.sleep(0.01)\nprint('rested')",
            "# GET /hash\nprint(hash('titan'))",
            "# GET /set\nprint(*set(words))",
            "# GET /zero\n1 / 0",
            "# GET /loop\nwhile True: pass",
            "# GET /sleep\ntime.sleep(60)",
            "# GET /hoard\nkeep = []\nwhile True: keep.append(np.ones(1_000_000))",
            "# GET /abort\nimport os\nos.abort()",
            "# POST /body\nimport json\nprint(json.loads(REQUEST)['body']['x'])",
        ],
        &[],
    );
    assert_lines(
        &succeed(&output),
        &[
            "GET    /demo/time  not checkable: it depends on time",
            "GET    /demo/now  not checkable: it depends on time",
            "GET    /demo/random  not checkable: it depends on randomness",
            "GET    /demo/uuid  not checkable: it depends on randomness",
            "GET    /demo/seeded  checked",
            "GET    /demo/rested  checked",
            "GET    /demo/hash  not checkable: it depends on hash() or id()",
            "GET    /demo/set  not checkable: it depends on the order of sets",
            "GET    /demo/zero  not checkable: it raises ZeroDivisionError: division by zero in both",
            "GET    /demo/loop  not checkable: it runs for more than 1 s",
            "GET    /demo/sleep  not checkable: it runs for more than 1 s",
            "GET    /demo/hoard  not checkable: it fails in both: _ArrayMemoryError in the notebook, out of memory in the component",
            "GET    /demo/abort  not checkable: it ends the notebook's Python by SIGABRT",
            "POST   /demo/body  not checkable: no mock REQUEST",
        ],
    );
    let last = service.parity().pop().unwrap();
    assert_eq!(last, ("post-body".into(), "not-checkable".into(), "no mock REQUEST".into()));
    // What handlers print in the notebook's kernel is for the comparison alone.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_difference_stops_the_deploy_and_shows_both_answers() {
    let service = Service::new();
    let cells = [
        "import os, sys",
        "# GET /fine\nprint('fine')",
        "# GET /platform\nprint('it runs on')\nprint(sys.platform)",
        "# GET /home\nprint(os.environ['HOME'] and 'home')",
    ];
    let output = service.deploy(&cells, &[]);
    let error = fail(&output);
    for part in ["GET /platform", "GET /home", "--no-verify"] {
        assert!(error.contains(part), "{part:?} is missing: {error}");
    }
    assert!(!error.contains("/fine"), "{error}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    for line in ["  -linux", "  +wasi", "   it runs on", "  -home", "  +raises KeyError: 'HOME'"] {
        assert!(stderr.lines().any(|l| l == line), "{line:?} is missing: {stderr}");
    }
    assert_eq!(service.gateway.admin_get("/v1/services"), json!({"services": []}), "nothing was deployed");

    let stdout = succeed(&service.deploy(&cells, &["--no-verify"]));
    assert_lines(
        &stdout,
        &["GET    /demo/fine  checked", "GET    /demo/platform  differs", "GET    /demo/home  differs"],
    );
    let outcomes: Vec<_> = service.parity().into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["checked", "differs", "differs"]);
    assert_eq!(service.gateway.get("/demo/platform").body, "it runs on\nwasi\n");
}

/// TensorFlow's threads do not survive a fork, so its endpoints answer in the notebook's own process.
#[test]
fn models_answer_beside_copies_of_the_variables() {
    let service = Service::new();
    let output = service.deploy(
        &[
            "'''yaml\ntitan: v1\nimage: tensorflow\n'''",
            "import json\nimport keras\nimport numpy as np\nkeras.utils.set_random_seed(1)\nmodel = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation='softmax')])\nmodel.compile(loss='mse')\ninputs = np.arange(6.0).reshape(2, 3)\nseen = []\nalias = seen",
            "REQUEST = json.dumps({'body': [[1, 2, 3]], 'args': {}, 'path': {}, 'headers': {}})",
            "# POST /predict\nseen.append(1)\nprint(model.predict(np.array(json.loads(REQUEST)['body'])), len(alias))",
            "# GET /value\nmodel.predict(inputs)",
            "# GET /loss\nprint(model.evaluate(inputs, np.eye(2)), seen)",
            "# GET /summary\nmodel.summary()",
            "# GET /sleep\nimport time\ntime.sleep(60)",
        ],
        &[],
    );
    assert_lines(
        &succeed(&output),
        &[
            "POST   /demo/predict  checked",
            "GET    /demo/value  checked",
            "GET    /demo/loss  checked",
            "GET    /demo/summary  checked",
            "GET    /demo/sleep  not checkable: it runs for more than 10 s",
        ],
    );
}
