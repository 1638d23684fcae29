//! A service's log on disk: lines of JSON in a file, and in the one before it. When a file is full it becomes the one
//! before, so two files bound what a log takes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use titan_sdk::api::LogLine;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::query::Query;

/// Bytes of one of the two files.
const MAX_FILE: u64 = 4 << 20;
/// Lines that a follower may be behind.
const BEHIND: usize = 256;

/// A service's log.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Mutex<Open>,
    followers: broadcast::Sender<Arc<(LogLine, Bytes)>>,
}

#[derive(Debug, Default)]
struct Open {
    /// None before the first line, and after a failure.
    file: Option<File>,
    bytes: u64,
    /// Whether the last line could not be written.
    failed: bool,
    /// Requests that are still in flight must not begin a new file.
    removed: bool,
}

/// Reads a service's log.
pub(crate) struct Reader(Arc<LogFile>);

/// The lines to come.
pub(crate) struct Tail(broadcast::Receiver<Arc<(LogLine, Bytes)>>);

impl LogFile {
    pub(super) fn new(path: PathBuf) -> LogFile {
        LogFile { path, open: Mutex::default(), followers: broadcast::Sender::new(BEHIND) }
    }

    /// Writes a line and shows it to followers. A line that cannot be written is lost, and the first of those said.
    pub(super) fn append(&self, line: &LogLine) {
        let Ok(mut json) = serde_json::to_vec(line) else { return };
        json.push(b'\n');
        let mut open = self.open();
        let written = open.write(&self.path, &json);
        if let Err(cause) = &written
            && !open.failed
        {
            let path = self.path.display();
            tracing::warn!("the log {path} cannot be written ({cause}), lines are lost: check the disk's space");
        }
        open.failed = written.is_err();
        if self.followers.receiver_count() > 0 {
            // The last follower may have gone just now.
            let _ = self.followers.send(Arc::new((line.clone(), json.into())));
        }
    }

    /// Deletes both files.
    pub(super) fn remove(&self) {
        let mut open = self.open();
        *open = Open { removed: true, ..Open::default() };
        for path in [&self.path, &before(&self.path)] {
            if let Err(cause) = fs::remove_file(path)
                && cause.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("the log {} is not removed: {cause}", path.display());
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn write(&mut self, path: &Path, line: &[u8]) -> io::Result<()> {
        if self.removed {
            return Ok(());
        }
        if self.file.is_some() && self.bytes + line.len() as u64 > MAX_FILE {
            self.file = None;
            fs::rename(path, before(path))?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let mut file = OpenOptions::new().create(true).append(true).open(path)?;
                self.bytes = file.metadata()?.len();
                if self.bytes > 0 {
                    // The process before this one may have died within a line.
                    file.write_all(b"\n")?;
                }
                self.file.insert(file)
            }
        };
        let written = file.write_all(line);
        self.bytes += line.len() as u64;
        if written.is_err() {
            self.file = None;
        }
        written
    }
}

impl Reader {
    pub(super) fn new(file: Arc<LogFile>) -> Reader {
        Reader(file)
    }

    /// The last lines that `query` asks for, oldest first, each with its end; and all those that come afterwards,
    /// with none missing between. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn read(&self, query: &Query) -> io::Result<(Vec<u8>, Tail)> {
        let (files, tail) = {
            // While it is held nothing is written and no file is renamed.
            let _open = self.0.open();
            let files = [before(&self.0.path), self.0.path.clone()].map(|path| with_length(&path));
            (files, Tail(self.0.followers.subscribe()))
        };
        let mut bytes = Vec::new();
        for file in files {
            if let Some((length, file)) = file? {
                file.take(length).read_to_end(&mut bytes)?;
            }
        }
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        // A line that the process did not live to end is none.
        let lines = lines.filter(|line| serde_json::from_slice(line).is_ok_and(|line: LogLine| query.wants(&line)));
        let lines: Vec<_> = lines.collect();
        Ok((lines[lines.len().saturating_sub(query.last)..].concat(), tail))
    }
}

impl Tail {
    /// The next line, with its JSON; none when there will be no more. Whoever asks too seldom misses lines.
    pub(crate) async fn next(&mut self) -> Option<Arc<(LogLine, Bytes)>> {
        loop {
            match self.0.recv().await {
                Ok(line) => return Some(line),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// A file as long as it is now; none where there is no file.
fn with_length(path: &Path) -> io::Result<Option<(u64, File)>> {
    match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
        Ok(file) => Ok(Some((file.metadata()?.len(), file))),
    }
}

/// The file that was full before.
fn before(path: &Path) -> PathBuf {
    // No service can have this name, whatever dots are in it.
    path.with_extension("jsonl.1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use titan_sdk::api::LogKind;

    fn line(version: &str, text: &str) -> LogLine {
        LogLine {
            time: 1,
            version: version.into(),
            endpoint: Some("GET /x".into()),
            error_id: None,
            kind: LogKind::Stderr,
            text: text.into(),
        }
    }

    fn asked(query: &str) -> Query {
        Query::parse(query).unwrap()
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        let lines = str::from_utf8(bytes).unwrap().lines();
        lines.map(|line| serde_json::from_str::<LogLine>(line).unwrap().text).collect()
    }

    #[test]
    fn the_last_lines_and_those_to_come_are_read_without_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(LogFile::new(folder.path().join("logs/a.jsonl")));
        let reader = Reader::new(Arc::clone(&file));
        assert!(reader.read(&asked("")).unwrap().0.is_empty(), "there is no file yet");
        ["one", "two\n", "three"].iter().for_each(|text| file.append(&line("v1", text)));
        file.append(&line("v2", "four"));
        let (lines, mut tail) = reader.read(&asked("lines=2&version=v1")).unwrap();
        assert_eq!(texts(&lines), ["two\n", "three"]);
        file.append(&line("v1", "five"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(tail.next()).unwrap().0.text, "five");
        // A new process goes on where this one ended, even in the midst of a line.
        drop(file);
        OpenOptions::new()
            .append(true)
            .open(folder.path().join("logs/a.jsonl"))
            .unwrap()
            .write_all(b"{\"time\": 1")
            .unwrap();
        let again = Arc::new(LogFile::new(folder.path().join("logs/a.jsonl")));
        again.append(&line("v1", "six"));
        let (lines, _) = Reader::new(again).read(&asked("lines=2")).unwrap();
        assert_eq!(texts(&lines), ["five", "six"]);
    }

    #[test]
    fn a_log_takes_two_files_at_most_and_goes_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b.jsonl");
        let file = Arc::new(LogFile::new(path.clone()));
        let long = "x".repeat(64 << 10);
        let lines = 4 * MAX_FILE as usize / long.len();
        (0..lines).for_each(|number| file.append(&line("v1", &format!("{number} {long}"))));
        let bytes: u64 =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes > MAX_FILE && bytes <= 2 * MAX_FILE, "{bytes}");
        let (read, _) = Reader::new(Arc::clone(&file)).read(&asked("lines=1000000")).unwrap();
        let numbers: Vec<usize> =
            texts(&read).iter().map(|text| text.split(' ').next().unwrap().parse().unwrap()).collect();
        assert!(numbers.len() > 64 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
        assert_eq!(numbers.last(), Some(&(lines - 1)));
        file.remove();
        file.append(&line("v1", "of a request that was still in flight"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
