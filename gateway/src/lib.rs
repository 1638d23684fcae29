//! The gateway: bundles in through the admin API, HTTP out. It knows nothing of Python, notebooks or Keras.

mod gateway;
mod options;

pub use gateway::{Gateway, StartError};
pub use options::{Limits, Options};
