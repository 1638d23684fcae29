//! The micro-batcher: joins predictions that instances of one version ask for at the same time into one computation.
//!
//! A prediction waits until every call that runs has joined, until the batch is full, or until its own wait is over,
//! whichever comes first: so a request that is alone does not wait. A batch is computed in a task of its own, and depends on none
//! of its requests: one that is dropped, since its client has gone or its time is over, leaves the others as they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::cpu::{CpuTime, thread_cpu_time};
use super::limits::Pace;
use crate::budget::Budget;
use crate::inference::{Deadline, Feed, InferenceError, NamedTensor};
use crate::joined::{self, Joined};
use crate::manifest::Batch;

/// Joins the predictions of one version.
pub struct Batcher {
    models: HashMap<String, Arc<Joined>>,
    max: usize,
    wait: Duration,
    /// Pays for what batches compute: they belong to no single call.
    pace: Arc<dyn Pace>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls that run, whether or not they will predict.
    calls: usize,
    /// Batches that may still grow.
    open: Vec<Open>,
    /// Numbers batches and members.
    next: u64,
}

struct Open {
    number: u64,
    model: Arc<Joined>,
    rows: usize,
    /// Never empty.
    members: Vec<Member>,
    /// Whether it is about to be taken.
    closing: bool,
}

/// One prediction.
struct Member {
    number: u64,
    feed: Feed,
    /// When nobody waits for the answer any more.
    until: Option<Instant>,
    cpu_time: Arc<CpuTime>,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Vec<NamedTensor>, InferenceError>;

/// A call that runs, until this is dropped.
pub(super) struct Running(Arc<Batcher>);

/// A prediction that is waited for, until this is dropped.
struct Waiting<'a> {
    batcher: &'a Batcher,
    number: u64,
}

impl Batcher {
    /// A batcher for `models` by name. `pace` is told of what batches compute.
    pub fn new(batch: Batch, models: HashMap<String, Joined>, pace: Arc<dyn Pace>) -> Arc<Batcher> {
        Arc::new(Batcher {
            models: models.into_iter().map(|(name, model)| (name, Arc::new(model))).collect(),
            max: batch.max as usize,
            wait: Duration::from_micros(batch.wait_us),
            pace,
            state: Mutex::default(),
        })
    }

    /// The model of this name, if its predictions are joined.
    pub(super) fn model(&self, name: &str) -> Option<&Arc<Joined>> {
        self.models.get(name)
    }

    /// A call begins.
    pub(super) fn enter(self: &Arc<Batcher>) -> Running {
        self.state().calls += 1;
        Running(Arc::clone(self))
    }

    /// As [`crate::inference::Graph::run`] of one of the models, joined with what other calls predict. The prediction's share of
    /// the CPU time is added to `cpu_time`.
    ///
    /// # Errors
    /// As [`crate::inference::Graph::run`].
    pub(super) async fn run(
        self: &Arc<Batcher>,
        model: &Arc<Joined>,
        inputs: Vec<NamedTensor>,
        budget: &Arc<Budget>,
        deadline: &Deadline,
        cpu_time: &Arc<CpuTime>,
    ) -> Answer {
        let feed = model.graph().feed(&inputs, budget)?;
        drop(inputs);
        let (answer, mut answered) = oneshot::channel();
        let number = self.state().number();
        let member = Member { number, feed, until: deadline.get(), cpu_time: Arc::clone(cpu_time), answer };
        self.join(model, member);
        let _waiting = Waiting { batcher: self, number };
        let answer = match timeout(self.wait, &mut answered).await {
            Ok(answer) => answer,
            Err(_) => {
                let batch = self.state().take(|batch| batch.members.iter().any(|member| member.number == number));
                self.start(batch);
                answered.await
            }
        };
        deadline.note(answer.unwrap_or_else(|_| Err(InferenceError::Run("the computation was given up".into()))))
    }

    fn join(self: &Arc<Batcher>, model: &Arc<Joined>, member: Member) {
        let (number, full) = self.state().add(model, member, self.max);
        self.start(full);
        let full = self.state().take(|batch| batch.number == number && batch.rows >= self.max);
        self.start(full);
        self.close_if_all_wait();
    }

    /// Closes the open batches if no call that runs could still join.
    fn close_if_all_wait(self: &Arc<Batcher>) {
        let closing = self.state().closing();
        let Ok(runtime) = Handle::try_current() else { return };
        for number in closing {
            let batcher = Arc::clone(self);
            runtime.spawn(async move {
                // Requests that have arrived already get to run, and join, first.
                yield_now().await;
                let batch = batcher.state().take(|batch| batch.number == number);
                batch.into_iter().for_each(|batch| batcher.compute(batch));
            });
        }
    }

    fn start(self: &Arc<Batcher>, batch: Option<Open>) {
        // Without a runtime the gateway is stopping, and whoever waits learns that no answer comes.
        let (Some(batch), Ok(runtime)) = (batch, Handle::try_current()) else { return };
        let batcher = Arc::clone(self);
        runtime.spawn(async move { batcher.compute(batch) });
    }

    /// Computes a batch on the calling thread, and answers its members.
    fn compute(&self, Open { model, mut members, .. }: Open) {
        let start = thread_cpu_time();
        // Whoever has gone wants nothing.
        members.retain(|member| !member.answer.is_closed());
        let late =
            |member: &Member| member.answer.is_closed() || member.until.is_some_and(|until| Instant::now() >= until);
        let feeds: Vec<_> = members.iter().map(|member| &member.feed).collect();
        let answers: Vec<Answer> = match model.run(&feeds, || members.iter().all(late)) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if members.len() == 1 => vec![Err(error)],
            // It may be the fault of one.
            Err(_) => {
                let alone = |member: &Member| {
                    model.graph().answer(member.feed.values.clone(), member.feed.bytes, || late(member))
                };
                members.iter().map(alone).collect()
            }
        };
        let took = thread_cpu_time().saturating_sub(start);
        // The pauses that this asks for are made by the calls, when they tell of their own time.
        self.pace.ran(took);
        let rows: usize = feeds.iter().map(|feed| joined::rows(feed)).sum();
        for (Member { feed, cpu_time, answer, .. }, result) in members.into_iter().zip(answers) {
            cpu_time.add(took.mul_f64(joined::rows(&feed) as f64 / rows.max(1) as f64));
            // Gives back its memory.
            drop(feed);
            // Whoever has gone needs no answer.
            let _ = answer.send(result);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Adds a member to the open batch of its kind, or to a new one where that has no room and is returned. Answers the number
    /// of the batch.
    fn add(&mut self, model: &Arc<Joined>, member: Member, max: usize) -> (u64, Option<Open>) {
        let rows = joined::rows(&member.feed);
        let like =
            |batch: &Open| Arc::ptr_eq(&batch.model, model) && joined::alike(&batch.members[0].feed, &member.feed);
        let full = self.take(|batch| like(batch) && batch.rows.saturating_add(rows) > max);
        if let Some(batch) = self.open.iter_mut().find(|batch| like(batch)) {
            batch.rows += rows;
            batch.members.push(member);
            return (batch.number, full);
        }
        let number = self.number();
        self.open.push(Open { number, model: Arc::clone(model), rows, members: vec![member], closing: false });
        (number, full)
    }

    fn take(&mut self, wanted: impl Fn(&Open) -> bool) -> Option<Open> {
        let place = self.open.iter().position(wanted)?;
        Some(self.open.swap_remove(place))
    }

    /// The numbers of the batches that should close now, since no call could still join them.
    fn closing(&mut self) -> Vec<u64> {
        let waiting: usize = self.open.iter().map(|batch| batch.members.len()).sum();
        if waiting < self.calls {
            return Vec::new();
        }
        let closing = self.open.iter_mut().filter(|batch| !batch.closing);
        closing
            .map(|batch| {
                batch.closing = true;
                batch.number
            })
            .collect()
    }

    /// Takes a member out of its batch if that is still open.
    fn leave(&mut self, number: u64) {
        for batch in &mut self.open {
            batch.members.retain(|member| member.number != number);
            batch.rows = batch.members.iter().map(|member| joined::rows(&member.feed)).sum();
        }
        self.open.retain(|batch| !batch.members.is_empty());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().calls -= 1;
        self.0.close_if_all_wait();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.batcher.state().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::runtime::Builder;
    use tokio::task::JoinHandle;
    use wasmtime_wasi_nn::Tensor;
    use wasmtime_wasi_nn::wit::TensorType;

    use super::super::limits::Unpaced;
    use super::*;
    use crate::joined::tests::classifier;

    const HOUR: u64 = 3_600_000_000;

    struct Fixture {
        batcher: Arc<Batcher>,
        budget: Arc<Budget>,
    }

    impl Fixture {
        fn new(max: u32, wait_us: u64) -> Fixture {
            let batch = Batch { max, wait_us };
            let model = Joined::new(&classifier(), batch, 1 << 24).unwrap();
            let batcher = Batcher::new(batch, HashMap::from([("net".into(), model)]), Arc::new(Unpaced));
            Fixture { batcher, budget: Budget::new(1 << 24) }
        }

        fn inputs(seed: f32) -> Vec<NamedTensor> {
            let data = (0..10).flat_map(|n| (seed + n as f32 / 10.0).to_le_bytes()).collect();
            vec![NamedTensor { name: "x".into(), tensor: Tensor::new(vec![1, 10], TensorType::Fp32, data) }]
        }

        fn alone(&self, seed: f32) -> Vec<u8> {
            let graph = self.batcher.model("net").unwrap().graph();
            let outputs = graph.run(Self::inputs(seed), &self.budget, &Deadline::default()).unwrap();
            outputs[0].tensor.data.clone()
        }

        /// A call that predicts once.
        fn predict(&self, seed: f32) -> JoinHandle<Result<Vec<u8>, InferenceError>> {
            let (batcher, budget) = (Arc::clone(&self.batcher), Arc::clone(&self.budget));
            let running = batcher.enter();
            tokio::spawn(async move {
                let model = Arc::clone(batcher.model("net").unwrap());
                let (deadline, cpu_time) = (Deadline::default(), Arc::default());
                let outputs = batcher.run(&model, Self::inputs(seed), &budget, &deadline, &cpu_time).await;
                assert!(outputs.is_err() || cpu_time.get() > Duration::ZERO);
                drop(running);
                Ok(outputs?[0].tensor.data.clone())
            })
        }

        fn waiting(&self) -> Vec<usize> {
            self.batcher.state().open.iter().map(|batch| batch.members.len()).collect()
        }

        async fn until_waiting(&self, wanted: &[usize]) {
            while self.waiting() != wanted {
                yield_now().await;
            }
        }
    }

    fn run(test: impl Future<Output = ()>) {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
    }

    #[test]
    fn a_batch_closes_when_it_is_full() {
        run(async {
            let fixture = Fixture::new(3, HOUR);
            // Another call that runs, and might still join.
            let _other = fixture.batcher.enter();
            let first = fixture.predict(0.1);
            let second = fixture.predict(0.2);
            fixture.until_waiting(&[2]).await;
            let third = fixture.predict(0.3);
            for (seed, answer) in [(0.1, first), (0.2, second), (0.3, third)] {
                assert_eq!(answer.await.unwrap().unwrap(), fixture.alone(seed));
            }
            assert_eq!((fixture.waiting(), fixture.budget.used()), (vec![], 0));
        });
    }

    #[test]
    fn nobody_waits_for_those_who_cannot_come() {
        run(async {
            let fixture = Fixture::new(100, HOUR);
            let other = fixture.batcher.enter();
            let answer = fixture.predict(0.1);
            fixture.until_waiting(&[1]).await;
            drop(other);
            assert_eq!(answer.await.unwrap().unwrap(), fixture.alone(0.1));
            // A call that is alone from the start.
            assert_eq!(fixture.predict(0.2).await.unwrap().unwrap(), fixture.alone(0.2));
        });
    }

    #[test]
    fn nobody_waits_longer_than_the_config_says() {
        run(async {
            let fixture = Fixture::new(100, 1000);
            let _other = fixture.batcher.enter();
            assert_eq!(fixture.predict(0.1).await.unwrap().unwrap(), fixture.alone(0.1));
        });
    }

    #[test]
    fn one_that_goes_leaves_the_others() {
        run(async {
            let fixture = Fixture::new(3, HOUR);
            let _other = fixture.batcher.enter();
            let (gone, stays) = (fixture.predict(0.1), fixture.predict(0.2));
            fixture.until_waiting(&[2]).await;
            let used = fixture.budget.used();
            gone.abort();
            fixture.until_waiting(&[1]).await;
            assert_eq!(fixture.budget.used() * 2, used);
            let (third, fourth) = (fixture.predict(0.3), fixture.predict(0.4));
            for (seed, answer) in [(0.2, stays), (0.3, third), (0.4, fourth)] {
                assert_eq!(answer.await.unwrap().unwrap(), fixture.alone(seed));
            }
        });
    }

    #[test]
    fn one_that_does_not_fit_is_refused_alone() {
        run(async {
            let fixture = Fixture::new(2, HOUR);
            let _other = fixture.batcher.enter();
            let first = fixture.predict(0.1);
            fixture.until_waiting(&[1]).await;
            let model = Arc::clone(fixture.batcher.model("net").unwrap());
            let mut wrong = Fixture::inputs(0.2);
            wrong[0].tensor.dimensions = vec![1, 9];
            let (deadline, cpu_time) = (Deadline::default(), Arc::default());
            let refused = fixture.batcher.run(&model, wrong, &fixture.budget, &deadline, &cpu_time).await;
            assert!(matches!(refused, Err(InferenceError::Input(_))));
            let none = Budget::new(1);
            let refused = fixture.batcher.run(&model, Fixture::inputs(0.2), &none, &deadline, &cpu_time).await;
            assert!(matches!(refused, Err(InferenceError::OutOfMemory { .. })));
            let second = fixture.predict(0.2);
            assert_eq!(first.await.unwrap().unwrap(), fixture.alone(0.1));
            assert_eq!(second.await.unwrap().unwrap(), fixture.alone(0.2));
        });
    }

    #[test]
    fn a_batch_is_broken_off_when_nobody_has_time_left() {
        run(async {
            let fixture = Fixture::new(2, HOUR);
            let other = fixture.batcher.enter();
            let model = Arc::clone(fixture.batcher.model("net").unwrap());
            let (late, cpu_time) = (Deadline::default(), Arc::default());
            late.set(Instant::now());
            {
                let in_time = fixture.predict(0.1);
                fixture.until_waiting(&[1]).await;
                // Joined, a member is broken off when nobody waits any more.
                let outputs =
                    fixture.batcher.run(&model, Fixture::inputs(0.2), &fixture.budget, &late, &cpu_time).await;
                assert_eq!(outputs.unwrap()[0].tensor.data, fixture.alone(0.2));
                assert_eq!(in_time.await.unwrap().unwrap(), fixture.alone(0.1));
            }
            drop(other);
            let outputs = fixture.batcher.run(&model, Fixture::inputs(0.2), &fixture.budget, &late, &cpu_time).await;
            assert!(matches!(outputs, Err(InferenceError::Timeout)) && late.broke());
        });
    }
}
