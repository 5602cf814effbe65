//! Nothing outlives tuxling, however it ends, and the next call goes on.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use crate::fixture::{
    Recipe, Started, cache_with, check, folder, half_written, lock, outputs, pc_net,
    processes_with, run, tuxling, until, until_gone,
};

/// Starts a boot that takes minutes, and waits until the guest prints.
fn long_boot(dir: &Path) -> (Started, String) {
    pc_net();
    let recipe = Recipe::pc_net("long-boot")
        .without("check")
        .with("[[check]]\nname = \"long\"\nrun = \"sleep 90\"\ntimeout = \"100s\"\n")
        .write(dir);
    let mark = format!("guest=of-{}", dir.file_name().expect("a name").display());
    let mut command = check(&recipe);
    command.args(["--qemu-arg=-name", &format!("--qemu-arg={mark}")]);
    let started = Started::new(&mut command);
    let console = outputs(&recipe).join("boot/console.log");
    until("the guest's first words", || {
        fs::metadata(&console).ok().filter(|meta| meta.len() > 0)
    });
    // tuxling, the supervisor, QEMU.
    let lines = processes_with(&mark);
    let qemu = |line: &&String| line.starts_with('/') && line.contains("/qemu-system-i386 -node");
    assert_eq!(lines.iter().filter(qemu).count(), 2, "{lines:?}");
    (started, mark)
}

#[test]
fn tuxling_killed_in_mid_boot_leaves_no_qemu() {
    let dir = folder();
    let (started, mark) = long_boot(dir.path());
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    until_gone(&mark);
}

#[test]
fn an_interrupt_in_mid_boot_ends_qemu_with_exit_code_130() {
    let dir = folder();
    let (started, mark) = long_boot(dir.path());
    started.signal(Signal::INT);
    started.end().ends_with(130).says(&["interrupted"]);
    assert_eq!(processes_with(&mark), Vec::<String>::new());
    assert_eq!(half_written(dir.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_build_goes_on_after_a_kill_and_gives_the_same_bytes_as_elsewhere() {
    let checked = pc_net();
    let dir = folder();
    let own = cache_with(dir.path(), &["archives", "sources", "kernels", "configs"]);
    lock(dir.path(), "pc-net");
    let build = || {
        let mut build = tuxling();
        build.current_dir(dir.path()).env("TUXLING_CACHE", &own);
        build.args(["build", "pc-net", "--json"]);
        build
    };
    let started = Started::new(&mut build());
    // The compiler's own process, which make has started.
    let here = own.display().to_string();
    until("a compiler in mid-build", || {
        let lines = processes_with(&here);
        lines.iter().any(|l| l.contains("cc1")).then_some(())
    });
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    until_gone(&here);

    let record = run(&mut build()).ends_with(0).json();
    let cached = |name: &str| {
        let phases = record["phases"].as_array().expect("phases");
        let phase = phases.iter().find(|phase| phase["name"] == name);
        phase.expect("the phase was done")["cached"].clone()
    };
    assert_eq!(cached("BusyBox"), false);
    assert_eq!(cached("ramdisk"), false);
    let there = fs::read(checked.outputs().join("ramdisk")).expect("a ramdisk");
    let here = fs::read(dir.path().join("build/pc-net/ramdisk")).expect("a ramdisk");
    assert!(there == here, "two builds in two folders differ");
}

#[test]
fn a_daemon_ends_with_the_lifeline_of_its_supervisor() {
    let mark = format!("1{:09}", std::process::id());
    let script = format!("setsid sleep {mark}.5 & exec sleep {mark}.25");
    let mut supervise = tuxling();
    supervise
        .args(["__supervise", "/dev/null", "/bin/sh", "-c", &script])
        .stdin(Stdio::piped());
    let mut started = Started::new(&mut supervise);
    until("both sleepers", || {
        let lines = processes_with(&mark);
        let sleepers = lines.iter().filter(|line| line.starts_with("sleep "));
        (sleepers.count() == 2).then_some(())
    });
    drop(started.0.stdin.take());
    started.end().ends_with(137);
    assert_eq!(processes_with(&mark), Vec::<String>::new());
}

#[test]
fn a_daemon_ends_with_the_command_that_started_it() {
    let mark = format!("2{:09}", std::process::id());
    let script = format!("setsid sleep {mark} </dev/null >/dev/null 2>&1 & exit 3");
    let mut supervise = tuxling();
    supervise
        .args(["__supervise", "/dev/null", "/bin/sh", "-c", &script])
        .stdin(Stdio::piped());
    Started::new(&mut supervise).end().ends_with(3);
    assert_eq!(processes_with(&mark), Vec::<String>::new());
}
