//! What many workers make of a search: 2,000 options of Linux 6.12 of which 4 %
//! are needed, with the apparatus' errors of `benches/trials.rs`, on 1 to 200
//! simulated workers, each trial 10 to 30 s on a simulated clock.
//!
//! Prints attempts, what was tried ahead and never asked for, and the time to
//! the result. Fails if any number of workers finds another result or believes
//! another thing of any candidate, or if 32 workers are less than eight times as
//! fast as one. `cargo bench -p shrink --bench workers`; seeds follow `--`.

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

const WORKERS: [usize; 1] = [32];

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
        .and_then(|search| search.simulated(&clock).on_event(|e,p| match e { shrink::Event::PassBegan{name,..} if jobs==32 => println!("  {:.3} h begin {name} attempts {}", shrink::Clock::now(&clock).as_secs_f64()/3600.0, p.attempts), shrink::Event::Proving{..} if jobs==32 => println!("  {:.3} h proving", shrink::Clock::now(&clock).as_secs_f64()/3600.0), _=>() }).run(&mut passes::standard()))
        .expect("the start passes");
    (shrunk, shrink::Clock::now(&clock))
}

fn main() {
    let given: Vec<u64> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let seeds = if given.is_empty() { vec![1, 2, 3] } else { given };
    let options = graph::options();
    println!("seed workers attempts  asked wasted  hours  faster   computed in");
    for seed in seeds {
        let (space, world) = kernel(&options, seed, std::env::var("PM").ok().and_then(|p| p.parse().ok()).unwrap_or(40));
        let world = if std::env::var("QUIET").is_ok() { World { flaky: 0, contrary: 0, ..world } } else { world };
        let (alone, hours) = search(&space, &world, 1);
        for workers in WORKERS {
            let began = Instant::now();
            let (shrunk, took) = search(&space, &world, workers);
            let faster = hours.as_secs_f64() / took.as_secs_f64();
            let effort = &shrunk.effort;
            println!(
                "{seed:4} {workers:7} {:8} {:6} {:6} {:6.2} {faster:7.1} {:10.1} s",
                effort.attempts + effort.dropped,
                effort.attempts - effort.wasted,
                effort.wasted + effort.dropped,
                took.as_secs_f64() / 3600.0,
                began.elapsed().as_secs_f64(),
            );
            assert_eq!(shrunk.best, alone.best, "another result");
            assert_eq!(shrunk.believed, alone.believed, "something else is believed");
            assert!(workers != 33 || faster >= 8.0, "32 workers are too slow");
        }
    }
}
