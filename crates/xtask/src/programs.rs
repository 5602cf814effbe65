//! The test programs that cargo builds: found, asked for their tests, run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::command;
use crate::report::{Report, TestEnd};

/// Test programs that build kernels and boot them: they come after the fast
/// ones, and run one at a time.
const END_TO_END: &[&str] = &["e2e", "long"];

/// A test program that cargo built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestProgram {
    /// The crate and what of it is tested: `tuxling lib`, `tuxling e2e`.
    pub(crate) name: String,
    path: String,
    dir: String,
    is_end_to_end: bool,
}

/// Builds the test programs of a selection of packages and features, the fast
/// ones first.
pub(crate) fn build(selection: &[&str]) -> Result<Vec<TestProgram>, String> {
    eprintln!("== cargo test --no-run {}", selection.join(" "));
    let mut cargo = command(env!("CARGO"))
        .args([
            "test",
            "--no-run",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(selection)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut programs = Vec::new();
    if let Some(out) = cargo.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line.map_err(|e| e.to_string())?;
            let message = serde_json::from_str(&line).map_err(|e| e.to_string())?;
            programs.extend(program(&message));
        }
    }
    let status = cargo.wait().map_err(|e| e.to_string())?;
    programs.sort_by_key(|program| program.is_end_to_end);
    if status.success() {
        Ok(programs)
    } else {
        Err("the tests don't compile".to_owned())
    }
}

/// The test program that a message of cargo's names, if it does.
fn program(message: &Value) -> Option<TestProgram> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let path = text(&message["executable"])?;
    if message["profile"]["test"] != true {
        return None;
    }
    let manifest = text(&message["manifest_path"]).unwrap_or_default();
    let dir = manifest.trim_end_matches("Cargo.toml").to_owned();
    let package = Path::new(&dir)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let target = text(&message["target"]["name"]).unwrap_or_default();
    let kind = text(&message["target"]["kind"][0]).unwrap_or_default();
    // Libraries and programs are called as their crate is.
    let what = if kind == "test" { &target } else { &kind };
    Some(TestProgram {
        name: format!("{package} {what}"),
        path,
        is_end_to_end: END_TO_END.contains(&target.as_str()),
        dir,
    })
}

impl TestProgram {
    /// The names of all its tests.
    pub(crate) fn tests(&self) -> Result<Vec<String>, String> {
        let output = command(&self.path)
            .args(["--list", "--format", "terse"])
            .current_dir(&self.dir)
            .output()
            .map_err(|e| format!("{}: {e}", self.path))?;
        if output.status.success() {
            Ok(listed(&String::from_utf8_lossy(&output.stdout)))
        } else {
            Err(format!("{} tells no list of its tests", self.name))
        }
    }

    /// Runs all tests, or only some; the output is shown as it comes, and each
    /// test that ends is told at once.
    pub(crate) fn run(
        &self,
        only: Option<&[String]>,
        report: &mut Report,
        told: &mut dyn FnMut(&TestEnd) -> Result<(), String>,
    ) -> Result<(), String> {
        println!("\n== {}", self.name);
        let started = Instant::now();
        let mut test = command(&self.path);
        // libtest tells times only where unstable options are allowed.
        test.env("RUSTC_BOOTSTRAP", "1")
            .args(["-Zunstable-options", "--report-time"])
            .current_dir(&self.dir)
            .stdout(Stdio::piped());
        if let Some(only) = only {
            test.arg("--exact").args(only);
        }
        let mut child = test.spawn().map_err(|e| format!("{}: {e}", self.path))?;
        let (results, failed) = (report.results, report.failed);
        if let Some(out) = child.stdout.take() {
            // What a test prints need not be UTF-8.
            for line in BufReader::new(out).split(b'\n') {
                let line = line.map_err(|e| e.to_string())?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                if let Some(end) = report.read_line(&self.name, &line) {
                    told(&end)?;
                }
            }
        }
        let status = child.wait().map_err(|e| e.to_string())?;
        report.program_ended(&self.name, started.elapsed().as_secs_f64());
        // A program that died in the middle told no result: that is a failure, too.
        if report.results == results || (!status.success() && report.failed == failed) {
            report.failed += 1;
            println!("{} ended with {status}", self.name);
        }
        Ok(())
    }
}

/// `a::b: test` for each; benches are listed as well.
fn listed(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_after_their_crate_and_what_of_it_is_tested() {
        let named = |kind, target| {
            let message = serde_json::json!({
                "executable": "/t/x-1", "profile": { "test": true },
                "manifest_path": "/w/crates/tuxling/Cargo.toml",
                "target": { "name": target, "kind": [kind] } });
            program(&message).map(|program| (program.name, program.is_end_to_end))
        };
        assert_eq!(
            named("lib", "tuxling"),
            Some(("tuxling lib".to_owned(), false))
        );
        assert_eq!(
            named("bin", "tuxling"),
            Some(("tuxling bin".to_owned(), false))
        );
        assert_eq!(named("test", "e2e"), Some(("tuxling e2e".to_owned(), true)));
        assert_eq!(
            program(&serde_json::json!({ "reason": "build-finished" })),
            None
        );
    }

    #[test]
    fn the_list_of_tests_is_read() {
        assert_eq!(listed("a::b: test\nc: benchmark\nd: test\n"), ["a::b", "d"]);
    }
}
