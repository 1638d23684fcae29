//! (to come)

pub mod component;
pub mod heap;
pub mod snapshot;
