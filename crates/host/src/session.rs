//! What every phase needs besides its input: the cache, the starter of
//! processes, and someone to tell how the work goes on.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Cache;
use crate::process::Processes;

/// Who is told how the work goes on. All of it goes to standard error.
pub trait Progress: Sync {
    /// A phase begins.
    fn begin(&self, phase: &str);
    /// A phase has ended.
    fn end(&self, phase: &str, took: Duration, cached: bool);
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
    phases: Mutex<Vec<PhaseRecord>>,
}

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
            phases: Mutex::default(),
        }
    }

    /// Does one phase of the work: tells its begin and its end, and remembers
    /// how long it took.
    pub fn phase<T, E>(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<Cached<T>, E>,
    ) -> Result<T, E> {
        self.progress.begin(name);
        let started = Instant::now();
        let Cached { value, cached } = work()?;
        let took = started.elapsed();
        self.progress.end(name, took, cached);
        let record = PhaseRecord {
            name: name.to_owned(),
            seconds: took.as_secs_f64(),
            cached,
        };
        self.phases
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(record);
        Ok(value)
    }

    /// The phases so far.
    pub fn phases(&self) -> Vec<PhaseRecord> {
        self.phases
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
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
