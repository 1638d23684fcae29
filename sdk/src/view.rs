//! What the admin API shows for people to look at: notebooks, what changed in them, and the answers to requests that
//! were tried.

use serde::{Deserialize, Serialize};

/// A notebook to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// In notebook order.
    pub cells: Vec<Cell>,
}

/// A cell of a notebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// What kind of cell it is.
    pub kind: CellKind,
    /// Its text, as it was written.
    pub source: String,
    /// A Markdown cell's text as HTML without anything that runs, loads or links to scripts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// What a code cell showed when the notebook was saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

/// What kind of cell it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellKind {
    /// Text in Markdown.
    Markdown,
    /// Code.
    Code,
    /// Neither.
    Raw,
}

/// What a code cell showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Plain text.
    Text(String),
    /// HTML without anything that runs, loads or links to scripts.
    Html(String),
    /// A picture, as a `data:` URL.
    Image(String),
}

/// How a notebook became another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellChanges {
    /// In the order of the later notebook; cells that are gone stand where they stood.
    pub cells: Vec<CellChange>,
}

/// What became of one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellChange {
    /// What kind of cell it is.
    pub kind: CellKind,
    /// What happened to it.
    pub change: Change,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line of a changed cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `Same`, `Added` or `Removed`.
    pub change: Change,
    /// Without its end.
    pub text: String,
}

/// What happened to a cell or a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Nothing.
    Same,
    /// It is only in the later notebook.
    Added,
    /// It is only in the earlier notebook.
    Removed,
    /// Some of its lines changed.
    Changed,
}

/// A request to try on one version, active or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// `POST`.
    pub method: String,
    /// Path below the service, with its query: `/prediction?verbose=1`.
    pub path: String,
    /// The body's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// What a version answered to a [`Try`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The version that answered.
    pub version: String,
    /// HTTP status.
    pub status: u16,
    /// In the order they are sent.
    pub headers: Vec<(String, String)>,
    /// The body, if it is text.
    pub body: Option<String>,
    /// Bytes of the body.
    pub bytes: usize,
    /// Milliseconds from the request to the answer, within the gateway.
    pub took_ms: f64,
}
