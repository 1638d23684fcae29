//! The page's files, embedded, and the headers they are served with. They hold nothing secret, so they need no token.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use include_dir::{Dir, include_dir};
use titan_sdk::digest::sha256_hex;

use crate::http::response::Answer;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dashboard");

/// The page may run its own scripts and styles, call its own API, and show pictures that a notebook holds. It makes
/// HTML of text in one place only, through the trusted-types policy `titan`. Nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types titan";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // A browser asks whether its copy is still the gateway's: a new titan brings a new page at once.
    (CACHE_CONTROL, "no-cache"),
];

struct Asset {
    content: &'static [u8],
    content_type: &'static str,
    etag: HeaderValue,
}

/// By path: `/` and `/dashboard/{file}`.
static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let folders = [&FILES].into_iter().chain(FILES.dirs());
    folders.flat_map(Dir::files).filter_map(|file| Some((path(file.path().to_str()?), asset(file)?))).collect()
});

/// The answer to a GET for the page or one of its files.
pub(crate) fn answer(head: &Parts) -> Option<Answer> {
    let asset = ASSETS.get(head.uri.path())?;
    let mut answer = Response::new(Full::default());
    if head.headers.get(IF_NONE_MATCH).is_some_and(|known| *known == asset.etag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *answer.body_mut() = Full::new(Bytes::from_static(asset.content));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    }
    answer.headers_mut().insert(ETAG, asset.etag.clone());
    answer.headers_mut().extend(headers());
    Some(answer)
}

fn headers() -> HeaderMap {
    HEADERS.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn path(file: &str) -> String {
    if file == "index.html" { "/".into() } else { format!("/dashboard/{file}") }
}

fn asset(file: &'static include_dir::File<'static>) -> Option<Asset> {
    let content_type = match file.path().extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    let content = file.contents();
    let etag = HeaderValue::from_str(&format!("\"{}\"", &sha256_hex(content)[..32])).ok()?;
    Some(Asset { content, content_type, etag })
}

#[cfg(test)]
mod tests {
    use http::Request;
    use hyper::body::Body;

    use super::*;

    fn get(path: &str, etag: Option<&HeaderValue>) -> Option<Answer> {
        let mut request = Request::get(path);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        answer(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn every_file_is_served_and_nothing_else() {
        assert!(ASSETS.len() > 5);
        for path in ASSETS.keys() {
            assert_eq!(get(path, None).unwrap().status(), 200, "{path}");
        }
        for path in ["/index.html", "/dashboard/", "/dashboard/../Cargo.toml", "/v1/services"] {
            assert!(get(path, None).is_none(), "{path}");
        }
    }

    #[test]
    fn a_browser_is_sent_what_it_has_only_once() {
        let first = get("/", None).unwrap();
        let again = get("/", Some(&first.headers()[ETAG])).unwrap();
        assert_eq!((again.status().as_u16(), again.body().size_hint().exact()), (304, Some(0)));
        assert_eq!(get("/", Some(&HeaderValue::from_static("\"other\""))).unwrap().status(), 200);
    }

    #[test]
    fn the_page_holds_nothing_inline() {
        let page = FILES.get_file("index.html").and_then(|file| file.contents_utf8()).unwrap();
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));
        for script in page.split("<script").skip(1) {
            assert!(script.contains(" src=\"/dashboard/") && script.contains("></script>"), "{script}");
        }
        let answer = get("/", None).unwrap();
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}
