//! A soak: a gateway under steady load over keep-alive connections, while versions are deployed, rolled back, tried as canaries,
//! promoted, aborted and pruned. No request fails, and the gateway's memory does not grow.
//!
//! It takes a minute among the other tests. `tests/soak.sh` makes it ten, or as many seconds as `TITAN_SOAK_SECONDS` says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use support::Gateway;
use support::load::connect;
use support::notebook::HousePrice;
use titan_sdk::bundle::{Bundle, part};
use titan_sdk::client::Client;
use titan_sdk::trial::{Canary, Kind};

const SERVICE: &str = "house-price";
const CONNECTIONS: usize = 8;
/// Between two requests of a connection.
const PACE: Duration = Duration::from_millis(10);
/// Between two changes.
const CHANGE: Duration = Duration::from_millis(250);
/// Versions that prune keeps.
const KEEP: usize = 2;
/// Into so many parts the time that is judged is split.
const PARTS: usize = 10;
/// By which part of itself memory may grow over the time that is judged.
const GROWTH: f64 = 0.1;

/// What came of the requests.
#[derive(Default)]
struct Requests {
    sent: usize,
    /// Those that were not answered, or not as a version answers.
    failed: usize,
    first_failure: Option<String>,
}

/// What was changed.
#[derive(Debug, Default)]
struct Changes {
    deploys: usize,
    rollbacks: usize,
    promoted: usize,
    aborted: usize,
    pruned: usize,
}

#[test]
fn a_gateway_serves_and_changes_for_long_and_stays_as_it_was() {
    let seconds = std::env::var("TITAN_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(60));
    // Caches and pools fill in the first third.
    let warm = duration / 3;
    let notebooks = ["v1", "v2"].map(HousePrice::compiled);
    let bundles = [0, 1].map(|index| Bundle::read(fs::File::open(&notebooks[index].bundle).unwrap(), 1 << 30).unwrap());
    let body = notebooks[0].body.to_string();
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path());
    let mut house = House { client: Client::new(&gateway.admin), bundles, made: 0, changes: Changes::default() };
    // Either of two answers is one.
    let answers = [0, 1].map(|index| {
        house.deploy(index);
        gateway.request("POST", "/house-price/prediction", &body).body
    });
    assert_ne!(answers[0], answers[1], "the versions can be told apart");

    let (answers, stop) = (Arc::new(answers), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let (requests, memory) = std::thread::scope(|scope| {
        let requests = scope.spawn(|| load(&gateway.url, &body, &answers, &stop));
        scope.spawn(|| house.soak(&stop));
        let mut memory = Vec::new();
        while begun.elapsed() < duration {
            std::thread::park_timeout(Duration::from_secs(1));
            memory.push((begun.elapsed().as_secs_f64(), gateway.memory("VmRSS:") as f64 / 1e6));
        }
        stop.store(true, Ordering::Relaxed);
        (requests.join().unwrap(), memory)
    });
    let judged: Vec<_> = memory.iter().copied().filter(|(at, _)| *at >= warm.as_secs_f64()).collect();
    // A deploy takes memory and gives it back. What is kept for good lies below, in the least of a while.
    let least = |some: &[(f64, f64)]| some.iter().copied().min_by(|one, other| one.1.total_cmp(&other.1));
    let judged: Vec<_> = judged.chunks(judged.len().div_ceil(PARTS)).filter_map(least).collect();
    let (slope, error) = slope(&judged);
    let (from, to) = (judged[0].1, judged[judged.len() - 1].1);
    let Requests { sent, failed, first_failure } = requests;
    let Changes { deploys, rollbacks, promoted, aborted, pruned } = house.changes;
    for (at, resident) in &judged {
        println!("after {at:>4.0} s {resident:>6.0} MB resident");
    }
    println!(
        "\n| seconds | requests | failed | deploys | rollbacks | promoted | aborted | pruned | resident | slope |"
    );
    println!(
        "| {} | {sent} | {failed} | {deploys} | {rollbacks} | {promoted} | {aborted} | {pruned} | {from:.0} to {to:.0} MB | {:.0} ± {:.0} MB/h |",
        duration.as_secs(),
        slope * 3600.0,
        error * 3600.0
    );
    assert_eq!((failed, first_failure), (0, None));
    assert!(sent > 0 && rollbacks > 0 && promoted > 0 && aborted > 0 && pruned > 0);
    // What counts is what is surely growth: more than three standard errors from none.
    let grown = (slope - 3.0 * error) * (duration - warm).as_secs_f64();
    assert!(grown < from * GROWTH, "memory grew by {grown:.0} MB or more over {} s", (duration - warm).as_secs());
}

/// The gateway's operator.
struct House {
    client: Client,
    bundles: [Bundle; 2],
    /// Versions made so far: no two are of the same bytes, so that whatever the gateway keeps of each is kept.
    made: usize,
    changes: Changes,
}

impl House {
    /// Changes the service in every way, over and over.
    fn soak(&mut self, stop: &AtomicBool) {
        let steps: [fn(&mut House); 8] = [
            |house| house.deploy(0),
            |house| house.deploy(1),
            |house| {
                house.client.rollback(SERVICE, None).unwrap();
                house.changes.rollbacks += 1;
            },
            |house| house.canary(0),
            |house| {
                house.client.promote(SERVICE).unwrap();
                house.changes.promoted += 1;
            },
            |house| house.canary(1),
            |house| {
                house.client.abort(SERVICE).unwrap();
                house.changes.aborted += 1;
            },
            |house| house.changes.pruned += house.client.prune(SERVICE, KEEP).unwrap().deleted.len(),
        ];
        for step in steps.iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
            step(self);
            std::thread::park_timeout(CHANGE);
        }
    }

    fn deploy(&mut self, index: usize) {
        let bundle = self.bundle(index);
        self.client.deploy(SERVICE, &bundle).unwrap();
        self.changes.deploys += 1;
    }

    /// Half of the requests are the canary's, and nothing but the operator ends the trial.
    fn canary(&mut self, index: usize) {
        let canary = Canary { max_error_increase: 0.99, max_latency_increase: 100.0, ..Canary::of(0.5) };
        let bundle = self.bundle(index);
        self.client.try_out(SERVICE, &bundle, &Kind::Canary(canary)).unwrap();
        self.changes.deploys += 1;
    }

    /// A bundle like one of the two, whose component and notebook nobody has seen before.
    fn bundle(&mut self, index: usize) -> Vec<u8> {
        self.made += 1;
        let mut bundle = self.bundles[index].clone();
        // A custom section, which means nothing: its id, its length, and a name of 8 bytes.
        bundle.component.extend([0, 9, 8]);
        bundle.component.extend(format!("{:08}", self.made).bytes());
        bundle.notebook.extend(std::iter::repeat_n(b' ', self.made));
        bundle.manifest.component = part(&bundle.manifest.component.file, &bundle.component);
        bundle.manifest.notebook = part(&bundle.manifest.notebook.file, &bundle.notebook);
        let mut packed = Vec::new();
        bundle.write(&mut packed).unwrap();
        packed
    }
}

/// Sends requests at a steady pace until told to stop.
fn load(url: &str, body: &str, answers: &Arc<[String; 2]>, stop: &Arc<AtomicBool>) -> Requests {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("{url}/{SERVICE}/prediction");
    runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(client(url.parse().unwrap(), body.into(), Arc::clone(answers), Arc::clone(stop))))
            .collect();
        let mut all = Requests::default();
        for client in clients {
            let Requests { sent, failed, first_failure } = client.await.unwrap();
            all.sent += sent;
            all.failed += failed;
            all.first_failure = all.first_failure.or(first_failure);
        }
        all
    })
}

async fn client(url: hyper::Uri, body: String, answers: Arc<[String; 2]>, stop: Arc<AtomicBool>) -> Requests {
    let address = url.authority().unwrap().as_str().parse().unwrap();
    let mut requests = Requests::default();
    let mut pace = tokio::time::interval(PACE);
    let mut sender = connect(address).await;
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let request = Request::post(url.path())
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap();
        requests.sent += 1;
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, String::from_utf8_lossy(&body).into_owned()))
        };
        let failure = match answer.await {
            Ok((status, body)) if status == 200 && answers.contains(&body) => continue,
            Ok((status, body)) => format!("{status}: {body}"),
            Err(error) => format!("{error:?}"),
        };
        requests.failed += 1;
        requests.first_failure.get_or_insert(failure);
        sender = connect(address).await;
    }
    requests
}

/// Of the line that fits the points best by least squares, and its standard error.
fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let along = points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>();
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / along;
    let residual = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum::<f64>();
    (slope, (residual / (count - 2.0) / along).sqrt())
}

#[test]
fn the_slope_is_that_of_the_line_in_the_noise() {
    let (exact, error) = slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]);
    assert!((exact - 2.0).abs() < 1e-12 && error < 1e-12, "{exact} ± {error}");
    // Residuals 1, -2, 1: their squares' sum is 6, with one degree of freedom over a spread of 2.
    let (flat, error) = slope(&[(0.0, 1.0), (1.0, -2.0), (2.0, 1.0)]);
    assert!(flat.abs() < 1e-12 && (error - 3f64.sqrt()).abs() < 1e-12, "{flat} ± {error}");
}
