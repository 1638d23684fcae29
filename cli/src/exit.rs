//! How the command ends: the error line, what is behind it, and the exit code. `titan --help` documents the codes.

use std::io::{self, Write};
use std::process::ExitCode;

use titan_compiler::error::CompileError;
use titan_sdk::client::ClientError;

const FAILED: u8 = 1;
const UNREACHABLE: u8 = 3;
/// As a shell reports a command that SIGINT ended.
pub const INTERRUPTED: u8 = 130;

/// Prints the error, if there is one, and gives the exit code.
pub fn code(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    // A reader that has seen enough, such as `head`.
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let mut text = String::new();
    if let Some(detail) = error.downcast_ref::<CompileError>().and_then(CompileError::detail) {
        for line in detail.lines() {
            text += &indented(line);
        }
    }
    text += &format!("error: {}\n", format!("{error:#}").replace('\n', " "));
    // Without a stderr there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(code_of(&error))
}

/// What other programs print is indented: a line that begins with `error: ` is titan's own.
pub fn indented(line: &str) -> String {
    format!("  {line}\n")
}

fn code_of(error: &anyhow::Error) -> u8 {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(ClientError::Unreachable { .. }), _) => UNREACHABLE,
        (_, Some(CompileError::Interrupted)) => INTERRUPTED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_the_help_documents() {
        let unreachable = ClientError::Unreachable { url: "http://x".into(), cause: "refused".into() };
        assert_eq!(code_of(&anyhow::Error::from(unreachable)), 3);
        assert_eq!(code_of(&CompileError::Interrupted.into()), 130);
        let refused = ClientError::Refused { status: 404, message: "no".into() };
        assert_eq!(code_of(&anyhow::Error::from(refused).context("while deploying")), 1);
    }
}
