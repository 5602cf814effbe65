//! What is wrong with this machine, or with what QEMU was asked for.

use host::units::{Bytes, grouped};
use recipe::plan::Via;
use record::{CheckOutcome, CheckRecord, Diagnosis, Outcome};

use super::{Known, diagnosis};

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    [kvm(known), qemu(known), kernel_fits(known), console(known)]
        .into_iter()
        .flatten()
        .chain(memory(known))
        .collect()
}

fn kvm(known: &Known<'_>) -> Option<Diagnosis> {
    if !known.kvm {
        return None;
    }
    let said = known.qemu_said.filter(|said| {
        let said = said.to_lowercase();
        said.contains("kvm")
    });
    let silent = known.outcome == Outcome::BootHung && known.console.is_empty();
    let evidence = match said {
        Some(said) => format!("QEMU: {}", said.trim()),
        None if silent => "under KVM the machine printed nothing at all".to_owned(),
        None => return None,
    };
    Some(diagnosis(
        "kvm-not-usable",
        "KVM is of no use on this machine",
        [evidence],
        "run with --accel tcg; or load the module (modprobe kvm_intel or kvm_amd), turn \
         virtualisation on in the firmware, and join the group that owns /dev/kvm",
    ))
}

fn qemu(known: &Known<'_>) -> Option<Diagnosis> {
    let said = known.qemu_said?;
    let texts = [
        "invalid option",
        "unsupported machine type",
        "is not a valid device model name",
        "unable to find CPU model",
        "Unsupported NIC model",
    ];
    // Property 'x.y' not found, Parameter 'x' does not exist, …
    let odd = |said: &str| {
        (said.contains("Property") && said.contains("not found"))
            || said.contains("Invalid parameter")
            || (said.contains("arameter") && said.contains("does not exist"))
    };
    if !texts.iter().any(|text| said.contains(text)) && !odd(said) {
        return None;
    }
    let version = known.qemu_version.unwrap_or("unknown");
    Some(diagnosis(
        "qemu-lacks-it",
        format!("QEMU {version} doesn't have what it was asked for"),
        [format!("QEMU: {}", said.trim())],
        "the board's machine, the card and --qemu-arg must be this QEMU's own words \
         (-machine help, -device help, -cpu help list them); or install a newer QEMU",
    ))
}

/// A kernel that is loaded beyond the end of the RAM never says a word.
fn kernel_fits(known: &Known<'_>) -> Option<Diagnosis> {
    let end = known.kernel_end?;
    if end <= known.memory || !known.console.is_empty() {
        return None;
    }
    Some(diagnosis(
        "kernel-does-not-fit",
        "the kernel doesn't fit into the machine's RAM",
        [
            format!(
                "the linked kernel ends at {} KiB of physical memory, the machine has {} KiB",
                grouped(end.div_ceil(1024)),
                grouped(known.memory / 1024)
            ),
            "the console printed nothing".to_owned(),
        ],
        format!(
            "set machine.memory to {} or more, or make the kernel smaller; on x86 \
             CONFIG_PHYSICAL_START says where it begins",
            Bytes::mib(end.div_ceil(1 << 20) + 2)
        ),
    ))
}

fn memory(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.first_line(&[
        "System is deadlocked on memory",
        "Out of memory",
        "invoked oom-killer",
        "Initramfs unpacking failed: write error",
        "page allocation failure",
        "Not enough memory",
        "can't fork: Out of memory",
    ])?;
    // A dictionary that is too large has a mend of its own.
    if known.console.contains("decompressor ran out of memory") {
        return None;
    }
    let mut evidence = vec![line];
    evidence.extend(known.line(" available ("));
    Some(diagnosis(
        "not-enough-ram",
        format!("{} KiB of RAM are not enough", grouped(known.memory / 1024)),
        evidence,
        "set machine.memory higher, or make the ramdisk smaller: while it is unpacked, it and \
         its files are there together",
    ))
}

/// The devices that the command line's `console=` name, in order.
fn consoles<'k>(known: &'k Known<'_>) -> Vec<&'k str> {
    let words = known
        .cmdline
        .split_whitespace()
        .take_while(|word| *word != "--");
    let named = words.filter_map(|word| word.strip_prefix("console="));
    named.collect()
}

/// A console's device, without its speed.
fn device(console: &str) -> &str {
    console.split(',').next().unwrap_or_default()
}

fn console(known: &Known<'_>) -> Option<Diagnosis> {
    let board = known.board_console?;
    // A machine that hangs before its first word is another matter.
    let ran = known.checks.iter().any(|check| check.seconds.is_some()) || known.no_init.is_some();
    if !known.console.trim().is_empty() {
        return console_elsewhere(known, board);
    }
    let nothing = "the console printed nothing, but the system ran".to_owned();
    let missing = known.board_symbols.iter().find(|symbol| !known.on(symbol));
    if let (Some(symbol), true) = (missing, ran) {
        return Some(diagnosis(
            "no-console",
            "the kernel has no console on the board's serial port",
            [nothing, known.setting(symbol)],
            format!("ask for CONFIG_{symbol}=y in [kernel]"),
        ));
    }
    let consoles = consoles(known);
    let right = consoles.iter().any(|c| device(c) == board);
    // A command line without a console leaves the choice to the kernel.
    if consoles.is_empty() || right || !ran {
        return None;
    }
    let shown = format!("the command line: {}", known.cmdline);
    let path = consoles
        .iter()
        .find(|c| device(c).strip_prefix("/dev/") == Some(board));
    if let Some(path) = path {
        return Some(diagnosis(
            "console-on-wrong-device",
            format!("console={path} is a path: the kernel knows its consoles by their names"),
            [nothing, shown],
            format!("write console={board} in kernel.cmdline"),
        ));
    }
    Some(diagnosis(
        "console-on-wrong-device",
        format!(
            "the console is on {}, the board's is {board}",
            consoles.join(" and ")
        ),
        [nothing, shown],
        format!("write console={board} in kernel.cmdline"),
    ))
}

/// The kernel prints on every console that is named; programs get the last one
/// (Documentation/admin-guide/serial-console.rst). Shown by a check that was
/// typed at the board's port, and was not answered.
fn console_elsewhere(known: &Known<'_>, board: &str) -> Option<Diagnosis> {
    let consoles = consoles(known);
    let last = consoles.last()?;
    let named = consoles.iter().any(|c| device(c) == board);
    if !named || device(last) == board || !real(last) {
        return None;
    }
    let typed = |check: &&CheckRecord| {
        check.via == Via::Console
            && matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::TimedOut)
    };
    let check = known.checks.iter().find(typed)?;
    Some(diagnosis(
        "console-named-twice",
        format!(
            "programs have their console on {}, the kernel prints on {board}, too",
            device(last)
        ),
        [
            format!("the command line: {}", known.cmdline),
            format!("the check {}: {}", check.name, check.detail),
        ],
        format!("let console={board} be the last console= in kernel.cmdline, or the only one"),
    ))
}

/// Whether programs could get a console there: one without a driver, such as
/// tty0 of a kernel without terminals, is passed over.
fn real(console: &str) -> bool {
    let device = device(console);
    device.starts_with("ttyS") || device.starts_with("ttyAMA") || device.starts_with("hvc")
}
