//! Every way a compile can fail. Each message is one line: what happened, to which thing, what to do.

use std::io;
use std::path::PathBuf;

use titan_sdk::manifest::ManifestError;

use crate::component::EncodeError;
use crate::snapshot::SnapshotError;

/// Why a notebook did not become a bundle.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A file cannot be read.
    #[error("{path} cannot be read ({cause}): check the path")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is not a notebook of nbformat 4 in Python.
    #[error("{path} is not a notebook titan can read ({problem}): {remedy}")]
    NotANotebook {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The config cell cannot be understood.
    #[error("config cell (cell {cell}): {problem}")]
    Config {
        /// 1-based position of the cell.
        cell: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// More than one config cell.
    #[error("cells {first} and {second} are both config cells: keep one of them")]
    DuplicateConfig {
        /// 1-based position of the first.
        first: usize,
        /// 1-based position of the second.
        second: usize,
    },
    /// An endpoint annotation that cannot be served.
    #[error("cell {cell}: {problem}")]
    Endpoint {
        /// 1-based position of the cell.
        cell: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// No cell is an endpoint.
    #[error("{path} has no endpoint: begin a cell with a comment such as '# GET /hello'")]
    NoEndpoint {
        /// The notebook.
        path: PathBuf,
    },
    /// The file's stem gives no service name.
    #[error("the file name {stem:?} gives no service name: choose one with --name")]
    NoName {
        /// The file's stem.
        stem: String,
    },
    /// The config or the names break a rule of the bundle.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No image has this name.
    #[error("image {image:?} is unknown: use one of {known}")]
    UnknownImage {
        /// The name asked for.
        image: String,
        /// The names there are.
        known: String,
    },
    /// No Python to make the environment with.
    #[error(
        "image {image:?} needs Python {wanted} with its venv module, but {found}: install it (on Debian: apt-get install python3 python3-venv), or name one with TITAN_PYTHON"
    )]
    NoPython {
        /// The image.
        image: String,
        /// The versions that serve.
        wanted: &'static str,
        /// What there is instead.
        found: String,
    },
    /// The environment cannot be created.
    #[error("the environment of image {image:?} could not be {step} ({cause}): {remedy}")]
    Environment {
        /// The image.
        image: String,
        /// What failed: `created`, `filled`.
        step: &'static str,
        /// The failing program's last words.
        cause: String,
        /// What to do.
        remedy: &'static str,
        /// The failing program's output.
        detail: String,
    },
    /// A command of the config cell failed.
    #[error("command {command:?} of the config cell failed ({cause}): correct it or remove it")]
    Command {
        /// The command.
        command: String,
        /// Its exit status and last words.
        cause: String,
        /// Its output.
        detail: String,
    },
    /// The notebook could not be frozen. The text is that of the program that ran it.
    #[error("{message}")]
    Freeze {
        /// One line: cause and remedy.
        message: String,
        /// Traceback or output, may be empty.
        detail: String,
    },
    /// A program cannot be started.
    #[error("{program} cannot be started ({cause}): check that it is installed and may be run")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A file of the compiler's own cannot be written or read.
    #[error("{path} cannot be used ({cause}): make it writable, or name another cache with TITAN_CACHE")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A model cannot be loaded by the gateway's inference.
    #[error("{place}, cannot be served ({cause}): build it of other layers, or do that step in Python around it")]
    Model {
        /// The model and the endpoint that uses it: `model net, which GET /x uses`.
        place: String,
        /// What inference said.
        cause: String,
    },
    /// A model computes something else in the gateway's inference than in its own library.
    #[error(
        "{place}, would answer otherwise than in the notebook ({difference}): report this with the notebook, or deploy it all the same with --no-verify"
    )]
    ModelDiffers {
        /// As of [`CompileError::Model`].
        place: String,
        /// In which output, and by how much.
        difference: String,
    },
    /// No heap image.
    #[error(transparent)]
    Snapshot(SnapshotError),
    /// No component.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Endpoints of the component answer otherwise than those of the notebook.
    #[error(
        "{endpoints} would answer otherwise than in the notebook (the differences are above): write it so that it does not depend on the machine or on a package's version, or deploy it all the same with --no-verify"
    )]
    Parity {
        /// Methods and paths.
        endpoints: String,
        /// The differences.
        detail: String,
    },
    /// The caller asked to stop.
    #[error("interrupted: nothing was deployed")]
    Interrupted,
}

impl From<SnapshotError> for CompileError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Interrupted => CompileError::Interrupted,
            other => CompileError::Snapshot(other),
        }
    }
}

impl CompileError {
    /// More than one line: the traceback or output behind the message, where there is any.
    pub fn detail(&self) -> Option<&str> {
        match self {
            CompileError::Environment { detail, .. }
            | CompileError::Command { detail, .. }
            | CompileError::Freeze { detail, .. }
            | CompileError::Parity { detail, .. } => Some(detail.trim_end()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}
