//! BusyBox's own tests in the guest: what they say in the unpruned system they
//! say in the pruned one.
//!
//! They stand in an archive of their own before the shipped ramdisk, and only
//! the recipe's applets run them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bare_boot;
use crate::fixture::{cache, folder};

/// By the name of a test, what it says.
pub(crate) type Verdicts = BTreeMap<String, String>;

/// All of it takes some minutes where nothing hangs.
const LIMIT: Duration = Duration::from_secs(1800);

/// It races with a kill of its own: on any kernel it says now this, now that.
const RACE: &str = "ash-misc/exitcode_trap2.tests";

/// Applets of pc-net that have tests.
const APPLETS: [&str; 7] = ["cat", "ls", "ps", "free", "sleep", "wget", "mount"];

/// What tests compare files with, and the little that they clean up: the
/// recipe has neither applet.
const CMP: &str = "#!/bin/sh\n[ \"$(cat \"$1\"; echo .)\" = \"$(cat \"$2\"; echo .)\" ]\n";
const RM: &str = "#!/bin/sh\nfor f; do case $f in -*) ;; *) : >\"$f\" ;; esac; done\n";

/// The sources of BusyBox, and the configuration of one that was built.
fn sources() -> PathBuf {
    let sources = fs::read_dir(cache().join("sources")).expect("a folder");
    let mut trees = sources.map(|entry| entry.expect("readable").path());
    let busybox = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("busybox-") && path.is_dir()
    };
    trees.find(busybox).expect("BusyBox's sources")
}

/// The options of the BusyBox with so many bytes.
fn options(bytes: u64) -> String {
    let built = fs::read_dir(cache().join("busybox")).expect("a folder");
    let mut built = built.map(|entry| entry.expect("readable").path());
    let is =
        |path: &PathBuf| fs::metadata(path.join("busybox")).is_ok_and(|file| file.len() == bytes);
    let dir = built.find(is).expect("the recipe's BusyBox");
    let config = fs::read_to_string(dir.join("config")).expect("readable");
    let lines = config
        .lines()
        .filter_map(|line| line.strip_prefix("CONFIG_"));
    let names = lines.filter_map(|line| line.split_once('='));
    names.map(|(name, _)| format!("{name}:")).collect()
}

/// Copies a folder with the modes of its files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("readable").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("a file");
        }
    }
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
    fs::write(path, text).expect("writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
}

/// The tests as an archive.
fn archive(busybox_bytes: u64) -> Vec<u8> {
    let (dir, sources) = (folder(), sources());
    let suite = dir.path().join("suite");
    script(&suite.join("init"), include_str!("busybox_suite.sh"));
    script(&suite.join("bin/cmp"), CMP);
    script(&suite.join("bin/rm"), RM);
    let flags = format!(
        "applets='{}'\nexport OPTIONFLAGS=:{}\n",
        APPLETS.join(" "),
        options(busybox_bytes)
    );
    fs::write(suite.join("flags"), flags).expect("writable");
    for entry in fs::read_dir(sources.join("shell/ash_test")).expect("a folder") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_owned();
        // Those take minutes each by design.
        if path.is_dir() && name != "ash-z_slow" {
            copy(&path, &suite.join("shell/ash_test").join(name));
        }
    }
    fs::remove_file(suite.join("shell/ash_test").join(RACE)).expect("it is there");
    let tests = suite.join("testsuite");
    fs::create_dir_all(&tests).expect("a folder");
    fs::create_dir_all(suite.join("scratch")).expect("a folder");
    let from = sources.join("testsuite");
    for name in ["testing.sh", "ls.mk_uni_tests"] {
        fs::copy(from.join(name), tests.join(name)).expect("a file");
    }
    for applet in APPLETS {
        let file = format!("{applet}.tests");
        let _ = fs::copy(from.join(&file), tests.join(&file));
        let Ok(cases) = fs::read_dir(from.join(applet)) else {
            continue;
        };
        copy(&from.join(applet), &tests.join(applet));
        for case in cases {
            let name = case.expect("readable").file_name();
            fs::create_dir_all(suite.join("scratch").join(name)).expect("a folder");
        }
    }
    bare_boot::archive(dir.path())
}

/// Boots pc-net's ramdisk with this kernel, and gives what the tests say.
pub(crate) fn verdicts(kernel: &Path, ramdisk: &Path, busybox_bytes: u64) -> Verdicts {
    let mut initrd = archive(busybox_bytes);
    initrd.extend(fs::read(ramdisk).expect("readable"));
    let text = bare_boot::boot(kernel, &initrd, "/suite/init", LIMIT);
    assert!(text.contains("verdicts end"), "it ended early:\n{text}");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter_map(|line| line.strip_prefix("verdict "));
    let verdicts = lines.filter_map(|line| line.split_once(' '));
    let verdicts = verdicts.map(|(verdict, name)| (name.to_owned(), verdict.to_owned()));
    verdicts.collect()
}
