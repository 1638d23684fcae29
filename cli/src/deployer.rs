//! Who deploys, as far as this machine knows: `ada@lab`. It is kept with the version for people, and proves nothing.

use std::env;
use std::fs;

use titan_sdk::api::MAX_DEPLOYER;

/// The user and the machine.
pub fn name() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok()).unwrap_or_default();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| env::var("HOSTNAME")).unwrap_or_default();
    joined(user.trim(), host.trim())
}

fn joined(user: &str, host: &str) -> String {
    let visible = |text: &str| text.chars().filter(char::is_ascii_graphic).collect::<String>();
    let parts = [user, host].map(visible);
    let mut name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("@");
    name.truncate(MAX_DEPLOYER);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_always_one_that_a_gateway_takes() {
        assert_eq!(joined("ada", "lab"), "ada@lab");
        assert_eq!(joined("", "lab"), "lab");
        assert_eq!(joined("", ""), "");
        assert_eq!(joined("ädä\n", "lab"), "d@lab");
        assert_eq!(joined(&"a".repeat(200), "lab").len(), MAX_DEPLOYER);
    }
}
