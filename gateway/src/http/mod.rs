//! HTTP itself: connections in, requests read, answers made. It knows of no service.
//!
//! | module | concept |
//! | --- | --- |
//! | `listener` | connections: limits, TLS, HTTP/1.1 and HTTP/2, a graceful stop |
//! | `connections` | those of a listener: who makes room, who is cut off |
//! | `activity`, `sent` | what happens on one: idle or busy, and whether its client takes what it is sent |
//! | `again` | a connection that wakes itself goes on at once |
//! | `crumbs` | clients that send a few bytes at a time |
//! | `tls` | certificates from files, read again when they change |
//! | `cors` | which web pages may read the answers |
//! | `incoming` | a body as it comes: its length, its time, its place in memory |
//! | `request`, `body` | a request as the JSON text `REQUEST` |
//! | `response` | what every answer is made with |

mod activity;
mod again;
pub(crate) mod body;
mod connections;
pub mod cors;
mod crumbs;
pub(crate) mod incoming;
pub(crate) mod listener;
pub(crate) mod request;
pub(crate) mod response;
mod sent;
pub mod tls;
