//! The `titan` command: deploy notebooks, list and roll back what is deployed, and run a gateway.
//!
//! A thin layer. Each command lowers its flags once into what a library takes, calls it, and prints; what a command does is the
//! compiler's, the gateway's or the admin client's.

mod args;
mod backup;
mod compile;
mod config;
mod credentials;
mod delete;
mod deploy;
mod deployer;
mod doctor;
mod exit;
mod gateway;
mod key;
mod keygen;
mod log;
mod login;
mod logs;
mod manual;
mod progress;
mod prune;
mod rollback;
mod service_manager;
mod services;
mod signals;
mod table;
mod time;
mod token;
mod trial;
mod units;
mod versions;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, GatewayArgs};
use log::Log;

/// Gives freed memory back to the system within milliseconds. The C library's allocator keeps what large bodies and tensors
/// took, which then counts for no version but is gone all the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let logs = match &command {
        // Its configuration says how.
        Command::Gateway(GatewayArgs { command: None, .. }) => Ok(()),
        _ => Log::of_command().start(),
    };
    let done = logs.and_then(|()| match command {
        Command::Gateway(GatewayArgs { command: Some(command), .. }) => backup::run(&command),
        Command::Gateway(args) => gateway::run(args),
        Command::Compile(args) => compile::run(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Promote(args) => trial::promote(&args),
        Command::Abort(args) => trial::abort(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Services(args) => services::run(&args),
        Command::Versions(args) => versions::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Login(args) => login::run(&args),
        Command::Logout(args) => login::forget(&args),
        Command::Token(command) => token::run(&command),
        Command::Key(command) => key::run(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    });
    exit::code(done)
}
