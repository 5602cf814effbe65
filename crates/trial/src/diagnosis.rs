//! Gathers what is known of a boot that went wrong, for its diagnoses.

use std::fs;

use builder::system::System;
use host::units::Bytes;
use recipe::asker::Asker;
use recipe::{Plan, config, fragment};
use record::{Diagnosis, Outcome};
use startup::Elf;
use vm::boot::BootReport;
use vm::check::agent;
use vm::check::diagnosis::listing::Listing;
use vm::check::diagnosis::{Known, diagnose};
use vm::machine::qemu::{Accelerator, Machine};

/// Texts of a boot that passed and is to be looked at all the same.
const COMPLAINTS: &[&str] = &[
    "can't access tty",
    "No such file or directory",
    "No such device",
    "unable to open an initial console",
    "can't run '",
    "Bad inittab entry",
    ": not found",
    "applet not found",
    "unknown filesystem type",
    "Unknown kernel command line parameters",
    "Function not implemented",
    "Address family not supported",
    "is disabled",
];

/// The diagnoses of a boot; none for one that passed without a complaint.
pub(crate) fn of_boot(
    plan: &Plan,
    system: &System,
    machine: &Machine,
    report: &BootReport,
    qemu_version: Option<&str>,
) -> Vec<Diagnosis> {
    let complains = COMPLAINTS.iter().any(|text| report.console.contains(text));
    if report.outcome == Outcome::Passed && !complains && !report.console.trim().is_empty() {
        return Vec::new();
    }
    let config = fs::read_to_string(system.kernel.config()).unwrap_or_default();
    let config = config::Values::parse(&config);
    let kernel = fs::read(system.kernel.vmlinux())
        .ok()
        .and_then(|bytes| Elf::read(&bytes));
    let cmdline = last_argument(machine, "-append").unwrap_or(&machine.cmdline);
    let ramdisk = ramdisk(system, machine);
    let by = Asker::Board(machine.board.name.clone());
    let board_symbols: Vec<String> = fragment::trusted(&machine.board.options, &by)
        .into_iter()
        .filter(|request| request.value == "y")
        .map(|request| request.symbol)
        .collect();
    diagnose(&Known {
        outcome: report.outcome,
        console: &report.console,
        cmdline,
        init: agent::real_init(cmdline),
        no_init: report.no_init,
        checks: &report.checks,
        dhcp: report.dhcp,
        network: &plan.network,
        config: &config,
        ramdisk: ramdisk.as_ref(),
        kernel_end: kernel.as_ref().map(|elf| elf.end),
        kernel,
        memory: memory(machine),
        cpu: last_argument(machine, "-cpu").or(machine.cpu.as_deref()),
        nic_device: nic_device(machine),
        board_console: machine.board.console.as_deref(),
        board_symbols: &board_symbols,
        qemu_said: report.qemu_said.as_deref(),
        qemu_version,
        kvm: report.accelerator == Some(Accelerator::Kvm),
    })
}

/// The value of QEMU's option among the user's own arguments: the last one
/// counts, and they stand behind tuxling's.
fn last_argument<'m>(machine: &'m Machine, option: &str) -> Option<&'m str> {
    let at = machine.extra.iter().rposition(|word| word == option)?;
    machine.extra.get(at + 1).map(String::as_str)
}

/// QEMU's name of the network card's device.
fn nic_device(machine: &Machine) -> Option<&str> {
    let model = machine.nic.as_deref()?;
    let nic = machine.board.nics.iter().find(|nic| nic.model == model)?;
    Some(nic.device.as_deref().unwrap_or(model))
}

/// QEMU's `-m`: a number is of MiB (its manual page).
fn memory(machine: &Machine) -> u64 {
    let given = last_argument(machine, "-m").and_then(|text| {
        let text = text.strip_prefix("size=").unwrap_or(text);
        let (digits, unit) = match text.strip_suffix(['K', 'k']) {
            Some(digits) => (digits, Bytes::kib(1)),
            None => match text.strip_suffix(['G', 'g']) {
                Some(digits) => (digits, Bytes::mib(1024)),
                None => (text.strip_suffix(['M', 'm']).unwrap_or(text), Bytes::mib(1)),
            },
        };
        digits.parse::<u64>().ok()?.checked_mul(unit.0)
    });
    given.unwrap_or(machine.memory.0)
}

/// What the ramdisk holds; of one that can't be read, what its head tells.
fn ramdisk(system: &System, machine: &Machine) -> Option<Listing> {
    let own = last_argument(machine, "-initrd").map(std::path::PathBuf::from);
    let bytes = fs::read(own.as_ref().unwrap_or(&system.ramdisk.image)).ok()?;
    Some(Listing::read(&bytes))
}
