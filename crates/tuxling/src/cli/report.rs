//! `tuxling report`: a recipe's newest record as one HTML page; or the search
//! that found the recipe.

use std::path::{Path, PathBuf};

use host::Cache;
use host::cache::write_whole;
use host::error::Kind;
use host::process::shell_line;
use host::session::Session;
use measure::built;
use prune::rebuild::{self, Built};
use record::{Database, Record};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::ReportArgs;
use super::carry_out::Needs;
use super::diff::record as record_of;
use super::request::{Request, Typed};
use super::{cwd, print, print_json};
use crate::failure::{Failure, Result};
use crate::shrinking::answer::KeptEvidence;
use report::diff;
use report::html::{HistoryRow, Page, html};
use report::map::{self, Map};
use report::search::{SearchPage, html as search_html};

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.report/1";

/// The version of the format, where the page shows a search.
pub(super) const SEARCH: &str = "tuxling.report.search/1";

/// What is printed as JSON of the page of a search.
#[derive(Serialize, JsonSchema)]
pub(super) struct WrittenSearch<'a> {
    schema: &'static str,
    /// The page.
    file: &'a Path,
    /// Its size.
    bytes: usize,
    /// How many steps it shows.
    steps: usize,
    /// How many boots of the pruning stopped or failed.
    stops: usize,
}

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct Written<'a> {
    schema: &'static str,
    /// The page.
    file: &'a Path,
    /// Its size.
    bytes: usize,
    /// How many pieces its map has.
    leaves: usize,
    /// How many records its trend has.
    records: usize,
}

/// Writes the page.
pub(super) fn run(args: &ReportArgs) -> Result<()> {
    let request = Request::new(Typed {
        dry_run: args.dry_run,
        json: args.json,
        verbose: args.verbose,
        pruned: args.which.pruned,
        ..Typed::looking(&args.recipe)
    })?;
    if !(args.map || args.history || args.against.is_some() || args.which.pruned)
        && let Some(evidence) = KeptEvidence::beside(&request.plan)?
    {
        return search(args, &request, &evidence.page());
    }
    request.carry_out(
        Needs::Little,
        |list| list.size(false, false),
        |request, session| work(args, request, &session),
    )
}

/// Writes the page of the search that made the recipe. Nothing is started.
fn search(args: &ReportArgs, request: &Request, page: &SearchPage) -> Result<()> {
    if request.dry_run {
        return request.carry_out(Needs::Little, |_| Ok(()), |_, _| Ok(()));
    }
    let text = search_html(page);
    let name = PathBuf::from(format!("{}.html", request.plan.name));
    let out = cwd()?.join(args.out.as_ref().unwrap_or(&name));
    write_whole(&out, text.as_bytes())?;
    if request.json {
        return print_json(&WrittenSearch {
            schema: SEARCH,
            file: &out,
            bytes: text.len(),
            steps: page.rounds.iter().map(|round| round.steps.len()).sum(),
            stops: page.pruned.as_ref().map_or(0, |pruned| pruned.stops.len()),
        });
    }
    print(&format!("{}\n", out.display()))
}

fn work(args: &ReportArgs, request: &Request, session: &Session) -> Result<()> {
    let plan = &request.plan;
    let record = match &request.options.output {
        // A pruned system is of the same recipe: its record stands beside it.
        Some(output) => record_of(&output.to_string_lossy())?,
        None => record_of(&args.recipe)?,
    };
    let against = args.against.as_deref().map(record_of).transpose()?;
    // A page that is passed on tells no paths of this machine.
    let against_name = args.against.as_deref().map(|name| {
        let path = Path::new(name).file_stem();
        path.map_or_else(|| name.to_owned(), |n| n.to_string_lossy().into_owned())
    });
    let (map, share_note) = mapped(request, &record, session)?;
    let history = if args.history {
        history(&record.recipe, &session.cache)?
    } else {
        Vec::new()
    };
    let page = Page {
        recipe: &record.recipe,
        description: &plan.board.description,
        difference: against.as_ref().map(|a| diff::diff(a, &record)),
        against: against.as_ref(),
        against_name: against_name.as_deref(),
        units: map.units,
        leaves: map.leaves,
        share_note,
        ledger: record.mem.as_ref().map(map::ledger).unwrap_or_default(),
        history,
        commands: commands(&args.recipe, &record),
        record: &record,
    };
    let text = html(&page)
        .map_err(|e| Failure::new(Kind::Machine, format!("can't write the page: {e}")))?;
    let name = PathBuf::from(format!("{}.html", record.recipe));
    let out = cwd()?.join(args.out.as_ref().unwrap_or(&name));
    write_whole(&out, text.as_bytes())?;
    if request.json {
        return print_json(&Written {
            schema: SCHEMA,
            file: &out,
            bytes: text.len(),
            leaves: page.leaves.len(),
            records: page.history.len(),
        });
    }
    print(&format!("{}\n", out.display()))
}

/// Where the bytes of the record's system are. Everything is there already when
/// the record is the recipe's.
fn mapped(request: &Request, record: &Record, session: &Session) -> Result<(Map, &'static str)> {
    let Request {
        recipe,
        plan,
        options,
        ..
    } = request;
    let Built {
        ingredients,
        system,
    } = rebuild::with_ingredients(plan, options, session)?;
    if record.ids.build_id.as_ref() != Some(&system.kernel.build_id) {
        return Err(Failure::new(
            Kind::Usage,
            format!("the newest record of {recipe} is of another kernel than its recipe builds"),
        )
        .help(format!("make a new one: tuxling check {recipe}")));
    }
    let (_, bytes, _) = built::of_kernel(&system.kernel, ingredients.linux(), plan.board.arch)?;
    let mut map = Map::default();
    map.kernel(&bytes);
    if record.image.ramdisk_bytes > 0 || record.image.root_bytes.is_some() {
        map.ramdisk(&built::of_ramdisk(plan, &ingredients)?);
    }
    if let Some(bytes) = record.image.device_tree_bytes {
        map.file("device tree", bytes);
    }
    Ok((map, map::share_note(&bytes)))
}

/// Every stored record of a recipe; boots on machines that aren't the recipe's
/// are left out.
fn history(recipe: &str, cache: &Cache) -> Result<Vec<HistoryRow>> {
    let store = Database::open(&record::store_path(cache))?;
    let attempts = store.all(recipe)?;
    let own = attempts.iter().filter(|a| !a.record.ram.probe);
    Ok(own.map(HistoryRow::from).collect())
}

/// The commands that do it again.
fn commands<'a>(recipe: &str, record: &Record) -> Vec<(&'a str, String)> {
    let line = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        shell_line(&words)
    };
    let mut commands = vec![
        (
            "Build, boot, check and measure it again",
            line(&["tuxling", "check", recipe, "--locked"]),
        ),
        (
            "Its console in a terminal; Ctrl-A X leaves",
            line(&["tuxling", "boot", recipe]),
        ),
        (
            "The figures of the map in a terminal",
            line(&["tuxling", "size", recipe, "--by", "option"]),
        ),
    ];
    if !record.qemu.is_empty() {
        commands.push(("The boot that this page is about", shell_line(&record.qemu)));
    }
    commands
}
