//! `tuxling diff --tree`: two kernel source trees file by file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use builder::kernel::build::BuildInput;
use builder::kernel::{self, Tools};
use builder::source::Mode;
use builder::source::tree_diff::{self, FileChange, Only, TreeDiff};
use builder::system::obtain_linux;
use host::Cache;
use host::error::Kind;
use host::session::Session;
use host::units::grouped;
use recipe::builtin;
use recipe::plan::Placement;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Diff;
use super::progress::Terminal;
use super::{cwd, load, print, print_json, processes};
use crate::failure::{Failure, Result};

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.diff.tree/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct TreeDiffJson<'a> {
    schema: &'static str,
    /// The first tree.
    a: &'a Path,
    /// The second tree.
    b: &'a Path,
    /// Only what stands below these was compared; all when empty.
    paths: &'a [PathBuf],
    /// Only what this recipe's kernel is compiled from was compared.
    recipe: Option<&'a str>,
    difference: &'a TreeDiff,
}

/// Compares two trees.
pub(super) fn run(args: &Diff) -> Result<()> {
    let terminal = Terminal::new(false);
    let session = Session::new(processes()?, Cache::of_user()?, &terminal, 1);
    let (a, b) = (find(&args.a, &session)?, find(&args.b, &session)?);
    let listed = match &args.recipe {
        Some(recipe) => Some(compiled(recipe, &session)?),
        None => None,
    };
    let only = Only {
        below: args
            .paths
            .iter()
            .map(|p| p.components().collect())
            .collect(),
        listed,
    };
    // A path that neither has is a slip of the pen, not "no difference".
    for path in &only.below {
        if !a.join(path).exists() && !b.join(path).exists() {
            let message = format!("neither tree has {}", path.display());
            return Err(Failure::new(Kind::Usage, message)
                .help("paths are relative to the trees: net/ipv4"));
        }
    }
    let difference = tree_diff::diff(&a, &b, &only)?;
    if args.json {
        return print_json(&TreeDiffJson {
            schema: SCHEMA,
            a: &a,
            b: &b,
            paths: &only.below,
            recipe: args.recipe.as_deref(),
            difference: &difference,
        });
    }
    print(&text(&difference, args.markdown))
}

/// The tree of a name: a folder, or the sources of a recipe.
fn find(name: &str, session: &Session) -> Result<PathBuf> {
    let path = cwd()?.join(name);
    if path.is_dir() && builtin::recipe(name).is_none() {
        return Ok(path);
    }
    Ok(obtain_linux(&load(name)?, Mode::Normal, session)?.tree)
}

/// The files that a recipe's kernel was compiled from.
fn compiled(recipe: &str, session: &Session) -> Result<BTreeSet<PathBuf>> {
    let plan = load(recipe)?;
    if plan.ramdisk.placement == Placement::Builtin {
        let message = format!("{recipe} has its ramdisk built in: its kernel can't be told alone");
        return Err(Failure::new(Kind::Usage, message)
            .help("name a recipe with the same kernel and a separate ramdisk"));
    }
    let arch = plan.board.arch;
    let tools = Tools::find(&plan.kernel.toolchain, arch, &session.processes)?;
    let source = obtain_linux(&plan, Mode::Normal, session)?;
    let config = session.phase("configuration", || {
        kernel::resolve(&plan.kernel, &source, arch, &tools, session)
    })?;
    let input = BuildInput {
        source: &source,
        config: &config,
        arch,
        tools: &tools,
        cflags: &plan.kernel.cflags,
        ramdisk: None,
        device_tree: plan.board.device_tree.as_deref(),
    };
    kernel::build::sources(&input, session)?.ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            format!("it is not known which files {recipe} is compiled from: it was not built yet"),
        )
        .help(format!("build it: tuxling build {recipe}"))
    })
}

fn text(difference: &TreeDiff, markdown: bool) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    if markdown {
        let _ = writeln!(out, "| file | | added | removed |\n|---|---|---:|---:|");
    }
    for file in &difference.files {
        let change = word(file.change);
        let (added, removed) = (grouped(file.added), grouped(file.removed));
        let _ = if markdown {
            writeln!(out, "| `{}` | {change} | {added} | {removed} |", file.path)
        } else {
            writeln!(
                out,
                "{change:<8} {:>9} {:>9}  {}",
                format!("+{added}"),
                format!("-{removed}"),
                file.path
            )
        };
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let mut total = (0, 0);
    for change in [FileChange::Added, FileChange::Removed, FileChange::Changed] {
        let (files, added, removed) = difference.sum(change);
        total = (total.0 + added, total.1 + removed);
        let _ = writeln!(
            out,
            "{:>7} files {:<8} +{} -{} lines{}",
            grouped(files as u64),
            word(change),
            grouped(added),
            grouped(removed),
            if markdown { "  " } else { "" }
        );
    }
    let same = grouped(difference.same as u64);
    let _ = writeln!(out, "{same:>7} files the same");
    let (added, removed) = total;
    let _ = writeln!(
        out,
        "together +{} -{} lines",
        grouped(added),
        grouped(removed)
    );
    out
}

fn word(change: FileChange) -> &'static str {
    match change {
        FileChange::Added => "added",
        FileChange::Removed => "removed",
        FileChange::Changed => "changed",
    }
}
