//! The gateway: bundles in through the admin API, HTTP out. It knows nothing of Python, notebooks or Keras.
//!
//! | module | concept |
//! | --- | --- |
//! | [`options`], [`gateway`] | starting, running and stopping the whole |
//! | `handover` | an upgrade without downtime: one process gives sockets and store to the next |
//! | `listener`, [`tls`] | connections: TLS, HTTP/1.1 and HTTP/2, limits, graceful stop |
//! | `serve` | requests to services; [`cors`], `endpoints`, `incoming`, `request`, `body` and `response` are its steps |
//! | `admin`, `calls`, `openapi`, `control` | the admin API, the table of its calls, its OpenAPI document, and the changes it makes: durable first, then routed |
//! | `dashboard` | the page at `/` of the admin listener, and what it shows |
//! | [`access`] | who may do what: tokens of the admin API, API keys of services |
//! | `route` | which versions answer: one atomic pointer a service |
//! | `placement`, `direct` | the version of a request: by the route, or by the name in its URL |
//! | `trial`, `canary`, `shadow` | a version beside the active one: its share of the requests, or copies of them |
//! | `tally`, `evidence`, `judge` | what is counted of a canary, how sure it is, and whether it is worse |
//! | `version`, `pool`, `pace` | a loaded version, its instances and the queue for them, its share of CPU time |
//! | `lanes` | long work apart from short work |
//! | `meter`, `window`, `stats` | what is measured of a version, its last minute, and what the admin API says of both |
//! | `description` | what a version says of itself: an OpenAPI document, and a page that shows it |
//! | `health` | whether the gateway lives and takes requests |
//! | `metrics`, `process` | metrics as Prometheus reads them: of the gateway's versions, and of its process |
//! | `origin`, `traces` | the request that work is for, and what becomes of it, for a collector of traces |
//! | `logs` | what handlers print to stderr, and why requests failed |
//! | `loader` | from an upload or the store into memory |
//! | [`restore`] | a backup becomes a data folder |
//! | `store` | what is kept on disk: the truth a restart begins from |

pub mod access;
mod admin;
mod body;
mod calls;
mod canary;
mod control;
pub mod cors;
mod dashboard;
mod description;
mod direct;
mod endpoints;
mod evidence;
pub mod gateway;
mod handover;
mod health;
mod incoming;
mod judge;
mod lanes;
mod listener;
mod loader;
mod logs;
mod meter;
mod metrics;
mod openapi;
pub mod options;
mod origin;
mod pace;
mod placement;
mod pool;
mod process;
mod request;
mod response;
pub mod restore;
mod route;
mod serve;
mod shadow;
mod stats;
mod store;
mod tally;
pub mod tls;
mod traces;
mod trial;
mod version;
mod window;

pub use gateway::{Gateway, StartError};
pub use options::{Limits, Options};
pub use store::StoreError;
