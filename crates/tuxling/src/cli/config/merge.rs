//! `merge`: fragments over the recipe, and what becomes of every request.

use std::path::Path;

use builder::kernel::dropped::who;
use builder::kernel::remarks;
use host::cache::write_whole;
use host::error::Kind;
use kconfig::bytes::bytes_of;
use kconfig::{Configuration, Dialect, Elsewhere};
use recipe::asker::Asker;
use recipe::config::{Request, line};
use recipe::diagnostic::{Problem, Problems, RecipeErrors};
use recipe::files::Files;
use recipe::fragment;
use recipe::plan::KernelPlan;
use schemars::JsonSchema;
use serde::Serialize;

use super::ConfigSubject;
use super::told::{ToldChange, changes, commented};
use super::unmet::dropped_by;
use crate::cli::{cwd, print, print_json, warn};
use crate::failure::{Failure, Result};

/// The version of the format.
pub(in crate::cli) const SCHEMA: &str = "tuxling.config.merge/1";

/// What is told.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct MergeJson<'a> {
    schema: &'static str,
    /// How many requests the fragments make.
    requests: usize,
    /// Every request, of the recipe and then of the fragments, that doesn't
    /// hold afterwards, in their order.
    dropped: Vec<ToldDropped>,
    /// Every request for a symbol that only other architectures have.
    foreign: Vec<String>,
    /// Every request that a later one turned round.
    overridden: Vec<ToldOverridden>,
    /// All that changes, by name.
    changes: Vec<ToldChange>,
    /// The `.config`, when it was written.
    written: Option<&'a Path>,
}

/// One request that doesn't hold.
#[derive(Serialize, JsonSchema)]
pub(super) struct ToldDropped {
    request: String,
    #[schemars(with = "String")]
    by: Asker,
    value: String,
    /// What it lacks.
    reason: String,
    #[serde(skip)]
    pub(super) text: String,
}

/// One request that a later one turned round.
#[derive(Serialize, JsonSchema)]
struct ToldOverridden {
    request: String,
    #[schemars(with = "String")]
    by: Asker,
    /// The request that counts.
    later: String,
    #[schemars(with = "String")]
    later_by: Asker,
}

/// Merges, and tells what doesn't hold; this decides the exit code.
pub(super) fn run(at: &ConfigSubject<'_>, names: &[String], output: Option<&Path>) -> Result<()> {
    let asked = read(names, at.tree.kconfig.dialect())?;
    let mut plan = at.plan.kernel.clone();
    plan.requests.extend(asked.iter().cloned());
    let after = at.tree.evaluate(&plan)?;
    let told = MergeJson {
        schema: SCHEMA,
        requests: asked.len(),
        dropped: dropped(&plan, at, &after),
        foreign: foreign(&asked, at),
        overridden: overridden(&plan, asked.len()),
        changes: changes(&at.configuration, &after, &|name| who(&plan, name)),
        written: output,
    };
    if let Some(path) = output {
        write_whole(&cwd()?.join(path), &bytes_of(&after.to_dotconfig()))?;
    }
    if at.json {
        print_json(&told)?
    } else {
        print(&text(&told))?
    }
    outcome(told.dropped.len())
}

/// Fails when some request doesn't hold.
pub(super) fn outcome(dropped: usize) -> Result<()> {
    let message = match dropped {
        0 => return Ok(()),
        1 => "1 request doesn't hold".to_owned(),
        n => format!("{n} requests don't hold"),
    };
    Err(Failure::new(Kind::Config, message))
}

/// The requests of all fragments; whatever is odd in them is told at once.
fn read(names: &[String], dialect: Dialect) -> Result<Vec<Request>> {
    let problems = Problems::default();
    let files = Files::Folder(cwd()?);
    let mut requests = Vec::new();
    for name in names {
        let text = match files.config(name) {
            Ok(text) => text,
            Err(wrong) => {
                let problem = Problem::general(wrong.message);
                return Err(RecipeErrors::general(name, problem).into());
            }
        };
        let source = problems.add_source(name, &text);
        requests.extend(fragment::of_file(&problems, source, &text, dialect));
    }
    warn(&problems.into_errors("fragments"));
    Ok(requests)
}

/// The requests that count and don't hold: those of the fragments, and those of
/// the recipe that held before.
pub(super) fn dropped(
    plan: &KernelPlan,
    at: &ConfigSubject<'_>,
    after: &Configuration<'_>,
) -> Vec<ToldDropped> {
    let own = at.plan.kernel.requests.len();
    let requests = plan.requests.iter().enumerate();
    requests
        .filter(|(index, _)| counts(plan, *index).is_none())
        .filter(|(index, request)| {
            *index >= own || dropped_by(request, &at.configuration).is_none()
        })
        .filter(|(_, request)| elsewhere(request, at).is_none())
        .filter_map(|(_, request)| {
            let dropped = dropped_by(request, after)?;
            Some(ToldDropped {
                request: line(request),
                by: request.by.clone(),
                text: dropped.to_string(),
                value: dropped.value,
                reason: dropped.reason,
            })
        })
        .collect()
}

/// The requests of fragments for symbols that only other architectures have.
fn foreign(asked: &[Request], at: &ConfigSubject<'_>) -> Vec<String> {
    let told = asked.iter().filter(|one| !one.optional);
    let told = told.filter_map(|one| Some(remarks::foreign(one, elsewhere(one, at)?)));
    told.collect()
}

/// Which other architectures have a symbol that this one doesn't have.
fn elsewhere<'a>(request: &Request, at: &'a ConfigSubject<'_>) -> Option<&'a Elsewhere> {
    match at.tree.kconfig.find_defined(&request.symbol) {
        Some(_) => None,
        None => at.tree.elsewhere().get(&request.symbol),
    }
}

/// The later request for the same symbol, if there is one.
fn counts(plan: &KernelPlan, index: usize) -> Option<&Request> {
    let symbol = &plan.requests[index].symbol;
    let later = plan.requests[index + 1..].iter();
    later.rev().find(|request| request.symbol == *symbol)
}

/// What a request of a fragment turned round, in the recipe or in a fragment
/// before it.
fn overridden(plan: &KernelPlan, of_fragments: usize) -> Vec<ToldOverridden> {
    let fragments = &plan.requests[plan.requests.len() - of_fragments..];
    let requests = plan.requests.iter().enumerate();
    requests
        .filter_map(|(index, request)| {
            let later = counts(plan, index)?;
            let turned = later.value != request.value || later.quoted != request.quoted;
            // What the recipe's own parts say of each other is no news.
            let by_fragment = fragments.iter().any(|one| std::ptr::eq(one, later));
            (turned && by_fragment).then(|| ToldOverridden {
                request: line(request),
                by: request.by.clone(),
                later: line(later),
                later_by: later.by.clone(),
            })
        })
        .collect()
}

/// What is told, as text.
fn text(told: &MergeJson<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(told.dropped.iter().map(|dropped| dropped.text.clone()));
    lines.extend(told.foreign.iter().map(|one| commented(one)));
    lines.extend(told.overridden.iter().map(|one| {
        let ToldOverridden {
            request,
            by,
            later,
            later_by,
        } = one;
        format!("{request} (asked for by {by}) is overridden by {later_by}: {later}")
    }));
    let hold = match told.dropped.len() {
        0 => "all hold".to_owned(),
        1 => "1 request doesn't hold".to_owned(),
        n => format!("{n} requests don't hold"),
    };
    let changed = match told.changes.len() {
        1 => "1 value changes".to_owned(),
        n => format!("{n} values change"),
    };
    let merged = match told.requests {
        1 => "1 request merged".to_owned(),
        n => format!("{n} requests merged"),
    };
    lines.push(commented(&format!("{merged}: {hold}, {changed}")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
