//! `tuxling size` on files as they come: programs, objects, archives, files
//! without symbols or without section headers. The tools that make them are the
//! host's own and the cross compiler's.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const SOURCE: &str = r#"
int big[1000] = { 1 };
int zero[500];
static const char text[] = "a text that is long enough";
int f(int x) { return x + big[x] + zero[x] + text[x]; }
int alias(int) __attribute__((alias("f")));
__asm__(".globl absolute\nabsolute = 0x12345678\n");
int main(int count, char **words) { return f(count); }
"#;

/// Starts what the test needs: it stands outside.
#[allow(clippy::disallowed_methods)]
fn command(program: &str) -> Command {
    Command::new(program)
}

#[track_caller]
fn run(folder: &Path, line: &str) {
    let mut words = line.split(' ');
    let program = words.next().expect("a program");
    let status = command(program).args(words).current_dir(folder).status();
    assert!(status.expect("starts").success(), "{line}");
}

fn size(folder: &Path, words: &[&str]) -> (bool, String, String) {
    let mut command = command(env!("CARGO_BIN_EXE_tuxling"));
    let output = command.arg("size").args(words).current_dir(folder).output();
    let output = output.expect("starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The answer of a file whose figures must add up and whose table must come to
/// 100.0 %.
#[track_caller]
fn told(folder: &Path, file: &str) -> Value {
    let (good, json, error) = size(folder, &[file, "--json", "--leaves", "--depth", "3"]);
    assert!(good, "{error}");
    let told: Value = serde_json::from_str(&json).expect("JSON");
    let list = |key: &str| told[key].as_array().expect("a list").clone();
    let sum = |of: &[Value], key: &str| {
        of.iter()
            .map(|one| one[key].as_u64().expect("whole"))
            .sum::<u64>()
    };
    let leaves = list("leaves");
    assert_eq!(
        sum(&leaves, "size"),
        told["sections_bytes"].as_u64().expect("whole"),
        "{file}"
    );
    assert_eq!(
        sum(&leaves, "ram"),
        told["ram_bytes"].as_u64().expect("whole"),
        "{file}"
    );
    let (_, table, _) = size(folder, &[file, "--limit", "3"]);
    let percents: Vec<f64> = table
        .lines()
        .skip(1)
        .map(|line| {
            let (before, _) = line.split_once('%').expect("a percentage");
            before
                .split_whitespace()
                .next_back()
                .expect("a word")
                .parse()
                .expect("a number")
        })
        .collect();
    assert!((percents[0] - 100.0).abs() < 1e-9, "{table}");
    assert!(
        (percents[1..].iter().sum::<f64>() - 100.0).abs() < 1e-6,
        "{table}"
    );
    assert!(percents.iter().all(|percent| *percent >= 0.0), "{table}");
    told
}

/// The sizes of a symbol's leaves.
fn symbol(told: &Value, name: &str) -> Vec<u64> {
    let leaves = told["leaves"].as_array().expect("a list").iter();
    leaves
        .filter(|leaf| leaf["name"] == name)
        .map(|leaf| leaf["size"].as_u64().expect("whole"))
        .collect()
}

#[test]
fn files_as_they_come_have_figures_that_add_up_along_the_axis_that_tells_most() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("a.c"), SOURCE).expect("writes");
    run(folder, "cc -O1 -c a.c -o a.o");
    run(folder, "cc a.o -o program");
    run(folder, "strip program -o stripped");
    run(folder, "ar rc full.a a.o");
    run(folder, "ar rcT thin.a a.o");
    run(folder, "gzip -k program");
    let mut bare = std::fs::read(folder.join("stripped")).expect("readable");
    bare[0x28..0x30].fill(0); // e_shoff
    bare[0x3c..0x40].fill(0); // e_shnum, e_shstrndx
    std::fs::write(folder.join("bare"), bare).expect("writes");
    for (file, axis) in [
        ("a.o", "symbol"),
        ("program", "symbol"),
        ("program.gz", "symbol"),
        ("stripped", "section"),
        ("bare", "section"),
        ("full.a", "object"),
        ("thin.a", "object"),
    ] {
        let told = told(folder, file);
        assert_eq!(told["axis"], axis, "{file}");
        if axis == "symbol" {
            assert_eq!(symbol(&told, "big"), [4000], "{file}");
            assert_eq!(symbol(&told, "zero"), [2000], "{file}");
            assert_eq!(symbol(&told, "absolute"), [0; 0], "{file}");
            // One of two names for the same bytes has them.
            let both = [symbol(&told, "f"), symbol(&told, "alias")].concat();
            assert_eq!(both.len(), 1, "{file}");
        }
    }
    std::fs::remove_file(folder.join("a.o")).expect("was there");
    let (good, _, error) = size(folder, &["thin.a"]);
    assert!(!good);
    let first = "error: thin.a can't be divided: its member a.o can't be read: No such file";
    assert!(error.starts_with(first), "{error}");
}

#[test]
fn a_function_in_thumb_state_begins_where_its_bytes_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("a.c"), SOURCE).expect("writes");
    run(
        folder,
        "arm-linux-gnueabi-gcc -mthumb -march=armv7-a -mfloat-abi=soft -O1 -c a.c -o a.o",
    );
    let told = told(folder, "a.o");
    let leaves = told["leaves"].as_array().expect("a list").iter();
    let odd = leaves.filter(|leaf| leaf["section"] == ".text" && leaf["name"] == "(unknown)");
    assert_eq!(odd.count(), 0, "{told:#}");
}

#[test]
fn a_file_of_another_kind_is_told_to_be_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("junk"), b"\0\x01\x02").expect("writes");
    let (good, _, error) = size(folder, &["junk"]);
    assert!(!good);
    assert_eq!(
        error.trim(),
        "error: junk is neither an ELF file, an archive nor a kernel image"
    );
}
