//! What BusyBox' init and the shell complain of while the system starts: programs
//! and terminals that an inittab names, commands that a script calls.

use std::sync::LazyLock;

use record::Diagnosis;
use regex::Regex;
use startup::foresee::builtin_option;
use startup::inittab::{self, Fault, Inittab};
use startup::program::{Abilities, Refusal, refusal};
use startup::{Files, applets};

use super::{Known, diagnosis};
use crate::check::typist::is_mark;

/// init/init.c, `init_exec()`.
static CANT_RUN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"can't run '([^']*)': (.+)").ok());

/// init/init.c, `open_stdio_to_tty()`.
static CANT_OPEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"can't open (/dev/[^:]*): (.+)").ok());

/// init/init.c, `parse_inittab()`.
static BAD_ENTRY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"Bad inittab entry at line (\d+)").ok());

/// shell/ash.c, `ash_vmsg()` and `shellexec()`; a builtin says its own name first.
static NOT_FOUND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^-?([^\s:]+): (?:(?:[^\s:]+: )?line (\d+): )?([^\s:]+): (not found|Permission denied)$",
    )
    .ok()
});

/// libbb/appletlib.c, `run_applet_and_exit()`.
static NO_APPLET: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([^\s:]+): applet not found").ok());

/// libbb/executable.c and others that start a program.
static CANT_EXECUTE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"can't (?:execute|exec) '([^']+)': (.+)").ok());

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let Some(ramdisk) = known.ramdisk else {
        return Vec::new();
    };
    let at = Start {
        known,
        files: &ramdisk.files,
        inittab: ramdisk.files.text("/etc/inittab").unwrap_or_default(),
        read: ramdisk
            .files
            .text("/etc/inittab")
            .map(Inittab::read)
            .unwrap_or_default(),
    };
    let mut all: Vec<Diagnosis> = Vec::new();
    for (who, line) in known.printed() {
        let shown = format!("{who}: {}", line.trim());
        let told = at
            .cant_run(line, &shown)
            .or_else(|| at.cant_open(line, &shown))
            .or_else(|| at.bad_entry(line, &shown))
            .or_else(|| at.not_found(line, &shown))
            .or_else(|| at.no_applet(line, &shown));
        if let Some(told) = told
            && all.iter().all(|one| one.cause != told.cause)
        {
            all.push(told);
        }
    }
    all
}

/// The user land's own files.
struct Start<'a> {
    known: &'a Known<'a>,
    files: &'a Files,
    inittab: &'a [u8],
    read: Inittab,
}

impl Start<'_> {
    fn abilities(&self) -> Abilities {
        Abilities {
            machine: self.known.kernel.clone(),
            scripts: Some(self.known.on("BINFMT_SCRIPT")),
            elf: Some(self.known.on("BINFMT_ELF")),
        }
    }

    /// A line of the inittab as it stands there.
    fn line(&self, number: usize) -> Option<String> {
        let mut lines = self.inittab.split(|b| *b == b'\n');
        let text = lines.nth(number.checked_sub(1)?)?;
        Some(String::from_utf8_lossy(text).escape_debug().to_string())
    }

    fn in_inittab(&self, number: usize) -> Option<String> {
        Some(format!(
            "/etc/inittab, line {number}: {}",
            self.line(number)?
        ))
    }

    /// An inittab's program that isn't there, or that the kernel refuses.
    fn cant_run(&self, line: &str, shown: &str) -> Option<Diagnosis> {
        let found = CANT_RUN.as_ref()?.captures(line);
        let found = found.or_else(|| CANT_EXECUTE.as_ref()?.captures(line))?;
        // init cuts the command at its first blank already.
        let program = found.get(1)?.as_str();
        let why = self.lack(program)?;
        let mut evidence = vec![shown.to_owned()];
        let names = |entry: &&inittab::Entry| inittab::program(&entry.command).0 == program;
        let entry = self.read.entries.iter().find(names);
        evidence.extend(entry.and_then(|entry| self.in_inittab(entry.line)));
        let unseen = entry.and_then(|entry| self.unseen(entry.line));
        if let Some(what) = unseen {
            return Some(unseen_byte(&what, evidence));
        }
        evidence.push(match why {
            Refusal::Missing => format!("the ramdisk has no {program}"),
            _ => format!("the ramdisk: {program} {}", why.words()),
        });
        let (id, cause) = match entry {
            Some(_) => (
                "inittab-program-missing",
                format!("/etc/inittab starts {program}, which {}", why.words()),
            ),
            None => (
                "program-missing",
                format!("{program} is started, and {}", why.words()),
            ),
        };
        let other = self.other_rc(program);
        let mend = match other {
            Some(other) => {
                format!("write {other} in the inittab, which is there; or add {program}")
            }
            None => self.mend(program, &why),
        };
        Some(diagnosis(id, cause, evidence, mend))
    }

    /// The script that BusyBox' init runs by itself, where an inittab names
    /// another one.
    fn other_rc(&self, program: &str) -> Option<&'static str> {
        const USUAL: &str = "/etc/init.d/rcS";
        let rc = program.starts_with("/etc/") && program != USUAL;
        (rc && self.files.find(USUAL).is_some()).then_some(USUAL)
    }

    /// The first field of an entry is taken for a terminal.
    fn cant_open(&self, line: &str, shown: &str) -> Option<Diagnosis> {
        let found = CANT_OPEN.as_ref()?.captures(line)?;
        let device = found.get(1)?.as_str().strip_prefix("/dev/")?;
        let entry = self.read.entries.iter().find(|e| e.terminal == device)?;
        let mut evidence = vec![shown.to_owned()];
        evidence.extend(self.in_inittab(entry.line));
        if let Some(what) = self.unseen(entry.line) {
            return Some(unseen_byte(&what, evidence));
        }
        if inittab::is_terminal(device) {
            return None; // its driver may be missing: another diagnosis
        }
        Some(diagnosis(
            "inittab-for-system-v",
            format!(
                "BusyBox' init takes the first field of an inittab's line for a terminal, and \
                 there is no /dev/{device}: `{}` was not run",
                entry.command
            ),
            evidence,
            "leave the first field empty: ::sysinit:/etc/init.d/rcS; System V's ids and runlevels \
             mean nothing to BusyBox",
        ))
    }

    /// A line that init passes over.
    fn bad_entry(&self, line: &str, shown: &str) -> Option<Diagnosis> {
        let found = BAD_ENTRY.as_ref()?.captures(line)?;
        let number: usize = found[1].parse().ok()?;
        let wrong = self.read.wrong.iter().find(|wrong| wrong.line == number)?;
        let mut evidence = vec![shown.to_owned()];
        evidence.extend(self.in_inittab(number));
        let told = match &wrong.fault {
            Fault::Unseen(what) => unseen_byte(what, evidence),
            Fault::SystemV(action) => diagnosis(
                "inittab-for-system-v",
                format!("the inittab is for System V's init: BusyBox' has no action `{action}`"),
                evidence,
                "write entries as ::sysinit:/etc/init.d/rcS and ::respawn:-/bin/sh",
            ),
            Fault::Action(action) => diagnosis(
                "inittab-entry-wrong",
                format!("`{action}` is no action of BusyBox' init: it passes over the line"),
                evidence,
                "take sysinit, wait, once, respawn, askfirst, ctrlaltdel, shutdown or restart",
            ),
            Fault::Short | Fault::Terminal(_) => diagnosis(
                "inittab-entry-wrong",
                "a line of the inittab is not complete: BusyBox' init passes over it",
                evidence,
                "an entry is TERMINAL::ACTION:COMMAND, the terminal mostly left empty",
            ),
        };
        Some(told)
    }

    /// What nobody sees in a line.
    fn unseen(&self, number: usize) -> Option<String> {
        self.read.wrong.iter().find_map(|wrong| match &wrong.fault {
            Fault::Unseen(what) if wrong.line == number => Some((*what).to_owned()),
            _ => None,
        })
    }

    /// A command that the shell didn't find, and that isn't there.
    fn not_found(&self, line: &str, shown: &str) -> Option<Diagnosis> {
        let line = line.trim_end_matches('\r').trim();
        let found = NOT_FOUND.as_ref()?.captures(line)?;
        let (script, command) = (found.get(1)?.as_str(), found.get(3)?.as_str());
        if command.ends_with('\r') || command.contains('\u{a0}') || is_mark(command) {
            return None;
        }
        let why = self.lack(command)?;
        let denied = &found[4] == "Permission denied";
        if denied != (why.errno() == 13) {
            return None;
        }
        let by = if script.starts_with('/') {
            script.to_owned()
        } else {
            "a shell".to_owned()
        };
        let mut evidence = vec![shown.to_owned()];
        evidence.push(match why {
            Refusal::Missing if !command.contains('/') => {
                format!("the ramdisk has no {command} in /sbin, /usr/sbin, /bin or /usr/bin")
            }
            _ => format!("the ramdisk: {command} {}", why.words()),
        });
        let mend = match builtin_option(command).filter(|_| why == Refusal::Missing) {
            Some(option) => self.builtin_mend(command, option),
            None => self.mend(command, &why),
        };
        let cause = match why {
            Refusal::Missing => format!("{by} calls {command}, which isn't in the ramdisk"),
            _ => format!("{by} calls {command}, and it {}", why.words()),
        };
        Some(diagnosis("command-not-found", cause, evidence, mend))
    }

    fn builtin_mend(&self, command: &str, option: &str) -> String {
        let option = format!("CONFIG_{option}=y to busybox-options");
        match applets::folder(command) {
            Some(_) => format!("add \"{command}\" to busybox in [userland], or {option}"),
            None => format!("add {option} in [userland]"),
        }
    }

    /// BusyBox was called by the name of an applet that it hasn't got.
    fn no_applet(&self, line: &str, shown: &str) -> Option<Diagnosis> {
        let found = NO_APPLET.as_ref()?.captures(line)?;
        let name = found.get(1)?.as_str();
        Some(diagnosis(
            "applet-not-built",
            format!("BusyBox was called as {name}, and is built without that applet"),
            [shown.to_owned(), "the words are BusyBox' own".to_owned()],
            self.mend(name, &Refusal::Missing),
        ))
    }

    /// Why a program can't be started, by its path or by the shell's `PATH`.
    fn lack(&self, program: &str) -> Option<Refusal> {
        if program.contains('/') {
            return refusal(self.files, program, &self.abilities());
        }
        let folders = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];
        let mut paths = folders.iter().map(|folder| format!("{folder}/{program}"));
        match paths.find(|path| self.files.find(path).is_some()) {
            Some(path) => refusal(self.files, &path, &self.abilities()),
            None => Some(Refusal::Missing),
        }
    }

    fn mend(&self, program: &str, why: &Refusal) -> String {
        let name = program.rsplit('/').next().unwrap_or_default();
        let shell = self.files.resolve("/bin/sh").unwrap_or_default();
        let applet = shell.ends_with("/busybox") && applets::folder(name).is_some();
        match why {
            Refusal::Missing if applet => format!("add \"{name}\" to busybox in [userland]"),
            Refusal::Missing => format!("put {program} into the ramdisk, or leave it out"),
            _ => why.mend(),
        }
    }
}

fn unseen_byte(what: &str, evidence: Vec<String>) -> Diagnosis {
    diagnosis(
        "inittab-unseen-byte",
        format!("{what} stands in the inittab, and became a part of its words"),
        evidence,
        "remove it; `grep -nP '[^\\x00-\\x7F]|\\r' inittab` finds such bytes",
    )
}
