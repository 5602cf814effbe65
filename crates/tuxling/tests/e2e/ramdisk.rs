//! The ramdisk, read by others: cpio, and booted kernels.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{Recipe, check, command, folder, outputs, pc_net, run};

/// Turns on all decompressors, so that one kernel reads every ramdisk.
const ALL_COMPRESSIONS: &str = r#"
kernel.options = """
CONFIG_RD_GZIP=y
CONFIG_RD_XZ=y
CONFIG_RD_LZMA=y
CONFIG_RD_ZSTD=y
CONFIG_RD_LZ4=y
"""

[[check]]
name  = "shell"
run   = "cat /proc/version"
match = "^Linux version 6"
"#;

#[test]
fn cpio_lists_what_the_record_says() {
    let checked = pc_net();
    let image = File::open(checked.outputs().join("ramdisk")).expect("a ramdisk");
    let mut xz = command("xz");
    let mut xz = xz
        .arg("-dc")
        .stdin(image)
        .stdout(Stdio::piped())
        .spawn()
        .expect("xz starts");
    let archive = xz.stdout.take().expect("is piped");
    let listed = run(command("cpio").args(["-t", "--quiet"]).stdin(archive)).ends_with(0);
    assert!(xz.wait().expect("ends").success());
    assert_eq!(listed.stderr, "");
    let told = checked.record["ramdisk"]["files"].as_object();
    let told: Vec<_> = told.expect("files").keys().cloned().collect();
    let mut listed: Vec<_> = listed
        .stdout
        .lines()
        .map(|line| format!("/{line}"))
        .collect();
    listed.sort();
    assert_eq!(listed, told);
}

#[test]
fn a_booted_kernel_reads_every_compression() {
    pc_net();
    let dir = folder();
    let mut kernels = Vec::new();
    for compression in ["none", "gzip", "xz", "lzma", "zstd", "lz4"] {
        let recipe = Recipe::pc_net(&format!("reads-{compression}"))
            .without("check")
            .without("budget")
            .with(ALL_COMPRESSIONS)
            .with(&format!("ramdisk.compress = \"{compression}\""))
            .write(dir.path());
        let record = run(&mut check(&recipe)).ends_with(0).json();
        assert_eq!(record["outcome"], "passed");
        assert_eq!(record["ramdisk"]["compression"], compression);
        kernels.push(record["ids"]["build_id"].clone());
    }
    kernels.dedup();
    assert_eq!(kernels.len(), 1, "one kernel reads them all");
}

#[test]
fn a_ramdisk_that_is_built_into_the_kernel_is_booted() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("builtin")
        .without("budget")
        .with("ramdisk.placement = \"builtin\"")
        .write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed");
    assert_eq!(record["image"]["ramdisk_bytes"], 0);
    assert!(!outputs(&recipe).join("ramdisk").exists());
    let total = record["image"]["total_bytes"].as_u64().expect("a size");
    assert_eq!(Value::from(total), record["image"]["kernel_bytes"]);
}

#[test]
fn applets_with_their_usual_options_do_what_people_type() {
    pc_net();
    let dir = folder();
    // The kernel is pc-net's own: only BusyBox is compiled.
    let recipe = Recipe::pc_net("usual")
        .without("check")
        .without("budget")
        .with(
            r#"
            [userland]
            busybox = ["sh", "cat", "head", "find", "tar", "gzip", "ls", "mkdir", "wget", "sleep"]
            busybox-usual = true
            busybox-options = ""

            [[check]]
            name  = "math"
            run   = "echo $((6 * 7))"
            match = "^42\n$"

            [[check]]
            name  = "head"
            run   = "printf 'a\\nb\\nc\\n' | head -2"
            match = "^a\nb\n$"

            [[check]]
            name  = "find"
            run   = "find /usr/bin -type l -name head"
            match = "^/usr/bin/head\n$"

            [[check]]
            name  = "tar"
            run   = "mkdir /t && tar czf /t/x.tgz /etc && tar tzf /t/x.tgz | head -1"
            match = "etc"

            [[check]]
            name  = "wget"
            run   = "wget -T 1 -q -O /dev/null http://127.0.0.1:9/ ; echo $?"
            match = "refused\n1\n$"
            "#,
        )
        .write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed");
}
