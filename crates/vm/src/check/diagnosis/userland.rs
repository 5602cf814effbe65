//! What the user land complains about.

use record::Diagnosis;

use startup::foresee::{self, Userland};
use startup::program::Abilities;

use super::listing::Listing;
use super::{Known, diagnosis};

/// `explained`: whether the user land's own files are shown to be the cause of
/// what isn't mounted.
pub(super) fn diagnose(known: &Known<'_>, explained: bool) -> Vec<Diagnosis> {
    let proc = no_proc(known, explained);
    [no_tty(known), proc, no_console_device(known)]
        .into_iter()
        .flatten()
        .collect()
}

/// shell/ash.c, setjobctl(): /dev/tty can't be opened by a process without a
/// controlling terminal.
fn no_tty(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("can't access tty")?;
    Some(diagnosis(
        "no-controlling-tty",
        "the shell on the console has no controlling terminal: Ctrl-C and job control don't work",
        [line],
        "let BusyBox' init start it (::respawn:-/bin/sh in the inittab), or in a script of your \
         own `exec setsid cttyhack sh`; everything else works without",
    ))
}

/// A file below `/proc` that isn't there: with the kernel's own, because nobody
/// mounted it.
fn no_proc(known: &Known<'_>, explained: bool) -> Option<Diagnosis> {
    let mut lines = known.console.lines().map(str::to_owned);
    let about = |line: &str| line.contains("/proc/") && line.contains("No such file or directory");
    let on_console = lines.find(|line| about(line));
    let line = on_console
        .map(|line| format!("the console: {}", line.trim()))
        .or_else(|| known.line("/proc/").filter(|line| about(line)))?;
    if !known.on("PROC_FS") {
        return Some(diagnosis(
            "no-proc-support",
            "programs look into /proc, which the kernel doesn't have",
            [line, known.setting("PROC_FS")],
            "ask for CONFIG_PROC_FS=y in [kernel]",
        ));
    }
    let ramdisk = known.ramdisk?;
    if ramdisk.files.find("/proc").is_none() {
        return Some(diagnosis(
            "proc-not-mounted",
            "/proc is not mounted",
            [
                line,
                "the kernel has /proc, but the ramdisk has no folder /proc to mount it at"
                    .to_owned(),
            ],
            "add the folder: [[userland.file]] with to = \"/proc\", directory = true",
        ));
    }
    // Who does mount it has another trouble: its command may never be reached.
    let mounter = foresee::mounts(&userland(known, ramdisk), "/proc");
    if explained || mounter.is_some() {
        return None;
    }
    let mut evidence = vec![
        line,
        "the kernel has /proc and the ramdisk a folder for it: nobody mounted it".to_owned(),
    ];
    let idle = idle_rc(ramdisk);
    evidence.extend(
        idle.map(|rc| format!("{rc} would, but nothing that {} starts runs it", known.init)),
    );
    Some(diagnosis(
        "proc-not-mounted",
        "/proc is not mounted",
        evidence,
        match idle {
            Some(rc) => format!(
                "`mount -t proc proc /proc` in {}, or run {rc} from there",
                known.init
            ),
            None => "mount it early: `mount -t proc proc /proc` in rcS, or a line of /etc/fstab \
                     and `mount -a`"
                .to_owned(),
        },
    ))
}

/// The ramdisk as what it starts by.
fn userland<'a>(known: &'a Known<'_>, ramdisk: &'a Listing) -> Userland<'a> {
    Userland {
        files: &ramdisk.files,
        busybox: None,
        abilities: Abilities::default(),
        cmdline: known.cmdline,
        default_init: false,
    }
}

/// A start script that is there; who asks knows that nothing runs it.
fn idle_rc(ramdisk: &Listing) -> Option<&'static str> {
    const RC: &str = "/etc/init.d/rcS";
    ramdisk.files.find(RC).map(|_| RC)
}

/// init/main.c, console_on_rootfs().
fn no_console_device(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("unable to open an initial console")?;
    let ramdisk = known.ramdisk?;
    if ramdisk.files.find("/dev/console").is_some() {
        return None;
    }
    Some(diagnosis(
        "no-console-device",
        "init runs without a console: the ramdisk has no /dev/console",
        [line, "the ramdisk has no /dev/console".to_owned()],
        "add it: [[userland.file]] with to = \"/dev/console\", char = \"5:1\", mode = \"0600\"",
    ))
}
