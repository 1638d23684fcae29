//! The instances of one version, and the queue for them.
//!
//! There are never more instances than permits, so the last request to come waits instead of starving the others of memory. An
//! instance that must not answer again is dropped and replaced after its request was answered, while its permit
//! is still held.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use titan_sdk::budget::{Budget, Charge};
use titan_sdk::host::{CallError, Failure, Instance, Limits, Program, Response};
use titan_sdk::manifest::State;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use crate::observe::origin::Origin;
use crate::version::lanes::{History, Lanes};

/// Bytes of a `REQUEST` from which on copying it into an instance takes long by itself.
const LONG_REQUEST: usize = 256 << 10;

/// The instances of one version.
pub(crate) struct Pool {
    program: Program,
    limits: Limits,
    state: State,
    /// Handlers that may run at once.
    concurrency: usize,
    /// Bytes of memory with which an instance is kept for the next request: one that has grown beyond would leave too little for
    /// the others, long after the request that needed it.
    share: u64,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    lanes: Arc<Lanes>,
    /// By endpoint.
    histories: Box<[History]>,
    /// Last in, first out, so that the pages of few instances stay in the processor's caches.
    idle: Mutex<Vec<Instance>>,
    /// What the models take of the version's budget.
    _weights: Charge,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    /// Too many requests wait already.
    #[error("the service is busy: {0} requests wait for it already, try again later")]
    Busy(usize),
    /// No instance could be made, or its call did not end.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The same of a kernel, which is replaced by one as it was deployed.
    #[error("{0}; the kernel begins anew: what requests have changed since the deploy is lost")]
    Kernel(CallError),
}

impl PoolError {
    /// Why the call did not end, if it began.
    pub(crate) fn call(&self) -> Option<&CallError> {
        match self {
            PoolError::Busy(_) => None,
            PoolError::Call(error) | PoolError::Kernel(error) => Some(error),
        }
    }
}

/// How a version's instances are made and how many there may be.
pub(crate) struct Plan {
    pub(crate) program: Program,
    pub(crate) limits: Limits,
    pub(crate) weights: Charge,
    pub(crate) state: State,
    /// Handlers that may run at once as far as `cpu` goes.
    pub(crate) cores: usize,
    /// Handlers that may wait for each other's predictions, beyond those.
    pub(crate) batched: usize,
    pub(crate) max_waiting: usize,
    pub(crate) lanes: Arc<Lanes>,
    /// How many endpoints the program has.
    pub(crate) endpoints: usize,
}

impl Pool {
    /// A pool with one instance ready.
    ///
    /// # Errors
    /// The budget does not hold one instance, or the component traps when it starts.
    pub(crate) async fn new(plan: Plan) -> Result<Arc<Pool>, CallError> {
        let Plan { program, limits, weights, state, cores, batched, max_waiting, lanes, endpoints } = plan;
        let first = program.instantiate(limits.clone()).await?;
        let room = limits.budget.limit().saturating_sub(weights.bytes());
        let (concurrency, share) = match state {
            State::Kernel => (1, u64::MAX),
            // More handlers than the budget holds instances would only fail for want of memory.
            State::Reuse | State::Fresh => {
                let instances = usize::try_from(room / first.memory_bytes().max(1)).unwrap_or(usize::MAX);
                // Those that wait leave each other room to grow to twice the size.
                let at_once = cores.saturating_add(batched).min(cores.max(instances / 2));
                // One more than can run, so that a request need not wait until the last one's instance is replaced.
                let wanted = if state == State::Fresh { at_once.saturating_add(1) } else { at_once };
                let concurrency = wanted.min(instances).clamp(1, Semaphore::MAX_PERMITS);
                (concurrency, room / concurrency as u64)
            }
        };
        Ok(Arc::new(Pool {
            program,
            limits,
            state,
            concurrency,
            share,
            permits: Arc::new(Semaphore::new(concurrency)),
            waiting: AtomicUsize::new(0),
            max_waiting,
            lanes,
            histories: (0..endpoints).map(|_| History::default()).collect(),
            idle: Mutex::new(vec![first]),
            _weights: weights,
        }))
    }

    /// Calls the endpoint of `origin` on an instance, as soon as it is this request's turn. `limit` bounds the call, not the
    /// wait. Dropping the future, as when the client has gone, gives back all it took; but what a kernel has begun it
    /// ends, since the state it would lose is not that client's alone.
    ///
    /// # Errors
    /// See [`PoolError`].
    pub(crate) async fn call(
        self: &Arc<Self>,
        origin: Origin,
        request: String,
        limit: Duration,
    ) -> Result<Result<Response, Failure>, PoolError> {
        let queue = origin.step("queue");
        let permit = self.permit().await?;
        drop(queue);
        let idle = self.idle().pop();
        let instance = match idle {
            Some(instance) => instance,
            None => self.program.instantiate(self.limits.clone()).await?,
        };
        let lease = Lease { instance, permit, sound: false };
        let run = Arc::clone(self).run(lease, origin, request, limit);
        let result = match self.state {
            State::Kernel => tokio::spawn(run).await.flatten(),
            State::Reuse | State::Fresh => run.await,
        };
        result.unwrap_or_else(|error| Err(CallError::Trap(error.to_string()).into()))
    }

    async fn run(
        self: Arc<Self>,
        lease: Lease,
        origin: Origin,
        request: String,
        limit: Duration,
    ) -> Result<Result<Result<Response, Failure>, PoolError>, JoinError> {
        let (used, endpoint) = (lease.instance.cpu_time(), origin.endpoint);
        let long = request.len() > LONG_REQUEST || self.histories.get(endpoint).is_some_and(History::is_long);
        let pool = Arc::clone(&self);
        let call = async move {
            let mut lease = scopeguard::guard(lease, |lease| pool.take_back(lease));
            let result = lease.instance.call(endpoint, &request, limit).await;
            lease.sound = result.is_ok();
            let refused = matches!(result, Err(CallError::OutOfMemory { .. }));
            if refused {
                pool.clear();
            }
            // While the instance is held: its next call counts CPU time anew.
            match pool.histories.get(endpoint) {
                // Making and dropping what was refused in the end is work for the kernel, which bills nobody.
                Some(history) if refused => history.was_costly(),
                Some(history) => history.note(lease.instance.cpu_time().get()),
                None => {}
            }
            let lost = if pool.state == State::Kernel { PoolError::Kernel } else { PoolError::Call };
            result.map_err(lost)
        };
        self.lanes.run(long, &used, Box::pin(origin.scope("handler", call))).await
    }

    /// Whether a call would be turned away now.
    pub(crate) fn busy(&self) -> Option<PoolError> {
        let full = self.permits.available_permits() == 0 && self.waiting.load(Ordering::Relaxed) >= self.max_waiting;
        full.then_some(PoolError::Busy(self.max_waiting))
    }

    /// Requests that wait for an instance.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Instances that answer a request or are ready to.
    pub(crate) fn instances(&self) -> usize {
        (self.concurrency - self.permits.available_permits() + self.idle().len()).min(self.concurrency)
    }

    /// What instances, tensors and weights take of the version's memory.
    pub(crate) fn budget(&self) -> &Budget {
        &self.limits.budget
    }

    /// First come, first served: tokio's semaphore is fair.
    async fn permit(self: &Arc<Self>) -> Result<OwnedSemaphorePermit, PoolError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let busy = PoolError::Busy(self.max_waiting);
        let _waiting = Waiting::enter(self).ok_or(PoolError::Busy(self.max_waiting))?;
        // The semaphore is never closed.
        Arc::clone(&self.permits).acquire_owned().await.map_err(|_| busy)
    }

    /// Makes room: drops every instance that answers nobody.
    fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    /// Where work for a request runs that takes long before a handler is called.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        // Nothing that holds the lock can panic half way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(self: &Arc<Self>, lease: Lease) {
        let good = lease.sound && lease.instance.memory_bytes() <= self.share;
        if good && self.state != State::Fresh {
            self.idle().push(lease.instance);
            // Only now may the next request look for an idle instance.
            drop(lease.permit);
        } else if let Ok(runtime) = Handle::try_current() {
            let replace = Arc::clone(self).replace(lease);
            if good {
                runtime.spawn(replace);
            } else {
                // Dropping an instance that has written much memory takes its time.
                let lanes = Arc::clone(&self.lanes);
                runtime.spawn(async move { lanes.slowly(replace).await });
            }
        }
    }

    /// Replaces an instance that must not answer again, off any request's path.
    async fn replace(self: Arc<Self>, Lease { instance, permit, .. }: Lease) {
        drop(instance);
        // Where the budget does not allow a new instance now, the next request finds out for itself.
        if let Ok(new) = self.program.instantiate(self.limits.clone()).await {
            self.idle().push(new);
        }
        drop(permit);
    }
}

/// One request's hold on an instance.
struct Lease {
    instance: Instance,
    permit: OwnedSemaphorePermit,
    /// Whether the last call left the instance as good as it was.
    sound: bool,
}

/// Counts a request as waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(pool: &'a Pool) -> Option<Waiting<'a>> {
        // Counted before it is compared, so that two requests cannot take the last place both.
        let waiting = Waiting(&pool.waiting);
        let before = pool.waiting.fetch_add(1, Ordering::Relaxed);
        (before < pool.max_waiting).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use titan_sdk::engine::ENGINES;
    use titan_sdk::host::{Runtime, RuntimeOptions};
    use titan_sdk::manifest::Endpoint;
    use tokio::task::yield_now;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// A pool of one instance, whose endpoint is that of `tests/support/versions.wat`.
    async fn pool(name: &str, state: State, max_waiting: usize) -> Arc<Pool> {
        let lift = format!(
            "(func $it (type $endpoint) (canon lift (core func $instance \"{name}\") (memory (core memory $instance \"memory\"))
            (realloc (core func $instance \"realloc\")) (post-return (core func $instance \"reset\")))) (export \"get-it\" (func $it))"
        );
        let text = include_str!("../../tests/support/versions.wat").replace("PAGES", "1").replace("ENDPOINTS", &lift);
        let endpoint = Endpoint { name: "get-it".into(), method: "GET".into(), path: "/it".into(), example: None };
        let options = RuntimeOptions { max_instances: 2, ..RuntimeOptions::default() };
        let runtime = Runtime::new(&options).unwrap();
        let program = runtime.load_bytes(&ENGINES[0], &wat::parse_str(text).unwrap(), &[endpoint]).unwrap();
        let limits = Limits::unlimited();
        let weights = limits.budget.charge(0).unwrap();
        let lanes = Arc::new(Lanes::new().unwrap());
        let plan = Plan { program, limits, weights, state, cores: 1, batched: 0, max_waiting, lanes, endpoints: 1 };
        Pool::new(plan).await.unwrap()
    }

    #[test]
    fn a_kernel_answers_in_the_order_of_arrival_and_turns_away_whom_it_has_no_place_for() {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        executor.block_on(async {
            let pool = pool("count", State::Kernel, 4).await;
            let call = || {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.call(Origin::new(0, None), "{}".into(), LIMIT).await })
            };
            // As a request that is being answered has it.
            let turn = Arc::clone(&pool.permits).acquire_owned().await.unwrap();
            let mut calls = Vec::new();
            for number in 1..=4 {
                calls.push(call());
                while pool.waiting.load(Ordering::Relaxed) < number {
                    yield_now().await;
                }
            }
            assert!(matches!(call().await.unwrap(), Err(PoolError::Busy(4))));
            // A client that leaves gives its place to another, behind those who wait already.
            calls.remove(1).abort();
            while pool.waiting.load(Ordering::Relaxed) > 3 {
                yield_now().await;
            }
            calls.push(call());
            while pool.waiting.load(Ordering::Relaxed) < 4 {
                yield_now().await;
            }
            drop(turn);
            let mut counts = Vec::new();
            for call in calls {
                counts.extend(call.await.unwrap().unwrap().unwrap().body);
            }
            assert_eq!(counts, b"1234");
            assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn a_long_call_is_remembered_before_the_next_one_begins() {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        executor.block_on(async {
            let pool = pool("wait", State::Reuse, 1).await;
            let long = Arc::clone(&pool);
            let call = tokio::spawn(async move { long.call(Origin::new(0, None), "{}".into(), LIMIT).await });
            while pool.permits.available_permits() > 0 {
                yield_now().await;
            }
            assert!(!pool.histories[0].is_long());
            // As the next request would have it.
            let _turn = Arc::clone(&pool.permits).acquire_owned().await.unwrap();
            assert!(pool.histories[0].is_long());
            call.await.unwrap().unwrap().unwrap();
        });
    }
}
