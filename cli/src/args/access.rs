//! The flags of the commands about who may do what.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Format, Target, service_name};

#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// What the files are called, before .key and .pub
    #[arg(default_value = "titan")]
    pub name: PathBuf,
}

#[derive(Debug, Args)]
pub struct LoginArgs {
    /// URL of the gateway's admin API
    #[arg(value_name = "GATEWAY")]
    pub url: String,
    /// PEM file of the authority that vouches for the gateway's certificate; it is kept too
    #[arg(long, value_name = "FILE", env = "TITAN_CA", hide_env_values = true)]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// URL of the gateway's admin API
    #[arg(value_name = "GATEWAY")]
    pub url: String,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it; the gateway keeps only a digest
    Create {
        /// Its name
        #[arg(value_parser = service_name)]
        name: String,
        /// What it allows: to see, also to change services, also to change tokens
        #[arg(long)]
        role: RoleName,
        /// In the data folder of a gateway on this machine that does not run: the way in where no token is left
        #[arg(long)]
        local: bool,
        /// That folder [default: titan in the user's data folder]
        #[arg(long, value_name = "DIR", requires = "local")]
        data: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// List the tokens, without their secrets
    List {
        #[command(flatten)]
        format: Format,
        #[command(flatten)]
        target: Target,
    },
    /// Revoke a token: it opens nothing from now on
    Revoke {
        /// Its name
        #[arg(value_parser = service_name)]
        name: String,
        #[command(flatten)]
        target: Target,
    },
}

/// The roles of tokens, see [`titan_sdk::access::Role`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleName {
    Read,
    Deploy,
    Admin,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Create an API key and print it; the gateway keeps only a digest
    Create {
        /// The service it opens
        #[arg(value_parser = service_name)]
        service: String,
        /// Its name: who is to use it
        #[arg(value_parser = service_name)]
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// List the API keys of a service, without their secrets
    List {
        /// The service
        #[arg(value_parser = service_name)]
        service: String,
        #[command(flatten)]
        format: Format,
        #[command(flatten)]
        target: Target,
    },
    /// Revoke an API key: it opens nothing from now on
    Revoke {
        /// The service
        #[arg(value_parser = service_name)]
        service: String,
        /// The key's name
        #[arg(value_parser = service_name)]
        name: String,
        #[command(flatten)]
        target: Target,
    },
}
