//! Pure Python packages that endpoints import travel with the version; those that cannot are named with the chain of imports.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::{Gateway, fail, notebook, titan};
use titan_sdk::engine::ENGINES;

fn config(packages: &str) -> String {
    format!(
        "'''yaml\ntitan: v1\nimage: python\ncommands:\n- pip install -q --disable-pip-version-check {packages}\n'''"
    )
}

#[test]
fn packages_answer_as_in_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("store"));
    let cells = [
        &config(
            "tabulate==0.9.0 humanize==4.12.0 inflection==0.5.1 jinja2==3.1.6 python-slugify==8.0.4 attrs==25.3.0 rapidfuzz==3.13.0 \
             networkx==3.4.2 vaderSentiment==3.3.2",
        ),
        "import attr, inflection\nfrom jinja2 import Template\n@attr.define\nclass Point:\n    x: int = 1\n\
         point, template = Point(), Template('{% for i in range(3) %}<{{ i|e }}>{% endfor %}')\n\
         def camel(text): return inflection.camelize(text)",
        "# GET /table\nfrom tabulate import tabulate\nprint(tabulate([['a', 1], ['b', 2]], headers=['n', 'v'], tablefmt='github'))",
        "# GET /words\nimport humanize\nfrom slugify import slugify\n\
         print(humanize.intcomma(12345678), humanize.naturalsize(10**7), camel('a_b'), slugify('Hello W\u{f6}rld'))",
        "# GET /template\nfrom markupsafe import escape\nprint(Template('{{ x }}').render(x=escape('<')))",
        // An object of a package, and one of a class that the package made.
        "# GET /objects\nprint(point, Point(3), attr.asdict(Point(2)))",
        // Its extensions are guarded: the package has Python in their place.
        "# GET /fuzzy\nfrom rapidfuzz import fuzz\nprint(round(fuzz.ratio('abc', 'abd'), 3))",
        // Reads its own data files.
        "# GET /data\nfrom vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer\n\
         print(SentimentIntensityAnalyzer().polarity_scores('great!')['compound'])",
        // Imports bz2, which the engine lacks, and does not use it.
        "# GET /graph\nimport networkx as nx\nprint(nx.shortest_path(nx.cycle_graph(6), 0, 4))",
        "# GET /version\nimport importlib.metadata\nprint(importlib.metadata.version('humanize'))",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    for (path, body) in [
        ("/table", "| n   |   v |\n|-----|-----|\n| a   |   1 |\n| b   |   2 |\n"),
        ("/words", "12,345,678 10.0 MB AB hello-world\n"),
        ("/template", "&lt;\n"),
        ("/objects", "Point(x=1) Point(x=3) {'x': 2}\n"),
        ("/fuzzy", "66.667\n"),
        ("/data", "0.6588\n"),
        ("/graph", "[0, 5, 4]\n"),
        ("/version", "4.12.0\n"),
    ] {
        let answer = gateway.get(&format!("/demo{path}"));
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}: {answer:?}");
    }
}

#[test]
fn packages_that_cannot_travel_are_named_with_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    for (packages, cell, endpoint, parts) in [
        (
            "pydantic==2.11.7",
            "x = 1",
            "# GET /native\nimport pydantic",
            &[
                "GET /native imports pydantic, which imports pydantic._migration",
                "which imports pydantic_core._pydantic_core: a native extension that the engine does not have: ",
                "in a cell before",
            ][..],
        ),
        (
            "pydantic==2.11.7",
            "from pydantic import BaseModel\nclass Row(BaseModel):\n    a: int",
            "# GET /class\nprint(Row(a=1))",
            &["variable Row", "GET /class", "pydantic_core._pydantic_core: a native extension"],
        ),
        (
            "requests==2.32.4",
            "def ask():\n    import requests\n    return requests.get('x')",
            "# GET /net\nprint(ask())",
            &[
                "GET /net uses function ask, which imports requests, which imports urllib3",
                "which imports socket, which the engine does not have",
            ],
        ),
        (
            "tabulate==0.9.0",
            "x = 1",
            "# GET /absent\nimport nowhere",
            &["GET /absent imports nowhere, which is not installed", "'commands:' of the config cell"],
        ),
    ] {
        let file = notebook::write(folder.path(), "bad", &[&config(packages), cell, endpoint]);
        let out = folder.path().join("bad.titan");
        let error = fail(&titan().arg("compile").arg(&file).arg("-o").arg(&out).output().unwrap());
        for part in parts {
            assert!(error.contains(part), "{part:?} is missing: {error}");
        }
    }
}

#[test]
fn a_module_that_fails_in_the_engine_fails_the_deploy_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("picky.py"),
        "import sys\nif sys.platform == 'wasi': raise RuntimeError('not\\nhere')\n",
    )
    .unwrap();
    let cells = ["'''yaml\ntitan: v1\nimage: python\n'''", "# GET /x\nimport picky"];
    let file = notebook::write(folder.path(), "bad", &cells);
    let out = folder.path().join("bad.titan");
    let error = fail(&titan().arg("compile").arg(&file).arg("-o").arg(&out).output().unwrap());
    for part in ["GET /x imports picky, which fails in the engine", "RuntimeError: not here", "picky.py, line 2"] {
        assert!(error.contains(part), "{part:?} is missing: {error}");
    }
}

#[test]
fn every_module_an_engine_lists_can_be_imported() {
    // pandas offers these to those who have jinja2, which may travel.
    let optional = ["pandas.io.formats.style", "pandas.io.formats.style_render"];
    for engine in &ENGINES {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(&folder.path().join("store"));
        let names: Vec<_> = engine.modules().filter(|name| !optional.contains(name)).collect();
        let image = if engine.name == "pandas" { "scikit-learn" } else { "python" };
        let cells = [
            format!("'''yaml\ntitan: v1\nimage: {image}\ntimeout: 2min\n'''"),
            format!("import {}\nnames = {}", engine.name, json!(names)),
            format!(
                "# GET /wrong\nimport {}, importlib\nwrong = {{}}\nfor name in names:\n    try: importlib.import_module(name)\n    \
                 except BaseException as error: wrong[name] = repr(error)\nprint(len(names), wrong)",
                engine.name
            ),
        ];
        let file = notebook::write(folder.path(), "demo", &cells.each_ref().map(String::as_str));
        // The kernel lacks what is the engine's own.
        gateway.run(&["deploy", "--no-verify", file.to_str().unwrap()]);
        let answer = gateway.get("/demo/wrong");
        assert_eq!((answer.status, answer.body), (200, format!("{} {{}}\n", names.len())), "{}", engine.name);
    }
}
