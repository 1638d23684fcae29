//! The admin API's calls: method, path and the role that a caller needs, in one table. What a call does, it does not know.

use http::Method;
use titan_sdk::access::Role::{self, Admin, Deploy, Read};

/// What the admin API does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Gateway,
    Services,
    Service,
    RemoveService,
    Versions,
    Deploy,
    Version,
    RemoveVersion,
    Notebook,
    Cells,
    Try,
    Promote,
    Abort,
    Rollback,
    Prune,
    Snapshot,
    Blob,
    Keys,
    CreateKey,
    RevokeKey,
    Tokens,
    CreateToken,
    RevokeToken,
    Stats,
    Logs,
    Metrics,
    Alive,
    Ready,
    OpenApi,
}

/// A row of the table.
pub(crate) struct Row {
    pub(crate) method: Method,
    /// A segment in braces stands for any.
    pub(crate) path: &'static str,
    /// The least role that may make it. None is for anybody: whoever watches over the gateway need not be trusted with more.
    pub(crate) needs: Option<Role>,
    pub(crate) call: Call,
}

/// Every call. One that is made with GET answers HEAD too.
pub(crate) static CALLS: [Row; 29] = [
    row(Method::GET, "/v1/gateway", Some(Read), Call::Gateway),
    row(Method::GET, "/v1/services", Some(Read), Call::Services),
    row(Method::GET, "/v1/services/{service}", Some(Read), Call::Service),
    row(Method::DELETE, "/v1/services/{service}", Some(Deploy), Call::RemoveService),
    row(Method::GET, "/v1/services/{service}/versions", Some(Read), Call::Versions),
    row(Method::POST, "/v1/services/{service}/versions", Some(Deploy), Call::Deploy),
    row(Method::GET, "/v1/services/{service}/versions/{version}", Some(Read), Call::Version),
    row(Method::DELETE, "/v1/services/{service}/versions/{version}", Some(Deploy), Call::RemoveVersion),
    row(Method::GET, "/v1/services/{service}/versions/{version}/notebook", Some(Read), Call::Notebook),
    row(Method::GET, "/v1/services/{service}/versions/{version}/cells", Some(Read), Call::Cells),
    row(Method::POST, "/v1/services/{service}/versions/{version}/try", Some(Deploy), Call::Try),
    row(Method::POST, "/v1/services/{service}/promote", Some(Deploy), Call::Promote),
    row(Method::POST, "/v1/services/{service}/abort", Some(Deploy), Call::Abort),
    row(Method::POST, "/v1/services/{service}/rollback", Some(Deploy), Call::Rollback),
    row(Method::POST, "/v1/services/{service}/prune", Some(Deploy), Call::Prune),
    row(Method::GET, "/v1/snapshot", Some(Admin), Call::Snapshot),
    row(Method::GET, "/v1/blobs/{sha256}", Some(Admin), Call::Blob),
    row(Method::GET, "/v1/services/{service}/keys", Some(Read), Call::Keys),
    row(Method::POST, "/v1/services/{service}/keys", Some(Deploy), Call::CreateKey),
    row(Method::DELETE, "/v1/services/{service}/keys/{key}", Some(Deploy), Call::RevokeKey),
    row(Method::GET, "/v1/tokens", Some(Admin), Call::Tokens),
    row(Method::POST, "/v1/tokens", Some(Admin), Call::CreateToken),
    row(Method::DELETE, "/v1/tokens/{token}", Some(Admin), Call::RevokeToken),
    row(Method::GET, "/v1/services/{service}/stats", Some(Read), Call::Stats),
    row(Method::GET, "/v1/services/{service}/logs", Some(Read), Call::Logs),
    row(Method::GET, "/metrics", Some(Read), Call::Metrics),
    row(Method::GET, "/healthz", None, Call::Alive),
    row(Method::GET, "/readyz", None, Call::Ready),
    row(Method::GET, "/openapi.json", Some(Role::Read), Call::OpenApi),
];

const fn row(method: Method, path: &'static str, needs: Option<Role>, call: Call) -> Row {
    Row { method, path, needs, call }
}

/// What a method and a path ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A call, the least role that may make it, and what stands for the segments in braces.
    Call(Call, Option<Role>, [&'a str; 2]),
    /// The path is known, but not with this method: the value of an `Allow` header.
    OtherMethods(String),
    /// No such path.
    Nothing,
}

/// Finds a call.
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    let mut allow = Vec::new();
    for row in &CALLS {
        let Some(names) = names(row.path, path) else { continue };
        if row.method == *wanted {
            return Found::Call(row.call, row.needs, names);
        }
        if row.method == Method::GET {
            allow.push(Method::HEAD.as_str());
        }
        allow.push(row.method.as_str());
    }
    if allow.is_empty() { Found::Nothing } else { Found::OtherMethods(allow.join(", ")) }
}

/// Whether a path is everybody's.
pub(crate) fn is_open(path: &str) -> bool {
    CALLS.iter().any(|row| row.needs.is_none() && names(row.path, path).is_some())
}

/// What stands for the segments in braces, if `path` matches.
fn names<'a>(pattern: &str, path: &'a str) -> Option<[&'a str; 2]> {
    let mut names = [""; 2];
    let mut free = names.iter_mut();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(names),
            (Some(wanted), Some(given)) if wanted.starts_with('{') => *free.next()? = given,
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_with_its_names() {
        for row in &CALLS {
            let path = row.path.replace(['{', '}'], "");
            let mut expected = [""; 2];
            let names = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            expected.iter_mut().zip(names).for_each(|(expected, name)| *expected = name);
            assert_eq!(find(&row.method, &path), Found::Call(row.call, row.needs, expected), "{}", row.path);
        }
    }

    #[test]
    fn other_methods_and_paths_are_told_apart() {
        assert_eq!(find(&Method::PUT, "/v1/services/demo"), Found::OtherMethods("HEAD, GET, DELETE".into()));
        for path in ["/", "/v1", "/v1/services/demo/", "/v1/services/demo/x", "//v1/services", ""] {
            assert_eq!(find(&Method::GET, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn what_changes_something_or_tells_who_may_needs_more_than_to_read() {
        let secret = ["/v1/tokens", "/v1/snapshot", "/v1/blobs"];
        for row in &CALLS {
            let open = row.method == Method::GET && !secret.iter().any(|path| row.path.starts_with(path));
            assert_eq!(row.needs <= Some(Read), open, "{}", row.path);
        }
    }

    #[test]
    fn the_table_is_the_one_that_is_documented() {
        let documented = include_str!("../../../sdk/src/api.rs");
        for row in &CALLS {
            let text = format!("//! | `{} {}` |", row.method, row.path);
            assert!(documented.contains(&text), "{text} is missing in titan_sdk::api");
        }
    }
}
