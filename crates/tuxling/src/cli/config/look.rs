//! What there is to see: values, reasons, names.

use std::collections::BTreeMap;
use std::fmt::Write;

use kconfig::{DefaultValue, Found, Location, Origin, Reverse, Why};
use schemars::JsonSchema;
use serde::Serialize;

use super::ConfigSubject;
use super::told::shown;
use crate::cli::{print, print_json};
use crate::failure::Result;

/// How many defaults, and how many of those that select or imply a symbol,
/// are shown.
const MAX_REVERSES: usize = 8;

/// The versions of the formats.
pub(in crate::cli) const GET: &str = "tuxling.config.get/1";
pub(in crate::cli) const WHY: &str = "tuxling.config.why/1";
pub(in crate::cli) const SEARCH: &str = "tuxling.config.search/1";

/// What is told of values.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ToldValues<'a> {
    schema: &'static str,
    /// By symbol.
    values: BTreeMap<&'a str, &'a str>,
}

/// `get`: the values.
pub(super) fn get(at: &ConfigSubject<'_>, symbols: &[String]) -> Result<()> {
    let configuration = &at.configuration;
    let mut ids = Vec::new();
    for name in symbols {
        ids.push(at.symbol(name)?);
    }
    if symbols.is_empty() {
        let all = at.tree.kconfig.defined_options();
        ids.extend(
            all.map(|(id, _)| id)
                .filter(|id| configuration.is_written(*id)),
        );
    }
    if at.json {
        let value = |id| (at.tree.kconfig.display_name(id), configuration.value(id));
        return print_json(&ToldValues {
            schema: GET,
            values: ids.into_iter().map(value).collect(),
        });
    }
    let lines: String = ids.into_iter().map(|id| configuration.line(id)).collect();
    print(&lines)
}

/// What is told of one symbol.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ToldWhy {
    schema: &'static str,
    symbol: String,
    r#type: &'static str,
    value: String,
    reason: String,
    prompts: Vec<String>,
    depends_on: String,
    unmet: Vec<String>,
    lowest: &'static str,
    highest: &'static str,
    defaults: Vec<ToldDefault>,
    selected_by: Vec<ToldReverse>,
    implied_by: Vec<ToldReverse>,
    defined_at: Vec<String>,
    help: Option<String>,
}

/// One default of a symbol.
#[derive(Serialize, JsonSchema)]
struct ToldDefault {
    value: String,
    condition: String,
    holds: bool,
    at: String,
    #[serde(skip)]
    text: String,
}

/// One symbol that selects or implies another.
#[derive(Serialize, JsonSchema)]
struct ToldReverse {
    symbol: String,
    condition: String,
    value: &'static str,
    at: String,
}

/// `why`: all there is to say about a symbol.
pub(super) fn why(at: &ConfigSubject<'_>, name: &str) -> Result<()> {
    let id = at.symbol(name)?;
    let why = at.configuration.why(id);
    let told = told(at, &why);
    if at.json {
        print_json(&told)
    } else {
        print(&sheet(&told))
    }
}

fn told(at: &ConfigSubject<'_>, why: &Why) -> ToldWhy {
    let tree = &at.tree.kconfig;
    let reason = match &why.origin {
        Origin::User => at.who(&why.name),
        _ => at.configuration.because(why.symbol),
    };
    let default = |default: &DefaultValue| ToldDefault {
        value: default.value.clone(),
        condition: default.condition.clone(),
        holds: default.holds,
        at: place(&default.location),
        text: default.to_string(),
    };
    let reverses = |all: &[Reverse]| {
        let one = |reverse: &Reverse| ToldReverse {
            symbol: tree.display_name(reverse.by).to_owned(),
            condition: reverse.condition.clone(),
            value: reverse.value.as_str(),
            at: place(&reverse.location),
        };
        all.iter().map(one).collect()
    };
    ToldWhy {
        schema: WHY,
        symbol: why.name.clone(),
        r#type: why.ty.as_str(),
        value: why.value.clone(),
        reason,
        prompts: why.prompts.clone(),
        depends_on: why.depends_on.clone(),
        unmet: why.unmet.iter().map(|u| u.text.clone()).collect(),
        lowest: at.configuration.lower_bound(why.symbol).as_str(),
        highest: why
            .visibility
            .max(at.configuration.lower_bound(why.symbol))
            .as_str(),
        defaults: why.defaults.iter().map(default).collect(),
        selected_by: reverses(&why.selected_by),
        implied_by: reverses(&why.implied_by),
        defined_at: why.definitions.iter().map(place).collect(),
        help: why.help.clone(),
    }
}

/// A place without its column: every definition begins a line.
pub(super) fn place(location: &Location) -> String {
    format!("{}:{}", location.file, location.line)
}

/// The sheet of one symbol. Writing to a String can't fail.
fn sheet(why: &ToldWhy) -> String {
    let mut out = format!("{} = {}\n", why.symbol, shown(&why.value));
    let mut row = |label: &str, text: &str| {
        let _ = writeln!(out, "  {label:<12} {text}");
    };
    row("because", &why.reason);
    match &why.prompts[..] {
        [] if why.defaults.is_empty() => {
            row(why.r#type, "no prompt: only other symbols can set it");
        }
        [] => row(
            why.r#type,
            "no prompt: only its defaults and other symbols can set it",
        ),
        prompts => prompts
            .iter()
            .for_each(|prompt| row(why.r#type, &format!("\"{prompt}\""))),
    }
    if why.depends_on != "y" {
        row("depends on", &why.depends_on);
    }
    for unmet in &why.unmet {
        row("fails", unmet);
    }
    if matches!(why.r#type, "bool" | "tristate") && !why.prompts.is_empty() {
        let range = if why.lowest == why.highest {
            format!("only {}", why.lowest)
        } else {
            format!("{} to {}", why.lowest, why.highest)
        };
        row("can be", &range);
    }
    default_rows(&mut row, &why.defaults);
    reverse_rows(&mut row, "selected by", &why.selected_by);
    reverse_rows(&mut row, "implied by", &why.implied_by);
    for place in &why.defined_at {
        row("defined at", place);
    }
    for line in why.help.iter().flat_map(|help| help.trim_end().lines()) {
        let _ = writeln!(out, "{}", format!("    {line}").trim_end());
    }
    out
}

/// The defaults, each with its condition; the one that holds first is taken.
fn default_rows(row: &mut impl FnMut(&str, &str), defaults: &[ToldDefault]) {
    for default in defaults.iter().take(MAX_REVERSES) {
        let text = default.text.strip_prefix("default ");
        row("default", text.unwrap_or(&default.text));
    }
    and_more(row, defaults.len());
}

fn and_more(row: &mut impl FnMut(&str, &str), count: usize) {
    if let Some(more) = count.checked_sub(MAX_REVERSES + 1) {
        row("", &format!("and {} more (all with --json)", more + 1));
    }
}

fn reverse_rows(row: &mut impl FnMut(&str, &str), label: &str, reverses: &[ToldReverse]) {
    for reverse in reverses.iter().take(MAX_REVERSES) {
        let ToldReverse {
            symbol,
            condition,
            value,
            at,
        } = reverse;
        let condition = match condition.as_str() {
            "y" => String::new(),
            condition => format!(" if {condition}"),
        };
        row(label, &format!("{symbol}{condition}: {value} ({at})"));
    }
    and_more(row, reverses.len());
}

/// What is told of a search.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ToldHits<'a> {
    schema: &'static str,
    /// The best first.
    hits: Vec<Hit<'a>>,
}

/// One symbol that was found.
#[derive(Serialize, JsonSchema)]
struct Hit<'a> {
    symbol: &'a str,
    value: &'a str,
    prompt: Option<&'a str>,
    /// `name`, `prompt` or `help`.
    found_in: &'static str,
}

/// `search`: symbols by name, prompt and help text.
pub(super) fn search(at: &ConfigSubject<'_>, words: &[String]) -> Result<()> {
    let tree = &at.tree.kconfig;
    let hits: Vec<Hit<'_>> = tree
        .search(&words.join(" "))
        .into_iter()
        .map(|hit| Hit {
            symbol: tree.display_name(hit.symbol),
            value: at.configuration.value(hit.symbol),
            prompt: tree.symbol(hit.symbol).prompts().next().map(|(p, _)| p),
            found_in: match hit.found {
                Found::WholeName | Found::NameStart | Found::Name => "name",
                Found::Prompt => "prompt",
                Found::Help => "help",
            },
        })
        .collect();
    if at.json {
        let schema = SEARCH;
        return print_json(&ToldHits { schema, hits });
    }
    let line = |hit: &Hit<'_>| {
        let prompt = hit.prompt.unwrap_or("(no prompt)");
        format!("{}={}  {prompt}\n", hit.symbol, shown(hit.value))
    };
    print(&hits.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reverse(symbol: &str) -> ToldReverse {
        ToldReverse {
            symbol: symbol.into(),
            condition: "y".into(),
            value: "y",
            at: "net/Kconfig:3".into(),
        }
    }

    #[test]
    fn a_sheet_tells_what_fails_and_counts_what_it_leaves_out() {
        let why = ToldWhy {
            schema: "",
            symbol: "E1000".into(),
            r#type: "tristate",
            value: "n".into(),
            reason: "nothing sets it".into(),
            prompts: vec!["Intel PRO/1000".into()],
            depends_on: "NET [=y] && PCI [=n]".into(),
            unmet: vec!["PCI [=n]".into()],
            lowest: "n",
            highest: "n",
            defaults: Vec::new(),
            selected_by: (0..10).map(|n| reverse(&format!("S{n}"))).collect(),
            implied_by: Vec::new(),
            defined_at: vec!["net/Kconfig:1".into()],
            help: Some("A card.\n\nMore.\n".into()),
        };
        let text = sheet(&why);
        assert!(text.starts_with("E1000 = n\n  because      nothing sets it\n"));
        assert!(text.contains("\n  fails        PCI [=n]\n  can be       only n\n"));
        assert!(text.contains("\n  selected by  S7: y (net/Kconfig:3)\n"));
        assert!(text.contains("and 2 more (all with --json)\n"));
        assert!(text.ends_with("    A card.\n\n    More.\n"));
    }
}
