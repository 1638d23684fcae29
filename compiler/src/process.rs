//! Runs other programs so that they end when the compiler does, and hands on what they print.
//!
//! Every program gets a process group of its own; whatever is left in the group when the program ends or is interrupted
//! is killed. Output is handed on line by line while it comes.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::error::CompileError;
use crate::interrupt::Interrupt;

/// Lines of output kept for an error message.
const TAIL: usize = 200;
/// How long output is still read after the program has ended: a process that left the group may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_secs(1);

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    tail: VecDeque<String>,
}

impl Ended {
    /// Its last output, for people.
    pub(crate) fn output(&self) -> String {
        self.tail.iter().map(|line| format!("{line}\n")).collect()
    }

    /// How it ended and its last words, in one line.
    pub(crate) fn cause(&self) -> String {
        match self.tail.iter().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}: {}", self.status, line.trim()),
            None => self.status.to_string(),
        }
    }
}

/// Runs `command` to its end. `line` is called with every line of output as it comes and says whether it is to be kept for
/// [`Ended::output`].
///
/// # Errors
/// A program that cannot be started, or [`CompileError::Interrupted`]. A program that fails is no error here.
pub(crate) fn run(
    mut command: Command,
    interrupt: &Interrupt,
    line: impl FnMut(Stream, &str) -> bool,
) -> Result<Ended, CompileError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |cause| CompileError::Start { program: program.clone(), cause };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        interrupt.check()?;
        let mut child = command.spawn().map_err(failed)?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        tokio::select! {
            ended = attend(&mut child, &group, line) => ended.map_err(failed),
            () = interrupt.asked() => Err(CompileError::Interrupted),
        }
    })
}

/// Kills what is left of a process group.
struct Group(Option<Pid>);

impl Group {
    fn kill(&self) {
        if let Some(pid) = self.0 {
            // An error says that nothing is left.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn attend(child: &mut Child, group: &Group, mut line: impl FnMut(Stream, &str) -> bool) -> io::Result<Ended> {
    let mut out = Lines::new(child.stdout.take());
    let mut err = Lines::new(child.stderr.take());
    let mut tail = VecDeque::new();
    let mut take = |stream, text: Option<String>| {
        if let Some(text) = text.filter(|text| line(stream, text)) {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(text);
        }
    };
    let status = loop {
        tokio::select! {
            text = out.next(), if out.open => take(Stream::Out, text?),
            text = err.next(), if err.open => take(Stream::Err, text?),
            status = child.wait() => break status?,
        }
    };
    group.kill();
    let drain = async {
        while out.open || err.open {
            tokio::select! {
                text = out.next(), if out.open => take(Stream::Out, text?),
                text = err.next(), if err.open => take(Stream::Err, text?),
            }
        }
        io::Result::Ok(())
    };
    tokio::time::timeout(DRAIN, drain).await.unwrap_or(Ok(()))?;
    Ok(Ended { status, tail })
}

/// Lines of a pipe. Bytes that are not UTF-8 are replaced, and of what was overwritten with carriage returns only the last
/// state counts, as on a terminal.
struct Lines<R> {
    reader: Option<BufReader<R>>,
    buffer: Vec<u8>,
    open: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(pipe: Option<R>) -> Lines<R> {
        Lines { open: pipe.is_some(), reader: pipe.map(BufReader::new), buffer: Vec::new() }
    }

    /// The next line without its end; none at the end of the pipe. May be cancelled: what was read so far stays in the buffer.
    async fn next(&mut self) -> io::Result<Option<String>> {
        if let Some(reader) = &mut self.reader {
            reader.read_until(b'\n', &mut self.buffer).await?;
        }
        self.open = self.buffer.ends_with(b"\n");
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&self.buffer);
        let text = text.trim_end_matches(['\n', '\r']);
        let shown = text.rsplit('\r').next().unwrap_or(text).to_owned();
        self.buffer.clear();
        Ok(Some(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::interrupt;
    use std::time::Instant;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_come_from_both_streams_and_the_chosen_ones_are_kept() {
        let mut lines = Vec::new();
        let script = "echo out; printf '10%%\\r20%%\\r\\n' >&2; printf 'no end' >&2; exit 3";
        let ended = run(sh(script), &Interrupt::never(), |stream, line| {
            lines.push((stream, line.to_owned()));
            stream == Stream::Err
        })
        .unwrap();
        lines.sort_by_key(|(stream, _)| *stream == Stream::Err);
        let expected = [(Stream::Out, "out"), (Stream::Err, "20%"), (Stream::Err, "no end")];
        assert_eq!(lines, expected.map(|(stream, line)| (stream, line.to_owned())));
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!((ended.output().as_str(), ended.cause().as_str()), ("20%\nno end\n", "exit status: 3: no end"));
    }

    #[test]
    fn what_a_program_leaves_behind_is_killed() {
        let since = Instant::now();
        let mut left = 0;
        let ended = run(sh("sleep 60 & echo $!"), &Interrupt::never(), |_, line| {
            left = line.parse().unwrap();
            true
        });
        assert!(ended.unwrap().status.success());
        assert!(since.elapsed() < Duration::from_secs(30));
        assert!(is_gone(left));
    }

    #[test]
    fn an_interrupt_kills_the_program_and_its_children() {
        let (interrupter, interrupt) = interrupt();
        let mut pids = Vec::new();
        let error = run(sh("sleep 60 & echo $!; echo $$; wait"), &interrupt, |_, line| {
            pids.push(line.parse().unwrap());
            if pids.len() == 2 {
                interrupter.interrupt();
            }
            true
        });
        assert!(matches!(error, Err(CompileError::Interrupted)));
        assert!(pids.into_iter().all(is_gone));
    }

    /// Gone, or dead and waiting for its parent to notice.
    fn is_gone(pid: i32) -> bool {
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(10) {
            match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) if !stat.contains(") Z ") => std::thread::yield_now(),
                _ => return true,
            }
        }
        false
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(Command::new("titan-no-such-program"), &Interrupt::never(), |_, _| true).unwrap_err();
        assert!(error.to_string().contains("titan-no-such-program cannot be started"), "{error}");
    }
}
