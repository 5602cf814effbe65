//! Symbols of two files compared, by this crate and by the kernel's
//! scripts/bloat-o-meter, in one run: `cargo bench -p vmlinux`. The files are
//! generated: 60,000 functions each, a third of them of another size.
// The tool that is compared with is a program.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use vmlinux::bloat;

const SYMBOLS: usize = 60_000;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (old, new) = (dir.path().join("old.o"), dir.path().join("new.o"));
    assemble(&old, 0);
    assemble(&new, 1);
    let trees = std::env::var("KCONFIG_TEST_TREES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/kernel-trees").to_owned()
    });
    let script = format!("{trees}/linux-6.12/scripts/bloat-o-meter");
    let theirs = |_| {
        let output = Command::new("python3")
            .arg(&script)
            .args([&old, &new])
            .output();
        String::from_utf8(output.expect("runs").stdout).expect("text")
    };
    let ours = |_| {
        let (old, new) = (
            fs::read(&old).expect("reads"),
            fs::read(&new).expect("reads"),
        );
        let sizes = |file| bloat::sizes_in(file).expect("ELF");
        bloat::compare(&sizes(&old), &sizes(&new)).to_string()
    };
    assert_eq!(ours(0), theirs(0), "the same text");
    let (their_cpu, their_best) = timed(5, theirs);
    let (our_cpu, our_best) = timed(100, ours);
    println!(
        "{SYMBOLS} symbols: bloat-o-meter {:.0} ms of the processor, ours {:.1} ms: {:.1} times faster",
        their_cpu * 1e3,
        our_cpu * 1e3,
        their_cpu / our_cpu
    );
    println!(
        "by the clock, the best runs: {:.0} ms, {:.1} ms: {:.1} times faster",
        their_best * 1e3,
        our_best * 1e3,
        their_best / our_best
    );
}

/// Seconds of the processor that one of `count` runs takes, processes that it
/// starts included, and seconds by the clock that the best one took. The former
/// doesn't depend on what else the machine does.
fn timed(count: usize, work: impl Fn(usize) -> String) -> (f64, f64) {
    let (before, mut best) = (ticks(), f64::MAX);
    for run in 0..count {
        let started = Instant::now();
        std::hint::black_box(work(run));
        best = best.min(started.elapsed().as_secs_f64());
    }
    ((ticks() - before) / TICKS / count as f64, best)
}

/// What /proc counts a second in (`USER_HZ`): 100 on every Linux.
const TICKS: f64 = 100.0;

/// The time that this process and the children it waited for have used: utime,
/// stime, cutime, cstime of proc(5).
fn ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let (_, behind) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields = behind.split_whitespace().skip(11).take(4);
    fields.map(|f| f.parse::<f64>().expect("a number")).sum()
}

fn assemble(path: &Path, version: usize) {
    let mut text = String::from(".text\n");
    for i in 0..SYMBOLS {
        let bytes = 16 + i % 40 + if i % 3 == 0 { version * (i % 7) } else { 0 };
        let _ = writeln!(
            text,
            ".type function_number_{i},@function\nfunction_number_{i}: .skip {bytes}\n.size function_number_{i}, {bytes}"
        );
    }
    let source = path.with_extension("s");
    fs::write(&source, text).expect("writes");
    let status = Command::new("as").arg("-o").arg(path).arg(&source).status();
    assert!(status.expect("as runs").success());
}
