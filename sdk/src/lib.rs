//! The contract between the compiler and the gateway, and the machinery both need to run a component.
//!
//! Neither side knows the other: the compiler makes a [`bundle::Bundle`] and may run it through [`host`], the
//! gateway stores bundles and serves them through the same [`host`]. This crate knows nothing of notebooks, of
//! Python environments, of routes or of storage.
//!
//! | module | concept |
//! | --- | --- |
//! | [`wit`] | the world a component implements |
//! | [`manifest`] | what a bundle says about itself |
//! | [`bundle`], [`signature`] | the archive that is uploaded, and who vouches for it |
//! | [`backup`] | the archive that keeps a gateway's store |
//! | [`api`], [`access`], [`client`] | the gateway's admin API: its types, those of tokens and keys, and a blocking client |
//! | [`view`] | what the admin API shows for people to look at |
//! | [`trial`] | a version beside the active one: how it is tried, what was found, how it ended |
//! | [`engine`] | the prebuilt engine module and the cache of its compiled form |
//! | [`inference`] | ONNX graphs on tract |
//! | [`joined`] | several predictions of one graph as one computation |
//! | `shapes` | a model's tensors, for people |
//! | [`budget`] | memory accounting of a version |
//! | [`host`] | running components: runtime, program, instance |
//! | [`comparison`] | whether two answers say the same |
//! | [`text`] | text from elsewhere in messages |

pub mod access;
pub mod api;
mod archive;
pub mod backup;
pub mod budget;
pub mod bundle;
pub mod client;
pub mod comparison;
pub mod digest;
pub mod engine;
pub mod host;
pub mod inference;
pub mod joined;
pub mod manifest;
mod shapes;
pub mod signature;
pub mod text;
pub mod trial;
pub mod view;
pub mod wit;
