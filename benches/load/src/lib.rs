//! What the comparison in `benches/compare` measures with, apart from titan itself. Knows nothing of titan.
//!
//! | module | concept |
//! | --- | --- |
//! | [`echo`] | the bare server that is the floor of HTTP |
//! | [`latency`] | distributions of latencies |
//!
//! The client is a program, `src/bin/load.rs`.

pub mod echo;
pub mod latency;
