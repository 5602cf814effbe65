//! The kernel's part of a recipe.

use flash::device_tree::Tree;
use initramfs::Compression;
use kconfig::Dialect;

use super::{Context, sources};
use crate::asker::Asker;
use crate::config::Request;
use crate::diagnostic::{Placed, Problem, Wrong};
use crate::package::Package;
use crate::plan::{BaseConfig, KernelPlan, PatchFile};
use crate::raw::{self, Given};
use crate::toolchain::Toolchain;
use crate::{Board, builtin, contract, fragment, words};

/// The series that is built where the recipe names none: the one that the
/// built-in recipes are proven with.
pub(super) const SERIES: &str = "6.12";

/// What checks and QEMU add to a command line, at most.
const OTHERS: usize = 256;

/// What other parts of the recipe put on the command line.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// What has the kernel configure the card: where the recipe has no line of its
    /// own.
    pub ip: Option<String>,
    /// What has it mount its root: in any case.
    pub root: Option<String>,
}

/// The kernel as asked for: the implied requests first, so that the recipe's
/// own win.
pub(super) fn plan(
    context: &Context<'_>,
    raw: raw::Kernel,
    board: Option<&Board>,
    implied: Vec<Request>,
    words: Words,
) -> KernelPlan {
    if let (Some(cmdline), Some(board)) = (&raw.cmdline, board) {
        cmdline_fits(context, cmdline, board);
    }
    if let (Some(compress), Some(board)) = (&raw.compress, board) {
        loader_unpacks(context, compress, board);
    }
    let dialect = dialect(context, &raw);
    let symbols = implied.iter().map(|r| r.symbol.clone()).collect();
    let mut requests = implied;
    for name in &raw.fragments {
        requests.extend(fragment_file(context, name, dialect));
    }
    if let Some(options) = &raw.options {
        let own = fragment::of_text(context.problems, options, &Asker::KernelOptions);
        requests.extend(own);
    }
    let cmdline = || written_cmdline(board, words.ip.as_deref());
    KernelPlan {
        source: sources::wish(
            context,
            &sources::Keys {
                package: Package::Linux,
                version: "version",
                sources: "sources",
                default: SERIES,
            },
            raw.version,
            raw.path,
            raw.sources,
        ),
        base: base(context, raw.config, board),
        requests,
        implied: symbols,
        contract: contract::read(context.problems, &raw.must, &raw.must_not),
        modules: raw.modules.map(|m| m.value).unwrap_or_default(),
        patches: patches(context, &raw.patches),
        device_tree: device_tree(context, raw.device_tree.as_ref(), board),
        toolchain: raw.toolchain.map_or(Toolchain::GCC, |t| t.value),
        cflags: raw.cflags,
        compress: compression(raw.compress.as_ref(), board),
        cmdline: with_root(raw.cmdline.map_or_else(cmdline, |c| c.value), words.root),
    }
}

/// The command line where the recipe has none of its own.
fn written_cmdline(board: Option<&Board>, ip: Option<&str>) -> String {
    let console = board.and_then(|board| board.console.as_ref());
    let mut written = console.map_or_else(String::new, |name| format!("console={name} "));
    written.push_str("panic=-1");
    let of_board = board.map_or("", |b| &b.cmdline);
    // The file system in flash is the only memory device that there is.
    let flash = board.filter(|board| board.flash.is_some());
    let in_flash = flash.map_or("", |_| "root=mtd0 rootfstype=romfs init=/init");
    for further in [of_board, in_flash, ip.unwrap_or_default()] {
        if !further.is_empty() {
            written.push(' ');
            written.push_str(further);
        }
    }
    written
}

/// A command line with what has the kernel mount its root, before what is its
/// init's.
fn with_root(line: String, root: Option<String>) -> String {
    let Some(root) = root else { return line };
    match line.split_once(" -- ") {
        Some((kernels, inits)) => format!("{kernels} {root} -- {inits}"),
        None => format!("{line} {root}"),
    }
}

/// How the kernel is compressed, where nothing is said as small as can be.
pub(super) fn compression(
    given: Option<&Placed<Compression>>,
    board: Option<&Board>,
) -> Compression {
    let by_loader = board.and_then(|board| board.arch.facts().unpacked_by_loader);
    let default = by_loader.unwrap_or(Compression::Xz);
    given.map_or(default, |given| given.value)
}

/// A kernel that doesn't unpack itself is compressed in the way that its loader
/// knows.
fn loader_unpacks(context: &Context<'_>, given: &Placed<Compression>, board: &Board) {
    let facts = board.arch.facts();
    let Some(known) = facts
        .unpacked_by_loader
        .filter(|known| *known != given.value)
    else {
        return;
    };
    let name = facts.name;
    let message = format!("kernels of {name} don't unpack themselves");
    let help = format!(
        "write \"{}\" or leave `compress` out: QEMU, which loads them, unpacks nothing else",
        words_of(known)
    );
    context.problem(Problem::at(&given.place, message).help(help));
}

/// How a recipe calls a compression.
pub(super) fn words_of(compression: Compression) -> &'static str {
    let found = raw::COMPRESSIONS.iter().find(|(_, c)| *c == compression);
    found.map_or("", |(word, _)| word)
}

/// The kernel cuts a command line that is too long, without a word.
fn cmdline_fits(context: &Context<'_>, cmdline: &Placed<String>, board: &Board) {
    let most = board.arch.facts().cmdline_bytes - OTHERS;
    let bytes = cmdline.value.len();
    if bytes > most {
        let message = format!("the command line has {bytes} bytes");
        let help = format!("{most} at most: the kernel cuts off what is longer");
        context.problem(Problem::at(&cmdline.place, message).help(help));
    }
}

/// Which `conf` reads the fragments: that of the tree's version, or of the
/// series that is asked for.
fn dialect(context: &Context<'_>, raw: &raw::Kernel) -> Dialect {
    let makefile = raw.path.as_ref().and_then(|path| {
        let path = format!("{}/Makefile", path.value);
        context.files.bytes(&path).ok()
    });
    let named = raw.version.as_ref().map(|version| version.value.clone());
    let version = makefile.and_then(|text| version_of(&String::from_utf8_lossy(&text)));
    Dialect::for_version(&version.or(named).unwrap_or_else(|| SERIES.to_owned()))
}

/// The version that a kernel's Makefile gives.
fn version_of(makefile: &str) -> Option<String> {
    let value = |name: &str| {
        makefile.lines().take(20).find_map(|line| {
            let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
            Some(value.trim().to_owned())
        })
    };
    Some(format!("{}.{}", value("VERSION")?, value("PATCHLEVEL")?))
}

fn fragment_file(context: &Context<'_>, name: &Placed<String>, dialect: Dialect) -> Vec<Request> {
    let text = context.take(&name.place, context.files.config(&name.value));
    text.map_or_else(Vec::new, |text| {
        let builtin = name.value.strip_prefix("builtin:");
        let shown = builtin.unwrap_or(&name.value);
        let source = context.problems.add_source(shown, &text);
        let mut requests = fragment::of_file(context.problems, source, &text, dialect);
        for request in &mut requests {
            request.lenient = builtin.is_some();
        }
        requests
    })
}

/// What the kernel's sources lack for context mixing. A recipe that names the
/// patch itself, wherever it stands, has it once.
pub(super) fn mixing(kernel: &mut KernelPlan, ramdisk: Compression) {
    const PATCH: &str = "linux-cm.patch";
    let wanted = kernel.compress.strength().or(ramdisk.strength()).is_some();
    let content = builtin::file(PATCH).filter(|_| wanted);
    let Some(content) = content.map(|text| text.as_bytes().to_vec()) else {
        return;
    };
    if kernel.patches.iter().all(|patch| patch.content != content) {
        kernel.patches.push(PatchFile {
            name: format!("builtin:{PATCH}"),
            content,
        });
    }
}

fn patches(context: &Context<'_>, names: &[Placed<String>]) -> Vec<PatchFile> {
    let read = |name: &Placed<String>| {
        let content = context.take(&name.place, context.files.bytes(&name.value))?;
        Some(PatchFile {
            name: name.value.clone(),
            content,
        })
    };
    names.iter().filter_map(read).collect()
}

/// The device tree that takes the place of the board's.
fn device_tree(
    context: &Context<'_>,
    typed: Option<&Placed<String>>,
    board: Option<&Board>,
) -> Option<Vec<u8>> {
    let typed = typed?;
    if let Some(board) = board.filter(|b| b.device_tree.is_none() || b.flash.is_some()) {
        let message = format!("the board {} is given no device tree", board.name);
        let help = "leave `device-tree` out: it takes the place of one that the board's file names";
        context.problem(Problem::at(&typed.place, message).help(help));
        return None;
    }
    let blob = context.take(&typed.place, context.files.bytes(&typed.value))?;
    match Tree::read(&blob) {
        Ok(_) => Some(blob),
        Err(error) => {
            let message = format!("`{}`: {error}", typed.value);
            let help = "it is to be a flattened tree: `dtc -O dtb -o OUT.dtb IN.dts` makes one";
            context.problem(Problem::at(&typed.place, message).help(help));
            None
        }
    }
}

fn base(context: &Context<'_>, config: Given<String>, board: Option<&Board>) -> BaseConfig {
    let default = || BaseConfig::Target("tinyconfig".to_owned());
    let Some(config) = config else {
        return default();
    };
    let base = match config.value.strip_prefix("file:") {
        Some(path) => context.files.config(path).map(|text| BaseConfig::File {
            name: path.to_owned(),
            text,
        }),
        None => match distribution(&config.value, board) {
            Some(base) => base,
            None => target(&config.value).map(BaseConfig::Target),
        },
    };
    context.take(&config.place, base).unwrap_or_else(default)
}

/// `distribution`, or `distribution:FLAVOUR`.
fn distribution(typed: &str, board: Option<&Board>) -> Option<Result<BaseConfig, Wrong>> {
    let flavour = typed.strip_prefix("distribution")?;
    let named = match flavour.strip_prefix(':') {
        None if flavour.is_empty() => None,
        None => return None,
        Some(named) => Some(named),
    };
    // Without a board there is an error already.
    let arch = board?.arch.facts();
    let Some(usual) = arch.distribution else {
        let message = format!("Debian makes no kernels for {}", arch.name);
        let help = "config = \"defconfig\", or a .config of your own: config = \"file:PATH\"";
        return Some(Err(Wrong::new(message).help(help)));
    };
    let flavour = named.unwrap_or(usual.flavour);
    if words::file_name(flavour).is_err() {
        let message = format!("`{flavour}` is not the flavour of a kernel");
        let help = format!("such as \"distribution:{}\"", usual.flavour);
        return Some(Err(Wrong::new(message).help(help)));
    }
    Some(Ok(BaseConfig::Distribution {
        flavour: flavour.to_owned(),
    }))
}

fn target(typed: &str) -> Result<String, Wrong> {
    let plain = ["tinyconfig", "defconfig", "allnoconfig"];
    if plain.contains(&typed) {
        return Ok(typed.to_owned());
    }
    let name = typed.strip_prefix("defconfig:").unwrap_or(typed);
    let stem = name.strip_suffix("_defconfig").unwrap_or(name);
    let is_defconfig = stem.len() < name.len() || name.len() < typed.len();
    if is_defconfig && words::file_name(stem).is_ok() {
        return Ok(format!("{stem}_defconfig"));
    }
    let known = plain.into_iter().chain(["distribution"]);
    let help = match words::nearest(typed, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "known are \"tinyconfig\", \"allnoconfig\", \"defconfig\", \"defconfig:NAME\", \
                 \"NAME_defconfig\", \"distribution\", \"distribution:FLAVOUR\" and \"file:PATH\""
            .to_owned(),
    };
    Err(Wrong::new(format!("`{typed}` is not a base configuration")).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_configurations_are_targets_of_the_kernels_makefile() {
        for (typed, made) in [
            ("tinyconfig", "tinyconfig"),
            ("defconfig", "defconfig"),
            ("allnoconfig", "allnoconfig"),
            ("defconfig:versatile", "versatile_defconfig"),
            ("defconfig:versatile_defconfig", "versatile_defconfig"),
            ("i386_defconfig", "i386_defconfig"),
        ] {
            assert_eq!(target(typed), Ok(made.to_owned()), "{typed}");
        }
        for typed in [
            "",
            "tiny",
            "_defconfig",
            "defconfig:",
            "a b_defconfig",
            "clean",
        ] {
            assert!(target(typed).is_err(), "{typed}");
        }
    }
}
