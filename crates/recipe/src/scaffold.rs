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
    /// Fragments of its own, after the board's.
    pub fragments: Vec<String>,
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
        ("{fragments}", &fragments(wish)),
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
    let names = parts.iter().map(|part| format!("{board}-{part}.config"));
    let there = names.filter(|name| builtin::file(name).is_some());
    let builtin = there.map(|name| format!("builtin:{name}"));
    let all = builtin.chain(wish.fragments.iter().cloned());
    let quoted: Vec<String> = all
        .map(|name| toml::Value::from(name).to_string())
        .collect();
    quoted.join(", ")
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
config    = "tinyconfig"              # what everything below is laid over
fragments = [{fragments}]
options   = """
# Lines of a .config, such as
# CONFIG_HZ_100=y
"""
compress  = {compress}

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
