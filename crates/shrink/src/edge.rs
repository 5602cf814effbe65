//! The search for the smallest RAM, over an oracle that says whether a system
//! passes with so much. Pure.
//!
//! A bisection alone would take one boot's word for it. So the edge that it
//! finds is tried again: it has to pass every time, and the two sizes below it
//! have to fail every time. Where a size below passes after all, the edge moves
//! down; where the edge fails, it moves up.

use std::collections::BTreeMap;

/// How often the edge has to pass, and each size below it has to fail.
pub const TIMES: u32 = 3;

/// How many steps below the edge have to fail.
pub const BELOW: u64 = 2;

/// Within so many steps of the least that passed, a boot that fails is
/// repeated: there, a moment's bad luck can decide.
const NEAR: u64 = 4;

/// The edge moves so often at most: after that, the system passes and fails by
/// chance, and that is the answer.
const MOVES: u32 = 12;

/// What is known of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeTally {
    /// How often it passed.
    pub passed: u32,
    /// How often it failed.
    pub failed: u32,
}

impl SizeTally {
    /// Adds one attempt.
    pub fn add(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    fn tried(self) -> u32 {
        self.passed + self.failed
    }
}

/// Tries one size once.
pub trait Oracle {
    /// Why it can't tell: the search ends.
    type Error;

    /// What is known of a size from before.
    ///
    /// # Errors
    /// When what was kept can't be read.
    fn known(&mut self, kib: u64) -> Result<SizeTally, Self::Error>;

    /// Boots with so much, in KiB, and says whether all went well.
    ///
    /// # Errors
    /// When the attempt says nothing of the system.
    fn passes(&mut self, kib: u64) -> Result<bool, Self::Error>;
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The least that passes; `None` when not even the largest size does.
    pub edge: Option<u64>,
    /// Whether the edge passed, and the sizes below failed, every time.
    pub confirmed: bool,
    /// Every size that was tried.
    pub tallies: BTreeMap<u64, SizeTally>,
}

/// The sizes to search: multiples of `step` from `from` (or the first above) to
/// `to`, in KiB. `to` itself need not be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least to be tried.
    pub from: u64,
    /// The most.
    pub to: u64,
    /// The distance between two sizes; not 0.
    pub step: u64,
}

/// How many boots a search has where no size passes by chance and nothing is
/// known from before: the bisection's, those near the edge twice, and the proof.
pub fn expected_boots(range: Range) -> u64 {
    let sizes = (range.to / range.step.max(1)).max(1);
    let bisection = u64::from(sizes.ilog2() + 1) + NEAR.ilog2() as u64;
    bisection + u64::from(TIMES) * (1 + BELOW)
}

/// Searches.
///
/// # Errors
/// When the oracle can't tell.
pub fn search<O: Oracle>(range: Range, oracle: &mut O) -> Result<Found, O::Error> {
    let mut work = EdgeSearch {
        oracle,
        tallies: BTreeMap::new(),
        step: range.step.max(1),
    };
    let step = work.step;
    let (least, most) = (range.from.div_ceil(step).max(1), range.to / step);
    if most < least || !work.decided(most * step, TIMES)? {
        return Ok(work.found(None, false));
    }
    let (mut fails, mut passes) = (least - 1, most);
    while passes - fails > 1 {
        let middle = fails + (passes - fails) / 2;
        let times = if passes - middle <= NEAR { 2 } else { 1 };
        if work.decided(middle * step, times)? {
            passes = middle;
        } else {
            fails = middle;
        }
    }
    work.confirm(passes, least, most)
}

struct EdgeSearch<'a, O> {
    oracle: &'a mut O,
    tallies: BTreeMap<u64, SizeTally>,
    step: u64,
}

impl<O: Oracle> EdgeSearch<'_, O> {
    /// Tries until a pass, so often at most. What is known counts.
    fn decided(&mut self, kib: u64, times: u32) -> Result<bool, O::Error> {
        loop {
            let tally = self.tally(kib)?;
            if tally.passed > 0 {
                return Ok(true);
            }
            if tally.failed >= times {
                return Ok(false);
            }
            self.attempt(kib)?;
        }
    }

    /// Tries until it has failed or passed so often; stops as soon as the two
    /// mix. Gives whether all of it went as expected.
    fn always(&mut self, kib: u64, expected: bool) -> Result<bool, O::Error> {
        loop {
            let tally = self.tally(kib)?;
            let against = if expected { tally.failed } else { tally.passed };
            if against > 0 || tally.tried() >= TIMES {
                return Ok(against == 0);
            }
            self.attempt(kib)?;
        }
    }

    fn tally(&mut self, kib: u64) -> Result<SizeTally, O::Error> {
        if let Some(tally) = self.tallies.get(&kib) {
            return Ok(*tally);
        }
        let known = self.oracle.known(kib)?;
        self.tallies.insert(kib, known);
        Ok(known)
    }

    fn attempt(&mut self, kib: u64) -> Result<(), O::Error> {
        let passed = self.oracle.passes(kib)?;
        self.tallies.entry(kib).or_default().add(passed);
        Ok(())
    }

    /// Moves the edge until it holds.
    fn confirm(mut self, mut edge: u64, least: u64, most: u64) -> Result<Found, O::Error> {
        for _ in 0..MOVES {
            if !self.always(edge * self.step, true)? {
                if edge == most {
                    break;
                }
                edge += 1;
                continue;
            }
            let floor = edge.saturating_sub(BELOW).max(least);
            let mut lower = None;
            for below in (floor..edge).rev() {
                if !self.always(below * self.step, false)? {
                    lower = Some(below);
                    break;
                }
            }
            match lower {
                // Where the range ends, nothing below it was seen to fail.
                None => return Ok(self.found(Some(edge), edge >= least + BELOW)),
                // It passed sometimes: is it an edge of its own?
                Some(below) if self.always(below * self.step, true)? => edge = below,
                Some(_) => return Ok(self.found(Some(edge), false)),
            }
        }
        Ok(self.found(Some(edge), false))
    }

    fn found(mut self, edge: Option<u64>, confirmed: bool) -> Found {
        self.tallies.retain(|_, tally| tally.tried() > 0);
        Found {
            edge: edge.map(|edge| edge * self.step),
            confirmed,
            tallies: self.tallies,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// A system by a rule: size and number of the attempt.
    struct Rule<F> {
        rule: F,
        known: BTreeMap<u64, SizeTally>,
        boots: Vec<u64>,
    }

    impl<F: Fn(u64, usize) -> bool> Rule<F> {
        fn new(rule: F) -> Self {
            Rule {
                rule,
                known: BTreeMap::new(),
                boots: Vec::new(),
            }
        }
    }

    impl<F: Fn(u64, usize) -> bool> Oracle for Rule<F> {
        type Error = Infallible;

        fn known(&mut self, kib: u64) -> Result<SizeTally, Infallible> {
            Ok(self.known.get(&kib).copied().unwrap_or_default())
        }

        fn passes(&mut self, kib: u64) -> Result<bool, Infallible> {
            let before = self.boots.iter().filter(|boot| **boot == kib).count();
            self.boots.push(kib);
            let passed = (self.rule)(kib, before);
            self.known.entry(kib).or_default().add(passed);
            Ok(passed)
        }
    }

    fn run<F: Fn(u64, usize) -> bool>(range: Range, oracle: &mut Rule<F>) -> Found {
        search(range, oracle).expect("can't fail")
    }

    const RANGE: Range = Range {
        from: 0,
        to: 32768,
        step: 16,
    };

    #[test]
    fn the_edge_passes_and_the_sizes_below_fail_every_time() {
        let mut system = Rule::new(|kib, _| kib >= 21008);
        let found = run(RANGE, &mut system);
        assert_eq!((found.edge, found.confirmed), (Some(21008), true));
        let tally = |passed, failed| Some(SizeTally { passed, failed });
        assert_eq!(found.tallies.get(&21008).copied(), tally(3, 0));
        assert_eq!(found.tallies.get(&20992).copied(), tally(0, 3));
        assert_eq!(found.tallies.get(&20976).copied(), tally(0, 3));
        assert!(system.boots.len() < 28, "{} boots", system.boots.len());
    }

    #[test]
    fn what_is_known_is_not_tried_again() {
        let mut system = Rule::new(|kib, _| kib >= 5000);
        let first = run(RANGE, &mut system);
        system.boots.clear();
        assert_eq!(run(RANGE, &mut system), first);
        assert_eq!(system.boots, Vec::<u64>::new());
    }

    #[test]
    fn a_single_bad_boot_near_the_edge_does_not_move_it() {
        // The first attempt at 5,008 fails: the bisection tries it again. Then
        // it has not passed every time, and the next size is the edge, which
        // has one below it that fails only sometimes: nothing is confirmed.
        let found = run(
            RANGE,
            &mut Rule::new(|kib, before| match kib {
                5008 => before > 0,
                kib => kib > 5008,
            }),
        );
        assert_eq!((found.edge, found.confirmed), (Some(5024), false));
    }

    #[test]
    fn a_size_below_that_passes_after_all_becomes_the_edge() {
        let found = run(RANGE, &mut Rule::new(|kib, _| kib >= 5024 || kib == 4992));
        assert_eq!((found.edge, found.confirmed), (Some(4992), true));
    }

    #[test]
    fn where_nothing_passes_there_is_no_edge() {
        let mut system = Rule::new(|_, _| false);
        let found = run(RANGE, &mut system);
        assert_eq!((found.edge, found.confirmed), (None, false));
        assert_eq!(system.boots, [32768; 3]);
    }

    proptest! {
        #[test]
        fn any_edge_is_found(edge in 1u64..2048, from in 0u64..2048) {
            let range = Range { from: from * 16, ..RANGE };
            let found = run(range, &mut Rule::new(|kib, _| kib >= edge * 16));
            prop_assert_eq!(found.edge, Some(edge.max(from.max(1)) * 16));
            prop_assert_eq!(found.confirmed, edge >= from.max(1) + BELOW);
        }

        #[test]
        fn any_system_gets_an_answer(seed: u64, from in 0u64..40000, to in 0u64..40000, step in 0u64..70) {
            let range = Range { from, to, step };
            let chance = |kib: u64, before: usize| {
                (kib ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(before as u32) & 1 == 1
            };
            let found = run(range, &mut Rule::new(chance));
            prop_assert!(found.edge.is_none_or(|edge| edge <= to));
        }
    }
}
