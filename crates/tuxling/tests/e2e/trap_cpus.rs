//! The trap handler of x86_64 alone, on a machine with two CPUs that is made for it:
//! whoever comes to a trap, all CPUs stop, and it is told once. Takes seconds; the
//! long tests do the same with a kernel.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;
use vm::machine::qmp::{self, MonitorSocket, QmpClient};
use vmlinux::Code;

use crate::fixture::{command, ends_well, folder, until};

const HANDLER: &str = include_str!("../../../recipe/trap/x86_64.S");

/// QEMU, which ends with the test.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Which CPU comes to a trap; whether the second is never started.
#[derive(Clone, Copy, Debug)]
enum Traps {
    First,
    Second,
    Both,
    FirstAlone,
}

/// The machine's program: as an ELF file, and as QEMU loads it.
fn program(dir: &Path, traps: Traps) -> (PathBuf, PathBuf) {
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("writable");
    write("machine.S", include_str!("two_cpus.S"));
    write("machine.ld", include_str!("two_cpus.ld"));
    write("trap.S", HANDLER);
    let (first, second, alone) = match traps {
        Traps::First => (1, 0, 0),
        Traps::Second => (0, 1, 0),
        Traps::Both => (1, 1, 0),
        Traps::FirstAlone => (1, 0, 1),
    };
    let first = format!("-DFIRST_TRAPS={first}");
    let second = format!("-DSECOND_TRAPS={second}");
    let alone = format!("-DALONE={alone}");
    ends_well("gcc", dir, &["-c", &first, &second, &alone, "machine.S"]);
    let cpus = ["-c", "-DCONFIG_SMP", "-DCONFIG_NR_CPUS=2", "trap.S"];
    ends_well("gcc", dir, &cpus);
    let link = [
        "-T",
        "machine.ld",
        "-o",
        "machine.elf",
        "machine.o",
        "trap.o",
    ];
    ends_well("ld", dir, &link);
    ends_well(
        "objcopy",
        dir,
        &["-O", "binary", "machine.elf", "machine.bin"],
    );
    (dir.join("machine.elf"), dir.join("machine.bin"))
}

/// Boots on a machine, and gives what the console says and where in the program the
/// CPUs stand.
fn boot(dir: &Path, (elf, image): &(PathBuf, PathBuf), on: &str) -> (String, Vec<String>) {
    let console = dir.join("console.log");
    let monitor = MonitorSocket::new().expect("a folder");
    let machine = command("qemu-system-x86_64")
        .args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
        ])
        .args(["-machine", on, "-accel", "tcg", "-m", "64M", "-smp", "2"])
        .arg("-kernel")
        .arg(image)
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(qmp::arguments(&monitor.path))
        .stdout(Stdio::null())
        .spawn();
    let _machine = Machine(machine.expect("QEMU starts"));
    let said = || std::fs::read_to_string(&console).unwrap_or_default();
    until("a trap is told", || {
        let text = said();
        let (_, line) = text.split_once("tuxling: trap ")?;
        line.contains('\n').then_some(())
    });
    let limit = Duration::from_secs(60);
    let mut client = QmpClient::connect(&monitor.path, limit).expect("it answers");
    let standing = until("both CPUs stand", || {
        let asked = json!({ "command-line": "info registers -a" });
        let answer = client
            .ask("human-monitor-command", &asked)
            .expect("it answers");
        let text = answer.as_str().expect("a text").to_owned();
        (text.matches("HLT=1").count() == 2).then_some(text)
    });
    let file = std::fs::read(elf).expect("it was linked");
    let code = Code::parse(&file).expect("an ELF file");
    let places = standing.lines().filter_map(|line| {
        let address = line.strip_prefix("RIP=")?.split(' ').next()?;
        let address = u64::from_str_radix(address, 16).ok()?;
        Some(code.at(address)?.name.clone())
    });
    (said(), places.collect())
}

#[test]
fn a_trap_on_either_cpu_or_both_stops_both_and_is_told_once() {
    for traps in [Traps::First, Traps::Second, Traps::Both] {
        let dir = folder();
        let program = program(dir.path(), traps);
        let (said, mut places) = boot(dir.path(), &program, "pc");
        places.sort_unstable();
        let expected = ["tuxling_cpu_stopped", "tuxling_trap_stopped"];
        assert_eq!(places, expected, "{traps:?}");
        assert!(said.starts_with("both run"), "{said}");
        assert_eq!(said.matches("tuxling: trap 0x").count(), 1, "{said}");
        assert!(!said.contains("an old gate"), "{said}");
    }
}

#[test]
fn a_cpu_that_has_not_been_started_stays_where_it_is_when_another_traps() {
    // The firmware of one has started it for a moment, that of the other never.
    for on in ["pc", "microvm,acpi=off"] {
        let dir = folder();
        let program = program(dir.path(), Traps::FirstAlone);
        let (said, places) = boot(dir.path(), &program, on);
        assert_eq!(places, ["tuxling_trap_stopped"], "{on}");
        assert!(said.starts_with("one runs"), "{on}: {said}");
        assert_eq!(said.matches("tuxling: trap 0x").count(), 1, "{on}: {said}");
    }
}
