//! The admin API's types for who may do what: tokens of the admin API with their roles, and API keys of services.
//!
//! A secret, token or key, is shown once, when it is created; what is listed of it later is its name.

use serde::{Deserialize, Serialize};

/// What a token allows. Each role allows all that the ones before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See services, versions and what is known of them.
    Read,
    /// Change services: deploy, roll back, delete, and their API keys.
    Deploy,
    /// Change who may do what, and the gateway itself.
    Admin,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Read => "read",
            Role::Deploy => "deploy",
            Role::Admin => "admin",
        })
    }
}

/// Who calls, as the gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The name of its token. None where the gateway asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What it may do.
    pub role: Role,
}

/// Every token of the admin API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// By name.
    pub tokens: Vec<Token>,
}

/// A token of the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Unique among tokens.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
}

/// The body of a request for a new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// As a service's name, see [`crate::manifest::is_service_name`].
    pub name: String,
    /// What it is to allow.
    pub role: Role,
}

/// Every API key of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// By name.
    pub keys: Vec<Key>,
}

/// An API key of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Unique among the keys of its service.
    pub name: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
}

/// The body of a request for a new API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// As a service's name, see [`crate::manifest::is_service_name`].
    pub name: String,
}

/// A token or API key that was just created.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its name.
    pub name: String,
    /// The secret itself. The gateway keeps only its digest and cannot show it again.
    pub secret: String,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::Read < Role::Deploy && Role::Deploy < Role::Admin);
        for role in [Role::Read, Role::Deploy, Role::Admin] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.to_string());
        }
    }

    #[test]
    fn a_secret_is_not_printed_by_accident() {
        let created = Created { name: "ci".into(), secret: "titan_token_1".into() };
        assert!(!format!("{created:?}").contains("titan_token_1"));
    }
}
