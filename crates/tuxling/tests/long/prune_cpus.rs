//! Pruned kernels for several CPUs: what is missed on one of them stops them all,
//! and is told once.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;
use vm::machine::qmp::{self, MonitorSocket, QmpClient};
use vmlinux::Code;

use crate::fixture::{Recipe, command, folder, outputs, until};
use crate::planted::missed_is_seen;

const CPUS: usize = 2;

#[test]
fn what_is_missed_on_any_cpu_stops_them_all_and_is_told_once() {
    let dir = folder();
    let machine = r#"
        board = "microvm"
        machine.memory = "64MiB"
        machine.cpus = 2
        kernel.fragments = ["builtin:microvm-base.config"]
        kernel.options = "CONFIG_NR_CPUS=4"
        prune.names = true
    "#;
    let recipe = Recipe::built_in("pc-shell", "planted-cpus").with(machine);
    let recipe = recipe.write(dir.path());
    for (function, where_it_runs) in [
        ("x86_64_start_kernel", "on the first page tables"),
        ("timer_interrupt", "in an interrupt"),
        ("start_secondary", "on the second CPU, which is brought up"),
        ("cpuhp_thread_fun", "in a kernel thread of the second CPU"),
        ("worker_thread", "in a kernel thread"),
    ] {
        missed_is_seen(&recipe, function, where_it_runs);
        all_stand(&recipe, dir.path(), where_it_runs);
    }
    missed_is_seen(&recipe, "kernel_restart", "after the last check");
}

/// QEMU, which ends with the test.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots the kernel that was linked last, unwatched: once its console has told a
/// trap, all CPUs stand where they were stopped, and nothing more is told.
fn all_stand(recipe: &Path, dir: &Path, where_it_runs: &str) {
    let outputs = outputs(recipe);
    let kernel = outputs.join("prune/kernel");
    let console = dir.join("console.log");
    let _ = std::fs::remove_file(&console);
    let monitor = MonitorSocket::new().expect("a folder");
    let machine = command("qemu-system-x86_64")
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-machine", "microvm,acpi=off", "-accel", "tcg", "-m", "64M"])
        .args(["-smp", &CPUS.to_string(), "-display", "none"])
        .arg("-kernel")
        .arg(kernel.join("image"))
        .arg("-initrd")
        .arg(outputs.join("whole/ramdisk"))
        .args(["-append", "console=ttyS0 panic=-1 reboot=t"])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(qmp::arguments(&monitor.path))
        .stdout(Stdio::null())
        .spawn();
    let _machine = Machine(machine.expect("QEMU starts"));
    let told = until("a trap is told", || {
        let text = std::fs::read_to_string(&console).ok()?;
        let (_, line) = text.split_once("tuxling: trap ")?;
        line.contains('\n').then_some(text)
    });
    let mut client =
        QmpClient::connect(&monitor.path, Duration::from_secs(60)).expect("it answers");
    let file = std::fs::read(kernel.join("vmlinux")).expect("it was linked");
    let code = Code::parse(&file).expect("an ELF file");
    let standing = until("all CPUs stand", || {
        let asked = json!({ "command-line": "info registers -a" });
        let answer = client
            .ask("human-monitor-command", &asked)
            .expect("it answers");
        let text = answer.as_str().expect("a text").to_owned();
        (text.matches("HLT=1").count() == CPUS).then_some(text)
    });
    // A CPU that hasn't been started stands where it was reset.
    let stopped = standing.lines().filter_map(|line| {
        let address = line.strip_prefix("RIP=")?.split(' ').next()?;
        let symbol = code.at(u64::from_str_radix(address, 16).ok()?)?;
        Some(symbol.name.clone())
    });
    let stopped: Vec<String> = stopped.collect();
    let traps = stopped
        .iter()
        .filter(|name| *name == "tuxling_trap_stopped");
    assert_eq!(traps.count(), 1, "{where_it_runs}: {stopped:?}");
    let others = stopped.iter().filter(|name| *name == "tuxling_cpu_stopped");
    let early = !told.contains("smp: Bringing up");
    let expected = if early { 0 } else { CPUS - 1 };
    assert_eq!(others.count(), expected, "{where_it_runs}: {stopped:?}");
    let after = std::fs::read_to_string(&console).expect("still there");
    assert_eq!(
        after, told,
        "{where_it_runs}: something was told after the trap"
    );
    assert_eq!(after.matches("tuxling: trap ").count(), 1, "{after}");
}
