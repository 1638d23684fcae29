//! What it costs to turn a request away, against what it costs to answer it: CPU time of the gateway, of requests with a body over
//! a connection that stays open, of a service like the house-price example in its first state.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::stage::{cpu_time, start};
use crate::support::{Gateway, notebook};

const CELLS: [&str; 5] = [
    "'''yaml\ntitan: v1\nimage: scikit-learn\ncpu: 1\ntimeout: 10m\n'''",
    "import json, time\nimport numpy as np\nfrom sklearn.neural_network import MLPRegressor\nrandom = np.random.RandomState(0)\nX, y = random.rand(64, 10), random.rand(64)\nnetwork = MLPRegressor(hidden_layer_sizes=(32, 32), max_iter=1).fit(X, y)\ncolumns = [f'c{n}' for n in range(10)]\nlow, high = np.zeros(10), np.full(10, 10.0)",
    "REQUEST = json.dumps({'body': {f'c{n}': n for n in range(10)}, 'args': {}, 'path': {}, 'headers': {}})",
    "# POST /price\nhouse = json.loads(REQUEST)['body']\nrow = np.array([[house[column] for column in columns]], dtype=float)\nprint(json.dumps({'price': float(network.predict((row - low) / (high - low))[0])}))",
    "# GET /wait\ntime.sleep(500)\nprint('awake')",
];

/// The largest part of a served request's CPU time that a turned away one may take.
const LARGEST: f64 = if cfg!(debug_assertions) { 0.2 } else { 0.12 };
/// The same beyond what the kernel takes to move the bytes of either.
const LARGEST_OWN: f64 = if cfg!(debug_assertions) { 0.15 } else { 0.05 };

#[test]
fn turning_away_costs_little() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "max_waiting = 1");
    let file = notebook::write(folder.path(), "priced", &CELLS);
    // The kernel would wait as long.
    gateway.run(&["deploy", "--no-verify", file.to_str().unwrap()]);
    let served = cost(&gateway, 200, 4_000);
    // One is answered, which takes no CPU time, and one waits.
    let mut patient = [(); 2].map(|()| connect(gateway.url.trim_start_matches("http://")));
    for stream in &mut patient {
        stream.write_all(b"GET /priced/wait HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    }
    while !is_full(&gateway) {
        std::thread::yield_now();
    }
    let shed = cost(&gateway, 503, 40_000);
    let moved = moving(40_000);
    let (part, own) = (shed.div_duration_f64(served), shed.saturating_sub(moved).div_duration_f64(served));
    println!(
        "CPU time of a request that is served {served:?}, turned away {shed:?} ({:.1}%), of which the kernel moves bytes {moved:?}: the rest is {:.1}%",
        part * 100.0,
        own * 100.0
    );
    assert!(part < LARGEST, "turning away takes {part:.3} of serving");
    assert!(own < LARGEST_OWN, "turning away takes {own:.3} of serving, bytes apart");
}

/// CPU time of one request that is answered so.
fn cost(gateway: &Gateway, status: u16, requests: u32) -> Duration {
    let mut stream = connect(gateway.url.trim_start_matches("http://"));
    let request = request();
    let expected = format!("HTTP/1.1 {status} ");
    let mut ask = || {
        let answer = exchange(&mut stream, &request);
        assert!(answer.starts_with(&expected), "{answer}");
        assert!(status != 503 || answer.contains("retry-after: "), "{answer}");
    };
    // What only the first requests cost.
    (0..20).for_each(|_| ask());
    let before = cpu_time(gateway);
    (0..requests).for_each(|_| ask());
    (cpu_time(gateway) - before) / requests
}

/// CPU time of a thread that receives such a request and sends an answer as long as one that turns away, and does nothing else.
fn moving(requests: u32) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mover = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut buffer, answer) = ([0; 4096], [b' '; 300]);
        let before = clock_gettime(ClockId::ThreadCPUTime);
        while stream.read(&mut buffer).unwrap() > 0 {
            stream.write_all(&answer).unwrap();
        }
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - before).unwrap()
    });
    let mut stream = connect(&address.to_string());
    let request = request();
    (0..requests).for_each(|_| drop(exchange(&mut stream, &request)));
    drop(stream);
    mover.join().unwrap() / requests
}

fn request() -> Vec<u8> {
    let body =
        json!({"c0": 0, "c1": 1, "c2": 2, "c3": 3, "c4": 4, "c5": 5, "c6": 6, "c7": 7, "c8": 8, "c9": 9}).to_string();
    let head = "POST /priced/price HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether as many requests wait as may.
fn is_full(gateway: &Gateway) -> bool {
    let metrics = ureq::get(&format!("{}/metrics", gateway.admin)).call().unwrap().body_mut().read_to_string().unwrap();
    metrics.lines().any(|line| line.starts_with("titan_queue") && line.ends_with(" 1"))
}
