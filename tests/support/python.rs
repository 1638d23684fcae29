//! Python environments of tests' own, each made once and kept in the target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::succeed;

/// The folder of the environment `name`, with the packages that the file `requirements` pins.
pub fn environment(name: &str, requirements: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    // Written last, so that what was interrupted is made again.
    let (environment, made) = (folder.join("venv"), folder.join("made-from.txt"));
    let wanted = fs::read(requirements).unwrap();
    if fs::read(&made).ok().as_ref() != Some(&wanted) {
        let python = std::env::var_os("TITAN_PYTHON").unwrap_or_else(|| "python3".into());
        succeed(&Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment).output().unwrap());
        let pip = environment.join("bin/pip");
        succeed(&Command::new(pip).args(["install", "--no-deps", "-r"]).arg(requirements).output().unwrap());
        fs::write(&made, wanted).unwrap();
    }
    environment
}
