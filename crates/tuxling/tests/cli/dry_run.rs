//! `--dry-run` as a user calls it: with stubs of all tools in PATH that would
//! leave a mark, on a cold and on a warm cache, in folders that are compared
//! before and after. No kernel is built.

#![allow(clippy::unwrap_used)] // a failed set-up ends the test

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use serde_json::Value;

/// Every command that lists what it would start.
const COMMANDS: &[&[&str]] = &[
    &["build", "pc-net"],
    &["build", "pc-shell"],
    &["boot", "pc-net"],
    &["check", "pc-net", "--adversity"],
    &["ram", "pc-net"],
    &["trace", "pc-net", "--runs", "3"],
    &["prune", "pc-net", "--level", "balanced"],
    &["shrink", "pc-net"],
    &["fetch", "pc-net"],
    &["size", "pc-net"],
    &["why", "pc-net", "tcp_sendmsg"],
    &["report", "pc-net"],
    &["config", "pc-net", "set", "NET=n"],
];

/// What tuxling calls.
const TOOLS: &[&str] = &[
    "apt-cache",
    "apt-get",
    "ccache",
    "gcc",
    "git",
    "ld",
    "make",
    "patch",
    "qemu-system-i386",
];

/// A folder with stubs, a recipe's folder, and a cache that may not be there.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let bench = Bench { dir };
        fs::create_dir(bench.at("bin")).unwrap();
        fs::create_dir(bench.at("work")).unwrap();
        for tool in TOOLS {
            let path = bench.at("bin").join(tool);
            let mark = bench.at("started");
            fs::write(&path, format!("#!/bin/sh\necho $0 >> {}\n", mark.display())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    #[allow(clippy::disallowed_methods)] // the tests stand outside: they start tuxling itself
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuxling"));
        command
            .env("TUXLING_CACHE", self.at("cache"))
            .env("PATH", self.at("bin"))
            .current_dir(self.at("work"))
            .env_remove("CROSS_COMPILE")
            .env_remove("LLVM");
        command.args(words).output().unwrap()
    }

    /// What a dry run prints; it has started and written nothing.
    #[track_caller]
    fn list(&self, words: &[&str]) -> String {
        let before = tree(self.dir.path());
        let output = self.run(&[words, &["--dry-run"]].concat());
        let (out, err) = (&output.stdout, &output.stderr);
        let err = String::from_utf8_lossy(err);
        assert!(output.status.success(), "{words:?}\n{err}");
        assert_eq!(err, "", "{words:?}");
        assert_eq!(tree(self.dir.path()), before, "{words:?}");
        assert!(!self.at("started").exists(), "{words:?}");
        String::from_utf8_lossy(out).into_owned()
    }
}

/// All below a folder: when it was written, and how large it is.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            let inside = fs::read_dir(&path).unwrap();
            open.extend(inside.map(|entry| entry.unwrap().path()));
        }
        all.insert(path, (about.modified().unwrap(), about.len()));
    }
    all
}

/// The commands of a list, without its notes.
fn commands(list: &str) -> Vec<&str> {
    let command = |line: &&str| !line.is_empty() && !line.starts_with('#');
    list.lines().filter(command).collect()
}

#[test]
fn a_dry_run_of_any_command_starts_and_writes_nothing_on_a_cold_cache() {
    let bench = Bench::new();
    for words in COMMANDS {
        let list = bench.list(words);
        assert!(!commands(&list).is_empty(), "{words:?}\n{list}");
    }
    assert!(!bench.at("cache").exists());
}

/// Sources that the lock file names, unpacked; and other tuxlings that hold the
/// cache and the outputs.
#[test]
fn a_dry_run_of_any_command_waits_for_nobody_and_writes_nothing_on_a_warm_cache() {
    let bench = Bench::new();
    let sources = bench.at("cache").join("sources");
    let mut lock = String::new();
    for (name, origin) in [
        ("linux", "debian:linux-source-6.12"),
        ("musl", "debian:musl"),
        ("busybox", "debian:busybox"),
    ] {
        let hash = "ab".repeat(32);
        let entry = format!("origin = \"{origin}\"\nversion = \"6.12.1-1\"\nsha256 = \"{hash}\"\n");
        lock.push_str(&format!("\n[{name}]\n{entry}"));
        let tree = sources.join(format!("{name}-6.12.1-{}", &hash[..12]));
        fs::create_dir_all(tree).unwrap();
    }
    for name in ["pc-net", "pc-shell"] {
        fs::write(bench.at("work").join(format!("{name}.lock")), &lock).unwrap();
    }
    let held = ["cache/in-use.lock", "work/build/pc-net/output.lock"].map(|name| {
        let path = bench.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::create(path).unwrap();
        file.lock().unwrap();
        file
    });
    for words in COMMANDS {
        let list = bench.list(words);
        let linux = sources.join("linux-6.12.1-abababababab");
        assert!(
            list.contains(&linux.display().to_string()),
            "{words:?}\n{list}"
        );
        assert!(!list.contains("apt-get"), "{words:?}\n{list}");
    }
    let newer = bench.list(&["build", "pc-net", "--update"]);
    assert!(newer.contains("apt-get -q update"), "{newer}");
    drop(held);
}

#[test]
fn the_list_of_a_build_has_the_commands_of_all_its_phases_in_their_order() {
    let bench = Bench::new();
    let list = bench.list(&["build", "pc-net", "-j3"]);
    let lines = commands(&list);
    let mut left = lines.iter();
    for part in [
        "gcc --version",
        "ld --version",
        "apt-get -q download 'linux-source-6.12=",
        "apt-get -q source --download-only --tar-only --only-source 'musl=",
        " olddefconfig",
        "/configure' --target=",
        "make -j3",
        "make install",
        " -j3 headers",
        "KBUILD_DEFCONFIG=<",
        " -j3 busybox",
        " bzImage 'LD=<objects>/tuxling-link/tuxling-ld'",
    ] {
        // In their order: each is looked for behind the one before.
        let found = left.any(|line| line.contains(part));
        assert!(found, "no {part} in its place in:\n{}", lines.join("\n"));
    }
}

#[test]
fn what_is_had_once_is_listed_once_and_placeholders_name_one_thing_each() {
    let bench = Bench::new();
    let list = bench.list(&["build", "pc-net"]);
    let updates = |list: &str| list.matches("apt-get -q update").count();
    assert_eq!(updates(&list), 1, "{list}");
    assert!(list.contains("musl is unpacked by tuxling itself to <musl>"));
    assert!(list.contains("'<musl>/configure'"), "{list}");
    assert!(list.contains("'--prefix=<libc>'"), "{list}");
    // Each source is asked for anew.
    let newer = bench.list(&["build", "pc-net", "--update"]);
    assert_eq!(updates(&newer), 3, "{newer}");
}

#[test]
fn boots_are_listed_with_all_that_they_are_given() {
    let bench = Bench::new();
    let all = bench.list(&["check", "pc-net", "--adversity"]);
    let phase = |name: &str| {
        let (_, rest) = all.split_once(&format!("# {name}\n")).expect(name);
        rest.split("\n\n").next().unwrap().to_owned()
    };
    let boot = phase("boot");
    assert!(!boot.contains("-gdb") && !boot.contains("-qmp"), "{boot}");
    let cable = phase("adversity: link");
    assert!(cable.contains("-qmp"), "{cable}");
    let flood = phase("adversity: flood");
    assert!(flood.contains("connect=127.0.0.1:0"), "{flood}");
    // A pruned system is watched for its traps.
    let pruned = bench.list(&["check", "pc-net.tiny"]);
    assert!(pruned.contains("-S -gdb"), "{pruned}");
    let ram = bench.list(&["ram", "pc-net.tiny"]);
    assert!(!ram.contains("-gdb"), "{ram}");
}

#[test]
fn boots_are_listed_where_a_command_boots_and_write_below_the_asked_for_folder() {
    let bench = Bench::new();
    for (command, boots) in [("build", 0), ("boot", 1), ("check", 2), ("ram", 1)] {
        let list = bench.list(&[command, "pc-net", "-O", "elsewhere"]);
        let lines = commands(&list);
        let booted = lines.iter().filter(|l| l.contains("-nodefaults"));
        assert_eq!(booted.count(), boots, "{command}\n{list}");
        let folder = bench.at("work").join("elsewhere");
        assert!(list.contains(&folder.display().to_string()), "{list}");
    }
}

#[test]
fn json_has_the_same_commands_as_the_text() {
    let bench = Bench::new();
    for words in COMMANDS.iter().filter(|words| words[0] != "boot") {
        let text = bench.list(words);
        let json: Value = serde_json::from_str(&bench.list(&[words, &["--json"][..]].concat()))
            .unwrap_or_else(|e| panic!("{words:?}: {e}"));
        assert_eq!(json["schema"], "tuxling.dry_run/1");
        let steps = json["steps"].as_array().unwrap();
        let entries = steps.iter().flat_map(|s| s["entries"].as_array().unwrap());
        let told: Vec<&str> = entries.filter_map(|e| e["command"].as_str()).collect();
        assert_eq!(told, commands(&text), "{words:?}");
    }
}

#[test]
fn a_flag_that_a_command_does_not_take_is_refused_with_the_mend() {
    let bench = Bench::new();
    let output = bench.run(&["size", "pc-net", "--update"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: `tuxling size` takes no --update\n\
         help: fetch first by `tuxling fetch RECIPE --update`: the lock file that it writes is \
         followed\n"
    );
    let output = bench.run(&["doctor", "--dry-run", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["exit_code"], 1);
    assert_eq!(told["error"], "`tuxling doctor` takes no --dry-run");
    assert!(!bench.at("started").exists());
}
