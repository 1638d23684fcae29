//! Kills a gateway at hundreds of points of deploys, rollbacks, trials, deletions and prunes, and its restarts too. After every restart what
//! was acknowledged is there, what was not is there whole or not at all, nothing else lies about, and every service answers.
//!
//! `tests/crash.sh COUNT` chooses how many kills; a seed in TITAN_CRASH_SEED repeats a run's choices. Points are system calls,
//! which strace counts: the process dies right before the n-th `fsync`, `rename`, ... of one of its threads. Where strace may
//! not trace, all kills come at random times.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
#[path = "support/expected.rs"]
mod expected;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use expected::{Change, Expected, Found, Settled};
use titan_sdk::client::{Client, ClientError};
use titan_sdk::digest::sha256_hex;

/// Changes of different services come at once.
const SERVICES: [&str; 2] = ["a", "b"];
/// System calls that a kill comes right before, and how many of them one thread makes in a round or so.
const POINTS: [(&str, u64); 9] = [
    ("fsync,fdatasync", 30),
    ("pwrite64", 60),
    ("write", 30),
    ("rename,renameat,renameat2,link,linkat", 8),
    ("unlink,unlinkat", 8),
    ("ftruncate,fallocate", 4),
    ("openat", 60),
    ("mkdir,mkdirat", 3),
    // The answer: what was done is durable, and nobody is told.
    ("sendto,writev", 30),
];
/// A round that no kill has ended by then is ended.
const ROUND: Duration = Duration::from_secs(4);

/// What happened.
#[derive(Default)]
struct Tally {
    kills: usize,
    at_calls: usize,
    before_serving: usize,
    restarts: usize,
    acknowledged: usize,
    /// Changes whose answer was lost.
    made: usize,
    absent: usize,
    lost: usize,
    torn: usize,
}

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A gateway that may die at any moment.
struct Victim {
    process: Child,
    url: String,
    client: Client,
}

impl Victim {
    /// Starts it; none if it died before it served.
    fn start(data: &Path, point: Option<(&str, u64)>) -> Option<Victim> {
        let mut command = match point {
            Some((calls, number)) => {
                let mut command = Command::new("strace");
                // The tracer is the grandchild, so that the child is the gateway.
                command.args(["-D", "-f", "-qq", "-o", "/dev/null"]);
                command.args(["-e", &format!("trace={calls}")]);
                command.args(["-e", &format!("inject={calls}:signal=KILL:when={number}")]);
                command.arg(support::binary());
                command
            }
            None => support::titan(),
        };
        command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(data);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let addresses: Vec<_> = lines.map_while(Result::ok).take(2).collect();
        let [services, admin] = addresses.as_slice() else {
            process.wait().unwrap();
            return None;
        };
        let url = |line: &str| line[line.find("http://").unwrap()..].to_owned();
        Some(Victim { url: url(services), client: Client::new(&url(admin)).impatient(), process })
    }

    fn kill(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// Whether strace may trace here.
fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).status();
    traced.is_ok_and(|status| status.success())
}

/// What lies in the data folder and should not, or the other way round.
fn leftovers(data: &Path, client: &Client) -> Result<usize, ClientError> {
    let known: BTreeSet<String> = client.snapshot()?.blobs.into_keys().collect();
    let mut sound = BTreeSet::new();
    let mut wrong = 0;
    for entry in fs::read_dir(data.join("blobs")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_sound = sha256_hex(&fs::read(entry.path()).unwrap()) == name && known.contains(&name);
        wrong += usize::from(!is_sound);
        sound.extend(is_sound.then_some(name));
    }
    Ok(wrong + known.difference(&sound).count())
}

/// Compares what a restarted gateway has with what was acknowledged, and settles what was not.
fn check(data: &Path, victim: &Victim, expected: &mut [Expected], tally: &mut Tally) -> Result<(), ClientError> {
    tally.torn += leftovers(data, &victim.client)?;
    for expected in expected {
        let found = Found::ask(&victim.client, expected.service)?;
        match expected.settle(&found) {
            Settled::NothingOpen => {}
            Settled::Made => tally.made += 1,
            Settled::Absent => tally.absent += 1,
            Settled::Lost => tally.lost += 1,
            Settled::Torn => tally.torn += 1,
        }
        let Some(active) = &found.active else { continue };
        let url = format!("{}/{}/created", victim.url, expected.service);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        // An error is the next kill.
        if let Ok(answer) = agent.get(&url).call() {
            let version = answer.headers().get("titan-version").and_then(|version| version.to_str().ok());
            assert_eq!((answer.status().as_u16(), version), (201, Some(active.as_str())), "{url} does not serve");
        }
    }
    Ok(())
}

/// Changes a service until the gateway is gone. The last change, if it had begun, is left open in `expected`.
fn work(client: &Client, expected: &mut Expected, mut random: Random) -> usize {
    let mut acknowledged = 0;
    loop {
        let change = Change::any(expected, &mut |limit| random.below(limit));
        expected.begin(change.clone());
        match change.ask(client, expected.service) {
            Ok(()) => expected.acknowledge(),
            Err(ClientError::Refused { status, message }) => panic!("{change:?}: {status} {message}"),
            Err(_) => return acknowledged,
        }
        acknowledged += 1;
    }
}

fn round(data: &Path, point: Option<(&str, u64)>, expected: &mut [Expected], random: &mut Random, tally: &mut Tally) {
    let started = Victim::start(data, point);
    tally.kills += 1;
    let at_call = usize::from(point.is_some());
    let Some(mut victim) = started else {
        tally.before_serving += 1;
        tally.at_calls += at_call;
        return;
    };
    tally.restarts += 1;
    if check(data, &victim, expected, tally).is_err() {
        tally.at_calls += at_call;
        return victim.kill();
    }
    let patience = if point.is_some() { ROUND } else { Duration::from_millis(random.below(400)) };
    let deadline = Instant::now() + patience;
    let counts = std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel();
        let workers: Vec<_> = expected
            .iter_mut()
            .map(|expected| {
                let (client, random, ended) =
                    (victim.client.clone(), Random(1 + random.below(u64::MAX)), ended.clone());
                scope.spawn(move || {
                    let acknowledged = work(&client, expected, random);
                    let _ = ended.send(());
                    acknowledged
                })
            })
            .collect();
        // Until one of them has lost the gateway, or it is time.
        if end.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {
            tally.at_calls += at_call;
        }
        victim.kill();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>()
    });
    tally.acknowledged += counts;
}

#[test]
fn a_kill_at_any_point_loses_and_tears_nothing() {
    let variable = |name: &str, default| std::env::var(name).map_or(default, |value| value.parse().unwrap());
    let kills = usize::try_from(variable("TITAN_CRASH_KILLS", 40)).unwrap();
    let seed = variable("TITAN_CRASH_SEED", 20_261_125);
    let tracing = can_trace();
    let start = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut random = Random(seed);
    let mut tally = Tally::default();
    let mut expected: Vec<_> = SERVICES.iter().map(|service| Expected::new(service)).collect();
    while tally.kills < kills && tally.lost + tally.torn == 0 {
        // Every fourth kill comes at a random time.
        let point = POINTS[usize::try_from(random.below(POINTS.len() as u64)).unwrap()];
        let point = (tracing && random.below(4) > 0).then(|| (point.0, 1 + random.below(point.1)));
        round(&data, point, &mut expected, &mut random, &mut tally);
    }
    let mut last = Victim::start(&data, None).expect("it starts");
    check(&data, &last, &mut expected, &mut tally).unwrap();
    last.kill();

    let Tally { kills, at_calls, before_serving, restarts, acknowledged, made, absent, lost, torn } = tally;
    println!(
        "kills                    {kills} ({at_calls} at chosen system calls, {} at random times)",
        kills - at_calls
    );
    println!("  of starting gateways   {before_serving}");
    println!("restarts checked         {}", restarts + 1);
    println!("changes acknowledged     {acknowledged}");
    println!("changes without answer   {} ({made} there whole, {absent} absent)", made + absent);
    println!("lost acknowledgements    {lost}");
    println!("torn states              {torn}");
    println!("seed {seed}, {:.0} s", start.elapsed().as_secs_f64());
    assert_eq!((lost, torn), (0, 0));
    assert!(acknowledged > kills, "the gateway never got to work");
}
