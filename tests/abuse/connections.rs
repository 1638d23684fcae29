//! Attacks from outside: clients that are slow, many, large or malformed. The services they ask for are well-meaning.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Attack;
use crate::stage::{Stage, Statuses};

/// See [`Attack`].
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "http: thousands of silent connections",
        run: |stage, stop| {
            // A thousand more than there is room for.
            let opened = hold(stage, stop, 5000, b"");
            format!("{opened} connections opened")
        },
    },
    Attack {
        name: "http: thousands of half heads",
        run: |stage, stop| {
            let opened = hold(stage, stop, 5000, b"GET /neighbour/fine HTTP/1.1\r\nhost: x\r\nx-");
            format!("{opened} connections opened")
        },
    },
    Attack {
        name: "http: thousands of half bodies",
        run: |stage, stop| {
            let held =
                hold(stage, stop, 3000, b"POST /hungry/fine HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\nhalf");
            format!("{held} connections held")
        },
    },
    Attack {
        name: "http: a byte at a time",
        run: |stage, stop| {
            let mut streams: Vec<TcpStream> = (0..200).map(|_| connect(stage)).collect();
            let request =
                b"GET /neighbour/fine HTTP/1.1\r\nhost: localhost\r\nx-filler: ".iter().chain(b"a".iter().cycle());
            let mut sent = 0;
            for byte in request {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                for stream in &mut streams {
                    // A gateway that has closed it has answered.
                    sent += usize::from(stream.write_all(&[*byte]).is_ok());
                }
            }
            format!("{sent} bytes on {} connections", streams.len())
        },
    },
    Attack {
        name: "http: answers that nobody reads",
        run: |stage, stop| {
            let closed = std::thread::scope(|scope| {
                let unread = || {
                    let mut closed = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let error = ask_without_reading(stage);
                        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
                        closed += 1;
                    }
                    closed
                };
                let running: Vec<_> = (0..4).map(|_| scope.spawn(unread)).collect();
                running.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
            });
            format!("{closed} connections closed by the gateway")
        },
    },
    Attack {
        name: "http: large heads",
        run: |stage, stop| {
            let head = format!("GET /neighbour/fine HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "a".repeat(1 << 20));
            repeat(stage, stop, head.as_bytes(), &[431])
        },
    },
    Attack {
        name: "http: bodies over the limit",
        run: |stage, stop| {
            let declared = b"POST /hungry/fine HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n";
            repeat(stage, stop, declared, &[405, 413])
        },
    },
    Attack {
        name: "http: request smuggling",
        run: |stage, stop| {
            let mut statuses = Statuses::default();
            while !stop.load(Ordering::Relaxed) {
                for (shape, allowed) in SMUGGLING {
                    let answers = exchange(stage, shape.as_bytes());
                    assert!(
                        answers.iter().all(|status| allowed.contains(status)),
                        "{shape:?} was answered {answers:?}"
                    );
                    answers.into_iter().for_each(|status| statuses.count(status));
                }
            }
            format!("{} shapes: {}", SMUGGLING.len(), statuses.only(&[200, 400, 405, 501, 505]))
        },
    },
    Attack {
        name: "http: paths that climb",
        run: |stage, stop| {
            let mut statuses = Statuses::default();
            while !stop.load(Ordering::Relaxed) {
                for path in CLIMBING {
                    let answers = exchange(
                        stage,
                        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
                    );
                    assert!(matches!(answers[..], [400 | 404]), "{path} was answered {answers:?}");
                    statuses.count(answers[0]);
                }
            }
            statuses.only(&[400, 404])
        },
    },
    Attack {
        name: "http: pipelining",
        run: |stage, stop| {
            let many = "GET /neighbour/fine HTTP/1.1\r\nhost: x\r\n\r\n".repeat(999);
            let last = "GET /neighbour/fine HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let mut statuses = Statuses::default();
            while !stop.load(Ordering::Relaxed) {
                let answers = exchange(stage, format!("{many}{last}").as_bytes());
                assert_eq!(answers.len(), 1000, "every one is answered");
                answers.into_iter().for_each(|status| statuses.count(status));
            }
            statuses.only(&[200])
        },
    },
    Attack {
        name: "http/2: rapid reset",
        run: |stage, stop| {
            let (mut connections, mut resets) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                connections += 1;
                resets += rapid_reset(stage, stop);
            }
            format!("{resets} streams reset on {connections} connections")
        },
    },
    Attack { name: "overload: a full queue", run: overload },
];

/// Shapes that a proxy and a server could read differently, and what each may be answered: nothing that looks like a second
/// request in a body may be served as one.
const SMUGGLING: &[(&str, &[u16])] = &[
    (
        "POST /odd/fine HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n0\r\n\r\nGET /neighbour/fine HTTP/1.1\r\nhost: x\r\n\r\n",
        &[400],
    ),
    ("POST /odd/fine HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\n12345", &[400]),
    ("POST /odd/fine HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", &[400, 501]),
    ("POST /odd/fine HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", &[400, 501]),
    (
        "POST /odd/fine HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
        &[400, 405],
    ),
    ("GET /odd/fine HTTP/1.1\r\nhost : x\r\n\r\n", &[400]),
    ("GET /odd/fine HTTP/1.1\r\nhost: x\r\nx: a\r\n folded\r\nconnection: close\r\n\r\n", &[400]),
    ("GET /odd/fine HTTP/9.9\r\nhost: x\r\n\r\n", &[400, 505]),
    ("GET /odd/fine HTTP/1.1\r\nhost: x\r\nx-nul: a\0b\r\n\r\n", &[400]),
];

const CLIMBING: &[&str] = &[
    "/../etc/passwd",
    "/neighbour/../odd/fine",
    "/neighbour/..%2f..%2fodd/fine",
    "/neighbour%2ffine",
    "/%2e%2e/odd/fine",
    "//odd/fine",
    "/neighbour\\fine",
    "/neighbour/%00",
    "/neighbour%00/fine",
];

fn connect(stage: &Stage) -> TcpStream {
    let stream = TcpStream::connect(stage.services()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends requests for a page without pause and reads no answer, until that fails.
fn ask_without_reading(stage: &Stage) -> std::io::Error {
    let mut stream = connect(stage);
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let requests = "GET /neighbour/docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            return error;
        }
    }
}

/// Opens connections, sends each the same bytes, and holds those that the gateway does not close.
fn hold(stage: &Stage, stop: &AtomicBool, count: usize, bytes: &[u8]) -> usize {
    let mut streams = Vec::with_capacity(count);
    while !stop.load(Ordering::Relaxed) {
        if streams.len() < count {
            let mut stream = connect(stage);
            // One that had to make room already is closed.
            let _ = stream.write_all(bytes);
            streams.push(stream);
        } else {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
    streams.len()
}

/// Sends the same request on a new connection each time.
fn repeat(stage: &Stage, stop: &AtomicBool, request: &[u8], allowed: &[u16]) -> String {
    let mut statuses = Statuses::default();
    while !stop.load(Ordering::Relaxed) {
        exchange(stage, request).into_iter().for_each(|status| statuses.count(status));
    }
    statuses.only(allowed)
}

/// Sends bytes, and reads the statuses of all answers until the gateway closes the connection.
pub fn exchange(stage: &Stage, bytes: &[u8]) -> Vec<u16> {
    let mut stream = connect(stage);
    let mut reader = stream.try_clone().unwrap();
    // Read at the same time: a gateway that answers as it reads would otherwise be blocked by its own answers.
    let read = std::thread::spawn(move || {
        let mut answer = Vec::new();
        // A connection that is reset has still said something.
        let _ = reader.read_to_end(&mut answer);
        answer
    });
    // The gateway may refuse and close before it has everything.
    let _ = stream.write_all(bytes);
    let answer = read.join().unwrap();
    let text = String::from_utf8_lossy(&answer);
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

/// One HTTP/2 connection that opens streams and resets each at once, until it is closed or told to stop.
fn rapid_reset(stage: &Stage, stop: &AtomicBool) -> usize {
    // HPACK: method GET and scheme http from the static table, path and authority as literals that are not indexed.
    let mut fields = vec![0x82, 0x86, 0x04, 15];
    fields.extend_from_slice(b"/neighbour/fine");
    fields.extend_from_slice(&[0x01, 1, b'x']);
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        frame
    };
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const END_STREAM_AND_HEADERS: u8 = 5;
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let mut socket = connect(stage);
    let mut sent = 0;
    let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    preface.extend(frame(SETTINGS, 0, 0, &[]));
    if socket.write_all(&preface).is_err() {
        return 0;
    }
    // The identifiers of streams that clients open are odd.
    for stream in (1..).step_by(2) {
        let mut both = frame(HEADERS, END_STREAM_AND_HEADERS, stream, &fields);
        both.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        if stop.load(Ordering::Relaxed) || socket.write_all(&both).is_err() {
            break;
        }
        sent += 1;
    }
    sent
}

/// More clients than may wait for a service, each asking again as soon as it is answered. What that costs, `shedding` measures.
fn overload(stage: &Stage, stop: &AtomicBool) -> String {
    const CLIENTS: usize = 1200;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = stage.services();
    let mut all = Statuses::default();
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        (0..CLIENTS).for_each(|_| drop(clients.spawn(patient_client(address))));
        while !stop.load(Ordering::Relaxed) {
            let next = tokio::time::timeout(Duration::from_millis(50), clients.join_next()).await;
            if let Ok(Some(statuses)) = next {
                all = std::mem::take(&mut all).and(statuses.unwrap());
                clients.spawn(patient_client(address));
            }
        }
    });
    assert!(all.of(503) > 0, "nobody was turned away: {all:?}");
    all.only(&[200, 503])
}

/// Asks for a slow answer again and again, until it is turned away.
async fn patient_client(address: SocketAddr) -> Statuses {
    let mut statuses = Statuses::default();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut buffer = [0; 4096];
    while statuses.of(503) == 0 {
        stream.write_all(b"GET /half/spin HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        let head = String::from_utf8_lossy(&buffer[..length]).to_lowercase();
        let status = head[9..12].parse().unwrap();
        statuses.count(status);
        assert!(status != 503 || head.contains("\r\nretry-after: "), "{head}");
    }
    statuses
}
