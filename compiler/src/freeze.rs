//! Freezes a notebook: runs it once in its environment and reads back what its endpoints need.
//!
//! The work is done by the Python package `titan_freeze` (`compiler/python`), which this binary carries inside itself. This
//! module writes its job, follows its events, and reads its output; what the frozen state means is between that package and
//! the one in the engine. Event and job formats: `compiler/python/titan_freeze`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use include_dir::{Dir, include_dir};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::json;
use titan_sdk::engine::{ENGINES, Engine};
use titan_sdk::manifest::State;

use crate::answers::KernelAnswers;
use crate::environment::Environment;
use crate::error::CompileError;
use crate::interrupt::Interrupt;
use crate::notebook::Notebook;
use crate::process::{self, Ended, Stream};
use crate::progress::{Clock, Stage};

static PACKAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/python/titan_freeze");
/// The engine's own package. What runs cells in the engine runs them in the kernel too, when their answers are compared.
static ENGINE_PACKAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/engine/python/titan");
/// How long an endpoint may take for its sample request in the kernel. One that waits or computes longer is not compared.
const ANSWER: Duration = Duration::from_secs(10);

/// What a notebook's endpoints need, taken from its kernel.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// The smallest engine that has what the endpoints import.
    pub engine: &'static Engine,
    /// Everything but models, as the engine's `titan.serve.thaw` reads it.
    pub state: Vec<u8>,
    /// Models, converted.
    pub models: Vec<FrozenModel>,
    /// How state should live between requests.
    pub choice: StateChoice,
    /// What the endpoints answered in the kernel, of as many as it got to.
    pub(crate) answers: Vec<KernelAnswers>,
    /// What was captured, for people.
    pub captured: Vec<Captured>,
    /// The image's Python: `3.11.7`.
    pub python: String,
}

/// How state should live between requests, by what the endpoints do to it.
#[derive(Clone, Debug, Deserialize)]
pub struct StateChoice {
    /// Kernel or reuse.
    pub mode: State,
    /// The reason, a clause: `POST /count changes 'counter', which it reads (cell 5)`.
    pub why: String,
}

/// A model of the notebook.
#[derive(Clone, Debug)]
pub struct FrozenModel {
    /// The name the state refers to it by: letters, digits, `_` and `-`.
    pub name: String,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// Where the notebook has it, for people: `model net, which GET /x uses`.
    pub place: String,
    /// What its own library computes with it.
    pub samples: Vec<Sample>,
}

/// Sample inputs of a model, and the outputs its own library gives.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// By the graph's names.
    pub inputs: Vec<Array>,
    /// In the graph's order, as far as they are to be compared.
    pub outputs: Vec<Array>,
}

/// A numpy array.
#[derive(Clone, Debug, Deserialize)]
pub struct Array {
    /// Of the input, or empty.
    pub name: String,
    /// numpy's name of the elements' type: `float32`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<u32>,
    /// Little-endian, C order.
    #[serde(deserialize_with = "base64_bytes")]
    pub data: Vec<u8>,
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A variable an endpoint reaches.
#[derive(Clone, Debug, Deserialize)]
pub struct Captured {
    /// Its name in the notebook.
    pub name: String,
    /// Its Python type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its size in the state.
    pub bytes: u64,
    /// The export name of the first endpoint that reaches it.
    pub endpoint: String,
}

#[derive(Serialize)]
struct Job<'a> {
    notebook: &'a Path,
    service: &'a str,
    cells: Vec<JobCell<'a>>,
    endpoints: Vec<JobEndpoint<'a>>,
    engines_file: &'a Path,
    files: &'a [String],
    out: &'a Path,
    answer_seconds: f64,
    memory: u64,
    verify: bool,
}

#[derive(Serialize)]
struct JobCell<'a> {
    index: usize,
    source: &'a str,
}

#[derive(Serialize)]
struct JobEndpoint<'a> {
    name: &'a str,
    method: &'a str,
    path: &'a str,
    source: &'a str,
    response_info: Option<&'a str>,
    after_cell: usize,
    cell_indexes: &'a [usize],
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Cell { index: u64, position: u64, of: u64 },
    Stage { stage: String },
    Frozen,
    Answers(KernelAnswers),
    Error { message: String, detail: String },
    Done,
}

#[derive(Deserialize)]
struct Output {
    engine: String,
    python: String,
    state: StateChoice,
    captured: Vec<Captured>,
    models: Vec<OutputModel>,
}

#[derive(Deserialize)]
struct OutputModel {
    name: String,
    file: PathBuf,
    place: String,
    samples: Vec<Sample>,
}

/// Runs `notebook` in `environment`. The notebook's folder is its working folder. With `verify`, code that asks for what no
/// version has is an error.
///
/// # Errors
/// A cell that raises, a state or model that cannot travel, a Python that dies, an interrupt.
pub fn freeze(
    notebook: &Notebook,
    environment: &Environment,
    verify: bool,
    interrupt: &Interrupt,
    clock: &mut Clock<'_>,
) -> Result<Frozen, CompileError> {
    clock.begin(Stage::Run);
    let folder = tempfile::Builder::new().prefix("titan-freeze-").tempdir();
    let folder = folder.map_err(|cause| CompileError::Cache { path: std::env::temp_dir(), cause })?;
    let job = write_job(notebook, folder.path(), verify)?;
    let mut command = environment.command(&environment.python(), notebook.folder());
    command.args(["-m", "titan_freeze"]).arg(job).env("PYTHONPATH", python_path(folder.path()));
    // Windows of plots have nowhere to open, sets keep their order from one deploy to the next, and TensorFlow need not tell
    // what CPU it found.
    let defaults =
        [("PYTHONUNBUFFERED", "1"), ("MPLBACKEND", "agg"), ("PYTHONHASHSEED", "0"), ("TF_CPP_MIN_LOG_LEVEL", "2")];
    for (variable, value) in defaults {
        if std::env::var_os(variable).is_none() {
            command.env(variable, value);
        }
    }
    let (mut failure, mut frozen, mut done, mut answers) = (None, false, false, Vec::new());
    let ended = process::run(command, interrupt, |stream, line| {
        let event = if stream == Stream::Out { serde_json::from_str(line).ok() } else { None };
        match event {
            Some(Event::Cell { index, position, of }) => {
                clock.progress().advance(position.saturating_sub(1), of, &format!("cell {index}"));
            }
            Some(Event::Stage { stage }) => begin(clock, &stage),
            Some(Event::Frozen) => frozen = true,
            Some(Event::Answers(of_one)) => {
                answers.push(of_one);
                clock.progress().advance(answers.len() as u64, notebook.endpoints.len() as u64, "");
            }
            Some(Event::Error { message, detail }) => failure = Some(CompileError::Freeze { message, detail }),
            Some(Event::Done) => done = true,
            None if is_native_chatter(line) => {}
            None => {
                clock.progress().output(line);
                return true;
            }
        }
        false
    })?;
    let complete = done && ended.status.success();
    match failure {
        // What answers are missing the comparison will say.
        _ if frozen && !complete => tracing::info!(?failure, cause = ended.cause(), "not every endpoint answered"),
        Some(failure) => return Err(failure),
        None if !complete => return Err(died(&ended)),
        None => {}
    }
    read_output(&folder.path().join("out"), answers)
}

/// Whether the line is one that TensorFlow's C++ code logs for its developers, whatever the log level, before its logging is
/// set up: `I0000 00:00:1795576599.249369   15421 port.cc:153] oneDNN custom operations are on.`
fn is_native_chatter(line: &str) -> bool {
    if std::env::var_os("TF_CPP_MIN_LOG_LEVEL").is_some() {
        return false;
    }
    if line == "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR" {
        return true;
    }
    let Some((head, _)) = line.split_once("] ") else { return false };
    let mut words = head.split_whitespace();
    let begins = words.next().and_then(|word| word.strip_prefix('I')).is_some_and(|rest| rest.parse::<u32>().is_ok());
    begins && words.next_back().and_then(|place| place.split(':').next()).is_some_and(|file| file.ends_with(".cc"))
}

/// `run` has begun already, and a stage this titan does not know has no name to show.
fn begin(clock: &mut Clock<'_>, stage: &str) {
    match stage {
        "capture" => clock.begin(Stage::Capture),
        "models" => clock.begin(Stage::Models),
        "state" => clock.begin(Stage::State),
        "answers" => clock.begin(Stage::Answers),
        _ => {}
    }
}

fn write_job(notebook: &Notebook, folder: &Path, verify: bool) -> Result<PathBuf, CompileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| CompileError::Cache { path, cause }
    };
    let package = folder.join("titan_freeze");
    fs::create_dir(&package).map_err(failed(&package))?;
    PACKAGE.extract(&package).map_err(failed(&package))?;
    let beside = package.join("titan");
    fs::create_dir(&beside).map_err(failed(&beside))?;
    for file in ENGINE_PACKAGE.files() {
        let path = beside.join(file.path());
        fs::write(&path, file.contents()).map_err(failed(&path))?;
    }
    let engines_file = folder.join("engines.json");
    let modules = |engine: &Engine| json!({"name": engine.name, "modules": engine.modules().collect::<Vec<_>>()});
    let engines = serde_json::Value::from_iter(ENGINES.iter().map(modules));
    fs::write(&engines_file, engines.to_string()).map_err(failed(&engines_file))?;
    let out = folder.join("out");
    fs::create_dir(&out).map_err(failed(&out))?;
    let cells = notebook.cells.iter().map(|cell| JobCell { index: cell.index, source: &cell.source }).collect();
    let endpoints = notebook.endpoints.iter().map(|endpoint| JobEndpoint {
        name: &endpoint.name,
        method: &endpoint.method,
        path: &endpoint.path,
        source: &endpoint.source,
        response_info: endpoint.response_info.as_deref(),
        after_cell: endpoint.after_cell,
        cell_indexes: &endpoint.cell_indexes,
    });
    let config = &notebook.settings.config;
    let job = Job {
        notebook: &notebook.path,
        service: &notebook.service,
        cells,
        endpoints: endpoints.collect(),
        engines_file: &engines_file,
        files: &notebook.settings.files,
        out: &out,
        answer_seconds: Duration::from_millis(config.timeout_ms).min(ANSWER).as_secs_f64(),
        memory: config.memory,
        verify,
    };
    let file = folder.join("job.json");
    let json = serde_json::to_vec(&job).map_err(|e| CompileError::Cache { path: file.clone(), cause: e.into() })?;
    fs::write(&file, json).map_err(failed(&file))?;
    Ok(file)
}

/// The package first, then what the user's own PYTHONPATH names: a notebook may import from there.
fn python_path(package: &Path) -> std::ffi::OsString {
    let mut path = package.as_os_str().to_owned();
    if let Some(users) = std::env::var_os("PYTHONPATH").filter(|users| !users.is_empty()) {
        path.push(":");
        path.push(users);
    }
    path
}

fn died(ended: &Ended) -> CompileError {
    CompileError::Freeze {
        message: format!(
            "the notebook's Python ended before the notebook was frozen ({}): if it was killed it may have run out of memory, \
             otherwise look at its output above",
            ended.cause()
        ),
        // The caller was handed the output line by line.
        detail: String::new(),
    }
}

fn read_output(out: &Path, answers: Vec<KernelAnswers>) -> Result<Frozen, CompileError> {
    let read = |file: &Path| {
        let path = out.join(file);
        fs::read(&path).map_err(|cause| CompileError::Read { path, cause })
    };
    let file = Path::new("frozen.json");
    let output: Output = serde_json::from_slice(&read(file)?)
        .map_err(|e| CompileError::Read { path: out.join(file), cause: e.into() })?;
    let engine = Engine::named(&output.engine).ok_or_else(|| {
        let cause = format!("it names the engine {:?}", output.engine);
        CompileError::Read { path: out.join(file), cause: io::Error::new(io::ErrorKind::InvalidData, cause) }
    })?;
    let frozen =
        |OutputModel { name, file, place, samples }| Ok(FrozenModel { onnx: read(&file)?, name, place, samples });
    let models = output.models.into_iter().map(frozen);
    Ok(Frozen {
        engine,
        models: models.collect::<Result<_, CompileError>>()?,
        state: read(Path::new("state"))?,
        choice: output.state,
        answers,
        captured: output.captured,
        python: output.python,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_native_code_says_of_itself_is_left_out() {
        let chatter = "I0000 00:00:1795576599.249369   15421 port.cc:153] oneDNN custom operations are on.";
        assert!(is_native_chatter(chatter));
        for line in [
            "E0000 00:00:1795576599.249369   15421 port.cc:153] it failed",
            "I0101 12:00:00.000000 139 train.py:3] epoch 1",
            "I wrote this] port.cc:1",
            "",
        ] {
            assert!(!is_native_chatter(line), "{line}");
        }
    }
}
