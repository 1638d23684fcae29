//! Loading versions: from an upload or from the store into memory.
//!
//! Compiled components are kept in a folder, so that a restart compiles nothing. The folder is a cache: what is missing is made
//! again.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use titan_sdk::bundle::Bundle;
use titan_sdk::engine::{ENGINES, Engine};
use titan_sdk::host::{CallError, HostError, Program, Runtime};
use titan_sdk::inference::{Graph, InferenceError};
use titan_sdk::joined::Joined;
use titan_sdk::manifest::Manifest;
use titan_sdk::signature::{SignatureError, Signed, Trust};
use tokio::sync::RwLock;
use tokio::task::block_in_place;

use crate::observe::logs::Logs;
use crate::store::{self, Store, StoreError};
use crate::version::Version;
use crate::version::lanes::Lanes;

/// Loads versions.
pub(crate) struct Loader {
    runtime: Runtime,
    trust: Trust,
    /// Folder of compiled components.
    compiled: PathBuf,
    max_waiting: usize,
    lanes: Arc<Lanes>,
    logs: Logs,
    /// Held for reading while files of the folder are in use by name.
    in_use: RwLock<()>,
}

/// Where the parts of a version are read from.
pub(crate) enum Source {
    /// An upload that is not stored yet.
    Bundle(Arc<Bundle>),
    /// The store.
    Store(Arc<dyn Store>, Box<store::Version>),
}

/// What a version is made of, in memory.
pub(crate) struct Parts {
    pub(crate) program: Program,
    /// By the name the component loads them by.
    pub(crate) graphs: HashMap<String, Arc<Graph>>,
    /// Those whose predictions are joined.
    pub(crate) joined: HashMap<String, Joined>,
    pub(crate) manifest: Manifest,
}

/// Why a version cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nobody who is trusted vouches for it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It was compiled for another engine.
    #[error(
        "the bundle is for engine {needs}, this gateway runs the engines {runs}: compile the notebook again with this titan"
    )]
    Engine {
        /// Digest of the engine the bundle needs.
        needs: String,
        /// Digests of the gateway's engines.
        runs: String,
    },
    /// Two endpoints cannot be told apart.
    #[error("{0}")]
    Endpoints(String),
    /// The component is refused.
    #[error(transparent)]
    Component(#[from] HostError),
    /// A model is refused.
    #[error("model {name:?} cannot be loaded: {cause}")]
    Model {
        /// The name the component loads it by.
        name: String,
        /// What is wrong with it.
        cause: InferenceError,
    },
    /// Models and one heap exceed the budget.
    #[error(
        "the version does not fit into its memory of {limit} bytes: its models take {weights} bytes, and one instance does not fit beside them; raise 'memory' in the config cell"
    )]
    Memory {
        /// The budget in bytes.
        limit: u64,
        /// Bytes of all models.
        weights: u64,
    },
    /// The gateway holds as many instances as it may.
    #[error(transparent)]
    Full(CallError),
    /// An instance does not start.
    #[error("the component does not start ({0}): compile the notebook again with this titan")]
    Start(CallError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The loading task ended early.
    #[error("the version was not loaded because the gateway is stopping: deploy it again")]
    Stopped,
}

impl Loader {
    /// A loader that keeps compiled components in the folder `compiled`.
    pub(crate) fn new(
        runtime: Runtime,
        trust: Trust,
        compiled: PathBuf,
        max_waiting: usize,
        lanes: Arc<Lanes>,
        logs: Logs,
    ) -> Loader {
        Loader { runtime, trust, compiled, max_waiting, lanes, logs, in_use: RwLock::new(()) }
    }

    /// Whether it loads only what is signed.
    pub(crate) fn signed_only(&self) -> bool {
        self.trust.is_required()
    }

    /// Loads version `number`, with one instance ready.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub(crate) async fn load(self: &Arc<Self>, number: u64, source: Source) -> Result<Version, LoadError> {
        let _in_use = self.in_use.read().await;
        let loader = Arc::clone(self);
        // Optimising models takes a core for a while.
        let read = self.lanes.slowly(async move { block_in_place(|| loader.read(&source)) });
        let parts = read.await.map_err(|_| LoadError::Stopped)??;
        Version::new(number, parts, self.max_waiting, Arc::clone(&self.lanes), &self.logs).await
    }

    /// Removes compiled components whose digest is not in `keep`. Versions that are loaded do not need the file any more.
    ///
    /// # Errors
    /// A folder that cannot be read or written.
    pub(crate) async fn sweep(&self, keep: &HashSet<String>) -> io::Result<()> {
        let _alone = self.in_use.write().await;
        let entries = match fs::read_dir(&self.compiled) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // The runtime names files by digest and settings, joined by '-'.
            let kept =
                entry.file_name().to_str().and_then(|name| name.split('-').next()).is_some_and(|d| keep.contains(d));
            if !kept {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Blocks: reads files, and optimises the models.
    fn read(&self, source: &Source) -> Result<Parts, LoadError> {
        let manifest = source.manifest();
        // The store's too: others may have written to it, or other keys may have been trusted.
        self.trust.check(manifest, source.signed())?;
        let engine = Engine::of_digest(&manifest.engine).ok_or_else(|| {
            let runs = ENGINES.each_ref().map(Engine::digest).join(", ");
            LoadError::Engine { needs: manifest.engine.clone(), runs }
        })?;
        let component = || source.component().map_err(io::Error::other);
        let program =
            self.runtime.load(engine, &manifest.component.sha256, component, &self.compiled, &manifest.endpoints)?;
        let mut graphs = HashMap::new();
        for (index, model) in manifest.models.iter().enumerate() {
            let graph = Graph::load(&source.model(index)?);
            let graph = graph.map_err(|cause| LoadError::Model { name: model.name.clone(), cause })?;
            graphs.insert(model.name.clone(), Arc::new(graph));
        }
        let joined = joined(manifest, &graphs);
        Ok(Parts { program, graphs, joined, manifest: manifest.clone() })
    }
}

/// The models whose predictions are joined: those that can be, if the version wants that.
fn joined(manifest: &Manifest, graphs: &HashMap<String, Arc<Graph>>) -> HashMap<String, Joined> {
    let Some(batch) = manifest.config.batch else { return HashMap::new() };
    let join = |(name, graph): (&String, &Arc<Graph>)| match Joined::new(graph, batch, manifest.config.memory) {
        Ok(joined) => Some((name.clone(), joined)),
        Err(reason) => {
            tracing::warn!(service = manifest.service, "predictions of model {name:?} are not joined: {reason}");
            None
        }
    };
    graphs.iter().filter_map(join).collect()
}

impl Source {
    fn manifest(&self) -> &Manifest {
        match self {
            Source::Bundle(bundle) => &bundle.manifest,
            Source::Store(_, version) => &version.manifest,
        }
    }

    fn signed(&self) -> Option<&Signed> {
        match self {
            Source::Bundle(bundle) => bundle.signed.as_ref(),
            Source::Store(_, version) => version.signed.as_ref(),
        }
    }

    fn component(&self) -> Result<Cow<'_, [u8]>, StoreError> {
        match self {
            Source::Bundle(bundle) => Ok(Cow::Borrowed(&bundle.component)),
            Source::Store(store, version) => store.part(&version.manifest.component).map(Cow::Owned),
        }
    }

    /// Model number `index` of the manifest.
    fn model(&self, index: usize) -> Result<Cow<'_, [u8]>, StoreError> {
        match self {
            Source::Bundle(bundle) => Ok(Cow::Borrowed(&bundle.models[index])),
            Source::Store(store, version) => store.part(&version.manifest.models[index].part).map(Cow::Owned),
        }
    }
}
