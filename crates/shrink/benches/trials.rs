//! How many trials a search takes: this crate's passes beside one-by-one
//! removal and plain ddmin, on the dependency graph of 2,000 options of Linux
//! 6.12 with a hidden set of needed ones, 2 % of attempts that lie, 1 % of
//! candidates and of options that aren't monotone. Ten seeds, fresh in each run
//! unless the first is given: `cargo bench -p shrink -- 1000`.
//!
//! Fails if the search takes more than a third of one-by-one's trials.

#[path = "../tests/graph/mod.rs"]
mod graph;
#[path = "../tests/simulated/mod.rs"]
mod simulated;

use std::time::{SystemTime, UNIX_EPOCH};

use shrink::{Candidate, MemoryJournal, Search, Settings, Shrunk, Space, passes};
use simulated::{Simulated, World, baselines, kernel, noisy};

const SEEDS: u64 = 10;

fn search(space: &Space, world: &World) -> Shrunk {
    let settings = Settings {
        policy: noisy(),
        ..Settings::default()
    };
    let executor = Simulated::new(world.clone());
    Search::new(
        space,
        executor,
        Box::new(MemoryJournal::default()),
        settings,
    )
    .and_then(|search| search.run(&mut passes::standard()))
    .expect("the start passes")
}

/// The sum of a column.
#[derive(Default)]
struct Column {
    trials: usize,
    surplus: usize,
    dead: usize,
}

impl Column {
    fn add(
        &mut self,
        world: &World,
        space: &Space,
        trials: usize,
        candidate: &Candidate,
    ) -> String {
        let dead = world.hindrance(candidate).is_some();
        let kept = space.len() - candidate.len();
        let surplus = kept.saturating_sub(world.needed.len());
        self.trials += trials;
        self.dead += usize::from(dead);
        self.surplus += if dead { 0 } else { surplus };
        if dead {
            format!("{trials:6}   dead")
        } else {
            format!("{trials:6} {surplus:+6}")
        }
    }

    fn mean(&self) -> String {
        let alive = (SEEDS as usize - self.dead).max(1);
        let surplus = self.surplus as f64 / alive as f64;
        format!("{:6.0} {surplus:+6.1}", self.trials as f64 / SEEDS as f64)
    }
}

/// One table; whether the search took at most a third of one-by-one's trials.
fn table(options: &[(&str, Vec<&str>)], first: u64, permille: usize) -> bool {
    println!("\n{} % needed", permille as f64 / 10.0);
    println!(
        "                search     one by one   ktest\'s order         ddmin   ktest\'s order, no noise"
    );
    println!("seed    needed trials  over trials  over trials  over trials  over trials  over");
    let mut columns: [Column; 5] = Default::default();
    for seed in first..first + SEEDS {
        let (space, world) = kernel(options, seed, permille);
        let shrunk = search(&space, &world);
        let quiet = World {
            flaky: 0,
            contrary: 0,
            ..world.clone()
        };
        let rows = [
            (shrunk.effort.attempts as usize, shrunk.best),
            baselines::one_by_one(&space, &world).into(),
            baselines::most_depended_on_first(&space, &world).into(),
            baselines::ddmin(&space, &world).into(),
            baselines::most_depended_on_first(&space, &quiet).into(),
        ];
        let row: Vec<String> = columns
            .iter_mut()
            .zip(&rows)
            .map(|(column, (trials, candidate))| column.add(&world, &space, *trials, candidate))
            .collect();
        println!("{:<10}{:4} {}", seed, world.needed.len(), row.join(" "));
    }
    let means: Vec<String> = columns.iter().map(Column::mean).collect();
    println!("mean           {}", means.join(" "));
    columns[0].dead == 0 && columns[0].trials * 3 <= columns[1].trials
}

fn main() {
    let given = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next();
    let first = given.unwrap_or_else(|| {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::from(since.subsec_nanos())
    });
    println!("seeds {first} to {}", first + SEEDS - 1);
    let options = graph::options();
    println!("over: options kept beyond those needed; dead: the result does not work");
    let held = [20, 40].map(|permille| table(&options, first, permille));
    for permille in [60, 100] {
        table(&options, first, permille);
    }
    assert!(
        held == [true, true],
        "the search takes more than a third of one-by-one's trials"
    );
}
