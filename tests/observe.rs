//! What an operator sees of a gateway: metrics, stats, logs and error ids, health, traces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use support::browser::Browser;
use support::metrics::sample;
use support::notebook::HousePrice;
use support::{Gateway, notebook, root};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until it is there; asking takes its time.
fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} does not come");
    }
}

/// The lines of a service's log, as `titan logs --json` prints them.
fn log(gateway: &Gateway, arguments: &[&str]) -> Vec<Value> {
    let text = gateway.run(&[&["logs", "demo", "--json"], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn metrics_and_stats_count_what_happened_and_end_with_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let cells = [
        "# GET /fine\nprint('fine')",
        "# GET /fails\n1 / 0",
        "# GET /teapot\nprint('short')",
        "# ResponseInfo GET /teapot\nimport json\nprint(json.dumps({'status': 299}))",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    for _ in 0..5 {
        assert_eq!(gateway.get("/demo/fine").status, 200);
    }
    assert_eq!(gateway.get("/demo/fails").status, 500);
    assert_eq!(gateway.get("/demo/teapot").status, 299);
    assert_eq!(gateway.get("/demo/nowhere").status, 404);
    assert_eq!(gateway.get("/nobody").status, 404);

    let answer = ureq::get(&format!("{}/metrics", gateway.admin)).call().unwrap();
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
    let metrics = gateway.admin_text("/metrics");
    let of = ["service=\"demo\"", "version=\"v1\""];
    let requests = |endpoint: &str, status: &str| {
        let [endpoint, status] = [format!("endpoint=\"{endpoint}\""), format!("status=\"{status}\"")];
        sample(&metrics, "titan_requests_total", &[&of[..], &[&endpoint, &status]].concat())
    };
    assert_eq!(requests("GET /fine", "200"), Some(5.0), "{metrics}");
    assert_eq!(requests("GET /fails", "500"), Some(1.0));
    assert_eq!(requests("GET /teapot", "2xx"), Some(1.0), "a status without a name counts as its class");
    assert_eq!(requests("", "404"), Some(1.0));
    assert_eq!(sample(&metrics, "titan_unrouted_requests_total", &["status=\"404\""]), Some(1.0));
    assert_eq!(sample(&metrics, "titan_request_duration_seconds_count", &["endpoint=\"GET /fine\""]), Some(5.0));
    for (name, least) in [
        ("titan_active", 1.0),
        ("titan_instances", 1.0),
        ("titan_memory_bytes", 1e6),
        ("titan_memory_limit_bytes", 512e6),
        ("titan_cpu_seconds_total", 1e-6),
        ("titan_queue_length", 0.0),
        ("titan_requests_in_flight", 0.0),
        ("titan_log_lines_dropped_total", 0.0),
    ] {
        let found = sample(&metrics, name, &of).unwrap_or_else(|| panic!("{name} is missing:\n{metrics}"));
        assert!(found >= least, "{name} is {found}");
    }
    for (name, least) in [
        ("titan_deploys_total", 1.0),
        ("titan_rollbacks_total", 0.0),
        ("titan_build_info", 1.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 3.0),
        ("process_max_fds", 3.0),
        ("process_cpu_seconds_total", 1e-6),
    ] {
        let found = sample(&metrics, name, &[]).unwrap_or_else(|| panic!("{name} is missing:\n{metrics}"));
        assert!(found >= least, "{name} is {found}");
    }
    assert!(metrics.ends_with("# EOF\n"), "Prometheus refuses a text without its end");

    let stats = gateway.admin_get("/v1/services/demo/stats");
    let version = &stats["versions"][0];
    assert_eq!((&version["version"], &version["requests"], &version["errors"]), (&json!("v1"), &json!(7), &json!(1)));
    let ms = |name: &str| version["latency"][name].as_f64().unwrap();
    assert!(ms("p50_ms") > 0.0 && ms("p50_ms") <= ms("p95_ms") && ms("p95_ms") <= ms("p99_ms"), "{stats}");
    assert!(version["request_rate"].as_f64().unwrap() > 0.0 && version["in_flight"] == 0, "{stats}");

    gateway.run(&["deploy", file.to_str().unwrap()]);
    gateway.run(&["rollback", "demo"]);
    let metrics = gateway.admin_text("/metrics");
    assert_eq!(sample(&metrics, "titan_deploys_total", &["outcome=\"done\""]), Some(2.0));
    assert_eq!(sample(&metrics, "titan_rollbacks_total", &[]), Some(1.0));
    assert_eq!(sample(&metrics, "titan_active", &["version=\"v1\""]), Some(1.0));
    assert_eq!(sample(&metrics, "titan_active", &["version=\"v2\""]), Some(0.0));
    gateway.run(&["delete", "demo"]);
    let metrics = gateway.admin_text("/metrics");
    assert!(!metrics.contains("service=\"demo\""), "series of a service outlive it:\n{metrics}");
}

#[test]
fn the_grafana_dashboard_asks_for_metrics_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let file = notebook::write(folder.path(), "demo", &["# GET /fine\nprint('fine')"]);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    gateway.get("/demo/fine");
    gateway.get("/nobody");
    let metrics = gateway.admin_text("/metrics");
    let dashboard = fs::read_to_string(root().join("examples/grafana/titan.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() >= 10, "{expressions:?}");
    for expression in expressions {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: Vec<_> = words.filter(|word| word.starts_with("titan_") || word.starts_with("process_")).collect();
        assert!(!names.is_empty(), "{expression:?} asks for no metric");
        for name in names {
            // A notebook without a model has no series of models, but says that it could.
            let family = name.trim_end_matches("_bucket").trim_end_matches("_count").trim_end_matches("_sum");
            let declared = format!("# TYPE {family} ");
            assert!(sample(&metrics, name, &[]).is_some() || metrics.contains(&declared), "{name} of {expression:?}");
        }
    }
}

#[test]
fn clients_see_an_error_id_and_the_log_has_the_cause_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gateway = Gateway::start(&data);
    let cells = [
        "import sys",
        "# GET /fails\nprint('before', file=sys.stderr)\nraise ValueError('secret')",
        "# GET /loop\nwhile True: pass",
    ];
    let safe = ["'''yaml\ntitan: v1\ntimeout: 1s\n'''"];
    let file = notebook::write(folder.path(), "demo", &[&safe[..], &cells].concat());
    gateway.run(&["deploy", file.to_str().unwrap()]);
    let failed = gateway.get("/demo/fails");
    assert_eq!(failed.status, 500);
    assert!(!failed.body.contains("secret") && !failed.body.contains("Traceback"), "{failed:?}");
    let id = failed.json()["error_id"].clone();
    let lines = wait("the log", || Some(log(&gateway, &[])).filter(|lines| lines.len() == 2));
    let brief =
        |line: &Value| [&line["version"], &line["endpoint"], &line["error_id"], &line["kind"]].map(Clone::clone);
    assert_eq!(brief(&lines[0]), [json!("v1"), json!("GET /fails"), id.clone(), json!("stderr")]);
    assert_eq!(brief(&lines[1]), [json!("v1"), json!("GET /fails"), id.clone(), json!("error")]);
    assert_eq!(lines[0]["text"], "before");
    let traceback = lines[1]["text"].as_str().unwrap();
    assert!(traceback.starts_with("Traceback") && traceback.ends_with("ValueError: secret"), "{traceback}");
    let shown = gateway.run(&["logs", "demo", "-n", "1"]);
    let head = format!(" v1 GET /fails {} error Traceback", id.as_str().unwrap());
    assert!(shown.contains(&head) && shown.ends_with("ValueError: secret\n"), "{shown}");

    // A follower sees what comes, and the log outlives the process.
    let mut follower = support::titan()
        .args(["logs", "demo", "--follow", "--lines", "0", "--version", "v2"])
        .env("TITAN_GATEWAY", &gateway.admin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let debug = ["'''yaml\ntitan: v1\ndebug: true\ntimeout: 1s\n'''"];
    let file = notebook::write(folder.path(), "demo", &[&debug[..], &cells].concat());
    gateway.run(&["deploy", file.to_str().unwrap()]);
    let mut followed = BufReader::new(follower.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        while let Some(Ok(line)) = followed.next() {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    // It may not have begun to follow with the first.
    let line = wait("what is followed", || {
        let debugged = gateway.get("/demo/fails");
        assert!(debugged.json()["traceback"].as_str().unwrap().contains("ValueError: secret"), "{debugged:?}");
        receiver.recv_timeout(Duration::from_millis(200)).ok()
    });
    assert!(line.contains(" v2 GET /fails "), "{line}");
    follower.kill().unwrap();
    follower.wait().unwrap();
    let timeout = gateway.get("/demo/loop");
    assert_eq!(timeout.status, 504);
    let id = timeout.json()["error_id"].clone();
    wait("the timeout", || log(&gateway, &[]).into_iter().find(|line| line["error_id"] == id));
    gateway.kill();
    let gateway = Gateway::start(&data);
    assert!(log(&gateway, &[]).iter().any(|line| line["error_id"] == id));
    assert!(log(&gateway, &["--version", "v1"]).iter().all(|line| line["version"] == "v1"));
    assert!(support::fail(&gateway.titan(&["logs", "nobody"])).contains("there is no service"));
}

#[test]
fn a_flood_of_output_is_bounded_and_slows_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gateway = Gateway::start(&data);
    let flood = "# POST /flood\nimport sys\nfor i in range(20_000): print('x' * 1000, file=sys.stderr)\nprint('done')";
    for (name, cell) in [("demo", flood), ("other", "# POST /fine\nprint('fine')")] {
        let file = notebook::write(folder.path(), name, &[cell]);
        gateway.run(&["deploy", file.to_str().unwrap()]);
    }
    let load = support::load::Load::start(&format!("{}/demo/flood", gateway.url), "{}".into(), 2);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_eq!(gateway.post("/other/fine", &json!({})).body, "fine\n");
    }
    assert!(load.finish().iter().all(|sample| sample.status == 200));
    let metrics = gateway.admin_text("/metrics");
    assert!(sample(&metrics, "titan_log_lines_dropped_total", &["service=\"demo\""]).unwrap() > 1000.0, "{metrics}");
    let bytes: u64 = fs::read_dir(data.join("logs")).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 9 << 20, "the logs take {bytes} bytes");
}

#[test]
fn health_is_told_to_anyone_and_on_both_listeners() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = support::titan();
    command.args([
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--require-token",
        "--log-format",
        "json",
    ]);
    let gateway = Gateway::spawn(command.arg("--data").arg(&data));
    assert_eq!(gateway.admin_text("/healthz"), "ok\n");
    let ready = gateway.admin_text("/readyz");
    assert_eq!(serde_json::from_str::<Value>(&ready).unwrap(), json!({"services": 0, "not_loaded": 0}));
    assert_eq!(gateway.get("/-/healthz").body, "ok\n");
    assert_eq!(gateway.get("/-/readyz").status, 200);
    let refused = ureq::get(&format!("{}/metrics", gateway.admin)).call();
    assert!(matches!(refused, Err(ureq::Error::StatusCode(401))), "{refused:?}");
}

#[test]
fn a_service_describes_itself_with_the_notebooks_example() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let cells = [
        "import json",
        "REQUEST = json.dumps({'body': {'area': 8450}, 'args': {'unit': ['m']}, 'path': {'id': '7'}, 'headers': {}})",
        "# POST /price/:id\nrequest = json.loads(REQUEST)\nprint(json.dumps({'price': request['body']['area'] * 2}))",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    let document = gateway.get("/demo/openapi.json").json();
    assert_eq!(
        (&document["openapi"], &document["info"]),
        (&json!("3.1.0"), &json!({"title": "demo", "version": "v1"}))
    );
    let post = &document["paths"]["/price/{id}"]["post"];
    let body = &post["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(post["responses"]["200"]["content"]["*/*"]["example"], json!({"price": 16900}), "{document}");
    // The example is one that the service answers as it says.
    let base = document["servers"][0]["url"].as_str().unwrap();
    assert_eq!(gateway.post(&format!("{base}/price/7"), body).json(), json!({"price": 16900}));
    let direct = gateway.get("/demo@v1/openapi.json").json();
    assert_eq!(direct["servers"][0]["url"], "/demo@v1");

    let page = ureq::get(&format!("{}/demo/docs", gateway.url)).call().unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (path, content_type) in [("/demo/docs/docs.js", "text/javascript"), ("/demo/docs/docs.css", "text/css")] {
        let asset = gateway.get(path);
        assert!(asset.status == 200 && asset.content_type.unwrap().starts_with(content_type), "{path}");
    }

    // What the notebook has there is the notebook's.
    let file = notebook::write(folder.path(), "demo", &["# GET /docs\nprint('mine')", "# GET /:any\nprint('any')"]);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    assert_eq!(gateway.get("/demo/docs").body, "mine\n");
    assert_eq!(gateway.get("/demo/openapi.json").body, "any\n");
}

#[test]
fn the_page_of_a_service_sends_the_example_in_a_browser() {
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let cells = [
        "import json",
        "REQUEST = json.dumps({'body': {'area': 8450}, 'args': {'unit': ['m']}, 'path': {'id': '<b>7'},\n\
         'headers': {}})",
        "# POST /price/:id\nrequest = json.loads(REQUEST)\n\
         print(request['path'], request['args'], request['body']['area'] * 2)",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    browser.open(&format!("{}/demo/docs", gateway.url));
    browser.see("/price/{id}");
    browser.click("Send");
    browser.see("{'id': '<b>7'} {'unit': ['m']} 16900");
    browser.see("by v1");
    assert_eq!(browser.accessibility(), Vec::<String>::new());
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        assert_eq!(browser.accessibility(), Vec::<String>::new(), "{scheme}");
    }
    browser.resize(360, 640);
    let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
    assert!(wide.as_i64().unwrap() <= 0, "the page is {wide} pixels wider than a phone");
    assert_eq!(browser.console(), Vec::<String>::new(), "nothing was blocked, and nothing failed");
}

#[test]
fn the_admin_api_answers_as_its_openapi_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let file = notebook::write(folder.path(), "demo", &["# GET /fine\nprint('fine')"]);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    let document = gateway.admin_get("/openapi.json");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for (path, item) in document["paths"].as_object().unwrap() {
        let target = path.replace("{service}", "demo").replace("{version}", "v1").replace("{sha256}", &"0".repeat(64));
        let url = format!("{}{}", gateway.admin, target.replace(['{', '}'], ""));
        let mut allowed = Vec::new();
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            allowed.push(method.to_uppercase());
            if method != "get" {
                continue;
            }
            let answer = agent.get(&url).call().unwrap();
            let described = &operation["responses"][answer.status().as_str()];
            assert!(described.is_object(), "GET {path} answers {}, which is not described", answer.status());
            let content_type = answer.headers()["content-type"].to_str().unwrap();
            let media = content_type.split(';').next().unwrap();
            assert!(described["content"].get(media).is_some(), "GET {path} answers {media}: {described}");
        }
        let refused = agent.patch(&url).send_empty().unwrap();
        let allow = refused.headers()["allow"].to_str().unwrap().split(", ");
        let mut allow: Vec<_> = allow.map(str::to_owned).collect();
        allow.sort();
        allowed.sort();
        assert_eq!((refused.status().as_u16(), allow), (405, allowed), "{path}");
    }
}

/// A collector of traces that takes everything.
struct Collector {
    url: String,
    spans: Receiver<Span>,
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, spans) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some(body) = post(&mut stream) {
                        let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
                        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
                        for span in scopes.flat_map(|scope| scope.spans) {
                            let _ = sender.send(span);
                        }
                        let answer =
                            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                        stream.get_mut().write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        Collector { url, spans }
    }
}

/// The body of the next POST to `/v1/traces`.
fn post(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Some(body)
}

#[test]
fn traces_follow_a_request_through_queue_and_handler() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let mut command = support::titan();
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
    command.arg(folder.path().join("data"));
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let gateway = Gateway::spawn(&mut command);
    let cells = [
        "import json",
        "REQUEST = json.dumps({'body': '', 'args': {}, 'path': {}, 'headers': {}})",
        "# GET /seen/:id\nprint(json.loads(REQUEST)['headers'].get('Traceparent'))",
        "# GET /fails\n1 / 0",
    ];
    let file = notebook::write(folder.path(), "demo", &cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let mut seen = ureq::get(&format!("{}/demo/seen/7", gateway.url))
        .header("traceparent", format!("00-{trace}-{parent}-01"))
        .call()
        .unwrap();
    let seen = seen.body_mut().read_to_string().unwrap();
    let failed = gateway.get("/demo/fails");
    assert_eq!(failed.status, 500);
    let mut spans = BTreeMap::new();
    wait("every span", || {
        let span = collector.spans.recv_timeout(Duration::from_millis(100)).ok();
        spans.extend(span.map(|span| ((hex(&span.trace_id), span.name.clone()), span)));
        (spans.len() >= 6).then_some(())
    });
    let of_client = |name: &str| &spans[&(trace.to_owned(), name.to_owned())];
    let request = of_client("GET /demo/seen/:id");
    assert_eq!(hex(&request.parent_span_id), parent, "the request's parent is the client's span");
    assert_eq!(seen.trim(), format!("00-{trace}-{}-01", hex(&request.span_id)), "the handler's parent is the request");
    for step in ["queue", "handler"] {
        let step = of_client(step);
        assert_eq!(step.parent_span_id, request.span_id);
        assert!(step.start_time_unix_nano >= request.start_time_unix_nano);
        assert!(step.end_time_unix_nano <= request.end_time_unix_nano);
    }
    let attribute = |span: &Span, key: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key == key);
        format!("{:?}", found.unwrap_or_else(|| panic!("{key} is missing in {span:?}")).value)
    };
    assert!(attribute(request, "http.response.status_code").contains("200"));
    assert!(attribute(request, "http.route").contains("/demo/seen/:id"));
    assert!(attribute(request, "url.path").contains("/demo/seen/7"));
    let (_, failing) = spans.iter().find(|((_, name), _)| name == "GET /demo/fails").unwrap();
    assert_eq!(failing.status.as_ref().unwrap().code, 2, "{failing:?}");
    assert!(attribute(failing, "titan.error_id").contains(failed.json()["error_id"].as_str().unwrap()));
}

#[test]
fn models_are_measured_and_traced() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let mut command = support::titan();
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
    command.arg(folder.path().join("data"));
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let gateway = Gateway::spawn(&mut command);
    let notebook = HousePrice::compiled("v1");
    gateway.run(&["deploy", notebook.bundle.to_str().unwrap()]);
    assert_eq!(gateway.post("/house-price/prediction", &notebook.body).status, 200);
    let metrics = gateway.admin_text("/metrics");
    let of = ["service=\"house-price\"", "model="];
    assert_eq!(sample(&metrics, "titan_inference_duration_seconds_count", &of), Some(1.0), "{metrics}");
    assert!(sample(&metrics, "titan_inference_duration_seconds_sum", &of).unwrap() > 0.0);
    let mut spans = Vec::new();
    let spans = wait("the inference and the handler", || {
        spans.extend(collector.spans.recv_timeout(Duration::from_millis(100)).ok());
        let find = |name: &str| spans.iter().find(|span: &&Span| span.name == name).cloned();
        Some((find("inference")?, find("handler")?))
    });
    let (inference, handler) = spans;
    assert_eq!((inference.trace_id, inference.parent_span_id), (handler.trace_id, handler.span_id));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
