//! The services' logs: what handlers print to stderr, and why requests failed.
//!
//! A handler may print without end. So each version has an [`Allowance`] of bytes a second, lines go through a
//! bounded queue to one thread that writes, and a service's files are of bounded size: what is too much is dropped
//! and counted, and nobody waits. A service's log outlives its versions and the gateway's process, and goes with the
//! service.

mod allowance;
mod file;
mod query;
mod stream;

pub(crate) use file::Reader;
pub(crate) use query::Query;
pub(crate) use stream::Stream;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;
use titan_sdk::api::{LogKind, LogLine};

use crate::observe::origin::{Origin, current};

use allowance::Allowance;
use file::LogFile;

/// The Content-Type of a log: lines of JSON.
pub(crate) const MEDIA_TYPE: &str = "application/x-ndjson";
/// Lines that may wait to be written, of all services together.
const QUEUE: usize = 4096;
/// Bytes of a line; what is beyond is cut off.
const MAX_LINE: usize = 16 << 10;

/// The logs of all services.
#[derive(Clone)]
pub(crate) struct Logs {
    folder: Arc<Path>,
    queue: SyncSender<Entry>,
    files: Arc<DashMap<String, Arc<LogFile>>>,
}

/// A version's way into its service's log.
pub(crate) struct VersionLog {
    version: String,
    /// As people write them, by endpoint.
    endpoints: Box<[String]>,
    file: Arc<LogFile>,
    queue: SyncSender<Entry>,
    allowance: Allowance,
    /// Lines dropped since the last one that was not.
    missing: AtomicU64,
    dropped: AtomicU64,
}

enum Entry {
    Line(Arc<LogFile>, LogLine),
    Remove(Arc<LogFile>),
}

impl Logs {
    /// Logs in `folder`, which is made when there is something to write.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start(folder: PathBuf) -> io::Result<Logs> {
        let (queue, entries) = mpsc::sync_channel(QUEUE);
        thread::Builder::new().name("titan-logs".into()).spawn(move || write(&entries))?;
        Ok(Logs { folder: folder.into(), queue, files: Arc::default() })
    }

    /// The way into the log of `service` for its version `version`, whose endpoints are written so.
    pub(crate) fn of_version(&self, service: &str, version: String, endpoints: Box<[String]>) -> VersionLog {
        VersionLog {
            version,
            endpoints,
            file: self.file(service),
            queue: self.queue.clone(),
            allowance: Allowance::new(),
            missing: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// The last lines of a service's log, and those to come.
    pub(crate) fn reader(&self, service: &str) -> Reader {
        Reader::new(self.file(service))
    }

    /// Deletes the log of a service.
    pub(crate) fn remove(&self, service: &str) {
        if let Some((_, file)) = self.files.remove(service) {
            // Behind the lines that are still to be written. If the queue is full, the next line of a new service of that name
            // continues the old file, which is as bounded as before.
            let _ = self.queue.try_send(Entry::Remove(file));
        }
    }

    fn file(&self, service: &str) -> Arc<LogFile> {
        let path = || self.folder.join(format!("{service}.jsonl"));
        Arc::clone(&self.files.entry(service.to_owned()).or_insert_with(|| Arc::new(LogFile::new(path()))))
    }
}

impl VersionLog {
    /// What a guest wrote to stderr, on the thread that runs it.
    pub(crate) fn stderr(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let origin = current();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.line(LogKind::Stderr, origin.as_ref(), line);
        }
    }

    /// Why a request failed, in any number of lines.
    pub(crate) fn error(&self, origin: &Origin, text: &str) {
        self.line(LogKind::Error, Some(origin), text.trim_end());
    }

    /// Lines that were dropped since the version was loaded.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn line(&self, kind: LogKind, origin: Option<&Origin>, text: &str) {
        if !self.allowance.take(text.len().min(MAX_LINE), Instant::now()) {
            return self.drop_line();
        }
        let missing = self.missing.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let text = format!("{missing} lines are missing here: they came faster than a version may write");
            self.send(self.entry(LogKind::Gap, None, text), missing);
        }
        self.send(self.entry(kind, origin, clipped(text).to_owned()), 1);
    }

    fn entry(&self, kind: LogKind, origin: Option<&Origin>, text: String) -> LogLine {
        let endpoint = origin.and_then(|origin| self.endpoints.get(origin.endpoint));
        LogLine {
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64),
            version: self.version.clone(),
            endpoint: endpoint.cloned(),
            error_id: origin.map(Origin::error_id),
            kind,
            text,
        }
    }

    /// A line that stands for `lines`.
    fn send(&self, line: LogLine, lines: u64) {
        if self.queue.try_send(Entry::Line(Arc::clone(&self.file), line)).is_err() {
            self.missing.fetch_add(lines, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn drop_line(&self) {
        self.missing.fetch_add(1, Ordering::Relaxed);
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The part of a line that is kept.
fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LINE)]
}

/// Writes lines until nobody can send any more.
fn write(entries: &Receiver<Entry>) {
    for entry in entries {
        match entry {
            Entry::Line(file, line) => file.append(&line),
            Entry::Remove(file) => file.remove(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_say_where_they_come_from_and_a_flood_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::start(folder.path().join("logs")).unwrap();
        let log = logs.of_version("a", "v1".into(), ["GET /x".to_owned()].into());
        let origin = Origin::new(0, None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(origin.clone().scope("handler", async { log.stderr(b"one\n\ntwo\xff\n") }));
        log.stderr(b"outside");
        log.error(&origin, "Traceback:\n  ValueError\n");
        let flood = vec![b'x'; 2 * MAX_LINE];
        (0..1000).for_each(|_| log.stderr(&flood));
        assert!(log.dropped() > 900, "{}", log.dropped());
        let read = || {
            let (bytes, _) = logs.reader("a").read(&Query::parse("lines=100000").unwrap()).unwrap();
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let lines = lines.map(|line| serde_json::from_slice(line).unwrap());
            // While it floods, the allowance grows a little.
            lines.filter(|line: &LogLine| line.kind != LogKind::Gap).collect::<Vec<_>>()
        };
        let written = 4 + 1000 - log.dropped() as usize;
        let start = Instant::now();
        while read().len() < written {
            assert!(start.elapsed() < Duration::from_secs(30), "{} of {written} lines are written", read().len());
            thread::yield_now();
        }
        let lines = read();
        let id = Some(origin.error_id());
        let head: Vec<_> =
            lines.iter().take(4).map(|line| (line.text.as_str(), line.endpoint.is_some(), &line.error_id)).collect();
        let traceback = "Traceback:\n  ValueError";
        assert_eq!(
            head,
            [("one", true, &id), ("two\u{fffd}", true, &id), ("outside", false, &None), (traceback, true, &id)]
        );
        assert!(lines[4..].iter().all(|line| line.text.len() == MAX_LINE));
        logs.remove("a");
        while folder.path().join("logs").read_dir().unwrap().next().is_some() {
            assert!(start.elapsed() < Duration::from_secs(60), "the log is not removed");
            thread::yield_now();
        }
    }
}
