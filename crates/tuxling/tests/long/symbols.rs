//! The same figures as `size -A` and as the kernel's `scripts/bloat-o-meter`,
//! line by line, on real kernels: i386 and ARM, with and without a section for
//! each function; and on a program of this machine. Small programs of all these
//! kinds are compared in the tests of the `vmlinux` crate.

use std::fs;
use std::path::{Path, PathBuf};

use vmlinux::{Elf, bloat};

use crate::fixture::{Recipe, command, folder, linux, run, tuxling};

/// A section for each function and each variable: the flags of `tuxling prune`.
const SECTIONED: &str = "[kernel]\ncflags = [\"-ffunction-sections\", \"-fdata-sections\"]\n";

fn told_by(program: &str, args: &[&str]) -> String {
    let run = run(command(program).args(args).env("LC_ALL", "C"));
    run.ends_with(0).stdout
}

fn elf(path: &Path) -> Elf {
    Elf::parse(&fs::read(path).expect("readable")).expect("an ELF file")
}

fn same_as_size(path: &Path, prefix: &str) {
    let file = path.to_str().expect("a path");
    let told = told_by(&format!("{prefix}size"), &["-A", "-d", file]);
    let words =
        |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    let theirs: Vec<_> = told
        .lines()
        .skip(2)
        .map(words)
        .filter(|w| !w.is_empty())
        .collect();
    let elf = elf(path);
    let mut ours: Vec<Vec<String>> = elf
        .listed()
        .map(|s| vec![s.name.clone(), s.bytes.to_string(), s.address.to_string()])
        .collect();
    let total: u64 = elf.listed().map(|s| s.bytes).sum();
    ours.push(vec!["Total".to_owned(), total.to_string()]);
    assert_eq!(ours, theirs, "{file}");
}

fn same_as_bloat_o_meter(old: &Path, new: &Path, prefix: &str) {
    let script = linux().join("scripts/bloat-o-meter");
    let paths = [&script, old, new].map(|path| path.to_str().expect("a path"));
    let theirs = told_by("python3", &[paths[0], "-p", prefix, paths[1], paths[2]]);
    let ours = bloat::compare(&bloat::sizes(&elf(old)), &bloat::sizes(&elf(new))).to_string();
    let lines = ours.lines().count();
    println!("{} {}: {lines} lines", paths[1], paths[2]);
    // Thousands of lines: the first that differs is what helps.
    let differs = ours.lines().zip(theirs.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None, "{} {}", paths[1], paths[2]);
    assert_eq!(lines, theirs.lines().count());
}

/// The kernel of a built-in recipe with these changes.
fn kernel(dir: &Path, of: &str, name: &str, over: &str) -> PathBuf {
    let recipe = Recipe::built_in(of, name).with(over).write(dir);
    let mut build = tuxling();
    run(build.current_dir(dir).arg("build").arg(&recipe)).ends_with(0);
    dir.join(format!("build/{name}/vmlinux"))
}

fn same_on_kernels(of: &str, prefix: &str) {
    let dir = folder();
    let whole = kernel(dir.path(), of, "whole", "");
    let sectioned = kernel(dir.path(), of, "sectioned", SECTIONED);
    for path in [&whole, &sectioned] {
        same_as_size(path, prefix);
    }
    same_as_bloat_o_meter(&whole, &sectioned, prefix);
    same_as_bloat_o_meter(&sectioned, &whole, prefix);
}

#[test]
fn kernels_of_i386_are_counted_as_size_and_bloat_o_meter_count_them() {
    same_on_kernels("pc-net", "");
}

#[test]
fn kernels_of_arm_are_counted_as_size_and_bloat_o_meter_count_them() {
    same_on_kernels("versatilepb", "arm-linux-gnueabi-");
}
