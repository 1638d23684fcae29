//! The manifest: what a bundle says about itself. It is the first entry of the archive, as JSON.
//!
//! Everything in it comes from outside the gateway, so [`Manifest::check`] holds every rule that later code relies on.

use serde::{Deserialize, Serialize};
use std::collections::HashSet;

use crate::digest::is_sha256_hex;

/// The archive format this crate writes and reads.
pub const FORMAT: u32 = 1;

/// The archive's entries that are no parts.
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const SIGNATURE: &str = "signature.json";

/// Endpoints one version may have; a notebook with more is surely generated and would make a huge world.
pub const MAX_ENDPOINTS: usize = 1024;

/// Bytes of an answer that is kept: enough for metrics, and little beside a model.
pub const MAX_ANSWER: usize = 4096;

/// Rows of predictions that may be joined.
pub const MAX_BATCH: u32 = 256;

/// Bytes of an endpoint's example.
pub const MAX_EXAMPLE: usize = 64 << 10;

/// A bundle's description of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the archive.
    pub format: u32,
    /// The name the version is served under: `/{service}/...`.
    pub service: String,
    /// In the order of the component's endpoint indices.
    pub endpoints: Vec<Endpoint>,
    /// What the notebook's config cell asked for.
    pub config: Config,
    /// SHA-256 of the engine's code module that the heap image belongs to; no other engine can run it.
    pub engine: String,
    /// The version's component.
    pub component: Part,
    /// The version's ONNX models.
    pub models: Vec<Model>,
    /// The notebook as it was deployed.
    pub notebook: Part,
    /// How every endpoint's answer to its sample request compared with that of the notebook's kernel, in the order of
    /// `endpoints`; empty where nothing was compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parity: Vec<Parity>,
}

/// How an endpoint's answer compared with that of the notebook's kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parity {
    /// The endpoint's export name.
    pub endpoint: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What the component answered, if that was text of at most [`MAX_ANSWER`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What an endpoint answered to its sample request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What came of comparing an endpoint's two answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// They are the same.
    Checked,
    /// They differ, and it was deployed all the same.
    Differs,
    /// There was nothing to compare.
    NotCheckable {
        /// Why, in a few words.
        reason: String,
    },
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Checked => f.write_str("checked"),
            Outcome::Differs => f.write_str("differs"),
            Outcome::NotCheckable { reason } => write!(f, "not checkable: {reason}"),
        }
    }
}

/// One HTTP endpoint of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The component's export: `post-prediction`.
    pub name: String,
    /// Upper case: `POST`.
    pub method: String,
    /// Begins with `/`; a segment `:id` is a parameter.
    pub path: String,
    /// The notebook's mock `REQUEST` there, of at most [`MAX_EXAMPLE`] bytes: an object with `body`, `args`, `path` and `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<serde_json::Value>,
}

/// What a version may use, and how its instances live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The Python environment the notebook was frozen in.
    pub image: String,
    /// Cores: an upper bound on handlers that run at once, and on the version's share of CPU time. May be a fraction.
    pub cpu: f64,
    /// Bytes that instances, tensors and weights of the version may take together.
    pub memory: u64,
    /// Milliseconds a handler may run.
    pub timeout_ms: u64,
    /// How state lives between requests.
    pub state: State,
    /// What a request must show to be answered.
    #[serde(default, skip_serializing_if = "Auth::is_none")]
    pub auth: Auth,
    /// Whether clients are shown the tracebacks of handlers that fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub debug: bool,
    /// How predictions are joined, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
}

/// How concurrent predictions of one model are joined into one computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Rows that are computed together at most.
    pub max: u32,
    /// Microseconds that a prediction waits for others at most.
    pub wait_us: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { max: 32, wait_us: 1000 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            image: "python".into(),
            cpu: 1.0,
            memory: 512_000_000,
            timeout_ms: 30_000,
            state: State::Reuse,
            auth: Auth::None,
            debug: false,
            batch: None,
        }
    }
}

/// What a request must show to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// An API key of the service.
    Key,
}

impl Auth {
    /// Whether it is [`Auth::None`].
    pub fn is_none(&self) -> bool {
        *self == Auth::None
    }
}

/// How state lives between requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Instances are reused; any of them may answer.
    #[default]
    Reuse,
    /// A new instance a request.
    Fresh,
    /// Exactly one instance, as a Jupyter kernel.
    Kernel,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the archive.
    pub file: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// An ONNX model of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The name the component loads it by (wasi-nn `load-by-name`).
    pub name: String,
    /// Its file.
    pub part: Part,
    /// What the compiler saw in it, for people. Nothing relies on it.
    #[serde(default, skip_serializing_if = "Shapes::is_empty")]
    pub shapes: Shapes,
}

/// The tensors of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shapes {
    /// What it takes, in order.
    pub inputs: Vec<Tensor>,
    /// What it gives, in order.
    pub outputs: Vec<Tensor>,
    /// Its constants, in the order in which they are used.
    pub weights: Vec<Tensor>,
}

impl Shapes {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.outputs.is_empty() && self.weights.is_empty()
    }
}

/// A tensor's name, type and shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// The type of its elements: `F32`.
    pub element: String,
    /// Its dimensions; one that is open is a symbol, such as `N`.
    pub shape: Vec<String>,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Another format.
    #[error("the bundle has format {0}, this titan reads format {FORMAT}: compile the notebook again with this titan")]
    Format(u32),
    /// A service name that cannot stand in a path.
    #[error(
        "service name {0:?} is not usable in a URL: use 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit (--name sets it)"
    )]
    Service(String),
    /// A malformed or doubled endpoint, or none.
    #[error("endpoint {0}")]
    Endpoint(String),
    /// A limit that makes no sense.
    #[error("config: {0}")]
    Config(String),
    /// A malformed or doubled part.
    #[error("bundle part {0}: compile the notebook again")]
    Part(String),
}

/// Whether `name` may name a service: 1 to 63 of `a-z 0-9 - _ .`, beginning with a letter or a digit. It is used as one
/// path segment, so nothing that needs percent-encoding and no `..` may pass.
pub fn is_service_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first && name.len() <= 63 && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// Whether `name` may name a version: `v` and a number from 1 on, without leading zeros.
pub fn is_version_name(name: &str) -> bool {
    let digits = name.strip_prefix('v').unwrap_or_default();
    !digits.starts_with(['0', '+']) && digits.parse::<u64>().is_ok()
}

/// Whether `name` may name a part: a relative path in its plain form, which leads to no other place and is none of the archive's
/// own entries.
fn is_part_name(name: &str) -> bool {
    let plain = name.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    plain && !name.chars().any(char::is_control) && ![MANIFEST, SIGNATURE].contains(&name)
}

/// Whether `name` may be exported by a component: words of lower-case letters and digits, each beginning with a letter,
/// joined by single `-` (the component model's `kebab-name`).
pub fn is_kebab_name(name: &str) -> bool {
    name.split('-').all(|word| {
        word.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

impl Manifest {
    /// Checks every rule that later code relies on.
    ///
    /// # Errors
    /// The first rule broken, with the remedy.
    pub fn check(&self) -> Result<(), ManifestError> {
        if self.format != FORMAT {
            return Err(ManifestError::Format(self.format));
        }
        if !is_service_name(&self.service) {
            return Err(ManifestError::Service(self.service.clone()));
        }
        self.check_endpoints()?;
        self.config.check()?;
        if !is_sha256_hex(&self.engine) {
            return Err(ManifestError::Part(format!("'engine' has no digest but {:?}", self.engine)));
        }
        let mut files = HashSet::new();
        let mut models = HashSet::new();
        for part in self.parts() {
            if !is_sha256_hex(&part.sha256) {
                return Err(ManifestError::Part(format!("{:?} has no digest but {:?}", part.file, part.sha256)));
            }
            if !is_part_name(&part.file) {
                return Err(ManifestError::Part(format!("{:?} is not a name that a part may have", part.file)));
            }
            if !files.insert(part.file.as_str()) {
                return Err(ManifestError::Part(format!("{:?} appears twice", part.file)));
            }
        }
        for model in &self.models {
            if !models.insert(model.name.as_str()) {
                return Err(ManifestError::Part(format!("model {:?} appears twice", model.name)));
            }
        }
        Ok(())
    }

    fn check_endpoints(&self) -> Result<(), ManifestError> {
        let wrong = |text: String| Err(ManifestError::Endpoint(text));
        if self.endpoints.is_empty() {
            return wrong("missing: begin a cell with a comment such as '# GET /hello'".into());
        }
        if self.endpoints.len() > MAX_ENDPOINTS {
            return wrong(format!("count {} is over the limit of {MAX_ENDPOINTS}", self.endpoints.len()));
        }
        let (mut names, mut routes) = (HashSet::new(), HashSet::new());
        for endpoint in &self.endpoints {
            let Endpoint { name, method, path, .. } = endpoint;
            if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "DELETE" | "PATCH") {
                return wrong(format!(
                    "{method:?} {path:?} has an unknown method: use GET, POST, PUT, DELETE or PATCH"
                ));
            }
            if !path.starts_with('/') || path.contains(['?', '#']) || path.chars().any(char::is_control) {
                return wrong(format!("{method} {path:?} has a malformed path: write it as /words/:parameter"));
            }
            if !is_kebab_name(name) || !names.insert(name) {
                return wrong(format!("{method} {path} has the export name {name:?}, which is taken or malformed"));
            }
            if !routes.insert((method, path)) {
                return wrong(format!("{method} {path} appears twice"));
            }
        }
        Ok(())
    }

    /// Every file the archive must hold beside the manifest, in archive order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        [&self.component].into_iter().chain(self.models.iter().map(|m| &m.part)).chain([&self.notebook])
    }

    /// Bytes of all parts together.
    pub fn bytes(&self) -> u64 {
        self.parts().map(|p| p.bytes).fold(0, u64::saturating_add)
    }
}

impl Config {
    /// # Errors
    /// A limit that is zero, not finite or absurd.
    pub fn check(&self) -> Result<(), ManifestError> {
        let wrong = |text: String| Err(ManifestError::Config(text));
        if !(self.cpu.is_finite() && self.cpu >= 0.01 && self.cpu <= 1024.0) {
            return wrong(format!("cpu is {}, but must be a number of cores from 0.01 to 1024", self.cpu));
        }
        if self.memory < 1_000_000 {
            return wrong(format!("memory is {} bytes: write it with a unit, as in 512MB", self.memory));
        }
        if self.timeout_ms == 0 {
            return wrong("timeout is 0: write it in seconds, as in 30".into());
        }
        let Some(Batch { max, wait_us }) = self.batch else { return Ok(()) };
        if !(2..=MAX_BATCH).contains(&max) {
            return wrong(format!("batch has max {max}, but must join from 2 to {MAX_BATCH} rows, as in max: 32"));
        }
        if wait_us == 0 || wait_us / 1000 >= self.timeout_ms {
            return wrong(
                "batch has a wait of nothing, or as long as timeout: write a short time, as in wait: 1ms".into(),
            );
        }
        if self.state == State::Kernel {
            let way = "take batch out of the config cell, or set state: reuse";
            return wrong(format!("batch joins what several instances predict, and state: kernel has only one: {way}"));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::digest::sha256_hex;

    pub(crate) fn sample() -> Manifest {
        let part =
            |file: &str, bytes: &[u8]| Part { file: file.into(), sha256: sha256_hex(bytes), bytes: bytes.len() as u64 };
        Manifest {
            format: FORMAT,
            service: "house-price".into(),
            endpoints: vec![Endpoint {
                name: "get-loss".into(),
                method: "GET".into(),
                path: "/loss".into(),
                example: None,
            }],
            config: Config::default(),
            engine: sha256_hex(b"engine"),
            component: part("component.wasm", b"component"),
            models: vec![Model {
                name: "model".into(),
                part: part("models/model.onnx", b"onnx"),
                shapes: Shapes::default(),
            }],
            notebook: part("notebook.ipynb", b"{}"),
            parity: Vec::new(),
        }
    }

    type Breakage = fn(&mut Manifest);

    #[test]
    fn a_good_manifest_passes_and_each_broken_rule_is_named() {
        sample().check().unwrap();
        let cases: [(&str, Breakage); 11] = [
            ("format 7", |m| m.format = 7),
            ("not usable in a URL", |m| m.service = "../x".into()),
            ("missing", |m| m.endpoints.clear()),
            ("appears twice", |m| {
                let mut again = m.endpoints[0].clone();
                again.name = "other".into();
                m.endpoints.push(again);
            }),
            ("unknown method", |m| m.endpoints[0].method = "BREW".into()),
            ("malformed path", |m| m.endpoints[0].path = "loss".into()),
            ("cpu is NaN", |m| m.config.cpu = f64::NAN),
            ("512MB", |m| m.config.memory = 512),
            ("not a name", |m| m.notebook.file = "../notebook.ipynb".into()),
            ("not a name", |m| m.notebook.file = "signature.json".into()),
            ("no digest", |m| m.notebook.sha256 = "../../x".into()),
        ];
        for (text, break_it) in cases {
            let mut manifest = sample();
            break_it(&mut manifest);
            let error = manifest.check().unwrap_err().to_string();
            assert!(error.contains(text), "{error:?} should contain {text:?}");
        }
    }

    #[test]
    fn parity_may_be_missing_and_is_read_as_written() {
        let mut manifest = sample();
        assert!(!serde_json::to_string(&manifest).unwrap().contains("parity"));
        let reason = "it depends on time".into();
        let outcome = Outcome::NotCheckable { reason };
        assert_eq!(outcome.to_string(), "not checkable: it depends on time");
        let answer = Some(Answer { status: 200, body: "0.25\n".into() });
        manifest.parity = vec![Parity { endpoint: "get-loss".into(), outcome, answer }];
        let mut json = serde_json::to_value(&manifest).unwrap();
        let expected = serde_json::json!([{"endpoint": "get-loss", "outcome": "not-checkable", "reason": "it depends on time", "answer": {"status": 200, "body": "0.25\n"}}]);
        assert_eq!(json["parity"], expected);
        assert_eq!(serde_json::from_value::<Manifest>(json.clone()).unwrap(), manifest);
        json["parity"][0].as_object_mut().unwrap().remove("answer");
        assert_eq!(serde_json::from_value::<Manifest>(json).unwrap().parity[0].answer, None);
    }

    #[test]
    fn versions_have_one_name_each() {
        assert!(["v1", "v20", "v18446744073709551615"].into_iter().all(is_version_name));
        assert!(
            !["", "v", "1", "v0", "v01", "v+1", "v-1", "v1x", "V1", "v18446744073709551616"]
                .into_iter()
                .any(is_version_name)
        );
    }

    #[test]
    fn kebab_names_follow_the_component_model() {
        for good in ["get-loss", "post-users-id2", "a"] {
            assert!(is_kebab_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A-b", "get-2", "get_x"] {
            assert!(!is_kebab_name(bad), "{bad}");
        }
    }
}
