//! Shows how far a compile has come: a bar on a terminal, and what the notebook prints. Everything goes to stderr.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use titan_compiler::progress::{Progress, Stage};

use crate::exit::indented;

/// How often a bar moves when nothing else happens.
const TICK: Duration = Duration::from_millis(120);

/// One bar, for the stage that runs. It is invisible where stderr is no terminal.
pub struct Bars {
    bar: RefCell<ProgressBar>,
    stage: Cell<Option<Stage>>,
}

impl Bars {
    /// Nothing is shown yet.
    pub fn new() -> Bars {
        Bars { bar: RefCell::new(ProgressBar::hidden()), stage: Cell::new(None) }
    }
}

/// A compile that fails ends in the middle of a stage.
impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.borrow().finish_and_clear();
    }
}

/// Templates are checked by a test, so a default can only stand in where that test fails.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

const WITHOUT_END: &str = "{spinner} {prefix} {elapsed} {wide_msg}";
const WITH_END: &str = "{spinner} {prefix} {elapsed} [{bar:24}] {pos}/{len} {wide_msg}";

impl Progress for Bars {
    fn start(&self, stage: Stage) {
        let bar = ProgressBar::new_spinner().with_style(style(WITHOUT_END)).with_prefix(stage.to_string());
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        self.stage.set(Some(stage));
        self.bar.replace(bar).finish_and_clear();
    }

    fn advance(&self, done: u64, of: u64, what: &str) {
        let bar = self.bar.borrow();
        if of > 0 {
            bar.set_style(style(WITH_END));
            bar.set_length(of);
            bar.set_position(done);
        }
        bar.set_message(what.to_owned());
    }

    fn finish(&self, _: Stage, _: Duration) {
        self.stage.set(None);
        self.bar.borrow().finish_and_clear();
    }

    fn output(&self, line: &str) {
        // An installer's hundreds of lines are shown only when it fails, by the error.
        if self.stage.get() == Some(Stage::Environment) {
            return;
        }
        // Without a stderr there is nobody to tell.
        self.bar.borrow().suspend(|| {
            let _ = io::stderr().write_all(indented(line).as_bytes());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        for template in [WITHOUT_END, WITH_END] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
