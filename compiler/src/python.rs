//! Finds what can make a Python environment on this machine: an interpreter, and uv where it is installed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::error::CompileError;
use crate::image::PYTHONS;

/// Prints the version, and fails where a venv cannot be made.
const PROBE: &str = "import sys, venv, ensurepip; print(*sys.version_info[:2])";

/// Makes and fills environments.
#[derive(Debug)]
pub(crate) struct Installer {
    python: PathBuf,
    uv: Option<PathBuf>,
}

impl Installer {
    /// uv where it is installed, and the first fitting interpreter: `TITAN_PYTHON`, else one found in PATH.
    ///
    /// # Errors
    /// No fitting interpreter; the error says what there is instead.
    pub(crate) fn find(image: &str) -> Result<Installer, CompileError> {
        let uv = which::which("uv").ok();
        let named = std::env::var_os("TITAN_PYTHON").filter(|python| !python.is_empty());
        let mut seen = Vec::new();
        for candidate in candidates(named.as_deref()) {
            match probe(&candidate) {
                Ok(version) if PYTHONS.contains(&version) => return Ok(Installer { python: candidate, uv }),
                Ok((major, minor)) => seen.push(format!("{} is {major}.{minor}", candidate.display())),
                Err(why) => seen.push(format!("{} {why}", candidate.display())),
            }
        }
        if uv.is_some() && named.is_none() {
            // uv fetches an interpreter when it is given a version instead of a path.
            let (major, minor) = PYTHONS[0];
            return Ok(Installer { python: format!("{major}.{minor}").into(), uv });
        }
        let found = match (named, seen.is_empty()) {
            (Some(named), true) => format!("TITAN_PYTHON names {}, which is not there", named.display()),
            (None, true) => "there is none in PATH".into(),
            _ => seen.join(", "),
        };
        Err(CompileError::NoPython { image: image.into(), wanted: "3.11, 3.12 or 3.13", found })
    }

    /// The same tool on the interpreter `python`.
    pub(crate) fn with(python: PathBuf) -> Installer {
        Installer { python, uv: which::which("uv").ok() }
    }

    /// Makes an empty environment, with pip in it for the notebook's own use.
    pub(crate) fn create(&self, folder: &Path) -> Command {
        match &self.uv {
            Some(uv) => {
                let mut command = Command::new(uv);
                command.args(["venv", "--seed", "--python"]).arg(&self.python).arg(folder);
                command
            }
            None => {
                let mut command = Command::new(&self.python);
                command.args(["-m", "venv"]).arg(folder);
                command
            }
        }
    }

    /// Installs exactly what `requirements` lists into the environment of `python`, from wheels only: a package that
    /// had to be built would need a compiler and give other bytes.
    pub(crate) fn install(&self, python: &Path, requirements: &Path) -> Command {
        let mut command;
        match &self.uv {
            Some(uv) => {
                command = Command::new(uv);
                command.args(["pip", "install", "--python"]).arg(python);
            }
            None => {
                command = Command::new(python);
                command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
                command.args(["--progress-bar", "off"]);
            }
        }
        command.args(["--no-deps", "--only-binary", ":all:", "-r"]).arg(requirements);
        // A project's own settings in the folder titan was started in are not meant for the image.
        command.current_dir(requirements.parent().unwrap_or(Path::new("/")));
        command
    }
}

/// The package a line of pip's output says is being fetched.
pub(crate) fn package_begun(line: &str) -> Option<&str> {
    line.strip_prefix("Collecting ")?.split([' ', '=']).next()
}

/// Whether the line says that everything is fetched, and is being unpacked.
pub(crate) fn installing(line: &str) -> bool {
    // pip's words, and uv's.
    line.starts_with("Installing collected packages") || line.starts_with("Prepared ")
}

fn candidates(named: Option<&OsStr>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return which::which(named).into_iter().collect();
    }
    let versioned = PYTHONS.map(|(major, minor)| format!("python{major}.{minor}"));
    let names = versioned.iter().map(String::as_str).chain(["python3", "python"]);
    let mut found: Vec<PathBuf> = Vec::new();
    for path in names.filter_map(|name| which::which_all(name).ok()).flatten() {
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// The version of an interpreter that can make an environment, or why it cannot.
fn probe(python: &Path) -> Result<(u32, u32), &'static str> {
    // Short-lived and silent: nothing to show, nothing to interrupt.
    let mut command = std::process::Command::new(python);
    command.args(["-c", PROBE]).stdin(std::process::Stdio::null()).env_remove("PYTHONHOME").env_remove("PYTHONPATH");
    let output = command.output().map_err(|_| "does not start")?;
    if !output.status.success() {
        let missing = String::from_utf8_lossy(&output.stderr).contains("ModuleNotFoundError");
        return Err(if missing { "lacks the venv module" } else { "does not run" });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err("is no Python"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_lines_are_understood() {
        let line = "Collecting ipython==9.18.1 (from -r requirements.txt (line 3))";
        assert_eq!(package_begun(line), Some("ipython"));
        assert_eq!(package_begun("  Downloading ipython-9.18.1-py3-none-any.whl"), None);
        assert!(installing("Installing collected packages: a, b") && installing("Prepared 18 packages in 2s"));
    }

    #[test]
    fn what_is_no_python_is_told_apart() {
        assert!(probe(Path::new("/nonexistent/python")).is_err());
        assert!(probe(Path::new("true")).is_err());
    }
}
