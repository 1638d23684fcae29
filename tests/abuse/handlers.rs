//! Attacks from inside: handlers that take all they can get.

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;

use crate::Attack;
use crate::connections::exchange;
use crate::stage::{MEMORY, cpu_time};

/// Services that attack, by name, with their notebooks' cells. Each has a `/fine` beside its attacks.
pub const SERVICES: &[(&str, &[&str])] = &[
    (
        "hungry",
        &[
            "'''yaml\ntitan: v1\ncpu: 4\nmemory: 256MB\ntimeout: 2s\ndebug: true\n'''",
            "import json, re, sys\nimport numpy as np",
            "# GET /hoard\nkeep = []\nwhile True: keep.append(np.ones(1_000_000))",
            "# GET /many\nkeep = np.ones(4_000_000)\nimport time\ntime.sleep(0.2)\nprint(keep.sum())",
            "# GET /loop\nwhile True: pass",
            "# GET /regex\nre.match('(a+)+$', 'a' * 40 + 'b')",
            "# GET /recursion\ndef deeper(n): return deeper(n + 1)\ndeeper(0)",
            "# GET /nested\njson.loads('[' * 1_000_000)",
            "# GET /endless\nwhile True: print('x' * 1_000_000)",
            "# GET /stderr\nwhile True: print('x' * 1000, file=sys.stderr)",
            "# GET /fine\nprint('fine')",
        ],
    ),
    (
        "half",
        &[
            "'''yaml\ntitan: v1\ncpu: 0.5\n'''",
            "# GET /spin\nfor i in range(300_000): pass\nprint(i)",
            "# GET /fine\nprint('fine')",
        ],
    ),
    (
        "odd",
        &[
            "import json, sys",
            "# GET /headers\nprint('headers')",
            "# ResponseInfo GET /headers\nprint(json.dumps({'headers': {f'X-{i}': 'v' for i in range(100_000)}}))",
            "# GET /split\nprint('split')",
            "# ResponseInfo GET /split\nprint(json.dumps({'headers': {'X-A': 'a\\r\\nX-Injected: b'}}))",
            "# GET /bytes\nsys.stdout.buffer.write(b'\\xff\\xfe\\x00')",
            "# GET /fine\nprint('fine')",
        ],
    ),
    (
        "model",
        &[
            "'''yaml\ntitan: v1\nimage: scikit-learn\ncpu: 2\nmemory: 256MB\ntimeout: 2s\n'''",
            "import json\nimport numpy as np\nfrom sklearn.neural_network import MLPRegressor\nrandom = np.random.RandomState(0)\nX, y = random.rand(64, 100), random.rand(64)\nnetwork = MLPRegressor(hidden_layer_sizes=(1000, 1000, 1000), max_iter=1).fit(X, y)",
            "REQUEST = json.dumps({'body': {'rows': 2}, 'args': {}, 'path': {}, 'headers': {}})",
            "# POST /predict\nrows = json.loads(REQUEST)['body']['rows']\nprint(float(network.predict(np.zeros((rows, 100)))[0]))",
            "# GET /fine\nprint('fine')",
        ],
    ),
];

/// See [`Attack`].
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "memory: allocate without end",
        run: |stage, stop| {
            let (statuses, grown) = stage.growth(|| stage.hammer(4, stop, || stage.gateway.get("/hungry/hoard")));
            format!("{}; {}", statuses.only(&[507]), bounded(grown))
        },
    },
    Attack {
        name: "memory: many instances at once",
        run: |stage, stop| {
            let (statuses, grown) = stage.growth(|| stage.hammer(16, stop, || stage.gateway.get("/hungry/many")));
            format!("{}; {}", statuses.only(&[200, 507]), bounded(grown))
        },
    },
    Attack {
        name: "memory: a huge batch",
        run: |stage, stop| {
            let huge = json!({"rows": 100_000});
            let (statuses, grown) =
                stage.growth(|| stage.hammer(2, stop, || stage.gateway.post("/model/predict", &huge)));
            format!("{}; {}", statuses.only(&[507]), bounded(grown))
        },
    },
    Attack {
        name: "memory: large bodies at once",
        run: |stage, stop| {
            let body = format!("\"{}\"", "x".repeat(15 << 20));
            let head =
                "POST /model/predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
            let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let (statuses, grown) = stage.growth(|| stage.hammer(8, stop, || exchange(stage, request.as_bytes())));
            // A refusal that overtakes the body it refuses can be lost with the connection.
            format!("{}; {}", statuses.only(&[500, 507]), bounded(grown))
        },
    },
    Attack {
        name: "cpu: endless loop",
        run: |stage, stop| stage.hammer(4, stop, || stage.gateway.get("/hungry/loop")).only(&[504]),
    },
    Attack {
        name: "cpu: regex that backtracks for ever",
        run: |stage, stop| stage.hammer(4, stop, || stage.gateway.get("/hungry/regex")).only(&[504]),
    },
    Attack {
        name: "cpu: 0.5 under saturating load",
        run: |stage, stop| {
            let (start, before) = (Instant::now(), cpu_time(&stage.gateway));
            let statuses = stage.hammer(2, stop, || stage.gateway.get("/half/spin"));
            // Of the whole gateway, which answers the neighbour as well.
            let share = (cpu_time(&stage.gateway) - before).div_duration_f64(start.elapsed());
            format!("{}; {share:.2} cores with the neighbour's", statuses.only(&[200]))
        },
    },
    Attack {
        name: "cpu: inference that takes long",
        run: |stage, stop| {
            let rows = json!({"rows": 1_000});
            stage.hammer(4, stop, || stage.gateway.post("/model/predict", &rows)).only(&[200, 504])
        },
    },
    Attack {
        name: "stack: recursion",
        run: |stage, stop| {
            let statuses = stage.hammer(2, stop, || {
                let answer = stage.gateway.get("/hungry/recursion");
                assert!(answer.body.contains("RecursionError"), "{answer:?}");
                answer
            });
            format!("{} RecursionError", statuses.only(&[500]))
        },
    },
    Attack {
        name: "stack: JSON a million levels deep",
        run: |stage, stop| {
            let statuses = stage.hammer(2, stop, || {
                let answer = stage.gateway.get("/hungry/nested");
                assert!(answer.body.contains("RecursionError"), "{answer:?}");
                answer
            });
            format!("{} RecursionError", statuses.only(&[500]))
        },
    },
    Attack {
        name: "output without end",
        run: |stage, stop| {
            let (statuses, grown) = stage.growth(|| stage.hammer(2, stop, || stage.gateway.get("/hungry/endless")));
            format!("{}; {}", statuses.only(&[504, 507]), bounded(grown))
        },
    },
    Attack {
        name: "log lines without end",
        run: |stage, stop| stage.hammer(2, stop, || stage.gateway.get("/hungry/stderr")).only(&[504]),
    },
    Attack {
        name: "output: 100,000 headers",
        run: |stage, stop| stage.hammer(2, stop, || stage.gateway.get("/odd/headers")).only(&[500]),
    },
    Attack {
        name: "output: response splitting",
        run: |stage, stop| {
            let statuses = stage.hammer(2, stop, || {
                let answer = stage.gateway.get("/odd/split");
                assert!(answer.body.contains("X-Injected"), "the header is named in the error: {answer:?}");
                answer
            });
            statuses.only(&[500])
        },
    },
    Attack {
        name: "output: not UTF-8",
        run: |stage, stop| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let mut response = ureq::get(format!("{}/odd/bytes", stage.gateway.url)).call().unwrap();
                assert_eq!(response.body_mut().read_to_vec().unwrap(), [0xff, 0xfe, 0]);
                count += 1;
            }
            format!("200 x {count}, the bytes as they are")
        },
    },
];

/// What an attack may take beside the attacked version's memory: buffers of connections, stacks, the neighbour's own, and what was
/// freed within the last tenth of a second, which the allocator still holds.
const REST: u64 = 128 << 20;

/// That resident memory grew by no more than what the attacked version may use.
fn bounded(grown: u64) -> String {
    assert!(grown < MEMORY + REST, "{} MB more resident", grown >> 20);
    format!("{} MB more resident", grown >> 20)
}
