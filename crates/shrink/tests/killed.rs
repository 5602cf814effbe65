//! A search that is killed again and again: nothing that ended is tried anew,
//! and the result is that of a search that nobody disturbed.
#![allow(clippy::unwrap_used)] // in a test, a panic is a failure

mod graph;
mod simulated;

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shrink::{Answer, Executor, Journal, JournalError, Record, Search, Settings, Trial, passes};
use simulated::{World, kernel, noisy};

const FOLDER: &str = "SHRINK_KILLED_FOLDER";
const NAME: &str = "a_search_killed_at_ten_moments_repeats_nothing_and_ends_the_same";

/// One record a line. A line that the death of the process cut short is taken
/// away before anything is added.
struct FileJournal {
    path: PathBuf,
    file: Option<File>,
}

fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> JournalError {
    JournalError(Box::new(error))
}

impl Journal for FileJournal {
    fn load(&mut self) -> Result<Vec<Record>, JournalError> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(wrong)?;
        file.set_len(whole.len() as u64).map_err(wrong)?;
        self.file = Some(file);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).map_err(wrong))
            .collect()
    }

    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let mut line = serde_json::to_string(record).map_err(wrong)?;
        line.push('\n');
        let file = self.file.as_mut().expect("loaded");
        file.write_all(line.as_bytes()).map_err(wrong)
    }
}

/// Says what it starts before it does.
struct Telling {
    world: World,
    started: Mutex<File>,
}

impl Executor for Telling {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        let line = format!("{} {}\n", trial.identity(), trial.number());
        self.started
            .lock()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        std::thread::sleep(Duration::from_millis(1));
        self.world
            .attempt(trial.candidate(), trial.identity(), trial.number())
            .into()
    }
}

/// The search, in a process of its own.
fn child(folder: &Path) {
    let mut options = graph::options();
    options.truncate(250);
    let names: HashSet<&str> = options.iter().map(|(name, _)| *name).collect();
    for (_, on) in &mut options {
        on.retain(|name| names.contains(name));
    }
    let (space, mut world) = kernel(&options, 7, 40);
    world.after.truncate(2);
    let started = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("started"))
        .unwrap();
    let executor = Arc::new(Telling {
        world,
        started: Mutex::new(started),
    });
    let journal = FileJournal {
        path: folder.join("journal"),
        file: None,
    };
    let settings = Settings {
        policy: noisy(),
        jobs: 2,
        ..Settings::default()
    };
    let search = Search::new(&space, executor, Box::new(journal), settings).unwrap();
    let shrunk = search.run(&mut passes::standard()).unwrap();
    let result = format!("{} {:?} {:?}", shrunk.identity, shrunk.cost, shrunk.kept);
    fs::write(folder.join("result"), result).unwrap();
}

#[allow(clippy::disallowed_methods)] // a test that kills itself; no part of tuxling
fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The attempts in the journal, by candidate and number.
fn finished(folder: &Path) -> HashSet<String> {
    let text = fs::read_to_string(folder.join("journal")).unwrap_or_default();
    let mut counts = std::collections::HashMap::new();
    let mut finished = HashSet::new();
    for line in text.lines() {
        if let Ok(Record::Attempt { of, .. }) = serde_json::from_str(line) {
            let number = counts.entry(of.clone()).or_insert(0);
            *number += 1;
            finished.insert(format!("{of} {number}"));
        }
    }
    finished
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn a_search_killed_at_ten_moments_repeats_nothing_and_ends_the_same() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return child(Path::new(&folder));
    }
    let undisturbed = tempfile::tempdir().unwrap();
    assert!(start(undisturbed.path()).wait().unwrap().success());
    let total = lines(&undisturbed.path().join("journal"));
    assert!(total > 50, "{total} records are too few to be killed in");

    let folder = tempfile::tempdir().unwrap();
    let (journal, started) = (folder.path().join("journal"), folder.path().join("started"));
    let mut moments = BTreeSet::new();
    let mut random = fastrand::Rng::new();
    while moments.len() < 10 {
        moments.insert(random.usize(1..total * 9 / 10));
    }
    println!("killed after {moments:?} of {total} records");
    for moment in moments.into_iter().map(Some).chain([None]) {
        let (before, skip) = (finished(folder.path()), lines(&started));
        let mut child = start(folder.path());
        let deadline = Instant::now() + Duration::from_secs(300);
        while moment.is_some_and(|moment| lines(&journal) < moment) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(300));
        }
        if moment.is_some() {
            child.kill().unwrap();
        }
        assert_eq!(child.wait().unwrap().success(), moment.is_none());
        let text = fs::read_to_string(&started).unwrap_or_default();
        for attempt in text.lines().skip(skip) {
            assert!(!before.contains(attempt), "tried again: {attempt}");
        }
    }
    let result = |folder: &Path| fs::read_to_string(folder.join("result")).unwrap();
    assert_eq!(result(folder.path()), result(undisturbed.path()));
}
