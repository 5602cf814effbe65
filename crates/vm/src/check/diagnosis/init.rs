//! Why the system's init could not be started, or did not stay.

use std::sync::LazyLock;

use record::Diagnosis;
use regex::Regex;
use startup::kernel::{self, Start};
use startup::program::{Abilities, Program, Refusal, first_bytes, refusal};
use startup::{Files, NodeKind};

use super::listing::Listing;
use super::{Known, devices, diagnosis, signals};

const ENOEXEC: i32 = 8;

/// init/main.c: run_init_process() and kernel_init().
static REFUSED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:Failed to execute|Requested init|check access for rdinit=) ?(\S+) ?(?:failed)?:? ?\(?(?:error )?-(\d+)\)?").ok()
});

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let mut all: Vec<Diagnosis> = refused(known).into_iter().collect();
    // Who says that init was refused says that it never ended.
    if all.is_empty() && refusal_seen(known).is_none() {
        all.extend(ended(known).or_else(|| no_root(known)));
    }
    all
}

/// The init that was refused, its errno, and what shows it.
fn refusal_seen(known: &Known<'_>) -> Option<(String, i32, String)> {
    if let Some(errno) = known.no_init {
        let text = std::io::Error::from_raw_os_error(errno);
        return Some((
            known.init.to_owned(),
            errno,
            format!("execve(2) of {}: {text}", known.init),
        ));
    }
    let captures = REFUSED.as_ref()?.captures(known.console)?;
    let path = captures.get(1)?.as_str();
    // The checks' own is not the system's.
    if path.starts_with("/.tuxling/") {
        return None;
    }
    let errno = captures.get(2)?.as_str().parse().ok()?;
    let line = captures.get(0)?.as_str();
    Some((path.to_owned(), errno, format!("the console: {line}")))
}

/// What the resolved configuration says of starting programs.
fn abilities(known: &Known<'_>) -> Abilities {
    Abilities {
        machine: known.kernel.clone(),
        scripts: Some(known.on("BINFMT_SCRIPT")),
        elf: Some(known.on("BINFMT_ELF")),
    }
}

/// The refusal that was seen, where the ramdisk shows the same.
fn refused(known: &Known<'_>) -> Option<Diagnosis> {
    let (path, errno, line) = refusal_seen(known)?;
    let ramdisk = known.ramdisk?;
    let files = &ramdisk.files;
    let abilities = abilities(known);
    let why = refusal(files, &path, &abilities)
        .or_else(|| unknown_format(known, files, &path, errno))
        .filter(|why| why.errno() == errno)?;
    if why == Refusal::Missing
        && let Some(wrong) = wrong_folder(ramdisk, &path, &line)
    {
        return Some(wrong);
    }
    let mut told = told(&why, &path, known);
    told.evidence.insert(0, line);
    told.evidence.extend(instead(known, files, &abilities));
    Some(told)
}

/// A file in a format that some kernel may know, and this one says it doesn't.
fn unknown_format(known: &Known<'_>, files: &Files, path: &str, errno: i32) -> Option<Refusal> {
    let kernel = known.kernel.as_ref();
    match files.find(path)?.program()? {
        _ if errno != ENOEXEC => None,
        Program::Other(head) => Some(Refusal::NoProgram(head.clone())),
        Program::Elf(elf) if kernel.is_some_and(|kernel| !elf.same_machine(kernel)) => {
            Some(Refusal::Machine(elf.clone()))
        }
        _ => None,
    }
}

/// The name, the cause, the evidence in the ramdisk, and the mend of a refusal.
fn told(why: &Refusal, path: &str, known: &Known<'_>) -> Diagnosis {
    let cause = format!("{path} {}", why.words());
    let one = |id: &str, shown: String| diagnosis(id, cause.clone(), [shown], why.mend());
    match why {
        Refusal::Missing => no_init(path, format!("the ramdisk has no {path}")),
        Refusal::Dangling(to) => no_init(
            path,
            format!("the ramdisk: {path} is a link to {to}, which isn't there"),
        ),
        Refusal::Folder => not_executable(path, "is a folder", why),
        Refusal::NoFile => not_executable(path, "is no file", why),
        Refusal::Mode(mode) => not_executable(path, &format!("has the mode {mode:04o}"), why),
        Refusal::Empty => one(
            "init-no-program",
            format!("the ramdisk: {path} has 0 bytes"),
        ),
        Refusal::NoProgram(head) => {
            let shown = first_bytes(head);
            one(
                "init-no-program",
                format!("the ramdisk: {path} begins with {shown}"),
            )
        }
        Refusal::NoInterpreter => one(
            "init-no-program",
            format!("the ramdisk: {path} begins with #! and a line's end"),
        ),
        Refusal::Interpreter(_)
        | Refusal::InterpreterRefused(..)
        | Refusal::DosLine(_)
        | Refusal::NoScripts => script(why, path, known),
        Refusal::Loader(loader) => one(
            "init-without-its-loader",
            format!("{path} asks for {loader}, which the ramdisk lacks"),
        ),
        Refusal::Machine(elf) => {
            let kernel = known.kernel.as_ref();
            let of = |elf: &startup::Elf| format!("{} ({} bits)", elf.machine_name(), elf.bits);
            let kernels = kernel.map_or_else(|| "unknown".to_owned(), of);
            let shown = format!("{path} is for {}, the kernel for {kernels}", of(elf));
            one("init-for-another-machine", shown)
        }
        Refusal::NoElf => diagnosis(
            "elf-without-support",
            "the kernel can't run programs",
            [known.setting("BINFMT_ELF")],
            why.mend(),
        ),
    }
}

/// A script that the kernel refuses for its first line, or for being one.
fn script(why: &Refusal, path: &str, known: &Known<'_>) -> Diagnosis {
    let cause = format!("{path} {}", why.words());
    let first = format!("{path} begins with #!{}", head(known, path));
    match why {
        Refusal::DosLine(line) => {
            let line = format!("#!{line}");
            let shown = format!(
                "its first line is {line:?}: the kernel looks for a program with a carriage return in its name"
            );
            diagnosis("script-with-dos-line-ends", cause, [shown], why.mend())
        }
        Refusal::NoScripts => {
            let evidence = [first, known.setting("BINFMT_SCRIPT")];
            diagnosis("script-without-support", cause, evidence, why.mend())
        }
        _ => diagnosis("script-without-its-interpreter", cause, [first], why.mend()),
    }
}

fn no_init(path: &str, shown: String) -> Diagnosis {
    diagnosis(
        "no-init",
        format!("there is no init: {path} isn't in the ramdisk"),
        [shown],
        "add busybox = [\"sh\", \"init\"] or init = { path = \"FILE\" } to [userland], or a file of that name",
    )
}

fn not_executable(path: &str, what: &str, why: &Refusal) -> Diagnosis {
    diagnosis(
        "init-not-executable",
        format!("{path} may not be executed"),
        [format!("the ramdisk: {path} {what}")],
        why.mend(),
    )
}

/// The line behind `#!`.
fn head(known: &Known<'_>, path: &str) -> String {
    let node = known.ramdisk.and_then(|ramdisk| ramdisk.files.find(path));
    match node.map(|node| &node.kind) {
        Some(NodeKind::File {
            program: Program::Script(line),
            ..
        }) => line.trim().to_owned(),
        _ => String::new(),
    }
}

/// What the kernel itself does about a refused init: with the checks' agent in
/// its place nobody sees that.
fn instead(known: &Known<'_>, files: &Files, abilities: &Abilities) -> Option<String> {
    let errno = known.no_init?;
    let Start { started, .. } = kernel::start(files, abilities, known.cmdline);
    let started = started.filter(|started| started != known.init)?;
    Some(format!(
        "without the checks the kernel says \"Failed to execute {} (error -{errno})\" and starts {started}",
        known.init
    ))
}

/// Everything stands below one folder that has what the top should have.
pub(super) fn wrong_folder(ramdisk: &Listing, init: &str, line: &str) -> Option<Diagnosis> {
    let top = ramdisk.files.only_folder()?;
    let inner = format!("{top}{init}");
    ramdisk.files.node(&inner)?;
    Some(diagnosis(
        "ramdisk-from-wrong-folder",
        "the ramdisk was packed from the folder above the right one",
        [
            line.to_owned(),
            format!("the ramdisk has {inner}, but no {init}: everything stands below {top}"),
        ],
        format!(
            "pack from within {}: name that folder in userland.folder",
            &top[1..]
        ),
    ))
}

/// kernel/exit.c: a status of an exit(2) stands in the second byte, a signal in
/// the first.
fn ended(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("Attempted to kill init!")?;
    // The checks' agent is the first process before the init is.
    if known.console.contains("tuxling-agent: ") {
        return None;
    }
    let code = line.split("exitcode=0x").nth(1)?;
    let code = u32::from_str_radix(code.get(..8)?, 16).ok()?;
    let signal = code & 0x7f;
    if let Some(told) = signals::of_init(known, signal, &line) {
        return Some(told);
    }
    let how = match signal {
        0 => format!("ended with status {}", code >> 8 & 0xff),
        signal => format!("was ended by signal {signal}"),
    };
    let mut evidence = vec![line];
    evidence.extend(last_complaint(known));
    Some(diagnosis(
        "init-ended",
        format!("the system's init {how}: it must never end"),
        evidence,
        "a script ends with `exec /bin/sh`, or with a loop; a program must not return",
    ))
}

/// What init's own script complained of last before it ended: often the reason.
fn last_complaint(known: &Known<'_>) -> Option<String> {
    let start = format!("{}: ", known.init);
    let mut lines = known
        .console
        .lines()
        .filter(|line| line.starts_with(&start));
    let line = lines.next_back()?;
    Some(format!("the console, before that: {}", line.trim()))
}

/// The kernel found no init in the ramdisk and looked for a root file system
/// (init/main.c, kernel_init_freeable(); init/do_mounts.c).
fn no_root(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.first_line(&[
        "VFS: Cannot open root device",
        "VFS: Unable to mount root fs",
        "No working init found",
    ])?;
    // The checks' agent stands in the same file as the ramdisk.
    if known.console.contains("Run /.tuxling/init as init process") {
        return None;
    }
    let ramdisk = known.ramdisk?;
    if let Some(wrong) = wrong_folder(ramdisk, known.init, &line) {
        return Some(wrong);
    }
    if ramdisk.files.find(known.init).is_some() {
        return None;
    }
    let shown = format!("the ramdisk has no {}", known.init);
    if !line.contains("VFS: ") {
        let mut told = no_init(known.init, shown);
        told.evidence.insert(0, line);
        return Some(told);
    }
    let root = kernel::parameter(known.cmdline, "root");
    if let Some(told) = root.and_then(|root| devices::root(known, root, &line)) {
        return Some(told);
    }
    Some(diagnosis(
        "no-root-device",
        "without an init in the ramdisk the kernel looked for a root device, and found none",
        [line, shown, format!("the command line: {}", known.cmdline)],
        "put an init into the ramdisk, or name a root=DEVICE whose driver and file system are built in",
    ))
}
