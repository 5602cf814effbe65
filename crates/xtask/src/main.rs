//! What CI runs, as commands that anyone can run: `cargo xtask test` and
//! `cargo xtask test-long`, which ends with `cargo xtask fuzz`.

mod circles;
mod deny;
mod figures;
mod fuzz;
mod layers;
mod long;
mod map;
mod modules;
mod notices;
mod programs;
mod report;
mod workspace;

use std::process::{Command, ExitCode};

use report::Report;

/// The features of tests that need unpacked kernels.
const FAST: &str = "kconfig/differential,shrink/kernel-trees";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let done = match task.as_str() {
        "lint" => lint(),
        "layers" => layers::run(&arguments),
        "map" => map::run(&arguments),
        "figures" => figures::run(&arguments),
        "advisories" => deny::advisories(),
        "notices" => notices::run(&arguments),
        "test" => lint().and_then(|()| test(&["--workspace", "--features", FAST])),
        "test-long" => long::run(&arguments),
        "fuzz" => fuzz::run(&arguments),
        _ => Err(
            "usage: cargo xtask lint|layers|map|figures|advisories|notices|test|test-long|fuzz"
                .to_owned(),
        ),
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
    fuzz::check()?;
    layers::run(&[])?;
    map::check()?;
    figures::run(&[])?;
    deny::offline()
}

/// Builds all test programs, runs the fast ones, then those that boot kernels,
/// and tells the ten slowest tests and what each program took. A test that was
/// skipped fails the run.
fn test(selection: &[&str]) -> Result<(), String> {
    let mut report = Report::default();
    for program in programs::build(selection)? {
        program.run(None, &mut report, &mut |_| Ok(()))?;
    }
    report.print();
    report.verdict()
}
