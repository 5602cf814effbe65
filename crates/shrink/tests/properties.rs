//! Whatever a system needs, what a search gives passes, was proven, and is
//! 1-minimal where the executor is honest.
#![allow(clippy::unwrap_used)] // in a test, a panic is a failure

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use shrink::{
    Answer, Candidate, Change, ChangeId, Cost, Executor, Failure, MemoryJournal, Outcome, Policy,
    Search, Settings, Shrunk, Space, Trial, Turn, passes,
};

/// A small system: what each change falls with, what is needed, and pairs of
/// which one must stay.
#[derive(Clone, Debug)]
struct Small {
    count: usize,
    falls: Vec<(usize, usize)>,
    needed: BTreeSet<usize>,
    either: Vec<(usize, usize)>,
    /// Removing the first fails as long as the second is there.
    after: Vec<(usize, usize)>,
}

impl Small {
    fn passes(&self, candidate: &Candidate) -> bool {
        let taken: BTreeSet<usize> = candidate.taken().map(|(id, _)| id.index()).collect();
        let has = |number: &usize| taken.contains(number);
        !self.needed.iter().any(has)
            && !self.either.iter().any(|(a, b)| has(a) && has(b))
            && !self.after.iter().any(|(a, b)| has(a) && !has(b))
    }

    fn space(&self) -> Space {
        let mut space = Space::new("small");
        for number in 0..self.count {
            let gain = 10 + (number as u64 * 7) % 90;
            space
                .add(Change::removal(format!("c{number}"), gain))
                .unwrap();
        }
        let ids: Vec<ChangeId> = space.ids().collect();
        for &(dependant, of) in &self.falls {
            space.falls_with(ids[dependant], ids[of]);
        }
        space
    }

    fn search(&self, space: &Space, jobs: usize) -> Shrunk {
        self.search_by(space, jobs, passes::standard())
    }

    fn search_by(&self, space: &Space, jobs: usize, mut turns: Vec<Turn>) -> Shrunk {
        let settings = Settings {
            jobs,
            policy: Policy {
                proof: 2,
                ..Policy::default()
            },
            ..Settings::default()
        };
        let journal = Box::new(MemoryJournal::default());
        Search::new(space, Arc::new(self.clone()), journal, settings)
            .and_then(|search| search.run(&mut turns))
            .unwrap()
    }
}

impl Executor for Small {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        if self.passes(trial.candidate()) {
            let cost = Cost::payload(1_000_000 - trial.candidate().len() as u64);
            Outcome::Passed { cost }.into()
        } else {
            let failure = Failure::of_class("boot hung");
            Outcome::Failed { failure }.into()
        }
    }
}

fn small() -> impl Strategy<Value = Small> {
    (1_usize..40).prop_flat_map(|count| {
        let pair = (0..count, 0..count);
        let pairs = |most| prop::collection::vec(pair.clone(), 0..most);
        (
            pairs(40),
            prop::collection::btree_set(0..count, 0..count.min(6)),
            pairs(3),
            pairs(3),
        )
            .prop_map(move |(falls, needed, either, after)| {
                let apart = |pairs: Vec<(usize, usize)>| {
                    pairs.into_iter().filter(|(a, b)| a != b).collect()
                };
                Small {
                    count,
                    // Cycles are allowed: they must do no harm.
                    falls,
                    needed,
                    either: apart(either),
                    after: apart(after),
                }
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_result_passes_and_nothing_more_can_be_taken_alone(small in small()) {
        let space = small.space();
        let shrunk = small.search(&space, 1);
        prop_assert!(small.passes(&shrunk.best));
        prop_assert!(shrunk.proof.proven);
        prop_assert_eq!(shrunk.minimality.tested, shrunk.minimality.of);
        for id in space.ids().filter(|&id| !shrunk.best.has(id)) {
            let more = space.with(&shrunk.best, &[id]);
            if more.len() == shrunk.best.len() + 1 {
                prop_assert!(!small.passes(&more), "{:?} can go as well", id);
            }
        }
        for step in shrunk.steps.windows(2) {
            prop_assert!(small.passes(&step[1].candidate));
            prop_assert!(step[1].cost.payload_bytes <= step[0].cost.payload_bytes);
        }
    }

    #[test]
    fn the_number_of_jobs_does_not_change_the_result(small in small(), jobs in 2_usize..5) {
        let space = small.space();
        let (one, several) = (small.search(&space, 1), small.search(&space, jobs));
        prop_assert_eq!(one.best, several.best);
        prop_assert_eq!(one.kept, several.kept);
    }

    #[test]
    fn all_at_once_first_changes_nothing_of_what_holds(small in small(), jobs in 1_usize..4) {
        let space = small.space();
        let from_below = || {
            let mut turns = vec![Turn::new(passes::AllAtOnce::over(space.ids()), 6)];
            turns.extend(passes::standard());
            turns
        };
        let shrunk = small.search_by(&space, jobs, from_below());
        prop_assert!(small.passes(&shrunk.best));
        prop_assert!(shrunk.proof.proven);
        prop_assert_eq!(shrunk.minimality.tested, shrunk.minimality.of);
        let one = small.search_by(&space, 1, from_below());
        prop_assert_eq!(one.best, shrunk.best);
    }

    #[test]
    fn all_at_once_needs_few_trials_where_the_needed_stand_last(count in 2_usize..300, needed in 0_usize..8) {
        let needed = needed.min(count - 1);
        let small = Small {
            count,
            falls: Vec::new(),
            needed: (count - needed..count).collect(),
            either: Vec::new(),
            after: Vec::new(),
        };
        let space = small.space();
        let turns = vec![Turn::new(passes::AllAtOnce::over(space.ids()), 1)];
        let shrunk = small.search_by(&space, 1, turns);
        // 1, 3, 7 or 15 are given back: all that is needed, and no more than as
        // many again. A single change is left to other passes.
        let given = (needed + 1).next_power_of_two() - 1;
        let taken = if count - given.min(count) > 1 { count - given } else { 0 };
        prop_assert_eq!(shrunk.best.len(), taken);
        prop_assert!(shrunk.effort.attempts <= 1 + 4 + 2 + 2);
    }

    #[test]
    fn the_order_holds_every_change_once_and_dependants_first(small in small()) {
        let space = small.space();
        let order = space.order();
        let all: BTreeSet<ChangeId> = order.iter().copied().collect();
        prop_assert_eq!(order.len(), space.len());
        prop_assert_eq!(all.len(), space.len());
        let place = |id: ChangeId| order.iter().position(|&other| other == id);
        for id in space.ids() {
            for &dependant in space.dependants(id) {
                let circle = space.with(&Candidate::default(), &[dependant]).has(id);
                prop_assert!(circle || place(dependant) < place(id));
            }
        }
    }

    #[test]
    fn an_identity_is_a_matter_of_content(numbers in prop::collection::btree_set(0_usize..30, 0..30)) {
        let names: Vec<String> = (0..30).map(|number| format!("c{number}")).collect();
        let identity = |names: &mut dyn Iterator<Item = &String>| {
            let mut space = Space::new("order");
            for name in names {
                space.add(Change::removal(name, 1)).unwrap();
            }
            let take: Vec<ChangeId> =
                numbers.iter().map(|&number| space.find(&format!("c{number}")).unwrap()).collect();
            space.with(&Candidate::default(), &take).identity(&space)
        };
        prop_assert_eq!(identity(&mut names.iter()), identity(&mut names.iter().rev()));
    }
}
