//! A board of the user's: a QEMU of the test's own at the other end of two
//! pseudo-terminals, switched on when tuxling waits for it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::fixture::{
    Recipe, Started, check, command, folder, outputs, pc_net, run, tuxling, until,
};

/// A serial line: tuxling's end is a device, the board's a socket of QEMU's.
struct Wire {
    device: String,
    socket: PathBuf,
    master: File,
    /// As long as one end is open, the other isn't hung up.
    _slave: File,
}

impl Wire {
    fn new(socket: PathBuf) -> Wire {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let device = name.to_str().expect("plain").to_owned();
        let slave = File::options().read(true).write(true).open(&device);
        Wire {
            _slave: slave.expect("is there"),
            device,
            socket,
            master: File::from(master),
        }
    }

    /// Joins both ends; the threads end with the test's process.
    fn connect(&self) {
        let socket = until("QEMU's socket", || UnixStream::connect(&self.socket).ok());
        let pipe = |mut from: Box<dyn Read + Send>, mut to: Box<dyn Write + Send>| {
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        };
        let master = || Box::new(self.master.try_clone().expect("a copy"));
        pipe(Box::new(socket.try_clone().expect("a copy")), master());
        pipe(master(), Box::new(socket));
    }
}

/// Switches the board on.
fn board(kernel: &Path, initrd: &Path, cmdline: &str, wires: &[&Wire]) -> Started {
    let mut qemu = command("qemu-system-i386");
    qemu.args(["-nodefaults", "-no-reboot", "-display", "none"])
        .args(["-accel", "tcg", "-m", "32M", "-append", cmdline])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initrd);
    for wire in wires {
        let socket = wire.socket.display();
        qemu.arg("-serial")
            .arg(format!("unix:{socket},server=on,wait=off"));
    }
    let started = Started::new(qemu.stdin(Stdio::null()));
    for wire in wires {
        wire.connect();
    }
    started
}

const CHECKS: &str = r#"
    [[check]]
    name = "typed"
    run = "cat /proc/version"
    match = "^Linux version 6"
    via = "console"

    [[check]]
    name = "told"
    run = "cat /proc/version"
    match = "^Linux version 6"

    [[check]]
    name = "download"
    fetch = true
"#;

#[test]
fn a_board_at_a_serial_line_is_checked_by_typing_and_by_its_channel() {
    pc_net();
    let (dir, sockets) = (folder(), tempfile::tempdir().expect("a short path"));
    for with_channel in [false, true] {
        let console = Wire::new(sockets.path().join(format!("console{with_channel}")));
        let channel = Wire::new(sockets.path().join(format!("channel{with_channel}")));
        let name = if with_channel {
            "board-channel"
        } else {
            "board"
        };
        let mut lines = format!("machine.console = \"serial:{},115200\"\n", console.device);
        if with_channel {
            lines.push_str(&format!(
                "machine.channel = \"serial:{}\"\n",
                channel.device
            ));
        }
        let recipe = Recipe::pc_net(name)
            .without("check")
            .with(&lines)
            .with(CHECKS);
        let recipe = recipe.write(dir.path());
        let check = Started::new(&mut check(&recipe));
        let out = outputs(&recipe);
        let log = out.join("boot/console.log");
        until("the wait for the board", || log.exists().then_some(()));
        let (initrd, cmdline) = if with_channel {
            (
                out.join("boot/initrd"),
                "rdinit=/.tuxling/init console=ttyS0 panic=-1",
            )
        } else {
            (out.join("ramdisk"), "console=ttyS0 panic=-1")
        };
        let _board = board(&out.join("kernel"), &initrd, cmdline, &[&console, &channel]);
        let record = check
            .end()
            .ends_with(0)
            .says(&["load and start on the board"])
            .json();
        assert_eq!(record["outcome"], "passed");
        let outcome = |at: usize| record["checks"][at]["outcome"].as_str().unwrap_or_default();
        assert_eq!(outcome(0), "passed", "{}", record["checks"]);
        assert_eq!(record["checks"][0]["via"], "console");
        assert_eq!(outcome(1), if with_channel { "passed" } else { "skipped" });
        assert_eq!(outcome(2), "skipped");
        assert_eq!(record["ram"]["total_kib"].is_u64(), with_channel);
        let reason = record["reason"].as_str().expect("skipped checks are told");
        assert!(reason.contains("can't be run on a board"), "{reason}");
        assert_eq!(record["qemu"], serde_json::json!([]));
        assert!(record["accelerator"].is_null());
        let printed = fs::read_to_string(&log).expect("a log");
        assert!(printed.contains("Linux version 6"), "{printed}");
    }
}

#[test]
fn a_boards_console_is_in_the_terminal_and_ctrl_a_x_leaves() {
    let checked = pc_net();
    let (dir, sockets) = (folder(), tempfile::tempdir().expect("a short path"));
    let console = Wire::new(sockets.path().join("console"));
    let line = format!("machine.console = \"serial:{}\"", console.device);
    let recipe = Recipe::pc_net("board-boot").with(&line).write(dir.path());
    let mut boot = tuxling();
    boot.current_dir(dir.path()).arg("boot").arg(&recipe);
    let mut started = Started::new(boot.stdin(Stdio::piped()));
    let mut keys = started.0.stdin.take().expect("is piped");
    let mut screen = started.0.stdout.take().expect("is piped");
    let (kernel, ramdisk) = ("kernel", "ramdisk");
    until("the build", || {
        outputs(&recipe).join(ramdisk).exists().then_some(())
    });
    let out = checked.outputs();
    let _board = board(
        &out.join(kernel),
        &out.join(ramdisk),
        "console=ttyS0",
        &[&console],
    );
    let mut seen = Vec::new();
    let mut shows = |text: &str| {
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains(text) {
            let count = screen.read(&mut piece).expect("readable");
            assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
    };
    shows("Linux version");
    shows("# ");
    keys.write_all(b"echo the board \"\"answers\r")
        .expect("taken");
    shows("the board answers");
    keys.write_all(b"\x01x").expect("taken");
    assert_eq!(started.0.wait().expect("ends").code(), Some(0));
}

#[test]
fn a_line_that_is_not_there_is_no_verdict() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("no-line")
        .with("machine.console = \"serial:/dev/no-such-line\"")
        .write(dir.path());
    run(&mut check(&recipe))
        .ends_with(7)
        .says(&["there is no such device", "help: plug the adapter in"]);
}

/// A script of the test's.
pub(crate) fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{text}")).expect("writable");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, mode).expect("set");
}

#[test]
fn a_board_is_loaded_and_switched_by_the_users_commands() {
    pc_net();
    let (dir, sockets) = (folder(), tempfile::tempdir().expect("a short path"));
    // The flasher keeps what it is told, the relay when it is switched.
    let log = "echo \"$@\" >> hands.log\n";
    script(
        &dir.path().join("flash.sh"),
        &format!("printf '%s\\n' \"$@\" > loaded\n{log}"),
    );
    script(&dir.path().join("relay.sh"), log);
    let console = Wire::new(sockets.path().join("console"));
    let channel = Wire::new(sockets.path().join("channel"));
    let lines = format!(
        "machine.console = \"serial:{},115200\"\nmachine.channel = \"serial:{}\"\n\
         machine.load = \"./flash.sh {{kernel}} {{ramdisk}} {{cmdline}}\"\n\
         machine.power = \"./relay.sh relay {{on|off}}\"\n",
        console.device, channel.device
    );
    let recipe = Recipe::pc_net("board-hands")
        .without("check")
        .with(&lines)
        .with(CHECKS)
        .write(dir.path());
    let check = Started::new(&mut check(&recipe));
    let events = || fs::read_to_string(dir.path().join("hands.log")).unwrap_or_default();
    until("the relay", || events().contains("relay on").then_some(()));
    let loaded = fs::read_to_string(dir.path().join("loaded")).expect("was loaded");
    let [kernel, initrd, cmdline] = loaded.lines().collect::<Vec<_>>()[..] else {
        panic!("{loaded}");
    };
    assert_eq!(Path::new(kernel), outputs(&recipe).join("kernel"));
    assert!(cmdline.starts_with("rdinit=/.tuxling/init "), "{cmdline}");
    let board = board(
        Path::new(kernel),
        Path::new(initrd),
        cmdline,
        &[&console, &channel],
    );
    let run = check.end().ends_with(0);
    assert!(!run.stderr.contains("load and start"), "{}", run.stderr);
    let record = run.json();
    assert_eq!(record["outcome"], "passed");
    assert_eq!(record["checks"][0]["outcome"], "passed");
    assert_eq!(record["checks"][1]["outcome"], "passed");
    drop(board);
    let events = events();
    let switched: Vec<&str> = events.lines().filter(|l| l.starts_with("relay")).collect();
    assert_eq!(switched, ["relay off", "relay on", "relay off"]);
    assert!(
        events
            .lines()
            .nth(1)
            .is_some_and(|line| line.contains(initrd))
    );
}

#[test]
fn a_flasher_that_fails_or_takes_too_long_is_no_verdict_and_the_board_is_switched_off() {
    pc_net();
    let (dir, sockets) = (folder(), tempfile::tempdir().expect("a short path"));
    script(
        &dir.path().join("flash.sh"),
        "echo no programmer found >&2; sleep $1; exit 3\n",
    );
    script(&dir.path().join("relay.sh"), "echo \"$@\" >> hands.log\n");
    let console = Wire::new(sockets.path().join("console"));
    for (seconds, told) in [("0", "no programmer found"), ("600", "took longer than 2s")] {
        let lines = format!(
            "machine.console = \"serial:{},115200\"\nmachine.load-timeout = \"2s\"\n\
             machine.load = \"./flash.sh {seconds} {{kernel}}\"\n\
             machine.power = \"./relay.sh {{on|off}}\"\n",
            console.device
        );
        let recipe = Recipe::pc_net("board-flasher")
            .with(&lines)
            .write(dir.path());
        run(&mut check(&recipe))
            .ends_with(7)
            .says(&["`load` in [machine] did not do what it is for", told]);
    }
    let switched = fs::read_to_string(dir.path().join("hands.log")).expect("was switched");
    assert_eq!(switched, "off\n".repeat(4));
}

/// A farm's environment whose board is a QEMU of labgrid's.
const ENVIRONMENT: &str = r#"
targets:
  shelf-3:
    drivers:
      QEMUDriver:
        qemu_bin: qemu
        machine: pc
        cpu: qemu32
        memory: 32M
        kernel: kernel
        boot_args: !template "$LG_CMDLINE"
        extra_args: !template "-nodefaults -no-reboot -initrd $LG_RAMDISK"
tools:
  qemu: /usr/bin/qemu-system-i386
images:
  kernel: !template "$LG_KERNEL"
"#;

#[test]
fn a_farms_board_is_switched_and_typed_at_by_labgrids_drivers() {
    pc_net();
    let dir = folder();
    fs::write(dir.path().join("farm.yaml"), ENVIRONMENT).expect("writable");
    // Debian's labgrid belongs to Debian's Python.
    let with = |place: &str| {
        let lines =
            format!("machine.labgrid = \"{place}\"\nmachine.labgrid-environment = \"farm.yaml\"\n");
        let recipe = Recipe::pc_net("farm").without("check").with(&lines);
        let recipe = recipe.with(CHECKS).write(dir.path());
        let mut check = check(&recipe);
        check.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        run(&mut check)
    };
    let record = with("shelf-3").ends_with(0).json();
    assert_eq!(record["outcome"], "passed");
    assert_eq!(record["checks"][0]["via"], "console");
    assert_eq!(record["checks"][0]["outcome"], "passed");
    assert_eq!(record["checks"][1]["outcome"], "skipped");
    assert!(record["accelerator"].is_null());
    with("shelf-4").ends_with(7).says(&[
        "labgrid's place shelf-4 can't be used",
        "no target has the place shelf-4 or is named so; there are: shelf-3",
    ]);
}
