//! The report: one HTML file that shows a record, where its bytes are, and what
//! became of it over time. It holds its own style and script, loads nothing,
//! and is a function of its [`Page`].
//!
//! The page is assembled from the files in `html/`. Its script reads the page's
//! data as JSON; docs/report.md says what it shows.

use record::{Attempt, Record};
use serde::Serialize;

use super::card::card;
use super::diff::Diff;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");

/// The script's files, in the order in which they build on each other.
const SCRIPTS: &[&str] = &[
    include_str!("html/dom.js"),
    include_str!("html/tree.js"),
    include_str!("html/treemap.js"),
    include_str!("html/tables.js"),
    include_str!("html/trend.js"),
    include_str!("html/page.js"),
];

/// Everything that the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Page<'a> {
    /// The recipe's name.
    pub recipe: &'a str,
    /// What the board is.
    pub description: &'a str,
    /// The record.
    pub record: &'a Record,
    /// The record that it is compared with.
    pub against: Option<&'a Record>,
    /// How that record is called.
    pub against_name: Option<&'a str>,
    /// What differs between the two.
    pub difference: Option<Diff>,
    /// What the bytes belong to.
    pub units: Vec<Unit>,
    /// All bytes, a leaf of the map each.
    pub leaves: Vec<Leaf>,
    /// How the compressed figures were computed, in a sentence.
    pub share_note: &'a str,
    /// The RAM of the machine, all of it.
    pub ledger: Vec<LedgerRow>,
    /// Every stored record, the oldest first.
    pub history: Vec<HistoryRow>,
    /// Commands that do it again: what for, and the line.
    pub commands: Vec<(&'a str, String)>,
}

/// What bytes belong to: the image (`kernel`, `ramdisk`), the object or file,
/// and the options that bring it in, the outermost first (`NET/INET`), where
/// there are any.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Unit(pub String, pub String, pub Option<String>);

/// Bytes: the unit's index, the symbol (empty where the unit has none), bytes
/// before compression, bytes of the compressed image, bytes of RAM after boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaf(pub usize, pub String, pub u64, pub u64, pub u64);

/// A part of the machine's RAM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// What it is.
    pub name: String,
    /// How much.
    pub kib: u64,
}

/// One stored record, as far as the trend shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryRow {
    at: i64,
    outcome: Option<record::Outcome>,
    total_bytes: u64,
    kernel_bytes: u64,
    ramdisk_bytes: u64,
    used_kib: Option<u64>,
    instructions: Option<u64>,
}

impl From<&Attempt> for HistoryRow {
    fn from(attempt: &Attempt) -> Self {
        let record = &attempt.record;
        HistoryRow {
            at: attempt.at,
            outcome: record.outcome,
            total_bytes: record.image.total_bytes,
            kernel_bytes: record.image.kernel_bytes,
            ramdisk_bytes: record.image.ramdisk_bytes,
            used_kib: record.ram.used_kib,
            instructions: record.boot.instructions,
        }
    }
}

/// The page as HTML.
///
/// # Errors
/// Only when a value can't be written as JSON.
pub fn html(page: &Page) -> serde_json::Result<String> {
    let script = format!("(() => {{\n\"use strict\";\n{}}})();", SCRIPTS.join("\n"));
    let parts = [
        ("title", escaped(&format!("{}: tuxling", page.recipe))),
        ("style", STYLE.to_owned()),
        ("card", escaped(&card(page.record, None))),
        ("data", in_script(&serde_json::to_string(page)?)),
        ("script", script),
    ];
    Ok(fill(PAGE, &parts))
}

/// A template with its `{{name}}`s replaced. What is put in is not looked at
/// again: a value that holds `{{data}}` stays as it is.
pub(crate) fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = behind.split_once("}}").unwrap_or((behind, ""));
        let value = parts.iter().find(|(key, _)| *key == name);
        out.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Text between tags.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// JSON inside a script element: neither its end nor a comment may show up in
/// it (HTML standard, 4.12.1.3).
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::fixture::record;

    fn page(record: &Record) -> Page<'_> {
        Page {
            recipe: &record.recipe,
            description: "a board",
            record,
            against: None,
            against_name: None,
            difference: None,
            units: Vec::new(),
            leaves: Vec::new(),
            share_note: "",
            ledger: Vec::new(),
            history: Vec::new(),
            commands: Vec::new(),
        }
    }

    #[test]
    fn nothing_in_a_record_ends_the_script_that_holds_it() {
        let mut record = record();
        record.reason = Some("</script><script>alert(1)</script><!-- {{title}}".to_owned());
        let html = html(&page(&record)).expect("is written");
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script>").count(), 2);
        assert!(!html.contains("alert(1)</script>"));
        assert!(html.contains("{{title}}"), "values are no templates");
    }

    #[test]
    fn the_data_reads_back_as_it_was() {
        let mut record = record();
        record.reason = Some("a < b & \"c\"".to_owned());
        let html = html(&page(&record)).expect("is written");
        let (_, behind) = html.split_once("id=\"data\">").expect("has data");
        let (data, _) = behind.split_once("</script>").expect("ends");
        let data: serde_json::Value = serde_json::from_str(data).expect("is JSON");
        assert_eq!(data["record"]["reason"], "a < b & \"c\"");
    }

    #[test]
    fn the_page_asks_for_nothing_from_outside() {
        let html = html(&page(&record())).expect("is written");
        // The namespace of SVG is a name, not an address that is loaded.
        let html = html.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "//cdn", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
