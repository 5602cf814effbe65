//! `minimize`: what the recipe asks for and would have anyway.

use std::fs;
use std::path::PathBuf;

use builder::kernel::redundant::{self, Redundant};
use host::cache::write_whole;
use host::error::Kind;
use recipe::asker::Asker;
use recipe::config::{Request, effective, line};
use recipe::edit::remove_options;
use schemars::JsonSchema;
use serde::Serialize;

use super::ConfigSubject;
use super::change::own_file;
use super::told::commented;
use super::unmet::dropped_by;
use crate::cli::{print, print_json};
use crate::failure::{Failure, Result};

/// The version of the format.
pub(in crate::cli) const SCHEMA: &str = "tuxling.config.minimize/1";

/// What is told.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct MinimizeJson {
    schema: &'static str,
    /// How many requests the recipe and its own fragments make.
    requests: usize,
    redundant: Vec<ToldRedundant>,
    /// What is asked for and doesn't hold: it stays.
    dropped: Vec<String>,
    /// The recipe, when it was written.
    written: Option<PathBuf>,
}

/// One request that could be left out.
#[derive(Serialize, JsonSchema)]
struct ToldRedundant {
    request: String,
    #[schemars(with = "String")]
    by: Asker,
    reason: String,
    /// Whether it stands in the recipe's own options.
    own: bool,
}

/// Finds the redundant requests, and removes those of the recipe's own options.
pub(super) fn run(at: &ConfigSubject<'_>, apply: bool) -> Result<()> {
    let path = if apply {
        Some(own_file(at.plan)?)
    } else {
        None
    };
    let requests = &at.plan.kernel.requests;
    let found = redundant::find(at.tree, &at.plan.kernel)?;
    let typed = requests.iter().filter(|request| !request.lenient);
    let counting = effective(requests).into_iter();
    let dropped = counting
        .filter(|request| !request.lenient)
        .filter_map(|request| dropped_by(request, &at.configuration));
    let mut told = MinimizeJson {
        schema: SCHEMA,
        requests: typed.count(),
        redundant: found.iter().map(|one| told(one, requests)).collect(),
        dropped: dropped.map(|dropped| dropped.to_string()).collect(),
        written: None,
    };
    if let Some(path) = path
        && told.redundant.iter().any(|one| one.own)
    {
        remove(at, &found, &path)?;
        told.written = Some(path);
    }
    if at.json {
        print_json(&told)
    } else {
        print(&text(&told))
    }
}

fn told(one: &Redundant, requests: &[Request]) -> ToldRedundant {
    let request = &requests[one.index];
    ToldRedundant {
        request: line(request),
        by: request.by.clone(),
        reason: one.reason.clone(),
        own: is_own(request),
    }
}

fn is_own(request: &Request) -> bool {
    request.by == Asker::KernelOptions
}

/// Removes what is redundant from the recipe's own options, and writes it if it
/// comes to the same configuration.
fn remove(at: &ConfigSubject<'_>, found: &[Redundant], path: &PathBuf) -> Result<()> {
    let failed = |reason: String| {
        Failure::new(Kind::Usage, format!("can't edit {}", path.display())).detail(reason)
    };
    let requests = at.plan.kernel.requests.iter().enumerate();
    let own = requests.filter(|(_, request)| is_own(request));
    let gone: Vec<usize> = own
        .enumerate()
        .filter(|(_, (index, _))| found.iter().any(|one| one.index == *index))
        .map(|(at, _)| at)
        .collect();
    let text = fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    let text = remove_options(&text, &gone).map_err(failed)?;
    let plan = recipe::with_text(path, &text)?;
    let after = at.tree.evaluate(&plan.kernel)?.to_dotconfig();
    if after != at.configuration.to_dotconfig() {
        let message = "without these lines the configuration would be another one";
        return Err(Failure::new(Kind::Config, message)
            .detail("nothing was written")
            .help("this is an error of tuxling's own: `--json` without --apply tells the lines"));
    }
    Ok(write_whole(path, text.as_bytes())?)
}

/// One line for each request, and what was done.
fn text(told: &MinimizeJson) -> String {
    let width = told.redundant.iter().map(|one| one.request.len()).max();
    let width = width.unwrap_or(0).min(40);
    let mut lines: Vec<String> = told
        .redundant
        .iter()
        .map(|one| format!("{:<width$}  # {}: {}", one.request, one.by, one.reason))
        .collect();
    lines.push(match told.redundant.len() {
        0 => "# nothing that is asked for is redundant".to_owned(),
        n => format!("# {n} of {} requests are redundant", told.requests),
    });
    lines.extend(told.dropped.iter().map(|dropped| commented(dropped)));
    if let Some(path) = &told.written {
        let own = told.redundant.iter().filter(|one| one.own).count();
        lines.push(format!("# {own} removed from {}", path.display()));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
