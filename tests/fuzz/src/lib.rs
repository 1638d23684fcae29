//! Fuzz targets: what comes from outside, as bytes, into the function that reads it. A target panics where a promise is broken.
//!
//! | target | its input | what must hold |
//! | --- | --- | --- |
//! | [`bundle`] | a bundle, or the archive within one | what is read is written and read again alike |
//! | [`notebook`] | an `.ipynb` file | what is understood makes a manifest that a gateway takes |
//! | [`config`] | a cell | what is understood is within the limits, and its files within the notebook's folder |
//! | [`request`] | a request to a service | `REQUEST` is JSON, and says what the request said |
//! | [`admin`] | requests to the admin API | none is answered by a 5xx |
//!
//! And in all: no panic, and errors of one line. Each has a folder of inputs in `corpus`, which the tests of this crate replay.

pub mod admin;
pub mod bundle;
pub mod config;
mod gateway;
mod http;
pub mod notebook;
pub mod request;
#[allow(clippy::unwrap_used, reason = "a support file of tests")]
#[path = "../../../gateway/tests/support/bundle.rs"]
mod versions;

use std::sync::LazyLock;

/// Puts one input to the test.
pub type Target = fn(&[u8]);

/// Every target, by name.
pub const TARGETS: [(&str, Target); 5] = [
    ("admin", admin::check),
    ("bundle", bundle::check),
    ("config", config::check),
    ("notebook", notebook::check),
    ("request", request::check),
];

/// The target that `TITAN_FUZZ` names.
pub fn chosen() -> Target {
    static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
        let name = std::env::var("TITAN_FUZZ").unwrap_or_default();
        let target = TARGETS.iter().find(|(known, _)| *known == name);
        target.unwrap_or_else(|| panic!("TITAN_FUZZ is {name:?}: name one of {:?}", TARGETS.map(|(known, _)| known))).1
    });
    *CHOSEN
}

/// Panics unless an error is one line.
fn assert_one_line(error: &impl std::error::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "an error is one line: {text:?}");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn replay(folder: &str, target: Target) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut count = 0;
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            println!("{}", file.display());
            target(&fs::read(file).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }

    #[test]
    fn admin_requests() {
        replay("corpus/admin", admin::check);
    }

    #[test]
    fn bundles() {
        replay("corpus/bundle", bundle::check);
    }

    #[test]
    fn config_cells() {
        replay("corpus/config", config::check);
    }

    #[test]
    fn notebooks() {
        replay("corpus/notebook", notebook::check);
        replay("../notebooks", notebook::check);
    }

    #[test]
    fn requests() {
        replay("corpus/request", request::check);
    }
}
