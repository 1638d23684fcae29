//! CORS on the service listener: which web pages of other origins a browser lets read the answers of services.
//!
//! Where it is configured, the gateway alone decides: preflights are answered here, before any service is looked at, and what a
//! handler says on its own is replaced. Where it is not, the gateway says nothing of it and handlers may. Cookies are never shared
//! with other origins; an API key in a header needs none.

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use crate::http::response::Answer;

/// Which pages may call services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins, as in `https://app.example.org`, or `*` for any; with none, nothing is said of CORS at all.
    pub allowed_origins: Vec<String>,
    /// Request headers that their scripts may set, or `*` for any but `Authorization`.
    pub allowed_headers: Vec<String>,
    /// How long browsers may keep the answer to a preflight.
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Cors {
            allowed_origins: Vec::new(),
            allowed_headers: ["authorization", "content-type", "x-api-key"].map(Into::into).into(),
            max_age: Duration::from_secs(600),
        }
    }
}

/// What is wrong with a [`Cors`].
#[derive(Debug, thiserror::Error)]
pub enum CorsError {
    /// Not an origin.
    #[error("{0:?} is no origin: write scheme and host as in https://app.example.org, or * for any")]
    Origin(String),
    /// Not the name of a header.
    #[error("{0:?} is no header name: write one as in content-type, or * for any")]
    Header(String),
}

/// The headers of a [`Cors`].
pub(crate) struct Policy {
    /// None allows any.
    origins: Option<Vec<HeaderValue>>,
    allowed_headers: HeaderValue,
    max_age: HeaderValue,
}

const ANY: HeaderValue = HeaderValue::from_static("*");
/// Those an endpoint may have.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

impl Policy {
    /// None where no origin is allowed.
    ///
    /// # Errors
    /// See [`CorsError`].
    pub(crate) fn new(cors: &Cors) -> Result<Option<Policy>, CorsError> {
        if cors.allowed_origins.is_empty() {
            return Ok(None);
        }
        let any = cors.allowed_origins.iter().any(|allowed| allowed == "*");
        let origins = cors.allowed_origins.iter().filter(|allowed| *allowed != "*").map(|allowed| origin(allowed));
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        for name in cors.allowed_headers.iter().filter(|name| *name != "*") {
            name.parse::<HeaderName>().map_err(|_| CorsError::Header(name.clone()))?;
        }
        let allowed_headers = cors.allowed_headers.join(", ");
        // Names of headers, commas and spaces are a header value.
        let allowed_headers =
            HeaderValue::from_str(&allowed_headers).map_err(|_| CorsError::Header(allowed_headers.clone()))?;
        let max_age = cors.max_age.as_secs().into();
        Ok(Some(Policy { origins: (!any).then_some(origins), allowed_headers, max_age }))
    }

    /// The answer to a preflight, if that is what the request is.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Answer> {
        let asked = head.method == Method::OPTIONS
            && head.headers.contains_key(ORIGIN)
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        asked.then(|| {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            answer.headers_mut().extend([
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, self.allowed_headers.clone()),
                (ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
            ]);
            answer
        })
    }

    /// Says in an answer whether the page at `origin` may read it.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, answer: &mut Answer) {
        let headers = answer.headers_mut();
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
        let Some(allowed) = &self.origins else {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            return;
        };
        headers.append(VARY, HeaderValue::from_name(ORIGIN));
        if let Some(origin) = origin.filter(|origin| allowed.contains(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

/// An origin as browsers write it: scheme, host, and a port where it is not the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, CorsError> {
    let wrong = || CorsError::Origin(text.into());
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let bare = uri.path_and_query().is_none_or(|path| *path == PathAndQuery::from_static("/")) && !text.ends_with('/');
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
    if !bare || uri.scheme_str().is_none() || authority.host().is_empty() {
        return Err(wrong());
    }
    HeaderValue::from_str(&text.to_ascii_lowercase()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;
    use crate::http::response::error;

    fn policy(origins: &[&str]) -> Policy {
        let allowed_origins = origins.iter().map(|origin| (*origin).into()).collect();
        Policy::new(&Cors { allowed_origins, ..Cors::default() }).unwrap().unwrap()
    }

    fn marked(policy: &Policy, origin: Option<&'static str>, of_handler: &[(&'static str, &'static str)]) -> Answer {
        let mut answer = error(StatusCode::OK, "x");
        for (name, value) in of_handler {
            answer.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        policy.mark(origin.map(HeaderValue::from_static).as_ref(), &mut answer);
        answer
    }

    #[test]
    fn only_pages_of_allowed_origins_may_read() {
        let policy = policy(&["https://app.example.org", "http://localhost:3000"]);
        let allowed = |origin| {
            let answer = marked(&policy, origin, &[("vary", "accept")]);
            assert_eq!(answer.headers().get_all("vary").iter().collect::<Vec<_>>(), ["accept", "origin"]);
            answer.headers().get("access-control-allow-origin").cloned()
        };
        for good in ["https://app.example.org", "http://localhost:3000"] {
            assert_eq!(allowed(Some(good)).unwrap(), good);
        }
        for bad in [Some("https://evil.example"), Some("http://app.example.org"), Some("null"), Some("*"), None] {
            assert_eq!(allowed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_gateway_decides_and_not_the_handler() {
        let of_handler = [("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")];
        let answer = marked(&policy(&["https://app.example.org"]), Some("https://evil.example"), &of_handler);
        assert!(of_handler.iter().all(|(name, _)| !answer.headers().contains_key(*name)));
        let answer = marked(&policy(&["*"]), Some("https://any.example"), &of_handler[1..]);
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn a_preflight_is_an_options_request_of_a_page() {
        let policy = policy(&["https://app.example.org"]);
        let asked = |method: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            policy.preflight(&request.body(()).unwrap().into_parts().0)
        };
        let page = [("origin", "https://app.example.org"), ("access-control-request-method", "POST")];
        let answer = asked("OPTIONS", &page).unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["access-control-allow-headers"], "authorization, content-type, x-api-key");
        assert_eq!(answer.headers()["access-control-max-age"], "600");
        assert!(asked("OPTIONS", &page[..1]).is_none() && asked("OPTIONS", &[]).is_none());
        assert!(asked("POST", &page).is_none());
    }

    #[test]
    fn what_is_no_origin_or_header_is_named() {
        let error = |origin: &str| {
            Policy::new(&Cors { allowed_origins: vec![origin.into()], ..Cors::default() }).err().map(|e| e.to_string())
        };
        for bad in ["app.example.org", "https://", "https://a/", "https://a/b", "https://a?b", "https://u@a", "", "a b"]
        {
            assert!(error(bad).unwrap().contains("no origin"), "{bad}");
        }
        assert_eq!(error("https://[::1]:3000"), None);
        let cors = Cors { allowed_origins: vec!["*".into()], allowed_headers: vec!["a b".into()], ..Cors::default() };
        assert!(Policy::new(&cors).err().unwrap().to_string().contains("\"a b\""));
        assert!(Policy::new(&Cors::default()).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_origin_is_taken_or_refused(text in "\\PC{0,40}", port: u16) {
            let _ = origin(&text);
            let _ = origin(&format!("https://{text}"));
            prop_assert_eq!(origin(&format!("https://App.example:{port}")).unwrap(), format!("https://app.example:{port}"));
        }
    }
}
