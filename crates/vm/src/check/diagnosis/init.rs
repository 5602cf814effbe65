//! Why the system's init could not be started, or did not stay.

use std::sync::LazyLock;

use record::Diagnosis;
use regex::Regex;

use super::listing::{Elf, Listing, Node, NodeKind};
use super::{Known, diagnosis};

const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;
const EACCES: i32 = 13;

/// init/main.c: run_init_process() and kernel_init().
static REFUSED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:Failed to execute|Requested init|check access for rdinit=) ?(\S+) ?(?:failed)?:? ?\(?(?:error )?-(\d+)\)?").ok()
});

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let mut all: Vec<Diagnosis> = refused(known).into_iter().collect();
    if all.is_empty() {
        all.extend(ended(known).or_else(|| no_root(known)));
    }
    all
}

/// The init that was refused, its errno, and what shows it.
fn refusal(known: &Known<'_>) -> Option<(String, i32, String)> {
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

fn refused(known: &Known<'_>) -> Option<Diagnosis> {
    let (path, errno, line) = refusal(known)?;
    let ramdisk = known.ramdisk?;
    let Some(node) = ramdisk.find(&path) else {
        return (errno == ENOENT).then(|| missing(ramdisk, &path, line));
    };
    match errno {
        EACCES => not_executable(node, &path, line),
        ENOENT => lacks_something(ramdisk, node, &path, line),
        ENOEXEC => refused_kind(known, node, &path, line),
        _ => None,
    }
}

fn missing(ramdisk: &Listing, path: &str, line: String) -> Diagnosis {
    if let Some(wrong) = wrong_folder(ramdisk, path, &line) {
        return wrong;
    }
    let shown = match ramdisk.node(path).map(|node| &node.kind) {
        Some(NodeKind::Link(to)) => {
            format!("the ramdisk: {path} is a link to {to}, which isn't there")
        }
        _ => format!("the ramdisk has no {path}"),
    };
    diagnosis(
        "no-init",
        format!("there is no init: {path} isn't in the ramdisk"),
        [line, shown],
        "add busybox = [\"sh\", \"init\"] or init = { path = \"FILE\" } to [userland], or a file of that name",
    )
}

/// Everything stands below one folder that has what the top should have.
pub(super) fn wrong_folder(ramdisk: &Listing, init: &str, line: &str) -> Option<Diagnosis> {
    let top = ramdisk.only_folder()?;
    let inner = format!("{top}{init}");
    ramdisk.node(&inner)?;
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

fn not_executable(node: &Node, path: &str, line: String) -> Option<Diagnosis> {
    let what = match node.kind {
        NodeKind::Directory => "is a folder".to_owned(),
        _ if node.mode & 0o111 == 0 => format!("has the mode {:04o}", node.mode),
        _ => return None,
    };
    Some(diagnosis(
        "init-not-executable",
        format!("{path} may not be executed"),
        [line, format!("the ramdisk: {path} {what}")],
        "give it mode = \"0755\", or chmod +x the file in your folder",
    ))
}

/// The file is there, and yet "No such file": what it needs isn't.
fn lacks_something(ramdisk: &Listing, node: &Node, path: &str, line: String) -> Option<Diagnosis> {
    match &node.kind {
        NodeKind::Elf(Elf {
            loader: Some(loader),
            ..
        }) if ramdisk.find(loader).is_none() => Some(diagnosis(
            "init-without-its-loader",
            format!("{path} is linked dynamically, and its loader isn't in the ramdisk"),
            [
                line,
                format!("{path} asks for {loader}, which the ramdisk lacks"),
            ],
            "link it statically (-static), or put the loader and the libraries into the ramdisk",
        )),
        NodeKind::Script(head) => {
            let interpreter = head.trim().split([' ', '\t']).next().unwrap_or_default();
            if head.ends_with('\r') {
                return Some(diagnosis(
                    "script-with-dos-line-ends",
                    format!("{path} has the line ends of DOS"),
                    [
                        line,
                        format!(
                            "its first line is {:?}: the kernel looks for a program with a carriage return in its name",
                            format!("#!{head}")
                        ),
                    ],
                    "convert it, for instance by sed -i 's/\\r$//'",
                ));
            }
            if ramdisk.find(interpreter).is_some() {
                return None;
            }
            Some(diagnosis(
                "script-without-its-interpreter",
                format!("{path} is a script for {interpreter}, which isn't in the ramdisk"),
                [line, format!("{path} begins with #!{}", head.trim())],
                format!(
                    "put {interpreter} into the ramdisk, or name one that is there, such as #!/bin/sh"
                ),
            ))
        }
        _ => None,
    }
}

/// ENOEXEC: the kernel knows no way to run such a file.
fn refused_kind(known: &Known<'_>, node: &Node, path: &str, line: String) -> Option<Diagnosis> {
    match &node.kind {
        NodeKind::Script(head) if !known.on("BINFMT_SCRIPT") => Some(diagnosis(
            "script-without-support",
            format!("{path} is a script, and the kernel can't run scripts"),
            [
                line,
                format!("{path} begins with #!{}", head.trim()),
                known.setting("BINFMT_SCRIPT"),
            ],
            "ask for CONFIG_BINFMT_SCRIPT=y in [kernel]",
        )),
        NodeKind::Elf(elf) => {
            let kernel = known.kernel.as_ref()?;
            if !elf.same_machine(kernel) {
                return Some(diagnosis(
                    "init-for-another-machine",
                    format!("{path} is a program for {}", elf.machine_name()),
                    [
                        line,
                        format!(
                            "{path} is for {} ({} bits), the kernel for {} ({} bits)",
                            elf.machine_name(),
                            elf.bits,
                            kernel.machine_name(),
                            kernel.bits
                        ),
                    ],
                    "compile it for the board's architecture",
                ));
            }
            (!known.on("BINFMT_ELF")).then(|| {
                diagnosis(
                    "elf-without-support",
                    "the kernel can't run programs",
                    [line, known.setting("BINFMT_ELF")],
                    "ask for CONFIG_BINFMT_ELF=y in [kernel]",
                )
            })
        }
        _ => None,
    }
}

/// kernel/exit.c: a status of an exit(2) stands in the second byte.
fn ended(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("Attempted to kill init!")?;
    let code = line.split("exitcode=0x").nth(1)?;
    let code = u32::from_str_radix(code.get(..8)?, 16).ok()?;
    let how = match code & 0x7f {
        0 => format!("ended with status {}", code >> 8 & 0xff),
        signal => format!("was ended by signal {signal}"),
    };
    Some(diagnosis(
        "init-ended",
        format!("the system's init {how}: it must never end"),
        [line],
        "a script ends with `exec /bin/sh`, or with a loop; a program must not return",
    ))
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
    let vfs = line.contains("VFS: ");
    if ramdisk.find(known.init).is_some() {
        return None;
    }
    let shown = format!("the ramdisk has no {}", known.init);
    Some(if vfs {
        diagnosis(
            "no-root-device",
            "without an init in the ramdisk the kernel looked for a root device, and found none",
            [line, shown, format!("the command line: {}", known.cmdline)],
            "put an init into the ramdisk, or name a root=DEVICE whose driver and file system are built in",
        )
    } else {
        diagnosis(
            "no-init",
            format!("there is no init: {} isn't in the ramdisk", known.init),
            [line, shown],
            "add busybox = [\"sh\", \"init\"] or init = { path = \"FILE\" } to [userland], or a file of that name",
        )
    })
}
