//! What only the compiler, the engine or the host's inference can tell a notebook is refused for: one line names the variable,
//! package or operator, the endpoint that uses it, and what to do. What the notebook's own Python refuses is read error by
//! error in `compiler/python/tests/test_refused.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use support::{Gateway, fail, notebook, succeed, titan};

fn config(image: &str, more: &str) -> String {
    format!("'''yaml\ntitan: v1\nimage: {image}\n{more}'''")
}

/// `titan compile` of the cells with these options.
fn compile(folder: &Path, cells: &[&str], options: &[&str]) -> std::process::Output {
    let file = notebook::write(folder, "demo", cells);
    titan().arg("compile").args(options).arg(file).arg("-o").arg(folder.join("demo.titan")).output().unwrap()
}

fn assert_refused(cases: &[(&str, &str, &str, &[&str])]) {
    let folder = tempfile::tempdir().unwrap();
    for (config, cell, endpoint, parts) in cases {
        let error = fail(&compile(folder.path(), &[config, cell, endpoint], &[]));
        for part in *parts {
            assert!(error.contains(part), "{cell}\n{endpoint}\n{part:?} is missing: {error}");
        }
    }
}

#[test]
fn what_the_engine_cannot_build_or_hold() {
    let plain = config("python", "");
    let picky = "import sys\nclass Picky:\n    def __setstate__(self, state):\n        if sys.platform == 'wasi': raise OSError('no camera')\np = Picky()\np.x = 1";
    assert_refused(&[
        (
            &plain,
            picky,
            "# GET /x\nprint(p.x)",
            &[
                "variable p, which GET /x uses, cannot be built in the engine (OSError: no camera)",
                "keep what the endpoint needs of it",
            ],
        ),
        (
            &config("python", "memory: 64MB\n"),
            "import numpy as np\nbig, small = np.ones(20_000_000), np.ones(3)",
            "# GET /x\nprint(small.sum(), big.sum())",
            &[
                "does not fit in memory (64000000 bytes), of which variable big, which GET /x uses, takes 160000",
                "raise 'memory' in the config cell",
            ],
        ),
        (
            &plain,
            "import os",
            "# POST /x\nprint(os.getuid())",
            &["POST /x uses os.getuid: the engine's os has no 'getuid': use what it has, or compute the result"],
        ),
    ]);
}

#[test]
fn what_stand_ins_of_scikit_learn_and_sessions_lack() {
    let train = "import numpy as np\nfrom sklearn import metrics\nfrom sklearn.linear_model import LogisticRegression, SGDClassifier\n\
                 X = np.eye(4); y = [0, 1, 0, 1]\nmodel, sgd = LogisticRegression().fit(X, y), SGDClassifier().fit(X, y)";
    let session = "import numpy as np, onnxruntime\nfrom onnx import TensorProto as T, helper\n\
                   def made(*operators):\n    ports = [helper.make_tensor_value_info(n, T.FLOAT, [3, 3]) for n in 'xy']\n    \
                   nodes = [helper.make_node(o, ['x'], ['y']) for o in operators]\n    \
                   graph = helper.make_graph(nodes, 'g', ports[:1], ports[1:])\n    \
                   model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)\n    \
                   return onnxruntime.InferenceSession(model.SerializeToString())\nsession = made('Relu')";
    let image = config("scikit-learn", "");
    assert_refused(&[
        (
            &image,
            train,
            "# POST /x\nmodel.fit(X, y)",
            &["POST /x uses model.fit: the deployed LogisticRegression has no fit(): fit it in a notebook cell"],
        ),
        (
            &image,
            train,
            "# POST /x\ndef again(): return sgd.densify()\nprint(again())",
            &["POST /x uses sgd.densify: the deployed SGDClassifier has no 'densify': keep what an endpoint needs"],
        ),
        (
            &image,
            train,
            "# POST /x\nprint(metrics.silhouette_score(X, y))",
            &["POST /x uses metrics.silhouette_score: the engine's sklearn.metrics has no", "in a cell before"],
        ),
        (
            &image,
            train,
            "# POST /x\nfrom sklearn.metrics import silhouette_score\nprint(silhouette_score(X, y))",
            &["POST /x uses sklearn.metrics.silhouette_score: the engine's sklearn.metrics has no"],
        ),
        (
            &image,
            session,
            "# POST /x\nprint(session.run_with_iobinding(1))",
            &["POST /x uses session.run_with_iobinding: the deployed session has no", "use run()"],
        ),
    ]);
}

#[test]
fn whoever_does_not_verify_deploys_code_that_will_fail() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let cells = [
        config("python", ""),
        "import os, subprocess".into(),
        "# GET /x\nprint(os.getuid(), subprocess.run('id'))".into(),
    ];
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    assert!(fail(&compile(folder.path(), &cells, &[])).contains("GET /x calls subprocess.run"));
    succeed(&compile(folder.path(), &cells, &["--no-verify"]));
    gateway.run(&["deploy", folder.path().join("demo.titan").to_str().unwrap()]);
    assert_eq!(gateway.get("/demo/x").status, 500);
}
