//! `titan completions` and `titan man`: what shells and `man` want to know of the command line.

use std::fs;
use std::io::{self, Write};

use anyhow::Context;
use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs, ManArgs};

pub fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "titan", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}

pub fn man(args: &ManArgs) -> anyhow::Result<()> {
    let folder = &args.folder;
    let write = || {
        fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command(), folder)
    };
    write().with_context(|| format!("{} cannot be written: name another folder", folder.display()))
}
