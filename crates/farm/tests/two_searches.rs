//! Two searches with one store and one engine: what one has handed over, the
//! other neither repeats nor cancels.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use farm::dispatch::Dispatcher;
use farm::engine::{Array, Engine, State};
use farm::store::Store;
use host::Id;
use host::process::{Cancel, Processes};

/// What an engine was asked for.
#[derive(Debug, Default)]
struct Asked {
    submitted: Vec<usize>,
    cancelled: Vec<String>,
}

/// An engine whose trials run for ever.
#[derive(Clone, Debug, Default)]
struct Busy(Arc<Mutex<Asked>>);

impl Busy {
    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Busy {
    fn name(&self) -> &'static str {
        "busy"
    }

    fn submit(&self, array: &Array, _: &Processes) -> farm::error::Result<String> {
        self.asked().submitted.push(array.count);
        Ok(array.name.clone())
    }

    fn poll(&self, _: &str, count: usize, _: &Processes) -> farm::error::Result<Vec<State>> {
        Ok(vec![State::Running; count])
    }

    fn cancel(&self, job: &str, _: &[usize], _: &Processes) -> farm::error::Result<()> {
        self.asked().cancelled.push(job.to_owned());
        Ok(())
    }
}

fn dispatcher(engine: &Busy, store: &Store) -> Arc<Dispatcher> {
    let processes = Processes::new("/bin/true", Cancel::default());
    let engine = Box::new(engine.clone());
    let made = Dispatcher::new(engine, store.clone(), "/bin/true".into(), processes, None);
    made.expect("the store can be read")
}

fn until(told: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(60), "{told}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn trials(dir: &std::path::Path, names: &[&str]) -> Vec<(Id, PathBuf)> {
    let written = names.iter().map(|name| {
        let spec = dir.join(name);
        std::fs::write(&spec, name).expect("writable");
        (Id::of_bytes(name.as_bytes()), spec)
    });
    written.collect()
}

#[test]
fn what_one_search_has_handed_over_the_other_waits_for_and_leaves_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("store")).expect("is made");
    let engine = Busy::default();
    let [first, second] = [(); 2].map(|()| dispatcher(&engine, &store));
    let both = trials(dir.path(), &["a", "b"]);
    let more = trials(dir.path(), &["c"]);
    // At the same moment, and one of them another trial besides.
    for search in [&first, &second] {
        for (trial, spec) in &both {
            search.ask(trial, spec.clone());
        }
    }
    for (trial, spec) in &more {
        second.ask(trial, spec.clone());
    }
    let handed = || engine.asked().submitted.iter().sum::<usize>();
    until("all are handed over", || handed() >= 3);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(handed(), 3, "{:?}", engine.asked());

    // What is no longer wanted here, and this search's end, cost the other nothing.
    let owner_of_both = match engine.asked().submitted.first() {
        Some(3) => &second,
        _ => &first,
    };
    let other = if Arc::ptr_eq(owner_of_both, &first) {
        &second
    } else {
        &first
    };
    other.forget(&both[0].0);
    assert!(engine.asked().cancelled.is_empty());
    other.end();
    let cancelled = engine.asked().cancelled.len();
    owner_of_both.end();
    assert_eq!(engine.asked().cancelled.len(), cancelled + 1);
    let left = std::fs::read_dir(store.arrays()).expect("is there").count();
    assert_eq!(left, 0);
}

#[test]
fn who_comes_after_a_search_that_was_killed_takes_its_trials_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("store")).expect("is made");
    let engine = Busy::default();
    let [(trial, spec)] = &trials(dir.path(), &["a"])[..] else {
        panic!("one was asked for");
    };
    // A process that is killed loses its locks, and its array stays.
    let array = store.arrays().join("left");
    std::fs::create_dir(&array).expect("writable");
    let job = serde_json::json!({ "engine": "busy", "job": "left", "trials": [trial] });
    std::fs::write(array.join("job"), job.to_string()).expect("writable");
    let next = dispatcher(&engine, &store);
    next.ask(trial, spec.clone());
    std::thread::sleep(Duration::from_secs(2));
    assert!(engine.asked().submitted.is_empty());
    next.end();
    assert_eq!(engine.asked().cancelled, ["left"]);
    assert!(!array.exists());
}
