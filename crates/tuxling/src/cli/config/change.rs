//! `set`, `try` and `want`: what to ask for, what comes of it, and writing it
//! into the recipe.

use std::fs;
use std::path::PathBuf;

use builder::kernel::dropped::Dropped;
use host::cache::write_whole;
use host::error::Kind;
use kconfig::{RequestError, SymbolType, UserValue};
use recipe::Plan;
use recipe::asker::Asker;
use recipe::config::{Request, line};
use recipe::edit::set_options;
use recipe::plan::RecipeOrigin;

use super::told::{ChangesJson, ToldAlternatives, ToldChange, alternatives, changes, show};
use super::unmet::dropped_by;
use super::{ConfigSubject, merge, unknown_symbol};
use crate::cli::{print, print_json};
use crate::failure::{Failure, Result};

/// The versions of the formats.
pub(in crate::cli) const SET: &str = "tuxling.config.set/1";
pub(in crate::cli) const TRY: &str = "tuxling.config.try/1";
pub(in crate::cli) const WANT: &str = "tuxling.config.want/1";

/// `set`: edits the recipe's own options.
pub(super) fn set(at: &ConfigSubject<'_>, typed: &[String], allow_dropped: bool) -> Result<()> {
    let path = own_file(at.plan)?;
    let mut requests = Vec::new();
    for typed in typed {
        let asked = parse(at, typed)?;
        requests.push(of_engine(at, &asked)?);
    }
    let edit = RecipeEdit::new(at, path, &requests, None)?;
    if !edit.dropped.is_empty() && !allow_dropped {
        return Err(refused(at, &edit.dropped));
    }
    write_whole(&edit.path, edit.text.as_bytes())?;
    tell(at, SET, &requests, None, edit)
}

/// `try`: what would change. What wouldn't hold any more is told, and decides
/// the exit code.
pub(super) fn try_out(at: &ConfigSubject<'_>, typed: &[String]) -> Result<()> {
    let mut requests = Vec::new();
    for typed in typed {
        let request = parse(at, typed)?;
        requests.push(of_engine(at, &request)?);
    }
    let mut plan = at.plan.kernel.clone();
    plan.requests.extend(requests.iter().cloned());
    let after = at.tree.evaluate(&plan)?;
    let dropped = merge::dropped(&plan, at, &after);
    let told = ChangesJson {
        schema: TRY,
        requests: requests.iter().map(line).collect(),
        smallest: None,
        alternatives: Vec::new(),
        changes: changes(&at.configuration, &after, &who(at, &requests)),
        dropped: dropped.into_iter().map(|dropped| dropped.text).collect(),
        written: None,
    };
    show(at, &told)?;
    merge::outcome(told.dropped.len())
}

/// Who asks for a symbol once these requests are the last ones.
fn who<'a>(at: &'a ConfigSubject<'_>, requests: &'a [Request]) -> impl Fn(&str) -> String + 'a {
    move |symbol| match requests.iter().find(|request| request.symbol == symbol) {
        Some(request) => format!("asked for by {}", request.by),
        None => at.who(symbol),
    }
}

/// `want`: the fewest changes that give a symbol this value.
pub(super) fn want(mut at: ConfigSubject<'_>, typed: &str, apply: bool) -> Result<()> {
    let path = if apply {
        Some(own_file(at.plan)?)
    } else {
        None
    };
    let goal = parse(&at, typed)?;
    if at.configuration.holds(&goal) {
        return holds_already(&at, &goal);
    }
    let found = at.configuration.want(&goal);
    let found = found.map_err(|failure| no_way(&at, typed, &failure))?;
    let mut requests = Vec::new();
    for request in &found.requests {
        requests.push(of_engine(&at, request)?);
    }
    if let Some(path) = path {
        let edit = RecipeEdit::new(&at, path, &requests, Some(&goal))?;
        if !edit.dropped.is_empty() {
            return Err(refused(&at, &edit.dropped));
        }
        write_whole(&edit.path, edit.text.as_bytes())?;
        return tell(&at, WANT, &requests, Some(found.smallest), edit);
    }
    let mut after = at.configuration.clone();
    after.set(&found.requests);
    let told = ChangesJson {
        schema: WANT,
        requests: requests.iter().map(line).collect(),
        smallest: Some(found.smallest),
        alternatives: alternatives(&after, Some(&goal), &found.requests),
        changes: changes(&at.configuration, &after, &who(&at, &requests)),
        dropped: Vec::new(),
        written: None,
    };
    show(&at, &told)
}

/// What is wanted is there.
fn holds_already(at: &ConfigSubject<'_>, goal: &kconfig::Request) -> Result<()> {
    if at.json {
        return tell_nothing();
    }
    let name = at.tree.kconfig.display_name(goal.symbol);
    print(&format!(
        "# CONFIG_{name} has this value: `tuxling config {} why {name}` says why\n",
        at.recipe
    ))
}

/// The search found nothing.
fn no_way(at: &ConfigSubject<'_>, typed: &str, failure: &kconfig::WantFailure) -> Failure {
    let reason = at.tree.kconfig.reason_text(&failure.reason);
    let searched = if failure.exhausted {
        "no answer to any prompt brings it there"
    } else {
        "the search gave up before it had tried everything"
    };
    Failure::new(Kind::Config, format!("found no way to {typed}"))
        .detail(format!("in the way: {reason}\n{searched}"))
}

/// A recipe's new text, and what comes of it.
struct RecipeEdit {
    path: PathBuf,
    text: String,
    dropped: Vec<Dropped>,
    alternatives: Vec<ToldAlternatives>,
    changes: Vec<ToldChange>,
}

impl RecipeEdit {
    /// Works out what the recipe would come to with these requests. Nothing is
    /// written.
    fn new(
        at: &ConfigSubject<'_>,
        path: PathBuf,
        requests: &[Request],
        goal: Option<&kconfig::Request>,
    ) -> Result<RecipeEdit> {
        // What is wanted may come by itself; it must hold all the same.
        let wanted = goal;
        let goal = goal.map(|goal| of_engine(at, goal)).transpose()?;
        let failed = |reason: String| {
            Failure::new(Kind::Usage, format!("can't edit {}", path.display())).detail(reason)
        };
        let text = fs::read_to_string(&path).map_err(|e| failed(e.to_string()))?;
        let text = set_options(&text, requests).map_err(failed)?;
        let plan = recipe::with_text(&path, &text)?;
        let after = at.tree.evaluate(&plan.kernel)?;
        let asked = requests
            .iter()
            .filter_map(|one| at.tree.kconfig.request(&one.symbol, &one.value).ok());
        let asked: Vec<kconfig::Request> = asked.collect();
        let dropped = requests
            .iter()
            .chain(&goal)
            .filter_map(|request| dropped_by(request, &after))
            .collect();
        Ok(RecipeEdit {
            dropped,
            alternatives: alternatives(&after, wanted, &asked),
            changes: changes(&at.configuration, &after, &who(at, requests)),
            path,
            text,
        })
    }
}

/// The recipe's own file; a built-in one has none.
pub(super) fn own_file(plan: &Plan) -> Result<PathBuf> {
    match &plan.origin {
        RecipeOrigin::File(path) => Ok(path
            .canonicalize()
            .map_err(|e| host::Error::file("find", path, e))?),
        RecipeOrigin::BuiltIn => Err(Failure::new(
            Kind::Usage,
            format!("{} is built in: it can't be edited", plan.name),
        )
        .help("`tuxling new NAME` writes a recipe of your own to begin with")),
    }
}

/// `E1000=y` as a request.
fn parse(at: &ConfigSubject<'_>, typed: &str) -> Result<kconfig::Request> {
    let Some((name, value)) = typed.split_once('=') else {
        return Err(
            Failure::new(Kind::Usage, format!("`{typed}` asks for no value"))
                .help(format!("write {typed}=y")),
        );
    };
    at.tree.kconfig.request(name, value).map_err(|e| match e {
        RequestError::UnknownOption { name, nearest } => unknown_symbol(&name, &nearest),
        invalid => Failure::new(Kind::Usage, invalid.to_string()),
    })
}

/// A request of the engine as one of a recipe.
fn of_engine(at: &ConfigSubject<'_>, request: &kconfig::Request) -> Result<Request> {
    let symbol = at.tree.kconfig.symbol(request.symbol);
    let value = match &request.value {
        Some(UserValue::Tristate(value)) => value.to_string(),
        Some(UserValue::Text(text)) => text.to_string(),
        None => {
            let message = format!("nothing is asked of CONFIG_{}", symbol.name);
            return Err(Failure::new(Kind::Usage, message));
        }
    };
    Ok(Request {
        symbol: symbol.name.to_string(),
        value,
        quoted: symbol.ty == SymbolType::String,
        by: Asker::CommandLine,
        lenient: false,
        optional: false,
    })
}

fn refused(at: &ConfigSubject<'_>, dropped: &[Dropped]) -> Failure {
    let told: Vec<String> = dropped.iter().map(ToString::to_string).collect();
    let failure = Failure::new(
        Kind::Config,
        "the configuration would drop it; nothing was written",
    )
    .detail(told.join("\n"));
    // `want` looks for answers that turn a symbol on or off.
    let logical = |d: &&Dropped| matches!(&*d.request.value, "y" | "m" | "n");
    match dropped.iter().find(logical) {
        Some(Dropped { request, .. }) => failure.help(format!(
            "`tuxling config {} want {}={}` finds what else to ask for",
            at.recipe, request.symbol, request.value
        )),
        None => failure,
    }
}

fn tell(
    at: &ConfigSubject<'_>,
    schema: &'static str,
    requests: &[Request],
    smallest: Option<bool>,
    edit: RecipeEdit,
) -> Result<()> {
    let told = ChangesJson {
        schema,
        requests: requests.iter().map(line).collect(),
        smallest,
        alternatives: edit.alternatives,
        changes: edit.changes,
        dropped: edit.dropped.iter().map(ToString::to_string).collect(),
        written: Some(&edit.path),
    };
    show(at, &told)
}

fn tell_nothing() -> Result<()> {
    print_json(&ChangesJson {
        schema: WANT,
        requests: Vec::new(),
        smallest: Some(true),
        alternatives: Vec::new(),
        changes: Vec::new(),
        dropped: Vec::new(),
        written: None,
    })
}
