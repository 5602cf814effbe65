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

#[test]
fn a_flipped_byte_in_the_cache_is_noticed_and_made_anew() {
    let pc_net = pc_net();
    let dir = folder();
    lock(dir.path(), "pc-net");
    let topics = [
        "archives", "sources", "configs", "headers", "musl", "kernels", "busybox",
    ];
    let own = cache_with(dir.path(), &topics);
    let build = || {
        let mut build = tuxling();
        build.current_dir(dir.path()).env("TUXLING_CACHE", &own);
        run(build.args(["build", "pc-net", "--json"])).ends_with(0)
    };
    let before = build();
    assert!(!before.stderr.contains("is damaged"), "{}", before.stderr);
    let packed = fs::read_dir(own.join("ramdisks"))
        .expect("a ramdisk")
        .flatten();
    let packed = packed.map(|e| e.path()).find(|path| path.is_dir());
    let image = packed.expect("one was packed").join("image");
    let mut bytes = fs::read(&image).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&image, &bytes).expect("writable");
    let after = build().says(&["the ramdisk in the cache is damaged", "it is made anew"]);
    let packed = |run: &Run| run.json()["ids"]["image_id"].clone();
    assert_eq!(packed(&after), packed(&before));
    assert_eq!(packed(&after), pc_net.record["ids"]["image_id"]);
    assert!(!build().stderr.contains("is damaged"));
}

#[test]
fn a_damaged_store_is_named_with_its_mend() {
    let dir = folder();
    let own = dir.path().join("cache");
    fs::create_dir_all(&own).expect("a cache");
    let store = own.join("store.sqlite");
    fs::write(&store, [b'x'; 8192]).expect("writable");
    let mut diff = tuxling();
    diff.current_dir(dir.path()).env("TUXLING_CACHE", &own);
    let run = run(diff.args(["diff", "pc-net", "pc-net"])).ends_with(7);
    let path = store.display().to_string();
    let run = run.says(&[&path, "file is not a database", "mv "]);
    one_error(&run);
}

#[test]
fn all_that_a_machine_lacks_is_told_at_once_before_anything_is_fetched() {
    let dir = folder();
    let programs = programs_without(dir.path(), &["flex", "bison", "qemu-system-i386"]);
    let own = dir.path().join("cache");
    let mut check = tuxling();
    check
        .current_dir(dir.path())
        .env("PATH", programs)
        .env("TUXLING_CACHE", &own);
    let run = run(check.args(["check", "pc-net"])).ends_with(7).says(&[
        "flex, bison and qemu-system-i386 are missing",
        "help: apt-get install bison flex qemu-system-x86",
    ]);
    one_error(&run);
    assert!(!own.join("archives").exists() && !own.join("apt").exists());
}
