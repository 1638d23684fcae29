//! Models of other libraries than Keras and scikit-learn: sessions of onnxruntime, and modules of PyTorch.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Gateway, fail, notebook};

fn deploy(gateway: &Gateway, folder: &Path, image: &str, cells: &[&str]) -> String {
    let config = format!("\"\"\"yaml\ntitan: v1\nimage: {image}\n\"\"\"");
    let file = notebook::write(folder, "demo", &[&[config.as_str()], cells].concat());
    gateway.run(&["deploy", file.to_str().unwrap()])
}

/// What `titan deploy` says of the endpoint: `checked` where the service answered as the kernel does.
fn outcome<'a>(stdout: &'a str, endpoint: &str) -> &'a str {
    let line = stdout.lines().find(|line| line.split_whitespace().any(|word| word.ends_with(endpoint)));
    line.unwrap_or_else(|| panic!("{endpoint}: {stdout}"))
}

#[test]
fn a_session_of_onnxruntime() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let train = r#"
import json
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
X, y = load_iris(return_X_y=True)
forest = RandomForestClassifier(10, random_state=0).fit(X, y)
with open('forest.onnx', 'wb') as file:
    file.write(to_onnx(forest, X[:1].astype(np.float32), options={'zipmap': False}).SerializeToString())
session = onnxruntime.InferenceSession('forest.onnx')
name = session.get_inputs()[0].name
REQUEST = json.dumps({'body': {'rows': X[::25].tolist()}, 'args': {}, 'path': {}, 'headers': {}})
"#;
    let predict = r#"# POST /predict
rows = np.array(json.loads(REQUEST)['body']['rows'], dtype=np.float32)
labels, p = session.run(None, {name: rows})
print(json.dumps({'labels': labels.tolist(), 'p': p.tolist(), 'kinds': [labels.dtype.name, p.dtype.name]}))"#;
    let ports = "# GET /ports\nprint([(port.name, port.type, port.shape) for port in session.get_inputs() + session.get_outputs()])";
    let stdout = deploy(&gateway, folder.path(), "scikit-learn", &[train, predict, ports]);
    for endpoint in ["/predict", "/ports"] {
        assert!(outcome(&stdout, endpoint).contains("checked"), "{stdout}");
    }
    let answer = gateway.post("/demo/predict", &json!({"rows": [[5.1, 3.5, 1.4, 0.2], [6.3, 2.8, 5.1, 1.5]]}));
    let body: Value = answer.json();
    assert_eq!((&body["labels"][0], &body["kinds"]), (&json!(0), &json!(["int64", "float32"])), "{answer:?}");
    assert_eq!(body["p"].as_array().unwrap().len(), 2);
}

#[test]
fn an_operator_the_host_lacks_is_an_error_at_deploy() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let cell = r#"
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 3]) for name in 'xy']
graph = helper.make_graph([helper.make_node('Det', ['x'], ['d']), helper.make_node('Add', ['x', 'd'], ['y'])], 'g', ports[:1], ports[1:])
session = onnxruntime.InferenceSession(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9).SerializeToString())
"#;
    let config = "\"\"\"yaml\ntitan: v1\nimage: scikit-learn\n\"\"\"";
    let endpoint = "# GET /y\nprint(session.run(None, {'x': np.eye(3, dtype=np.float32)}))";
    let file = notebook::write(folder.path(), "demo", &[config, cell, endpoint]);
    let error = fail(&gateway.titan(&["deploy", file.to_str().unwrap()]));
    for part in ["model session, which GET /y uses, cannot be served", "the operator Det", "do that step in Python"] {
        assert!(error.contains(part), "{part:?} is missing: {error}");
    }
}

#[test]
#[ignore = "installs PyTorch with CUDA, 5 GB: run it with --ignored"]
fn a_module_of_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let train = r#"
import json
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
X = torch.randn(200, 4)
y = (X[:, 0] - X[:, 1] > 0).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.drop, self.out = nn.Linear(4, 16), nn.Dropout(0.1), nn.Linear(16, 2)
    def forward(self, x):
        return self.out(self.drop(F.relu(self.hidden(x))))

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for _ in range(30):
    optimizer.zero_grad()
    F.cross_entropy(model(X), y).backward()
    optimizer.step()
device = torch.device('cpu')
REQUEST = json.dumps({'body': {'rows': X[:3].tolist()}, 'args': {}, 'path': {}, 'headers': {}})
"#;
    let accuracy = "# GET /accuracy\nmodel.eval()\nwith torch.no_grad():\n    print((model(X).argmax(dim=1) == y).float().mean().item())";
    let predict = r#"# POST /predict
x = torch.tensor(json.loads(REQUEST)['body']['rows'], dtype=torch.float32).to(device)
model.eval()
with torch.no_grad():
    p = F.softmax(model(x), dim=1)
print(json.dumps({'p': p.tolist(), 'best': torch.argmax(p, dim=1).tolist()}))"#;
    let stdout = deploy(&gateway, folder.path(), "torch", &[train, accuracy, predict]);
    for endpoint in ["/accuracy", "/predict"] {
        assert!(outcome(&stdout, endpoint).contains("checked"), "{stdout}");
    }
    assert!(gateway.get("/demo/accuracy").body.trim().parse::<f64>().unwrap() > 0.9);
    let answer = gateway.post("/demo/predict", &json!({"rows": [[2.0, -2.0, 0.0, 0.0], [-2.0, 2.0, 0.0, 0.0]]}));
    assert_eq!(answer.json()["best"], json!([1, 0]), "{answer:?}");
}
