//! How much a set of runs has probably not seen yet.
//!
//! Each run is a sample of functions. What is still missing shows in the
//! functions that one run alone has seen: by Good's and Turing's argument
//! (I. J. Good, "The population frequencies of species and the estimation of
//! population parameters", Biometrika 40, 1953) the next run is expected to add
//! as many new functions as runs have seen alone on average. A lower bound of
//! all that could still come under the same conditions is Chao's (A. Chao,
//! "Estimating the population size for capture-recapture data with unequal
//! catchability", Biometrics 43, 1987).
//!
//! Both speak of runs under conditions like those that were tried. No estimate
//! covers what the checks and exercises never ask for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is expected to be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// How many functions one run alone has seen.
    pub seen_once: u64,
    /// How many functions exactly two runs have seen.
    pub seen_twice: u64,
    /// New functions that one more run is expected to add; `null` as long as
    /// there is but one run, which has seen everything alone.
    pub next_run: Option<f64>,
    /// A lower bound of the functions that are still to come, however many
    /// more runs there are.
    pub at_least: Option<f64>,
}

/// Computes it from how many of `runs` runs have seen each function.
pub fn missing(seen_by: impl IntoIterator<Item = u32>, runs: u32) -> Missing {
    let (mut once, mut twice) = (0u64, 0u64);
    for count in seen_by {
        match count {
            1 => once += 1,
            2 => twice += 1,
            _ => {}
        }
    }
    let (f1, f2, n) = (once as f64, twice as f64, f64::from(runs));
    // Chao2 with the correction that needs no f2 above 0.
    let chao = (n - 1.0) / n * f1 * (f1 - 1.0).max(0.0) / (2.0 * (f2 + 1.0));
    Missing {
        seen_once: once,
        seen_twice: twice,
        next_run: (runs > 1).then_some(f1 / n),
        at_least: (runs > 1).then_some(chao),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_agree_leave_nothing_to_expect() {
        let missing = missing([5; 100], 5);
        assert_eq!((missing.next_run, missing.at_least), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn each_run_with_functions_of_its_own_promises_more_of_them() {
        let missing = missing([4, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, 2], 4);
        assert_eq!((missing.seen_once, missing.seen_twice), (8, 1));
        assert_eq!(missing.next_run, Some(2.0));
        assert_eq!(missing.at_least, Some(0.75 * 8.0 * 7.0 / 4.0));
    }

    #[test]
    fn one_run_says_nothing_of_the_next() {
        assert_eq!(missing([1, 1], 1).next_run, None);
    }
}
