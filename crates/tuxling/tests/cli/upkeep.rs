//! `tuxling doctor`, `tuxling cache` and `tuxling diff --tree` as a user calls
//! them, with a PATH, a cache and trees of the test's own.

#![allow(clippy::unwrap_used)] // a failed set-up ends the test

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use host::Cache;
use serde_json::Value;

#[allow(clippy::disallowed_methods)] // the tests stand outside: they start tuxling itself
fn tuxling(cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuxling"));
    command
        .env("TUXLING_CACHE", cache)
        .current_dir(cache.parent().unwrap());
    command.env_remove("CROSS_COMPILE").env_remove("LLVM");
    command
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{}", text(output)))
}

/// A folder with a cache in it.
fn bench() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    fs::create_dir(&cache).unwrap();
    (dir, cache)
}

/// A folder with links to all programs of `PATH` but these: what a machine
/// without them has.
fn path_without(dir: &Path, lacking: &[&str]) -> PathBuf {
    let farm = dir.join("bin");
    fs::create_dir(&farm).unwrap();
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for program in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = program.file_name();
            if !lacking.iter().any(|lacking| name == *lacking) {
                // The first in PATH wins.
                let _ = symlink(program.path(), farm.join(name));
            }
        }
    }
    farm
}

/// The findings about something.
fn about<'a>(json: &'a Value, what: &str) -> Vec<&'a Value> {
    let all = json["findings"].as_array().unwrap();
    all.iter().filter(|f| f["what"] == what).collect()
}

#[test]
fn a_machine_that_has_all_is_told_so() {
    let (_dir, cache) = bench();
    let output = tuxling(&cache)
        .args(["doctor", "pc-net", "--json"])
        .output()
        .unwrap();
    let json = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(json["lacking"], false);
    for what in [
        "gcc",
        "ld",
        "make",
        "xz",
        "qemu-system-i386",
        "libgcc for i386",
    ] {
        assert_eq!(
            about(&json, what)[0]["level"],
            "fine",
            "{what}\n{}",
            text(&output)
        );
    }
    assert!(
        about(&json, "gcc")[0]["found"]
            .as_str()
            .unwrap()
            .starts_with("gcc")
    );
    assert!(!about(&json, "/dev/kvm").is_empty() && !about(&json, "memory").is_empty());
}

#[test]
fn what_is_lacking_is_named_with_the_command_that_installs_it() {
    let (dir, cache) = bench();
    let farm = path_without(dir.path(), &["flex", "bison", "qemu-system-i386", "ccache"]);
    let doctor = |args: &[&str]| {
        tuxling(&cache)
            .args(args)
            .env("PATH", &farm)
            .output()
            .unwrap()
    };
    let output = doctor(&["doctor", "pc-net", "--json"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    let json = json(&output);
    for what in ["flex", "bison", "qemu-system-i386"] {
        assert_eq!(about(&json, what)[0]["level"], "lacking", "{what}");
    }
    // Slower without it, but nothing that is needed.
    assert_eq!(about(&json, "ccache")[0]["level"], "hint");
    let install = "apt-get install bison ccache flex qemu-system-x86";
    assert_eq!(json["install"], install);
    let shown = doctor(&["doctor"]);
    assert_eq!(shown.status.code(), Some(7));
    assert!(text(&shown).contains("LACKING  flex"), "{}", text(&shown));
    assert!(text(&shown).contains(install));
}

#[test]
fn a_missing_compiler_is_found_and_commands_that_need_it_point_to_the_doctor() {
    let (dir, cache) = bench();
    let lacking = ["gcc", "i686-linux-gnu-gcc", "cc"];
    let farm = path_without(dir.path(), &lacking);
    let run = |args: &[&str]| {
        tuxling(&cache)
            .args(args)
            .env("PATH", &farm)
            .output()
            .unwrap()
    };
    let output = run(&["doctor", "pc-shell", "--json"]);
    assert_eq!(output.status.code(), Some(7));
    let json = json(&output);
    assert_eq!(
        about(&json, "gcc")[0]["level"],
        "lacking",
        "{}",
        text(&output)
    );
    let build = run(&["build", "pc-shell"]);
    assert_eq!(build.status.code(), Some(7), "{}", text(&build));
    assert!(text(&build).contains("`tuxling doctor RECIPE` says all that is missing"));
}

#[test]
fn a_cache_with_a_blank_in_its_path_is_a_clash() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("my cache");
    fs::create_dir(&cache).unwrap();
    let output = tuxling(&cache).args(["doctor", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let json = json(&output);
    let found = about(&json, "the cache folder")[0]["found"]
        .as_str()
        .unwrap();
    assert!(found.contains("has a blank"), "{found}");
}

/// A source tree of a kernel, as far as the doctor looks at it.
fn kernel(dir: &Path, least_gcc: &str) {
    for folder in ["scripts", "init", "include/uapi/linux", "arch/x86"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let script = format!("case $1 in gcc) echo {least_gcc};; *) echo 2.20;; esac\n");
    for (name, text) in [
        ("Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\n"),
        ("Kbuild", ""),
        ("Kconfig", ""),
        ("init/main.c", ""),
        ("include/uapi/linux/pkt_sched.h", "enum { TCA_RED_MAX };\n"),
        ("scripts/min-tool-version.sh", &script),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn clashes_are_told_when_their_cause_is_there() {
    let (dir, cache) = bench();
    let recipe = |applets: &str, least: &str| {
        kernel(&dir.path().join("linux"), least);
        let busybox = dir.path().join("busybox");
        fs::create_dir_all(busybox.join("networking")).unwrap();
        fs::write(busybox.join("networking/tc.c"), "x[TCA_CBQ_MAX];").unwrap();
        let text = format!(
            "board = \"pc\"\n[kernel]\npath = \"linux\"\n[userland]\nbusybox = [{applets}]\n\
             busybox-path = \"busybox\"\n"
        );
        fs::write(dir.path().join("mine.toml"), text).unwrap();
        let output = tuxling(&cache)
            .args(["doctor", "mine.toml", "--json"])
            .output()
            .unwrap();
        (json(&output), output.status.code())
    };
    let (fine, code) = recipe("\"sh\"", "5.1.0");
    assert!(about(&fine, "tc").is_empty());
    assert_eq!(code, Some(0), "{fine}");
    let (clash, code) = recipe("\"sh\", \"tc\"", "99.1.0");
    assert_eq!(code, Some(7));
    assert_eq!(about(&clash, "tc")[0]["level"], "lacking");
    let gcc = about(&clash, "gcc");
    let found = gcc.last().unwrap()["found"].as_str().unwrap();
    assert!(found.ends_with("this kernel needs 99.1.0"), "{found}");
}

/// Puts something into the cache that was last used so many days ago.
fn put(cache: &Path, name: &str, bytes: usize, days: u64) {
    let folder = cache.join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("content");
    fs::write(&file, vec![1; bytes]).unwrap();
    let lock = PathBuf::from(format!("{}.lock", folder.display()));
    fs::write(&lock, "").unwrap();
    let at = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
    let times = fs::FileTimes::new().set_accessed(at).set_modified(at);
    for path in [&file, &lock, &folder] {
        File::open(path).unwrap().set_times(times).unwrap();
    }
}

fn filled() -> (tempfile::TempDir, PathBuf) {
    let (dir, cache) = bench();
    put(&cache, "kernels/old", 1 << 20, 100);
    put(&cache, "kernels/new", 1 << 20, 1);
    put(&cache, "archives/middle", 2 << 20, 20);
    put(&cache, "mine/not-tuxlings", 1 << 20, 500);
    fs::write(cache.join("store.sqlite"), "attempts").unwrap();
    (dir, cache)
}

fn cache_command(cache: &Path, args: &[&str]) -> Value {
    let output = tuxling(cache)
        .arg("cache")
        .args(args)
        .arg("--json")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    json(&output)
}

fn names(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().unwrap();
    entries
        .iter()
        .map(|e| e["name"].as_str().unwrap())
        .collect()
}

#[test]
fn what_is_in_the_cache_is_listed_by_kind() {
    let (_dir, cache) = filled();
    let list = cache_command(&cache, &["list"]);
    assert_eq!(names(&list["entries"]), ["middle", "new", "old"]);
    assert!(list["bytes"].as_u64().unwrap() >= 4 << 20);
    let shown = text(&tuxling(&cache).args(["cache", "list"]).output().unwrap());
    for part in [
        "fetched archives",
        "used 20 days ago",
        "used 100 days ago",
        "together",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn the_longest_unused_is_collected_and_the_store_is_not() {
    let (_dir, cache) = filled();
    let would = cache_command(&cache, &["gc", "--dry-run"]);
    assert_eq!(names(&would["removed"]), ["old"], "30 days by default");
    assert!(cache.join("kernels/old").exists());
    let gone = cache_command(&cache, &["gc", "--older-than", "10d"]);
    assert_eq!(names(&gone["removed"]), ["old", "middle"]);
    assert!(gone["freed_bytes"].as_u64().unwrap() >= 3 << 20);
    let none = cache_command(&cache, &["gc", "--keep-size", "1GiB"]);
    assert!(names(&none["removed"]).is_empty());
    let all = cache_command(&cache, &["gc", "--keep-size", "0B"]);
    assert_eq!(names(&all["removed"]), ["new"]);
    assert_eq!(
        fs::read_to_string(cache.join("store.sqlite")).unwrap(),
        "attempts"
    );
    assert!(cache.join("mine/not-tuxlings/content").exists());
    let mut left: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    left.sort();
    assert_eq!(
        left,
        ["archives", "in-use.lock", "kernels", "mine", "store.sqlite"]
    );
}

#[test]
fn nothing_is_collected_while_another_tuxling_runs() {
    let (_dir, cache) = filled();
    let other = Cache::at(&cache).unwrap();
    let output = tuxling(&cache).args(["cache", "gc"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert!(text(&output).contains("another tuxling uses the cache"));
    assert!(cache.join("kernels/old").exists());
    drop(other);
    cache_command(&cache, &["gc"]);
    assert!(!cache.join("kernels/old").exists());
}

#[test]
fn an_age_that_is_none_is_refused() {
    let (_dir, cache) = filled();
    let output = tuxling(&cache)
        .args(["cache", "gc", "--older-than", "soon"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("write hours, days or weeks"),
        "{}",
        text(&output)
    );
}

#[test]
fn two_trees_are_compared_by_files_and_lines() {
    let (dir, cache) = bench();
    for (tree, text) in [("a", "1\n2\n3\n"), ("b", "1\nII\n3\n4\n")] {
        fs::create_dir_all(dir.path().join(tree).join("net/ipv4")).unwrap();
        fs::write(dir.path().join(tree).join("net/ipv4/route.c"), text).unwrap();
        fs::write(dir.path().join(tree).join(format!("only-{tree}")), "x\n").unwrap();
    }
    let diff = |args: &[&str]| {
        let output = tuxling(&cache)
            .args(["diff", "--tree", "a", "b"])
            .args(args)
            .output();
        output.unwrap()
    };
    let whole = json(&diff(&["--json"]));
    assert_eq!(whole["schema"], "tuxling.diff.tree/1");
    assert_eq!(whole["difference"]["files"].as_array().unwrap().len(), 3);
    let below = json(&diff(&["net/ipv4/", "--json"]));
    let files = below["difference"]["files"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(
        (&files[0]["added"], &files[0]["removed"]),
        (&2.into(), &1.into())
    );
    let shown = text(&diff(&["--markdown"]));
    assert!(
        shown.contains("| `net/ipv4/route.c` | changed | 2 | 1 |"),
        "{shown}"
    );
    let slip = diff(&["net/ipv5"]);
    assert_eq!(slip.status.code(), Some(1), "{}", text(&slip));
    assert!(text(&slip).contains("neither tree has net/ipv5"));
}
