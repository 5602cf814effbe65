//! Symbols of two files compared, by this crate and by the kernel's
//! scripts/bloat-o-meter, in one run: `cargo bench -p vmlinux`. The files are
//! generated: 60,000 functions each, a third of them of another size.
// The tool that is compared with is a program.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use vmlinux::{Elf, bloat};

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
    let mut theirs = (Duration::MAX, String::new());
    let mut ours = (Duration::MAX, String::new());
    for _ in 0..5 {
        theirs = theirs.min(timed(|| {
            let output = Command::new("python3")
                .arg(&script)
                .args([&old, &new])
                .output();
            String::from_utf8(output.expect("runs").stdout).expect("text")
        }));
        ours = ours.min(timed(|| {
            let read = |path| Elf::parse(&fs::read(path).expect("reads")).expect("ELF");
            let (old, new) = (read(&old), read(&new));
            bloat::compare(&bloat::sizes(&old), &bloat::sizes(&new)).to_string()
        }));
    }
    assert_eq!(ours.1, theirs.1, "the same text");
    println!(
        "{SYMBOLS} symbols, best of 5: bloat-o-meter {:.1} ms, ours {:.1} ms: {:.1} times faster",
        theirs.0.as_secs_f64() * 1e3,
        ours.0.as_secs_f64() * 1e3,
        theirs.0.as_secs_f64() / ours.0.as_secs_f64()
    );
}

fn timed(work: impl FnOnce() -> String) -> (Duration, String) {
    let started = Instant::now();
    let text = work();
    (started.elapsed(), text)
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
