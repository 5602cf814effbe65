//! Executors that only pretend: a system of 2,000 options or of a few, with
//! what it needs hidden, and all the vices of real ones.
#![allow(clippy::unwrap_used)] // in a test, a panic is a failure
#![allow(dead_code)] // each test program uses its own part

pub(crate) mod baselines;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shrink::{
    Answer, Candidate, Change, ChangeId, Cost, Executor, Failure, Identity, Outcome, Policy, Space,
    Trial, Work,
};

/// What a simulated system needs, and how it misbehaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// The bytes of each change's removal.
    pub(crate) bytes: Vec<u64>,
    pub(crate) start_bytes: u64,
    /// What can't be removed, closed over dependencies.
    pub(crate) needed: BTreeSet<ChangeId>,
    /// Removing one of these without the other fails.
    pub(crate) coupled: Vec<(ChangeId, ChangeId)>,
    /// Removing the first fails as long as the second is there.
    pub(crate) after: Vec<(ChangeId, ChangeId)>,
    /// One of the two must stay.
    pub(crate) either: Vec<(ChangeId, ChangeId)>,
    /// Attempts out of 1,000 that say the contrary.
    pub(crate) flaky: u64,
    /// Candidates out of 1,000 that fail although they should pass.
    pub(crate) contrary: u64,
}

/// A number that depends on all of its arguments and on nothing else.
pub(crate) fn dice(seed: u64, what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, what).hash(&mut hasher);
    hasher.finish()
}

impl World {
    /// What hinders a candidate; `None`: it does all that it must.
    pub(crate) fn hindrance(&self, candidate: &Candidate) -> Option<ChangeId> {
        let has = |id: ChangeId| candidate.has(id);
        let needed = self.needed.iter().copied().find(|&id| has(id));
        let coupled = self.coupled.iter().find(|&&(a, b)| has(a) != has(b));
        let after = self.after.iter().find(|&&(a, b)| has(a) && !has(b));
        let either = self.either.iter().find(|&&(a, b)| has(a) && has(b));
        needed
            .or(coupled.map(|pair| pair.0))
            .or(after.map(|pair| pair.0))
            .or(either.map(|pair| pair.0))
    }

    pub(crate) fn cost(&self, candidate: &Candidate) -> Cost {
        let gone: u64 = candidate
            .taken()
            .map(|(id, _)| self.bytes[id.index()])
            .sum();
        Cost::payload(self.start_bytes - gone)
    }

    /// One attempt: the truth, unless chance has it otherwise.
    pub(crate) fn attempt(
        &self,
        candidate: &Candidate,
        identity: &Identity,
        number: usize,
    ) -> Outcome {
        let contrary = !candidate.is_empty()
            && dice(self.seed, ("contrary", identity)) % 1_000 < self.contrary;
        let hindrance = self.hindrance(candidate);
        let passes = hindrance.is_none() && !contrary;
        let lies = dice(self.seed, ("flaky", identity, number)) % 1_000 < self.flaky;
        if passes != lies {
            let cost = self.cost(candidate);
            Outcome::Passed { cost }
        } else {
            let check = hindrance.map_or("chance".into(), |id| format!("check-{}", id.index()));
            let failure = Failure::of_check(check);
            Outcome::Failed { failure }
        }
    }
}

/// Carries out trials in a world at once.
pub(crate) struct Simulated {
    pub(crate) world: World,
    pub(crate) attempts: AtomicU64,
}

impl Simulated {
    pub(crate) fn new(world: World) -> Arc<Self> {
        Arc::new(Self {
            world,
            attempts: AtomicU64::new(0),
        })
    }
}

impl Executor for Simulated {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let outcome = self
            .world
            .attempt(trial.candidate(), trial.identity(), trial.number());
        Answer {
            outcome: Some(outcome),
            work: Work {
                builds: 1,
                boots: 1,
                cache_hits: 0,
            },
            took: Some(Duration::from_secs(20)),
        }
    }
}

/// A space and a world on the graph of 6.12's Kconfig, with this share of
/// needed options in 1,000.
pub(crate) fn kernel(
    options: &[(&str, Vec<&str>)],
    seed: u64,
    needed_permille: usize,
) -> (Space, World) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut space = Space::new(format!("kernel {seed}"));
    let mut bytes = Vec::new();
    for (name, _) in options {
        // Many small options and a few large ones; the prediction is within a
        // factor of two.
        let size = (2.0_f64.powf(5.0 + 9.0 * random.f64())) as u64;
        let predicted = (size as f64 * 2.0_f64.powf(random.f64() * 2.0 - 1.0)) as u64;
        bytes.push(size);
        space.add(Change::removal(*name, predicted)).unwrap();
    }
    for (name, on) in options {
        let dependant = space.find(name).unwrap();
        for of in on {
            space.falls_with(dependant, space.find(of).unwrap());
        }
    }
    let ids: Vec<ChangeId> = space.ids().collect();
    let mut needed = BTreeSet::new();
    while needed.len() * 1_000 < ids.len() * needed_permille {
        needed.extend(space.held_by(&[*random.choice(&ids[..]).unwrap()]));
    }
    let mut world = World {
        seed,
        start_bytes: bytes.iter().sum::<u64>() + 300_000,
        bytes,
        needed,
        flaky: 20,
        contrary: 10,
        ..World::default()
    };
    // One option in a hundred is in a pair that isn't monotone. They have no
    // dependants, which would drag others in.
    let free: Vec<ChangeId> = ids
        .into_iter()
        .filter(|id| !world.needed.contains(id) && space.dependants(*id).is_empty())
        .collect();
    let mut pairs: Vec<ChangeId> = random.choose_multiple(free.iter().copied(), 30);
    random.shuffle(&mut pairs);
    for (number, pair) in pairs.chunks_exact(2).enumerate() {
        let pair = (pair[0], pair[1]);
        match number % 3 {
            0 => world.coupled.push(pair),
            1 => world.after.push(pair),
            _ => world.either.push(pair),
        }
    }
    (space, world)
}

/// What suits an apparatus of which two attempts in a hundred err.
pub(crate) fn noisy() -> Policy {
    Policy {
        proof: 10,
        tolerated: 2,
        evidence: 1,
        ..Policy::default()
    }
}
