//! A recipe to begin with: `tuxling new`.

use std::path::{Path, PathBuf};

use host::cache;
use host::units::Bytes;
use initramfs::Compression;

use super::{builtin, words};
use crate::diagnostic::Wrong;
use crate::{Board, board};

/// What the new recipe is about.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The system's name.
    pub name: String,
    /// The board: a built-in one, or the path of a file.
    pub board: String,
    /// Whether it gets an address by DHCP.
    pub network: bool,
    /// What its kernel's configuration begins with: `tinyconfig`.
    pub config: String,
    /// Fragments of its own, after the board's.
    pub fragments: Vec<String>,
    /// Classes of devices that may be plugged in later.
    pub also: Vec<String>,
    /// The image of a root file system that exists, where that is the user land.
    pub root: Option<String>,
    /// What must be there in /sys when it runs: devices with their drivers.
    pub drivers: Vec<String>,
}

impl Wish {
    /// A system of its own user land on a board, in the smallest configuration.
    pub fn new(name: &str, board: &str, network: bool) -> Wish {
        Wish {
            name: name.to_owned(),
            board: board.to_owned(),
            network,
            config: "tinyconfig".to_owned(),
            fragments: Vec::new(),
            also: Vec::new(),
            root: None,
            drivers: Vec::new(),
        }
    }
}

/// Why there is no new recipe.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// A name that no file can have.
    #[error("{}", .0.message)]
    Name(Wrong),
    /// A board that is not known.
    #[error("there is no board `{board}`")]
    NoBoard {
        /// Its name.
        board: String,
        /// Which there are, or the nearest.
        suggestion: String,
    },
    /// A file of that name is there.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
}

/// The text of a new recipe: commented, and without errors.
pub fn text(wish: &Wish) -> Result<String, ScaffoldError> {
    words::file_name(&wish.name).map_err(ScaffoldError::Name)?;
    let path = wish.board.contains('/') || wish.board.ends_with(".toml");
    if !path && !board::names().contains(&wish.board.as_str()) {
        let names = board::names();
        return Err(ScaffoldError::NoBoard {
            board: wish.board.clone(),
            suggestion: words::suggestion(&wish.board, &names),
        });
    }
    let board = board::built_in(&wish.board);
    if let Some(board) = board.as_ref().filter(|board| board.flash.is_some()) {
        return Ok(in_flash(wish, board));
    }
    if let Some(root) = &wish.root {
        return Ok(on_disk(wish, root));
    }
    let (applets, mode, checks) = if wish.network {
        (NET_APPLETS, "dhcp", NET_CHECKS)
    } else {
        (APPLETS, "none", "")
    };
    let fill = [
        ("{name}", wish.name.as_str()),
        (
            "{board}",
            &toml::Value::from(wish.board.as_str()).to_string(),
        ),
        (
            "{config}",
            &toml::Value::from(wish.config.as_str()).to_string(),
        ),
        ("{fragments}", &fragments(wish)),
        ("{hardware}", &hardware(wish)),
        ("{compress}", compress(board.as_ref())),
        ("{applets}", applets),
        ("{mode}", mode),
        ("{checks}", checks),
        (
            "{memory}",
            &format!("{}MiB", memory(board.as_ref()).0 >> 20),
        ),
    ];
    let text = fill.iter().fold(TEMPLATE.to_owned(), |text, (hole, with)| {
        text.replace(hole, with)
    });
    Ok(text)
}

/// The fragments that a board's recipes begin with, those of the built-in ones,
/// which are called after the board; then the recipe's own.
fn fragments(wish: &Wish) -> String {
    let parts = if wish.network {
        &["base", "net"][..]
    } else {
        &["base"]
    };
    let board = &wish.board;
    // A variant of a board, such as pc-no-console, has those of the board.
    let family = board.split('-').next().unwrap_or(board);
    let name_of = |part: &&str| {
        let names = [board, family].map(|name| format!("{name}-{part}.config"));
        names.into_iter().find(|name| builtin::file(name).is_some())
    };
    let there = parts.iter().filter_map(name_of);
    let builtin = there.map(|name| format!("builtin:{name}"));
    let all = builtin.chain(wish.fragments.iter().cloned());
    let quoted: Vec<String> = all
        .map(|name| toml::Value::from(name).to_string())
        .collect();
    quoted.join(", ")
}

/// What may be plugged in later.
fn hardware(wish: &Wish) -> String {
    if wish.also.is_empty() {
        return String::new();
    }
    let quoted = quoted(&wish.also);
    format!("\n[hardware]\nalso = [{quoted}]     # what no list of devices shows\n")
}

fn quoted(names: &[String]) -> String {
    let quoted = names
        .iter()
        .map(|name| toml::Value::from(name.as_str()).to_string());
    quoted.collect::<Vec<_>>().join(", ")
}

/// The recipe of a user land that exists, on a disk.
fn on_disk(wish: &Wish, root: &str) -> String {
    let text = |value: &str| toml::Value::from(value).to_string();
    let mode = if wish.network { "dhcp" } else { "none" };
    let network = if wish.network { DISK_NET_CHECKS } else { "" };
    let drivers = match wish.drivers.as_slice() {
        [] => String::new(),
        all => DRIVERS_CHECK.replace("{devices}", &all.join(" \\\n    ")),
    };
    let fill = [
        ("{name}", wish.name.clone()),
        ("{board}", text(&wish.board)),
        ("{config}", text(&wish.config)),
        ("{fragments}", quoted(&wish.fragments)),
        ("{hardware}", hardware(wish)),
        ("{root}", text(root)),
        ("{mode}", text(mode)),
        ("{checks}", format!("{drivers}{network}")),
    ];
    fill.iter().fold(ON_DISK.to_owned(), |text, (hole, with)| {
        text.replace(hole, with)
    })
}

/// How the kernel is compressed, and what else it could be.
fn compress(board: Option<&Board>) -> &'static str {
    let by_loader = |board: &Board| board.arch.facts().unpacked_by_loader;
    match board.and_then(by_loader) {
        Some(Compression::Gzip) => "\"gzip\"                    # the loader unpacks nothing else",
        _ => "\"xz\"                      # none, gzip, xz, lzma, zstd, lz4, cm",
    }
}

/// The board's own RAM, where it is a built-in one; a board of the user's says
/// it in its file, and a recipe need not.
fn memory(board: Option<&Board>) -> Bytes {
    board.map_or(Bytes::mib(32), |board| board.memory)
}

/// The recipe of a board that starts from flash memory: the patches and programs
/// are those that come with its architecture.
fn in_flash(wish: &Wish, board: &Board) -> String {
    let arch = board.arch.facts().name;
    let files = builtin::file_names().into_iter();
    let patches = files.filter(|name| name.starts_with(arch) && name.ends_with(".patch"));
    let patches: Vec<String> = patches
        .map(|name| format!("    \"builtin:{name}\",\n"))
        .collect();
    let base = std::iter::once(format!("builtin:{arch}-base.config"));
    let fragments = base.chain(wish.fragments.iter().cloned());
    let fragments: Vec<String> = fragments
        .map(|name| toml::Value::from(name).to_string())
        .collect();
    let fill = [
        ("{name}", wish.name.as_str()),
        ("{board}", &board.name),
        ("{arch}", arch),
        ("{fragments}", &fragments.join(", ")),
        ("{patches}", &patches.concat()),
        ("{memory}", &format!("{}KiB", board.memory.as_kib())),
    ];
    fill.iter().fold(IN_FLASH.to_owned(), |text, (hole, with)| {
        text.replace(hole, with)
    })
}

/// Writes `NAME.toml` into a folder and gives its path; refuses to overwrite.
pub fn write(folder: &Path, wish: &Wish) -> Result<PathBuf, ScaffoldError> {
    let text = text(wish)?;
    let path = folder.join(format!("{}.toml", wish.name));
    if path.symlink_metadata().is_ok() {
        return Err(ScaffoldError::Exists(path));
    }
    cache::write_whole(&path, text.as_bytes())?;
    Ok(path)
}

const APPLETS: &str = r#""sh", "cat", "ls", "sleep""#;
const NET_APPLETS: &str = r#""sh", "cat", "ls", "sleep", "ping", "wget""#;

const NET_CHECKS: &str = r#"
[[check]]                             # an address, seen on the wire
name    = "dhcp"
dhcp    = true
timeout = "20s"

[[check]]                             # the gateway answers
name = "ping"
ping = true

[[check]]                             # a file arrives whole
name    = "download"
fetch   = { size = "64KiB" }
timeout = "20s"
"#;

const IN_FLASH: &str = r#"# A recipe of tuxling's: Linux in a few hundred KiB of RAM, kernel and programs
# executed in flash memory.
#
#   tuxling check {name}.toml         build it, boot it, prove it, measure it
#   tuxling boot {name}.toml          its console; Ctrl-A X leaves
#
# docs/recipe.md describes every key, docs/xip.md what is different here.
name  = "{name}"
board = "{board}"

[kernel]
version   = "6.12"
config    = "tinyconfig"
fragments = [{fragments}]
# What each saves and gives up: docs/xip.md.
patches   = [
{patches}]

# Init and shell. Yours are compiled alike: from = "FILE" packs what is there.
[[userland.file]]
to      = "/init"
compile = "builtin:{arch}-shell.c"

[[userland.file]]
to      = "/bin/hello"
compile = "builtin:{arch}-hello.c"

[ramdisk]
placement = "flash"

[machine]
memory = "{memory}"

# What the system must do, typed at its console.
[[check]]
name  = "program"
run   = "hello from flash"
match = "^hello from flash"

[[check]]
name  = "sleep"
sleep = true
"#;

const DISK_NET_CHECKS: &str = r#"
[[check]]                             # an address, seen on the wire
name    = "dhcp"
dhcp    = true
timeout = "120s"

[[check]]                             # the gateway answers
name    = "ping"
ping    = true
timeout = "30s"
"#;

const DRIVERS_CHECK: &str = r#"
[[check]]                             # each device has its driver, as where it was listed
name    = "drivers"
run     = """ls -d \
    {devices}"""
timeout = "60s"
"#;

const ON_DISK: &str = r#"# A recipe of tuxling's: a kernel for a system that exists, on its own disk, without
# an initial ramdisk.
#
#   tuxling check {name}.toml         build it, boot it, prove it, measure it
#   tuxling boot {name}.toml          its console; Ctrl-A X leaves
#
# docs/recipe.md describes every key.
name  = "{name}"
board = {board}

[kernel]
version   = "6.12"                    # or path = "../linux"
config    = {config}              # "distribution": that of Debian's own kernel
fragments = [{fragments}]
options   = """
# Lines of a .config, such as
# CONFIG_HZ_100=y
"""
# What must not be lost when the system is made smaller.
must      = ["CONFIG_BLOCK", "CONFIG_PROC_FS", "CONFIG_SYSFS"]
{hardware}
# What is on the image is the user land: it is booted as it is, and QEMU writes
# nothing to it.
[root]
image = {root}

[network]
mode = {mode}

[machine]
memory  = "256MiB"
timeout = "15m"
silence = "5m"

# What the system must do. A check that nothing makes is a thing that may be
# lost: whatever matters to you belongs here.
[[check]]                             # the system is up: somebody may log in
name    = "login"
run     = "until cat /proc/[0-9]*/comm 2>/dev/null | grep getty; do sleep 1; done"
expect  = "getty"
timeout = "300s"

[[check]]
name    = "shell"
run     = "cat /proc/version"
match   = "^Linux version 6"
timeout = "60s"
{checks}"#;

const TEMPLATE: &str = r#"# A recipe of tuxling's: one small Linux, and what it must do.
#
#   tuxling check {name}.toml         build it, boot it, prove it, measure it
#   tuxling boot {name}.toml          its console; Ctrl-A X leaves
#
# docs/recipe.md describes every key.
name  = "{name}"
board = {board}

[kernel]
version   = "6.12"                    # or path = "../linux"
config    = {config}              # what everything below is laid over
fragments = [{fragments}]
options   = """
# Lines of a .config, such as
# CONFIG_HZ_100=y
"""
compress  = {compress}
{hardware}
[userland]
busybox = [{applets}]
# What init needs comes along. Each applet has its usual options; without them
# the ramdisk is smaller, and knows no `head -2`.
busybox-usual = true
# Your own files:
#
# [[userland.file]]
# to   = "/bin/job"
# from = "job"
# mode = "0755"

[network]
mode = "{mode}"                         # dhcp, static, none

[machine]
memory = "{memory}"

# What the system must do. A check that nothing makes is a thing that may be
# lost: whatever matters to you belongs here.
[[check]]
name  = "shell"
run   = "cat /proc/version"
match = "^Linux version 6"
{checks}
[[check]]
name  = "sleep"
sleep = true

# Commands that nobody judges, but that must keep working when the system is
# made smaller.
[[exercise]]
run = "ls -l /"

# [budget]
# image   = "1220KiB"
# ramdisk = "300KiB"
"#;
