//! Which endpoint of a version a request is for.
//!
//! Paths are matched in a canonical form: every segment percent-decoded, except that `/` and `%` stay encoded. So `/a%62c` is
//! `/abc`, and a parameter may hold a slash (`/users/a%2Fb`) without becoming two segments.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{HeaderValue, Method};
use matchit::Router;
use percent_encoding::percent_decode_str;
use titan_sdk::manifest::Endpoint;

/// Matches requests to endpoints.
pub(crate) struct Endpoints {
    router: Router<Vec<Known>>,
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
    /// Two paths that the same request would match, in one line.
    pub(crate) fn new(endpoints: &[Endpoint]) -> Result<Endpoints, String> {
        let mut paths: BTreeMap<String, Vec<Known>> = BTreeMap::new();
        for (index, Endpoint { method, path, .. }) in endpoints.iter().enumerate() {
            let (pattern, parameters) = pattern(path);
            let known = Known {
                method: method.parse().map_err(|_| format!("endpoint {method} {path} has no HTTP method"))?,
                endpoint: index,
                parameters,
            };
            let methods = paths.entry(pattern).or_default();
            if methods.iter().any(|other| other.method == known.method) {
                return Err(format!(
                    "endpoint {method} {path} matches the same requests as another: rename one of them"
                ));
            }
            methods.push(known);
        }
        let mut router = Router::new();
        for (pattern, methods) in paths {
            let problem =
                |e: matchit::InsertError| format!("endpoint path {pattern} cannot be routed ({e}): rename it");
            router.insert(pattern.clone(), methods).map_err(problem)?;
        }
        Ok(Endpoints { router })
    }

    /// Finds the endpoint for a method and the path below the service. HEAD is answered as GET.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Match<'_> {
        let path = canonical(path);
        let Ok(found) = self.router.at(&path) else { return Match::Nothing };
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some(known) = found.value.iter().find(|known| known.method == *wanted) else {
            return Match::OtherMethods(allow(found.value));
        };
        let values = found.params.iter().map(|(_, value)| decode(value).into_owned());
        let parameters = known.parameters.iter().map(String::as_str).zip(values).collect();
        Match::Endpoint { endpoint: known.endpoint, parameters }
    }
}

/// A manifest path as a matchit pattern, and the names of its parameters. In the pattern they are named by position, since
/// `GET /users/:id` and `PUT /users/:name` are the same path.
fn pattern(path: &str) -> (String, Vec<String>) {
    let mut parameters = Vec::new();
    let mut pattern = String::new();
    for segment in path.split('/').skip(1) {
        pattern.push('/');
        match segment.strip_prefix(':').filter(|name| !name.is_empty()) {
            Some(name) => {
                pattern.push_str(&format!("{{{}}}", parameters.len()));
                parameters.push(name.to_owned());
            }
            None => pattern.push_str(&canonical(segment).replace('{', "{{").replace('}', "}}")),
        }
    }
    (pattern, parameters)
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
            Endpoint { name: "x".into(), method: method.into(), path: path.into() }
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
