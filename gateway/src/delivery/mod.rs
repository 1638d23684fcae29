//! Which version answers a request: the active one, its canary, or a copy to a shadow.
//!
//! | module | concept |
//! | --- | --- |
//! | `route` | one atomic pointer a service |
//! | `placement` | the version of one request |
//! | `trial` | a version beside the active one |
//! | `canary`, `shadow` | its share of the requests, or copies of them |
//! | `tally`, `evidence`, `judge` | what is counted of a canary, how sure it is, and whether it is worse |

pub(crate) mod canary;
pub(crate) mod evidence;
pub(crate) mod judge;
pub(crate) mod placement;
pub(crate) mod route;
pub(crate) mod shadow;
pub(crate) mod tally;
pub(crate) mod trial;
