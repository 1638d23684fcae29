//! The client of the comparison: sends one request over and over on keep-alive connections, and prints how long the answers took
//! as one line of JSON.
//!
//! Without `--rate` the loop is closed: every connection sends its next request when it has its answer. This finds saturation.
//! With `--rate` it is open: request `n` is due at `start + n / rate`, is sent on the first connection that is idle from then on,
//! and its latency counts from when it was due, not from when it could be sent. A server that stalls is so charged for every request
//! that had to wait (no "coordinated omission"); what is still unanswered at the end counts with the time it has waited.
//!
//! Why not wrk or oha: on a machine of two cores the client has one, and must need less of it than the servers it measures need
//! of theirs. This one is a single thread on epoll that parses heads with httparse and records in an HDR histogram; the request is
//! a constant string of bytes. wrk is as cheap but omits; oha does not omit, but costs several times as much a request.
//! In an open loop it polls without sleeping, so that timers and wake-ups add nothing to what it measures.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use titan_load::latency;

/// Sends one request over and over and prints the distribution of latencies.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens
    address: SocketAddr,
    /// The path that is asked with POST
    path: String,
    /// A file with the JSON body
    body: PathBuf,
    /// Keep-alive connections
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Requests a second on all connections together; without it as many as the server answers
    #[arg(long)]
    rate: Option<f64>,
    /// How long is measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How long is sent before, without measuring
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
}

/// A keep-alive connection.
struct Connection {
    stream: TcpStream,
    /// How much of the request has been sent.
    sent: usize,
    /// What has come of the answer.
    received: Vec<u8>,
    /// When the request in flight was due. None while idle.
    due: Option<Instant>,
}

/// A whole answer.
struct Answer {
    status: u16,
    /// Bytes of head and body.
    length: usize,
}

/// What was measured.
struct Recorder {
    /// Measuring begins.
    start: Instant,
    /// Nanoseconds.
    latencies: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    /// Requests that were due in time and had no answer by the end.
    unanswered: u64,
}

impl Connection {
    fn send(&mut self, request: &[u8], due: Instant) -> io::Result<()> {
        (self.sent, self.due) = (0, Some(due));
        self.flush(request)
    }

    /// Sends what the socket takes.
    fn flush(&mut self, request: &[u8]) -> io::Result<()> {
        while self.due.is_some() && self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come; the status once the answer is whole.
    fn receive(&mut self) -> anyhow::Result<Option<u16>> {
        let mut block = [0; 16 << 10];
        loop {
            match self.stream.read(&mut block) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => self.received.extend_from_slice(&block[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            if let Some(answer) = parse(&self.received)? {
                ensure!(answer.length == self.received.len(), "the server sent more than one answer to a request");
                self.received.clear();
                return Ok(Some(answer.status));
            }
        }
    }
}

/// The answer, if `bytes` hold it whole.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if header("connection").is_some_and(|value| value.value.eq_ignore_ascii_case(b"close")) {
        bail!("the server closes connections after an answer: it is not measured over keep-alive");
    }
    let length = header("content-length").context("the server's answer has no Content-Length")?;
    let length: usize = std::str::from_utf8(length.value)?.parse().context("Content-Length")?;
    let status = head.code.context("an answer without status")?;
    Ok((bytes.len() >= start + length).then_some(Answer { status, length: start + length }))
}

impl Recorder {
    fn new(start: Instant) -> anyhow::Result<Recorder> {
        let latencies = latency::histogram()?;
        Ok(Recorder { start, latencies, statuses: BTreeMap::new(), unanswered: 0 })
    }

    /// An answer that came `now`, where `counted_from` is what must lie in the time of measuring.
    fn record(&mut self, status: u16, due: Instant, now: Instant, counted_from: Instant) {
        if counted_from >= self.start {
            latency::record(&mut self.latencies, now - due);
            *self.statuses.entry(status).or_default() += 1;
        }
    }

    fn miss(&mut self, due: Instant, end: Instant) {
        if due >= self.start && due < end {
            latency::record(&mut self.latencies, end - due);
            self.unanswered += 1;
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let body = fs::read(&arguments.body).with_context(|| arguments.body.display().to_string())?;
    ensure!(arguments.connections > 0, "--connections is 0: give 1 or more");
    ensure!(arguments.rate.is_none_or(|rate| rate > 0.0), "--rate is not above 0");
    let (path, address) = (&arguments.path, arguments.address);
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let request = [head.into_bytes(), body].concat();
    let recorder = run(&arguments, &request)?;
    let answers: u64 = recorder.statuses.values().sum();
    let report = serde_json::json!({
        "connections": arguments.connections,
        "rate": arguments.rate,
        "seconds": arguments.seconds,
        "answers": answers,
        "unanswered": recorder.unanswered,
        "statuses": recorder.statuses,
        "throughput": answers as f64 / arguments.seconds,
        "latency_us": latency::summary(&recorder.latencies),
    });
    println!("{report}");
    Ok(())
}

fn run(arguments: &Arguments, request: &[u8]) -> anyhow::Result<Recorder> {
    let mut poll = Poll::new()?;
    let mut connections = Vec::new();
    for number in 0..arguments.connections {
        // Connected before it is made non-blocking, so that a refusal shows here.
        let stream = std::net::TcpStream::connect(arguments.address)
            .with_context(|| format!("nothing listens at {}", arguments.address))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        connections.push(Connection { stream, sent: 0, received: Vec::new(), due: None });
    }
    let begin = Instant::now();
    let start = begin + Duration::from_secs_f64(arguments.warmup);
    let end = start + Duration::from_secs_f64(arguments.seconds);
    let mut recorder = Recorder::new(start)?;
    let mut idle: VecDeque<usize> = (0..connections.len()).collect();
    let mut schedule = arguments
        .rate
        .map(|rate| (0u64..).map(move |number| begin + Duration::from_secs_f64(number as f64 / rate)).peekable());
    let mut events = Events::with_capacity(1024);
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        match &mut schedule {
            Some(times) => {
                while let Some(&number) = idle.front() {
                    let Some(due) = times.next_if(|&due| due <= now) else { break };
                    idle.pop_front();
                    connections[number].send(request, due)?;
                }
            }
            None => {
                for number in idle.drain(..) {
                    connections[number].send(request, Instant::now())?;
                }
            }
        }
        let patience = if schedule.is_some() { Duration::ZERO } else { end - now };
        match poll.poll(&mut events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            let Token(number) = event.token();
            let connection = &mut connections[number];
            connection.flush(request)?;
            let Some(status) = connection.receive()? else { continue };
            let due = connection.due.take().context("the server answered what was not asked")?;
            let now = Instant::now();
            if schedule.is_some() {
                recorder.record(status, due, now, due);
                idle.push_back(number);
            } else {
                // By when it came: a slow server is still busy with what was sent while warming up.
                recorder.record(status, due, now, now);
                // At once, so that the server never waits for the client to have read everybody's answers.
                connection.send(request, now)?;
            }
        }
    }
    for due in connections.iter().filter_map(|connection| connection.due) {
        if arguments.rate.is_some() {
            recorder.miss(due, end);
        }
    }
    for due in schedule.into_iter().flatten().take_while(|&due| due < end) {
        recorder.miss(due, end);
    }
    Ok(recorder)
}
