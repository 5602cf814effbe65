//! What this machine lacks is told in one message, with the mend.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::fixture::{
    Recipe, Run, cache, cache_with, command, folder, half_written, lock, pc_net, run, tuxling,
};

/// A folder with links to all programs of this machine but some.
fn programs_without(folder: &Path, missing: &[&str]) -> PathBuf {
    let own = folder.join("programs");
    fs::create_dir(&own).expect("a folder");
    let path = std::env::var_os("PATH").expect("PATH is set");
    for entry in std::env::split_paths(&path)
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let left_out = missing.iter().any(|m| *m == name.to_string_lossy());
        // The first of a name counts, as in PATH.
        if !left_out && !own.join(&name).exists() {
            let _ = symlink(entry.path(), own.join(&name));
        }
    }
    own
}

#[track_caller]
fn one_error(run: &Run) {
    let errors = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{}", run.stderr);
    assert!(!run.stderr.contains("panicked at"), "{}", run.stderr);
}

#[test]
fn a_machine_without_qemu_is_told_the_package() {
    pc_net();
    let dir = folder();
    lock(dir.path(), "pc-net");
    let programs = programs_without(dir.path(), &["qemu-system-i386"]);
    let mut check = tuxling();
    check.current_dir(dir.path()).env("PATH", programs);
    let run = run(check.args(["check", "pc-net"])).ends_with(7).says(&[
        "qemu-system-i386 is not installed",
        "help: apt-get install qemu-system-x86",
    ]);
    one_error(&run);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
}

#[test]
fn a_machine_without_a_compiler_or_make_is_told_the_package() {
    for (program, package) in [("gcc", "gcc"), ("make", "make")] {
        let dir = folder();
        lock(dir.path(), "pc-net");
        let own = cache_with(dir.path(), &["archives", "sources"]);
        let programs = programs_without(dir.path(), &[program]);
        let mut build = tuxling();
        build
            .current_dir(dir.path())
            .env("PATH", programs)
            .env("TUXLING_CACHE", own);
        let run = run(build.args(["build", "pc-net"])).ends_with(7).says(&[
            &format!("{program} is not installed"),
            &format!("help: apt-get install {package}"),
        ]);
        one_error(&run);
    }
}

/// Runs a shell's text where `$1` is a file system of 1 MiB: in a user and
/// mount namespace, which needs no root.
fn on_a_small_disk(disk: &Path, script: &str, cache: &Path) -> Run {
    fs::create_dir_all(disk).expect("a folder");
    lock(disk.parent().expect("not the root"), "pc-net");
    let script = format!("mount -t tmpfs -o size=1m none \"$1\" || exit 99\n{script}");
    let mut small = command("unshare");
    small
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ])
        .arg(disk)
        .arg(env!("CARGO_BIN_EXE_tuxling"))
        .current_dir(disk.parent().expect("not the root"))
        .env("TUXLING_CACHE", cache);
    run(&mut small)
}

#[test]
fn a_full_disk_under_the_outputs_leaves_no_half_written_file() {
    pc_net();
    let dir = folder();
    let script = "\"$2\" build pc-net -O \"$1\"; code=$?; find \"$1\" -type f; exit $code";
    let run = on_a_small_disk(&dir.path().join("disk"), script, &cache())
        .ends_with(7)
        .says(&["No space left on device", "help: free some disk space"]);
    one_error(&run);
    for file in run.stdout.lines() {
        let name = Path::new(file)
            .file_name()
            .expect("a name")
            .to_string_lossy();
        assert!(
            !name.starts_with(".tuxling-") && name != "record.json",
            "{file}"
        );
    }
}

#[test]
fn a_full_disk_under_the_cache_leaves_no_half_written_file() {
    pc_net();
    let dir = folder();
    let disk = dir.path().join("disk");
    let shared = cache();
    let shared = shared.display();
    let script = format!(
        "for topic in archives sources; do ln -s \"{shared}/$topic\" \"$1\"; done\n\
         \"$2\" build pc-net -O \"$1/../out\"; code=$?; find \"$1\" -name '.tuxling-*'; exit $code"
    );
    let run = on_a_small_disk(&disk, &script, &disk)
        .ends_with(7)
        .says(&["pace left on", "help: free some disk space"]);
    one_error(&run);
    assert_eq!(run.stdout, "");
    assert!(!dir.path().join("out/kernel").exists());
}

#[test]
fn a_recipe_that_cannot_be_read_is_told_in_one_message() {
    let dir = folder();
    fs::create_dir(dir.path().join("folder.toml")).expect("a folder");
    fs::write(dir.path().join("bytes.toml"), b"name = \"\xff\xfe\"\n").expect("writable");
    let cases = [
        ("folder.toml", "it is not a file"),
        ("bytes.toml", "line 1 has the byte 0xFF, which is not UTF-8"),
        ("missing.toml", "No such file or directory"),
    ];
    for (name, reason) in cases {
        let mut build = tuxling();
        build.current_dir(dir.path()).args(["build", name]);
        let run = run(&mut build).ends_with(1).says(&[name, reason]);
        one_error(&run);
        assert!(run.stdout.is_empty());
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 2);
}

#[test]
fn a_failure_is_told_as_json_where_json_was_asked_for() {
    let dir = folder();
    let recipe = Recipe::pc_net("wrong")
        .with("nonsense = 1")
        .write(dir.path());
    let mut build = tuxling();
    let told = run(build.arg("build").arg(&recipe).arg("--json"))
        .ends_with(1)
        .json();
    assert_eq!(told["schema"], "tuxling.error/1");
    assert_eq!(told["exit_code"], 1);
    assert_eq!(half_written(dir.path()), Vec::<PathBuf>::new());
}
