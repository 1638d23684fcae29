//! Predictions that are joined: the same answers as alone, and each request with its own time and its own failures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::load::Load;
use support::{Gateway, notebook};

const NET: &str = r#"
import json, time
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
random = np.random.default_rng(0)
weights = {'a': (4, 64), 'b': (64,), 'c': (64, 3), 'd': (3,)}
weights = [numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name) for name, shape in weights.items()]
layers = [('Gemm', 'xab', 'h'), ('Tanh', 'h', 't'), ('Gemm', 'tcd', 's'), ('Softmax', 's', 'y')]
nodes = [helper.make_node(op, list(inputs), [output]) for op, inputs, output in layers]
ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ['batch', width]) for name, width in [('x', 4), ('y', 3)]]
graph = helper.make_graph(nodes, 'net', ports[:1], ports[1:], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
net = onnxruntime.InferenceSession(model.SerializeToString())
def predict(request):
    row = json.loads(request)['body']['row']
    return net.run(None, {'x': np.array([row], dtype=np.float32)})[0]
REQUEST = json.dumps({'body': {'row': [5.0, 3.4, 1.5, 0.2]}, 'args': {}, 'path': {}, 'headers': {}})
"#;

/// Every digit that a probability has.
const PREDICT: &str = "# POST /predict\nprint(predict(REQUEST).astype(float).tolist())";

/// A call that runs, and might predict, for a while.
const HOLD: &str = "# GET /hold\ntime.sleep(3)";

const LATE: &str = "# POST /late\npredict(REQUEST)\nwhile True: pass";

fn rows() -> impl Iterator<Item = Value> {
    (0..16).map(|n| json!({"row": [4.5 + f64::from(n) / 9.0, 3.1, 1.0 + f64::from(n) / 3.0, 0.2]}))
}

struct Stage {
    gateway: Gateway,
    /// What a version that joins nothing answers.
    alone: Vec<String>,
    deployed: String,
    _folder: tempfile::TempDir,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let deploy = |name: &str, more: &str| {
        let config = format!("'''yaml\ntitan: v1\nimage: scikit-learn\nmemory: 2GB\ntimeout: 6s\n{more}\n'''");
        let file = notebook::write(folder.path(), name, &[&config, NET, PREDICT, HOLD, LATE]);
        gateway.run(&["deploy", file.to_str().unwrap()])
    };
    deploy("plain", "");
    let deployed = deploy("demo", "batch: {max: 4, wait: 5s}");
    let alone = rows().map(|row| gateway.post("/plain/predict", &row).body).collect();
    Stage { gateway, alone, deployed, _folder: folder }
}

impl Stage {
    /// Asks for these rows at once while another call runs, and tells how long before that one the last of them was answered.
    fn during_a_call(&self, rows: &[(usize, Value)]) -> Duration {
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                assert_eq!(self.gateway.get("/demo/hold").status, 200);
                Instant::now()
            });
            self.until_running(1);
            let ask = |(number, row): &(usize, Value)| {
                let (number, row) = (*number, row.clone());
                scope.spawn(move || {
                    let answer = self.gateway.post("/demo/predict", &row);
                    assert_eq!((answer.status, &answer.body), (200, &self.alone[number]));
                    Instant::now()
                })
            };
            let asked: Vec<_> = rows.iter().map(ask).collect();
            let last = asked.into_iter().map(|asked| asked.join().unwrap()).max().unwrap();
            other.join().unwrap().saturating_duration_since(last)
        })
    }

    fn until_running(&self, calls: u64) {
        while self.stats()["in_flight"].as_u64() < Some(calls) {
            thread::yield_now();
        }
    }

    fn stats(&self) -> Value {
        self.gateway.admin_get("/v1/services/demo/stats")["versions"][0].take()
    }
}

#[test]
fn joined_predictions_answer_as_alone_and_fail_alone() {
    let stage = stage();
    let said = "batch: predictions of model net, which POST /predict (in function predict) uses, are joined, 4 rows at most, within 5s";
    assert!(stage.deployed.contains(said), "{}", stage.deployed);
    let rows: Vec<_> = rows().enumerate().collect();

    // As many as fit are computed at once; fewer wait for whoever still runs.
    let (full, not_full) = (stage.during_a_call(&rows[..4]), stage.during_a_call(&rows[4..7]));
    assert!(full > Duration::ZERO && not_full < Duration::from_secs(1), "{full:?} {not_full:?}");
    // One that is alone does not wait.
    let start = Instant::now();
    assert_eq!(stage.gateway.post("/demo/predict", &rows[9].1).body, stage.alone[9]);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    // One of a wrong shape fails, one that spins is late, one whose client has gone is forgotten: the others are answered.
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(stage.gateway.post("/demo/predict", &json!({"row": [1.0]})).status, 500));
        scope.spawn(|| assert_eq!(stage.gateway.post("/demo/late", &rows[3].1).status, 504));
        scope.spawn(|| {
            let body = rows[5].1.to_string();
            let address = stage.gateway.url.strip_prefix("http://").unwrap();
            let mut client = TcpStream::connect(address).unwrap();
            let head = format!("POST /demo/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
            client.write_all(format!("{head}{body}").as_bytes()).unwrap();
        });
        for (number, row) in &rows {
            let stage = &stage;
            scope.spawn(move || {
                let answer = stage.gateway.post("/demo/predict", row);
                assert_eq!((answer.status, &answer.body), (200, &stage.alone[*number]));
            });
        }
    });

    // Many clients without pause.
    let load = Load::start(&format!("{}/demo/predict", stage.gateway.url), rows[2].1.to_string(), 16);
    while stage.stats()["requests"].as_u64() < Some(300) {
        thread::yield_now();
    }
    let samples = load.finish();
    assert!(samples.len() > 100, "{}", samples.len());
    assert!(samples.iter().all(|sample| sample.status == 200 && sample.body == stage.alone[2]));
}
