//! What a reader asks of a log, as the query of a URL.

use titan_sdk::api::LogLine;
use titan_sdk::manifest::is_version_name;

/// Lines that are sent if nobody says how many.
const LAST: usize = 1000;

/// What a reader asks of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// Only lines of this version.
    version: Option<String>,
    /// How many of the last lines.
    pub(crate) last: usize,
    /// Whether those to come are wanted too.
    pub(crate) follow: bool,
}

impl Query {
    /// # Errors
    /// What is wrong with the query, and how it is written.
    pub(crate) fn parse(query: &str) -> Result<Query, String> {
        let mut parsed = Query { version: None, last: LAST, follow: false };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let known = match name.as_ref() {
                "version" => is_version_name(&value).then(|| parsed.version = Some(value.to_string())),
                "lines" => value.parse::<u32>().ok().map(|lines| parsed.last = lines as usize),
                "follow" => value.parse().ok().map(|follow| parsed.follow = follow),
                _ => None,
            };
            known.ok_or_else(|| {
                format!("the query has {name}={value}: use version=v1, lines=100 and follow=true, each if wanted")
            })?;
        }
        Ok(parsed)
    }

    /// Whether a line is asked for.
    pub(crate) fn wants(&self, line: &LogLine) -> bool {
        self.version.as_ref().is_none_or(|version| line.version == *version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused() {
        let query = Query::parse("version=v2&lines=7&follow=true").unwrap();
        assert_eq!(query, Query { version: Some("v2".into()), last: 7, follow: true });
        assert_eq!(Query::parse("").unwrap(), Query { version: None, last: LAST, follow: false });
        for wrong in ["lines=-1", "lines=", "follow=yes", "version=2", "line=1", "version"] {
            assert!(Query::parse(wrong).is_err(), "{wrong}");
        }
    }
}
