//! What happens, for people and their tools. It knows names, but no version.
//!
//! | module | concept |
//! | --- | --- |
//! | `origin` | the request that work is for |
//! | `traces` | its trace, for an OpenTelemetry collector |
//! | `meter`, `window` | what is measured of a version, since it was loaded and in the last minute |
//! | `counters` | what a gateway counts itself |
//! | `logs` | what handlers print to stderr, and why requests failed |
//! | `process` | CPU and memory of the process |

pub(crate) mod counters;
pub(crate) mod logs;
pub(crate) mod meter;
pub(crate) mod origin;
pub(crate) mod process;
pub(crate) mod traces;
pub(crate) mod window;
