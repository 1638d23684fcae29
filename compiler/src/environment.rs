//! Python environments: an image installed on this machine, ready to run notebooks.
//!
//! An environment is a venv in the cache, made once and shared by every notebook of the image. It counts as made when its
//! marker file is there, which is written last; a folder without it is what a crash left behind, and is made again. (A venv
//! cannot be made elsewhere and moved: its scripts hold its path.) A lock file keeps two titans from making it at once.
//!
//! A notebook that installs packages, by the config cell's commands or in its cells, gets a layer: a venv of its own that sees
//! the image's packages below its own. So what one notebook installs changes no other.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use titan_sdk::digest::sha256_hex;
use tokio::process::Command;

use crate::error::CompileError;
use crate::image::Image;
use crate::interrupt::Interrupt;
use crate::notebook::Notebook;
use crate::options::Options;
use crate::process::{self, Stream};
use crate::progress::{Clock, Progress, Stage};
use crate::python::{self, Installer};

/// Written last.
const MARKER: &str = "titan-complete";

/// A place to run Python.
#[derive(Clone, Debug)]
pub struct Environment {
    folder: PathBuf,
}

/// Finds or makes the environment of the notebook's image, and runs the config cell's commands in it.
///
/// # Errors
/// An unknown image, no Python, an installation or a command that fails.
pub fn prepare(notebook: &Notebook, options: &Options, clock: &mut Clock<'_>) -> Result<Environment, CompileError> {
    clock.begin(Stage::Environment);
    let image = Image::named(&notebook.settings.config.image)?;
    let making = Making { image, interrupt: &options.interrupt, progress: clock.progress() };
    let images = options.cache.join("images");
    let (key, mut environment) = making.base(&images)?;
    let installs = notebook.installs();
    if !installs.is_empty() {
        environment = making.layer(&images, &key, &environment, &installs)?;
    }
    run_commands(notebook, &environment, &options.interrupt, clock.progress())?;
    Ok(environment)
}

impl Environment {
    /// The interpreter.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A command that runs in this environment, as in an activated venv, and in `folder`.
    pub(crate) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&path));
        // A folder with a ':' in its name cannot stand in PATH; Python is then still found by its full path.
        command.env("PATH", std::env::join_paths(paths).unwrap_or(path.clone()));
        command.env("VIRTUAL_ENV", &self.folder).env_remove("PYTHONHOME").current_dir(folder);
        // These would send packages elsewhere than into the environment.
        for variable in ["PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"] {
            command.env_remove(variable);
        }
        command
    }

    fn site_packages(&self) -> io::Result<PathBuf> {
        let pythons = fs::read_dir(self.folder.join("lib"))?;
        let packages = pythons.filter_map(|entry| Some(entry.ok()?.path().join("site-packages")));
        packages.into_iter().find(|folder| folder.is_dir()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What making an environment needs throughout.
struct Making<'a> {
    image: &'static Image,
    interrupt: &'a Interrupt,
    progress: &'a dyn Progress,
}

impl Making<'_> {
    /// The image's own environment, and the key it is kept under.
    fn base(&self, images: &Path) -> Result<(String, Environment), CompileError> {
        // Another TITAN_PYTHON is another environment; otherwise whichever Python made it first serves for good.
        let wanted = std::env::var_os("TITAN_PYTHON").unwrap_or_default();
        let digest = sha256_hex(format!("{}\n{}", wanted.display(), self.image.requirements).as_bytes());
        let key = format!("{}-{}", self.image.name, &digest[..16]);
        let environment = self.once(images, &key, |environment| {
            let installer = Installer::find(self.image.name)?;
            self.create(&installer, environment)?;
            self.fill(&installer, environment)
        })?;
        Ok((key, environment))
    }

    /// A layer over `base` for what `installs` will put there.
    fn layer(
        &self,
        images: &Path,
        key: &str,
        base: &Environment,
        installs: &[&str],
    ) -> Result<Environment, CompileError> {
        let digest = sha256_hex(format!("{key}\n{}", installs.join("\n")).as_bytes());
        self.once(images, &format!("{}-layer-{}", self.image.name, &digest[..16]), |environment| {
            self.create(&Installer::with(base.python()), environment)?;
            let below = base.site_packages().map_err(|cause| cache(&base.folder, cause))?;
            let packages = environment.site_packages().map_err(|cause| cache(&environment.folder, cause))?;
            // JSON strings of paths are Python strings. `addsitedir` also reads the image's own .pth files.
            let below = serde_json::Value::from(below.to_string_lossy());
            let line = format!("import site; site.addsitedir({below})\n");
            let file = packages.join("titan-image.pth");
            fs::write(&file, line).map_err(|cause| cache(&file, cause))
        })
    }

    /// The environment kept under `key`; made by `make` if it is not there.
    fn once(
        &self,
        images: &Path,
        key: &str,
        make: impl FnOnce(&Environment) -> Result<(), CompileError>,
    ) -> Result<Environment, CompileError> {
        let folder = images.join(key);
        let marker = folder.join(MARKER);
        let environment = Environment { folder };
        // The interpreter is a link to the Python it was made with, which may have been removed.
        let is_made = || marker.is_file() && environment.python().exists();
        if is_made() {
            return Ok(environment);
        }
        fs::create_dir_all(images).map_err(|cause| cache(images, cause))?;
        let _lock = self.lock(&images.join(format!("{key}.lock")))?;
        if is_made() {
            return Ok(environment);
        }
        remove(&environment.folder)?;
        let made = make(&environment).and_then(|()| fs::write(&marker, "").map_err(|cause| cache(&marker, cause)));
        if made.is_err() {
            remove(&environment.folder)?;
        }
        made.map(|()| environment)
    }

    /// Held until the file is dropped. Waits for another titan that makes the same environment.
    fn lock(&self, path: &Path) -> Result<File, CompileError> {
        let failed = |cause| cache(path, cause);
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            self.progress.advance(0, 0, &format!("waiting for another titan that installs image {}", self.image.name));
            file.lock().map_err(failed)?;
        }
        Ok(file)
    }

    fn create(&self, installer: &Installer, environment: &Environment) -> Result<(), CompileError> {
        self.progress.advance(0, 0, &format!("creating the environment of image {}", self.image.name));
        self.run(installer.create(&environment.folder), "created", "look at the output above", |_| {})
    }

    fn fill(&self, installer: &Installer, environment: &Environment) -> Result<(), CompileError> {
        let requirements = environment.folder.join("requirements.txt");
        fs::write(&requirements, self.image.requirements).map_err(|cause| cache(&requirements, cause))?;
        let of = self.image.packages();
        let mut done = 0;
        let remedy = "check the network, then deploy again";
        self.run(installer.install(&environment.python(), &requirements), "filled", remedy, |line| {
            if let Some(package) = python::package_begun(line) {
                self.progress.advance(done, of, &format!("downloading {package}"));
                done = (done + 1).min(of);
            } else if python::installing(line) {
                self.progress.advance(done, of, &format!("installing {of} packages"));
            }
        })
    }

    fn run(
        &self,
        mut command: Command,
        step: &'static str,
        remedy: &'static str,
        mut line: impl FnMut(&str),
    ) -> Result<(), CompileError> {
        command.env_remove("PYTHONHOME").env_remove("PYTHONPATH");
        let ended = process::run(command, self.interrupt, |_, text| {
            self.progress.output(text);
            line(text);
            true
        })?;
        if ended.status.success() {
            return Ok(());
        }
        let (image, cause, detail) = (self.image.name.into(), ended.cause(), ended.output());
        Err(CompileError::Environment { image, step, cause, remedy, detail })
    }
}

fn run_commands(
    notebook: &Notebook,
    environment: &Environment,
    interrupt: &Interrupt,
    progress: &dyn Progress,
) -> Result<(), CompileError> {
    let commands = &notebook.settings.commands;
    for (done, text) in commands.iter().enumerate() {
        progress.advance(done as u64, commands.len() as u64, text);
        let mut command = environment.command(Path::new("sh"), notebook.folder());
        command.args(["-c", text]);
        let ended = process::run(command, interrupt, |_: Stream, line| {
            progress.output(line);
            true
        })?;
        if !ended.status.success() {
            let (cause, detail) = (ended.cause(), ended.output());
            return Err(CompileError::Command { command: text.clone(), cause, detail });
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), CompileError> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cache(folder, cause)),
        _ => Ok(()),
    }
}

fn cache(path: &Path, cause: io::Error) -> CompileError {
    CompileError::Cache { path: path.into(), cause }
}
