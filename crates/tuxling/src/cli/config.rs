//! `tuxling config`: what the kernel's configuration comes to, why, and how to
//! change what the recipe asks for.

pub(super) mod change;
pub(super) mod check;
pub(super) mod diff;
pub(super) mod look;
pub(super) mod merge;
pub(super) mod minimize;
pub(super) mod told;
mod unmet;

use std::num::NonZeroU16;

use builder::kernel::dropped::unknown;
use builder::kernel::dropped::who;
use builder::kernel::kconfig::Tree;
use builder::kernel::{Tools, kconfig as tree};
use builder::source;
use builder::system::obtain_linux;
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use kconfig::{Configuration, SymbolId};
use recipe::Plan;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{Config, ConfigAction};
use super::carry_out::Needs;
use super::request::{Request, Typed, sources};
use super::{cwd, print};
use crate::failure::{Failure, Result};

/// Does what was asked for.
pub(super) fn run(args: &Config) -> Result<()> {
    let request = Request::new(Typed {
        dry_run: args.dry_run,
        json: args.json,
        verbose: args.verbose,
        jobs: Some(NonZeroU16::MIN),
        sources: sources(args.locked, false),
        ..Typed::looking(&args.recipe)
    })?;
    request.carry_out(
        Needs::Little,
        |list| list.kconfig(),
        |request, session| work(args, request, &session),
    )
}

fn work(args: &Config, request: &Request, session: &Session) -> Result<()> {
    let plan = &request.plan;
    let desk = Desk {
        mode: request.options.sources,
        session,
    };
    let tree = desk.tree(plan)?;
    let mut configuration = tree.evaluate(&plan.kernel)?;
    let hardware = plan.board.hardware();
    let hardware = hardware.iter().filter_map(|name| tree.kconfig.find(name));
    configuration.prefer(hardware);
    let mut at = ConfigSubject {
        recipe: &args.recipe,
        plan,
        tree: &tree,
        configuration,
        json: args.json,
    };
    match &args.action {
        ConfigAction::Check => check::run(&mut at),
        ConfigAction::Get { symbols } => look::get(&at, symbols),
        ConfigAction::Why { symbol } => look::why(&at, symbol),
        ConfigAction::Search { words } => look::search(&at, words),
        ConfigAction::Set {
            requests,
            allow_dropped,
        } => change::set(&at, requests, *allow_dropped),
        ConfigAction::Want { request, apply } => change::want(at, request, *apply),
        ConfigAction::Try { requests } => change::try_out(&at, requests),
        ConfigAction::Merge { fragments, output } => merge::run(&at, fragments, output.as_deref()),
        ConfigAction::Minimize { apply } => minimize::run(&at, *apply),
        ConfigAction::Diff { a, b } => diff::run(&desk, &at, a, b.as_deref()),
        ConfigAction::Save { defconfig, output } => save(&at, *defconfig, output.as_deref()),
    }
}

/// What it takes to load another recipe's tree.
struct Desk<'a> {
    mode: source::Mode,
    session: &'a Session<'a>,
}

impl Desk<'_> {
    /// The Kconfig tree of a recipe's kernel.
    fn tree(&self, plan: &Plan) -> Result<Tree> {
        let arch = plan.board.arch;
        let tools = Tools::find(&plan.kernel.toolchain, arch, &self.session.processes)?;
        let linux = obtain_linux(plan, self.mode, self.session)?;
        let tree = tree::load(&linux, arch, &tools, self.session)?;
        tree.refuse_errors()?;
        Ok(tree)
    }
}

/// The configuration that is looked at.
struct ConfigSubject<'a> {
    /// The recipe as it was typed.
    recipe: &'a str,
    plan: &'a Plan,
    tree: &'a Tree,
    configuration: Configuration<'a>,
    json: bool,
}

impl ConfigSubject<'_> {
    /// A symbol by its name, with or without `CONFIG_`.
    fn symbol(&self, name: &str) -> Result<SymbolId> {
        let tree = &self.tree.kconfig;
        let bare = name.strip_prefix("CONFIG_").unwrap_or(name);
        tree.find(bare)
            .filter(|&id| !tree.symbol(id).entries.is_empty())
            .ok_or_else(|| unknown_symbol(bare, &tree.nearest_names(bare, 3)))
    }

    /// Who set the value that a symbol was given: the recipe's own requests,
    /// or the base configuration.
    fn who(&self, symbol: &str) -> String {
        who(&self.plan.kernel, symbol)
    }
}

fn unknown_symbol(name: &str, nearest: &[String]) -> Failure {
    let failure = Failure::new(Kind::Usage, format!("CONFIG_{name}: {}", unknown(nearest)));
    match nearest {
        [] | [_] => failure.help("`tuxling config RECIPE search WORDS` finds symbols"),
        several => failure.help(format!("the nearest are {}", several.join(", "))),
    }
}

/// The version of the format.
pub(super) const SAVE: &str = "tuxling.config.save/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct Saved<'a> {
    schema: &'static str,
    /// The file, when it was written.
    file: Option<&'a std::path::Path>,
    /// The configuration.
    text: &'a str,
}

fn save(at: &ConfigSubject<'_>, defconfig: bool, output: Option<&std::path::Path>) -> Result<()> {
    let text = if defconfig {
        at.configuration.to_defconfig()
    } else {
        at.configuration.to_dotconfig()
    };
    if let Some(path) = output {
        write_whole(&cwd()?.join(path), &kconfig::bytes::bytes_of(&text))?;
    }
    match (at.json, output) {
        (true, _) => super::print_json(&Saved {
            schema: SAVE,
            file: output,
            text: &text,
        }),
        (false, None) => print(&text),
        (false, Some(_)) => Ok(()),
    }
}
