//! Which endpoint of a version a request is for.
//!
//! Paths are tried in Jupyter Kernel Gateway's order: those without a parameter first, then those whose first parameter comes
//! later in the path, and of two equals the one that stands first in the notebook. The first that matches decides.
//!
//! Paths are matched in a canonical form: every segment percent-decoded, except that `/` and `%` stay encoded. So `/a%62c` is
//! `/abc`, and a parameter may hold a slash (`/users/a%2Fb`) without becoming two segments.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;
use titan_sdk::manifest::Endpoint;

/// Matches requests to endpoints.
pub(crate) struct Endpoints {
    /// Paths without a parameter.
    fixed: HashMap<String, Vec<Known>>,
    /// The others, in the order they are tried.
    patterns: Vec<Pattern>,
}

/// A path with parameters.
struct Pattern {
    segments: Vec<Segment>,
    methods: Vec<Known>,
}

#[derive(PartialEq)]
struct Segment {
    /// All of it, or what stands before its parameter.
    text: String,
    /// Whether a parameter takes the rest, which is one character or more.
    open: bool,
}

/// One method of a path.
struct Known {
    method: Method,
    /// Index in the manifest.
    endpoint: usize,
    /// Names of the path's parameters, in order.
    parameters: Vec<String>,
}

/// The outcome of a match.
#[derive(Debug, PartialEq)]
pub(crate) enum Match<'a> {
    /// This endpoint, with its path parameters decoded.
    Endpoint { endpoint: usize, parameters: Vec<(&'a str, String)> },
    /// The path is known, the method is not. The value of an `Allow` header.
    OtherMethods(HeaderValue),
    /// The path is unknown.
    Nothing,
}

impl Endpoints {
    /// An index of a manifest's endpoints.
    ///
    /// # Errors
    /// Two endpoints that answer the same requests, in one line.
    pub(crate) fn new(endpoints: &[Endpoint]) -> Result<Endpoints, String> {
        let (mut fixed, mut patterns) = (HashMap::<_, Vec<Known>>::new(), Vec::<Pattern>::new());
        for (index, Endpoint { method, path, .. }) in endpoints.iter().enumerate() {
            let (segments, parameters) = segments(path);
            let known = Known {
                method: method.parse().map_err(|_| format!("endpoint {method} {path} has no HTTP method"))?,
                endpoint: index,
                parameters,
            };
            let methods = if known.parameters.is_empty() {
                fixed.entry(canonical(path).into_owned()).or_default()
            } else if let Some(at) = patterns.iter().position(|pattern| pattern.segments == segments) {
                &mut patterns[at].methods
            } else {
                &mut patterns.push_mut(Pattern { segments, methods: Vec::new() }).methods
            };
            if methods.iter().any(|other| other.method == known.method) {
                return Err(format!(
                    "endpoint {method} {path} matches the same requests as another: rename one of them"
                ));
            }
            methods.push(known);
        }
        // Stable, so equals stay in the notebook's order.
        patterns.sort_by_key(|pattern| Reverse(pattern.segments.iter().position(|segment| segment.open)));
        Ok(Endpoints { fixed, patterns })
    }

    /// Finds the endpoint for a method and the path below the service. HEAD is answered as GET.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Match<'_> {
        let path = canonical(path);
        let (methods, values) = match self.fixed.get(path.as_ref()) {
            Some(methods) => (methods, Vec::new()),
            None => match self.patterns.iter().find_map(|pattern| Some((&pattern.methods, pattern.values(&path)?))) {
                Some(found) => found,
                None => return Match::Nothing,
            },
        };
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some(known) = methods.iter().find(|known| known.method == *wanted) else {
            return Match::OtherMethods(allow(methods));
        };
        let values = values.into_iter().map(|value| decode(value).into_owned());
        let parameters = known.parameters.iter().map(String::as_str).zip(values).collect();
        Match::Endpoint { endpoint: known.endpoint, parameters }
    }
}

impl Pattern {
    /// The values of its parameters if it matches a canonical path.
    fn values<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        let mut parts = path.split('/').skip(1);
        let mut values = Vec::new();
        for segment in &self.segments {
            let rest = parts.next()?.strip_prefix(segment.text.as_str())?;
            if rest.is_empty() == segment.open {
                return None;
            }
            if segment.open {
                values.push(rest);
            }
        }
        parts.next().is_none().then_some(values)
    }
}

/// A manifest path in segments, and the names of its parameters: two paths that differ by these only are the same path.
fn segments(path: &str) -> (Vec<Segment>, Vec<String>) {
    let mut parameters = Vec::new();
    let segment = |segment: &str| {
        let (text, name) = segment.split_once(':').unwrap_or((segment, ""));
        if name.is_empty() {
            return Segment { text: canonical(segment).into_owned(), open: false };
        }
        parameters.push(name.to_owned());
        Segment { text: canonical(text).into_owned(), open: true }
    };
    let segments = path.split('/').skip(1).map(segment).collect();
    (segments, parameters)
}

fn canonical(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut canonical = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            canonical.push('/');
        }
        for character in decode(segment).chars() {
            match character {
                '/' => canonical.push_str("%2F"),
                '%' => canonical.push_str("%25"),
                other => canonical.push(other),
            }
        }
    }
    Cow::Owned(canonical)
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

fn allow(known: &[Known]) -> HeaderValue {
    let mut methods: Vec<&str> = known.iter().map(|known| known.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    // Method names are tokens, which a header value may always hold.
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("GET"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn endpoints(lines: &[&str]) -> Result<Endpoints, String> {
        let endpoint = |line: &&str| {
            let (method, path) = line.split_once(' ').unwrap();
            Endpoint { name: "x".into(), method: method.into(), path: path.into(), example: None }
        };
        Endpoints::new(&lines.iter().map(endpoint).collect::<Vec<_>>())
    }

    fn found<'a>(endpoints: &'a Endpoints, method: Method, path: &str) -> (usize, Vec<(&'a str, String)>) {
        match endpoints.find(&method, path) {
            Match::Endpoint { endpoint, parameters } => (endpoint, parameters),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    #[test]
    fn static_paths_win_over_parameters_and_methods_are_told_apart() {
        let all =
            endpoints(&["GET /users/:id", "GET /users/me", "PUT /users/:name", "GET /users/:id/posts/:post", "GET /"])
                .unwrap();
        assert_eq!(found(&all, Method::GET, "/users/7"), (0, vec![("id", "7".into())]));
        assert_eq!(found(&all, Method::HEAD, "/users/me"), (1, vec![]));
        assert_eq!(found(&all, Method::PUT, "/users/me7"), (2, vec![("name", "me7".into())]));
        assert_eq!(
            found(&all, Method::GET, "/users/me/posts/2"),
            (3, vec![("id", "me".into()), ("post", "2".into())]),
            "a parameter is tried where the static segment leads nowhere"
        );
        assert_eq!(found(&all, Method::GET, "/"), (4, vec![]));
        assert_eq!(all.find(&Method::DELETE, "/users/7"), Match::OtherMethods("GET, PUT, HEAD".parse().unwrap()));
        for unknown in ["/users", "/users/", "/users/7/", "/nowhere", "//"] {
            assert_eq!(all.find(&Method::GET, unknown), Match::Nothing, "{unknown}");
        }
    }

    #[test]
    fn paths_are_tried_in_the_order_of_kernel_gateway() {
        let all = endpoints(&[
            "GET /:a/:b/end",
            "GET /:a/x/end",
            "GET /x/:b",
            "POST /x/y",
            "GET /:a/z",
            "GET /files-:name",
            "GET /files-:name/old",
        ])
        .unwrap();
        assert_eq!(found(&all, Method::GET, "/1/x/end").0, 0, "of two equals the first");
        assert_eq!(found(&all, Method::GET, "/x/z").0, 2, "the later parameter first");
        assert_eq!(found(&all, Method::GET, "/w/z").0, 4);
        assert_eq!(all.find(&Method::GET, "/x/y"), Match::OtherMethods("POST".parse().unwrap()), "a match decides");
        assert_eq!(found(&all, Method::GET, "/files-a%20b"), (5, vec![("name", "a b".into())]));
        assert_eq!(found(&all, Method::GET, "/files-:name/old"), (6, vec![("name", ":name".into())]));
        for unknown in ["/files-", "/file-a", "/x", "/1/x/end/"] {
            assert_eq!(all.find(&Method::GET, unknown), Match::Nothing, "{unknown}");
        }
    }

    #[test]
    fn segments_are_decoded_one_by_one() {
        let all = endpoints(&["GET /users/:id", "GET /caf\u{e9}/{x}", "GET /100%"]).unwrap();
        assert_eq!(found(&all, Method::GET, "/users/a%20b").1, [("id", "a b".into())]);
        assert_eq!(found(&all, Method::GET, "/users/a%2Fb%25%32F").1, [("id", "a/b%2F".into())]);
        assert_eq!(found(&all, Method::GET, "/users/%FF").1, [("id", "\u{fffd}".into())]);
        assert_eq!(found(&all, Method::GET, "/caf%C3%A9/%7Bx%7D").0, 1);
        assert_eq!(found(&all, Method::GET, "/100%25").0, 2);
    }

    #[test]
    fn endpoints_that_match_the_same_requests_are_refused() {
        let error = endpoints(&["GET /users/:id", "GET /users/:name"]).err().unwrap();
        assert!(error.contains("GET /users/:name"), "{error}");
    }

    proptest! {
        #[test]
        fn any_parameter_value_comes_back_as_it_was(value in "\\PC+") {
            let all = endpoints(&["GET /p/:value/end"]).unwrap();
            let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
            let (_, parameters) = found(&all, Method::GET, &format!("/p/{encoded}/end"));
            prop_assert_eq!(parameters, [("value", value)]);
        }

        #[test]
        fn any_manifest_path_and_request_path_is_answered(path in "/\\PC*", request in "/\\PC*") {
            if let Ok(all) = endpoints(&[&format!("GET {path}")]) {
                all.find(&Method::GET, &request);
            }
        }
    }
}
