//! The kernel's part of a recipe.

use initramfs::Compression;

use super::{Context, sources};
use crate::config::Request;
use crate::diagnostic::{Placed, Wrong};
use crate::package::Package;
use crate::plan::{BaseConfig, KernelPlan, PatchFile, Toolchain};
use crate::raw::{self, Given};
use crate::{fragment, words};

/// The series that is built where the recipe names none: the one that the
/// built-in recipes are proven with.
pub(super) const SERIES: &str = "6.12";

/// The kernel as asked for: the implied requests first, so that the recipe's
/// own win.
pub(super) fn plan(
    context: &Context<'_>,
    raw: raw::Kernel,
    console: &str,
    implied: Vec<Request>,
) -> KernelPlan {
    let symbols = implied.iter().map(|r| r.symbol.clone()).collect();
    let mut requests = implied;
    for name in &raw.fragments {
        requests.extend(fragment_file(context, name));
    }
    if let Some(options) = &raw.options {
        let own = fragment::of_text(context.problems, options, fragment::OWN_OPTIONS);
        requests.extend(own);
    }
    let cmdline = || format!("console={console} panic=-1");
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
        base: base(context, raw.config),
        requests,
        implied: symbols,
        patches: patches(context, &raw.patches),
        toolchain: raw.toolchain.map_or(Toolchain::Gcc, |t| t.value),
        cflags: raw.cflags,
        compress: raw.compress.map_or(Compression::Xz, |c| c.value),
        cmdline: raw.cmdline.map_or_else(cmdline, |c| c.value),
    }
}

fn fragment_file(context: &Context<'_>, name: &Placed<String>) -> Vec<Request> {
    let text = context.take(&name.place, context.files.text(&name.value));
    text.map_or_else(Vec::new, |text| {
        let builtin = name.value.strip_prefix("builtin:");
        let shown = builtin.unwrap_or(&name.value);
        let source = context.problems.add_source(shown, &text);
        let mut requests = fragment::of_file(context.problems, source, &text);
        for request in &mut requests {
            request.lenient = builtin.is_some();
        }
        requests
    })
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

fn base(context: &Context<'_>, config: Given<String>) -> BaseConfig {
    let default = || BaseConfig::Target("tinyconfig".to_owned());
    let Some(config) = config else {
        return default();
    };
    let base = match config.value.strip_prefix("file:") {
        Some(path) => context.files.text(path).map(|text| BaseConfig::File {
            name: path.to_owned(),
            text,
        }),
        None => target(&config.value).map(BaseConfig::Target),
    };
    context.take(&config.place, base).unwrap_or_else(default)
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
    let help = match words::nearest(typed, plain) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "known are \"tinyconfig\", \"allnoconfig\", \"defconfig\", \"defconfig:NAME\", \
                 \"NAME_defconfig\" and \"file:PATH\""
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
