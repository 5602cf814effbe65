//! What libtest prints, read back.

/// What all test programs together did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How many tests passed.
    pub(crate) passed: u64,
    /// How many failed.
    pub(crate) failed: u64,
    /// How many did not run.
    pub(crate) skipped: u64,
    /// How many programs told their result.
    pub(crate) results: u64,
    times: Vec<(f64, String)>,
    programs: Vec<(f64, String)>,
}

/// One test that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestEnd {
    /// Its name in its program.
    pub(crate) name: String,
    /// Whether it passed.
    pub(crate) passed: bool,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl Report {
    /// Reads one line of a test program's output: perhaps the end of a test.
    pub(crate) fn read_line(&mut self, program: &str, line: &str) -> Option<TestEnd> {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.results += 1;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.skipped += count(counts, "ignored");
        }
        let end = ended(line)?;
        self.times
            .push((end.seconds, format!("{program}: {}", end.name)));
        Some(end)
    }

    /// Keeps the time that a test program took.
    pub(crate) fn program_ended(&mut self, program: &str, seconds: f64) {
        self.programs.push((seconds, program.to_owned()));
    }

    /// The slowest tests with their seconds.
    pub(crate) fn slowest(&self, count: usize) -> Vec<(f64, String)> {
        let mut times = self.times.clone();
        times.sort_by(|a, b| b.0.total_cmp(&a.0));
        times.truncate(count);
        times
    }

    /// Prints the slowest tests, what each program took, and the counts.
    pub(crate) fn print(&self) {
        println!("\nthe ten slowest of {} tests:", self.passed + self.failed);
        print_times(&self.slowest(10));
        let all: f64 = self.programs.iter().map(|(seconds, _)| seconds).sum();
        println!(
            "\nthe {} test programs, {all:.0} s in all:",
            self.programs.len()
        );
        print_times(&self.programs);
        println!(
            "\n{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
    }

    /// Whether the run passes. A test that was skipped fails it.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        match (self.failed, self.skipped, self.passed) {
            (0, 0, 1..) => Ok(()),
            (0, 0, 0) => Err("no test ran".to_owned()),
            (0, _, _) => Err("a skipped test fails the run".to_owned()),
            _ => Err("tests failed".to_owned()),
        }
    }
}

/// Seconds and what took them, one a line.
pub(crate) fn print_times(times: &[(f64, String)]) {
    for (seconds, name) in times {
        println!("{seconds:9.2} s  {name}");
    }
}

/// `test name ... ok <1.234s>`
fn ended(line: &str) -> Option<TestEnd> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let (word, seconds) = rest.split_once('<')?;
    let seconds = seconds.trim_end().strip_suffix("s>")?.parse().ok()?;
    let name = name
        .strip_suffix(" - should panic")
        .unwrap_or(name)
        .to_owned();
    let passed = word.trim() == "ok";
    Some(TestEnd {
        name,
        passed,
        seconds,
    })
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
        let end = report.read_line("lib", "test a::b - should panic ... ok <0.250s>");
        let (name, passed, seconds) = ("a::b".to_owned(), true, 0.25);
        assert_eq!(
            end,
            Some(TestEnd {
                name,
                passed,
                seconds
            })
        );
        let end = report.read_line("lib", "test a::c ... FAILED <1.5s>");
        assert!(end.is_some_and(|end| !end.passed));
        assert_eq!(report.read_line("lib", "test a::d ... ignored"), None);
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

    #[test]
    fn failed_and_skipped_tests_fail_the_run_and_so_does_an_empty_one() {
        let verdict = |passed, failed, skipped| {
            Report {
                passed,
                failed,
                skipped,
                ..Report::default()
            }
            .verdict()
        };
        assert_eq!(verdict(1, 0, 0), Ok(()));
        assert!(verdict(1, 1, 0).is_err());
        assert!(verdict(1, 0, 1).is_err());
        assert!(verdict(0, 0, 0).is_err());
    }
}
