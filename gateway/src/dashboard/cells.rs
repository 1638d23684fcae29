//! A notebook's cells, to look at. Notebooks come from whoever deploys, and are shown to whoever administers: what
//! leaves here as HTML was cleaned of everything that runs, loads from elsewhere, or looks like a part of the page.

use std::collections::HashSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde::Deserialize;
use serde_json::{Map, Value};
use titan_sdk::view::{Cell, CellKind, Cells, Output};

/// The parts of nbformat 4 that are shown.
#[derive(Deserialize)]
struct Notebook {
    cells: Vec<RawCell>,
}

#[derive(Deserialize)]
struct RawCell {
    cell_type: String,
    source: Text,
    #[serde(default)]
    outputs: Vec<RawOutput>,
}

/// Text is one string, or a list of lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Lines(Vec<String>),
}

#[derive(Deserialize)]
#[serde(tag = "output_type", rename_all = "snake_case")]
enum RawOutput {
    Stream {
        text: Text,
    },
    ExecuteResult {
        data: Map<String, Value>,
    },
    DisplayData {
        data: Map<String, Value>,
    },
    Error {
        ename: String,
        evalue: String,
    },
    #[serde(other)]
    Other,
}

/// Reads the cells of a notebook.
///
/// # Errors
/// It is no notebook.
pub(crate) fn read(notebook: &[u8]) -> Result<Cells, serde_json::Error> {
    let notebook: Notebook = serde_json::from_slice(notebook)?;
    Ok(Cells { cells: notebook.cells.into_iter().map(cell).collect() })
}

fn cell(cell: RawCell) -> Cell {
    let kind = match cell.cell_type.as_str() {
        "markdown" => CellKind::Markdown,
        "code" => CellKind::Code,
        _ => CellKind::Raw,
    };
    let source = cell.source.whole();
    let html = (kind == CellKind::Markdown).then(|| markdown(&source));
    Cell { kind, source, html, outputs: cell.outputs.into_iter().filter_map(output).collect() }
}

/// Markdown as clean HTML. Its headings go below those of the page; a picture is what its alternative text says.
fn markdown(source: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(source, options).filter_map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        event => Some(event),
    });
    let mut text = String::new();
    html::push_html(&mut text, events);
    clean(&text)
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

fn clean(html: &str) -> String {
    ammonia::Builder::default()
        .rm_tags(["img", "map", "area"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .clean(html)
        .to_string()
}

/// An output in the richest form that can be shown.
fn output(output: RawOutput) -> Option<Output> {
    match output {
        RawOutput::Stream { text } => Some(Output::Text(plain(&text.whole()))),
        RawOutput::ExecuteResult { data } | RawOutput::DisplayData { data } => shown(&data),
        RawOutput::Error { ename, evalue } => Some(Output::Text(plain(&format!("{ename}: {evalue}")))),
        RawOutput::Other => None,
    }
}

fn shown(data: &Map<String, Value>) -> Option<Output> {
    let text = |kind: &str| data.get(kind).and_then(|value| Text::deserialize(value).ok()).map(Text::whole);
    for kind in ["image/png", "image/jpeg"] {
        if let Some(encoded) = text(kind).map(|text| text.split_whitespace().collect::<String>())
            && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        {
            return Some(Output::Image(format!("data:{kind};base64,{encoded}")));
        }
    }
    if let Some(svg) = text("image/svg+xml") {
        // In an <img> nothing of it runs or loads.
        return Some(Output::Image(format!("data:image/svg+xml,{}", utf8_percent_encode(&svg, NON_ALPHANUMERIC))));
    }
    // What draws itself with scripts is empty once it is clean.
    let html = text("text/html").map(|html| clean(&html)).filter(|html| !html.trim().is_empty());
    html.map(Output::Html).or_else(|| text("text/plain").map(|text| Output::Text(plain(&text))))
}

/// Without the escape sequences that colour a terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\x1b' {
            plain.push(next);
        } else if rest.next() == Some('[') {
            // A control sequence ends with its first letter.
            rest.by_ref().find(|end| ('@'..='~').contains(end));
        }
    }
    plain
}

impl Text {
    fn whole(self) -> String {
        match self {
            Text::Whole(text) => text,
            Text::Lines(lines) => lines.concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn only(cell: Value) -> Cell {
        read(json!({"cells": [cell]}).to_string().as_bytes()).unwrap().cells.remove(0)
    }

    fn rendered(source: &str) -> String {
        only(json!({"cell_type": "markdown", "source": source})).html.unwrap()
    }

    #[test]
    fn markdown_becomes_html_below_the_headings_of_the_page() {
        let html = rendered("# House prices\n\n| a | b |\n| - | - |\n| 1 | *2* |\n\n```yaml\ntitan: v1\n```\n");
        assert!(html.contains("<h3>House prices</h3>") && html.contains("<td><em>2</em></td>"), "{html}");
        assert!(html.contains("<pre><code>titan: v1\n</code></pre>"), "{html}");
    }

    #[test]
    fn nothing_that_runs_or_loads_is_left() {
        let attacks = [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "![pixel](https://evil.example/pixel.png)",
            "[link](javascript:alert(1))",
            "[link](data:text/html,<script>alert(1)</script>)",
            "<svg onload=alert(1)><animate/></svg>",
            "<iframe src=https://evil.example></iframe>",
            "<form action=/v1/services/a/rollback method=post><button>Go</button></form>",
            "<style>body { display: none }</style><p style='position:fixed;inset:0'>x</p>",
            "<a href=\"//evil.example\" id=main class=button onclick=alert(1)>x</a>",
            "<math><mtext></p><style><img src=x onerror=alert(1)></style></mtext></math>",
        ];
        for attack in attacks {
            let html = rendered(attack);
            for part in ["<script", "onerror", "onload", "onclick", "<img", "javascript:", "<svg", "<iframe", "<form"] {
                assert!(!html.contains(part), "{part} of {attack} is left: {html}");
            }
            for part in ["style", "class=", "id=", "evil.example", "data:"] {
                assert!(!html.contains(part), "{part} of {attack} is left: {html}");
            }
        }
        assert_eq!(rendered("![a picture](x.png)"), "<p>a picture</p>\n");
    }

    #[test]
    fn outputs_are_shown_in_their_richest_form() {
        let png = json!({"output_type": "display_data", "data": {"image/png": "aGk=\n", "text/plain": ["<Figure>"]}});
        let table =
            json!({"output_type": "execute_result", "data": {"text/html": "<table><tr><td>1</td></tr></table>"}});
        let script =
            json!({"output_type": "display_data", "data": {"text/html": "<script>1</script>", "text/plain": "plot"}});
        let stream = json!({"output_type": "stream", "name": "stdout", "text": ["\u{1b}[31mloss\u{1b}[0m\n", "0.3"]});
        let error = json!({"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []});
        let outputs = [png, table, script, stream, error, json!({"output_type": "new"})];
        let cell = only(json!({"cell_type": "code", "source": ["a\n", "b"], "outputs": outputs}));
        assert_eq!((cell.kind, cell.source.as_str(), cell.html), (CellKind::Code, "a\nb", None));
        let text = |text: &str| Output::Text(text.into());
        assert_eq!(cell.outputs[0], Output::Image("data:image/png;base64,aGk=".into()));
        assert!(matches!(&cell.outputs[1], Output::Html(html) if html.contains("<td>1</td>")));
        assert_eq!(cell.outputs[2..], [text("plot"), text("loss\n0.3"), text("KeyError: 'x'")]);
    }

    #[test]
    fn what_is_no_notebook_is_an_error() {
        for bytes in [&b"{}"[..], b"", b"{\"cells\": [{}]}", b"\xff"] {
            assert!(read(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_markdown_is_safe(source in ".{0,200}") {
            let html = rendered(&source);
            prop_assert!(!html.contains("<script") && !html.contains("<img"), "{}", html);
        }
    }
}
