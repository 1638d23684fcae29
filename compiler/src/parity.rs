//! The parity check: the finished component answers every endpoint's sample request, and its answer is compared with the one
//! the notebook's kernel gave.
//!
//! This module decides what a difference means. What is the same says [`titan_sdk::comparison`]; who answered in the kernel, and how, is
//! the affair of `titan_freeze`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use similar::TextDiff;
use titan_sdk::budget::Budget;
use titan_sdk::comparison::{rearranged, same};
use titan_sdk::engine::Engine;
use titan_sdk::host::{Limits, Program, Response, Runtime};
use titan_sdk::inference::Graph;
use titan_sdk::manifest::{self, Config, Endpoint, MAX_ANSWER, MAX_EXAMPLE, Outcome, Parity};

use crate::answers::{Answer, KernelAnswers};
use crate::error::CompileError;
use crate::interrupt::Interrupt;
use crate::snapshot::SnapshotError;

/// As `titan_freeze.outside` calls what only explains that the same words come in another order.
const ORDER: &str = "the order of sets";
/// And what the notebook has and no version does.
const NETWORK: &str = "the network";
/// Lines of a difference that are shown, and characters of a line.
const SHOWN: (usize, usize) = (40, 200);
/// Characters of an exception that are shown in a reason.
const EXCEPTION: usize = 100;

/// A finished component, with what a gateway would run it with.
pub(crate) struct Subject<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) engine: &'a Engine,
    pub(crate) component: &'a [u8],
    pub(crate) endpoints: &'a [Endpoint],
    pub(crate) graphs: HashMap<String, Arc<Graph>>,
    pub(crate) config: &'a Config,
}

/// How an endpoint fared.
pub(crate) struct Finding {
    pub(crate) parity: Parity,
    /// The two answers, where they differ.
    difference: Option<String>,
}

/// Compares every endpoint of `subject` with what the kernel answered. Blocks.
///
/// # Errors
/// A component that cannot be run, or an interrupt.
pub(crate) fn check(
    subject: &Subject<'_>,
    kernel: &[KernelAnswers],
    interrupt: &Interrupt,
) -> Result<Vec<Finding>, CompileError> {
    let failed = |cause: String| CompileError::from(SnapshotError::Engine(cause));
    let program = subject.runtime.load_bytes(subject.engine, subject.component, subject.endpoints);
    let program = program.map_err(SnapshotError::Host)?;
    let budget = Budget::new(subject.config.memory);
    let weights = subject.graphs.values().map(|graph| graph.weight_bytes()).sum();
    let limit = subject.config.memory;
    let _weights = budget.charge(weights).ok_or_else(|| SnapshotError::out_of_memory(limit))?;
    let limits = Limits { budget, graphs: Arc::new(subject.graphs.clone()), ..Limits::unlimited() };
    let timeout = Duration::from_millis(subject.config.timeout_ms);
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let executor = executor.map_err(|e| failed(e.to_string()))?;
    let check_all = async {
        let mut findings = Vec::new();
        for (number, endpoint) in subject.endpoints.iter().enumerate() {
            let finding = match kernel.iter().find(|answers| answers.endpoint == endpoint.name) {
                None => Finding::not_checkable("the notebook's Python ended before it answered"),
                Some(kernel) => match unanswered(kernel) {
                    Some(reason) => Finding::not_checkable(reason),
                    None => {
                        let ours = answer(&program, number, &kernel.request, &limits, timeout).await;
                        judge(kernel, &ours).with(kept(&ours))
                    }
                },
            };
            findings.push(finding.of(endpoint));
        }
        findings
    };
    executor.block_on(async {
        tokio::select! {
            findings = check_all => Ok(findings),
            () = interrupt.asked() => Err(CompileError::Interrupted),
        }
    })
}

/// # Errors
/// At least one endpoint differs.
pub(crate) fn refuse_differences(findings: &[Finding], endpoints: &[Endpoint]) -> Result<(), CompileError> {
    let mut names = Vec::new();
    let mut detail = String::new();
    for (finding, endpoint) in findings.iter().zip(endpoints) {
        if let Some(difference) = &finding.difference {
            names.push(label(endpoint));
            detail += &format!("{}\n{difference}\n", label(endpoint));
        }
    }
    if names.is_empty() { Ok(()) } else { Err(CompileError::Parity { endpoints: names.join(", "), detail }) }
}

fn label(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.method, endpoint.path)
}

impl Finding {
    fn new(outcome: Outcome, difference: Option<String>) -> Finding {
        Finding { parity: Parity { endpoint: String::new(), outcome, answer: None }, difference }
    }

    fn not_checkable(reason: impl Into<String>) -> Finding {
        Finding::new(Outcome::NotCheckable { reason: reason.into() }, None)
    }

    fn with(mut self, answer: Option<manifest::Answer>) -> Finding {
        self.parity.answer = answer;
        self
    }

    fn of(mut self, endpoint: &Endpoint) -> Finding {
        self.parity.endpoint.clone_from(&endpoint.name);
        self
    }
}

/// Answers in an instance of its own, as the first request to a version does.
async fn answer(program: &Program, endpoint: usize, request: &str, limits: &Limits, timeout: Duration) -> Answer {
    let called = async { program.instantiate(limits.clone()).await?.call(endpoint, request, timeout).await };
    match called.await {
        Ok(Ok(response)) => Answer::Response(response),
        Ok(Err(failure)) => Answer::Raised(failure.error),
        Err(error) => Answer::Raised(error.to_string()),
    }
}

/// The endpoint's sample request, if the notebook has one that can be shown to people.
pub(crate) fn example(endpoint: &Endpoint, kernel: &[KernelAnswers]) -> Option<serde_json::Value> {
    let sample = kernel.iter().find(|answers| answers.endpoint == endpoint.name && answers.mock)?;
    serde_json::from_str(&sample.request).ok().filter(|_| sample.request.len() <= MAX_EXAMPLE)
}

/// An answer as the manifest keeps it, if it is short text.
fn kept(answer: &Answer) -> Option<manifest::Answer> {
    let Answer::Response(Response { status, body, .. }) = answer else { return None };
    let body = str::from_utf8(body).ok().filter(|body| body.len() <= MAX_ANSWER)?;
    Some(manifest::Answer { status: *status, body: body.into() })
}

/// Why the kernel has no answer to compare with, if so.
fn unanswered(kernel: &KernelAnswers) -> Option<String> {
    if kernel.answers.is_empty() {
        return Some("no mock REQUEST".into());
    }
    kernel.answers.iter().find_map(|answer| match answer {
        Answer::Missing(reason) => Some(reason.clone()),
        _ => None,
    })
}

/// Compares the answers of one endpoint.
fn judge(kernel: &KernelAnswers, ours: &Answer) -> Finding {
    let Some(theirs) = kernel.answers.first() else { return Finding::not_checkable("no mock REQUEST") };
    if let (Answer::Raised(theirs), Answer::Raised(ours)) = (theirs, ours) {
        return Finding::not_checkable(if kernel.mock { both_raise(theirs, ours) } else { "no mock REQUEST".into() });
    }
    if !kernel.answers.iter().all(|other| agree(theirs, other)) {
        let reason = depends_on(&kernel.outside);
        return Finding::not_checkable(reason.unwrap_or("its answers differ from one call to the next".into()));
    }
    if agree(theirs, ours) {
        return Finding::new(Outcome::Checked, None);
    }
    // Time and chance change an answer, but break no endpoint: one that answers in the notebook and fails in a version
    // fails for another reason. The network is there in the notebook only.
    let broken = matches!(ours, Answer::Raised(_));
    let explains = |what: &&String| match what.as_str() {
        ORDER => matches!((theirs, ours), (Answer::Response(one), Answer::Response(other)) if rearranged(one, other)),
        NETWORK => true,
        _ => !broken,
    };
    if let Some(reason) = depends_on(kernel.outside.iter().filter(explains)) {
        return Finding::not_checkable(reason);
    }
    Finding::new(Outcome::Differs, Some(difference(theirs, ours)))
}

/// A reason, if there is anything it depends on.
fn depends_on<'a>(outside: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let outside: Vec<_> = outside.into_iter().map(String::as_str).collect();
    (!outside.is_empty()).then(|| format!("it depends on {}", outside.join(" and ")))
}

fn agree(one: &Answer, other: &Answer) -> bool {
    match (one, other) {
        (Answer::Response(one), Answer::Response(other)) => same(one, other),
        (Answer::Raised(one), Answer::Raised(other)) => kind(one) == kind(other),
        _ => false,
    }
}

/// The type of the exception whose last line this is.
fn kind(exception: &str) -> &str {
    exception.split(':').next().unwrap_or_default()
}

fn both_raise(theirs: &str, ours: &str) -> String {
    let shown = |exception: &str| clipped(&exception.split_whitespace().collect::<Vec<_>>().join(" "), EXCEPTION);
    if kind(theirs) == kind(ours) {
        format!("it raises {} in both", shown(theirs))
    } else {
        format!("it fails in both: {} in the notebook, {} in the component", kind(theirs), kind(ours))
    }
}

/// The two answers as a unified diff.
fn difference(theirs: &Answer, ours: &Answer) -> String {
    let (theirs, ours) = (text(theirs), text(ours));
    let diff = TextDiff::from_lines(&theirs, &ours);
    let diff =
        diff.unified_diff().context_radius(2).missing_newline_hint(false).header("notebook", "component").to_string();
    let mut lines: Vec<_> = diff.lines().map(|line| clipped(line, SHOWN.1)).collect();
    if lines.len() > SHOWN.0 {
        let more = lines.len() - SHOWN.0;
        lines.truncate(SHOWN.0);
        lines.push(format!("... and {more} lines more"));
    }
    lines.join("\n")
}

/// An answer as lines of text. JSON is laid out with an element a line.
fn text(answer: &Answer) -> String {
    match answer {
        Answer::Response(Response { status, headers, body }) => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            let body = match serde_json::from_slice::<serde_json::Value>(body) {
                Ok(json) if json.is_object() || json.is_array() => format!("{json:#}"),
                _ => match str::from_utf8(body) {
                    Ok(text) => text.into(),
                    Err(_) => format!("{} bytes, beginning with {:02x?}", body.len(), &body[..body.len().min(16)]),
                },
            };
            format!("status: {status}\n{headers}\n{body}\n")
        }
        Answer::Raised(error) => format!("raises {error}\n"),
        Answer::Missing(reason) => format!("no answer: {reason}\n"),
    }
}

fn clipped(text: &str, most: usize) -> String {
    let mut clipped: String = text.chars().take(most).collect();
    if clipped.len() < text.len() {
        clipped.push_str("...");
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> Answer {
        let headers = vec![("Content-Type".into(), "text/plain".into())];
        Answer::Response(Response { status: 200, headers, body: body.into() })
    }

    fn raised(text: &str) -> Answer {
        Answer::Raised(text.into())
    }

    fn kernel(outside: &[&str], answers: &[Answer]) -> KernelAnswers {
        KernelAnswers {
            endpoint: "get-x".into(),
            request: "{}".into(),
            mock: true,
            outside: outside.iter().map(|what| (*what).into()).collect(),
            answers: answers.to_vec(),
        }
    }

    #[test]
    fn every_pair_of_answers_has_its_outcome() {
        let (a, b) = (said("a"), said("b"));
        let error = raised("KeyError: 'x'");
        for (outside, [first, second], ours, expected) in [
            (&[][..], [&a, &a], &a, "checked"),
            (&["time"], [&a, &a], &a, "checked"),
            (&[], [&a, &a], &b, "differs"),
            (&[], [&a, &b], &b, "not checkable: its answers differ from one call to the next"),
            (&["time", "randomness"], [&a, &b], &b, "not checkable: it depends on time and randomness"),
            (&["time"], [&a, &a], &b, "not checkable: it depends on time"),
            // It breaks, whatever it depends on.
            (&["time"], [&a, &a], &error, "differs"),
            (&["the network"], [&a, &a], &error, "not checkable: it depends on the network"),
            (
                &["the order of sets"],
                [&said("{1, 2}"), &said("{1, 2}")],
                &said("{2, 1}"),
                "not checkable: it depends on the order of sets",
            ),
            (&["the order of sets"], [&a, &a], &b, "differs"),
            (&[], [&error, &error], &a, "differs"),
            (&[], [&error, &error], &error, "not checkable: it raises KeyError: 'x' in both"),
            (
                &[],
                [&error, &error],
                &raised("TypeError: no"),
                "not checkable: it fails in both: KeyError in the notebook, TypeError in the component",
            ),
        ] {
            let finding = judge(&kernel(outside, &[first.clone(), second.clone()]), ours);
            assert_eq!(finding.parity.outcome.to_string(), expected, "{outside:?} {first:?} {second:?} {ours:?}");
            assert_eq!(finding.difference.is_some(), finding.parity.outcome == Outcome::Differs);
        }
    }

    #[test]
    fn without_a_request_to_try_there_is_nothing_to_compare() {
        assert_eq!(unanswered(&kernel(&[], &[])).as_deref(), Some("no mock REQUEST"));
        assert_eq!(unanswered(&kernel(&[], &[Answer::Missing("why".into())])).as_deref(), Some("why"));
        assert_eq!(unanswered(&kernel(&[], &[said("a")])), None);
        let error = raised("KeyError: 'body'");
        let unmocked = KernelAnswers { mock: false, ..kernel(&[], &[error.clone(), error.clone()]) };
        assert_eq!(judge(&unmocked, &error).parity.outcome.to_string(), "not checkable: no mock REQUEST");
    }

    #[test]
    fn differences_show_both_answers_and_are_bounded() {
        let shown = difference(&said("same\nlinux\n"), &said("same\nwasi\n"));
        for line in ["--- notebook", "+++ component", "-linux", "+wasi", " same"] {
            assert!(shown.lines().any(|l| l == line), "{line:?} is missing:\n{shown}");
        }
        assert!(difference(&said("a"), &raised("OSError: no")).contains("+raises OSError: no"));
        let long = difference(&said(&"a\n".repeat(1000)), &said(&"b".repeat(1000)));
        assert!(long.lines().count() == SHOWN.0 + 1 && long.ends_with("lines more"), "{long}");
        let json = difference(&said(r#"{"a": 1, "b": 2}"#), &said(r#"{"a": 1, "b": 3}"#));
        assert!(json.contains("-  \"b\": 2\n+  \"b\": 3"), "{json}");
    }

    #[test]
    fn all_endpoints_that_differ_are_named() {
        let endpoint =
            |path: &str| Endpoint { name: "x".into(), method: "GET".into(), path: path.into(), example: None };
        let endpoints = ["/a", "/b", "/c"].map(endpoint);
        let differs = || Finding::new(Outcome::Differs, Some("-1\n+2".into()));
        let findings = [differs(), Finding::new(Outcome::Checked, None), differs()];
        let error = refuse_differences(&findings, &endpoints).unwrap_err();
        assert!(error.to_string().starts_with("GET /a, GET /c would answer"), "{error}");
        assert_eq!(error.detail(), Some("GET /a\n-1\n+2\nGET /c\n-1\n+2"));
        assert!(refuse_differences(&findings[1..2], &endpoints).is_ok());
    }
}
