//! The same notebooks behind the real Jupyter Kernel Gateway and behind Titan, sent the same requests: every answer is the
//! same, but for the differences that are meant and listed here, each with its reason. `tests/README.md` shows the table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use support::kernel_gateway::KernelGateway;
use support::raw::{self, Response};
use support::{Gateway, notebook, root};

/// What of an answer is compared. Content types are compared without their charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Status,
    ContentType,
    Headers,
    Body,
}
use Part::{Body, ContentType, Headers, Status};

/// A difference that is meant.
struct Difference {
    /// What Titan does instead, and why.
    why: &'static str,
    /// What differs, all of it; the rest must be the same.
    parts: &'static [Part],
    /// Titan's status.
    status: u16,
}

const BUNDLE: &Difference = &Difference {
    why: "a MIME bundle is JSON and says so: its Content-Type is application/json, not text/plain",
    parts: &[ContentType],
    status: 200,
};
const EXCEPTION: &Difference = &Difference {
    why: "an exception is answered as JSON: an error id, and with `debug: true` its last line and its traceback",
    parts: &[ContentType, Body],
    status: 500,
};
const NOT_FOUND: &Difference = &Difference {
    why: "an error of the gateway itself says in its JSON what to do about it",
    parts: &[Body],
    status: 404,
};
const BAD_REQUEST: &Difference = &Difference { status: 400, ..*NOT_FOUND };
const OTHER_METHOD: &Difference = &Difference {
    why: "405 carries the header Allow, as HTTP asks for, and an error in JSON, not an empty page",
    parts: &[ContentType, Headers, Body],
    status: 405,
};
const OPTIONS: &Difference = &Difference {
    why: "OPTIONS is answered 204 with the header Allow, not by an empty page; CORS is the gateway's configuration",
    parts: &[Status, ContentType, Headers],
    status: 204,
};
const HEAD: &Difference = &Difference {
    why: "HEAD is answered as GET is, without the body: HTTP asks every server for it",
    parts: &[Status, ContentType],
    status: 200,
};
const PATCH: &Difference = &Difference {
    why: "PATCH makes an endpoint as the other methods do; Kernel Gateway runs such a cell with the notebook",
    parts: &[Status, ContentType, Body],
    status: 200,
};
const JSON_PARAMETERS: &Difference = &Difference {
    why: "a Content-Type with parameters or in capitals (`application/json; charset=utf-8`) means what it means without",
    parts: &[Body],
    status: 200,
};
const JSON_IN_FORM: &Difference = &Difference {
    why: "a form that is in truth JSON, as `curl -d` sends it, reaches the cell as text",
    parts: &[Body],
    status: 200,
};
const LENIENT_LOADS: &Difference = &Difference {
    why: "json.loads returns a dict or list it is handed, so a cell works whatever Content-Type its client sends",
    parts: &[Status, Body],
    status: 200,
};
const NOT_UTF_8: &Difference = &Difference {
    why: "bytes that are not UTF-8 are refused with 400; Kernel Gateway fails inside and answers an empty 200",
    parts: &[Status, ContentType, Body],
    status: 400,
};
const FREE_ANNOTATION: &Difference = &Difference {
    why: "an annotation may follow blank lines and be followed by words, where Kernel Gateway has no endpoint that a request could reach",
    parts: &[Status, ContentType, Body],
    status: 200,
};
const OTHER_NAME: &Difference = &Difference {
    why: "methods of one path may name its parameters differently; Kernel Gateway answers 405 for all but the first",
    parts: &[Status, ContentType, Body],
    status: 200,
};
const ENCODED_PATH: &Difference = &Difference {
    why: "a path is matched decoded, so /caf%C3%A9 reaches `# GET /café`",
    parts: &[Status, ContentType, Body],
    status: 200,
};
const LITERAL_PATH: &Difference = &Difference {
    why: "a path is text, not a regular expression: `# GET /v1.0` is not reached by /v1x0",
    parts: &[Status, ContentType, Body],
    status: 404,
};
const SILENT_INFO: &Difference = &Difference {
    why: "a ResponseInfo cell that prints nothing changes nothing; Kernel Gateway loses the body",
    parts: &[Body],
    status: 200,
};
const BAD_INFO: &Difference = &Difference {
    why: "a ResponseInfo cell that prints anything but a JSON object is an error that says so; Kernel Gateway answers an empty 200",
    parts: &[Status, ContentType, Body],
    status: 500,
};
const STATUS_TEXT: &Difference = &Difference {
    why: "ResponseInfo may give a status as text, and any header value that has a text; Kernel Gateway fails inside",
    parts: &[Status, ContentType, Body],
    status: 201,
};
const NO_CONTENT: &Difference = &Difference {
    why: "a status without a body (204) leaves out what was printed; Kernel Gateway fails inside",
    parts: &[Status, ContentType, Body],
    status: 204,
};
const STDOUT_BUFFER: &Difference = &Difference {
    why: "sys.stdout has a buffer for bytes, as in a program; a Jupyter kernel's has none",
    parts: &[Status, Body],
    status: 200,
};
const SWAGGER: &Difference = &Difference {
    why: "there is no generated /_api/spec/swagger.json: `titan versions` and the admin API list the endpoints",
    parts: &[Status, Body],
    status: 404,
};

/// A request, and how the answers to it differ if they may.
struct Case {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static [u8],
    differs: Option<&'static Difference>,
}

impl Case {
    fn differs(mut self, difference: &'static Difference) -> Case {
        self.differs = Some(difference);
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Case {
        self.headers.push((name, value));
        self
    }
}

fn send(method: &'static str, target: &'static str) -> Case {
    Case { method, target, headers: Vec::new(), body: b"", differs: None }
}

fn get(target: &'static str) -> Case {
    send("GET", target)
}

fn post(content_type: &'static str, body: &'static [u8]) -> Case {
    Case { body, ..send("POST", "/echo").header("Content-Type", content_type) }
}

/// What a notebook's cells are about, and requests to them.
struct Topic {
    name: &'static str,
    cells: Vec<&'static str>,
    cases: Vec<Case>,
}

const SETUP: &str = r#"
import json, sys
import numpy as np
class Png:
    def __repr__(self): return "Png"
    def _repr_png_(self): return b"\x89PNG"
    def _repr_html_(self): return "<b>png</b>"
class Own:
    def _repr_mimebundle_(self, include=None, exclude=None): return {"text/plain": "own", "application/x": {"a": [1]}}
class Broken:
    def __repr__(self): return "broken"
    def _repr_html_(self): raise ValueError("no form")
class ShowsItself:
    def _ipython_display_(self): print("shown by itself")
class Vector:
    def __init__(self, *parts): self.parts = parts
    def __repr__(self): return f"Vector{self.parts}"
matrix = np.array([[0.5, 1.25], [1e-9, 3.0]], dtype=np.float32)
"#;

/// Prints what a request is, but for its headers.
const ECHO: &str = "# POST /echo\nrequest = json.loads(REQUEST)\nprint(json.dumps([request[key] for key in ('body', 'args', 'path')]))";
const GET_ECHO: &str =
    "# GET /echo\nrequest = json.loads(REQUEST)\nprint(json.dumps([request[key] for key in ('body', 'args', 'path')]))";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=xx";

fn topics() -> Vec<Topic> {
    vec![
        Topic {
            name: "annotations",
            cells: vec![
                "# GET /plain\nprint('plain')",
                "#    GET\t/spaced\nprint('spaced')",
                "# get /lower\nprint('a comment like any other')",
                "#GET /close\npass",
                "## GET /double\npass",
                "# HEAD /head\npass",
                "# GET relative\npass",
                "\n\n# GET /blank\nprint('blank')",
                "# GET /words and more\nprint('words')",
                "# PATCH /patched\nprint('patched')",
                "# PUT /put\nprint('put')",
                "# DELETE /delete\nprint('delete')",
            ],
            cases: vec![
                get("/plain"),
                get("/spaced"),
                send("PUT", "/put"),
                send("DELETE", "/delete"),
                get("/lower").differs(NOT_FOUND),
                get("/close").differs(NOT_FOUND),
                get("/double").differs(NOT_FOUND),
                get("/relative").differs(NOT_FOUND),
                get("/blank").differs(FREE_ANNOTATION),
                get("/words").differs(FREE_ANNOTATION),
                send("PATCH", "/patched").differs(PATCH),
            ],
        },
        Topic {
            name: "several cells an endpoint",
            cells: vec![
                "# GET /joined\npart = 'first'\nprint(part)",
                "# GET /joined\nprint(part, 'second')\n'not shown'",
                "# GET /last\n1",
                "# GET /last\n2",
            ],
            cases: vec![get("/joined"), get("/last").differs(BUNDLE)],
        },
        Topic {
            name: "precedence of paths",
            cells: vec![
                "# GET /order/:a/:b/end\nprint('two', json.loads(REQUEST)['path'])",
                "# GET /order/:a/x/end\nprint('one', json.loads(REQUEST)['path'])",
                "# GET /:first/late\nprint('early', json.loads(REQUEST)['path'])",
                "# GET /order/:second\nprint('late', json.loads(REQUEST)['path'])",
                "# GET /order/fixed\nprint('fixed')",
                "# POST /order/posted\nprint('posted')",
                "# GET /named-:name/x\nprint(json.loads(REQUEST)['path'])",
                "# PUT /order/:other\nprint(json.loads(REQUEST)['path'])",
                "# GET /v1.0\nprint('dot')",
                "# GET /café\nprint('coffee')",
                "# GET /slash/\nprint('slash')",
                "# GET /\nprint('root')",
            ],
            cases: vec![
                get("/order/1/x/end"),
                get("/order/late"),
                get("/other/late"),
                get("/order/fixed"),
                get("/order/7"),
                get("/named-n/x"),
                get("/named-:name/x"),
                get("/named-/x").differs(NOT_FOUND),
                get("/slash/"),
                get("/slash").differs(NOT_FOUND),
                get("/order/7/").differs(NOT_FOUND),
                get("/order/1/2/3/end").differs(NOT_FOUND),
                get("/v1.0"),
                get("/v1x0").differs(LITERAL_PATH),
                get("/caf%C3%A9").differs(ENCODED_PATH),
                get("/order/posted").differs(OTHER_METHOD),
                send("PUT", "/order/7").differs(OTHER_NAME),
                get("/"),
            ],
        },
        Topic {
            name: "path parameters",
            cells: vec!["# GET /users/:id/posts/:post\nprint(json.dumps(json.loads(REQUEST)['path']))"],
            cases: vec![
                get("/users/7/posts/x-y_z.~"),
                get("/users/a%20b/posts/%C3%A9"),
                get("/users/a+b/posts/a%2Bb"),
                get("/users/a%2Fb/posts/%2525"),
                get("/users/a:b/posts/%3F%23?post=no"),
                get("/users/7/posts/%zz"),
                get("/users/7/posts/").differs(NOT_FOUND),
                get("/users/7/posts/%FF").differs(BAD_REQUEST),
            ],
        },
        Topic {
            name: "query arguments",
            cells: vec![GET_ECHO],
            cases: vec![
                get("/echo"),
                get("/echo?"),
                get("/echo?a=1&b=2&a=3"),
                get("/echo?a=x+y&b=%C3%A9%26&c=a%2Bb"),
                get("/echo?empty=&bare&&=nameless&a=b=c&d;e=f"),
                get("/echo?a=%zz&b=%"),
                get("/echo?a=%FF").differs(NOT_UTF_8),
            ],
        },
        Topic {
            name: "bodies",
            cells: vec![ECHO],
            cases: vec![
                send("POST", "/echo"),
                post("text/plain", "text, é and \"quotes\"\r\n\0".as_bytes()),
                post("text/plain", b"{\"json\": 1}"),
                post("application/octet-stream", b"a=1"),
                post("application/json", b""),
                post("application/json", "{\"a\": [1, 2.5, -1e3, true, null, \"\u{e9} \\u00e4\"], \"b\": {}}".as_bytes()),
                post("application/json", b" [1, {\"a\": 1, \"a\": 2}]\n"),
                post("application/json", b"\"text\""),
                post("application/json", b"12345678901234567890"),
                post("application/json", b"[NaN, Infinity, -Infinity, \"NaN\"]"),
                post("application/json", b"{\"a\": 1"),
                post("application/json", b"hello"),
                post("application/json", b"{'a': 1}"),
                post("application/json", b"[1NaN]"),
                post("application/json; charset=utf-8", b"{\"a\": 1}").differs(JSON_PARAMETERS),
                post("Application/JSON", b"{\"a\": 1}").differs(JSON_PARAMETERS),
                post(FORM, b"a=1&b=x+y&a=%C3%A9&c&=d&e="),
                post(FORM, b""),
                post(FORM, b"no pairs"),
                post("application/x-www-form-urlencoded; charset=utf-8", b"a=1").differs(JSON_PARAMETERS),
                post(FORM, b"{\"a\": 1}").differs(JSON_IN_FORM),
                post(MULTIPART, b"--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xx\r\nContent-Disposition: form-data; name=\"b\"\r\nContent-Type: text/plain\r\n\r\n\xc3\xa9\r\n\r\n--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n2\r\n--xx--\r\n"),
                post(MULTIPART, b"--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\nContent-Type: text/plain\r\n\r\nfile\r\n--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xx--\r\n"),
                post(MULTIPART, b"nonsense").differs(BAD_REQUEST),
                post("multipart/form-data", b"nonsense").differs(BAD_REQUEST),
                post("text/plain", b"\xff\xfe").differs(NOT_UTF_8),
            ],
        },
        Topic {
            name: "bodies that a cell parses again",
            cells: vec!["# PUT /parse\nbody = json.loads(json.loads(REQUEST)['body'])\nprint(body['a'])"],
            cases: vec![
                Case { body: b"{\"a\": 1}", ..send("PUT", "/parse") },
                Case { body: b"{\"a\": 1}", ..send("PUT", "/parse").header("Content-Type", "application/json") }
                    .differs(LENIENT_LOADS),
                Case { body: b"{\"a\": 1}", ..send("PUT", "/parse").header("Content-Type", FORM) }.differs(LENIENT_LOADS),
            ],
        },
        Topic {
            name: "request headers",
            cells: vec!["# GET /headers\nheaders = json.loads(REQUEST)['headers']\nprint(json.dumps(headers))"],
            cases: vec![
                get("/headers"),
                get("/headers").header("x-lower-case", "value, with  spaces ").header("ETag2", "e"),
                get("/headers").header("X-Many", "1").header("X-Other", "o").header("x-many", "2").header("X-MANY", "3"),
                get("/headers").header("X-Accent", "é").header("Cookie", "a=1; b=2").header("X-Empty", ""),
            ],
        },
        Topic {
            name: "what is printed",
            cells: vec![
                "# GET /printed\nprint('one', end='')\nsys.stdout.write(' two\\n')\nprint('err', file=sys.stderr)\nprint('three', flush=True)\nfor i in range(3): print(i, end=';')\n'not shown'",
                "# GET /accents\nprint('é ü 日本 \\u2028')",
                "# GET /nothing\nx = 1",
                "# GET /empty\nprint(end='')\n'shown'",
                "# GET /newline\nprint()",
                "# GET /large\nprint('x' * 300_000)\nprint('y' * 300_000)",
                "# GET /buffer\nsys.stdout.buffer.write(b'bytes')\nNone",
            ],
            cases: vec![
                get("/printed"),
                get("/accents"),
                get("/nothing"),
                get("/empty").differs(BUNDLE),
                get("/newline"),
                get("/large"),
                get("/buffer").differs(STDOUT_BUFFER),
            ],
        },
        Topic {
            name: "the last expression",
            cells: vec![
                "# GET /value/array\nmatrix * 2",
                "# GET /value/text\n'text é'",
                "# GET /value/none\nNone",
                "# GET /value/quiet\n'hidden';",
                "# GET /value/assigned\nx = 5",
                "# GET /value/container\n{'b': [1, (2,)], 'a': {3}, 'c': 'x' * 100, 'd': list(range(40))}",
                "# GET /value/object\nVector(1, 2.5)",
                "# GET /value/class\nVector",
                "# GET /value/png\nPng()",
                "# GET /value/own\nOwn()",
                "# GET /value/broken\nBroken()",
                "# GET /value/itself\nShowsItself()",
                "# GET /value/conditional\nif True:\n    'not shown'",
                "# GET /value/numpy\nnp.float32(0.1)",
            ],
            cases: vec![
                get("/value/array").differs(BUNDLE),
                get("/value/text").differs(BUNDLE),
                get("/value/none"),
                get("/value/quiet"),
                get("/value/assigned"),
                get("/value/container").differs(BUNDLE),
                get("/value/object").differs(BUNDLE),
                get("/value/class").differs(BUNDLE),
                get("/value/png").differs(BUNDLE),
                get("/value/own").differs(BUNDLE),
                get("/value/broken").differs(EXCEPTION),
                get("/value/itself"),
                get("/value/conditional"),
                get("/value/numpy").differs(BUNDLE),
            ],
        },
        Topic {
            name: "display",
            cells: vec![
                "# GET /display/only\ndisplay({'a': 1})\ndisplay(matrix, 'text')",
                "# GET /display/value\ndisplay('first')\ndisplay('second')\n'third'",
                "# GET /display/printed\ndisplay('first')\nprint('printed')\ndisplay('second')",
            ],
            cases: vec![get("/display/only"), get("/display/value").differs(BUNDLE), get("/display/printed")],
        },
        Topic {
            name: "ResponseInfo",
            cells: vec![
                "# GET /info/full\nprint('{\"made\": true}')",
                "# ResponseInfo GET /info/full\nprint(json.dumps({'headers': {'Content-Type': 'application/json', 'X-Kind': 'new', 'Location': '/x'}, 'status': 201}))",
                "# GET /info/lower\nprint('x')",
                "# ResponseInfo GET /info/lower\nprint(json.dumps({'headers': {'content-type': 'text/csv', 'x-number': 5}}))",
                "# GET /info/reads\nstate = 404\nprint('gone')",
                "# ResponseInfo GET /info/reads\nprint(json.dumps({'status': state}))",
                "# GET /info/joined\nprint('x')",
                "# ResponseInfo GET /info/joined\nprint('{\"status\":')",
                "# ResponseInfo GET /info/joined\nprint('202}')",
                "# GET /info/expression\nprint('x')",
                "# ResponseInfo GET /info/expression\n{'status': 201}",
                "# GET /info/bundle\nmatrix[0]",
                "# ResponseInfo GET /info/bundle\nprint('{\"headers\": {\"X-A\": \"a\"}}')",
                "# GET /info/other\nprint('x')",
                "# ResponseInfo GET /info/other\nprint('{\"unknown\": 1}')",
                "# GET /info/silent\nprint('x')",
                "# ResponseInfo GET /info/silent\npass",
                "# GET /info/text\nprint('x')",
                "# ResponseInfo GET /info/text\nprint('201')",
                "# GET /info/list\nprint('x')",
                "# ResponseInfo GET /info/list\nprint('no json')",
                "# GET /info/status\nprint('x')",
                "# ResponseInfo GET /info/status\nprint('{\"status\": \"201\"}')",
                "# GET /info/none\nprint('x')",
                "# ResponseInfo GET /info/none\nprint('{\"status\": 204}')",
                "# GET /info/empty\npass",
                "# ResponseInfo GET /info/empty\nprint('{\"status\": 204}')",
                "# GET /info/raises\nprint('x')",
                "# ResponseInfo GET /info/raises\n1 / 0",
                "# DELETE /info/full\nprint('deleted')",
            ],
            cases: vec![
                get("/info/full"),
                send("DELETE", "/info/full"),
                get("/info/lower"),
                get("/info/reads"),
                get("/info/joined"),
                get("/info/expression"),
                get("/info/bundle").differs(BUNDLE),
                get("/info/other"),
                get("/info/silent").differs(SILENT_INFO),
                get("/info/text").differs(BAD_INFO),
                get("/info/list").differs(BAD_INFO),
                get("/info/status").differs(STATUS_TEXT),
                get("/info/none").differs(NO_CONTENT),
                get("/info/empty"),
                get("/info/raises").differs(EXCEPTION),
            ],
        },
        Topic {
            name: "errors",
            cells: vec![
                "# GET /fails\nprint('before')\n1 / 0",
                "# GET /undefined\nprint(undefined_name)",
                "# GET /own-error\nclass Mine(Exception): pass\nraise Mine('a\\nb')",
            ],
            cases: vec![
                get("/fails").differs(EXCEPTION),
                get("/plain"),
                get("/undefined").differs(EXCEPTION),
                get("/own-error").differs(EXCEPTION),
                get("/nowhere/at/all").differs(NOT_FOUND),
                send("POST", "/plain").differs(OTHER_METHOD),
                send("DELETE", "/echo").differs(OTHER_METHOD),
                send("OPTIONS", "/plain").differs(OPTIONS),
                send("HEAD", "/plain").differs(HEAD),
                get("/_api/spec/swagger.json").differs(SWAGGER),
            ],
        },
    ]
}

/// A second notebook, whose endpoints share what they change.
fn stateful() -> Topic {
    Topic {
        name: "state between requests",
        cells: vec![
            "import json, sys\ncounter = 0\nseen = []",
            "# POST /count\ncounter += 1\nprint(counter)",
            "# GET /count\ncounter",
            "# DELETE /count\ndel counter\nprint('deleted')",
            "# PUT /count\ncounter = int(json.loads(REQUEST)['body'])",
            "# POST /seen\nseen.append(json.loads(REQUEST)['body'])\nif len(seen) == 2: raise ValueError(seen)\nprint(seen)",
            "# GET /late\nprint(latest)",
            "# PUT /late\nlatest = 'set by a request'",
        ],
        cases: vec![
            send("POST", "/count"),
            send("POST", "/count"),
            get("/count").differs(BUNDLE),
            Case { body: b"41", ..send("PUT", "/count") },
            send("POST", "/count"),
            send("DELETE", "/count"),
            get("/count").differs(EXCEPTION),
            Case { body: b"a", ..send("POST", "/seen") },
            Case { body: b"b", ..send("POST", "/seen") }.differs(EXCEPTION),
            Case { body: b"c", ..send("POST", "/seen") },
            get("/late").differs(EXCEPTION),
            send("PUT", "/late"),
            get("/late"),
        ],
    }
}

/// Headers that tell servers apart, not answers.
const IGNORED: [&str; 7] = ["server", "date", "etag", "content-length", "connection", "titan-version", "content-type"];

/// What of the answers to one request differs.
fn compare(kernel_gateway: &Response, titan: &Response) -> BTreeSet<Part> {
    let essence =
        |response: &Response| response.header("content-type").map(|value| value.split(';').next().unwrap().to_owned());
    let headers = |response: &Response| -> BTreeSet<(String, String)> {
        response.headers.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())).cloned().collect()
    };
    // JSON is compared by value: how it is spaced and escaped is nobody's business.
    let body =
        |response: &Response| serde_json::from_str::<Value>(&response.body).unwrap_or_else(|_| json!(response.body));
    let mut differ = BTreeSet::new();
    if kernel_gateway.status != titan.status {
        differ.insert(Status);
    }
    if essence(kernel_gateway) != essence(titan) {
        differ.insert(ContentType);
    }
    if headers(kernel_gateway) != headers(titan) {
        differ.insert(Headers);
    }
    if body(kernel_gateway) != body(titan) {
        differ.insert(Body);
    }
    differ
}

/// Serves the cells of `topics` both ways, and sends every request of theirs, in order.
fn assert_conforms(setup: &str, topics: &[Topic]) {
    let folder = tempfile::tempdir().unwrap();
    let cells: Vec<&str> = ["'''yaml\ntitan: v1\ndebug: true\n'''", setup]
        .into_iter()
        .chain(topics.iter().flat_map(|topic| topic.cells.iter().copied()))
        .collect();
    let mut notebook = notebook::notebook(&cells);
    notebook["metadata"] = json!({
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    });
    let file = folder.path().join("demo.ipynb");
    fs::write(&file, notebook.to_string()).unwrap();
    let kernel_gateway = KernelGateway::start(&file);
    let titan = Gateway::start(&folder.path().join("data"));
    titan.run(&["deploy", file.to_str().unwrap()]);

    let mut wrong = Vec::new();
    for topic in topics {
        for Case { method, target, headers, body, differs } in &topic.cases {
            let theirs = raw::send(&kernel_gateway.address, method, target, headers, body);
            let address = titan.url.strip_prefix("http://").unwrap();
            let ours = raw::send(address, method, &format!("/demo{target}"), headers, body);
            let found = compare(&theirs, &ours);
            let meant: BTreeSet<Part> = differs.iter().flat_map(|difference| difference.parts).copied().collect();
            if found != meant || differs.is_some_and(|difference| difference.status != ours.status) {
                let sent = String::from_utf8_lossy(body);
                wrong.push(format!(
                    "{}: {method} {target} {headers:?} {sent:?}\n  differs in {found:?}, meant is {meant:?}\n  kernel gateway {theirs:?}\n  titan          {ours:?}",
                    topic.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are not as meant:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn requests_are_answered_as_by_kernel_gateway() {
    assert_conforms(SETUP, &topics());
}

#[test]
fn state_is_kept_as_by_kernel_gateway() {
    assert_conforms("", &[stateful()]);
}

#[test]
fn the_page_names_every_test_topic_and_difference() {
    let table = fs::read_to_string(root().join("tests/README.md")).unwrap();
    for file in fs::read_dir(root().join("tests")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".rs") || table.contains(&format!("| `{name}` |")), "tests/README.md lacks {name}");
    }
    for topic in topics().into_iter().chain([stateful()]) {
        let line = format!("| {} | {} |", topic.name, topic.cases.len());
        assert!(table.contains(&line), "tests/README.md lacks the line {line:?}");
        for difference in topic.cases.iter().filter_map(|case| case.differs) {
            assert!(table.contains(difference.why), "tests/README.md lacks {:?}", difference.why);
        }
    }
}
