//! What every phase needs besides its input: the cache, the starter of
//! processes, and someone to tell how the work goes on.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Cache;
use crate::process::Processes;

/// How far a phase is, told again and again while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is being worked on; empty where the phase's name says it.
    pub what: &'a str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is; `None` where nobody knows.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
}

/// What a [`Step`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things with this name in the plural: `objects`, `boots`.
    Of(&'static str),
}

/// Who is told how the work goes on. All of it goes to standard error.
pub trait Progress: Sync {
    /// A phase begins; it may stand in another one.
    fn begin(&self, phase: &str);
    /// The phase that began last has ended.
    fn end(&self, phase: &str, took: Duration, cached: bool);
    /// The phase that began last has failed.
    fn fail(&self) {}
    /// Whether anybody hears what is told.
    fn listens(&self) -> bool {
        true
    }
    /// How far the phase is that began last.
    fn step(&self, step: &Step<'_>) {
        let _ = step;
    }
    /// Something that the user should know: a newer source, a lock held by
    /// another tuxling.
    fn note(&self, text: &str);
    /// Something about what is asked for that the user should know, told once;
    /// `rest` only where all is to be shown.
    fn remark(&self, text: &str, rest: &str) {
        let _ = rest;
        self.note(text);
    }
    /// One line of a tool's output.
    fn tool_line(&self, line: &str);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn listens(&self) -> bool {
        false
    }
    fn begin(&self, _: &str) {}
    fn end(&self, _: &str, _: Duration, _: bool) {}
    fn note(&self, _: &str) {}
    fn tool_line(&self, _: &str) {}
}

/// One phase of the work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRecord {
    /// Its name: `sources`, `kernel`, …
    pub name: String,
    /// How long it took.
    pub seconds: f64,
    /// Whether its result was there already.
    pub cached: bool,
}

/// What every phase needs besides its input.
pub struct Session<'a> {
    /// Starts processes.
    pub processes: Processes,
    /// Where results are kept.
    pub cache: Cache,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// How many jobs a build may run at once.
    pub jobs: usize,
    /// How many object trees of one kernel builds at once may use.
    pub trees: usize,
    begun: Instant,
    phases: Mutex<Phases>,
}

/// What was done so far, and what is under way.
#[derive(Debug, Default)]
struct Phases {
    done: Vec<PhaseRecord>,
    /// How long phases took that ended inside each of those that are open.
    inner: Vec<Duration>,
}

/// The time that belongs to no phase.
const OTHER: &str = "other";

/// Less than this belongs to no phase by rounding alone.
const NOTHING: f64 = 0.05;

/// A result and whether it was there already.
#[derive(Clone, Debug)]
pub struct Cached<T> {
    /// The result.
    pub value: T,
    /// Whether it was there already.
    pub cached: bool,
}

impl<'a> Session<'a> {
    /// A session with no phases yet.
    pub fn new(
        processes: Processes,
        cache: Cache,
        progress: &'a dyn Progress,
        jobs: usize,
    ) -> Self {
        Session {
            cache: cache.until(processes.cancel()),
            processes,
            progress,
            jobs,
            trees: 1,
            begun: Instant::now(),
            phases: Mutex::default(),
        }
    }

    /// Does one phase of the work: tells its begin and its end, and remembers
    /// how long it took. A phase inside another one counts as itself alone.
    pub fn phase<T, E>(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<Cached<T>, E>,
    ) -> Result<T, E> {
        self.progress.begin(name);
        self.with_phases(Phases::begin);
        let started = Instant::now();
        let worked = work();
        let took = started.elapsed();
        let cached = worked.as_ref().is_ok_and(|made| made.cached);
        self.with_phases(|phases| phases.end(name, took, cached));
        match worked {
            Ok(made) => {
                self.progress.end(name, took, cached);
                Ok(made.value)
            }
            Err(error) => {
                self.progress.fail();
                Err(error)
            }
        }
    }

    /// The phases so far, each name once, and what of the time that passed
    /// belongs to none: together they are the time since the session began.
    pub fn phases(&self) -> Vec<PhaseRecord> {
        let passed = self.begun.elapsed();
        self.with_phases(|phases| phases.with_other(passed))
    }

    fn with_phases<T>(&self, what: impl FnOnce(&mut Phases) -> T) -> T {
        what(
            &mut self
                .phases
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }
}

impl Phases {
    /// All that is done, and the rest of the time that passed.
    fn with_other(&self, passed: Duration) -> Vec<PhaseRecord> {
        let mut phases = self.done.clone();
        let told: f64 = phases.iter().map(|phase| phase.seconds).sum();
        let seconds = passed.as_secs_f64() - told;
        if seconds > NOTHING {
            phases.push(PhaseRecord {
                name: OTHER.to_owned(),
                seconds,
                cached: false,
            });
        }
        phases
    }

    fn begin(&mut self) {
        self.inner.push(Duration::ZERO);
    }

    fn end(&mut self, name: &str, took: Duration, cached: bool) {
        let own = took.saturating_sub(self.inner.pop().unwrap_or_default());
        if let Some(outer) = self.inner.last_mut() {
            *outer += took;
        }
        match self.done.iter_mut().find(|phase| phase.name == name) {
            Some(phase) => {
                phase.seconds += own.as_secs_f64();
                phase.cached &= cached;
            }
            None => self.done.push(PhaseRecord {
                name: name.to_owned(),
                seconds: own.as_secs_f64(),
                cached,
            }),
        }
    }
}

impl<T> Cached<T> {
    /// A result that was there already.
    pub fn hit(value: T) -> Self {
        Cached {
            value,
            cached: true,
        }
    }

    /// A result that was just made.
    pub fn fresh(value: T) -> Self {
        Cached {
            value,
            cached: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_to_the_time_that_passed() {
        let mut phases = Phases::default();
        let seconds = Duration::from_secs;
        phases.begin(); // repair, with two boots in it
        for took in [20, 30] {
            phases.begin();
            phases.end("flood", seconds(took), false);
        }
        phases.end("repair", seconds(60), false);
        phases.begin();
        phases.end("kernel", seconds(5), true);
        let all = phases.with_other(seconds(72));
        let all: Vec<(&str, f64)> = all.iter().map(|p| (&*p.name, p.seconds)).collect();
        let expected = [
            ("flood", 50.0),
            ("repair", 10.0),
            ("kernel", 5.0),
            (OTHER, 7.0),
        ];
        assert_eq!(all, expected);
        assert_eq!(phases.with_other(seconds(65)).len(), 3);
    }

    #[test]
    fn a_phase_that_was_done_anew_once_was_not_there_already() {
        let mut phases = Phases::default();
        for cached in [true, false, true] {
            phases.begin();
            phases.end("kernel", Duration::ZERO, cached);
        }
        assert!(!phases.done[0].cached);
    }
}
