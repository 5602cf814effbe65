//! The keys of a recipe, table by table.

use crate::table::{Family, Schema};

pub(super) static TOP: Schema = Schema {
    header: "",
    keys: &[
        "name",
        "board",
        "security",
        "kernel",
        "hardware",
        "userland",
        "ramdisk",
        "root",
        "network",
        "machine",
        "check",
        "exercise",
        "budget",
        "prune",
        "adversity",
    ],
};
pub(super) static KERNEL: Schema = Schema {
    header: "[kernel]",
    keys: &[
        "version",
        "path",
        "sources",
        "config",
        "fragments",
        "options",
        "must",
        "must-not",
        "modules",
        "patches",
        "device-tree",
        "toolchain",
        "cflags",
        "compress",
        "cmdline",
    ],
};
pub(super) static HARDWARE: Schema = Schema {
    header: "[hardware]",
    keys: &["also", "as"],
};
pub(super) static USERLAND: Schema = Schema {
    header: "[userland]",
    keys: &[
        "busybox",
        "busybox-version",
        "busybox-path",
        "busybox-sources",
        "busybox-options",
        "busybox-usual",
        "folder",
        "from",
        "command",
        "libc",
        "libc-version",
        "libc-path",
        "libc-sources",
        "init",
        "file",
    ],
};
pub(super) static SOURCE: Schema = Schema {
    header: "one of `sources`",
    keys: &["from", "url", "git", "path", "sha256", "commit"],
};
pub(super) static INIT: Schema = Schema {
    header: "init in [userland]",
    keys: &["inittab", "rcS", "fstab", "path"],
};
pub(super) static INIT_FILE: Schema = Schema {
    header: "a file of init",
    keys: &["text"],
};
pub(super) static FILE: Schema = Schema {
    header: "[[userland.file]]",
    keys: &[
        "to",
        "text",
        "from",
        "compile",
        "symlink",
        "directory",
        "char",
        "block",
        "mode",
        "owner",
    ],
};
pub(super) static RAMDISK: Schema = Schema {
    header: "[ramdisk]",
    keys: &["compress", "placement"],
};
pub(super) static ROOT: Schema = Schema {
    header: "[root]",
    keys: &[
        "filesystem",
        "on",
        "access",
        "compress",
        "size",
        "image",
        "partition",
        "data",
    ],
};
pub(super) static ROOT_DATA: Schema = Schema {
    header: "[root.data]",
    keys: &["filesystem", "size", "mount"],
};
pub(super) static NETWORK: Schema = Schema {
    header: "[network]",
    keys: &["mode", "nic", "address", "gateway", "nameserver"],
};
pub(super) static MACHINE: Schema = Schema {
    header: "[machine]",
    keys: &[
        "memory",
        "timeout",
        "silence",
        "cpu",
        "cpus",
        "console",
        "channel",
        "load",
        "load-timeout",
        "power",
        "labgrid",
        "labgrid-environment",
    ],
};
pub(super) static CHECK: Schema = Schema {
    header: "[[check]]",
    keys: &[
        "name", "run", "expect", "match", "fetch", "dhcp", "ping", "echo", "serve", "http",
        "sleep", "timeout", "via",
    ],
};
pub(super) static FETCH: Schema = Schema {
    header: "fetch of a [[check]]",
    keys: &["size", "command"],
};
pub(super) static DHCP: Schema = Schema {
    header: "dhcp of a [[check]]",
    keys: &["interface"],
};
pub(super) static PING: Schema = Schema {
    header: "ping of a [[check]]",
    keys: &["to", "count", "command"],
};
pub(super) static ECHO: Schema = Schema {
    header: "echo of a [[check]]",
    keys: &["tcp", "udp", "size"],
};
pub(super) static SERVE: Schema = Schema {
    header: "serve of a [[check]]",
    keys: &["tcp", "udp", "send", "expect", "match", "at-once", "call"],
};
pub(super) static HTTP: Schema = Schema {
    header: "http of a [[check]]",
    keys: &[
        "port", "path", "status", "sha256", "expect", "match", "at-once", "call",
    ],
};
pub(super) static SLEEP: Schema = Schema {
    header: "sleep of a [[check]]",
    keys: &["run", "at-least", "at-most"],
};
pub(super) static EXERCISE: Schema = Schema {
    header: "[[exercise]]",
    keys: &["run", "timeout"],
};
pub(super) static BUDGET: Schema = Schema {
    header: "[budget]",
    keys: &["image", "ramdisk", "total", "ram"],
};
pub(super) static PRUNE: Schema = Schema {
    header: "[prune]",
    keys: &[
        "level",
        "keep",
        "drop",
        "whole-functions",
        "names",
        "on-trap",
        "missing",
        "reserve",
        "certificate",
    ],
};
pub(super) static ADVERSITY: Schema = Schema {
    header: "[adversity]",
    keys: &["survive"],
};

/// All kinds of tables of a recipe.
pub static SCHEMAS: Family = &[
    &TOP, &KERNEL, &HARDWARE, &USERLAND, &SOURCE, &INIT, &INIT_FILE, &FILE, &RAMDISK, &ROOT,
    &ROOT_DATA, &NETWORK, &MACHINE, &CHECK, &FETCH, &DHCP, &PING, &ECHO, &SERVE, &HTTP, &SLEEP,
    &EXERCISE, &BUDGET, &PRUNE, &ADVERSITY,
];
