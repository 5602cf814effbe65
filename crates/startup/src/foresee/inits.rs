//! What BusyBox's init will find: its inittab, and what that names.

use super::scripts::Scripts;
use super::{Finding, Userland};
use crate::inittab::{self, Action, Entry, Fault, Inittab};

const FILE: &str = "/etc/inittab";

/// Looks into the inittab, or at what init does without one.
pub(super) fn inittab(userland: &Userland<'_>, scripts: &mut Scripts<'_>, all: &mut Vec<Finding>) {
    let own = userland.busybox.is_some();
    let reads = !own || userland.option("FEATURE_USE_INITTAB");
    let text = userland.files.text(FILE).filter(|_| reads);
    let (entries, file) = match text {
        Some(text) => {
            let read = Inittab::read(text);
            let system_v = read.for_system_v();
            for wrong in &read.wrong {
                all.push(fault(wrong.line, &wrong.fault));
            }
            terminals(userland, &read.entries, system_v, all);
            (read.entries, FILE)
        }
        None => (inittab::default_entries(), "/init"),
    };
    for entry in &entries {
        if let Some(finding) = command(userland, entry, file, scripts) {
            all.push(finding);
        }
    }
}

fn fault(line: usize, fault: &Fault) -> Finding {
    let (what, mend) = match fault {
        Fault::Short => (
            "the entry is not complete: BusyBox' init passes over it".to_owned(),
            "an entry is TERMINAL::ACTION:COMMAND, the terminal mostly left empty".to_owned(),
        ),
        Fault::SystemV(action) => (
            format!("`{action}` is an action of System V's init: BusyBox' has no runlevels"),
            "write entries as ::sysinit:/etc/init.d/rcS and ::respawn:-/bin/sh".to_owned(),
        ),
        Fault::Action(action) => (
            format!("`{action}` is no action of BusyBox' init: it passes over the entry"),
            "take sysinit, wait, once, respawn, askfirst, ctrlaltdel, shutdown or restart"
                .to_owned(),
        ),
        Fault::Terminal(id) => (
            format!(
                "BusyBox' init takes the first field for a terminal, and there is no /dev/{id}: \
                 the command is not run"
            ),
            "leave the field empty".to_owned(),
        ),
        Fault::Unseen(what) => (
            format!("{what} stands in the entry, and becomes a part of its words"),
            "remove it; `grep -nP '[^\\x00-\\x7F]|\\r'` finds such bytes".to_owned(),
        ),
    };
    Finding::warning(FILE, Some(line), what, mend)
}

/// First fields that are no terminals. A driver may bring any terminal, so
/// that a name must look like none at all.
fn terminals(userland: &Userland<'_>, entries: &[Entry], system_v: bool, all: &mut Vec<Finding>) {
    for entry in entries.iter().filter(|entry| !entry.terminal.is_empty()) {
        let device = format!("/dev/{}", entry.terminal);
        let there = userland.files.find(&device).is_some();
        // The ids of System V have up to four characters (inittab(5)).
        let id = entry.terminal.len() <= 4 || system_v;
        let ascii = entry.terminal.bytes().all(|b| b.is_ascii_graphic());
        if !there && ascii && id && !inittab::is_terminal(&entry.terminal) {
            all.push(fault(entry.line, &Fault::Terminal(entry.terminal.clone())));
        }
    }
}

/// What an entry runs.
fn command(
    userland: &Userland<'_>,
    entry: &Entry,
    file: &str,
    scripts: &mut Scripts<'_>,
) -> Option<Finding> {
    let line = (entry.line > 0).then_some(entry.line);
    let (program, by_shell) = inittab::program(&entry.command);
    if by_shell {
        scripts.add_line(file, entry.line, &entry.command);
    } else if program.starts_with('/') {
        scripts.add(program);
    }
    let why = userland.lack(program)?;
    // Another byte than it seems, which was told already.
    if program.is_empty() || !program.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    // What comes with no inittab is nobody's wish.
    if line.is_none() && entry.action != Action::Sysinit {
        return None;
    }
    let what = match line {
        Some(_) => format!("`{program}` can't be run: it {}", why.words()),
        None => format!("BusyBox' init runs {program}, which {}", why.words()),
    };
    let mend = match usual_instead(userland, program) {
        Some(usual) => format!("write {usual}, which is there; or put {program} into the ramdisk"),
        None => userland.mend(program, &why),
    };
    Some(Finding::warning(file, line, what, mend))
}

/// The script that BusyBox' init runs where nothing else is said, when it is
/// there and an inittab names another one that isn't.
fn usual_instead(userland: &Userland<'_>, program: &str) -> Option<&'static str> {
    const USUAL: &str = "/etc/init.d/rcS";
    let other = program.starts_with("/etc/") && program != USUAL;
    (other && userland.files.find(program).is_none() && userland.files.find(USUAL).is_some())
        .then_some(USUAL)
}
