//! Means and their 95 % confidence intervals, by Student's t.

use schemars::JsonSchema;
use serde::Serialize;

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A mean with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The interval's lower end; `null` with one value.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl Estimate {
    /// From values that don't depend on each other.
    pub fn of(values: &[f64]) -> Estimate {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let Some(freedom) = values.len().checked_sub(1).filter(|&freedom| freedom > 0) else {
            return Estimate {
                mean,
                low: None,
                high: None,
            };
        };
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        // Beyond the table its last value: an interval that is a little too wide.
        let t = STUDENT[freedom.min(STUDENT.len()) - 1];
        let half = t * (squares / freedom as f64 / count).sqrt();
        Estimate {
            mean,
            low: Some(mean - half),
            high: Some(mean + half),
        }
    }

    /// Whether it is another value than zero, as far as that can be told.
    pub fn is_told(&self) -> bool {
        match (self.low, self.high) {
            (Some(low), Some(high)) => low > 0.0 || high < 0.0,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_interval_is_as_wide_as_students_t_says() {
        let found = Estimate::of(&[5.0, 6.0, 7.0]);
        assert!((found.mean - 6.0).abs() < 1e-9);
        // 4.303 * 1 / sqrt(3)
        assert!((found.low.expect("three values") - 3.5157).abs() < 1e-3);
        assert!(found.is_told());
        assert_eq!(Estimate::of(&[5.0]).low, None);
        assert!(!Estimate::of(&[5.0]).is_told());
        assert!(!Estimate::of(&[-1.0, 1.0]).is_told());
        let same = Estimate::of(&[2.0; 40]);
        assert_eq!((same.low, same.high), (Some(2.0), Some(2.0)));
    }

    proptest! {
        #[test]
        fn the_mean_lies_in_its_interval(values in proptest::collection::vec(-1e6..1e6, 2..60)) {
            let found = Estimate::of(&values);
            let (low, high) = (found.low.expect("two"), found.high.expect("two"));
            prop_assert!(low <= found.mean && found.mean <= high);
        }
    }
}
