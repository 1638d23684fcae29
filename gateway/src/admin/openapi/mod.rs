//! The admin API's own OpenAPI 3.1 document, made of the table of its calls and of its types' schemas, in
//! `schemas.json`.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use titan_sdk::bundle;
use titan_sdk::trial::{MAX_TIME_MS, MIN_WINDOW_MS};

use crate::admin::calls::{CALLS, Call, Row};
use crate::admin::metrics;
use crate::observe::logs;

/// How services, tokens and keys are named.
const NAME: &str = "^[a-z0-9][a-z0-9._-]{0,62}$";
const VERSION: &str = "^v[1-9][0-9]{0,18}$";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const NOTEBOOK: &str = "application/x-ipynb+json";
const BYTES: &str = "application/octet-stream";

/// What the document says of a call beyond its row in the table.
struct Operation {
    /// One sentence.
    summary: &'static str,
    /// The arguments in its query.
    query: &'static [Argument],
    request: Body,
    answer: (StatusCode, Body),
    /// The statuses of errors that are this call's own; each has an `ErrorBody`.
    errors: &'static [u16],
}

/// An argument in a query.
struct Argument {
    name: &'static str,
    summary: &'static str,
    schema: fn() -> Value,
}

/// A body.
enum Body {
    Empty,
    /// JSON of one of these schemas.
    Json(&'static [&'static str]),
    /// As `Json`, or nothing.
    OptionalJson(&'static [&'static str]),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// The document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for row in &CALLS {
        let operation = describe(row);
        let path = paths.entry(row.path).or_insert_with(|| path_item(row.path));
        if row.method == Method::GET {
            path["head"] = without_bodies(&operation);
        }
        path[row.method.as_str().to_ascii_lowercase()] = operation;
    }
    // The file is the one that the tests read.
    let schemas: Value = serde_json::from_str(include_str!("schemas.json")).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Titan admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Deploys bundles as versions of services, returns to earlier ones, and tells what happens.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// What there is to say of a call.
fn operation(call: Call) -> Operation {
    let get = |summary, body| new(summary, Body::Empty, (200, body), &[]);
    let of_service = |summary, body| new(summary, Body::Empty, (200, body), &[404]);
    let gone = |summary, errors| new(summary, Body::Empty, (204, Body::Empty), errors);
    match call {
        Call::Gateway => get("The gateway itself", of(&["Gateway"])),
        Call::Services => get("Every service", of(&["Services"])),
        Call::Service => of_service("One service", of(&["Service"])),
        Call::RemoveService => gone("Delete a service with all its versions", &[404]),
        Call::Versions => of_service("Every version of a service", of(&["Versions"])),
        Call::Deploy => {
            let summary = "Deploy a bundle as the next version of a service: the active one, or one on trial beside it";
            let answer = (201, of(&["Deployed"]));
            let errors = &[400, 404, 408, 409, 413, 422, 507];
            Operation { query: &TRIAL_QUERY, ..new(summary, Body::Bytes(bundle::MEDIA_TYPE), answer, errors) }
        }
        Call::Version => of_service("One version", of(&["Version"])),
        Call::Notebook => of_service("A version's notebook, as it was deployed", Body::Bytes(NOTEBOOK)),
        Call::Cells => {
            let summary = "A version's notebook to look at, or what changed in it since another version";
            let answer = (200, of(&["Cells", "CellChanges"]));
            Operation { query: &CELLS_QUERY, ..new(summary, Body::Empty, answer, &[404, 422]) }
        }
        Call::Try => {
            let summary = "Send a request to a version, active or not, and see its answer";
            new(summary, of(&["Try"]), (200, of(&["Tried"])), &[400, 404, 408, 413, 422])
        }
        Call::Promote => new("Make the version on trial the active one", Body::Empty, (200, of(&["Promoted"])), TRIAL),
        Call::Abort => new("End the trial; the active version stays", Body::Empty, (200, of(&["Aborted"])), TRIAL),
        Call::Prune => {
            let summary = "Delete the old versions of a service that are not in use";
            new(summary, of(&["Prune"]), (200, of(&["Pruned"])), &[400, 404, 408, 413])
        }
        Call::Snapshot => get("Everything the store knows, for a backup", of(&["Snapshot"])),
        Call::Blob => of_service("A blob of the store, for a backup", Body::Bytes(BYTES)),
        Call::RemoveVersion => gone("Delete a version that is not active", &[404, 409]),
        Call::Rollback => {
            let body = Body::OptionalJson(&["Rollback"]);
            let summary = "Return a service to an earlier version";
            new(summary, body, (200, of(&["RolledBack"])), &[400, 404, 408, 409, 413, 422])
        }
        Call::Keys => of_service("Every API key of a service, by name", of(&["Keys"])),
        Call::CreateKey => {
            new("Make an API key of a service", of(&["NewKey"]), (201, of(&["Created"])), &[400, 404, 408, 409, 413])
        }
        Call::RevokeKey => gone("Revoke an API key of a service", &[404]),
        Call::Tokens => get("Every token of the admin API, by name", of(&["Tokens"])),
        Call::CreateToken => {
            new("Make a token of the admin API", of(&["NewToken"]), (201, of(&["Created"])), &[400, 408, 409, 413])
        }
        Call::RevokeToken => gone("Revoke a token of the admin API", &[404, 409]),
        Call::Stats => {
            of_service("What the versions of a service that are in memory have been doing lately", of(&["Stats"]))
        }
        Call::Logs => {
            let summary = "The last lines of a service's log, each a JSON object, and those to come if asked for";
            let answer = (200, Body::Bytes(logs::MEDIA_TYPE));
            Operation { query: &LOG_QUERY, ..new(summary, Body::Empty, answer, &[400, 404]) }
        }
        Call::Metrics => get("Metrics in the OpenMetrics text format", Body::Bytes(metrics::MEDIA_TYPE)),
        Call::Alive => get("Whether the process answers; needs no token", Body::Bytes(TEXT)),
        Call::Ready => get("Whether the gateway takes requests; needs no token", of(&["Readiness"])),
        Call::OpenApi => get("This document", Body::Bytes(JSON)),
    }
}

/// What ends a trial may find none, or one that ended just now.
const TRIAL: &[u16] = &[404, 409];

static CELLS_QUERY: [Argument; 1] = [Argument {
    name: "from",
    summary: "The other version.",
    schema: || json!({"type": "string", "pattern": VERSION}),
}];

static TRIAL_QUERY: [Argument; 7] = [
    Argument {
        name: "canary",
        summary: "The part of the requests that the version answers, on trial.",
        schema: || json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    },
    Argument {
        name: "shadow",
        summary: "Whether the version answers copies of requests, on trial. Not beside `canary`, which all further arguments need.",
        schema: || json!({"type": "boolean"}),
    },
    Argument {
        name: "sticky",
        summary: "What keeps a client on its side of a canary: `cookie`, `none`, or `header:NAME`.",
        schema: || json!({"type": "string", "pattern": "^(cookie|none|header:[A-Za-z0-9_-]+)$"}),
    },
    Argument {
        name: "max_error_increase",
        summary: "By how much a canary's part of failed requests may be larger.",
        schema: || json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
    },
    Argument {
        name: "max_latency_increase",
        summary: "By which part a canary's latency may be larger.",
        schema: || json!({"type": "number", "minimum": 0, "maximum": 100}),
    },
    Argument {
        name: "window_ms",
        summary: "Milliseconds that a canary is judged by.",
        schema: || json!({"type": "integer", "minimum": MIN_WINDOW_MS, "maximum": MAX_TIME_MS}),
    },
    Argument {
        name: "promote_after_ms",
        summary: "Milliseconds after which a canary that was found well becomes the active version.",
        schema: || json!({"type": "integer", "minimum": MIN_WINDOW_MS, "maximum": MAX_TIME_MS}),
    },
];

static LOG_QUERY: [Argument; 3] = [
    Argument {
        name: "version",
        summary: "Only lines of this version.",
        schema: || json!({"type": "string", "pattern": VERSION}),
    },
    Argument {
        name: "lines",
        summary: "How many of the last lines, 1000 if left out.",
        schema: || json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
    },
    Argument {
        name: "follow",
        summary: "Whether to stay, and be sent lines as they are written.",
        schema: || json!({"type": "boolean"}),
    },
];

fn new(summary: &'static str, request: Body, answer: (u16, Body), errors: &'static [u16]) -> Operation {
    let (status, body) = answer;
    // The statuses above are statuses.
    let status = StatusCode::from_u16(status).unwrap_or_default();
    Operation { summary, query: &[], request, answer: (status, body), errors }
}

fn of(schemas: &'static [&'static str]) -> Body {
    Body::Json(schemas)
}

fn path_item(path: &str) -> Value {
    let parameters: Vec<Value> = path.split('/').filter_map(parameter).collect();
    if parameters.is_empty() { json!({}) } else { json!({"parameters": parameters}) }
}

/// The parameter that a segment of a path stands for, if it is one.
fn parameter(segment: &str) -> Option<Value> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let pattern = match name {
        "version" => VERSION,
        "sha256" => "^[0-9a-f]{64}$",
        _ => NAME,
    };
    let schema = json!({"type": "string", "pattern": pattern});
    Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
}

fn describe(row: &Row) -> Value {
    let Operation { summary, query, request, answer: (status, body), errors } = operation(row.call);
    let mut described = json!({"operationId": format!("{:?}", row.call), "summary": summary});
    if !query.is_empty() {
        let argument = |argument: &Argument| {
            let Argument { name, summary, schema } = argument;
            json!({"name": name, "in": "query", "description": summary, "schema": schema()})
        };
        described["parameters"] = query.iter().map(argument).collect();
    }
    let required = !matches!(request, Body::OptionalJson(_));
    if let Some(content) = content(&request) {
        described["requestBody"] = json!({"required": required, "content": content});
    }
    let mut answer = json!({"description": summary});
    if let Some(content) = content(&body) {
        answer["content"] = content;
    }
    let open = matches!(row.call, Call::Alive | Call::Ready);
    if !open {
        described["security"] = json!([{}, {"token": []}]);
        described["x-role"] = json!(row.needs);
    }
    let responses = &mut described["responses"];
    responses[status.as_str()] = answer;
    for status in errors.iter().chain(if open { [503].iter() } else { [401, 403, 500, 503].iter() }) {
        let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
        let content = json!({JSON: {"schema": reference("ErrorBody")}});
        responses[status.to_string()] = json!({"description": reason.unwrap_or_default(), "content": content});
    }
    described
}

/// An operation's answers to HEAD: those to GET without their bodies.
fn without_bodies(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = format!("{}Head", head["operationId"].as_str().unwrap_or_default()).into();
    if let Some(responses) = head["responses"].as_object_mut() {
        for response in responses.values_mut().filter_map(Value::as_object_mut) {
            response.remove("content");
        }
    }
    head
}

/// A `content` object; none without a body.
fn content(body: &Body) -> Option<Value> {
    match body {
        Body::Empty => None,
        Body::Json([schema]) | Body::OptionalJson([schema]) => Some(json!({JSON: {"schema": reference(schema)}})),
        Body::Json(schemas) | Body::OptionalJson(schemas) => {
            let schemas: Vec<Value> = schemas.iter().map(|schema| reference(schema)).collect();
            Some(json!({JSON: {"schema": {"anyOf": schemas}}}))
        }
        Body::Bytes(JSON) => Some(json!({JSON: {"schema": {"type": "object"}}})),
        Body::Bytes(TEXT) => Some(json!({TEXT: {"schema": {"type": "string"}}})),
        // Bytes have no schema in OpenAPI 3.1.
        Body::Bytes(media) => {
            let media = media.split(';').next().unwrap_or_default();
            Some(json!({media: {}}))
        }
    }
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Every `$ref` in a document.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_schemas_are_those_of_the_types() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/openapi/schemas.py");
        let checked = std::process::Command::new("python3").args([script, "--check"]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }

    #[test]
    fn the_document_has_every_call_and_lacks_no_schema() {
        let document = document();
        let mut operations = HashSet::new();
        for row in &CALLS {
            let described = &document["paths"][row.path][row.method.as_str().to_ascii_lowercase()];
            assert!(operations.insert(described["operationId"].as_str().unwrap()), "{} is not unique", row.path);
            let parameters = document["paths"][row.path]["parameters"].as_array().map_or(0, Vec::len);
            assert_eq!(row.path.matches('{').count(), parameters, "{}", row.path);
        }
        let described =
            document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().keys());
        let described = described.filter(|key| !["parameters", "head"].contains(&key.as_str())).count();
        assert_eq!(described, CALLS.len(), "the document has what the table has not");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.contains(&"#/components/schemas/Versions"), "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }
}
