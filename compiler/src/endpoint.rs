//! Endpoint annotations: the comment that makes a cell an endpoint, as in Jupyter Kernel Gateway's notebook-http mode.
//!
//! `# GET /path` begins an endpoint cell; cells with the same annotation are one endpoint, joined in notebook order.
//! `# ResponseInfo GET /path` begins a cell that prints the endpoint's status and headers. Leading blank lines are allowed.

use std::collections::HashSet;

use titan_sdk::manifest;
use titan_sdk::text::one_line;

use crate::error::CompileError;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

/// An HTTP endpoint and the code behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The component's export: `post-prediction`.
    pub name: String,
    /// Upper case: `POST`.
    pub method: String,
    /// `/users/:id`.
    pub path: String,
    /// Its cells, joined by newlines.
    pub source: String,
    /// Its `ResponseInfo` cells, joined by newlines.
    pub response_info: Option<String>,
    /// 1-based position of its first cell.
    pub after_cell: usize,
    /// 1-based positions of its cells.
    pub cell_indexes: Vec<usize>,
}

impl Endpoint {
    /// As the manifest describes it.
    pub fn manifest(&self) -> manifest::Endpoint {
        manifest::Endpoint {
            name: self.name.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            example: None,
        }
    }
}

/// What the first line of a code cell says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Annotation {
    Endpoint { method: String, path: String },
    ResponseInfo { method: String, path: String },
}

/// The annotation `source` begins with, if any. Case counts: `# get /tmp/data` is a comment like any other.
pub(crate) fn annotation(source: &str) -> Option<Annotation> {
    let mut words = source.trim_start().lines().next()?.split_whitespace();
    if words.next()? != "#" {
        return None;
    }
    let mut method = words.next()?;
    let info = method == "ResponseInfo";
    if info {
        method = words.next()?;
    }
    let path = words.next()?.to_owned();
    if !METHODS.contains(&method) || !path.starts_with('/') {
        return None;
    }
    let method = method.to_owned();
    Some(if info { Annotation::ResponseInfo { method, path } } else { Annotation::Endpoint { method, path } })
}

/// Collects endpoints from annotated cells.
#[derive(Default)]
pub(crate) struct Collector {
    endpoints: Vec<Endpoint>,
    infos: Vec<(usize, String, String, String)>,
    names: HashSet<String>,
}

impl Collector {
    pub(crate) fn add(&mut self, cell: usize, annotation: Annotation, source: &str) -> Result<(), CompileError> {
        match annotation {
            Annotation::ResponseInfo { method, path } => self.infos.push((cell, method, path, source.to_owned())),
            Annotation::Endpoint { method, path } => self.add_endpoint(cell, method, path, source)?,
        }
        Ok(())
    }

    fn add_endpoint(&mut self, cell: usize, method: String, path: String, source: &str) -> Result<(), CompileError> {
        if let Some(endpoint) = self.endpoints.iter_mut().find(|e| e.method == method && e.path == path) {
            endpoint.source.push('\n');
            endpoint.source.push_str(source);
            endpoint.cell_indexes.push(cell);
            return Ok(());
        }
        let wrong = |problem: String| CompileError::Endpoint { cell, problem: one_line(problem) };
        check_path(&path).map_err(|problem| wrong(format!("endpoint path {path:?} {problem}")))?;
        if let Some(other) = self.endpoints.iter().find(|e| e.method == method && shape(&e.path) == shape(&path)) {
            return Err(wrong(format!(
                "{method} {path} and {method} {} (cell {}) answer the same requests: use one annotation for both",
                other.path, other.after_cell
            )));
        }
        let name = self.unique_name(&method, &path);
        self.endpoints.push(Endpoint {
            name,
            method,
            path,
            source: source.to_owned(),
            response_info: None,
            after_cell: cell,
            cell_indexes: vec![cell],
        });
        Ok(())
    }

    /// Every endpoint in notebook order, with its `ResponseInfo`.
    pub(crate) fn finish(mut self) -> Result<Vec<Endpoint>, CompileError> {
        for (cell, method, path, source) in self.infos {
            let endpoint = self.endpoints.iter_mut().find(|e| e.method == method && e.path == path);
            let endpoint = endpoint.ok_or_else(|| CompileError::Endpoint {
                cell,
                problem: one_line(format!("ResponseInfo has no endpoint: begin a cell with '# {method} {path}'")),
            })?;
            match &mut endpoint.response_info {
                Some(info) => {
                    info.push('\n');
                    info.push_str(&source);
                }
                none => *none = Some(source),
            }
        }
        Ok(self.endpoints)
    }

    fn unique_name(&mut self, method: &str, path: &str) -> String {
        let name = export_name(method, path);
        let mut unique = name.clone();
        let mut count = 2;
        while !self.names.insert(unique.clone()) {
            unique = format!("{name}-n{count}");
            count += 1;
        }
        unique
    }
}

/// The path with its parameters' names taken out: two endpoints of one shape cannot be told apart.
fn shape(path: &str) -> String {
    let shape = |segment: &str| segment.split_once(':').map_or(segment.to_owned(), |(text, _)| format!("{text}:"));
    path.split('/').map(shape).collect::<Vec<_>>().join("/")
}

fn check_path(path: &str) -> Result<(), String> {
    if path.contains(['?', '#']) {
        return Err("holds '?' or '#': name the path only, query arguments arrive in REQUEST".into());
    }
    if path.chars().any(char::is_control) {
        return Err("holds a control character: remove it".into());
    }
    let mut names = HashSet::new();
    for (_, parameter) in path.split('/').filter_map(|segment| segment.split_once(':')) {
        if parameter.is_empty() {
            return Err("has a parameter without a name: write it as ':name'".into());
        }
        if !names.insert(parameter) {
            return Err(format!("names the parameter ':{parameter}' twice: give each its own name"));
        }
    }
    Ok(())
}

/// A kebab name of the component model: words of `a-z0-9` that begin with a letter. Other characters separate words; a word that
/// begins with a digit gets an `n` in front.
fn export_name(method: &str, path: &str) -> String {
    let mut name = method.to_ascii_lowercase();
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let before = name.len();
    for word in words {
        name.push('-');
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            name.push('n');
        }
        name.push_str(&word.to_ascii_lowercase());
    }
    if name.len() == before {
        name.push_str("-root");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use titan_sdk::manifest::is_kebab_name;

    fn collect(cells: &[&str]) -> Result<Vec<Endpoint>, CompileError> {
        let mut collector = Collector::default();
        for (index, source) in cells.iter().enumerate() {
            if let Some(found) = annotation(source) {
                collector.add(index + 1, found, source)?;
            }
        }
        collector.finish()
    }

    #[test]
    fn annotations_are_those_of_kernel_gateway() {
        let endpoint =
            |method: &str, path: &str| Some(Annotation::Endpoint { method: method.into(), path: path.into() });
        assert_eq!(annotation("# GET /loss\nprint(1)"), endpoint("GET", "/loss"));
        assert_eq!(annotation("#   POST\t/a/:b  trailing words"), endpoint("POST", "/a/:b"));
        assert_eq!(annotation("\n\n# PATCH /x"), endpoint("PATCH", "/x"));
        let info = Annotation::ResponseInfo { method: "GET".into(), path: "/x".into() };
        assert_eq!(annotation("# ResponseInfo GET /x"), Some(info));
        for not in [
            "#GET /x",
            "# get /tmp/data.csv",
            "# responseinfo GET /x",
            "## GET /x",
            "# GET x",
            "# GET",
            "# HEAD /x",
            "x = 1\n# GET /x",
            "",
            "#",
            "# ResponseInfo",
        ] {
            assert_eq!(annotation(not), None, "{not:?}");
        }
    }

    #[test]
    fn cells_with_the_same_annotation_are_joined() {
        let found = collect(&["# GET /a\nx", "y", "# GET /a\nz", "# ResponseInfo GET /a\ni"]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].source, "# GET /a\nx\n# GET /a\nz");
        assert_eq!((found[0].after_cell, &found[0].cell_indexes), (1, &vec![1, 3]));
        assert_eq!(found[0].response_info.as_deref(), Some("# ResponseInfo GET /a\ni"));
    }

    #[test]
    fn export_names_are_valid_and_unique() {
        let paths = ["/loss", "/users/:id", "/2024/a", "/a-b", "/a/b", "/a_b", "/", "/größe", "/:a/:b"];
        let cells: Vec<_> = paths.iter().map(|path| format!("# GET {path}")).collect();
        let found = collect(&cells.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let names: Vec<_> = found.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "get-loss",
                "get-users-id",
                "get-n2024-a",
                "get-a-b",
                "get-a-b-n2",
                "get-a-b-n3",
                "get-root",
                "get-gr-e",
                "get-a-b-n4"
            ]
        );
    }

    #[test]
    fn what_cannot_be_served_names_the_cell_and_the_remedy() {
        for (cells, text) in [
            (vec!["# GET /a?b=1"], "cell 1: endpoint path \"/a?b=1\""),
            (vec!["# GET /a/:"], "without a name"),
            (vec!["# GET /:a/:a"], "twice"),
            (vec!["# GET /u/:id", "# GET /u/:name"], "cell 2: GET /u/:name and GET /u/:id (cell 1)"),
            (vec!["# GET /u-:a/:a"], "twice"),
            (vec!["# GET /u-:id", "# GET /u-:name"], "answer the same requests"),
            (vec!["# GET /u", "# ResponseInfo GET /v"], "cell 2: ResponseInfo has no endpoint"),
        ] {
            let error = collect(&cells).unwrap_err().to_string();
            assert!(error.contains(text), "{error:?} should contain {text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_path_gives_kebab_names_without_doubles(paths in proptest::collection::hash_set("/[a-z0-9A-Z_/.%é-]{0,12}", 0..12)) {
            let cells: Vec<_> = paths.iter().map(|path| format!("# DELETE {path}")).collect();
            let found = collect(&cells.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            let names: HashSet<_> = found.iter().map(|e| e.name.clone()).collect();
            prop_assert_eq!(names.len(), paths.len());
            for name in names {
                prop_assert!(is_kebab_name(&name), "{}", name);
            }
        }
    }
}
