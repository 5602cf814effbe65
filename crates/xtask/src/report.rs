//! What libtest prints, read back.

/// What all test programs together did.
#[derive(Debug, Default)]
pub struct Report {
    /// How many tests passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many did not run.
    pub skipped: u64,
    /// How many programs told their result.
    pub results: u64,
    times: Vec<(f64, String)>,
}

impl Report {
    /// Reads one line of a test program's output.
    pub fn read_line(&mut self, program: &str, line: &str) {
        if let Some((name, seconds)) = timed(line) {
            self.times.push((seconds, format!("{program}: {name}")));
        }
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.results += 1;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.skipped += count(counts, "ignored");
        }
    }

    /// The slowest tests with their seconds.
    pub fn slowest(&self, count: usize) -> Vec<(f64, String)> {
        let mut times = self.times.clone();
        times.sort_by(|a, b| b.0.total_cmp(&a.0));
        times.truncate(count);
        times
    }
}

/// `test name ... ok <1.234s>`
fn timed(line: &str) -> Option<(&str, f64)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let seconds = rest.split_once('<')?.1.strip_suffix("s>")?;
    Some((name, seconds.parse().ok()?))
}

/// The number before a word: `ok. 3 passed; 0 failed; 1 ignored; …`.
fn count(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split([' ', ';']).filter(|w| !w.is_empty()).collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_times_are_read() {
        let mut report = Report::default();
        report.read_line("lib", "test a::b ... ok <0.250s>");
        report.read_line("lib", "test a::c ... FAILED <1.5s>");
        report.read_line(
            "lib",
            "test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out",
        );
        assert_eq!(
            (report.passed, report.failed, report.skipped, report.results),
            (1, 1, 2, 1)
        );
        assert_eq!(report.slowest(1), [(1.5, "lib: a::c".to_owned())]);
    }
}
