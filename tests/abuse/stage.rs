//! What an attack happens on: a gateway with the neighbour and the services that attack from inside; and what attackers share.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Answer, Gateway, notebook, titan};

/// A gateway under attack.
pub struct Stage {
    pub gateway: Gateway,
    /// Of one measurement.
    pub duration: Duration,
    /// Whether latencies are judged.
    pub measures: bool,
    _folder: TempDir,
}

/// So that what takes minutes or ten thousand connections otherwise shows in a test.
const LIMITS: &str = "max_connections = 4000\nwrite_timeout = '1s'";

/// Bytes that [`Stage::set`] gives each attacking version.
pub const MEMORY: u64 = 256_000_000;

impl Stage {
    /// Starts a gateway and deploys everything that attacks need.
    pub fn set() -> Stage {
        raise_file_limit();
        let folder = tempfile::tempdir().unwrap();
        let gateway = start(folder.path(), LIMITS);
        let deploy = |name: &str, cells: &[&str]| {
            let file = notebook::write(folder.path(), name, cells);
            gateway.run(&["deploy", file.to_str().unwrap()]);
        };
        deploy("neighbour", &["# GET /fine\nprint('fine')"]);
        for (name, cells) in crate::handlers::SERVICES {
            deploy(name, cells);
        }
        let seconds = std::env::var("TITAN_ABUSE_SECONDS").ok().and_then(|text| text.parse().ok());
        let duration = Duration::from_secs_f64(seconds.unwrap_or(1.0));
        Stage { gateway, duration, measures: seconds.is_some(), _folder: folder }
    }

    /// Where services are served.
    pub fn services(&self) -> SocketAddr {
        self.gateway.url.trim_start_matches("http://").parse().unwrap()
    }

    /// Sends requests from `threads` threads until told to stop, and counts the statuses.
    pub fn hammer<S: Into<Statuses>>(
        &self,
        threads: usize,
        stop: &AtomicBool,
        request: impl Fn() -> S + Sync,
    ) -> Statuses {
        let all = std::thread::scope(|scope| {
            let attack = || {
                let mut statuses = Statuses::default();
                while !stop.load(Ordering::Relaxed) {
                    statuses = statuses.and(request().into());
                }
                statuses
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(attack)).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        all.into_iter().fold(Statuses::default(), Statuses::and)
    }

    /// Bytes of resident memory of the gateway that are its own: not those of mapped files.
    pub fn resident(&self) -> u64 {
        self.gateway.memory("RssAnon:")
    }

    /// By how much resident memory grew at most while `during` ran.
    pub fn growth<T>(&self, during: impl FnOnce() -> T) -> (T, u64) {
        let done = AtomicBool::new(false);
        let before = self.resident();
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut peak = before;
                while !done.load(Ordering::Relaxed) {
                    peak = peak.max(self.resident());
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                peak
            });
            let ended = Ended(&done);
            let value = during();
            drop(ended);
            (value, watch.join().unwrap() - before)
        })
    }

    /// The attackers' own services answer well-meant requests again.
    pub fn still_sound(&self) {
        for (name, _) in crate::handlers::SERVICES {
            let answer = self.gateway.get(&format!("/{name}/fine"));
            assert_eq!((answer.status, answer.body.as_str()), (200, "fine\n"), "{name}");
        }
    }
}

/// Starts a gateway with these options under `[limits]`, which keeps its data in `folder`.
pub fn start(folder: &Path, limits: &str) -> Gateway {
    let config = folder.join("titan.toml");
    fs::write(&config, format!("[limits]\n{limits}\n")).unwrap();
    let mut command = titan();
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"]).arg(config);
    Gateway::spawn(command.arg("--data").arg(folder.join("data")))
}

/// CPU time of a gateway.
pub fn cpu_time(gateway: &Gateway) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", gateway.pid())).unwrap();
    // The fields after the command's name, which may hold spaces: user and system time are the 12th and 13th of them.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

/// Raises a flag when dropped, so that a thread which waits for it ends even if an assertion fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How often each status was answered.
#[derive(Clone, Debug, Default)]
pub struct Statuses(BTreeMap<u16, usize>);

impl From<Answer> for Statuses {
    fn from(answer: Answer) -> Statuses {
        vec![answer.status].into()
    }
}

impl From<Vec<u16>> for Statuses {
    fn from(answered: Vec<u16>) -> Statuses {
        let mut statuses = Statuses::default();
        answered.into_iter().for_each(|status| statuses.count(status));
        statuses
    }
}

impl Statuses {
    pub fn count(&mut self, status: u16) {
        *self.0.entry(status).or_default() += 1;
    }

    pub fn and(mut self, other: Statuses) -> Statuses {
        for (status, count) in other.0 {
            *self.0.entry(status).or_default() += count;
        }
        self
    }

    pub fn of(&self, status: u16) -> usize {
        self.0.get(&status).copied().unwrap_or(0)
    }

    /// The counts as text; there must be some, and of these statuses alone.
    pub fn only(&self, allowed: &[u16]) -> String {
        assert!(!self.0.is_empty() && self.0.keys().all(|status| allowed.contains(status)), "{self:?}");
        let counts: Vec<_> = self.0.iter().map(|(status, count)| format!("{status} x {count}")).collect();
        counts.join(", ")
    }
}

impl Stage {
    /// Attackers run on this machine too, though they stand for other machines: they must not take the processors from the load
    /// that is measured. Threads that the caller starts inherit it.
    pub fn act_as_attacker(&self) {
        if self.measures {
            schedule(&["--idle", "--pid", "0"]);
        } else {
            // Beside other tests an idle thread might not run at all.
            let _ = rustix::process::setpriority_process(None, 10);
        }
    }

    /// The client whose time is taken does not wait for a processor, as it would not on a machine of its own.
    pub fn act_as_client(&self) {
        if self.measures {
            schedule(&["--fifo", "--pid", "1"]);
        }
    }
}

/// Gives the calling thread another scheduling policy. A machine that refuses it measures a little worse.
fn schedule(policy: &[&str]) {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let done = Command::new("chrt").args(policy).arg(thread).stderr(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("chrt {policy:?} is refused: measured without");
    }
}

/// Attacks open thousands of connections, from this one process.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}
