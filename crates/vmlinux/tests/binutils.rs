//! The same figures as `size -A` and as the kernel's `scripts/bloat-o-meter`,
//! line by line, on files that the compilers here link: for i386, ARM and the
//! host, with and without `-ffunction-sections`.
// Other people's tools are what these tests compare with.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vmlinux::{Elf, bloat};

/// Two versions of one program, with all kinds of symbols: static copies,
/// weak ones, read-only data, bss, names that compilers number.
const OLD: &str = r#"
static int counter; int shared[4] = {1, 2}; const char text[] = "old";
__attribute__((weak)) int maybe(int a) { return a * 3; }
__attribute__((weak)) int weak_data = 7;
static __attribute__((noinline)) int once(int a) { static int calls; return a + ++calls; }
int gone(int a) { return a ^ 5; }
int work(int a) { for (int i = 0; i < a; i++) counter += once(i) + shared[i & 3]; return counter + maybe(a); }
int main(int argc, char **argv) { return work(argc) + gone(argc) + text[0] + weak_data; }
"#;

const NEW: &str = r#"
static int counter; int shared[8] = {1, 2}; const char text[] = "newer";
__attribute__((weak)) int maybe(int a) { return a * 3; }
__attribute__((weak)) int weak_data = 7;
static __attribute__((noinline)) int once(int a) { static int calls; static int more; return a + ++calls - more--; }
int fresh(int a, int b) { return a * b + a / (b | 1); }
int work(int a) { counter += a; return counter + maybe(a); }
int main(int argc, char **argv) { return work(argc) + once(argc) + fresh(argc, 3) + text[0] + weak_data; }
"#;

struct Target {
    cc: &'static str,
    flags: &'static [&'static str],
    prefix: &'static str,
}

const TARGETS: [Target; 3] = [
    Target {
        cc: "gcc",
        flags: &["-O1"],
        prefix: "",
    },
    Target {
        cc: "gcc",
        flags: &[
            "-O1",
            "-m32",
            "-march=i686",
            "-ffreestanding",
            "-nostdlib",
            "-static",
            "-fno-pic",
            "-no-pie",
            "-Wl,-e,main",
        ],
        prefix: "",
    },
    Target {
        cc: "arm-linux-gnueabi-gcc",
        flags: &[
            "-O1",
            "-ffreestanding",
            "-nostdlib",
            "-static",
            "-Wl,-e,main",
            "-Wl,--unresolved-symbols=ignore-all",
        ],
        prefix: "arm-linux-gnueabi-",
    },
];

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|e| panic!("can't start {program}: {e}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn compile(dir: &Path, target: &Target, name: &str, text: &str, sections: bool) -> PathBuf {
    let source = dir.join(format!("{name}.c"));
    let out = dir.join(name);
    fs::write(&source, text).expect("writes");
    let (source, path) = (
        source.to_str().expect("a path"),
        out.to_str().expect("a path"),
    );
    let mut args = vec![source, "-o", path];
    args.extend(target.flags);
    if sections {
        args.extend([
            "-ffunction-sections",
            "-fdata-sections",
            "-Wl,--gc-sections",
        ]);
    }
    run(target.cc, &args);
    out
}

fn elf(path: &Path) -> Elf {
    Elf::parse(&fs::read(path).expect("reads")).expect("an ELF file")
}

fn same_as_size(path: &Path, prefix: &str) {
    let told = run(
        &format!("{prefix}size"),
        &["-A", "-d", path.to_str().expect("a path")],
    );
    let theirs: Vec<Vec<&str>> = told
        .lines()
        .skip(2)
        .map(|l| l.split_whitespace().collect())
        .filter(|words: &Vec<&str>| !words.is_empty())
        .collect();
    let elf = elf(path);
    let mut ours: Vec<Vec<String>> = elf
        .listed()
        .map(|s| vec![s.name.clone(), s.bytes.to_string(), s.address.to_string()])
        .collect();
    let total: u64 = elf.listed().map(|s| s.bytes).sum();
    ours.push(vec!["Total".to_owned(), total.to_string()]);
    assert_eq!(ours, theirs, "{}", path.display());
}

fn bloat_o_meter() -> String {
    let trees = std::env::var("KCONFIG_TEST_TREES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/kernel-trees").to_owned()
    });
    format!("{trees}/linux-6.12/scripts/bloat-o-meter")
}

fn same_as_bloat_o_meter(old: &Path, new: &Path, prefix: &str) {
    let (a, b) = (old.to_str().expect("a path"), new.to_str().expect("a path"));
    let theirs = run("python3", &[&bloat_o_meter(), "-p", prefix, a, b]);
    let bloat = bloat::compare(&bloat::sizes(&elf(old)), &bloat::sizes(&elf(new)));
    assert_eq!(bloat.to_string(), theirs, "{a} {b}");
}

#[test]
fn sections_and_symbols_are_those_of_size_and_bloat_o_meter() {
    for target in &TARGETS {
        for sections in [false, true] {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let old = compile(dir.path(), target, "old", OLD, sections);
            let new = compile(dir.path(), target, "new", NEW, sections);
            same_as_size(&old, target.prefix);
            same_as_size(&new, target.prefix);
            same_as_bloat_o_meter(&old, &new, target.prefix);
            same_as_bloat_o_meter(&new, &old, target.prefix);
        }
    }
}
