//! `titan logs`: shows a service's log.

use std::io::{self, BufRead, Write};

use anyhow::Context;
use titan_sdk::api::{LogKind, LogLine};

use crate::args::LogsArgs;
use crate::time::time;

pub fn run(args: &LogsArgs) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let lines = client.logs(&args.service, args.version.as_deref(), args.lines, args.follow)?;
    let mut out = io::stdout().lock();
    for line in lines.lines() {
        let json = line.context("the gateway has gone while its log was read: run 'titan logs' again")?;
        if args.format.json {
            writeln!(out, "{json}")?;
            continue;
        }
        let line = serde_json::from_str(&json).context("the gateway sends a line that is none: use its own titan")?;
        writeln!(out, "{}", text(&line))?;
    }
    Ok(())
}

/// A line as people read it. The lines of a traceback stand below each other.
fn text(line: &LogLine) -> String {
    let mark = match line.kind {
        LogKind::Stderr => "",
        LogKind::Error => "error ",
        LogKind::Gap => "gap ",
    };
    let [endpoint, error_id] = [&line.endpoint, &line.error_id].map(|part| part.as_deref().unwrap_or("-"));
    // What a handler prints must not steer the terminal.
    let visible = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    let text: String = line.text.chars().map(visible).collect();
    let text = text.replace('\n', "\n    ");
    format!("{} {} {endpoint} {error_id} {mark}{text}", time(line.time), line.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_it_comes_from_and_cannot_steer_the_terminal() {
        let mut line = LogLine {
            time: 1_772_366_400_000,
            version: "v2".into(),
            endpoint: Some("GET /x".into()),
            error_id: Some("0f".into()),
            kind: LogKind::Error,
            text: "Traceback:\n  \u{1b}[2JValueError".into(),
        };
        assert_eq!(text(&line), "2026-03-01T12:00:00Z v2 GET /x 0f error Traceback:\n      \u{fffd}[2JValueError");
        (line.endpoint, line.error_id, line.kind) = (None, None, LogKind::Stderr);
        assert!(text(&line).starts_with("2026-03-01T12:00:00Z v2 - - Traceback"), "{}", text(&line));
    }
}
