//! What the user land complains about.

use record::Diagnosis;

use super::{Known, diagnosis};

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    [no_tty(known), no_proc(known), no_console_device(known)]
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

fn no_proc(known: &Known<'_>) -> Option<Diagnosis> {
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
    let folder = known
        .ramdisk
        .is_some_and(|ramdisk| ramdisk.find("/proc").is_some());
    let evidence = if folder {
        "the kernel has /proc and the ramdisk a folder for it: nobody mounted it"
    } else {
        "the kernel has /proc, but the ramdisk has no folder /proc to mount it at"
    };
    Some(diagnosis(
        "proc-not-mounted",
        "/proc is not mounted",
        [line, evidence.to_owned()],
        "mount it early: `mount -t proc proc /proc` in rcS, or a line of /etc/fstab and `mount -a`",
    ))
}

/// init/main.c, console_on_rootfs().
fn no_console_device(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("unable to open an initial console")?;
    let ramdisk = known.ramdisk?;
    if ramdisk.find("/dev/console").is_some() {
        return None;
    }
    Some(diagnosis(
        "no-console-device",
        "init runs without a console: the ramdisk has no /dev/console",
        [line, "the ramdisk has no /dev/console".to_owned()],
        "add it: [[userland.file]] with to = \"/dev/console\", char = \"5:1\", mode = \"0600\"",
    ))
}
