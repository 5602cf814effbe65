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

#[test]
fn an_init_that_is_no_program_is_told_its_first_bytes_and_never_that_it_ended() {
    let dir = folder();
    let over = "[[userland.file]]\nto = \"/init\"\nmode = \"0755\"\ntext = \"mount -a\\nexec /bin/sh\\n\"\n";
    let told = run(&mut check(&variant(dir.path(), "no-first-line", over))).ends_with(5);
    // Known before anything is compiled, too.
    let told = told.says(&["note: /init is no program: its first bytes are `mount`"]);
    let texts = [
        "Exec format error",
        "says \\\"Failed to execute /init (error -8)\\\" and starts /sbin/init",
        "let it begin with #!/bin/sh",
    ];
    let record = diagnosed(told, "init-no-program", &texts);
    let all = record["diagnoses"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "{all:?}");
}

/// Checks a variant with this inittab, whose check looks into `/proc`.
#[track_caller]
fn inittab(name: &str, text: &str, id: &str, texts: &[&str]) {
    let dir = folder();
    let over = format!(
        "userland.init = {{ inittab = {{ text = {text:?} }} }}\n\
         [[check]]\nname = \"up\"\nrun = \"cat /proc/version\"\n"
    );
    let recipe = variant(dir.path(), name, &over);
    let record = diagnosed(run(&mut check(&recipe)).ends_with(5), id, &[]);
    let all = record["diagnoses"].to_string();
    for text in texts {
        assert!(all.contains(text), "no {text:?} in {all}");
    }
    assert!(!all.contains("proc-not-mounted"), "{all}");
}

#[test]
fn an_inittab_is_told_its_wrong_line_and_nobody_is_told_to_mount_proc() {
    let missing = "::sysinit:/etc/init.d/rc\n::respawn:-/bin/sh\n";
    let texts = ["line 1: ::sysinit:/etc/init.d/rc", "write /etc/init.d/rcS"];
    inittab("inittab-rc", missing, "inittab-program-missing", &texts);
    let system_v = "id:3:initdefault:\nsi::sysinit:/etc/init.d/rcS\n";
    let texts = ["there is no /dev/si", "leave the first field empty"];
    inittab("inittab-v", system_v, "inittab-for-system-v", &texts);
}

#[test]
fn what_kernel_and_busybox_say_of_themselves_is_told_with_its_option() {
    let dir = folder();
    let over = r##"
        kernel.cmdline = "console=ttyS0 panic=-1 nosmp"
        userland.init = { rcS = { text = "#!/bin/sh\nmount -a\nmdev -s\nmount -t ext4 none /tmp\n" } }

        [[check]]
        name = "counts"
        run = "echo $((6*7))"
        expect = "42"
        via = "console"

        [[check]]
        name = "deep"
        run = "ls -R /"
        "##;
    let recipe = variant(dir.path(), "said", over);
    let told = run(&mut check(&recipe)).ends_with(5);
    let texts = [
        "add \\\"mdev\\\" to busybox",
        "/etc/init.d/rcS: line 3: mdev: not found",
    ];
    let record = diagnosed(told, "command-not-found", &texts);
    let all = record["diagnoses"].to_string();
    for text in [
        "the kernel has no CONFIG_SMP, so nosmp does nothing",
        "the kernel doesn't have the file system ext4",
        "CONFIG_FEATURE_LS_RECURSIVE=y",
    ] {
        assert!(all.contains(text), "no {text:?} in {all}");
    }
    // The manual's own example.
    let counts = &record["checks"][0];
    assert_eq!(counts["outcome"], "passed", "{counts}");
    assert_eq!(
        record["diagnoses"].as_array().map(Vec::len),
        Some(4),
        "{all}"
    );
}

#[test]
fn a_folder_with_a_merged_usr_boots_with_busybox_behind_its_links() {
    let dir = folder();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("usr/bin")).expect("writable");
    fs::write(root.join("usr/bin/foo"), "x").expect("writable");
    for (link, to) in [("bin", "usr/bin"), ("sbin", "usr/sbin")] {
        std::os::unix::fs::symlink(to, root.join(link)).expect("writable");
    }
    let over = "userland.folder = \"root\"\n[[check]]\nname = \"there\"\nrun = \"ls /bin/foo /usr/sbin/init\"\n";
    let recipe = variant(dir.path(), "merged", over);
    let record = run(&mut check(&recipe)).ends_with(0).json();
    let files = &record["ramdisk"]["files"];
    assert!(files["/usr/bin/busybox"].as_u64() > Some(0), "{record}");
    assert!(files.get("/bin/busybox").is_none(), "{record}");
}
