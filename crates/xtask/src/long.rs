//! `cargo xtask test-long`: hours of tests, which may be interrupted. The result
//! of each is kept under its commit as it ends (`target/long/COMMIT.json`); the
//! next run of the same commit goes on with what has not passed yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::programs::{self, TestProgram};
use crate::report::{Report, print_times};
use crate::{command, fuzz};

/// The features that the long suite adds.
const FEATURES: &str = "tuxling/long-tests,kconfig/long-tests,shrink/kernel-trees";

/// What a test came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    passed: bool,
    /// `None` where its line was lost in what it printed itself.
    seconds: Option<f64>,
}

/// What is known of the tests of one commit: by `PROGRAM: TEST`.
#[derive(Debug, Default, PartialEq)]
struct Results {
    file: PathBuf,
    tests: BTreeMap<String, Kept>,
}

impl Results {
    /// What an earlier run has left.
    fn read(file: PathBuf) -> Result<Self, String> {
        let tests = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|e| format!("{}: {e}; --fresh starts anew", file.display()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => return Err(format!("{}: {e}", file.display())),
        };
        Ok(Self { file, tests })
    }

    /// Keeps a result at once, and whole: the next moment may be Ctrl-C's.
    fn keep(&mut self, test: String, passed: bool, seconds: Option<f64>) -> Result<(), String> {
        self.tests.insert(test, Kept { passed, seconds });
        let aside = self.file.with_extension("part");
        let text = serde_json::to_vec_pretty(&self.tests).map_err(|e| e.to_string())?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&aside, text))
            .and_then(|()| fs::rename(&aside, &self.file))
            .map_err(|e| format!("{}: {e}", self.file.display()))
    }

    fn has_passed(&self, test: &str) -> bool {
        self.tests.get(test).is_some_and(|kept| kept.passed)
    }

    /// Those of a program's tests that have not passed yet.
    fn left(&self, program: &str, tests: &[String]) -> Vec<String> {
        let left = tests
            .iter()
            .filter(|test| !self.has_passed(&key(program, test)));
        left.cloned().collect()
    }
}

fn key(program: &str, test: &str) -> String {
    format!("{program}: {test}")
}

/// Where results of this commit are kept. With changes in the work tree nobody
/// knows what a result was of: such a run begins anew.
fn file_for(commit: &str, is_clean: bool) -> PathBuf {
    let end = if is_clean { "" } else { "+changes" };
    PathBuf::from(format!("target/long/{commit}{end}.json"))
}

fn git(args: &[&str]) -> Result<String, String> {
    let output = command("git")
        .args(args)
        .output()
        .map_err(|e| format!("git: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("git {} failed", args.join(" ")))
    }
}

/// Reads `[--fresh]` and runs what is left of the suite.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let fresh = match arguments {
        [] => false,
        [one] if one == "--fresh" => true,
        _ => return Err("usage: cargo xtask test-long [--fresh]".to_owned()),
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain"])?.is_empty();
    let file = file_for(&commit, is_clean);
    if (fresh || !is_clean) && file.exists() {
        fs::remove_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let mut results = Results::read(file)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    // The tests get the signal as well and end; this process tells what they did.
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .map_err(|e| e.to_string())?;

    let programs = programs::build(&["--workspace", "--features", FEATURES])?;
    let mut names = Vec::new();
    let mut report = Report::default();
    for program in &programs {
        let tests = program.tests()?;
        names.extend(tests.iter().map(|test| key(&program.name, test)));
        if !interrupted.load(Ordering::SeqCst) {
            run_left(program, &tests, &mut results, &mut report)?;
        }
    }
    for target in fuzz::targets() {
        let name = key("fuzz", target);
        if !results.has_passed(&name) && !interrupted.load(Ordering::SeqCst) {
            run_fuzz(target, &mut results, &interrupted)?;
        }
        names.push(name);
    }
    let open = print_table(&results, &names);
    match (
        interrupted.load(Ordering::SeqCst),
        open,
        report.skipped,
        report.failed,
    ) {
        (true, ..) => Err("interrupted; the same command goes on with what is left".to_owned()),
        (_, _, 1.., _) => Err("a skipped test fails the run".to_owned()),
        (_, 0, _, 0) => Ok(()),
        _ => Err("tests failed, or told no result".to_owned()),
    }
}

/// Runs those of a program's tests that have not passed yet.
fn run_left(
    program: &TestProgram,
    tests: &[String],
    results: &mut Results,
    report: &mut Report,
) -> Result<(), String> {
    let left = results.left(&program.name, tests);
    if left.is_empty() {
        return Ok(());
    }
    let only = (left.len() < tests.len()).then_some(&left[..]);
    let before = report.passed;
    program.run(only, report, &mut |end| {
        results.keep(key(&program.name, &end.name), end.passed, Some(end.seconds))
    })?;
    // Where all have passed by the program's own count, those have, too, whose
    // line was torn by something printed in its middle.
    if report.passed - before == left.len() as u64 {
        for test in results.left(&program.name, &left) {
            results.keep(key(&program.name, &test), true, None)?;
        }
    }
    Ok(())
}

/// Runs a fuzz target. A fuzzer that was stopped has found nothing, and shown
/// nothing.
fn run_fuzz(target: &str, results: &mut Results, interrupted: &AtomicBool) -> Result<(), String> {
    let started = Instant::now();
    let done = fuzz::all(fuzz::MINUTES, &[target]);
    if interrupted.load(Ordering::SeqCst) {
        return Ok(());
    }
    let seconds = started.elapsed().as_secs_f64();
    results.keep(key("fuzz", target), done.is_ok(), Some(seconds))
}

/// The tests that are worth a line of their own.
const WORTH_A_LINE: f64 = 1.0;

/// Prints the time of every test of this commit, whichever run it was in, and
/// what has failed or is left. Gives the number of those that have not passed.
fn print_table(results: &Results, names: &[String]) -> usize {
    let mut times: Vec<(f64, String)> = names
        .iter()
        .filter_map(|name| Some((results.tests.get(name)?.seconds?, name.clone())))
        .collect();
    times.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = times.iter().map(|(seconds, _)| seconds).sum();
    let long = times.partition_point(|(seconds, _)| *seconds >= WORTH_A_LINE);
    println!("\nthe long suite of this commit, {all:.0} s of tests:");
    print_times(&times[..long]);
    let short: f64 = times[long..].iter().map(|(seconds, _)| seconds).sum();
    println!(
        "{short:9.2} s  {} more of less than a second each",
        times.len() - long
    );

    let open = |name: &&String| !results.has_passed(name);
    for name in names.iter().filter(open) {
        let state = if results.tests.contains_key(name) {
            "failed"
        } else {
            "left"
        };
        println!("{state:>11}  {name}");
    }
    let count = names.iter().filter(open).count();
    println!(
        "\n{} of {} passed; {}",
        names.len() - count,
        names.len(),
        results.file.display()
    );
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_is_left_out_by_the_next_run_and_what_failed_is_not() {
        let dir = tempfile::TempDir::new().expect("folder");
        let file = dir.path().join("long/c0ffee.json");
        let mut results = Results::read(file.clone()).expect("none yet");
        results
            .keep("tuxling e2e: a".to_owned(), true, Some(2.5))
            .expect("kept");
        results
            .keep("tuxling e2e: b".to_owned(), false, None)
            .expect("kept");
        let again = Results::read(file).expect("read");
        assert_eq!(again, results);
        let tests = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(again.left("tuxling e2e", &tests), ["b", "c"]);
        assert_eq!(again.left("tuxling lib", &tests), tests);
        assert_eq!(print_table(&again, &["tuxling e2e: a".to_owned()]), 0);
        assert_eq!(print_table(&again, &tests), 3);
    }

    #[test]
    fn a_tree_with_changes_has_results_of_its_own() {
        assert_eq!(file_for("c0", true), Path::new("target/long/c0.json"));
        assert_eq!(
            file_for("c0", false),
            Path::new("target/long/c0+changes.json")
        );
    }

    #[test]
    fn a_file_of_results_that_cannot_be_read_is_said() {
        let dir = tempfile::TempDir::new().expect("folder");
        let file = dir.path().join("a.json");
        fs::write(&file, "{").expect("file");
        let told = Results::read(file).expect_err("unreadable");
        assert!(told.contains("--fresh"), "{told}");
    }
}
