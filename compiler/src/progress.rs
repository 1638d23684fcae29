//! What the compiler tells while it works: stages, how far each has come, and what the programs it runs print.
//!
//! How this is shown is the caller's affair.

use std::fmt;
use std::time::{Duration, Instant};

/// A part of the way from notebook to route, in the order they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Find or create the image's Python environment, and run the config cell's commands.
    Environment,
    /// Run the notebook's cells.
    Run,
    /// Find what the endpoints reach.
    Capture,
    /// Convert models to ONNX.
    Models,
    /// Write the captured state.
    State,
    /// Answer the endpoints' sample requests in the notebook's kernel.
    Answers,
    /// Load the state into the engine and keep its heap.
    Heap,
    /// Encode the component and the bundle.
    Component,
    /// Answer them in the component too, and compare.
    Verify,
    /// Send the bundle to a gateway, which stores, loads and routes it.
    Upload,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Environment => "environment",
            Stage::Run => "run notebook",
            Stage::Capture => "capture",
            Stage::Models => "models",
            Stage::State => "state",
            Stage::Answers => "answers",
            Stage::Heap => "heap image",
            Stage::Component => "component",
            Stage::Verify => "verify",
            Stage::Upload => "upload and load",
        })
    }
}

/// Receives what the compiler tells. Every method does nothing unless it is overridden.
pub trait Progress {
    /// `stage` begins; the one before it, if any, has finished.
    fn start(&self, stage: Stage) {
        let _ = stage;
    }

    /// `done` of `of` steps of the stage are behind; `what` names the one that begins, in a few words. `of` is 0 where the
    /// number of steps is not known.
    fn advance(&self, done: u64, of: u64, what: &str) {
        let _ = (done, of, what);
    }

    /// `stage` is over.
    fn finish(&self, stage: Stage, took: Duration) {
        let _ = (stage, took);
    }

    /// A line that the notebook, a command or an installer printed, without its line end.
    fn output(&self, line: &str) {
        let _ = line;
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// Times the stages one after the other and tells a [`Progress`] of them.
pub struct Clock<'a> {
    progress: &'a dyn Progress,
    current: Option<(Stage, Instant)>,
    stages: Vec<(Stage, Duration)>,
}

impl<'a> Clock<'a> {
    /// A clock before the first stage.
    pub fn new(progress: &'a dyn Progress) -> Clock<'a> {
        Clock { progress, current: None, stages: Vec::new() }
    }

    /// Ends the stage that runs, and begins `stage`.
    pub fn begin(&mut self, stage: Stage) {
        self.end();
        self.progress.start(stage);
        self.current = Some((stage, Instant::now()));
    }

    /// Whom this clock tells.
    pub fn progress(&self) -> &'a dyn Progress {
        self.progress
    }

    /// Ends the stage that runs, and gives every stage with its duration, in the order they ran.
    pub fn stop(mut self) -> Vec<(Stage, Duration)> {
        self.end();
        self.stages
    }

    fn end(&mut self) {
        if let Some((stage, since)) = self.current.take() {
            let took = since.elapsed();
            self.stages.push((stage, took));
            self.progress.finish(stage, took);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[derive(Default)]
    struct Told(RefCell<Vec<String>>);

    impl Progress for Told {
        fn start(&self, stage: Stage) {
            self.0.borrow_mut().push(format!("start {stage}"));
        }
        fn finish(&self, stage: Stage, _: Duration) {
            self.0.borrow_mut().push(format!("finish {stage}"));
        }
    }

    #[test]
    fn a_stage_ends_where_the_next_begins() {
        let told = Told::default();
        let mut clock = Clock::new(&told);
        clock.begin(Stage::Run);
        clock.begin(Stage::Models);
        let stages: Vec<_> = clock.stop().into_iter().map(|(stage, _)| stage).collect();
        assert_eq!(stages, [Stage::Run, Stage::Models]);
        assert_eq!(told.0.into_inner(), ["start run notebook", "finish run notebook", "start models", "finish models"]);
    }
}
