//! Each way in which a boot can fail has its outcome, its reason, and exit
//! code 5.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fixture::{
    LONG, Recipe, Run, Started, check, folder, half_written, outputs, pc_net, processes_with, run,
    until,
};
use crate::gdbstub::{self, Gdb};

/// What every failed boot must show, and its record.
#[track_caller]
fn failed(run: Run, recipe: &Path, outcome: &str) -> Value {
    let run = run.ends_with(5).says(&["booted by: qemu-system-i386 "]);
    let record = run.json();
    assert_eq!(record["outcome"], outcome, "{}", run.stderr);
    let reason = record["reason"].as_str().expect("a reason");
    assert!(run.stderr.contains(reason), "{reason}\n{}", run.stderr);
    let console = fs::read_to_string(outputs(recipe).join("boot/console.log")).unwrap_or_default();
    match console.lines().rfind(|line| !line.trim().is_empty()) {
        Some(last) => assert!(run.stderr.contains(last.trim()), "{last}\n{}", run.stderr),
        None => assert!(run.stderr.contains("the console printed nothing")),
    }
    assert_eq!(crate::fixture::record(&outputs(recipe)), record);
    assert!(half_written(&outputs(recipe)).is_empty());
    assert!(processes_with(&recipe.display().to_string()).is_empty());
    record
}

#[track_caller]
fn reason_has(record: &Value, text: &str) {
    let reason = record["reason"].as_str().expect("a reason");
    assert!(reason.contains(text), "{reason}");
}

const ONE_CHECK: &str = "[[check]]\nname = \"shell\"\nrun = \"true\"\n";

#[test]
fn a_ramdisk_that_the_kernel_finds_no_init_in_is_refused_before_anything_is_built() {
    let dir = folder();
    let recipe = Recipe::pc_net("no-init")
        .without("userland")
        .without("check")
        .with(
            r#"
            [[userland.file]]
            to = "/init"
            symlink = "/nowhere"

            [[check]]
            name = "program"
            run = ["/nowhere"]
            "#,
        )
        .write(dir.path());
    let run = run(&mut check(&recipe)).ends_with(1).says(&[
        "/init is a link to /nowhere, which isn't there",
        "the kernel can start nothing",
    ]);
    assert!(!run.stderr.contains("booted by"), "{}", run.stderr);
    assert!(!outputs(&recipe).join("kernel").exists());
}

#[test]
fn an_init_that_exits_panics() {
    let dir = folder();
    fs::write(dir.path().join("my-init"), "#!/bin/sh\nexit 3\n").expect("writable");
    let recipe = Recipe::pc_net("init-exits")
        .without("check")
        .with("userland.init = { path = \"my-init\" }")
        .with(ONE_CHECK)
        .write(dir.path());
    let record = failed(run(&mut check(&recipe)), &recipe, "panicked");
    reason_has(&record, "Attempted to kill init!");
}

#[test]
fn a_machine_that_never_starts_is_ended_at_its_silence_limit() {
    let dir = folder();
    let recipe = Recipe::pc_net("silent")
        .with("machine.silence = \"3s\"")
        .write(dir.path());
    let run = run(check(&recipe).arg("--qemu-arg=-S"));
    let record = failed(run, &recipe, "boot_hung");
    reason_has(&record, "the machine printed nothing at all");
}

#[test]
fn a_machine_that_takes_too_long_is_ended_at_its_time_limit() {
    let dir = folder();
    let recipe = Recipe::pc_net("too-long")
        .with("machine = { timeout = \"3s\", silence = \"60s\" }")
        .write(dir.path());
    let run = run(check(&recipe).arg("--qemu-arg=-S"));
    let record = failed(run, &recipe, "boot_hung");
    reason_has(&record, "nothing more was done within 3");
}

/// Starts a check and writes over a function's code as soon as the kernel
/// prints.
fn check_with(recipe: &Path, function: &str, code: &[u8]) -> Run {
    pc_net(); // builds the kernel, so that the wait below is for the boot alone
    let socket = tempfile::tempdir().expect("a folder with a short path");
    let socket = socket.path().join("gdb");
    let mut command = check(recipe);
    for argument in gdbstub::qemu_arguments(&socket) {
        command.arg(format!("--qemu-arg={argument}"));
    }
    let started = Started::new(&mut command);
    let console = outputs(recipe).join("boot/console.log");
    until("the kernel's first words", || {
        let text = fs::read_to_string(&console).ok()?;
        text.contains("Linux version").then_some(())
    });
    let map = fs::read_to_string(outputs(recipe).join("System.map")).expect("a map");
    let address = gdbstub::address_of(&map, function).expect("a function of the kernel's");
    let mut gdb = Gdb::connect(&socket, LONG).expect("QEMU listens");
    gdb.write(address, code).expect("writable");
    gdb.detach().expect("the machine goes on");
    started.end()
}

#[test]
fn a_guest_that_hangs_in_mid_boot_is_ended_at_its_limit() {
    let dir = folder();
    let recipe = Recipe::pc_net("hangs")
        .without("check")
        .with("machine.silence = \"10s\"")
        .with(ONE_CHECK)
        .write(dir.path());
    // x86: jmp to itself.
    let run = check_with(&recipe, "schedule", &[0xeb, 0xfe]);
    let record = failed(run, &recipe, "boot_hung");
    reason_has(&record, "nothing more moved within");
}

#[test]
fn an_oops_in_a_kernel_thread_fails_a_boot_whose_checks_pass() {
    let dir = folder();
    let recipe = Recipe::pc_net("oopses")
        .without("check")
        // The card's watchdog starts to run when the card is up: well after
        // the first check.
        .with(
            r##"
            userland.init = { rcS = { text = "#!/bin/sh\nmount -a\nsleep 4\nifconfig eth0 up\n" } }

            [[check]]
            name = "shell"
            run = "cat /proc/version"

            [[check]]
            name = "long"
            run = "sleep 60"
            timeout = "100s"
            "##,
        )
        .write(dir.path());
    // x86: ud2.
    let run = check_with(&recipe, "e1000_watchdog", &[0x0f, 0x0b]);
    let record = failed(run, &recipe, "oopsed");
    reason_has(&record, "invalid opcode");
    assert_eq!(record["checks"][0]["outcome"], "passed");
}

#[test]
fn a_reboot_before_the_checks_are_done_is_an_early_exit() {
    let dir = folder();
    let recipe = Recipe::pc_net("reboots")
        .without("check")
        .with(
            r##"
            userland.init = { rcS = { text = "#!/bin/sh\nmount -a\nsleep 2\nreboot -f\n" } }

            [[check]]
            name = "shell"
            run = "sleep 60"
            timeout = "100s"
            "##,
        )
        .write(dir.path());
    let record = failed(run(&mut check(&recipe)), &recipe, "exited_early");
    reason_has(
        &record,
        "switched off or restarted when 0 of 1 checks were done",
    );
}

#[test]
fn every_way_in_which_a_check_fails_is_told_apart() {
    let dir = folder();
    let recipe = Recipe::pc_net("check-fails")
        .without("check")
        .with(
            r#"
            [[check]]
            name = "dhcp"
            dhcp = true
            timeout = "60s"

            [[check]]
            name = "tampered"
            fetch = { size = "4KiB", command = "wget -q -O {file} {url} && echo tampered 1<>{file}" }
            timeout = "30s"

            [[check]]
            name = "longer"
            fetch = { size = "4KiB", command = "wget -q -O {file} {url} && echo >>{file}" }
            timeout = "30s"

            [[check]]
            name = "slow"
            run = "sleep 30"
            timeout = "1s"

            [[check]]
            name = "version"
            run = "cat /proc/version"
            match = "^Linux version 2[.]4"

            [[check]]
            name = "status"
            run = "exit 7"

            [[check]]
            name = "last"
            run = "cat /proc/version"
            "#,
        )
        .write(dir.path());
    let record = failed(run(&mut check(&recipe)), &recipe, "check_failed");
    reason_has(&record, "tampered failed: the SHA-256 is wrong");
    let expected = [
        ("dhcp", "passed", "as given on the wire"),
        ("tampered", "failed", "the SHA-256 is wrong"),
        ("longer", "failed", "4,097 of 4,096 B arrived"),
        ("slow", "timed_out", "took longer than 1"),
        ("version", "failed", "printed nothing that matches"),
        ("status", "failed", "ended with status 7"),
        ("last", "passed", "status 0"),
    ];
    let checks = record["checks"].as_array().expect("checks");
    assert_eq!(checks.len(), expected.len());
    for (check, (name, outcome, detail)) in checks.iter().zip(expected) {
        assert_eq!(check["name"], name);
        assert_eq!(check["outcome"], outcome, "{check}");
        let text = check["detail"].as_str().expect("a text");
        assert!(text.contains(detail), "{check}");
    }
}

#[test]
fn qemu_that_refuses_its_arguments_is_no_verdict_on_the_system() {
    let dir = folder();
    let recipe = Recipe::pc_net("bad-argument").write(dir.path());
    let run = run(check(&recipe).arg("--qemu-arg=-no-such-option")).ends_with(7);
    run.says(&["infrastructure broke", "-no-such-option: invalid option"]);
    let record = crate::fixture::record(&outputs(&recipe));
    assert_eq!(record["outcome"], "infrastructure_broke");
}
