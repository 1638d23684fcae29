//! `titan login` and `titan logout`: a token for a gateway is remembered, or forgotten.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, ensure};
use console::Term;
use titan_sdk::client::{Client, Credentials};

use crate::args::{LoginArgs, LogoutArgs, read_ca};
use crate::credentials::Remembered;

pub fn run(args: &LoginArgs) -> anyhow::Result<()> {
    let mut remembered = Remembered::read()?;
    let ca = read_ca(args.ca.as_deref())?;
    if args.url.starts_with("http://") && !is_loopback(&args.url) {
        writeln!(io::stderr(), "warning: {} is not encrypted: others on the network can read the token", args.url)?;
    }
    let token = ask(&args.url)?;
    let client = Client::with(&args.url, Credentials { token: Some(token.clone()), ca: ca.clone() })?;
    // The gateway knows who it is, or refuses.
    let caller = client.gateway()?.caller;
    remembered.insert(&args.url, token, ca);
    remembered.write()?;
    let name = caller.token.unwrap_or_default();
    writeln!(io::stdout(), "logged in to {} with the token {name} (role {})", args.url, caller.role)?;
    Ok(())
}

pub fn forget(args: &LogoutArgs) -> anyhow::Result<()> {
    let mut remembered = Remembered::read()?;
    ensure!(remembered.remove(&args.url), "no token is remembered for {}: check the URL", args.url);
    remembered.write()?;
    writeln!(io::stdout(), "logged out of {}", args.url)?;
    Ok(())
}

/// The token: from a prompt that does not show it, or the first line of standard input. Never from the command line, which
/// every user of a machine can read.
fn ask(url: &str) -> anyhow::Result<String> {
    let terminal = Term::stderr();
    let token = if io::stdin().is_terminal() && terminal.is_term() {
        terminal.write_str(&format!("Token for {url}: "))?;
        terminal.read_secure_line()
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    };
    let token = token.context("the token cannot be read: pass it on standard input")?.trim().to_owned();
    ensure!(!token.is_empty(), "no token was given: type it at the prompt, or pass it on standard input");
    Ok(token)
}

/// Whether what is sent to `url` stays on this machine.
fn is_loopback(url: &str) -> bool {
    let authority = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let address = authority.parse().map(|address: SocketAddr| address.ip());
    let address = address.or_else(|_| authority.trim_matches(['[', ']']).parse::<IpAddr>());
    address.is_ok_and(|address| address.is_loopback()) || authority.split(':').next() == Some("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for here in
            ["http://127.0.0.1:8081", "http://localhost", "http://localhost:1/", "http://[::1]:1", "http://[::1]"]
        {
            assert!(is_loopback(here), "{here}");
        }
        for there in
            ["http://10.0.0.1:8081", "http://localhost.example.org", "http://127.example.org", "http://[::2]:1"]
        {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
