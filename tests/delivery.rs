//! Progressive delivery: canaries, their verdicts, shadows, and versions asked for by name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::load::{Load, Sample};
use support::{Gateway, fail, notebook, succeed, titan};
use tempfile::TempDir;
use titan_sdk::api::VersionState;
use titan_sdk::client::Client;
use titan_sdk::trial::{By, Canary, Kind, Outcome, Sticky, Trial};

/// How long anything that is waited for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const GOOD: &str = "# POST /x\nprint('good')";
const FAILING: &str = "# POST /x\nraise ValueError('no')";
const SLOW: &str = "# POST /x\nimport time\ntime.sleep(0.1)\nprint('slow')";

/// A gateway with one service, `demo`, in the folder that is given back.
struct Demo {
    gateway: Gateway,
    client: Client,
    folder: TempDir,
}

impl Demo {
    /// `demo` v1 is made of these cells.
    fn new(cells: &[&str]) -> Demo {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(&folder.path().join("data"));
        let client = Client::new(&gateway.admin);
        let demo = Demo { gateway, client, folder };
        demo.deploy(cells, &[]);
        demo
    }

    /// The bundle of a version of these cells.
    fn bundle(&self, cells: &[&str]) -> PathBuf {
        let file = notebook::write(self.folder.path(), "demo", cells);
        let bundle = self.folder.path().join("demo.titan");
        succeed(&titan().args([Path::new("compile"), &file, Path::new("-o"), &bundle]).output().unwrap());
        bundle
    }

    fn deploy(&self, cells: &[&str], options: &[&str]) -> String {
        let bundle = self.bundle(cells);
        self.gateway.run(&[&["deploy", bundle.to_str().unwrap()], options].concat())
    }

    /// Kills the gateway, and starts another where it left off.
    fn kill(self) -> Demo {
        let Demo { gateway, folder, .. } = self;
        gateway.kill();
        let gateway = Gateway::start(&folder.path().join("data"));
        let client = Client::new(&gateway.admin);
        Demo { gateway, client, folder }
    }

    fn load(&self) -> Load {
        Load::start(&format!("{}/demo/x", self.gateway.url), "{}".into(), 4)
    }

    /// The active version and the one on trial.
    fn routed(&self) -> (Option<String>, Option<String>) {
        let service = self.client.services().unwrap().into_iter().find(|service| service.name == "demo").unwrap();
        (service.active, service.candidate)
    }

    fn state(&self, version: &str) -> VersionState {
        self.version(version).state
    }

    fn trial(&self, version: &str) -> Trial {
        self.version(version).trial.unwrap()
    }

    fn version(&self, version: &str) -> titan_sdk::api::Version {
        self.client.versions("demo").unwrap().into_iter().find(|known| known.version == version).unwrap()
    }

    /// Waits until the gateway itself has ended the trial of a version.
    fn ended(&self, version: &str) -> Trial {
        until(|| self.routed().1.is_none());
        self.trial(version)
    }

    /// The version that answers a request with these headers, and the cookie it sets.
    fn ask(&self, headers: &[(&str, &str)]) -> (String, Option<String>) {
        let mut request = ureq::post(format!("{}/demo/x", self.gateway.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send("{}").unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (header("titan-version").unwrap(), header("set-cookie"))
    }
}

/// Asks until it is so.
fn until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it did not come to be");
        // So that asking is not what the machine is busy with.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A canary that is judged within a short time.
fn canary(share: f64) -> Kind {
    Kind::Canary(Canary { window_ms: 300_000, ..Canary::of(share) })
}

/// Checks that what a canary did not answer was answered well, and gives what it answered.
fn of_canary(samples: Vec<Sample>, canary: &str) -> Vec<Sample> {
    let (its, others): (Vec<_>, Vec<_>) = samples.into_iter().partition(|sample| sample.version == canary);
    assert!(!others.is_empty());
    for sample in others {
        assert_eq!((sample.status, sample.version.as_str(), sample.body.as_str()), (200, "v1", "good\n"));
    }
    its
}

#[test]
fn a_canary_answers_its_share_and_clients_stay_where_they_are() {
    let demo = Demo::new(&[GOOD]);
    let deployed = demo.deploy(&[GOOD], &["--canary", "20%"]);
    assert!(deployed.contains("deployed demo v2 as a canary: 'titan promote demo'"), "{deployed}");
    assert_eq!(demo.state("v2"), VersionState::Canary);

    // Without a cookie every request is drawn. Five standard deviations of 800 draws at 20 % are 57.
    let answers: Vec<_> = (0..800).map(|_| demo.ask(&[])).collect();
    let canaries = answers.iter().filter(|(version, _)| version == "v2").count();
    assert!(canaries.abs_diff(160) < 57, "{canaries} of 800");
    for side in ["v1", "v2"] {
        let (_, cookie) = answers.iter().find(|(version, _)| version == side).unwrap();
        let cookie = cookie.as_deref().unwrap().split(';').next().unwrap();
        for _ in 0..40 {
            assert_eq!(demo.ask(&[("cookie", cookie)]), (side.to_owned(), None));
        }
    }

    // Nothing else may change what the canary is compared with.
    let bundle = demo.folder.path().join("demo.titan");
    let again = fail(&demo.gateway.titan(&["deploy", bundle.to_str().unwrap()]));
    assert!(again.contains("v2 is on trial") && again.contains("titan abort demo"), "{again}");
    let notebook = demo.folder.path().join("demo.ipynb");
    for refused in [
        &["deploy", notebook.to_str().unwrap()][..],
        &["delete", "demo", "--version", "v2"],
        &["rollback", "--to", "v2"],
    ] {
        assert!(fail(&demo.gateway.titan(refused)).contains("on trial"), "{refused:?}");
    }
    let listed = demo.gateway.run(&["versions", "demo"]);
    assert!(listed.contains("\nv2  canary of 20%, under way\n    window 1, "), "{listed}");

    assert_eq!(demo.gateway.run(&["promote"]), "promoted demo from v1 to v2\n");
    assert_eq!(demo.ask(&[]), ("v2".into(), None));
    assert!(fail(&demo.gateway.titan(&["promote", "demo"])).contains("no version of \"demo\" is on trial"));
    let ended = demo.trial("v2").ended.unwrap();
    assert_eq!((ended.outcome, ended.by), (Outcome::Promoted, By::Operator));
    assert_eq!(demo.client.rollback("demo", None).unwrap().to, "v1");

    // A header's value keeps its clients on their sides, whichever those are.
    demo.deploy(&[GOOD], &["--canary", "50%", "--sticky", "header:X-User"]);
    let side = |user: usize| demo.ask(&[("x-user", &user.to_string())]);
    let sides: Vec<_> = (0..40).map(side).collect();
    assert_eq!(sides, (0..40).map(side).collect::<Vec<_>>());
    assert!(["v1", "v3"].iter().all(|version| sides.contains(&((*version).to_owned(), None))), "{sides:?}");
    assert_eq!(demo.gateway.run(&["abort", "demo"]), "aborted demo v3: v1 answers alone\n");
    assert_eq!((demo.state("v3"), demo.routed()), (VersionState::Ready, (Some("v1".into()), None)));
    assert!((0..40).all(|user| side(user).0 == "v1"));
}

#[test]
fn a_trial_needs_something_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let file = notebook::write(folder.path(), "demo", &[GOOD]);
    for trial in [&["--canary", "10%"][..], &["--shadow"]] {
        let error = fail(&gateway.titan(&[&["deploy", file.to_str().unwrap()], trial].concat()));
        assert!(error.contains("no version that answers") && error.contains("without --canary"), "{error}");
    }
    assert_eq!(gateway.admin_get("/v1/services")["services"], serde_json::json!([]));
    let bundle = folder.path().join("demo.titan");
    succeed(&titan().args([Path::new("compile"), &file, Path::new("-o"), &bundle]).output().unwrap());
    let refused = Client::new(&gateway.admin).try_out("demo", &fs::read(bundle).unwrap(), &Kind::Shadow).unwrap_err();
    assert!(refused.to_string().contains("no version that answers"), "{refused}");
    let error = fail(&gateway.titan(&["deploy", file.to_str().unwrap(), "--canary", "100%"]));
    assert!(error.contains("between 0 and 1"), "{error}");
}

#[test]
fn a_rollback_ends_a_trial() {
    let demo = Demo::new(&[GOOD]);
    demo.deploy(&[GOOD], &[]);
    // What answered before the canary came is the active version alone.
    demo.deploy(&[GOOD], &["--canary", "50%"]);
    assert_eq!(demo.gateway.run(&["rollback", "demo"]), "rolled back demo from v3 to v2\n");
    assert_eq!(demo.routed(), (Some("v2".into()), None));
    let ended = demo.trial("v3").ended.unwrap();
    assert_eq!((ended.outcome, ended.reason.as_str()), (Outcome::Aborted, "rolled back to v2"));
    // A shadow has answered nobody: what answered before is the previous version. An aborted one is no candidate for that.
    demo.deploy(&[GOOD], &["--shadow"]);
    assert_eq!(demo.gateway.run(&["rollback", "demo"]), "rolled back demo from v2 to v1\n");
    assert_eq!(demo.routed(), (Some("v1".into()), None));
    demo.deploy(&[GOOD], &["--canary", "50%"]);
    assert_eq!(demo.gateway.run(&["rollback", "demo", "--to", "v3"]), "rolled back demo from v1 to v3\n");
    assert_eq!(demo.routed(), (Some("v3".into()), None));
}

#[test]
fn a_canary_that_fails_is_aborted() {
    let demo = Demo::new(&[GOOD]);
    let load = demo.load();
    demo.client.try_out("demo", &fs::read(demo.bundle(&[FAILING])).unwrap(), &canary(0.2)).unwrap();
    let trial = demo.ended("v2");
    let its = of_canary(load.finish(), "v2");
    assert!(!its.is_empty() && its.iter().all(|sample| sample.status == 500));
    let ended = trial.ended.clone().unwrap();
    assert_eq!((ended.outcome, ended.by), (Outcome::Aborted, By::Gateway));
    assert!(ended.reason.contains("requests failed on the canary"), "{}", ended.reason);
    let evidence = trial.evidence.clone().unwrap();
    assert!(evidence.errors_p <= evidence.abort_at_p, "{evidence:?}");
    assert!(evidence.canary.requests >= 50 && evidence.canary.errors == evidence.canary.requests, "{evidence:?}");
    assert_eq!(evidence.active.errors, 0);
    assert_eq!((demo.ask(&[]).0.as_str(), demo.state("v2")), ("v1", VersionState::Ready));
    // The decision and its evidence are kept.
    let demo = demo.kill();
    assert_eq!(demo.trial("v2"), trial);
    assert!(demo.gateway.run(&["versions", "demo"]).contains("canary of 20%, aborted by the gateway: "));
}

#[test]
fn a_canary_that_is_slow_is_aborted() {
    let demo = Demo::new(&[GOOD]);
    let load = demo.load();
    demo.client.try_out("demo", &fs::read(demo.bundle(&[SLOW])).unwrap(), &canary(0.2)).unwrap();
    let trial = demo.ended("v2");
    let its = of_canary(load.finish(), "v2");
    assert!(its.iter().all(|sample| sample.status == 200), "slow is no failure");
    let (ended, evidence) = (trial.ended.unwrap(), trial.evidence.unwrap());
    assert_eq!((ended.outcome, ended.by), (Outcome::Aborted, By::Gateway));
    assert!(ended.reason.contains("95th percentile"), "{}", ended.reason);
    assert!(evidence.latency_p <= evidence.abort_at_p && evidence.errors_p == 1.0, "{evidence:?}");
    assert!(evidence.canary.p95_ms.unwrap() >= 100.0, "{evidence:?}");
}

#[test]
fn a_canary_that_is_as_good_is_promoted_when_its_time_has_come() {
    let demo = Demo::new(&[GOOD]);
    let load = demo.load();
    demo.deploy(&[GOOD], &["--canary", "30%", "--sticky", "none", "--promote-after", "3s"]);
    let trial = demo.ended("v2");
    let samples = load.finish();
    assert!(samples.iter().all(|sample| sample.status == 200 && sample.body == "good\n"));
    let ended = trial.ended.unwrap();
    assert_eq!((ended.outcome, ended.by), (Outcome::Promoted, By::Gateway), "{}", ended.reason);
    assert!(ended.at - trial.started_at >= 3000);
    assert_eq!((demo.routed(), demo.ask(&[]).0.as_str()), ((Some("v2".into()), None), "v2"));
}

#[test]
fn a_trial_goes_on_after_a_kill() {
    let demo = Demo::new(&[GOOD]);
    demo.deploy(&[FAILING], &["--canary", "50%", "--sticky", "header:x-user"]);
    let side = |demo: &Demo, user: usize| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("{}/demo/x", demo.gateway.url)).header("x-user", user.to_string());
        request.send("").unwrap().headers()["titan-version"].to_str().unwrap().to_owned()
    };
    // Fewer requests than a verdict needs.
    let before: Vec<_> = (0..20).map(|user| side(&demo, user)).collect();
    let kind = demo.trial("v2").kind;
    let demo = demo.kill();
    assert_eq!((demo.state("v2"), demo.routed()), (VersionState::Canary, (Some("v1".into()), Some("v2".into()))));
    assert_eq!(demo.trial("v2").kind, kind);
    assert_eq!((0..20).map(|user| side(&demo, user)).collect::<Vec<_>>(), before);
    // It is still judged.
    let load = std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let mut user = 0;
            while demo.routed().1.is_some() && user < 100_000 {
                side(&demo, user);
                user += 1;
            }
        });
        let trial = demo.ended("v2");
        clients.join().unwrap();
        trial
    });
    assert_eq!(load.ended.unwrap().by, By::Gateway);
    let demo = demo.kill();
    assert_eq!((demo.state("v2"), demo.routed()), (VersionState::Ready, (Some("v1".into()), None)));
}

#[test]
fn a_trial_goes_on_when_another_gateway_takes_over() {
    let demo = Demo::new(&[GOOD]);
    demo.deploy(&[GOOD], &["--canary", "50%", "--sticky", "header:x-user"]);
    let sides = |demo: &Demo| (0..40).map(|user| demo.ask(&[("x-user", &user.to_string())]).0).collect::<Vec<_>>();
    let before = sides(&demo);
    let Demo { gateway, client, folder } = demo;
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let mut command = titan();
    command.args(["gateway", "--takeover", "--listen", &address(&gateway.url), "--admin", &address(&gateway.admin)]);
    let next = Gateway::spawn(command.arg("--data").arg(folder.path().join("data")));
    assert_eq!(gateway.exit_code(), Some(0));
    let demo = Demo { gateway: next, client, folder };
    assert_eq!((sides(&demo), demo.state("v2")), (before, VersionState::Canary));
    assert_eq!(demo.client.promote("demo").unwrap().to, "v2");
}

#[test]
fn a_kill_at_any_moment_of_a_trial_loses_nothing_acknowledged() {
    let mut demo = Demo::new(&[GOOD]);
    let bundle = fs::read(demo.bundle(&[GOOD])).unwrap();
    for round in 0..8_u64 {
        let client = demo.client.clone();
        let (bundle, start) = (bundle.clone(), demo.routed());
        let worker = std::thread::spawn(move || {
            let name = |version: String| Some(version);
            // What was acknowledged last, and what the call under way would make of it.
            let mut known = start;
            for turn in round.. {
                let Ok(deployed) = client.try_out("demo", &bundle, &canary(0.5)) else { return (known, "deploy") };
                known.1 = name(deployed.version);
                if turn % 2 == 0 {
                    let Ok(promoted) = client.promote("demo") else { return (known, "promote") };
                    known = (name(promoted.to), None);
                } else {
                    let Ok(aborted) = client.abort("demo") else { return (known, "abort") };
                    known = (name(aborted.active), None);
                }
            }
            unreachable!("the gateway is killed")
        });
        let until = Instant::now() + Duration::from_millis(30 + 41 * round);
        while Instant::now() < until && !worker.is_finished() {
            std::thread::yield_now();
        }
        demo = demo.kill();
        let ((active, candidate), call) = worker.join().unwrap();
        let routed = demo.routed();
        let done = match call {
            // The number of a version that may be there is the next one, which only the gateway knows.
            "deploy" => (active.clone(), routed.1.clone()),
            "promote" => (candidate.clone(), None),
            _ => (active.clone(), None),
        };
        assert!([(active, candidate), done].contains(&routed), "after {call}: {routed:?}");
        let answers: Vec<_> = (0..20).map(|_| Some(demo.ask(&[]).0)).collect();
        assert!(answers.iter().all(|version| *version == routed.0 || *version == routed.1), "{answers:?}");
        if routed.1.is_some() {
            demo.client.abort("demo").unwrap();
        }
    }
}

#[test]
fn a_shadow_is_compared_and_seen_by_nobody() {
    let cells = |number: &str, text: &str, third: &str| {
        [
            "import json".to_owned(),
            format!("# GET /number/:id\nprint(json.dumps({{'value': {number}}}))"),
            format!("# POST /text\nprint({text}, json.loads(REQUEST)['body'])"),
            format!("# GET /third\n{third}"),
        ]
    };
    let active = cells("0.1234567", "'old'", "print('third')");
    let shadow = cells("0.1234568", "'new'", "raise KeyError('third')");
    let demo = Demo::new(&active.each_ref().map(String::as_str));
    let deployed = demo.deploy(&shadow.each_ref().map(String::as_str), &["--shadow"]);
    assert!(deployed.contains("deployed demo v2 as a shadow"), "{deployed}");
    assert_eq!(demo.state("v2"), VersionState::Shadow);
    for number in 0..10 {
        let answers = [
            (demo.gateway.get(&format!("/demo/number/{number}?q=1")), "{\"value\": 0.1234567}\n"),
            (demo.gateway.post("/demo/text", &Value::from(number)), &format!("old {number}\n")),
            (demo.gateway.get("/demo/third"), "third\n"),
        ];
        for (answer, expected) in answers {
            assert_eq!((answer.status, answer.version.as_deref(), &*answer.body), (200, Some("v1"), expected));
        }
    }
    let compared = || demo.trial("v2").compared.unwrap();
    until(|| compared().same + compared().different + compared().errored + compared().shed == 30);
    let found = compared();
    assert_eq!((found.same, found.different, found.errored, found.shed), (10, 10, 10, 0), "{found:?}");
    assert_eq!(found.samples.len(), 5);
    let text = found.samples.iter().find(|sample| sample.path == "/text").unwrap();
    assert_eq!((text.method.as_str(), text.active.body.as_str()), ("POST", &*format!("old {}\n", text.body)));
    assert_eq!(text.shadow.body, format!("new {}\n", text.body));
    let third = found.samples.iter().find(|sample| sample.path == "/third").unwrap();
    assert_eq!((third.shadow.status, third.shadow.body.as_str()), (500, "KeyError: 'third'"));
    let listed = demo.gateway.run(&["versions", "demo"]);
    assert!(listed.contains("v2  shadow, under way\n    10 same, 10 different, 10 errored, 0 not copied"), "{listed}");

    assert_eq!(demo.client.promote("demo").unwrap().to, "v2");
    assert_eq!(demo.gateway.post("/demo/text", &Value::from(1)).body, "new 1\n");
    assert_eq!(demo.trial("v2").compared.unwrap(), found, "what was found is kept");
}

#[test]
fn a_shadow_that_cannot_keep_up_slows_nobody() {
    let demo = Demo::new(&[GOOD]);
    demo.deploy(&["# POST /x\nimport time\ntime.sleep(5)\nprint('late')"], &["--shadow"]);
    let load = demo.load();
    until(|| demo.trial("v2").compared.unwrap().shed > 100);
    // Each of these would have taken five seconds if it had waited for the shadow.
    let seen = of_canary(load.finish(), "v2");
    assert!(seen.is_empty(), "clients saw the shadow: {seen:?}");
    let start = Instant::now();
    assert_eq!(demo.client.abort("demo").unwrap().version, "v2");
    assert!(start.elapsed() < Duration::from_secs(5), "its queue is not waited for");
    until(|| demo.state("v2") == VersionState::Ready);
}

#[test]
fn a_version_is_reached_by_its_name() {
    let version = |number: usize| format!("# GET /x\nprint({number})");
    let demo = Demo::new(&[&version(1)]);
    // More than are kept loaded at a time.
    for number in 2..=7 {
        demo.deploy(&[&version(number)], &[]);
    }
    let ask = |demo: &Demo, number: usize| {
        let answer = demo.gateway.get(&format!("/demo@v{number}/x"));
        assert_eq!(answer.version, Some(format!("v{number}")), "{answer:?}");
        assert_eq!((answer.status, answer.body), (200, format!("{number}\n")));
    };
    (1..=7).for_each(|number| ask(&demo, number));
    // The active version and the one before it, and four more.
    until(|| demo.client.stats("demo").unwrap().versions.len() <= 6);
    assert_eq!(demo.routed(), (Some("v7".into()), None));
    for unknown in ["/demo@v8/x", "/demo@v0/x", "/demo@1/x", "/demo@/x", "/nobody@v1/x", "/demo@v1@v2/x"] {
        let answer = demo.gateway.get(unknown);
        assert_eq!((answer.status, answer.version.as_deref()), (404, None), "{unknown}: {answer:?}");
    }
    let demo = demo.kill();
    // At once from many clients, of whom all but one wait for the same load.
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| ask(&demo, 2)))));
    // Kept loaded, but no request is on it.
    until(|| demo.state("v2") == VersionState::Ready);
    demo.client.delete_version("demo", "v2").unwrap();
    assert_eq!(demo.gateway.get("/demo@v2/x").status, 404);
    // Asking for a version by name is not being a client of the service.
    demo.client.try_out("demo", &fs::read(demo.bundle(&[&version(8)])).unwrap(), &canary(0.5)).unwrap();
    (0..20).for_each(|_| ask(&demo, 8));
    assert_eq!(demo.trial("v8").evidence.unwrap().canary.requests, 0);
    let Kind::Canary(Canary { sticky: Sticky::Cookie, .. }) = demo.trial("v8").kind else { panic!("not as deployed") };
}
