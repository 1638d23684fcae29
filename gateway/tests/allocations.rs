//! How often a request allocates. The counts do not depend on the profile of the build, so they are
//! checked with the other tests; a change that makes a request allocate more has to say why, here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Gateway, small};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests between two looks at the counters.
const REQUESTS: usize = 500;

/// Most of the bytes are hyper's buffer for the next request, 8 KiB.
///
/// A request over a connection that is kept, and how many blocks of memory it may take from when its first byte comes until its
/// answer is sent.
const BUDGETS: [(&str, &[u8], usize); 3] = [
    ("GET without a body", b"GET /demo/created HTTP/1.1\r\nhost: x\r\n\r\n", 20),
    (
        "POST of JSON",
        b"POST /demo/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"x\": [1, 2, 3]}",
        19,
    ),
    ("a path that no service has", b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", 10),
];

/// Asks `times` times. Allocates nothing itself.
fn ask(connection: &mut TcpStream, request: &[u8], times: usize) {
    let mut answer = [0; 4096];
    for _ in 0..times {
        connection.write_all(request).unwrap();
        let mut length = 0;
        loop {
            let read = connection.read(&mut answer[length..]).unwrap();
            assert_ne!(read, 0, "the gateway hung up");
            length += read;
            let Some(head) = find(&answer[..length], b"\r\n\r\n") else { continue };
            let field = find(&answer[..head], b"content-length: ").unwrap() + 16;
            let digits = answer[field..head].iter().take_while(|byte| byte.is_ascii_digit());
            let body = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            if length == head + 4 + body {
                break;
            }
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[test]
fn a_request_allocates_no_more_than_it_may() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    for (name, request, budget) in BUDGETS {
        let mut connection = TcpStream::connect(gateway.services).unwrap();
        connection.set_nodelay(true).unwrap();
        ask(&mut connection, request, REQUESTS);
        let region = Region::new(ALLOCATOR);
        ask(&mut connection, request, REQUESTS);
        let used = region.change();
        // What happens by the clock, and not by the request, is less than one a request.
        let blocks = (used.allocations + used.reallocations) / REQUESTS;
        let bytes = used.bytes_allocated / REQUESTS;
        println!("{name}: {blocks} blocks, {bytes} bytes");
        assert!(
            blocks <= budget,
            "{name}: {blocks} blocks, {bytes} bytes a request, where {budget} blocks are allowed"
        );
    }
}
