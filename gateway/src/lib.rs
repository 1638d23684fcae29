//! The gateway: bundles in through the admin API, HTTP out. It knows nothing of Python, notebooks or Keras.
//!
//! Arrows go down this table only: a module knows those below it.
//!
//! | module | concept |
//! | --- | --- |
//! | [`gateway`] | starting, running and stopping the whole |
//! | [`options`] | what a gateway is started with |
//! | `handover` | an upgrade without downtime: one process gives sockets and store to the next |
//! | `admin` | the admin API: its calls, its OpenAPI document, the metrics |
//! | `serve` | requests to services |
//! | `control` | the changes that the admin API makes: durable first, then routed |
//! | `dashboard` | the page at `/` of the admin listener, and what it shows |
//! | `health` | whether the gateway lives and takes requests |
//! | `delivery` | which version answers: the route, canaries, shadows |
//! | `version` | a loaded version: its endpoints, its instances and the queue for them, its share of CPU time |
//! | [`access`] | who may do what: tokens of the admin API, API keys of services |
//! | [`store`] | what is kept on disk: the truth a restart begins from |
//! | `observe` | what is measured, logged and traced |
//! | [`http`] | connections, requests and answers |
//! | [`Limits`] | what keeps clients from taking it down |

pub mod access;
mod admin;
mod control;
mod dashboard;
mod delivery;
pub mod gateway;
mod handover;
mod health;
pub mod http;
mod limits;
mod observe;
pub mod options;
mod serve;
pub mod store;
mod version;

pub use gateway::{Gateway, StartError};
pub use limits::Limits;
pub use options::Options;
pub use store::StoreError;
