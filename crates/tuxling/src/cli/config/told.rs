//! What is told of a change to a configuration, as text and as JSON.

use std::path::Path;

use kconfig::{Configuration, Origin, SymbolId};
use schemars::JsonSchema;
use serde::Serialize;

use super::ConfigSubject;
use crate::cli::{print, print_json};
use crate::failure::Result;

/// How many other ways are shown.
const ALTERNATIVES: usize = 6;

/// What is told of a change.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ChangesJson<'a> {
    pub schema: &'static str,
    /// Lines for the recipe's own options.
    pub requests: Vec<String>,
    /// Whether no smaller set would do, where one was searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest: Option<bool>,
    /// What comes by one of several ways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<ToldAlternatives>,
    /// All that changes, by name.
    pub changes: Vec<ToldChange>,
    /// What is asked for and doesn't hold.
    pub dropped: Vec<String>,
    /// The recipe, when it was written.
    pub written: Option<&'a Path>,
}

/// A symbol that several others select, one of which is asked for.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ToldAlternatives {
    pub symbol: String,
    /// What selects it now.
    pub by: String,
    /// What could in its place, what is nearest first.
    pub others: Vec<String>,
}

/// What could be asked for in place of these requests.
pub(super) fn alternatives(
    after: &Configuration<'_>,
    goal: Option<&kconfig::Request>,
    requests: &[kconfig::Request],
) -> Vec<ToldAlternatives> {
    let name = |one: &SymbolId| after.tree().display_name(*one).to_owned();
    let told = after.alternatives(goal.map(|goal| goal.symbol), requests);
    let told = told.iter().map(|one| ToldAlternatives {
        symbol: name(&one.symbol),
        by: name(&one.by),
        others: one.others.iter().map(name).collect(),
    });
    told.collect()
}

/// One symbol that changes.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ToldChange {
    pub symbol: String,
    pub before: String,
    pub after: String,
    /// Where the value after comes from, or what the symbol lacks.
    pub reason: String,
}

/// All options whose value differs between two configurations of one tree, by
/// name; `who` tells who asks for a value.
pub(super) fn changes(
    before: &Configuration<'_>,
    after: &Configuration<'_>,
    who: &dyn Fn(&str) -> String,
) -> Vec<ToldChange> {
    let options = before.tree().defined_options();
    let mut changes: Vec<_> = options
        .filter(|(id, _)| before.value(*id) != after.value(*id))
        .map(|(id, option)| ToldChange {
            symbol: option.name.to_string(),
            before: before.value(id).to_owned(),
            after: after.value(id).to_owned(),
            reason: match after.origin(id) {
                Origin::User => who(&option.name),
                _ => after.because(id),
            },
        })
        .collect();
    changes.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    changes
}

/// Shows what is told of a change.
pub(super) fn show(at: &ConfigSubject<'_>, told: &ChangesJson<'_>) -> Result<()> {
    if at.json {
        print_json(told)
    } else {
        print(&text(told))
    }
}

/// Lines that can stand in a recipe as they are: all else is a comment.
fn text(told: &ChangesJson<'_>) -> String {
    let mut lines = told.requests.clone();
    if told.smallest == Some(false) {
        lines.push("# the search ended before it had ruled out that fewer do".to_owned());
    }
    lines.extend(told.alternatives.iter().map(|one| {
        let (first, rest) = one.others.split_at(one.others.len().min(ALTERNATIVES));
        let mut others = first.join(", ");
        if !rest.is_empty() {
            others.push_str(&format!(" and {} more (all with --json)", rest.len()));
        }
        format!("# {} comes by {}; others: {others}", one.symbol, one.by)
    }));
    lines.extend(told.dropped.iter().map(|d| commented(d)));
    lines.push(match told.changes.len() {
        0 => "# no value changes".to_owned(),
        1 => "# 1 value changes:".to_owned(),
        n => format!("# {n} values change:"),
    });
    let changes = told.changes.iter().map(|change| {
        let (before, after) = (shown(&change.before), shown(&change.after));
        let what = format!("{} {before} -> {after}", change.symbol);
        (what, &change.reason)
    });
    let changes: Vec<_> = changes.collect();
    let width = changes.iter().map(|(what, _)| what.len()).max();
    let width = width.unwrap_or(0).min(40);
    let change = |(what, reason): &(String, &String)| format!("#  {what:<width$}  # {reason}");
    lines.extend(changes.iter().map(change));
    if let Some(path) = told.written {
        lines.push(format!("# written to {}", path.display()));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A value as it is shown: an empty text as one.
pub(super) fn shown(value: &str) -> &str {
    match value {
        "" => "\"\"",
        value => value,
    }
}

/// A text as a comment of a `.config`.
pub(super) fn commented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("# {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_can_be_copied_into_a_recipe() {
        let told = ChangesJson {
            schema: "",
            requests: vec!["CONFIG_PCI=y".into(), "# CONFIG_VT is not set".into()],
            smallest: Some(false),
            alternatives: vec![ToldAlternatives {
                symbol: "VIRTIO".into(),
                by: "VIRTIO_PCI".into(),
                others: vec!["VIRTIO_MMIO".into()],
            }],
            changes: vec![ToldChange {
                symbol: "PCI".into(),
                before: "n".into(),
                after: "y".into(),
                reason: "asked for".into(),
            }],
            dropped: Vec::new(),
            written: None,
        };
        let text = text(&told);
        let parsed = recipe::fragment::parse(&text, recipe::fragment::Form::Typed);
        assert!(parsed.remarks.is_empty(), "{:?}", parsed.remarks);
        assert_eq!(parsed.lines.len(), 2);
        assert!(text.contains("\n# VIRTIO comes by VIRTIO_PCI; others: VIRTIO_MMIO\n"));
        assert!(text.ends_with("# 1 value changes:\n#  PCI n -> y  # asked for\n"));
    }
}
