//! What a version says of itself to those who want to call it: an OpenAPI 3.1 document, and a page that shows it.
//!
//! `/{service}/openapi.json` and `/{service}/docs` are the gateway's, unless the notebook has endpoints there.

mod page;

use http::Method;
use serde_json::{Map, Value, json};
use titan_sdk::manifest::{Answer, Auth, Endpoint, Manifest};

use crate::http::response::Answer as Response;

/// The endpoints of a version, with what the compiler saw of them.
pub(crate) struct Description {
    service: String,
    version: String,
    auth: Auth,
    endpoints: Vec<(Endpoint, Option<Answer>)>,
}

impl Description {
    /// What `manifest` says of version `version`.
    pub(crate) fn new(manifest: &Manifest, version: String) -> Description {
        let answer = |endpoint: &Endpoint| {
            let parity = manifest.parity.iter().find(|parity| parity.endpoint == endpoint.name);
            parity.and_then(|parity| parity.answer.clone())
        };
        let endpoints = manifest.endpoints.iter().map(|endpoint| (endpoint.clone(), answer(endpoint))).collect();
        Description { service: manifest.service.clone(), version, auth: manifest.config.auth, endpoints }
    }

    /// The answer at `path` below the service, if it is one of the gateway's own. `base` is where the service is
    /// reached: `/demo`.
    pub(crate) fn answer(&self, method: &Method, base: &str, path: &str) -> Option<Response> {
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        match path {
            "/openapi.json" => Some(crate::http::response::json(http::StatusCode::OK, &self.document(base))),
            path => page::answer(path),
        }
    }

    /// The files of the page, which hold nothing secret: without a key it asks for one.
    pub(crate) fn page(&self, method: &Method, path: &str) -> Option<Response> {
        if method == Method::GET || method == Method::HEAD { page::answer(path) } else { None }
    }

    /// The OpenAPI document.
    fn document(&self, base: &str) -> Value {
        let mut paths = Map::new();
        for (endpoint, answer) in &self.endpoints {
            let item = paths.entry(template(&endpoint.path)).or_insert_with(|| json!({}));
            item[endpoint.method.to_ascii_lowercase()] = operation(endpoint, answer.as_ref());
        }
        let mut document = json!({
            "openapi": "3.1.0",
            "info": {"title": self.service, "version": self.version},
            "servers": [{"url": base}],
            "paths": paths,
            "components": {"schemas": {"Error": {
                "type": "object",
                "properties": {
                    "error": {"type": "string", "description": "What happened, and what to do."},
                    "error_id": {"type": "string", "description": "What the service's log has the cause under."},
                },
                "required": ["error"],
            }}},
        });
        if self.auth == Auth::Key {
            document["security"] = json!([{"bearer": []}, {"header": []}]);
            document["components"]["securitySchemes"] = json!({
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            });
        }
        document
    }
}

/// A manifest's path as OpenAPI writes it: `/users/:id` is `/users/{id}`.
fn template(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.split_once(':') {
        Some((text, name)) if !name.is_empty() => format!("{text}{{{name}}}"),
        _ => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

fn operation(endpoint: &Endpoint, answer: Option<&Answer>) -> Value {
    let example = endpoint.example.as_ref();
    let part = |name: &str| example.and_then(|example| example.get(name)).filter(|part| !part.is_null());
    let mut parameters = Vec::new();
    for name in endpoint.path.split('/').filter_map(|segment| segment.split_once(':')).map(|(_, name)| name) {
        let mut parameter = json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        if let Some(value) = part("path").and_then(|path| path.get(name)) {
            parameter["example"] = value.clone();
        }
        parameters.push(parameter);
    }
    for (name, values) in part("args").and_then(Value::as_object).into_iter().flatten() {
        let schema = json!({"type": "array", "items": {"type": "string"}});
        parameters.push(json!({"name": name, "in": "query", "schema": schema, "example": values}));
    }
    let mut operation = json!({"operationId": endpoint.name, "responses": responses(answer)});
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    let body = part("body").filter(|body| **body != "");
    match (body, endpoint.method.as_str()) {
        (Some(Value::String(text)), _) => {
            operation["requestBody"] =
                json!({"content": {"text/plain": {"schema": {"type": "string"}, "example": text}}});
        }
        (Some(body), _) => {
            operation["requestBody"] =
                json!({"content": {"application/json": {"schema": schema(body), "example": body}}});
        }
        (None, "POST" | "PUT" | "PATCH") => operation["requestBody"] = json!({"content": {"*/*": {}}}),
        _ => {}
    }
    operation
}

/// The compiler saw one answer; a handler may give others.
fn responses(answer: Option<&Answer>) -> Value {
    let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
    let mut responses = json!({"default": {"description": "The request cannot be answered", "content": content}});
    match answer {
        Some(Answer { status, body }) => {
            let example = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body.as_str()));
            let description = "The answer to the example";
            responses[status.to_string()] =
                json!({"description": description, "content": {"*/*": {"example": example}}});
        }
        None => responses["200"] = json!({"description": "The handler's answer", "content": {"*/*": {}}}),
    }
    responses
}

/// The schema of values like `example`.
fn schema(example: &Value) -> Value {
    match example {
        Value::Null => json!({}),
        Value::Bool(_) => json!({"type": "boolean"}),
        // A whole number in an example does not mean that all are.
        Value::Number(_) => json!({"type": "number"}),
        Value::String(_) => json!({"type": "string"}),
        Value::Array(items) => json!({"type": "array", "items": items.first().map_or(json!({}), schema)}),
        Value::Object(members) => {
            let properties: Map<_, _> = members.iter().map(|(name, value)| (name.clone(), schema(value))).collect();
            json!({"type": "object", "properties": properties})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(method: &str, path: &str, example: Option<Value>) -> Endpoint {
        Endpoint { name: "x".into(), method: method.into(), path: path.into(), example }
    }

    #[test]
    fn examples_become_parameters_bodies_and_answers() {
        let example = json!({
            "body": {"area": 8450, "names": ["a"], "new": true},
            "args": {"unit": ["m"]},
            "path": {"id": "7"},
            "headers": {},
        });
        let answer = Answer { status: 201, body: "{\"price\": 1.5}\n".into() };
        let description = Description {
            service: "demo".into(),
            version: "v2".into(),
            auth: Auth::None,
            endpoints: vec![
                (endpoint("POST", "/users/:id/v:major", Some(example)), Some(answer)),
                (endpoint("GET", "/loss", None), None),
                (endpoint("PUT", "/loss", None), None),
            ],
        };
        let document = description.document("/demo@v2");
        assert_eq!((&document["servers"][0]["url"], &document["info"]["version"]), (&json!("/demo@v2"), &json!("v2")));
        let post = &document["paths"]["/users/{id}/v{major}"]["post"];
        let parameters: Vec<_> =
            post["parameters"].as_array().unwrap().iter().map(|p| (&p["name"], &p["example"])).collect();
        assert_eq!(
            parameters,
            [(&json!("id"), &json!("7")), (&json!("major"), &Value::Null), (&json!("unit"), &json!(["m"]))]
        );
        let body = &post["requestBody"]["content"]["application/json"];
        assert_eq!(body["example"]["area"], 8450);
        assert_eq!(body["schema"]["properties"]["names"], json!({"type": "array", "items": {"type": "string"}}));
        assert_eq!(post["responses"]["201"]["content"]["*/*"]["example"], json!({"price": 1.5}));
        let loss = &document["paths"]["/loss"];
        assert!(loss["get"].get("requestBody").is_none() && loss["put"].get("requestBody").is_some(), "{loss}");
        assert!(loss["get"]["responses"].get("200").is_some() && loss["get"]["responses"].get("default").is_some());
    }

    #[test]
    fn only_reading_is_the_gateways() {
        let description =
            Description { service: "demo".into(), version: "v1".into(), auth: Auth::None, endpoints: vec![] };
        for path in ["/openapi.json", "/docs", "/docs/docs.js", "/docs/docs.css"] {
            assert!(description.answer(&Method::GET, "/demo", path).is_some(), "{path}");
            assert!(description.answer(&Method::POST, "/demo", path).is_none(), "{path}");
        }
        assert!(description.answer(&Method::GET, "/demo", "/docs/").is_none());
    }
}
