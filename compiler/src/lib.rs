//! The compiler: a notebook becomes a bundle.
//!
//! Data goes one way. The compiler knows nothing of gateways; what it makes is described in `titan_sdk`.
//!
//! | module | concept |
//! | --- | --- |
//! | [`notebook`], [`config`], [`endpoint`] | what the notebook says: cells, config cell, endpoints |
//! | [`environment`] | the Python environment of an image |
//! | [`freeze`] | run the notebook there once, and take what its endpoints need |
//! | `models` | check that inference serves its models |
//! | [`snapshot`], [`heap`] | load that into the engine, and keep its memory |
//! | [`component`] | encode the version's component around it |
//! | `answers`, `parity` | check that it answers as the notebook does |
//! | [`compile`] | all of these in order |
//! | [`options`], [`progress`], [`interrupt`] | how a caller steers and watches a compile |
//! | [`error`] | every way it can fail |

mod answers;
pub mod compile;
pub mod component;
pub mod config;
pub mod endpoint;
pub mod environment;
pub mod error;
pub mod freeze;
pub mod heap;
mod image;
pub mod interrupt;
mod models;
pub mod notebook;
pub mod options;
mod parity;
mod process;
pub mod progress;
mod python;
pub mod snapshot;
