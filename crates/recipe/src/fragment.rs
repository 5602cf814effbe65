//! Fragments: Kconfig lines as a `.config` has them, each with its place and
//! with who asks. What a line is, [`kconfig::dotconfig`] says.
//!
//! A fragment file is read as the kernel's tools read it, and what they pass
//! over is a warning. Lines that are typed into a recipe are the recipe's own:
//! there the same is an error.

use std::collections::HashMap;
use std::ops::Range;

use kconfig::Dialect;
use kconfig::dotconfig::{LineError, OptionLine, OptionValue, Reading, lines};

use super::diagnostic::{Place, Placed, Problem, Problems, SourceId, Wrong};
use super::table;
use crate::asker::Asker;
use crate::config::Request;

/// One line that asks for a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is asked for.
    pub asks: OptionLine,
    /// Its line, from 1.
    pub number: usize,
    /// Where it stands in the text.
    pub span: Range<usize>,
    /// Whether it may be let go of: `# tuxling: optional` stands above it.
    pub optional: bool,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As lines that are typed into another text: all that `conf` would pass
    /// over is an error.
    Typed,
    /// As a file that the `conf` of this dialect reads.
    File(Dialect),
}

/// Something odd about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where the line stands in the text.
    pub span: Range<usize>,
    /// What is odd, and how it is mended.
    pub wrong: Wrong,
    /// What becomes of the line; an error when `None`.
    pub warning: Option<String>,
}

/// What a text comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Its requests.
    pub lines: Vec<Line>,
    /// What is odd about its lines, in their order.
    pub remarks: Vec<Remark>,
}

/// What marks the lines below it, up to the next empty one.
const OPTIONAL: &str = "optional";

/// What stands among the first lines of a configuration that was saved by the
/// kernel's tools (scripts/kconfig/confdata.c).
const SAVED: &str = "# Automatically generated file; DO NOT EDIT.";
const HEAD: usize = 10;

/// All requests of a text, and every line that is odd, with its place.
pub fn parse(text: &str, form: Form) -> Parsed {
    let mut parsed = Parsed::default();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut optional = false;
    for line in lines(text) {
        if let Some(word) = mark(line.text) {
            optional = word == OPTIONAL;
            if !optional {
                parsed.remarks.push(unknown_mark(line.span, word));
            }
            continue;
        }
        optional &= !line.text.is_empty();
        let Reading { asks, mut odd } = match form {
            Form::Typed => line.typed(),
            Form::File(dialect) => line.read(dialect),
        };
        let marked = line.text.split_once('#').map(|(_, end)| format!("#{end}"));
        let own =
            asks.is_some() && marked.and_then(|end| Some(mark(&end)? == OPTIONAL)) == Some(true);
        odd = odd.filter(|_| !own);
        let lost =
            form == Form::Typed && odd.as_ref().is_some_and(|odd| *odd != LineError::Comment);
        if let Some(error) = odd {
            let becomes = match &asks {
                Some(asks) => format!("taken as {}", asks.to_line()),
                None => "the kernel's tools pass over this line".to_owned(),
            };
            parsed.remarks.push(Remark {
                span: line.span.clone(),
                wrong: explained(&error, line.meant()),
                warning: (!lost).then_some(becomes),
            });
        }
        if let Some(asks) = asks.filter(|_| !lost) {
            let new = Line {
                asks,
                number: line.number,
                span: line.span,
                optional: optional || own,
            };
            let before = seen.insert(new.asks.option.clone(), parsed.lines.len());
            let before = before.and_then(|at| parsed.lines.get(at));
            if let Some(again) = before.and_then(|before| another_value(before, &new, form)) {
                parsed.remarks.push(again);
            }
            parsed.lines.push(new);
        }
    }
    parsed
}

/// The word of a comment `# tuxling: WORD`.
fn mark(line: &str) -> Option<&str> {
    let comment = line.strip_prefix('#')?.trim_start();
    Some(comment.strip_prefix("tuxling:")?.trim())
}

fn unknown_mark(span: Range<usize>, word: &str) -> Remark {
    let message = format!("`{word}` is not a mark that tuxling knows");
    let help = "write # tuxling: optional above lines that may be let go of";
    Remark {
        span,
        wrong: Wrong::new(message).help(help),
        warning: Some("this line says nothing".to_owned()),
    }
}

/// A symbol that an earlier line gives another value.
fn another_value(before: &Line, line: &Line, form: Form) -> Option<Remark> {
    if before.asks == line.asks {
        return None;
    }
    let message = format!(
        "CONFIG_{} has another value in line {}",
        line.asks.option, before.number
    );
    Some(Remark {
        span: line.span.clone(),
        wrong: Wrong::new(message).help("remove one of the two"),
        warning: (form != Form::Typed).then(|| "the last one counts".to_owned()),
    })
}

/// What is wrong with a line, and how it is mended.
fn explained(error: &LineError, meant: Option<String>) -> Wrong {
    let form = "a line is CONFIG_X=y, CONFIG_X=17, CONFIG_X=\"text\" or # CONFIG_X is not set";
    let write = |line: &str| format!("write {line}");
    let help = match (error, meant) {
        (LineError::ByteOrderMark, _) => "save the file without it".to_owned(),
        (LineError::Behind { .. } | LineError::Text(_), Some(line)) => {
            let alone = "a comment has a line of its own, above it";
            format!("{}; {alone}", write(&line))
        }
        (_, Some(line)) => write(&line),
        (_, None) => form.to_owned(),
    };
    Wrong::new(error.to_string()).help(help)
}

/// The requests of lines that are part of tuxling itself.
pub fn trusted(text: &str, by: &Asker) -> Vec<Request> {
    let lenient = |line| Request {
        lenient: true,
        ..asked(line, by)
    };
    let lines = parse(text, Form::Typed).lines;
    lines.into_iter().map(lenient).collect()
}

fn asked(line: Line, by: &Asker) -> Request {
    let (value, quoted) = match line.asks.value {
        OptionValue::Bare(value) => (value, false),
        OptionValue::Text(text) => (text, true),
    };
    Request {
        symbol: line.asks.option,
        value,
        quoted,
        by: by.clone(),
        lenient: false,
        optional: line.optional,
    }
}

/// The requests of a fragment file that is one of the problems' sources.
pub fn of_file(
    problems: &Problems,
    source: SourceId,
    text: &str,
    dialect: Dialect,
) -> Vec<Request> {
    let name = problems.source_name(source);
    let parsed = parse(text, Form::File(dialect));
    for remark in parsed.remarks {
        let span = remark.span.clone();
        problems.push(problem(&Place { source, span }, remark));
    }
    let saved = text.lines().take(HEAD).any(|line| line == SAVED);
    let by = |line: usize| Asker::Fragment {
        file: name.clone(),
        line,
        saved,
    };
    let asked = |line: Line| {
        let by = by(line.number);
        asked(line, &by)
    };
    parsed.lines.into_iter().map(asked).collect()
}

/// A remark at its place.
fn problem(place: &Place, remark: Remark) -> Problem {
    let problem = Problem::at(place, remark.wrong.message);
    let problem = match remark.warning {
        Some(becomes) => problem.warning().label(becomes),
        None => problem,
    };
    match remark.wrong.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// The requests of lines typed into a recipe, under the key that asks.
pub fn of_text(problems: &Problems, text: &Placed<String>, by: &Asker) -> Vec<Request> {
    let lines = typed(problems, text, &by.to_string());
    lines.into_iter().map(|line| asked(line, by)).collect()
}

/// The lines that were typed under `key`; those that are none are problems.
pub fn typed(problems: &Problems, text: &Placed<String>, key: &str) -> Vec<Line> {
    let parsed = parse(&text.value, Form::Typed);
    let within = table::Within::new(problems, text);
    let whole = text.value.trim().len();
    for mut remark in parsed.remarks {
        let line = text.value.get(remark.span.clone()).unwrap_or_default();
        let place = within.place(remark.span.clone());
        if place == text.place && line.len() < whole {
            let message = &mut remark.wrong.message;
            message.push_str(&format!(" (in the line `{line}`)"));
        }
        let becomes = remark.warning.clone();
        let label = match becomes {
            Some(becomes) => format!("in {key}: {becomes}"),
            None => format!("in {key}"),
        };
        problems.push(problem(&place, remark).label(label));
    }
    parsed.lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Form = Form::File(Dialect::Linux6_12);

    fn one(line: &str) -> (String, String, bool) {
        let Parsed { mut lines, remarks } = parse(line, NEW);
        assert_eq!((lines.len(), remarks.len()), (1, 0), "{line}: {remarks:?}");
        let request = asked(lines.remove(0), &Asker::CommandLine);
        (request.symbol, request.value, request.quoted)
    }

    #[test]
    fn every_kind_of_line_is_read() {
        let is = |symbol: &str, value: &str, quoted| (symbol.into(), value.into(), quoted);
        assert_eq!(one("CONFIG_NET=y"), is("NET", "y", false));
        assert_eq!(one("CONFIG_NET=n"), is("NET", "n", false));
        assert_eq!(one("# CONFIG_NET is not set"), is("NET", "n", false));
        assert_eq!(one("CONFIG_HZ=250"), is("HZ", "250", false));
        assert_eq!(
            one("CONFIG_PAGE_OFFSET=0xC0000000"),
            is("PAGE_OFFSET", "0xC0000000", false)
        );
        assert_eq!(one(r#"CONFIG_A="b \"c\" \\""#), is("A", r#"b "c" \"#, true));
        assert_eq!(one("CONFIG_CMDLINE=\"\"\r\n"), is("CMDLINE", "", true));
        assert_eq!(parse("\n# why\n \n", NEW), Parsed::default());
    }

    #[test]
    fn a_line_that_asks_for_nothing_is_a_warning_in_a_file_and_an_error_where_it_is_typed() {
        for (line, message, help) in [
            (
                "NET=y",
                "a symbol begins with CONFIG_",
                "write CONFIG_NET=y",
            ),
            (
                "CONFIG_NET",
                "this is not a line of a .config",
                "a line is CONFIG_X=y, CONFIG_X=17, CONFIG_X=\"text\" or # CONFIG_X is not set",
            ),
            (
                "CONFIG_NET =y",
                "blanks stand beside the `=`",
                "write CONFIG_NET=y",
            ),
            (
                "CONFIG_A=17 # why",
                "something stands behind the value `17`",
                "write CONFIG_A=17; a comment has a line of its own, above it",
            ),
        ] {
            let text = format!("CONFIG_X=y\n{line}\n");
            for (form, warning) in [
                (
                    NEW,
                    Some("the kernel's tools pass over this line".to_owned()),
                ),
                (Form::Typed, None),
            ] {
                let parsed = parse(&text, form);
                assert_eq!((parsed.lines.len(), parsed.remarks.len()), (1, 1), "{line}");
                let remark = &parsed.remarks[0];
                assert_eq!(remark.wrong, Wrong::new(message).help(help));
                assert_eq!(&text[remark.span.clone()], line);
                assert_eq!(remark.warning, warning);
            }
        }
    }

    #[test]
    fn what_is_taken_in_part_is_said_with_what_is_taken() {
        let line = "CONFIG_HZ_100=y # slow tick";
        let parsed = parse(line, NEW);
        assert_eq!(parsed.lines[0].asks.to_line(), "CONFIG_HZ_100=y");
        let remark = &parsed.remarks[0];
        assert_eq!(remark.warning.as_deref(), Some("taken as CONFIG_HZ_100=y"));
        let help = "write CONFIG_HZ_100=y; a comment has a line of its own, above it";
        assert_eq!(remark.wrong.help.as_deref(), Some(help));
        assert_eq!(parse(line, Form::Typed).lines, []);
    }

    #[test]
    fn a_comment_that_looks_like_a_request_is_a_warning_everywhere() {
        for form in [NEW, Form::Typed] {
            for line in ["#CONFIG_USB is not set", "#  CONFIG_USB is not set"] {
                let parsed = parse(line, form);
                assert_eq!(parsed.lines, []);
                assert!(parsed.remarks[0].warning.is_some(), "{line}");
                let help = "write # CONFIG_USB is not set";
                assert_eq!(parsed.remarks[0].wrong.help.as_deref(), Some(help));
            }
        }
    }

    #[test]
    fn two_values_for_a_symbol_are_a_contradiction_only_where_they_are_typed() {
        let text = "CONFIG_A=y\nCONFIG_A=y\n# CONFIG_A is not set\n";
        for (form, warning) in [
            (Form::Typed, None),
            (NEW, Some("the last one counts".to_owned())),
        ] {
            let parsed = parse(text, form);
            assert_eq!(parsed.remarks.len(), 1);
            let message = "CONFIG_A has another value in line 2";
            assert_eq!(parsed.remarks[0].wrong.message, message);
            assert_eq!(parsed.remarks[0].warning, warning);
            assert_eq!(parsed.lines.len(), 3);
        }
    }

    #[test]
    fn a_mark_makes_the_lines_below_it_optional_up_to_an_empty_one() {
        let text = "CONFIG_A=y\n# tuxling: optional\nCONFIG_B=y\n# why\n# CONFIG_C is not set\n\n\
                    CONFIG_D=y\nCONFIG_E=y # tuxling: optional\n#tuxling: maybe\n";
        let parsed = parse(text, NEW);
        let optional = parsed.lines.iter().map(|line| line.optional);
        assert_eq!(
            optional.collect::<Vec<_>>(),
            [false, true, true, false, true]
        );
        assert_eq!(parsed.remarks.len(), 1);
        let message = "`maybe` is not a mark that tuxling knows";
        assert_eq!(parsed.remarks[0].wrong.message, message);
    }
}
