//! One prediction of the 10-32-32-1 network: the handler alone, in a reused and in a fresh instance, and over HTTP on one
//! keep-alive connection, beside a bare hyper echo and FastAPI with onnxruntime.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use titan_benches::client::Connection;
use titan_benches::servers::{self, FastApi, Titan};
use titan_benches::subject::{HOUSE, Subject};
use titan_sdk::host::Instance;
use tokio::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(10);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the benchmark needs a runtime")
}

async fn predict(instance: &mut Instance, subject: &Subject) {
    let answer = instance.call(subject.prediction, &subject.request, LIMIT).await.expect("it answers");
    assert_eq!(answer.expect("it raises nothing").status, 200);
}

fn handler(criterion: &mut Criterion) {
    let runtime = runtime();
    let subject = Subject::load().expect("benches/run.sh compiled the example");
    let mut group = criterion.benchmark_group("handler");
    group.bench_function("reused instance", |bencher| {
        let mut instance =
            runtime.block_on(subject.program.instantiate(subject.limits.clone())).expect("memory suffices");
        bencher.iter_custom(|times| {
            let start = Instant::now();
            for _ in 0..times {
                runtime.block_on(predict(&mut instance, &subject));
            }
            start.elapsed()
        });
    });
    group.bench_function("fresh instance, made, called and dropped", |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            for _ in 0..times {
                runtime.block_on(async {
                    let mut instance =
                        subject.program.instantiate(subject.limits.clone()).await.expect("memory suffices");
                    predict(&mut instance, &subject).await;
                });
            }
            start.elapsed()
        });
    });
    group.bench_function("fresh instance, call only", |bencher| {
        bencher.iter_custom(|times| {
            let mut called = Duration::ZERO;
            for _ in 0..times {
                runtime.block_on(async {
                    let mut instance =
                        subject.program.instantiate(subject.limits.clone()).await.expect("memory suffices");
                    let start = Instant::now();
                    predict(&mut instance, &subject).await;
                    called += start.elapsed();
                });
            }
            called
        });
    });
    group.finish();
}

fn http(criterion: &mut Criterion) {
    let runtime = runtime();
    let titan = Titan::start().expect("the gateway starts");
    let echo = servers::echo().expect("the echo starts");
    let fastapi = FastApi::start().expect("benches/run.sh made its environment");
    let mut group = criterion.benchmark_group("http");
    let mut measure = |name: &str, address: SocketAddr, path: &str| {
        group.bench_function(name, |bencher| {
            let mut connection = runtime.block_on(Connection::open(address, path, HOUSE)).expect("it listens");
            bencher.iter_custom(|times| {
                let start = Instant::now();
                for _ in 0..times {
                    runtime.block_on(connection.ask()).expect("it answers");
                }
                start.elapsed()
            });
        });
    };
    measure("hyper echo", echo, "/");
    measure("titan", titan.address, "/house-price/prediction");
    measure("fastapi + onnxruntime", fastapi.address, "/prediction");
    group.finish();
}

criterion_group!(benches, handler, http);
criterion_main!(benches);
