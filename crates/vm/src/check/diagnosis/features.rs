//! Options of BusyBox that a command needs, by what BusyBox says without them.

use record::Diagnosis;

use super::{Known, diagnosis};

/// What BusyBox says, and the option that takes it away. What getopt(3) says is
/// written as glibc's does and stands for musl's words, too: `invalid option --
/// 'z'` for `unrecognized option: z`, with no letter for any.
const SAID: &[(&str, &str)] = &[
    ("support for $((arith)) is disabled", "FEATURE_SH_MATH"),
    (
        "you disabled math support for $((arith)) syntax",
        "FEATURE_SH_MATH",
    ),
    ("not an http or ftp url: https:", "FEATURE_WGET_HTTPS"),
    ("find: unrecognized: -type", "FEATURE_FIND_TYPE"),
    ("find: unrecognized: -exec", "FEATURE_FIND_EXEC"),
    ("find: unrecognized: -maxdepth", "FEATURE_FIND_MAXDEPTH"),
    ("find: unrecognized: -mtime", "FEATURE_FIND_MTIME"),
    ("find: unrecognized: -size", "FEATURE_FIND_SIZE"),
    ("find: unrecognized: -delete", "FEATURE_FIND_DELETE"),
    ("find: unrecognized: -perm", "FEATURE_FIND_PERM"),
    ("find: unrecognized: -newer", "FEATURE_FIND_NEWER"),
    ("find: unrecognized: -path", "FEATURE_FIND_PATH"),
    ("find: unrecognized: -prune", "FEATURE_FIND_PRUNE"),
    ("find: unrecognized: -print0", "FEATURE_FIND_PRINT0"),
    ("find: unrecognized: !", "FEATURE_FIND_NOT"),
    ("find: unrecognized: -not", "FEATURE_FIND_NOT"),
    ("find: unrecognized: (", "FEATURE_FIND_PAREN"),
    ("tar: invalid option -- 'z'", "FEATURE_SEAMLESS_GZ"),
    ("tar: invalid option -- 'j'", "FEATURE_SEAMLESS_BZ2"),
    ("tar: invalid option -- 'J'", "FEATURE_SEAMLESS_XZ"),
    ("tar: invalid option -- 'c'", "FEATURE_TAR_CREATE"),
    ("tar: unrecognized option", "FEATURE_TAR_LONG_OPTIONS"),
    ("head: invalid option -- 'c'", "FEATURE_FANCY_HEAD"),
    ("head: invalid option -- '", "INCLUDE_SUSv2"),
    ("tail: invalid option -- '", "FEATURE_FANCY_TAIL"),
    ("wget: invalid option -- 'T'", "FEATURE_WGET_TIMEOUT"),
    ("wget: unrecognized option", "FEATURE_WGET_LONG_OPTIONS"),
    ("ping: invalid option -- '", "FEATURE_FANCY_PING"),
    ("mount: invalid option -- 'a'", "FEATURE_MOUNT_FSTAB"),
    ("umount: invalid option -- 'a'", "FEATURE_UMOUNT_ALL"),
    ("ls: invalid option -- 'R'", "FEATURE_LS_RECURSIVE"),
    ("ls: invalid option -- 't'", "FEATURE_LS_TIMESTAMPS"),
    ("ls: invalid option -- 'c'", "FEATURE_LS_TIMESTAMPS"),
    ("ls: invalid option -- 'S'", "FEATURE_LS_SORTFILES"),
    ("ls: invalid option -- 'X'", "FEATURE_LS_SORTFILES"),
    ("ls: invalid option -- 'v'", "FEATURE_LS_SORTFILES"),
    ("ls: invalid option -- 'r'", "FEATURE_LS_SORTFILES"),
    ("ls: invalid option -- 'F'", "FEATURE_LS_FILETYPES"),
    ("ls: invalid option -- 'p'", "FEATURE_LS_FILETYPES"),
    ("ls: invalid option -- 'L'", "FEATURE_LS_FOLLOWLINKS"),
    ("ls: invalid option -- 'w'", "FEATURE_LS_WIDTH"),
    ("ls: invalid option -- 'h'", "FEATURE_HUMAN_READABLE"),
    ("ls: unrecognized option '--color", "FEATURE_LS_COLOR"),
    ("df: invalid option -- 'h'", "FEATURE_HUMAN_READABLE"),
    ("df: invalid option -- '", "FEATURE_DF_FANCY"),
    ("du: invalid option -- 'h'", "FEATURE_HUMAN_READABLE"),
    ("free: invalid option -- 'h'", "FEATURE_HUMAN_READABLE"),
    ("grep: invalid option -- 'A'", "FEATURE_GREP_CONTEXT"),
    ("grep: invalid option -- 'B'", "FEATURE_GREP_CONTEXT"),
    ("grep: invalid option -- 'C'", "FEATURE_GREP_CONTEXT"),
    ("sort: invalid option -- '", "FEATURE_SORT_BIG"),
    ("stat: invalid option -- 'c'", "FEATURE_STAT_FORMAT"),
    ("stat: invalid option -- 'f'", "FEATURE_STAT_FILESYSTEM"),
    ("date: invalid option -- 'I'", "FEATURE_DATE_ISOFMT"),
    ("date: invalid option -- 'D'", "FEATURE_DATE_ISOFMT"),
    ("sleep: invalid number '", "FEATURE_FANCY_SLEEP"),
    ("cp: unrecognized option", "FEATURE_CP_LONG_OPTIONS"),
    ("mkdir: unrecognized option", "LONG_OPTS"),
    (
        "install: unrecognized option",
        "FEATURE_INSTALL_LONG_OPTIONS",
    ),
    ("ps: invalid option -- 'w'", "FEATURE_PS_WIDE"),
    ("ps: invalid option -- '", "DESKTOP"),
    ("ifconfig: invalid argument 'hw'", "FEATURE_IFCONFIG_HW"),
    ("ifconfig: bad address 'hw'", "FEATURE_IFCONFIG_HW"),
    (
        "ifconfig: bad address 'broadcast'",
        "FEATURE_IFCONFIG_BROADCAST_PLUS",
    ),
    ("dd: invalid argument 'ibs", "FEATURE_DD_IBS_OBS"),
    ("dd: invalid argument 'obs", "FEATURE_DD_IBS_OBS"),
    ("dd: invalid argument 'conv", "FEATURE_DD_IBS_OBS"),
    ("dd: invalid argument 'iflag", "FEATURE_DD_IBS_OBS"),
    ("dd: invalid argument 'status", "FEATURE_DD_STATUS"),
    ("mdev: invalid option -- 'd'", "FEATURE_MDEV_DAEMON"),
    (
        "xargs: invalid option -- '0'",
        "FEATURE_XARGS_SUPPORT_ZERO_TERM",
    ),
    (
        "xargs: invalid option -- 'I'",
        "FEATURE_XARGS_SUPPORT_REPL_STR",
    ),
    (
        "xargs: invalid option -- 't'",
        "FEATURE_XARGS_SUPPORT_QUOTES",
    ),
    ("syslogd: invalid option -- 'C'", "FEATURE_IPC_SYSLOG"),
    ("syslogd: invalid option -- 'R'", "FEATURE_REMOTE_LOG"),
    ("touch: invalid option -- 'd'", "FEATURE_TOUCH_SUSV3"),
    ("touch: invalid option -- 't'", "FEATURE_TOUCH_SUSV3"),
    ("touch: invalid option -- 'r'", "FEATURE_TOUCH_SUSV3"),
    ("readlink: invalid option -- 'f'", "FEATURE_READLINK_FOLLOW"),
    ("swapon: invalid option -- 'd'", "FEATURE_SWAPON_DISCARD"),
    ("swapon: invalid option -- 'p'", "FEATURE_SWAPON_PRI"),
    ("pidof: invalid option -- 's'", "FEATURE_PIDOF_SINGLE"),
    ("nc: invalid option -- 'l'", "NC_SERVER"),
    ("nc: invalid option -- '", "NC_EXTRA"),
    ("netstat: invalid option -- 'p'", "FEATURE_NETSTAT_PRG"),
    ("awk: math support is not compiled in", "FEATURE_AWK_LIBM"),
    ("Math support is not compiled in", "FEATURE_AWK_LIBM"),
    ("chown: invalid option -- 'c'", "DESKTOP"),
    ("udhcpc: invalid option -- 'P'", "FEATURE_UDHCP_PORT"),
    ("udhcpc: invalid option -- 'a'", "FEATURE_UDHCPC_ARPING"),
];

/// Objects of BusyBox' `ip` and their options (networking/ip.c).
const IP_OBJECTS: &[(&str, &str)] = &[
    ("addr", "FEATURE_IP_ADDRESS"),
    ("link", "FEATURE_IP_LINK"),
    ("route", "FEATURE_IP_ROUTE"),
    ("tunnel", "FEATURE_IP_TUNNEL"),
    ("rule", "FEATURE_IP_RULE"),
    ("neigh", "FEATURE_IP_NEIGH"),
];

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let mut all: Vec<Diagnosis> = Vec::new();
    // BusyBox says so: another program's words are another matter.
    let busybox = known.ramdisk.is_some_and(|ramdisk| {
        let mut paths = ramdisk.files.iter().map(|(path, _)| path);
        paths.any(|path| path.ends_with("/busybox"))
    });
    for (who, line) in known.printed().into_iter().filter(|_| busybox) {
        let Some(option) = option(line) else {
            continue;
        };
        let cause = format!("BusyBox is built without CONFIG_{option}, which a command needs");
        if all.iter().all(|one| one.cause != cause) {
            all.push(diagnosis(
                "busybox-option-off",
                cause,
                [
                    format!("{who}: {}", line.trim()),
                    "the words are BusyBox' own, for an option that it is built without".to_owned(),
                ],
                format!("busybox-options = \"CONFIG_{option}=y\" in [userland]"),
            ));
        }
    }
    all
}

fn option(line: &str) -> Option<&'static str> {
    let said = SAID.iter().find(|(text, _)| fits(line, text));
    let ip = || {
        let object = line.split("ip: invalid argument '").nth(1)?;
        let found = IP_OBJECTS.iter().find(|(name, _)| object.starts_with(name));
        found.map(|(_, option)| *option)
    };
    said.map(|(_, option)| *option).or_else(ip)
}

/// Whether a line has the words of a row, as either C library says them.
fn fits(line: &str, text: &str) -> bool {
    if says(line, text) {
        return true;
    }
    let (applet, wanted, short) = match text.split_once(": invalid option -- '") {
        Some((applet, letter)) => (applet, letter.trim_end_matches('\''), true),
        None => match text.split_once(": unrecognized option") {
            Some((applet, word)) => (applet, word.trim_start_matches(" '--"), false),
            None => return false,
        },
    };
    // musl says the same of a letter and of a word (src/misc/getopt.c).
    let start = format!("{applet}: unrecognized option: ");
    let Some(at) = line.find(&start).filter(|_| says(line, &start)) else {
        return false;
    };
    let told = line[at + start.len()..].split_whitespace().next();
    let told = told.unwrap_or_default();
    (told.chars().count() == 1) == short && (wanted.is_empty() || told == wanted)
}

/// Whether a line has a text, at its beginning or behind a word's end.
fn says(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_ascii_alphanumeric())
    })
}
