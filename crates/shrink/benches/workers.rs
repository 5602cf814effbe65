//! What many workers make of a search: 2,000 options of Linux 6.12 of which 4 %
//! are needed, on 1 to 200 simulated workers, each trial 10 to 30 s on a
//! simulated clock; with an apparatus that never errs, then with one that errs
//! as in `benches/trials.rs`.
//!
//! Prints attempts, how many of them were asked for and how many were tried ahead
//! for nothing, and the time to the result. Fails if any number of workers finds
//! another result or believes another thing of any candidate, or if 32 workers
//! are less than five times as fast as one, four times where it errs. `cargo bench -p shrink --bench
//! workers`; seeds follow `--`.

#[path = "../tests/graph/mod.rs"]
mod graph;
#[path = "../tests/simulated/mod.rs"]
mod simulated;

use std::sync::Arc;
use std::time::{Duration, Instant};

use shrink::{
    Answer, Executor, HandClock, MemoryJournal, Search, Settings, Shrunk, Space, Trial, passes,
};
use simulated::{World, dice, kernel, noisy};

const WORKERS: [usize; 5] = [1, 2, 8, 32, 200];

/// A world in which a trial takes its time.
struct Timed(World);

impl Executor for Timed {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        let (identity, number) = (trial.identity(), trial.number());
        let took = 10_000 + dice(self.0.seed, ("took", identity, number)) % 20_000;
        Answer {
            took: Some(Duration::from_millis(took)),
            ..self.0.attempt(trial.candidate(), identity, number).into()
        }
    }
}

fn search(space: &Space, world: &World, jobs: usize) -> (Shrunk, Duration) {
    let clock = HandClock::default();
    let settings = Settings {
        policy: noisy(),
        jobs,
        ..Settings::default()
    };
    let journal = Box::new(MemoryJournal::default());
    let shrunk = Search::new(space, Arc::new(Timed(world.clone())), journal, settings)
        .and_then(|search| search.simulated(&clock).run(&mut passes::standard()))
        .expect("the start passes");
    (shrunk, shrink::Clock::now(&clock))
}

fn table(space: &Space, world: &World, seed: u64, least: f64) {
    let mut alone: Option<(Shrunk, f64)> = None;
    for workers in WORKERS {
        let began = Instant::now();
        let (shrunk, took) = search(space, world, workers);
        let hours = took.as_secs_f64() / 3600.0;
        let one = alone.get_or_insert_with(|| (shrunk.clone(), hours));
        let faster = one.1 / hours;
        let effort = &shrunk.effort;
        println!(
            "{seed:4} {workers:7} {:8} {:6} {:6} {hours:6.2} {faster:7.1} {:10.1} s",
            effort.attempts + effort.dropped,
            effort.attempts - effort.wasted,
            effort.wasted + effort.dropped,
            began.elapsed().as_secs_f64(),
        );
        assert_eq!(shrunk.best, one.0.best, "another result");
        assert_eq!(
            shrunk.believed, one.0.believed,
            "something else is believed"
        );
        assert!(workers != 32 || faster >= least, "32 workers are too slow");
    }
}

fn main() {
    let given: Vec<u64> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let seeds = if given.is_empty() {
        vec![1, 2, 3]
    } else {
        given
    };
    let options = graph::options();
    for errs in [false, true] {
        let never = if errs { "errs" } else { "never errs" };
        println!("an apparatus that {never}");
        println!("seed workers attempts  asked wasted  hours  faster   computed in");
        for &seed in &seeds {
            let (space, mut world) = kernel(&options, seed, 40);
            if !errs {
                (world.flaky, world.contrary) = (0, 0);
            }
            table(&space, &world, seed, if errs { 4.0 } else { 5.0 });
        }
    }
}
