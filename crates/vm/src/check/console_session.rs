//! What a person does at the console of a system: letters, mistakes and their
//! mending, Ctrl-C and its like, the shell's own language, and each applet as
//! its help says. [`super::typist`] types it.
//!
//! Nothing that is printed is judged: after each line the shell must answer.

use std::time::Duration;

use recipe::Plan;
use recipe::plan::{BusyboxPlan, CheckKind, CheckPlan, FileKind, Via};

use super::packs;

/// How long a whole session may take, besides its lines.
const LIMIT: Duration = Duration::from_secs(120);

/// How long a line may take, all in all: some wait for an answer of the network.
const LINE_LIMIT: Duration = Duration::from_secs(6);

/// Mistakes and their mending, as a terminal sends them; what a shell without
/// line editing doesn't know, Ctrl-U takes away again.
const EDITING: &[&str] = &[
    "echo letters\r",
    "ecko\x7f\x7fho mistakes\r",
    "echo one twooo\x17two\r",
    "garbage\x15echo another line\r",
    "ab\x1b[D\x1b[C\x01\x05\x1b[A\x1b[B\x1b[H\x1b[F\x1b[3~\x15\r",
    "ls /pro\t\t\x15\r",
    "\x1b[A\r",
    "\x0c\x0b\x02\x06\x10\x0e\x15\r",
    "\r\r\r",
    "half a line\x03",
    "echo stop\x13 and go\x11\r",
    ": 0123456789012345678901234567890123456789012345678901234567890123456789\
     01234567890123456789012345678901234567890123456789012345678901234567890\r",
];

/// What the shell does by itself.
const SHELL: &[&str] = &[
    "echo $$ $? $PATH; pwd; cd /; cd; type cd\r",
    "A=1; export A; echo $A ${A:-x}; unset A; set\r",
    "for i in 1 2 3; do echo $i; done; while false; do :; done\r",
    "if test -e /proc; then echo yes; else echo no; fi; case a in b) ;; *) ;; esac\r",
    "f() { echo in $1; }; f function; (echo subshell; exit 3); echo $?\r",
    "echo a | read B; X=$(echo inner); echo $X `echo old`\r",
    "echo text >/session; echo more >>/session; read L </session; echo $L\r",
    "umask; ulimit -a; times; trap; alias; jobs; hash\r",
    "no-such-command; echo $?; /no/such/file; /proc; cd /nowhere; . /nowhere\r",
    ">/no/folder/file; </no/file; echo x >/proc/version\r",
    "kill -0 $$; kill -0 99999; trap 'echo told' USR1; kill -USR1 $$; trap - USR1\r",
    "(exit 7) & wait $!; echo $?; echo /* /proc/1/*\r",
    "exec 3</proc/version; read L <&3; exec 3<&-; echo $L\r",
    "\x04",
    "exit\r",
];

/// What a person does to a program that runs.
const INTERRUPTING: &[&str] = &[
    "(while :; do :; done)\r\0\x03",
    "read L\r\0some text\r",
    "read L\r\0\x04",
];

const INTERRUPTING_SLEEP: &[&str] = &[
    "sleep 100\r\0\x03",
    "sleep 100\r\0\x1c",
    "sleep 1\rtyped ahead\x15\r",
    "sleep 100 & kill $!; wait\r",
];

/// With job control.
const JOBS: &[&str] = &[
    "sleep 100\r\0\x1a",
    "jobs; bg; jobs; fg\r\0\x03",
    "sleep 2 & fg\r",
];

/// How each applet is used: what its help names first, and its first error.
const APPLETS: &[(&str, &[&str])] = &[
    (
        "cat",
        &[
            "cat /proc/version /proc/uptime\r",
            "cat /nowhere\r",
            "cat\rsome\r\x04",
            "cat\r\0\x03",
        ],
    ),
    (
        "ls",
        &[
            "ls\r",
            "ls -la /\r",
            "ls -lR /etc\r",
            "ls -l /dev /proc/1\r",
            "ls /nowhere\r",
        ],
    ),
    ("ps", &["ps\r"]),
    ("free", &["free\r"]),
    ("sleep", &["sleep 1\r", "sleep x\r"]),
    ("mount", &["mount\r", "mount -t no-such-type none /\r"]),
    (
        "ifconfig",
        &[
            "ifconfig\r",
            "ifconfig -a\r",
            "ifconfig lo\r",
            "ifconfig no0\r",
        ],
    ),
    ("route", &["route -n\r", "route\r"]),
    (
        "ping",
        &[
            "ping -c 2 10.0.2.2\r",
            "ping 10.0.2.2\r\0\0\0\x03",
            "ping -c 1 127.0.0.1\r",
        ],
    ),
    (
        "wget",
        &["wget -O /dev/null http://10.0.2.2:9/\r", "wget\r"],
    ),
    ("echo", &["echo -n no end; echo -e 'a\\tb'\r"]),
    (
        "grep",
        &["grep version /proc/version\r", "grep x /nowhere\r"],
    ),
    ("sed", &["sed s/a/b/ /proc/version\r"]),
    ("head", &["head -n 1 /proc/mounts\r"]),
    ("tail", &["tail -n 1 /proc/mounts\r"]),
    ("wc", &["wc /proc/version\r"]),
    ("sort", &["sort /proc/mounts\r"]),
    ("cp", &["cp /proc/version /session-copy\r"]),
    ("mv", &["mv /session-copy /session-moved\r"]),
    ("rm", &["rm -f /session /session-moved; rm /nowhere\r"]),
    ("mkdir", &["mkdir /session-folder; mkdir /proc/x\r"]),
    ("rmdir", &["rmdir /session-folder; rmdir /proc\r"]),
    ("touch", &["touch /session-touched\r"]),
    ("ln", &["ln -s /proc /session-link\r"]),
    ("chmod", &["chmod 600 /session-touched\r"]),
    ("chown", &["chown 1:1 /session-touched\r"]),
    ("date", &["date\r"]),
    ("uname", &["uname -a\r"]),
    ("hostname", &["hostname\r"]),
    ("dmesg", &["dmesg\r"]),
    ("df", &["df\r"]),
    ("du", &["du /etc\r"]),
    ("find", &["find /etc\r"]),
    ("id", &["id\r"]),
    ("uptime", &["uptime\r"]),
    ("top", &["top\r\0q"]),
    ("vi", &["vi /session-text\r\0ia line\x1b\0:wq\r"]),
    ("more", &["more /proc/version\r"]),
    ("less", &["less /proc/version\r\0q"]),
    ("dd", &["dd if=/dev/zero of=/dev/null bs=1k count=4\r"]),
    ("netstat", &["netstat -an\r"]),
    ("ip", &["ip addr; ip route; ip link\r"]),
    ("stty", &["stty -a\r"]),
    ("clear", &["clear\r"]),
    ("reset", &["reset\r"]),
    ("kill", &["kill -l\r"]),
    ("test", &["test 1 -lt 2; [ -f /nowhere ]\r"]),
    ("seq", &["seq 3\r"]),
    ("true", &["true\r"]),
    ("which", &["which sh\r"]),
];

/// A session at a system's console; `None` where no shell is started there.
pub fn session(plan: &Plan) -> Option<CheckPlan> {
    let busybox = plan.userland.busybox.as_ref()?;
    if !starts_a_shell(plan) {
        return None;
    }
    Some(check("console-session", lines(busybox)))
}

/// A session that uses every applet as its manual says, rightly and wrongly;
/// `None` where no shell is started at the console.
pub fn uses(plan: &Plan) -> Option<CheckPlan> {
    let busybox = plan.userland.busybox.as_ref()?;
    if !starts_a_shell(plan) {
        return None;
    }
    let mut lines = packs::SHELL.to_vec();
    lines.extend(of_applets(busybox, packs::APPLETS));
    Some(check("uses", lines))
}

fn check(name: &str, lines: Vec<&str>) -> CheckPlan {
    CheckPlan {
        name: name.to_owned(),
        timeout: LIMIT + LINE_LIMIT * lines.len() as u32,
        kind: CheckKind::Session {
            lines: lines.into_iter().map(str::to_owned).collect(),
        },
        via: Via::Console,
    }
}

/// The lines of those applets that a system has.
fn of_applets(busybox: &BusyboxPlan, all: &[(&str, &'static [&'static str])]) -> Vec<&'static str> {
    let has = |applet: &str| busybox.defconfig || busybox.applets.iter().any(|a| a == applet);
    let used = all.iter().filter(|(applet, _)| has(applet));
    used.flat_map(|(_, lines)| lines.iter().copied()).collect()
}

fn lines(busybox: &BusyboxPlan) -> Vec<&'static str> {
    let has_sleep = busybox.defconfig || busybox.applets.iter().any(|a| a == "sleep");
    let has_jobs = busybox.defconfig
        || busybox.usual
        || busybox
            .requests
            .iter()
            .any(|r| r.symbol == "ASH_JOB_CONTROL" && r.value == "y");
    let mut lines = EDITING.to_vec();
    lines.extend(INTERRUPTING);
    if has_sleep {
        lines.extend(INTERRUPTING_SLEEP);
        if has_jobs {
            lines.extend(JOBS);
        }
    }
    lines.extend(of_applets(busybox, APPLETS));
    // Last: it ends with the shell's own end.
    lines.extend(SHELL);
    lines
}

/// Whether the system's inittab keeps a shell on the console (BusyBox's
/// `examples/inittab`: `ID:RUNLEVELS:ACTION:PROCESS`).
fn starts_a_shell(plan: &Plan) -> bool {
    let inittab = plan.userland.files.iter().rev();
    let text = inittab
        .filter(|file| file.to == "/etc/inittab")
        .find_map(|file| match &file.kind {
            FileKind::Text(text) => Some(text.clone()),
            _ => None,
        });
    text.is_some_and(|text| text.lines().any(is_shell))
}

fn is_shell(line: &str) -> bool {
    let mut fields = line.trim().splitn(4, ':');
    let (id, _, action, process) = (fields.next(), fields.next(), fields.next(), fields.next());
    let on_console = id.is_some_and(|id| id.is_empty() || id.starts_with("tty") || id == "console");
    let stays = matches!(action, Some("respawn" | "askfirst"));
    let program = process.and_then(|process| process.split_whitespace().next());
    let name = program.map(|p| p.trim_start_matches('-').rsplit('/').next().unwrap_or(p));
    on_console && stays && matches!(name, Some("sh" | "ash" | "hush" | "bash"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::typist::PAUSE_KEY;

    #[test]
    fn a_shell_that_init_keeps_is_found() {
        for (line, is) in [
            ("::respawn:-/bin/sh", true),
            ("ttyS0::askfirst:/bin/ash -l", true),
            ("::sysinit:/bin/sh", false),
            ("::respawn:/sbin/getty 115200 ttyS0", false),
            ("# ::respawn:/bin/sh", false),
            ("", false),
        ] {
            assert_eq!(is_shell(line), is, "{line}");
        }
    }

    #[test]
    fn a_line_ends_or_interrupts_and_fits_a_terminal() {
        let all = APPLETS.iter().chain(packs::APPLETS);
        let all = all.flat_map(|(_, lines)| lines.iter());
        let fixed = [
            EDITING,
            SHELL,
            INTERRUPTING,
            INTERRUPTING_SLEEP,
            JOBS,
            packs::SHELL,
        ];
        for line in all.chain(fixed.concat().iter()) {
            assert!(line.len() < 255, "{line:?}");
            assert!(!line.starts_with(PAUSE_KEY), "{line:?}");
        }
    }
}
