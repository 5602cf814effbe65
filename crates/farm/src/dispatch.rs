//! Hands trials to an engine, many at a time, and waits for their results.
//!
//! What was handed over stands in the store's folder `arrays`, with the name that
//! the engine gave it. So a search that was killed finds its trials again, and a
//! second search that wants the same ones waits for the first one's, of which it
//! cancels none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use host::Id;
use host::process::{Cancel, Processes};
use serde::{Deserialize, Serialize};
use shrink::CancelToken;

use crate::arrays;
use crate::engine::{Array, Engine, State};
use crate::error::Result;
use crate::shard;
use crate::store::{Store, read_json};

/// So long it is waited for more trials before they are handed over together.
const GATHER: Duration = Duration::from_millis(400);

/// The same where a person, or another job, has to come for them.
const GATHER_ALL: Duration = Duration::from_secs(3);

/// How often an engine is asked.
const LOOK: Duration = Duration::from_millis(1_000);

/// A result may come so much later than the news of its end: file systems that
/// machines share remember what they saw (nfs(5), `acregmax`).
const LATE: Duration = Duration::from_secs(5);

/// What an engine was given, as it stands beside the trials.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Handed {
    engine: String,
    job: String,
    trials: Vec<Id>,
}

/// How a trial stands that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not over.
    Goes,
    /// Too few wait for others to come: whoever waits carries it out.
    Here,
    /// The engine says that it is over, and there is no result.
    Broke(String),
}

#[derive(Debug, Default)]
struct Queue {
    /// Specifications of trials that were asked for.
    asked: BTreeMap<Id, PathBuf>,
    last: Option<Instant>,
    arrays: BTreeMap<String, Handed>,
    /// Those of them that this search watches over; the others are another's.
    held: BTreeMap<String, File>,
    /// Where each trial flies, and how that array calls it.
    flying: BTreeMap<Id, (String, usize)>,
    broke: BTreeMap<Id, String>,
    /// What is not worth others' coming.
    here: BTreeSet<Id>,
    /// When a trial was first seen to be over without a result.
    late: BTreeMap<Id, Instant>,
    over: bool,
    /// Why nothing can be handed over.
    failure: Option<String>,
}

/// Where somebody else comes for trials.
#[derive(Clone, Debug)]
pub struct ForOthers {
    /// Is cancelled when all that a search wants was written down.
    pub written: CancelToken,
    /// So few trials are not worth that: they are carried out here.
    pub few: usize,
}

/// Hands trials over.
pub struct Dispatcher {
    engine: Box<dyn Engine>,
    store: Store,
    program: PathBuf,
    processes: Processes,
    /// Where trials are only written down.
    for_others: Option<ForOthers>,
    /// Executors that are not done with preparing.
    preparing: Mutex<usize>,
    queue: Mutex<Queue>,
    news: Condvar,
}

impl Dispatcher {
    /// For this engine; `program` is tuxling as the engine's machines find it.
    /// With `for_others` the trials are only written down.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn new(
        engine: Box<dyn Engine>,
        store: Store,
        program: PathBuf,
        processes: Processes,
        for_others: Option<ForOthers>,
    ) -> Result<Arc<Dispatcher>> {
        let dispatcher = Arc::new(Dispatcher {
            engine,
            store,
            program,
            processes,
            for_others,
            preparing: Mutex::new(0),
            queue: Mutex::default(),
            news: Condvar::new(),
        });
        dispatcher.adopt(&mut dispatcher.lock())?;
        let pump = Arc::clone(&dispatcher);
        std::thread::spawn(move || pump.pump());
        Ok(dispatcher)
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Asks for a trial, unless it is under way.
    pub fn ask(&self, trial: &Id, spec: PathBuf) {
        let mut queue = self.lock();
        queue.broke.remove(trial);
        if !queue.flying.contains_key(trial) {
            queue.asked.insert(trial.clone(), spec);
            queue.last = Some(Instant::now());
        }
    }

    /// Nobody waits for a trial any longer.
    pub fn forget(&self, trial: &Id) {
        let mut queue = self.lock();
        queue.asked.remove(trial);
        let Some((array, number)) = queue.flying.get(trial).cloned() else {
            return;
        };
        if !queue.held.contains_key(&array) {
            return;
        }
        let job = queue.arrays.get(&array).map(|handed| handed.job.clone());
        drop(queue);
        // Without the engine's consent it ends by itself.
        if let Some(job) = job {
            let _ = self.engine.cancel(&job, &[number], &self.last_processes());
        }
    }

    /// It was carried out here.
    pub fn is_made(&self, trial: &Id) {
        self.lock().here.remove(trial);
    }

    /// Waits a moment; how the trial stands then.
    pub fn wait(&self, trial: &Id) -> Wait {
        let queue = self.lock();
        let waited = self.news.wait_timeout(queue, Duration::from_millis(200));
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.here.contains(trial) {
            return Wait::Here;
        }
        let broke = queue.broke.get(trial).or(queue.failure.as_ref());
        broke.map_or(Wait::Goes, |how| Wait::Broke(how.clone()))
    }

    /// Does what makes no trial yet: a search is not complete while somebody does.
    pub fn prepare<T>(&self, work: impl FnOnce() -> T) -> T {
        *self
            .preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) += 1;
        let done = work();
        *self
            .preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) -= 1;
        done
    }

    /// Takes back what was handed over and is not over.
    pub fn end(&self) {
        let mut queue = self.lock();
        queue.over = true;
        let held = std::mem::take(&mut queue.held);
        let arrays = std::mem::take(&mut queue.arrays);
        drop(queue);
        if self.for_others.is_some() {
            return;
        }
        for (name, handed) in arrays.iter().filter(|(name, _)| held.contains_key(*name)) {
            let _ = self.engine.cancel(&handed.job, &[], &self.last_processes());
            let _ = fs::remove_dir_all(self.array(name));
        }
    }

    /// For what has to be said even when the user wants to stop.
    fn last_processes(&self) -> Processes {
        Processes::new(self.processes.executable(), Cancel::default())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pump(&self) {
        let mut looked = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let mut queue = self.lock();
            if queue.over {
                return;
            }
            let mut done = self.hand_over(&mut queue);
            if done.is_ok() && looked.elapsed() >= LOOK {
                looked = Instant::now();
                drop(queue);
                done = self.look();
                queue = self.lock();
            }
            queue.failure = done.err().map(|error| error.to_string());
            drop(queue);
            self.news.notify_all();
        }
    }

    /// Hands over what was asked for, once nothing more comes.
    fn hand_over(&self, queue: &mut Queue) -> Result<()> {
        let gather = if self.for_others.is_some() {
            GATHER_ALL
        } else {
            GATHER
        };
        let waits = queue.last.is_none_or(|last| last.elapsed() < gather);
        let preparing = *self
            .preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if queue.asked.is_empty() || waits || (self.for_others.is_some() && preparing > 0) {
            return Ok(());
        }
        let _turn = arrays::turn(&self.store)?;
        self.adopt(queue)?;
        let mut asked = std::mem::take(&mut queue.asked);
        asked.retain(|trial, _| {
            let made = matches!(self.store.result(trial), Ok(Some(_)));
            !made && !queue.flying.contains_key(trial)
        });
        let trials: Vec<Id> = asked.keys().cloned().collect();
        if trials.is_empty() {
            return Ok(());
        }
        if self
            .for_others
            .as_ref()
            .is_some_and(|others| trials.len() <= others.few)
        {
            queue.here.extend(trials);
            return Ok(());
        }
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos());
        let name = Id::of_bytes(format!("{now} {trials:?}").as_bytes())
            .short()
            .to_owned();
        let array = self.write_down(&name, &asked)?;
        let held = arrays::hold(&array.folder)?;
        let job = self.engine.submit(&array, &self.processes)?;
        let engine = self.engine.name().to_owned();
        let handed = Handed {
            engine,
            job,
            trials,
        };
        let text = serde_json::to_vec(&handed)?;
        host::cache::write_whole(&array.folder.join("job"), &text)?;
        queue.held.extend(held.map(|file| (name.clone(), file)));
        self.take(queue, name, handed);
        if let Some(others) = &self.for_others {
            others.written.cancel();
        }
        Ok(())
    }

    /// Writes trials down for an engine.
    fn write_down(&self, name: &str, asked: &BTreeMap<Id, PathBuf>) -> Result<Array> {
        let array = Array {
            folder: self.array(name),
            count: asked.len(),
            store: self.store.root().to_owned(),
            program: self.program.clone(),
            name: name.to_owned(),
        };
        fs::create_dir_all(&array.folder)
            .map_err(|e| host::Error::file("make the folder", &array.folder, e))?;
        for (number, spec) in asked.values().enumerate() {
            let to = array.folder.join(format!("{number}.json"));
            fs::copy(spec, &to).map_err(|e| host::Error::file("write", &to, e))?;
        }
        Ok(array)
    }

    fn take(&self, queue: &mut Queue, name: String, handed: Handed) {
        for (number, trial) in handed.trials.iter().enumerate() {
            queue.flying.insert(trial.clone(), (name.clone(), number));
        }
        queue.arrays.insert(name, handed);
    }

    /// Takes in what others, or an earlier search, handed over. What waits for
    /// shards is written anew: the search knows more by now.
    fn adopt(&self, queue: &mut Queue) -> Result<()> {
        let folder = self.store.arrays();
        let entries = fs::read_dir(&folder).map_err(|e| host::Error::file("read", &folder, e))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if queue.arrays.contains_key(&name) {
                continue;
            }
            // One that is being written has no job yet.
            let Ok(handed) = read_json::<Handed>(&entry.path().join("job")) else {
                continue;
            };
            if handed.engine != self.engine.name() {
                continue;
            }
            if self.for_others.is_some() {
                let _ = fs::remove_dir_all(entry.path());
                continue;
            }
            let held = match arrays::hold(&entry.path()) {
                // Who watched over it was done with it in this moment.
                Err(_) if !entry.path().exists() => continue,
                held => held?,
            };
            if let Some(file) = held {
                let states = self.poll(&handed)?;
                if states.iter().all(|s| matches!(s, State::Over { .. })) {
                    let _ = fs::remove_dir_all(entry.path());
                    continue;
                }
                queue.held.insert(name.clone(), file);
            }
            self.take(queue, name, handed);
        }
        Ok(())
    }

    /// Asks the engine, and the store where the engine says that a trial is over.
    fn look(&self) -> Result<()> {
        if self.for_others.is_some() {
            return Ok(());
        }
        let arrays = self.lock().arrays.clone();
        for (name, handed) in arrays {
            let folder = self.array(&name);
            let others = !self.watches_over(&name) && arrays::is_held(&folder);
            if others && self.engine.ends_with_its_search() {
                continue; // it alone knows how they stand; their results are seen
            }
            let states = self.poll(&handed)?;
            let mut open = false;
            for (trial, state) in handed.trials.iter().zip(states) {
                let State::Over { how } = state else {
                    open = true;
                    continue;
                };
                open |= !self.is_settled(&name, trial, &how)?;
            }
            if !open {
                let mut queue = self.lock();
                queue.arrays.remove(&name);
                // Another's is removed by that one.
                let held = queue.held.remove(&name);
                if held.is_some() || !others {
                    let _ = fs::remove_dir_all(&folder);
                }
            }
        }
        Ok(())
    }

    /// Whether this search watches over an array, from now on if whoever did is
    /// gone.
    fn watches_over(&self, name: &str) -> bool {
        let mut queue = self.lock();
        if !queue.held.contains_key(name)
            && let Ok(Some(file)) = arrays::hold(&self.array(name))
        {
            queue.held.insert(name.to_owned(), file);
        }
        queue.held.contains_key(name)
    }

    fn poll(&self, handed: &Handed) -> Result<Vec<State>> {
        let count = handed.trials.len();
        self.engine.poll(&handed.job, count, &self.processes)
    }

    fn array(&self, name: &str) -> PathBuf {
        self.store.arrays().join(name)
    }

    /// Whether a trial that is over has a result, or will have none.
    fn is_settled(&self, array: &str, trial: &Id, how: &str) -> Result<bool> {
        let here = |queue: &Queue| {
            queue
                .flying
                .get(trial)
                .is_some_and(|(name, _)| name == array)
        };
        if !here(&self.lock()) {
            return Ok(true);
        }
        let result = self.store.result(trial)?;
        let mut queue = self.lock();
        if result.is_none() {
            let since = *queue.late.entry(trial.clone()).or_insert_with(Instant::now);
            if since.elapsed() < LATE {
                return Ok(false);
            }
            let said = self.last_line(array, &queue, trial).unwrap_or_default();
            let how = format!("{} ({}){said}", how, self.engine.name());
            queue.broke.insert(trial.clone(), how);
        }
        queue.late.remove(trial);
        queue.flying.remove(trial);
        Ok(true)
    }

    /// What a trial said in the end.
    fn last_line(&self, array: &str, queue: &Queue, trial: &Id) -> Option<String> {
        let (_, number) = queue.flying.get(trial)?;
        let log = self
            .store
            .arrays()
            .join(array)
            .join(format!("{number}.log"));
        let text = fs::read(log).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let error = text.lines().rev().find(|line| line.starts_with("error:"))?;
        Some(format!(": {error}"))
    }
}

/// Trials that wait for shards, and are not in the store yet.
///
/// # Errors
/// When the store can't be read.
pub fn open_trials(store: &Store) -> Result<usize> {
    let mut open = 0;
    for path in shard::waiting(store)? {
        let trial = shard::read(&path)?.trial()?;
        open += usize::from(store.result(&trial)?.is_none());
    }
    Ok(open)
}
