//! What BusyBox' init and its shell complain of, with the ramdisk's own files.

use super::*;

const ELF: &str = "\x7fELF\x01\x01";

/// The files of a user land with BusyBox' init and this inittab.
fn with(
    inittab: &'static str,
    more: &[(&'static str, &'static str, u32)],
) -> &'static [(&'static str, &'static str, u32)] {
    let mut files = vec![
        ("init", "-> /bin/busybox", 0o777),
        ("bin/busybox", ELF, 0o755),
        ("bin/sh", "-> /bin/busybox", 0o777),
        ("proc", "/", 0o555),
        ("etc/fstab", "proc /proc proc defaults 0 0\n", 0o644),
        ("etc/inittab", inittab, 0o644),
    ];
    files.extend(more);
    files.leak()
}

const RC_S: (&str, &str, u32) = ("etc/init.d/rcS", "#!/bin/sh\nmount -a\n", 0o755);
const USUAL: &str = "::sysinit:/etc/init.d/rcS\n::respawn:-/bin/sh\n";

fn case(console: &'static str, files: &'static [(&'static str, &'static str, u32)]) -> Case {
    let checks = vec![CheckRecord {
        name: "up".to_owned(),
        via: recipe::plan::Via::Channel,
        outcome: CheckOutcome::Failed,
        seconds: Some(0.1),
        detail: "ended with status 1; it printed: cat: can't open '/proc/version': No such file or directory"
            .to_owned(),
    }];
    Case {
        console,
        files,
        checks,
        outcome: Outcome::CheckFailed,
        ..Case::default()
    }
}

#[test]
fn an_inittab_that_names_a_program_which_is_not_there() {
    let console = "can't run '/etc/init.d/rc': No such file or directory\n";
    let inittab = "::sysinit:/etc/init.d/rc\n::askfirst:/bin/sh\n";
    let files = with(inittab, &[RC_S]);
    case(console, files).told(
        "inittab-program-missing",
        &[
            "/etc/inittab starts /etc/init.d/rc",
            "line 1: ::sysinit",
            "write /etc/init.d/rcS",
        ],
    );
    case(console, files).not_told("proc-not-mounted");
    let there = with(inittab, &[RC_S, ("etc/init.d/rc", "#!/bin/sh\n", 0o755)]);
    case(console, there).not_told("inittab-program-missing");
    let getty = "can't run '/sbin/getty': No such file or directory\n";
    let files = with("::respawn:/sbin/getty 38400 ttyS0\n", &[]);
    case(getty, files).told("inittab-program-missing", &["add \"getty\" to busybox"]);
    let text = with(inittab, &[("etc/init.d/rc", "mount -a\n", 0o755)]);
    let refused = "can't run '/etc/init.d/rc': Exec format error\n";
    case(refused, text).told("inittab-program-missing", &["first bytes are `mount`"]);
    let other = case(
        "env: can't execute 'job': No such file or directory\n",
        with(USUAL, &[RC_S]),
    );
    other.told(
        "program-missing",
        &["job is started, and isn't in the ramdisk"],
    );
}

#[test]
fn an_inittab_of_system_v() {
    let console = "can't open /dev/si: No such file or directory\nBad inittab entry at line 1\n";
    let inittab = "id:3:initdefault:\nsi::sysinit:/etc/init.d/rcS\n";
    let both = case(console, with(inittab, &[RC_S]));
    both.told(
        "inittab-for-system-v",
        &[
            "no /dev/si",
            "line 2: si::sysinit",
            "leave the first field empty",
        ],
    );
    both.told("inittab-for-system-v", &["`/etc/init.d/rcS` was not run"]);
    both.not_told("proc-not-mounted");
    let causes = both.diagnoses();
    assert!(
        causes
            .iter()
            .any(|one| one.cause.contains("no action `initdefault`")),
        "{causes:#?}"
    );
    let none = case(console, with(USUAL, &[RC_S]));
    none.not_told("inittab-for-system-v");
    let short = case("Bad inittab entry at line 1\n", with("::sysinit\n", &[]));
    short.told("inittab-entry-wrong", &["not complete"]);
    let wrong = case(
        "Bad inittab entry at line 1\n",
        with("::restarts:/x\n", &[]),
    );
    wrong.told("inittab-entry-wrong", &["`restarts` is no action"]);
}

#[test]
fn bytes_of_an_inittab_that_nobody_sees() {
    for (inittab, console, what) in [
        (
            "::sysinit:/etc/init.d/rcS\r\n",
            "can't run '/etc/init.d/rcS\r': No such file or directory\n",
            "carriage return",
        ),
        (
            "::sysinit\u{a0}:/etc/init.d/rcS\n",
            "Bad inittab entry at line 1\n",
            "no-break space",
        ),
        (
            "::once:/etc/init.d/rcS\u{a0}x\n",
            "can't run '/etc/init.d/rcS\u{a0}x': No such file or directory\n",
            "no-break space",
        ),
        (
            "\u{feff}::sysinit:/etc/init.d/rcS\n",
            "can't open /dev/\u{feff}: No such file or directory\n",
            "byte order mark",
        ),
    ] {
        let told = case(console, with(inittab, &[RC_S]));
        told.told("inittab-unseen-byte", &[what, "/etc/inittab, line 1"]);
        told.not_told("proc-not-mounted");
    }
    let seen = case("Bad inittab entry at line 1\n", with(USUAL, &[RC_S]));
    seen.not_told("inittab-unseen-byte");
}

#[test]
fn a_script_that_calls_what_is_not_there() {
    let console = "/etc/init.d/rcS: line 2: mount: not found\n";
    let files = with(USUAL, &[RC_S]);
    case(console, files).told(
        "command-not-found",
        &[
            "/etc/init.d/rcS calls mount, which isn't in the ramdisk",
            "add \"mount\" to busybox",
        ],
    );
    case(console, files).not_told("proc-not-mounted");
    let there = with(USUAL, &[RC_S, ("bin/mount", "-> busybox", 0o777)]);
    case(console, there).not_told("command-not-found");
    for (line, texts) in [
        (
            "/bin/sh: printf: not found\n",
            ["add \"printf\" to busybox", "CONFIG_ASH_PRINTF=y"],
        ),
        (
            "-sh: source: not found\n",
            ["a shell calls source", "CONFIG_ASH_BASH_COMPAT=y"],
        ),
        (
            "/init: exec: line 3: /sbin/daemon: not found\n",
            ["/init calls /sbin/daemon", "put /sbin/daemon"],
        ),
    ] {
        case(line, files).told("command-not-found", &texts);
    }
    let denied = "/etc/init.d/rcS: line 2: /etc/job: Permission denied\n";
    let job = with(USUAL, &[RC_S, ("etc/job", "#!/bin/sh\n", 0o644)]);
    case(denied, job).told("command-not-found", &["mode 0644", "0755"]);
    case("mount: applet not found\n", files)
        .told("applet-not-built", &["called as mount", "add \"mount\""]);
}

#[test]
fn a_proc_that_nobody_mounts_is_told_and_one_that_somebody_mounts_is_not() {
    // rcS mounts it: whatever the trouble is, that is not it.
    case("", with(USUAL, &[RC_S, ("bin/mount", "-> busybox", 0o777)])).not_told("proc-not-mounted");
    let idle = with(USUAL, &[("etc/init.d/rcS", "#!/bin/sh\ntrue\n", 0o755)]);
    case("", idle).told("proc-not-mounted", &["nobody mounted it"]);
    let own: &'static [(&str, &str, u32)] = &[
        ("init", "#!/bin/sh\nexec /bin/sh\n", 0o755),
        ("bin/sh", ELF, 0o755),
        ("proc", "/", 0o555),
        RC_S,
    ];
    case("", own).told(
        "proc-not-mounted",
        &["/etc/init.d/rcS would, but nothing that /init starts runs it"],
    );
    let no_folder: &'static [(&str, &str, u32)] = &[
        ("init", "#!/bin/sh\nmount -t proc proc /proc\n", 0o755),
        ("bin/sh", ELF, 0o755),
    ];
    case("", no_folder).told("proc-not-mounted", &["no folder /proc", "directory = true"]);
}
