//! `cargo xtask figures`: figures of the documents, and where they come from.
//!
//! Behind a figure in a Markdown file stands a comment that nobody sees on the
//! page: `483,840<!-- figure: FILE#/a/json/pointer -->`, or a command of
//! tuxling's in FILE's place, `tuxling config pc-net get HZ --json`. The value
//! there has to be the figure. Only what takes seconds stands in comments: what
//! a kernel has to be built for has its command beside it, in words.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::command;

const MARK: &str = "<!-- figure: ";

/// One figure with its source.
#[derive(Debug, PartialEq, Eq)]
struct Figure {
    /// The line, from 1.
    line: usize,
    /// As it stands there: `483,840`.
    told: String,
    /// A file or a command.
    source: String,
    /// Where in it.
    pointer: String,
}

/// Compares all figures with their sources, or those of the named documents.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let documents = match arguments {
        [] => documents()?,
        named => named.to_vec(),
    };
    let mut sources = BTreeMap::new();
    let (mut compared, mut wrong) = (0, Vec::new());
    for document in documents {
        let text = fs::read_to_string(&document).map_err(|e| format!("{document}: {e}"))?;
        for figure in figures(&text) {
            let found = look_up(&figure, &mut sources);
            compared += 1;
            if found.as_ref() != Ok(&figure.told) {
                let found = found.unwrap_or_else(|why| why);
                let Figure {
                    line,
                    told,
                    source,
                    pointer,
                } = figure;
                wrong.push(format!(
                    "{document}:{line}: says {told}; {source}#{pointer} says {found}"
                ));
            }
        }
    }
    if wrong.is_empty() {
        eprintln!("figures: {compared} compared");
        return Ok(());
    }
    Err(format!(
        "{} of {compared} figures differ\n{}",
        wrong.len(),
        wrong.join("\n")
    ))
}

/// The project's Markdown files.
fn documents() -> Result<Vec<String>, String> {
    let listed = command("git")
        .args(["ls-files", "--", "*.md"])
        .output()
        .map_err(|e| format!("git ls-files: {e}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(listed.lines().map(str::to_owned).collect())
}

/// The figures of a document.
fn figures(text: &str) -> Vec<Figure> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut pieces = line.split(MARK);
        let mut before = pieces.next().unwrap_or_default();
        let mut in_code = before.matches('`').count();
        for piece in pieces {
            // What stands in a line of code is an example.
            let is_example = !in_code.is_multiple_of(2);
            in_code += piece.matches('`').count();
            if is_example {
                before = piece;
                continue;
            }
            let (source, after) = piece.split_once(" -->").unwrap_or((piece, ""));
            let (source, pointer) = source.rsplit_once('#').unwrap_or((source, ""));
            found.push(Figure {
                line: at + 1,
                told: last_number(before).to_owned(),
                source: source.to_owned(),
                pointer: pointer.to_owned(),
            });
            before = after;
        }
    }
    found
}

/// The number that a text ends with.
fn last_number(text: &str) -> &str {
    let of_number = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| of_number(*c))
        .last();
    start.map_or("", |(at, _)| &text[at..])
}

/// What the source says, as the documents write it.
fn look_up(
    figure: &Figure,
    sources: &mut BTreeMap<String, Result<Value, String>>,
) -> Result<String, String> {
    let source = sources
        .entry(figure.source.clone())
        .or_insert_with(|| read(&figure.source));
    let value = source.as_ref().map_err(Clone::clone)?;
    match value.pointer(&figure.pointer) {
        Some(Value::Number(number)) => Ok(grouped(&number.to_string())),
        Some(Value::Array(values)) => Ok(values.len().to_string()),
        Some(Value::Object(values)) => Ok(values.len().to_string()),
        Some(other) => Ok(other.to_string()),
        None => Err("nothing".to_owned()),
    }
}

fn read(source: &str) -> Result<Value, String> {
    let json = match source.strip_prefix("tuxling ") {
        Some(arguments) => {
            let output = command(env!("CARGO"))
                .args(["run", "--quiet", "--package", "tuxling", "--"])
                .args(arguments.split_whitespace())
                .output()
                .map_err(|e| e.to_string())?;
            output.stdout
        }
        None => fs::read(source).map_err(|e| e.to_string())?,
    };
    serde_json::from_slice(&json).map_err(|e| format!("no JSON: {e}"))
}

/// A whole number with its digits in groups of three.
fn grouped(number: &str) -> String {
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut out = String::new();
    for (at, digit) in number.chars().enumerate() {
        if at > 0 && (number.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_number_before_its_comment() {
        let text = "`1<!-- figure: x#/y -->`\n| from 1,171,968 to 483,840<!-- figure: a.json#/after/b --> | 12<!-- \
                    figure: tuxling schema --json#/x --> |\n";
        let told: Vec<(usize, String, String)> = figures(text)
            .into_iter()
            .map(|f| (f.line, f.told, format!("{}#{}", f.source, f.pointer)))
            .collect();
        let expected = [
            (2, "483,840", "a.json#/after/b"),
            (2, "12", "tuxling schema --json#/x"),
        ];
        assert_eq!(
            told,
            expected.map(|(line, told, from)| (line, told.to_owned(), from.to_owned()))
        );
    }

    #[test]
    fn a_figure_that_differs_is_told_with_its_place_and_what_is_right() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("x.json"), r#"{"bytes": 483840, "steps": [1, 2]}"#).expect("writes");
        let from = |pointer: &str| format!("<!-- figure: {}#{pointer} -->", path("x.json"));
        let text = format!(
            "It has 483,840{} bytes, 2{} steps.",
            from("/bytes"),
            from("/steps")
        );
        fs::write(path("good.md"), &text).expect("writes");
        assert_eq!(run(&[path("good.md")]), Ok(()));
        let text = text.replace("483,840", "418,304") + &format!("\n7{}", from("/none"));
        fs::write(path("bad.md"), text).expect("writes");
        let why = run(&[path("bad.md")]).expect_err("two differ");
        assert!(why.starts_with("2 of 3 figures differ"), "{why}");
        assert!(
            why.contains("bad.md:1: says 418,304;") && why.contains("says 483,840"),
            "{why}"
        );
        assert!(
            why.contains("bad.md:2: says 7;") && why.contains("says nothing"),
            "{why}"
        );
    }
}
