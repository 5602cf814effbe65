//! This machine as an engine: each trial is a process of its own, as elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};

use host::error::Kind;
use host::process::{Cmd, Processes, Running};

use super::{Array, Engine, State, task};
use crate::error::Result;

/// This machine.
#[derive(Debug)]
pub struct Local {
    width: usize,
    /// The search's cache: what a process is started with is not what it inherits.
    cache: PathBuf,
    jobs: Mutex<Jobs>,
}

#[derive(Debug, Default)]
struct Jobs {
    waiting: VecDeque<(Array, usize)>,
    running: BTreeMap<(String, usize), Running>,
    over: BTreeMap<(String, usize), String>,
}

impl Local {
    /// So many trials at once, with this cache.
    #[must_use]
    pub fn new(width: usize, cache: &Path) -> Local {
        Local {
            width: width.max(1),
            cache: cache.to_owned(),
            jobs: Mutex::default(),
        }
    }

    /// A panic elsewhere leaves the tables whole.
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees who has ended, and starts who waits.
    fn go_on(&self, processes: &Processes) -> Result<()> {
        let mut jobs = self.lock();
        let mut ended = Vec::new();
        for (task, running) in &mut jobs.running {
            let status = running.poll();
            let status =
                status.map_err(|e| host::Error::file("wait for", "tuxling".as_ref(), e))?;
            if let Some(status) = status {
                ended.push((task.clone(), status.to_string()));
            }
        }
        for (task, how) in ended {
            jobs.running.remove(&task);
            jobs.over.insert(task, how);
        }
        while jobs.running.len() < self.width {
            let Some((array, number)) = jobs.waiting.pop_front() else {
                break;
            };
            let [program, arguments @ ..] = task(&array, &number.to_string());
            let log = array.folder.join(format!("{number}.log"));
            let log = File::create(&log).map_err(|e| host::Error::file("create", &log, e))?;
            let cmd = Cmd::new(program).args(arguments);
            let cmd = cmd.env("TUXLING_CACHE", &self.cache);
            let started = processes.spawn(&cmd, Stdio::null(), Stdio::from(log));
            let started =
                started.map_err(|e| host::Error::command(Kind::Machine, "start a trial", e))?;
            jobs.running.insert((array.name, number), started);
        }
        Ok(())
    }
}

impl Engine for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn submit(&self, array: &Array, processes: &Processes) -> Result<String> {
        let tasks = (0..array.count).map(|number| (array.clone(), number));
        self.lock().waiting.extend(tasks);
        self.go_on(processes)?;
        Ok(array.name.clone())
    }

    fn poll(&self, job: &str, count: usize, processes: &Processes) -> Result<Vec<State>> {
        self.go_on(processes)?;
        let jobs = self.lock();
        let state = |number| {
            let task = (job.to_owned(), number);
            if jobs.running.contains_key(&task) {
                return State::Running;
            }
            let waits = |(array, at): &(Array, usize)| array.name == job && *at == number;
            if jobs.waiting.iter().any(waits) {
                return State::Waiting;
            }
            // What another process had started ended with it.
            let how = jobs.over.get(&task).cloned();
            State::Over {
                how: how.unwrap_or_else(|| "it ended with who started it".to_owned()),
            }
        };
        Ok((0..count).map(state).collect())
    }

    fn ends_with_its_search(&self) -> bool {
        true
    }

    fn cancel(&self, job: &str, tasks: &[usize], _: &Processes) -> Result<()> {
        let mut jobs = self.lock();
        let meant = |name: &str, number: usize| {
            name == job && (tasks.is_empty() || tasks.contains(&number))
        };
        jobs.waiting
            .retain(|(array, number)| !meant(&array.name, *number));
        // A command that is dropped ends with all that it started.
        jobs.running
            .retain(|(name, number), _| !meant(name, *number));
        Ok(())
    }
}
