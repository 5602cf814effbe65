//! What a boot that went wrong is told: its cause, what shows it, the mend. On
//! the kernel of pc-net, so that each costs a boot and no build.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fixture::{Recipe, Run, check, command, folder, pc_net, run};

const ONE_CHECK: &str = "[[check]]\nname = \"shell\"\nrun = \"true\"\n";

/// `pc-net` with one check and something over it.
fn variant(folder: &Path, name: &str, over: &str) -> std::path::PathBuf {
    pc_net();
    Recipe::pc_net(name)
        .without("check")
        .with(ONE_CHECK)
        .with(over)
        .write(folder)
}

#[track_caller]
fn diagnosed(run: Run, id: &str, texts: &[&str]) -> Value {
    let record = run.json();
    let all = record["diagnoses"].as_array().expect("a list");
    let found = all.iter().find(|d| d["id"] == id);
    let Some(found) = found else {
        panic!("no {id} among {all:?}\n{}", run.stderr);
    };
    let told = found.to_string();
    for text in texts {
        assert!(told.contains(text), "no {text:?} in {told}");
    }
    if record["outcome"] != "passed" {
        let cause = found["cause"].as_str().expect("a text");
        assert!(run.stderr.contains(cause), "{}", run.stderr);
        assert!(run.stderr.contains("mend: "), "{}", run.stderr);
    }
    record
}

/// Checks a variant whose `/init` is this.
#[track_caller]
fn init(name: &str, file: &str, prepare: impl Fn(&Path), id: &str, texts: &[&str]) {
    let dir = folder();
    prepare(dir.path());
    let over = format!("[[userland.file]]\nto = \"/init\"\n{file}");
    let recipe = variant(dir.path(), name, &over);
    diagnosed(run(&mut check(&recipe)).ends_with(5), id, texts);
}

fn compile(folder: &Path, arguments: &[&str]) {
    let source = "void _start(void) { for (;;) ; }\n";
    fs::write(folder.join("own.c"), source).expect("writable");
    let mut gcc = command("gcc");
    gcc.current_dir(folder)
        .args(["-nostdlib", "-o", "own", "own.c"])
        .args(arguments);
    run(&mut gcc).ends_with(0);
}

#[test]
fn an_init_that_may_not_be_executed_is_told_its_mode() {
    init(
        "mode",
        "text = \"#!/bin/sh\\n\"\nmode = \"0644\"\n",
        |_| {},
        "init-not-executable",
        &["/init has the mode 0644", "Permission denied", "0755"],
    );
}

#[test]
fn an_init_for_another_machine_is_told_which() {
    let prepare = |folder: &Path| compile(folder, &["-m64", "-static"]);
    init(
        "machine",
        "from = \"own\"\n",
        prepare,
        "init-for-another-machine",
        &["/init is for x86-64 (64 bits), the kernel for 32-bit x86 (32 bits)"],
    );
}

#[test]
fn a_dynamic_init_without_its_loader_is_told_which_one() {
    let loader = "-Wl,--dynamic-linker=/lib/ld-own.so.1";
    let prepare = |folder: &Path| compile(folder, &["-m32", "-pie", "-fPIC", loader]);
    init(
        "dynamic",
        "from = \"own\"\n",
        prepare,
        "init-without-its-loader",
        &[
            "/init asks for /lib/ld-own.so.1",
            "No such file or directory",
        ],
    );
}

#[test]
fn a_script_for_a_shell_that_is_not_there_is_told_which() {
    init(
        "bash",
        "text = \"#!/bin/bash -e\\n\"\nmode = \"0755\"\n",
        |_| {},
        "script-without-its-interpreter",
        &["/init is a script for /bin/bash"],
    );
}

#[test]
fn a_script_with_the_line_ends_of_dos_is_told_so() {
    init(
        "dos",
        "text = \"#!/bin/sh\\r\\nexec /bin/sh\\r\\n\"\nmode = \"0755\"\n",
        |_| {},
        "script-with-dos-line-ends",
        &["carriage return"],
    );
}

/// Boots another ramdisk than the one that was built.
#[track_caller]
fn ramdisk(name: &str, pack: &[&str], id: &str, texts: &[&str]) {
    let dir = folder();
    let inner = dir.path().join("rootfs");
    fs::create_dir(&inner).expect("a folder");
    fs::write(inner.join("init"), "#!/bin/sh\n").expect("writable");
    let list = fs::File::create(dir.path().join("list")).expect("a file");
    use std::io::Write;
    (&list)
        .write_all(b"rootfs\nrootfs/init\n")
        .expect("written");
    let list = fs::File::open(dir.path().join("list")).expect("is there");
    let image = dir.path().join("image");
    let out = fs::File::create(&image).expect("a file");
    let mut cpio = command("cpio");
    cpio.current_dir(dir.path())
        .args(["--quiet", "-o", "-H", "newc"]);
    let packed = cpio.stdin(list).stdout(out).status().expect("starts");
    assert!(packed.success());
    let mut image = image.display().to_string();
    if let [program, arguments @ ..] = pack {
        let mut pack = command(program);
        run(pack.args(arguments).args(["-k", &image])).ends_with(0);
        image.push_str(if *program == "xz" { ".xz" } else { ".gz" });
    }
    let recipe = variant(dir.path(), name, "");
    let mut check = check(&recipe);
    check
        .arg("--qemu-arg=-initrd")
        .arg(format!("--qemu-arg={image}"));
    diagnosed(run(&mut check).ends_with(5), id, texts);
}

#[test]
fn a_ramdisk_that_was_packed_from_the_wrong_folder_is_told_the_right_one() {
    ramdisk(
        "wrong-folder",
        &[],
        "ramdisk-from-wrong-folder",
        &[
            "the ramdisk has /rootfs/init, but no /init",
            "pack from within rootfs",
        ],
    );
}

#[test]
fn a_compression_that_the_kernel_lacks_is_told_with_its_symbol() {
    ramdisk(
        "gzip",
        &["gzip", "-9"],
        "compression-not-configured",
        &[
            "compression method gzip not configured",
            "CONFIG_RD_GZIP is not set",
        ],
    );
}

#[test]
fn a_dictionary_that_is_larger_than_the_ram_is_told_with_its_size() {
    ramdisk(
        "dictionary",
        &["xz", "-9", "--check=crc32"],
        "dictionary-too-large",
        &[
            "takes 65,536 KiB, the machine has 32,768 KiB",
            "ran out of memory",
        ],
    );
}

#[test]
fn a_console_on_another_port_is_told_which_one_is_right() {
    let dir = folder();
    let over = "kernel.cmdline = \"console=ttyS2 console=ttyS1,115200 panic=-1\"";
    let recipe = variant(dir.path(), "wrong-console", over);
    let told = run(&mut check(&recipe));
    let texts = [
        "ttyS2 and ttyS1,115200, the board's is ttyS0",
        "console=ttyS0",
    ];
    diagnosed(told, "console-on-wrong-device", &texts);
}

#[test]
fn an_init_that_only_starts_a_shell_lacks_a_terminal_and_proc() {
    let dir = folder();
    let recipe = variant(
        dir.path(),
        "debug-init",
        r##"
        [[userland.file]]
        to = "/init"
        text = "#!/bin/sh\nexec /bin/sh\n"
        mode = "0755"

        [[check]]
        name = "processes"
        run = "ls /proc/1/exe"
        "##,
    );
    let told = run(&mut check(&recipe)).ends_with(5);
    let record = diagnosed(
        told,
        "no-controlling-tty",
        &["job control turned off", "cttyhack"],
    );
    let all = record["diagnoses"].to_string();
    assert!(all.contains("proc-not-mounted"), "{all}");
    assert!(all.contains("nobody mounted it"), "{all}");
}

#[test]
fn a_card_without_a_driver_is_told_the_symbol() {
    let dir = folder();
    let board = include_str!("../../../recipe/boards/pc.toml").replace("\"e1000\"", "\"ne2k_pci\"");
    fs::write(dir.path().join("board.toml"), board).expect("writable");
    let over = "board = \"board.toml\"\nnetwork.nic = \"ne2k_pci\"\n\
                [[check]]\nname = \"lease\"\ndhcp = true\ntimeout = \"3s\"\n";
    let recipe = variant(dir.path(), "no-driver", over);
    let told = run(&mut check(&recipe)).ends_with(5);
    let texts = ["# CONFIG_NE2K_PCI is not set", "No such device"];
    diagnosed(told, "no-network-driver", &texts);
}

#[test]
fn a_dhcp_server_that_does_not_answer_is_told_apart_from_a_client_that_does_not_ask() {
    let dir = folder();
    let over = "[[check]]\nname = \"lease\"\ndhcp = true\ntimeout = \"4s\"\n";
    let recipe = variant(dir.path(), "dead-server", over);
    let mut check = check(&recipe);
    // What the card sends ends in a null device, behind the capture.
    for argument in [
        "-chardev",
        "null,id=nowhere",
        "-object",
        "filter-redirector,id=dead,netdev=net0,queue=tx,outdev=nowhere",
    ] {
        check.arg(format!("--qemu-arg={argument}"));
    }
    let told = run(&mut check).ends_with(5);
    diagnosed(told, "no-dhcp-answer", &["was given none", "network.mode"]);
}

#[test]
fn ram_that_is_not_enough_is_told_for_the_kernel_and_for_the_system() {
    let dir = folder();
    let over = "machine = { memory = \"18MiB\", silence = \"3s\" }";
    let told = run(&mut check(&variant(dir.path(), "no-room", over))).ends_with(5);
    diagnosed(
        told,
        "kernel-does-not-fit",
        &["the machine has 18,432 KiB", "machine.memory"],
    );

    let over = "[[check]]\nname = \"fill\"\nrun = \"while cat /bin/busybox; do :; done >/tmp/all\"\n\
                timeout = \"60s\"\n";
    let told = run(&mut check(&variant(dir.path(), "oom", over))).ends_with(5);
    diagnosed(
        told,
        "not-enough-ram",
        &["32,768 KiB of RAM are not enough"],
    );
}
