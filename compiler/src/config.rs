//! The config cell: which cell it is, and what it says.
//!
//! A markdown cell whose YAML, fenced or not, is a mapping with the key `titan`, or with the key `service` and a known key
//! below it; or a code cell that is nothing but one triple-quoted string beginning with the line `yaml`. Everything else is an
//! ordinary cell.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer};
use serde_norway::Value;
use titan_sdk::manifest::{Auth, Batch, Config, State};
use titan_sdk::text::one_line;

/// What a notebook asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What the manifest keeps. Its `state` is settled when the notebook has run, see `state` here.
    pub config: Config,
    /// How state lives between requests, if the notebook says so.
    pub state: Option<State>,
    /// Shell commands that prepare the environment, run in the notebook's folder before its first cell.
    pub commands: Vec<String>,
    /// Files that travel: paths relative to the notebook's folder, of files or folders, or glob patterns.
    pub files: Vec<String>,
}

/// The keys, flat or below `service`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    image: Option<String>,
    cpu: Option<Number>,
    memory: Option<Bytes>,
    timeout: Option<Timeout>,
    state: Option<State>,
    auth: Option<Auth>,
    commands: Option<Vec<String>>,
    files: Option<Vec<String>>,
    debug: Option<bool>,
    batch: Option<Joining>,
    machine: Option<Machine>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "max and wait, as in {max: 32, wait: 1ms}")]
struct Joining {
    max: Option<u32>,
    wait: Option<Wait>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Machine {
    cpu: Option<Number>,
    memory: Option<Bytes>,
}

const KEYS: [&str; 11] =
    ["image", "cpu", "memory", "timeout", "state", "auth", "commands", "files", "debug", "batch", "machine"];

/// Cores.
#[derive(Debug)]
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        let wrong =
            || serde::de::Error::custom(format!("cpu is {}: write a number of cores, as in 1 or 0.5", show(&value)));
        number.filter(|n| *n > 0.0).map(Number).ok_or_else(wrong)
    }
}

#[derive(Debug)]
struct Bytes(u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let bytes = value.as_u64().or_else(|| Some(value.as_str()?.trim().parse::<ByteSize>().ok()?.as_u64()));
        let wrong = || {
            let shown = show(&value);
            serde::de::Error::custom(format!(
                "memory is {shown}: write a number with a unit, as in 512MB, 1.5GB or 1GiB"
            ))
        };
        bytes.map(Bytes).ok_or_else(wrong)
    }
}

/// Milliseconds.
#[derive(Debug)]
struct Timeout(u64);

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let millis = duration(&value).and_then(|duration| u64::try_from(duration.as_millis()).ok());
        let wrong = || {
            let shown = show(&value);
            serde::de::Error::custom(format!(
                "timeout is {shown}: write seconds or a time with a unit, as in 30 or 2min"
            ))
        };
        millis.filter(|millis| *millis > 0).map(Timeout).ok_or_else(wrong)
    }
}

/// Microseconds.
#[derive(Debug)]
struct Wait(u64);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let micros = duration(&value).and_then(|duration| u64::try_from(duration.as_micros()).ok());
        let wrong = || {
            let shown = show(&value);
            serde::de::Error::custom(format!("wait is {shown}: write a time with a unit, as in 1ms or 500us"))
        };
        micros.filter(|micros| *micros > 0).map(Wait).ok_or_else(wrong)
    }
}

/// Seconds, or a time with a unit.
fn duration(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.or_else(|| humantime::parse_duration(value.as_str()?).ok())
}

fn show(value: &Value) -> String {
    serde_norway::to_string(value).unwrap_or_default().trim_end().to_owned()
}

/// What a markdown cell says if it is a config cell.
pub(crate) fn of_markdown(source: &str) -> Option<Result<Settings, String>> {
    let blocks = fenced_blocks(source);
    if blocks.is_empty() { of_block(source) } else { blocks.iter().find_map(|block| of_block(block)) }
}

/// What a code cell says if it is a config cell.
pub(crate) fn of_code(source: &str) -> Option<Result<Settings, String>> {
    let source = source.trim();
    let inner = ["\"\"\"", "'''"].iter().find_map(|quotes| {
        let inner = source.strip_prefix(quotes)?.strip_suffix(quotes)?;
        (!inner.contains(quotes)).then_some(inner)
    })?;
    let (first, yaml) = inner.trim_start().split_once('\n')?;
    if first.trim() != "yaml" {
        return None;
    }
    let not_config = || Err("it begins with 'yaml' but has neither 'titan: v1' nor 'service:': add 'titan: v1'".into());
    Some(of_block(yaml).unwrap_or_else(not_config))
}

/// The blocks between lines that begin with three backticks, marked `yaml`, `yml` or not at all. An unclosed block ends with
/// the cell.
fn fenced_blocks(source: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim().strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|line| !line.trim().starts_with("```")).collect();
        if matches!(language.trim().to_ascii_lowercase().as_str(), "" | "yaml" | "yml") {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

fn of_block(text: &str) -> Option<Result<Settings, String>> {
    let value: Value = match serde_norway::from_str(text) {
        Ok(value) => value,
        // Prose is rarely YAML. Only what was surely meant as config may fail.
        Err(e) if text.trim_start().starts_with("titan:") => {
            return Some(Err(one_line(format!("it is not valid YAML ({e}): correct it"))));
        }
        Err(_) => return None,
    };
    let has_known_key = |value: &Value| KEYS.iter().any(|key| value.get(key).is_some());
    let nested = value.get("service");
    if value.get("titan").is_none() && !nested.is_some_and(has_known_key) {
        return None;
    }
    Some(read(value).map_err(one_line))
}

fn read(value: Value) -> Result<Settings, String> {
    let Value::Mapping(mut mapping) = value else {
        return Err("it is not a YAML mapping: write 'key: value' lines".into());
    };
    match mapping.remove("titan") {
        None => {}
        Some(Value::String(version)) if version == "v1" => {}
        Some(other) => return Err(format!("titan is {}: write titan: v1", show(&other))),
    }
    let keys = match mapping.remove("service") {
        None => Value::Mapping(mapping),
        Some(service) if mapping.is_empty() => service,
        Some(_) => {
            let beside: Vec<_> = mapping.keys().map(show).collect();
            return Err(format!("{} stands beside 'service': move it below", beside.join(", ")));
        }
    };
    // `titan: v1` alone is a config cell that changes nothing.
    let keys: Keys =
        if keys.is_null() { Keys::default() } else { serde_norway::from_value(keys).map_err(|e| e.to_string())? };
    settings(keys)
}

fn settings(keys: Keys) -> Result<Settings, String> {
    let machine = keys.machine.unwrap_or_default();
    if keys.cpu.is_some() && machine.cpu.is_some() || keys.memory.is_some() && machine.memory.is_some() {
        return Err("cpu or memory is given twice, in 'machine' and outside: keep one".into());
    }
    let default = Config::default();
    let config = Config {
        image: keys.image.unwrap_or(default.image),
        cpu: keys.cpu.or(machine.cpu).map_or(default.cpu, |cpu| cpu.0),
        memory: keys.memory.or(machine.memory).map_or(default.memory, |memory| memory.0),
        timeout_ms: keys.timeout.map_or(default.timeout_ms, |timeout| timeout.0),
        state: keys.state.unwrap_or(default.state),
        auth: keys.auth.unwrap_or_default(),
        debug: keys.debug.unwrap_or(default.debug),
        batch: keys.batch.map(batch),
    };
    config.check().map_err(|e| e.to_string())?;
    let files = keys.files.unwrap_or_default();
    if let Some(file) = files.iter().find(|file| !is_inside(file)) {
        return Err(format!(
            "'{file}' under files is not a path within the notebook's folder: write one relative to it, as in data/labels.txt, \
             and copy the file there if it lies elsewhere"
        ));
    }
    Ok(Settings { config, state: keys.state, commands: keys.commands.unwrap_or_default(), files })
}

fn batch(Joining { max, wait }: Joining) -> Batch {
    let default = Batch::default();
    Batch { max: max.unwrap_or(default.max), wait_us: wait.map_or(default.wait_us, |wait| wait.0) }
}

/// Whether `path`, relative to a folder, names something in it.
fn is_inside(path: &str) -> bool {
    use std::path::{Component, Path};
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good(source: &str) -> Settings {
        of_markdown(source).unwrap_or_else(|| panic!("not a config cell: {source}")).unwrap()
    }

    fn bad(source: &str) -> String {
        of_markdown(source).unwrap_or_else(|| panic!("not a config cell: {source}")).unwrap_err()
    }

    #[test]
    fn flat_and_nested_fenced_and_bare_say_the_same() {
        let flat = "titan: v1\nimage: tensorflow\ncpu: 0.5\nmemory: 1GB\ncommands:\n- pip install x";
        let nested =
            "service:\n  image: tensorflow\n  machine:\n    cpu: 0.5\n    memory: 1GB\n  commands:\n  - pip install x";
        for source in [
            flat.to_owned(),
            nested.to_owned(),
            format!("titan: v1\n{nested}"),
            format!("```yaml\n{flat}\n```"),
            format!("```\n{nested}\n```\n"),
            format!("## Deployment\n\nTitan reads this:\n\n``` yml\n{flat}\n```\n\nThe end."),
        ] {
            let settings = good(&source);
            assert_eq!(settings.config.image, "tensorflow", "{source}");
            assert_eq!((settings.config.cpu, settings.config.memory), (0.5, 1_000_000_000));
            assert_eq!(settings.commands, ["pip install x"]);
            let code = format!("\"\"\"yaml\n{}\n\"\"\"", source.replace("```yaml", "").replace("```", ""));
            if !source.contains("##") {
                assert_eq!(of_code(&code).unwrap().unwrap(), settings);
            }
        }
    }

    #[test]
    fn what_is_not_given_is_the_default() {
        assert_eq!(good("titan: v1"), Settings::default());
        assert_eq!(good("titan: v1").config.memory, 512_000_000);
        let all = good("titan: v1\ntimeout: 2min\nstate: kernel\nmemory: 1 GiB");
        assert_eq!((all.config.timeout_ms, all.state, all.config.memory), (120_000, Some(State::Kernel), 1 << 30));
        assert!(!all.config.debug && good("titan: v1\ndebug: true").config.debug);
        assert_eq!(good("titan: v1\nstate: reuse").state, Some(State::Reuse));
        assert_eq!(good("titan: v1\nauth: key").config.auth, Auth::Key);
        assert_eq!(good("titan: v1\nauth: none").config.auth, Auth::None);
        let batch = |text: &str| good(&format!("titan: v1\nbatch: {text}")).config.batch;
        assert_eq!(batch("{max: 16, wait: 500us}"), Some(Batch { max: 16, wait_us: 500 }));
        assert_eq!(
            (batch("{}"), batch("{wait: 2ms}")),
            (Some(Batch { max: 32, wait_us: 1000 }), Some(Batch { max: 32, wait_us: 2000 }))
        );
        assert_eq!(good("titan: v1\ntimeout: 1.5\nmemory: 2000000").config.timeout_ms, 1500);
        assert_eq!(good("titan: v1\nmemory: 2G").config.memory, 2_000_000_000);
        assert_eq!(good("titan: v1\nfiles:\n- data/*.csv\n- ./labels.txt").files, ["data/*.csv", "./labels.txt"]);
    }

    #[test]
    fn prose_and_other_yaml_are_ordinary_cells() {
        for source in [
            "# House prices",
            "Service: the one we all love",
            "service: a word",
            "service:\n  type: ClusterIP",
            "image: tensorflow",
            "- titan: v1",
            "```python\ntitan: v1\n```",
            "titan",
            "",
            "a: [",
            "---\n---",
        ] {
            assert!(of_markdown(source).is_none(), "{source:?}");
        }
        for source in ["\"\"\"yaml is fine\"\"\"", "'''doc'''", "x = '''yaml\ntitan: v1\n'''", "'''yaml\na'''+'''b'''"]
        {
            assert!(of_code(source).is_none(), "{source:?}");
        }
        assert!(of_code("'''\nyaml\ntitan: v1\n'''").unwrap().is_ok());
    }

    #[test]
    fn mistakes_name_the_key_and_the_remedy() {
        for (source, text) in [
            ("titan: v1\nmemory: lots", "memory is lots: write a number with a unit, as in 512MB"),
            ("titan: v1\nmemory: 512", "memory is 512 bytes: write it with a unit"),
            ("titan: v1\nmemory: -1GB", "memory is -1GB"),
            ("titan: v1\ncpu: many", "cpu is many"),
            ("titan: v1\ncpu: 0", "cpu is 0"),
            ("titan: v1\ncpu: .nan", "cpu is .nan"),
            ("titan: v1\nbatch: 32", "expected max and wait, as in {max: 32, wait: 1ms}"),
            ("titan: v1\nbatch: {size: 32}", "unknown field `size`, expected `max` or `wait`"),
            ("titan: v1\nbatch: {max: 1}", "batch has max 1, but must join from 2 to 256 rows"),
            ("titan: v1\nbatch: {max: 1000}", "batch has max 1000"),
            ("titan: v1\nbatch: {wait: soon}", "wait is soon: write a time with a unit, as in 1ms"),
            ("titan: v1\nbatch: {wait: 0}", "wait is 0"),
            (
                "titan: v1\nstate: kernel\nbatch: {}",
                "batch joins what several instances predict, and state: kernel has",
            ),
            ("titan: v1\ntimeout: 1\nbatch: {wait: 1s}", "batch has a wait of nothing, or as long as timeout"),
            ("titan: v1\ngpu: 1", "unknown field `gpu`, expected one of `image`, `cpu`"),
            ("titan: v1\ndebug: maybe", "expected a boolean"),
            ("titan: v2", "titan is v2: write titan: v1"),
            ("titan: v1\nstate: frozen", "unknown variant `frozen`"),
            ("titan: v1\nauth: password", "unknown variant `password`, expected `none` or `key`"),
            ("titan: v1\ntimeout: soon", "timeout is soon"),
            ("titan: v1\ntimeout: 0", "timeout is 0"),
            ("titan: v1\nmemory: [", "not valid YAML"),
            ("titan: v1\nfiles: data.csv", "invalid type: string"),
            (
                "titan: v1\nfiles: [a.csv, ../b.csv]",
                "'../b.csv' under files is not a path within the notebook's folder",
            ),
            ("titan: v1\nfiles: [/etc/passwd]", "'/etc/passwd' under files"),
            ("titan: v1\nfiles: ['']", "'' under files"),
            ("titan: v1\ncpu: 1\nservice: {image: x}", "cpu stands beside 'service'"),
            ("service: {image: x, cpu: 1, machine: {cpu: 2}}", "given twice"),
            ("service: {image: x, machine: {gpu: 2}}", "unknown field `gpu`"),
        ] {
            let error = bad(source);
            assert!(error.contains(text), "{source:?}: {error:?} should contain {text:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
        assert!(of_code("'''yaml\nimage: x\n'''").unwrap().unwrap_err().contains("titan: v1"));
    }

    proptest! {
        #[test]
        fn arbitrary_cells_never_panic(source in "\\PC{0,200}") {
            let _ = of_markdown(&source);
            let _ = of_markdown(&format!("titan: v1\n{source}"));
            let _ = of_code(&format!("'''yaml\n{source}'''"));
        }

        #[test]
        fn arbitrary_values_never_panic(value in "[-0-9a-zA-Z.:{}\\[\\]\"' ]{0,24}") {
            for key in KEYS {
                let _ = of_markdown(&format!("titan: v1\n{key}: {value}"));
            }
        }
    }
}
