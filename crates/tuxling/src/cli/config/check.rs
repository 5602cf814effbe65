//! `check`: what a build would refuse of the configuration, without building:
//! broken terms of the contract, each with what to ask for, and requests that
//! don't hold.

use builder::kernel::contract::{Broken, wish};
use host::error::Kind;
use recipe::config::{Values, effective};
use schemars::JsonSchema;
use serde::Serialize;

use super::ConfigSubject;
use super::told::commented;
use super::unmet::dropped_by;
use crate::cli::{print, print_json};
use crate::failure::{Failure, Result};

/// The version of the format.
pub(in crate::cli) const SCHEMA: &str = "tuxling.config.check/1";

/// What is told.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct CheckJson {
    schema: &'static str,
    /// Whether a build would go on.
    holds: bool,
    /// The terms of `must` and `must-not`, in the recipe's order.
    terms: Vec<ToldTerm>,
    /// Requests that don't hold, each with what it lacks.
    dropped: Vec<String>,
}

/// One term of the contract.
#[derive(Serialize, JsonSchema)]
struct ToldTerm {
    /// `CONFIG_EXT4_FS must be on`.
    term: String,
    /// Where the recipe has it.
    place: String,
    /// What the symbol is.
    value: String,
    /// Why it is not what it must be; none when it is.
    broken: Option<String>,
    /// The fewest lines with which it would be, where there are such.
    ask: Vec<String>,
    #[serde(skip)]
    text: String,
}

/// Tells all terms and requests; what doesn't hold decides the exit code.
pub(super) fn run(at: &mut ConfigSubject<'_>) -> Result<()> {
    let values = Values::parse(&at.configuration.to_dotconfig());
    let kernel = &at.plan.kernel;
    let broken = at.tree.broken(kernel, &values, &at.configuration);
    let mut terms = Vec::new();
    for term in &kernel.contract {
        let against = broken.iter().find(|one| one.term == *term);
        terms.push(ToldTerm {
            term: term.to_string(),
            place: term.place.clone(),
            value: values.get(&term.symbol).to_owned(),
            broken: against.map(|one| one.reason.clone()),
            ask: against.map_or_else(Vec::new, |one| way_to(at, one)),
            text: against.map_or_else(String::new, ToString::to_string),
        });
    }
    let requests = effective(&kernel.requests).into_iter();
    let dropped = requests.filter_map(|request| dropped_by(request, &at.configuration));
    let dropped: Vec<String> = dropped.map(|dropped| dropped.to_string()).collect();
    let told = CheckJson {
        schema: SCHEMA,
        holds: broken.is_empty() && dropped.is_empty(),
        terms,
        dropped,
    };
    if at.json {
        print_json(&told)?;
    } else {
        print(&text(&told))?;
    }
    outcome(broken.len(), told.dropped.len())
}

/// The lines with which a broken term would hold.
fn way_to(at: &mut ConfigSubject<'_>, broken: &Broken) -> Vec<String> {
    let Some(goal) = wish(&broken.term, &at.configuration) else {
        return Vec::new();
    };
    let Ok(found) = at.configuration.want(&goal) else {
        return Vec::new();
    };
    let mut after = at.configuration.clone();
    after.set(&found.requests);
    let lines = found.requests.iter().map(|one| after.line(one.symbol));
    lines.map(|line| line.trim_end().to_owned()).collect()
}

fn outcome(broken: usize, dropped: usize) -> Result<()> {
    let message = match (broken, dropped) {
        (0, 0) => return Ok(()),
        (0, 1) => "1 request doesn't hold".to_owned(),
        (0, n) => format!("{n} requests don't hold"),
        (1, _) => "the configuration breaks 1 term of the recipe's contract".to_owned(),
        (n, _) => format!("the configuration breaks {n} terms of the recipe's contract"),
    };
    Err(Failure::new(Kind::Config, message))
}

/// What would mend it, as lines that can stand in the recipe; all else is a
/// comment.
fn text(told: &CheckJson) -> String {
    let mut lines = Vec::new();
    for term in &told.terms {
        match &term.broken {
            None => lines.push(format!("# holds: {} ({})", term.term, term.place)),
            Some(_) => {
                lines.push(commented(&format!("broken: {}", term.text)));
                if !term.ask.is_empty() {
                    lines.push("# with these lines it would hold:".to_owned());
                }
                lines.extend(term.ask.iter().cloned());
            }
        }
    }
    lines.extend(told.dropped.iter().map(|dropped| commented(dropped)));
    if told.terms.is_empty() {
        lines.push("# the recipe has no contract: `must` and `must-not` in [kernel]".to_owned());
    }
    if told.dropped.is_empty() {
        lines.push("# all requests hold".to_owned());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(term: &str, ask: &[&str]) -> ToldTerm {
        let broken = !ask.is_empty();
        ToldTerm {
            term: term.to_owned(),
            place: "job.toml:3:9".to_owned(),
            value: "n".to_owned(),
            broken: broken.then(|| "needs BLOCK [=n]".to_owned()),
            ask: ask.iter().map(|line| (*line).to_owned()).collect(),
            text: format!("job.toml:3:9: {term} and is n\n    needs BLOCK [=n]"),
        }
    }

    #[test]
    fn what_mends_a_broken_term_can_be_copied_into_a_recipe() {
        let text = text(&CheckJson {
            schema: "",
            holds: false,
            terms: vec![
                term("CONFIG_TTY must be on", &[]),
                term(
                    "CONFIG_EXT4_FS must be on",
                    &["CONFIG_BLOCK=y", "CONFIG_EXT4_FS=y"],
                ),
            ],
            dropped: vec!["CONFIG_A=y (asked for by kernel.options) is n after all".to_owned()],
        });
        let parsed = recipe::fragment::parse(&text, recipe::fragment::Form::Typed);
        assert!(parsed.remarks.is_empty(), "{:?}", parsed.remarks);
        let lines = parsed.lines.iter().map(|line| line.asks.to_line());
        assert!(lines.eq(["CONFIG_BLOCK=y", "CONFIG_EXT4_FS=y"]));
        assert!(text.starts_with("# holds: CONFIG_TTY must be on (job.toml:3:9)\n"));
        assert!(text.contains("# broken: job.toml:3:9: CONFIG_EXT4_FS must be on and is n\n"));
    }

    #[test]
    fn what_is_broken_ends_with_an_error_that_counts() {
        assert!(outcome(0, 0).is_ok());
        let told = |broken, dropped| outcome(broken, dropped).expect_err("fails").message;
        assert!(told(2, 1).contains("breaks 2 terms"));
        assert_eq!(told(0, 2), "2 requests don't hold");
    }
}
