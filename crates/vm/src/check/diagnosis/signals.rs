//! Programs that were ended by a signal.

use record::{CheckOutcome, CheckRecord, Diagnosis, Outcome};

use super::{Known, diagnosis};

/// Signals that a program's own instruction brings about (signal(7)): number,
/// what shells print, what it means.
const FAULTS: &[(u32, &str, &str)] = &[
    (
        4,
        "Illegal instruction",
        "an instruction that the processor doesn't have",
    ),
    (7, "Bus error", "a bus error"),
    (8, "Floating point exception", "a division by zero"),
    (8, "Arithmetic exception", "a division by zero"),
    (11, "Segmentation fault", "a segmentation fault"),
];

const ILLEGAL: u32 = 4;

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    // A kernel that stumbles itself may end any program.
    if known.outcome == Outcome::Oopsed {
        return Vec::new();
    }
    let seen = of_checks(known).or_else(|| of_console(known));
    seen.map(|(signal, line)| told(known, "a program", signal, line))
        .into_iter()
        .collect()
}

/// Of the init, when the panic's exit code has a signal.
pub(super) fn of_init(known: &Known<'_>, signal: u32, line: &str) -> Option<Diagnosis> {
    FAULTS.iter().find(|(number, ..)| *number == signal)?;
    Some(told(known, "the system's init", signal, line.to_owned()))
}

/// A check whose program ended so: by the agent's word, or by its shell's status
/// (128 and the signal, POSIX 2.8.2) and its shell's words together.
fn of_checks(known: &Known<'_>) -> Option<(u32, String)> {
    let failed = |check: &&CheckRecord| check.outcome == CheckOutcome::Failed;
    known.checks.iter().filter(failed).find_map(|check| {
        let detail = &check.detail;
        let (signal, ..) = FAULTS.iter().find(|(signal, words, _)| {
            let status = format!("ended with status {}", 128 + signal);
            ends_number(detail, &format!("was ended by signal {signal}"))
                || (detail.contains(&status) && detail.contains(words))
        })?;
        Some((*signal, format!("the check {}: {detail}", check.name)))
    })
}

/// Whether a text has these words, and no digit behind them.
fn ends_number(text: &str, words: &str) -> bool {
    let found = text.find(words).map(|at| &text[at + words.len()..]);
    found.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A shell's words on the console, together with the kernel's (arch/x86/kernel/
/// traps.c and mm/fault.c, show_signal_msg(); arch/arm/kernel/traps.c).
fn of_console(known: &Known<'_>) -> Option<(u32, String)> {
    let kernels = [
        (4, " trap invalid opcode "),
        (8, " trap divide error "),
        (11, ": segfault at "),
        (4, ": undefined instruction: pc="),
    ];
    let (signal, text) = kernels
        .iter()
        .find(|(_, text)| known.console.contains(text))?;
    let line = known.console.lines().find(|line| line.contains(text))?;
    Some((*signal, format!("the console: {}", line.trim())))
}

fn told(known: &Known<'_>, who: &str, signal: u32, line: String) -> Diagnosis {
    let what = FAULTS.iter().find(|(number, ..)| *number == signal);
    let what = what.map_or("a fault of its own", |(.., what)| what);
    let cause = format!("{who} was ended by {what} (signal {signal})");
    if signal == ILLEGAL {
        let cpu = known.cpu.map_or_else(
            || "the machine has QEMU's usual processor for the board".to_owned(),
            |cpu| format!("the machine's processor is {cpu}"),
        );
        return diagnosis(
            "illegal-instruction",
            cause,
            [line, cpu],
            "compile it for the board's processor (-march=), or set machine.cpu to one that has \
             the instruction; a trap of the compiler's own (assert, unreachable) ends the same way",
        );
    }
    diagnosis(
        "program-crashed",
        cause,
        [
            line,
            "the kernel itself reports no fault of its own".to_owned(),
        ],
        "the fault is in the program: compile it with -g and look with gdb, or run it on a host",
    )
}
