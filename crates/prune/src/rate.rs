//! How often something happens at most, from how often it was seen.

/// How sure the bound is.
const CONFIDENCE: f64 = 0.95;

/// The upper bound of a rate with 95 % confidence, when something was seen so
/// often in so much: the rate at which a Poisson process would show so few with
/// a probability of 5 % (F. Garwood, "Fiducial limits for the Poisson
/// distribution", Biometrika 28, 1936). Nothing seen in n gives about 3/n. `None`
/// where nothing was looked at.
pub(crate) fn at_most(seen: u64, of: f64) -> Option<f64> {
    if of <= 0.0 {
        return None;
    }
    // Between these the bound lies for any number that can be seen.
    let (mut low, mut high) = (0.0, 2.0 * seen as f64 + 20.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if so_few(seen, middle) > 1.0 - CONFIDENCE {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high / of)
}

/// How probable it is to see no more than `seen` where `expected` are.
fn so_few(seen: u64, expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let mut sum = term;
    for k in 1..=seen {
        term *= expected / k as f64;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From tables of the Poisson distribution's limits.
    #[test]
    fn bounds_are_those_of_the_tables() {
        for (seen, bound) in [
            (0, 2.996),
            (1, 4.744),
            (2, 6.296),
            (10, 16.962),
            (50, 63.287),
        ] {
            let found = at_most(seen, 1.0).expect("something was looked at");
            assert!((found - bound).abs() < 0.001, "{seen}: {found}");
        }
        assert!((at_most(0, 412.0).expect("looked at") - 2.996 / 412.0).abs() < 1e-5);
        assert_eq!(at_most(0, 0.0), None);
    }
}
