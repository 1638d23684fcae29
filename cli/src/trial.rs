//! `titan promote` and `titan abort` end a trial; and a trial in words.

use std::io::{self, Write};

use titan_sdk::trial::{Compared, Evidence, Kind, Side, Trial};

use crate::args::TrialArgs;
use crate::services::service_or_only;

pub fn promote(args: &TrialArgs) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let done = client.promote(&service_or_only(&client, args.service.as_deref())?)?;
    writeln!(io::stdout(), "promoted {} from {} to {}", done.service, done.from, done.to)?;
    Ok(())
}

pub fn abort(args: &TrialArgs) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let done = client.abort(&service_or_only(&client, args.service.as_deref())?)?;
    writeln!(io::stdout(), "aborted {} {}: {} answers alone", done.service, done.version, done.active)?;
    Ok(())
}

/// A trial in a line or two, for people.
pub fn describe(version: &str, trial: &Trial) -> String {
    let kind = match &trial.kind {
        Kind::Canary(canary) => format!("canary of {}%", (canary.share * 1e6).round() / 1e4),
        Kind::Shadow => "shadow".into(),
    };
    let mut text = format!("{version}  {kind}");
    match &trial.ended {
        None => text += ", under way",
        Some(ended) => text += &format!(", {} by the {}: {}", ended.outcome, ended.by, ended.reason),
    }
    text += &trial.evidence.as_ref().map(evidence).unwrap_or_default();
    text += &trial.compared.as_ref().map(compared).unwrap_or_default();
    text
}

fn evidence(evidence: &Evidence) -> String {
    let Evidence { window, seconds, active, canary, errors_p, latency_p, abort_at_p } = evidence;
    let side = |side: &Side| {
        let p95 = side.p95_ms.map_or_else(|| "-".into(), |ms| format!("{ms:.1} ms"));
        format!("{} of {} failed, p95 {p95}", side.errors, side.requests)
    };
    format!(
        "\n    window {window}, {seconds:.0} s: canary {}; active {}; p = {} for errors, {} for latency, aborts at {}",
        side(canary),
        side(active),
        probability(*errors_p),
        probability(*latency_p),
        probability(*abort_at_p)
    )
}

/// Small ones by their size, which is what matters of them.
fn probability(p: f64) -> String {
    if p >= 0.01 { format!("{p:.2}") } else { format!("{p:.1e}") }
}

fn compared(compared: &Compared) -> String {
    let Compared { same, different, errored, shed, .. } = compared;
    format!("\n    {same} same, {different} different, {errored} errored, {shed} not copied")
}

#[cfg(test)]
mod tests {
    use titan_sdk::trial::{By, Canary, Ended, Outcome};

    use super::*;

    #[test]
    fn a_trial_is_told_with_its_evidence() {
        let side = Side { requests: 100, errors: 1, p95_ms: Some(2.25) };
        let evidence = Evidence {
            window: 1,
            seconds: 9.7,
            active: side,
            canary: Side::default(),
            errors_p: 1.0,
            latency_p: 0.5,
            abort_at_p: 0.0025,
        };
        let ended = Ended { at: 1, outcome: Outcome::Aborted, by: By::Gateway, reason: "it failed".into() };
        let mut trial = Trial {
            kind: Kind::Canary(Canary::of(0.125)),
            started_at: 1,
            evidence: Some(evidence),
            compared: None,
            ended: Some(ended),
        };
        assert_eq!(
            describe("v2", &trial),
            "v2  canary of 12.5%, aborted by the gateway: it failed\n    window 1, 10 s: canary 0 of 0 failed, p95 -; \
             active 1 of 100 failed, p95 2.2 ms; p = 1.00 for errors, 0.50 for latency, aborts at 2.5e-3"
        );
        trial = Trial {
            kind: Kind::Shadow,
            evidence: None,
            compared: Some(Compared { same: 3, different: 2, errored: 1, ..Compared::default() }),
            ended: None,
            ..trial
        };
        assert_eq!(describe("v2", &trial), "v2  shadow, under way\n    3 same, 2 different, 1 errored, 0 not copied");
    }
}
