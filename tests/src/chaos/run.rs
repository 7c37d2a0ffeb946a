//! One audited run: cluster, clients, publishers, faults, verdict.

use super::audit::{self, Report};
use super::crowd::{Clients, Crowd, Durable, Publishers};
use super::faults::Faults;
use super::random::Random;
use super::scenario::{Also, Fault, Scenario, Size};
use super::{Options, settings, tokens};
use crate::cluster::{self, Cluster, Cutter};
use crate::light;
use crate::process::{Failure, Outcome};
use crate::report::line;
use std::path::Path;
use std::time::{Duration, Instant};

/// Users that the clients are.
const USERS: usize = 16;

/// Until all light clients are in their rooms.
const LIGHT_READY: Duration = Duration::from_secs(180);

/// Runs it and prints its counts.
///
/// # Errors
/// When something did not hold.
pub(super) fn run(scenario: &Scenario, options: &Options, logs: &Path) -> Outcome {
    let size = if options.short { &scenario.short } else { &scenario.full };
    let redis = size.members.1 > 0;
    let mut cluster = Cluster::start(&cluster::Options {
        replicas: size.members.0,
        sidecars: if redis { options.sidecars.unwrap_or(size.members.1) } else { 0 },
        redis,
        settings: settings(scenario.settings),
        ..cluster::Options::default()
    })?;
    let outcome = audited(scenario, size, &mut cluster, options.seed, logs);
    outcome.map_err(|failure| Failure::new(format!("{failure}\n{}", cluster.transcript())))
}

fn audited(
    scenario: &Scenario,
    size: &Size,
    cluster: &mut Cluster,
    seed: u64,
    logs: &Path,
) -> Outcome {
    let cutter = Cutter::start(cluster.balancer.sockets)?;
    let rooms = light::rooms(size.rooms.0);
    let tokens = tokens(cluster, USERS)?;
    let service = cluster.token("backend", "service")?;
    let official = Crowd::clients(
        &Clients {
            url: format!("http://127.0.0.1:{}", cutter.port),
            tokens: &tokens,
            kinds: size.official,
            rooms: &rooms,
            each: size.rooms.1,
            churn: size.churn,
            join: "request",
        },
        logs,
    )?;
    let light = match size.light {
        0 => None,
        count => {
            let options = light::Options {
                ports: vec![cutter.port],
                tokens,
                rooms: rooms.clone(),
                count,
                narrow: 0,
                pace: 500,
                delay: (Duration::from_millis(100), Duration::from_secs(1)),
            };
            let light = light::Crowd::start(options, logs)?;
            light.wait_inside(count, LIGHT_READY)?;
            Some(light)
        }
    };
    let outbox = scenario.settings.iter().any(|(name, _)| *name == "CRIER_REST_OUTBOX");
    let urls = publishing(cluster, outbox);
    let publishers = Crowd::publishers(
        &Publishers {
            urls: &urls,
            token: &service,
            load: size.load,
            rooms: &rooms,
            outbox,
            fill: 0,
        },
        logs,
    )?;
    let durable = match scenario.also.contains(&Also::DurableWrites) {
        true => Some(Durable::start(&urls, &service)?),
        false => None,
    };

    let is_power = size.faults.iter().any(|plan| plan.fault == Fault::PowerCut);
    let until = Instant::now() + size.time;
    let mut faults =
        Faults::plan(cluster, &cutter, size.faults, Random::new(seed), logs.to_owned())?;
    faults.run(until)?;
    let (done, drain) = (std::mem::take(&mut faults.done), faults.longest_drain);
    drop(faults);
    publishers.stop()?;
    let missing = durable.map(Durable::stop).transpose()?;
    let answers = cluster.balancer.answers()?;
    if let Some(light) = light {
        // The last events are on their way; official clients wait for silence by themselves.
        std::thread::sleep(Duration::from_secs(3));
        light.stop();
    }
    official.stop()?;

    let report = Report::of(logs, size.owed)?;
    for (what, times) in &done {
        line(&format!("  {what:34} {times}"));
    }
    if drain > Duration::ZERO {
        line(&format!("  {:34} {:.1} s", "longest drain", drain.as_secs_f64()));
    }
    let [informational, ok, redirects, refused, failed] = answers;
    line(&format!(
        "  answers to clients: 2xx {ok}, 1xx (upgrades) {informational}, 3xx {redirects}, 4xx {refused}, 5xx {failed}"
    ));
    if let Some(missing) = &missing {
        line(&format!("  durable writes: {missing}"));
    }
    for row in report.table().lines() {
        line(row);
    }
    let mut wrong = report.faults();
    for also in scenario.also {
        wrong.extend(unmet(*also, &report, answers, missing.as_deref()));
    }
    if is_power && !done.contains_key("power cut") {
        wrong.push("no power cut".to_owned());
    }
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join(", ")));
    }
    audit::prove(logs)?;
    line("  one planted loss, double, swap and leak: each found");
    Ok(())
}

/// Where publishers send: the balancer; or each sidecar, where each has an outbox of its own.
fn publishing(cluster: &Cluster, outbox: bool) -> Vec<String> {
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    if outbox && !cluster.sidecars.is_empty() {
        return cluster.sidecars.iter().map(|sidecar| at(sidecar.public)).collect();
    }
    vec![at(cluster.balancer.rest)]
}

/// What is wrong, in words.
fn unmet(also: Also, report: &Report, answers: [u64; 5], durable: Option<&str>) -> Option<String> {
    let (is_met, what) = match also {
        Also::Recovered(least) => {
            let share = report.share("recovered_share");
            (share.is_none_or(|share| share >= least), format!("recovered {share:?} < {least}"))
        }
        Also::NoRetries => {
            let failed = report.count("retries") + report.count("rejected");
            (failed == 0, format!("{failed} calls failed"))
        }
        Also::AllAnswers200 => {
            let [_, _, redirects, refused, failed] = answers;
            let (other, lost) = (redirects + refused + failed, report.count("reconnects"));
            (other + lost == 0, format!("{other} answers other than 200, {lost} reconnects"))
        }
        Also::Pings(least) => {
            let pings = report.count("pings_each_min");
            (pings >= least, format!("{pings} < {least} pings"))
        }
        Also::Events(least) => {
            let events = report.count("events_each_min");
            (events >= least, format!("{events} < {least} events each"))
        }
        Also::Upgraded => {
            let not = report.count("not_upgraded");
            (not == 0, format!("{not} clients are not upgraded"))
        }
        Also::DurableWrites => {
            let found = durable.unwrap_or("none");
            (
                found.starts_with("0 of ") && found != "0 of 0",
                format!("durable writes missing: {found}"),
            )
        }
    };
    (!is_met).then_some(what)
}
