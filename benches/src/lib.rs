//! What the benchmarks share. `README.md` beside this crate says what each number means and how to get it.
//!
//! | module | concept |
//! | --- | --- |
//! | [`subject`] | the version that is measured, a bundle that `benches/run.sh` compiled |
//! | [`servers`] | what answers: Titan's gateway, a bare hyper echo, FastAPI with onnxruntime |
//! | [`client`] | one keep-alive connection that asks |

pub mod client;
pub mod servers;
pub mod subject;
