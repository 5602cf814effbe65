//! What CI runs, as commands that anyone can run: `cargo xtask test` and
//! `cargo xtask test-long`, which ends with `cargo xtask fuzz`.

mod circles;
mod deny;
mod fuzz;
mod layers;
mod map;
mod modules;
mod report;
mod workspace;

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use report::Report;

/// Test programs that build kernels and boot them: they come after the fast
/// ones, and run one at a time.
const END_TO_END: &[&str] = &["e2e", "long"];

/// The features of tests that need unpacked kernels.
const FAST: &str = "kconfig/differential,shrink/kernel-trees";

/// The features that the long suite adds.
const LONG: &str = "tuxling/long-tests,kconfig/long-tests,shrink/kernel-trees";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let done = match task.as_str() {
        "lint" => lint(),
        "layers" => layers::run(&arguments),
        "map" => map::run(&arguments),
        "advisories" => deny::advisories(),
        "test" => lint().and_then(|()| test(&["--workspace", "--features", FAST])),
        "test-long" => {
            test(&["--workspace", "--features", LONG]).and_then(|()| fuzz::all(fuzz::MINUTES, &[]))
        }
        "fuzz" => fuzz::run(&arguments),
        _ => Err("usage: cargo xtask lint|layers|map|advisories|test|test-long|fuzz".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The one place that starts processes here.
#[allow(clippy::disallowed_methods)] // a task runner is no part of tuxling
fn command(program: &str) -> Command {
    Command::new(program)
}

fn cargo(args: &[&str]) -> Result<(), String> {
    eprintln!("== cargo {}", args.join(" "));
    let status = command(env!("CARGO"))
        .args(args)
        .status()
        .map_err(|e| e.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {} failed", args.join(" ")))
    }
}

fn lint() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])?;
    layers::run(&[])?;
    deny::offline()
}

/// Builds all test programs, runs the fast ones, then those that boot kernels,
/// and tells the ten slowest tests. A test that was skipped fails the run.
fn test(selection: &[&str]) -> Result<(), String> {
    let mut programs = test_programs(selection)?;
    programs.sort_by_key(|program| END_TO_END.contains(&&*program.name));
    let mut report = Report::default();
    let started = Instant::now();
    for program in &programs {
        run(program, &mut report)?;
    }
    println!(
        "\nthe ten slowest of {} tests, {:.0} s in all:",
        report.passed,
        started.elapsed().as_secs_f64()
    );
    for (seconds, name) in report.slowest(10) {
        println!("{seconds:9.2} s  {name}");
    }
    println!(
        "\n{} passed, {} failed, {} skipped",
        report.passed, report.failed, report.skipped
    );
    match (report.failed, report.skipped, report.passed) {
        (0, 0, 1..) => Ok(()),
        (0, 0, 0) => Err("no test ran".to_owned()),
        (0, _, _) => Err("a skipped test fails the run".to_owned()),
        _ => Err("tests failed".to_owned()),
    }
}

/// A test program that cargo built.
struct TestProgram {
    name: String,
    path: String,
    dir: String,
}

fn test_programs(selection: &[&str]) -> Result<Vec<TestProgram>, String> {
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
            let message: serde_json::Value =
                serde_json::from_str(&line).map_err(|e| e.to_string())?;
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            let Some(path) = text(&message["executable"]) else {
                continue;
            };
            if message["profile"]["test"] != true {
                continue;
            }
            let manifest = text(&message["manifest_path"]).unwrap_or_default();
            let dir = manifest.trim_end_matches("Cargo.toml").to_owned();
            let name = text(&message["target"]["name"]).unwrap_or_default();
            programs.push(TestProgram { name, path, dir });
        }
    }
    let status = cargo.wait().map_err(|e| e.to_string())?;
    if status.success() {
        Ok(programs)
    } else {
        Err("the tests don't compile".to_owned())
    }
}

/// Runs one test program; its output is shown as it comes.
fn run(program: &TestProgram, report: &mut Report) -> Result<(), String> {
    println!("\n== {}", program.name);
    let mut child = command(&program.path)
        // libtest tells times only where unstable options are allowed.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["-Zunstable-options", "--report-time"])
        .current_dir(&program.dir)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{}: {e}", program.path))?;
    let before = report.results;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line.map_err(|e| e.to_string())?;
            println!("{line}");
            report.read_line(&program.name, &line);
        }
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    // A program that died in the middle told no result: that is a failure, too.
    if report.results == before || (!status.success() && report.failed == 0) {
        report.failed += 1;
        println!("{} ended with {status}", program.name);
    }
    Ok(())
}
