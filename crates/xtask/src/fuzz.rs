//! `cargo xtask fuzz`: every fuzz target for some minutes, on stable Rust.
//!
//! The targets are libFuzzer's (the crate libfuzzer-sys brings its C++ part),
//! and can be run by cargo-fuzz as well. Here they are built by plain cargo with
//! the flags that make LLVM count which edges ran; these are no unstable ones.
//! What stable Rust can't do is the address sanitizer: `cargo +nightly fuzz run`
//! does, but this repository has no unsafe code for it to look at.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::command;

/// Crates of fuzz targets, each a workspace of its own, and their targets.
const TARGETS: &[(&str, &[&str])] = &[
    ("crates/cm/fuzz", &["unpack"]),
    ("crates/kconfig/fuzz", &["tree", "configuration"]),
    ("crates/initramfs/fuzz", &["cpio_read"]),
    ("crates/startup/fuzz", &["init_file", "inittab"]),
    ("crates/vmlinux/fuzz", &["elf", "link_map", "lzma_cost"]),
];

/// How long each target runs where nothing else is said.
pub(crate) const MINUTES: u64 = 10;

/// What cargo-fuzz gives to rustc (`-s none`): coverage by edges, comparisons
/// for the fuzzer to learn from, and the checks of a debug build.
const RUSTFLAGS: &str = "--cfg fuzzing \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";

/// What one input may take: more is a failure, as a panic is.
const LIMITS: &[&str] = &["-timeout=30", "-rss_limit_mb=1024", "-max_len=4096"];

/// Reads `[--minutes N] [TARGET…]` and runs the targets that are named, or all.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let usage = || "usage: cargo xtask fuzz [--minutes N] [TARGET…]".to_owned();
    let mut minutes = MINUTES;
    let mut named = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--minutes" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                minutes = number.filter(|&number| number > 0).ok_or_else(usage)?;
            }
            name if TARGETS.iter().any(|(_, all)| all.contains(&name)) => named.push(name),
            _ => return Err(usage()),
        }
    }
    all(minutes, &named)
}

/// Compiles the targets as plain programs, without the flags that fuzzing needs:
/// a target that a change of the library broke is then seen at once.
pub(crate) fn check() -> Result<(), String> {
    for (folder, _) in TARGETS {
        let manifest = format!("{folder}/Cargo.toml");
        crate::cargo(&[
            "check",
            "--quiet",
            "--manifest-path",
            &manifest,
            "--target-dir",
            "target/fuzz-check",
        ])?;
    }
    Ok(())
}

/// The names of all targets.
pub(crate) fn targets() -> impl Iterator<Item = &'static str> {
    TARGETS
        .iter()
        .flat_map(|(_, targets)| targets.iter().copied())
}

/// Runs targets for this long each; all when none is named.
pub(crate) fn all(minutes: u64, named: &[&str]) -> Result<(), String> {
    let host = host()?;
    let mut failed = Vec::new();
    for (folder, targets) in TARGETS {
        let wanted = targets
            .iter()
            .filter(|target| named.is_empty() || named.contains(target));
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() {
            continue;
        }
        build(folder, &host)?;
        for target in wanted {
            if let Err(why) = one(folder, target, &host, minutes) {
                println!("{why}");
                failed.push(*target);
            }
        }
    }
    match &failed[..] {
        [] => Ok(()),
        failed => Err(format!("fuzzing found a failure in {}", failed.join(", "))),
    }
}

/// The flags must not reach build scripts; cargo keeps them apart only where a
/// target is named.
fn host() -> Result<String, String> {
    let told = command("rustc")
        .arg("-vV")
        .output()
        .map_err(|e| format!("rustc: {e}"))?;
    let told = String::from_utf8_lossy(&told.stdout);
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc -vV tells no host".to_owned())
}

/// Where everything of fuzzing is kept.
fn home() -> PathBuf {
    PathBuf::from("target/fuzz")
}

fn build(folder: &str, host: &str) -> Result<(), String> {
    let manifest = format!("{folder}/Cargo.toml");
    eprintln!("== cargo build --manifest-path {manifest}");
    let status = command(env!("CARGO"))
        .args(["build", "--quiet", "--release"])
        .args(["--manifest-path", &manifest, "--target", host])
        .arg("--target-dir")
        .arg(home())
        .env("RUSTFLAGS", RUSTFLAGS)
        .status()
        .map_err(|e| e.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the fuzz targets of {folder} don't compile"))
    }
}

/// Runs one target. What it finds out is kept (`corpus`), so that the next run
/// goes on from there; the seeds are only read.
fn one(folder: &str, target: &str, host: &str, minutes: u64) -> Result<(), String> {
    let corpus = home().join("corpus").join(target);
    let artifacts = home().join("artifacts");
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let program = home().join(host).join("release").join(target);
    let log = home().join(format!("{target}.log"));
    let output = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let mut fuzzer = command(&program.to_string_lossy());
    fuzzer
        .args(LIMITS)
        .arg(format!("-max_total_time={}", minutes * 60))
        .arg(format!(
            "-artifact_prefix={}/{target}-",
            artifacts.display()
        ))
        .arg("-print_final_stats=1")
        .arg(&corpus);
    let seeds = Path::new(folder).join("seeds");
    let dictionary = seeds.join(format!("{target}.dict"));
    if dictionary.exists() {
        fuzzer.arg(format!("-dict={}", dictionary.display()));
    }
    if seeds.join(target).exists() {
        fuzzer.arg(seeds.join(target));
    }
    println!("\n== fuzz {target}: {minutes} min");
    let started = Instant::now();
    let status = fuzzer
        .stderr(output)
        .status()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    let told = fs::read(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let told = String::from_utf8_lossy(&told);
    for line in told.lines().filter(|line| is_summary(line)) {
        println!("{line}");
    }
    if status.success() && started.elapsed().as_secs() >= minutes * 60 {
        return Ok(());
    }
    let last: Vec<_> = told.lines().rev().take(40).collect();
    let last: Vec<_> = last.into_iter().rev().collect();
    Err(format!(
        "{}\n{target} ended with {status}; the input is in {}, the whole log is {}",
        last.join("\n"),
        artifacts.display(),
        log.display()
    ))
}

fn is_summary(line: &str) -> bool {
    line.starts_with("Done ") || line.starts_with("stat::")
}
