//! The timeline of faults, and who brings back what was killed.

use super::power::Recorder;
use super::random::Random;
use super::scenario::{Fault, Plan};
use crate::cluster::{Cluster, Cutter, Redis};
use crate::process::{Failure, Outcome};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Does what is due, in one thread, for as long as it is asked.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    cluster: &'a mut Cluster,
    cutter: &'a Cutter,
    random: Random,
    due: BTreeMap<(Instant, u32), Action>,
    number: u32,
    recorder: Option<Recorder>,
    logs: PathBuf,
    /// What was done, by name, and how often.
    pub(super) done: BTreeMap<String, u64>,
    /// The longest drain of a rolled replica.
    pub(super) longest_drain: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Fault(Fault),
    StartReplica(usize),
    StartRedis,
    ContinueRedis,
}

/// How often dead programs are looked for.
const TICK: Duration = Duration::from_millis(50);

impl<'a> Faults<'a> {
    /// Draws the moments of all faults, from now on.
    ///
    /// # Errors
    /// When what has to be recorded cannot be.
    pub(super) fn plan(
        cluster: &'a mut Cluster,
        cutter: &'a Cutter,
        plans: &[Plan],
        mut random: Random,
        logs: PathBuf,
    ) -> Outcome<Self> {
        let mut due = BTreeMap::new();
        let mut number = 0;
        let start = Instant::now();
        for plan in plans {
            let mut at = start;
            for _ in 0..plan.times {
                at += random.around(plan.every);
                number += 1;
                due.insert((at, number), Action::Fault(plan.fault));
            }
        }
        let done = BTreeMap::new();
        let longest_drain = Duration::ZERO;
        let mut faults = Self {
            cluster,
            cutter,
            random,
            due,
            number,
            recorder: None,
            logs,
            done,
            longest_drain,
        };
        if plans.iter().any(|plan| plan.fault == Fault::PowerCut) {
            faults.record()?;
        }
        Ok(faults)
    }

    /// Runs until everything is done and everybody is back, and at least until `until`.
    ///
    /// # Errors
    /// When a program cannot be started again.
    pub(super) fn run(&mut self, until: Instant) -> Outcome {
        while !self.due.is_empty() || Instant::now() < until {
            let now = Instant::now();
            while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
                let action = entry.remove();
                self.act(action)?;
            }
            self.supervise()?;
            let next = self.due.keys().next().map_or(until, |(at, _)| *at);
            let pause = next.saturating_duration_since(Instant::now());
            std::thread::sleep(pause.min(TICK));
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        self.cluster.replicas.iter().try_for_each(|replica| replica.wait_until_ready(deadline))
    }

    fn after(&mut self, pause: Duration, action: Action) {
        self.number += 1;
        self.due.insert((Instant::now() + pause, self.number), action);
    }

    fn note(&mut self, what: &str, times: u64) {
        *self.done.entry(what.to_owned()).or_default() += times;
    }

    fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::StartReplica(index) => match self.cluster.replicas.get_mut(index) {
                Some(replica) => replica.child.start_again(),
                None => Ok(()),
            },
            Action::StartRedis => self.redis()?.start_again(),
            Action::ContinueRedis => self.redis()?.child.signal("CONT"),
            Action::Fault(fault) => self.fault(fault),
        }
    }

    fn fault(&mut self, fault: Fault) -> Outcome {
        match fault {
            Fault::KillReplica => {
                let replicas = &mut self.cluster.replicas;
                let index = self.random.below(replicas.len());
                // One other has to be there: without any, nobody could notice that nobody notices.
                let others = replicas.iter().enumerate().filter(|(other, _)| *other != index);
                let is_covered = others.into_iter().any(|(_, other)| other.is_ready());
                let victim = replicas.get_mut(index).filter(|victim| victim.child.id().is_some());
                let Some(victim) = victim.filter(|_| is_covered) else {
                    self.after(Duration::from_millis(200), Action::Fault(fault));
                    return Ok(());
                };
                victim.child.kill();
                self.note("kill -9 of a replica", 1);
                let pause = self.random.around(Duration::from_millis(500));
                self.after(pause, Action::StartReplica(index));
            }
            Fault::KillRedis => {
                self.redis()?.child.kill();
                self.note("kill -9 of Redis", 1);
                let pause = self.random.around(Duration::from_millis(250));
                self.after(pause, Action::StartRedis);
            }
            Fault::LoseRedis(time) => {
                self.redis()?.child.kill();
                self.note("Redis gone", 1);
                self.after(time, Action::StartRedis);
            }
            Fault::StopRedis(time) => {
                self.redis()?.child.signal("STOP")?;
                self.note("Redis stopped", 1);
                self.after(time, Action::ContinueRedis);
            }
            Fault::Cut => {
                let random = &mut self.random;
                let cut = self.cutter.cut(1, |count| random.below(count));
                if cut == 0 {
                    self.after(Duration::from_millis(200), Action::Fault(fault));
                }
                self.note("connection cut", u64::try_from(cut).unwrap_or(0));
            }
            Fault::RollReplicas => {
                for index in 0..self.cluster.replicas.len() {
                    if let Some(replica) = self.cluster.replicas.get_mut(index) {
                        let drain = replica.roll()?;
                        self.longest_drain = self.longest_drain.max(drain);
                        self.note("replica rolled", 1);
                    }
                }
            }
            Fault::PowerCut => {
                let recorder = self.recorder.take();
                let recorder = recorder.ok_or_else(|| Failure::new("nothing was recorded"))?;
                let redis = self.redis()?;
                redis.child.kill();
                let bytes = recorder.cut_back(redis)?;
                redis.start_again()?;
                self.note("power cut", 1);
                self.note("bytes not on disk at a power cut", bytes);
                self.record()?;
            }
        }
        Ok(())
    }

    /// What ends by itself is started again, as by any supervisor.
    fn supervise(&mut self) -> Outcome {
        let mut again = 0;
        let waiting = |due: &BTreeMap<_, Action>, index: usize| {
            due.values()
                .any(|action| matches!(action, Action::StartReplica(other) if *other == index))
        };
        for (index, replica) in self.cluster.replicas.iter_mut().enumerate() {
            if !waiting(&self.due, index) && replica.child.has_ended() {
                replica.child.kill();
                replica.child.start_again()?;
                again += 1;
            }
        }
        for sidecar in &mut self.cluster.sidecars {
            if sidecar.child.has_ended() {
                sidecar.child.kill();
                sidecar.child.start_again()?;
                again += 1;
            }
        }
        if again > 0 {
            self.note("ended by itself, started again", again);
        }
        Ok(())
    }

    fn record(&mut self) -> Outcome {
        let path = self.logs.join(format!("fsync-{}.strace", self.number));
        self.number += 1;
        let recorder = Recorder::attach(self.redis()?, &path)?;
        self.recorder = Some(recorder);
        Ok(())
    }

    fn redis(&mut self) -> Outcome<&mut Redis> {
        self.cluster.redis.as_mut().ok_or_else(|| Failure::new("there is no Redis to kill"))
    }
}
