//! A shadow: a version that answers copies of requests, for nobody but the comparison with what clients were answered.
//!
//! Clients never wait for it: a copy is made only where the queue has room at once, and counted as shed otherwise. One copy is
//! answered at a time, with the memory of the shadow's own version.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::BodyExt;
use titan_sdk::comparison::same_body;
use titan_sdk::trial::{self, Compared, Difference};
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::http::request;
use crate::http::response::Answer;
use crate::observe::origin::Origin;
use crate::version::Version;
use crate::version::endpoints::Match;
use crate::version::handled;

/// Copies that wait.
const MAX_COPIES: usize = 64;
/// Bytes of bodies that they hold together.
const MAX_BYTES: usize = 32 << 20;
/// Differences that are kept, and characters of each text in them.
const SAMPLES: (usize, usize) = (5, 1000);

/// A shadow under way. Its work ends when it is dropped.
pub(crate) struct Shadow {
    copies: Sender<Copy>,
    room: Arc<Semaphore>,
    findings: Arc<Findings>,
}

struct Findings {
    shed: AtomicU64,
    compared: Mutex<Compared>,
}

/// A place in the queue.
pub(crate) struct Place {
    slot: OwnedPermit<Copy>,
    room: OwnedSemaphorePermit,
}

/// A request and what its client was answered.
struct Copy {
    head: Parts,
    /// Below the service.
    path: String,
    body: Bytes,
    answer: Seen,
    _room: OwnedSemaphorePermit,
}

/// What a version made of a request.
pub(crate) enum Seen {
    /// The handler's answer.
    Answer(Answer),
    /// The line of an exception, or of why there is no answer.
    Failure(String),
}

/// How two answers compare.
enum Verdict {
    Same,
    Different,
    Errored,
}

impl Shadow {
    /// Begins to answer copies with `version`. Must be called within a tokio runtime.
    pub(crate) fn new(version: Arc<Version>) -> Shadow {
        let (copies, queue) = mpsc::channel(MAX_COPIES);
        let findings = Arc::new(Findings { shed: AtomicU64::new(0), compared: Mutex::default() });
        tokio::spawn(work(version, queue, Arc::downgrade(&findings)));
        Shadow { copies, room: Arc::new(Semaphore::new(MAX_BYTES)), findings }
    }

    /// A place for a copy of a request with so long a body, if there is one now.
    pub(crate) fn place(&self, body: usize) -> Option<Place> {
        let place = || {
            let slot = self.copies.clone().try_reserve_owned().ok()?;
            Some(Place { slot, room: take(&self.room, body)? })
        };
        let place = place();
        if place.is_none() {
            self.findings.shed.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// Hands over a request that its client is answered so.
    pub(crate) fn copy(&self, place: Place, head: &Parts, path: &str, body: Bytes, answer: Seen) {
        let Place { slot, mut room } = place;
        let Some(more) = take(&self.room, answer.bytes()) else {
            self.findings.shed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        room.merge(more);
        let (head, path) = (head.clone(), path.into());
        // The client does not wait until it is copied.
        tokio::spawn(async move {
            let answer = answer.own().await;
            slot.send(Copy { head, path, body, answer, _room: room });
        });
    }

    /// How the answers have compared.
    pub(crate) fn compared(&self) -> Compared {
        Compared { shed: self.findings.shed.load(Ordering::Relaxed), ..self.findings.compared().clone() }
    }
}

fn take(room: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    Arc::clone(room).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
}

async fn work(version: Arc<Version>, mut copies: Receiver<Copy>, findings: Weak<Findings>) {
    while let Some(copy) = copies.recv().await {
        // Nobody asks any more what the rest of the queue would say.
        let Some(findings) = findings.upgrade() else { return };
        let answer = ask(&version, &copy).await;
        let verdict = compare(&copy.answer, &answer).await;
        findings.note(&copy, &answer, verdict).await;
    }
}

async fn ask(version: &Version, copy: &Copy) -> Seen {
    let Match::Endpoint { endpoint, parameters } = version.find(&copy.head.method, &copy.path) else {
        return Seen::Failure(format!("there is no endpoint {} {}", copy.head.method, copy.path));
    };
    let request = match request::encode(&copy.head, &parameters, copy.body.clone()).await {
        Ok(request) => request,
        Err(problem) => return Seen::Failure(problem.to_string()),
    };
    let origin = Origin::new(endpoint, None);
    match version.call(origin.clone(), request).await {
        Ok(Ok(answer)) => Seen::Answer(handled::of_handler(answer, None)),
        Ok(Err(failure)) => {
            version.log().error(&origin, &failure.traceback);
            Seen::Failure(failure.error)
        }
        Err(problem) => Seen::Failure(problem.to_string()),
    }
}

async fn compare(active: &Seen, shadow: &Seen) -> Verdict {
    let same = match (active, shadow) {
        (Seen::Answer(_), Seen::Failure(_)) => return Verdict::Errored,
        (Seen::Failure(one), Seen::Failure(other)) => one == other,
        (Seen::Failure(_), Seen::Answer(_)) => false,
        (Seen::Answer(one), Seen::Answer(other)) => {
            let (bodies, heads) = ((body(one).await, body(other).await), one.status() == other.status());
            // Large bodies take long to compare, and the threads here serve clients.
            let same_bodies = spawn_blocking(move || same_body(&bodies.0, &bodies.1));
            heads && one.headers() == other.headers() && same_bodies.await.unwrap_or(false)
        }
    };
    if same { Verdict::Same } else { Verdict::Different }
}

impl Findings {
    async fn note(&self, copy: &Copy, answer: &Seen, verdict: Verdict) {
        let sample = match verdict {
            Verdict::Same => None,
            _ if self.compared().samples.len() >= SAMPLES.0 => None,
            _ => Some(Difference {
                method: copy.head.method.to_string(),
                path: copy.head.uri.query().map_or_else(|| copy.path.clone(), |query| format!("{}?{query}", copy.path)),
                body: cut(&copy.body),
                active: copy.answer.describe().await,
                shadow: answer.describe().await,
            }),
        };
        let mut compared = self.compared();
        let count = match verdict {
            Verdict::Same => &mut compared.same,
            Verdict::Different => &mut compared.different,
            Verdict::Errored => &mut compared.errored,
        };
        *count += 1;
        compared.samples.extend(sample);
    }

    fn compared(&self) -> MutexGuard<'_, Compared> {
        // Nothing that holds the lock can panic half way.
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn bytes(&self) -> usize {
        use hyper::body::Body as _;
        match self {
            Seen::Answer(answer) => answer.body().size_hint().exact().map_or(0, |bytes| bytes as usize),
            Seen::Failure(line) => line.len(),
        }
    }

    /// The same in memory of its own: what a client is answered is charged to the version that answered.
    async fn own(self) -> Seen {
        let Seen::Answer(answer) = self else { return self };
        let copied = Bytes::copy_from_slice(&body(&answer).await);
        Seen::Answer(answer.map(|_| copied.into()))
    }

    async fn describe(&self) -> trial::Answer {
        match self {
            Seen::Answer(answer) => trial::Answer { status: answer.status().as_u16(), body: cut(&body(answer).await) },
            Seen::Failure(line) => {
                trial::Answer { status: StatusCode::INTERNAL_SERVER_ERROR.as_u16(), body: cut(line.as_bytes()) }
            }
        }
    }
}

/// The body of an answer, which is in memory whole.
async fn body(answer: &Answer) -> Bytes {
    // Reading memory cannot fail.
    answer.body().clone().collect().await.map(|body| body.to_bytes()).unwrap_or_default()
}

fn cut(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SAMPLES.1).collect()
}
