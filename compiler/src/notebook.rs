//! The notebook as Titan sees it: cells to run, endpoints, settings, and the service's name.
//!
//! Reads nbformat 4 JSON and knows what cells mean by their form alone; no Python runs here.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use titan_sdk::manifest::{ManifestError, is_service_name};
use titan_sdk::text::one_line;

use crate::config::{self, Settings};
use crate::endpoint::{self, Collector, Endpoint};
use crate::error::CompileError;
use crate::options::Options;

/// A notebook, understood.
#[derive(Clone, Debug)]
pub struct Notebook {
    /// The file, absolute.
    pub path: PathBuf,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// The name it is served under.
    pub service: String,
    /// The cells to run, in notebook order: no endpoints, no config, no empty ones.
    pub cells: Vec<Cell>,
    /// In the order of their first cells.
    pub endpoints: Vec<Endpoint>,
    /// The config cell's, with [`Options`] applied.
    pub settings: Settings,
}

/// A code cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// 1-based position among all cells of the notebook.
    pub index: usize,
    /// Its code.
    pub source: String,
}

#[derive(Deserialize)]
struct Ipynb {
    nbformat: u32,
    #[serde(default)]
    metadata: Metadata,
    cells: Option<Vec<IpynbCell>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    kernelspec: Language,
    #[serde(default)]
    language_info: Language,
}

/// `kernelspec` calls it `language`, `language_info` calls it `name`; `kernelspec` also has a `name`, of the kernel.
#[derive(Default, Deserialize)]
struct Language {
    language: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct IpynbCell {
    cell_type: String,
    source: Source,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Text(String),
    Lines(Vec<String>),
}

impl Source {
    fn text(self) -> String {
        match self {
            Source::Text(text) => text,
            Source::Lines(lines) => lines.concat(),
        }
    }
}

impl Notebook {
    /// Reads and understands the file at `path`. Of `options`, `image` and `name` replace what the notebook says.
    ///
    /// # Errors
    /// A file that cannot be read or is no Python notebook, a config cell or an endpoint with a mistake, no endpoint.
    pub fn read(path: &Path, options: &Options) -> Result<Notebook, CompileError> {
        let unreadable = |cause| CompileError::Read { path: path.into(), cause };
        let bytes = fs::read(path).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let mut notebook = Notebook::parse(&absolute, bytes, options.name.as_deref())?;
        if let Some(image) = &options.image {
            notebook.settings.config.image.clone_from(image);
        }
        Ok(notebook)
    }

    /// Understands `bytes` as the content of the file `path`, which is not touched. `name` replaces the stem as the service's
    /// name.
    ///
    /// # Errors
    /// As [`Notebook::read`], but for reading.
    pub fn parse(path: &Path, bytes: Vec<u8>, name: Option<&str>) -> Result<Notebook, CompileError> {
        let service = service_name(path, name)?;
        let (mut cells, mut endpoints) = (Vec::new(), Collector::default());
        let mut settings: Option<(usize, Settings)> = None;
        for (index, cell) in read_cells(path, &bytes)?.into_iter().enumerate() {
            let index = index + 1;
            let code = cell.cell_type == "code";
            let source = cell.source.text();
            let config = match cell.cell_type.as_str() {
                "code" => config::of_code(&source),
                "markdown" => config::of_markdown(&source),
                _ => None,
            };
            if let Some(config) = config {
                if let Some((first, _)) = settings {
                    return Err(CompileError::DuplicateConfig { first, second: index });
                }
                let config = config.map_err(|problem| CompileError::Config { cell: index, problem })?;
                settings = Some((index, config));
            } else if !code || source.trim().is_empty() {
                // Neither run nor served.
            } else if let Some(annotation) = endpoint::annotation(&source) {
                endpoints.add(index, annotation, &source)?;
            } else {
                cells.push(Cell { index, source });
            }
        }
        let endpoints = endpoints.finish()?;
        if endpoints.is_empty() {
            return Err(CompileError::NoEndpoint { path: path.into() });
        }
        let settings = settings.map(|(_, settings)| settings).unwrap_or_default();
        Ok(Notebook { path: path.into(), bytes, service, cells, endpoints, settings })
    }

    /// What it installs on top of its image: the config cell's commands, and the lines of its cells that call pip.
    pub fn installs(&self) -> Vec<&str> {
        let lines = self.cells.iter().flat_map(|cell| cell.source.lines());
        let pip = lines.filter(|line| line.contains("pip install") && !line.trim_start().starts_with('#'));
        self.settings.commands.iter().map(String::as_str).chain(pip).collect()
    }

    /// The folder it runs in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

fn read_cells(path: &Path, bytes: &[u8]) -> Result<Vec<IpynbCell>, CompileError> {
    let wrong = |problem: String, remedy| {
        let problem = one_line(problem);
        CompileError::NotANotebook { path: path.into(), problem, remedy }
    };
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let notebook: Ipynb =
        serde_json::from_slice(json).map_err(|e| wrong(e.to_string(), "name an .ipynb file that Jupyter wrote"))?;
    if notebook.nbformat != 4 {
        let problem = format!("its nbformat is {}, not 4", notebook.nbformat);
        return Err(wrong(problem, "open it in Jupyter and save it again"));
    }
    let Metadata { kernelspec, language_info } = notebook.metadata;
    if let Some(language) = kernelspec.language.or(language_info.name) {
        // Kernels name the language as they like: "python", "Python", "ipython".
        if !language.to_ascii_lowercase().contains("python") {
            return Err(wrong(format!("its language is {language}"), "titan runs notebooks in Python"));
        }
    }
    notebook.cells.ok_or_else(|| wrong("it has no list of cells".into(), "name an .ipynb file that Jupyter wrote"))
}

/// The name given, or the file's stem in lower case with `-` for what may not stand in a service's name.
///
/// # Errors
/// A name that no service may have, or a file without a usable one.
pub fn service_name(path: &Path, name: Option<&str>) -> Result<String, CompileError> {
    if let Some(name) = name {
        return if is_service_name(name) { Ok(name.into()) } else { Err(ManifestError::Service(name.into()).into()) };
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut service = String::new();
    for character in stem.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' | '_' | '.' => service.push(character),
            _ if service.ends_with('-') => {}
            _ => service.push('-'),
        }
    }
    let service = service.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    // Every character is one byte here.
    let service = service[..service.len().min(63)].trim_end_matches('-');
    if is_service_name(service) { Ok(service.into()) } else { Err(CompileError::NoName { stem: stem.into_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn notebook(cells: &[(&str, &str)]) -> Vec<u8> {
        let cells: Vec<_> = cells
            .iter()
            .map(|(kind, source)| json!({"cell_type": kind, "metadata": {}, "source": source, "outputs": []}))
            .collect();
        json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).to_string().into_bytes()
    }

    fn parse(bytes: impl Into<Vec<u8>>) -> Result<Notebook, CompileError> {
        Notebook::parse(Path::new("/x/House Price.ipynb"), bytes.into(), None)
    }

    #[test]
    fn cells_are_sorted_into_code_endpoints_and_config() {
        let read = parse(notebook(&[
            ("markdown", "# Title"),
            ("markdown", "titan: v1\ncpu: 2"),
            ("code", "x = 1"),
            ("raw", "titan: v1"),
            ("code", "  \n"),
            ("code", "# GET /x\nprint(x)"),
            ("code", "y = 2"),
        ]))
        .unwrap();
        assert_eq!(read.service, "house-price");
        assert_eq!(read.cells.iter().map(|cell| cell.index).collect::<Vec<_>>(), [3, 7]);
        assert_eq!((read.endpoints[0].after_cell, read.endpoints[0].name.as_str()), (6, "get-x"));
        assert_eq!(read.settings.config.cpu, 2.0);
    }

    #[test]
    fn a_source_may_be_a_list_of_lines() {
        let mut value: Value = serde_json::from_slice(&notebook(&[("code", "")])).unwrap();
        value["cells"][0]["source"] = json!(["# GET /x\n", "print(1)\n", "print(2)"]);
        assert_eq!(parse(value.to_string()).unwrap().endpoints[0].source, "# GET /x\nprint(1)\nprint(2)");
        assert!(parse(format!("\u{feff}{value}")).is_ok(), "a byte order mark is harmless");
    }

    #[test]
    fn what_is_no_python_notebook_says_so() {
        for (bytes, text) in [
            ("", "not a notebook"),
            ("PK\u{3}\u{4}", "not a notebook"),
            ("{}", "nbformat"),
            ("[1, 2]", "not a notebook"),
            (r#"{"nbformat": 3, "worksheets": []}"#, "nbformat is 3"),
            (r#"{"nbformat": 4}"#, "no list of cells"),
            (
                r#"{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "R", "name": "ir"}}}"#,
                "language is R",
            ),
            (r#"{"nbformat": 4, "cells": [{"cell_type": "code"}]}"#, "source"),
            (r#"{"nbformat": 4, "cells": []}"#, "has no endpoint"),
        ] {
            let error = parse(bytes).unwrap_err().to_string();
            assert!(error.contains(text) && !error.contains('\n'), "{error:?} should contain {text:?}");
        }
    }

    #[test]
    fn two_config_cells_are_named() {
        let cells = [("markdown", "titan: v1"), ("code", "# GET /x"), ("code", "'''yaml\ntitan: v1\n'''")];
        let error = parse(notebook(&cells)).unwrap_err().to_string();
        assert!(error.contains("cells 1 and 3 are both config cells"), "{error}");
    }

    #[test]
    fn the_stem_names_the_service() {
        let name = |path: &str| service_name(Path::new(path), None);
        assert_eq!(name("/a/House Price (final).ipynb").unwrap(), "house-price-final");
        assert_eq!(name("model_v2.1.ipynb").unwrap(), "model_v2.1");
        assert_eq!(name(&format!("{}.ipynb", "x".repeat(99))).unwrap().len(), 63);
        assert!(matches!(name("日本.ipynb"), Err(CompileError::NoName { .. })));
        assert_eq!(service_name(Path::new("a.ipynb"), Some("other")).unwrap(), "other");
        assert!(service_name(Path::new("a.ipynb"), Some("Not/Good")).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(bytes).is_err());
        }

        #[test]
        fn arbitrary_cells_never_panic(cells in proptest::collection::vec(("code|markdown|raw|odd", "(# (GET|post|ResponseInfo GET) /[a-z:/]{0,5}\n|titan: v1\n|service:\n image: |'''yaml\n)?\\PC{0,40}('''|```)?"), 0..8)) {
            let cells: Vec<_> = cells.iter().map(|(kind, source)| (kind.as_str(), source.as_str())).collect();
            if let Ok(read) = parse(notebook(&cells)) {
                prop_assert!(!read.endpoints.is_empty());
            }
        }

        #[test]
        fn any_file_name_gives_a_valid_name_or_an_error(stem in "\\PC{0,80}") {
            if let Ok(name) = service_name(&Path::new("/x").join(format!("{stem}.ipynb")), None) {
                prop_assert!(is_service_name(&name), "{}", name);
            }
        }
    }
}
