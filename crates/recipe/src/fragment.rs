//! Fragments: Kconfig lines as a `.config` has them, each with its place and
//! with who asks. What a line is, [`kconfig::dotconfig`] says.

use std::collections::HashMap;
use std::ops::Range;

use kconfig::dotconfig::{LineError, OptionLine, OptionValue, QuoteError, is_option_name, lines};

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
}

/// All requests of a text, and every line that is none, with its place.
pub fn parse(text: &str) -> (Vec<Line>, Vec<(Range<usize>, Wrong)>) {
    let mut asking: Vec<Line> = Vec::new();
    let mut wrong = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for line in lines(text) {
        match line.read() {
            Ok(None) => {}
            Ok(Some(asks)) => {
                let before = seen.insert(asks.option.clone(), asking.len());
                if let Some(before) = before.map(|i| &asking[i])
                    && before.asks != asks
                {
                    let again = format!(
                        "CONFIG_{} has another value in line {}",
                        asks.option, before.number
                    );
                    let again = Wrong::new(again).help("remove one of the two");
                    wrong.push((line.span.clone(), again));
                }
                asking.push(Line {
                    asks,
                    number: line.number,
                    span: line.span,
                });
            }
            Err(error) => wrong.push((line.span, explained(&error))),
        }
    }
    (asking, wrong)
}

/// What is wrong with a line, and how it is mended.
fn explained(error: &LineError) -> Wrong {
    let form = "a line is CONFIG_X=y, CONFIG_X=17, CONFIG_X=\"text\" or # CONFIG_X is not set";
    let help = match error {
        LineError::NoAssignment => form.to_owned(),
        LineError::NoPrefix { left, value } if is_option_name(left.trim()) => {
            format!("write CONFIG_{}={}", left.trim(), value.trim())
        }
        LineError::NoPrefix { .. } => form.to_owned(),
        LineError::Name { .. } => "a name has letters, digits and `_` only".to_owned(),
        LineError::Value { option, value } => match value.trim() {
            "yes" | "Y" | "on" | "true" => format!("write CONFIG_{option}=y"),
            "no" | "N" | "off" | "false" => format!("write # CONFIG_{option} is not set"),
            trimmed if trimmed == value => {
                format!("a text is quoted: CONFIG_{option}=\"{value}\"")
            }
            _ => "write no space around `=`".to_owned(),
        },
        LineError::Text(QuoteError::NotQuoted | QuoteError::NoEnd) => {
            "close it with `\"`; inside, write `\\\"` and `\\\\`".to_owned()
        }
        LineError::Text(QuoteError::GoesOn) => "remove it".to_owned(),
    };
    Wrong::new(error.to_string()).help(help)
}

/// The requests of lines that are part of tuxling itself.
pub fn trusted(text: &str, by: &Asker) -> Vec<Request> {
    let (lines, _) = parse(text);
    let lenient = |line| Request {
        lenient: true,
        ..asked(line, by)
    };
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
    }
}

/// The requests of a fragment file that is one of the problems' sources.
pub fn of_file(problems: &Problems, source: SourceId, text: &str) -> Vec<Request> {
    let name = problems.source_name(source);
    let (lines, wrong) = parse(text);
    for (span, wrong) in wrong {
        problems.wrong(&Place { source, span }, wrong);
    }
    let by = |line: usize| Asker::Fragment {
        file: name.clone(),
        line,
    };
    lines
        .into_iter()
        .map(|line| {
            let by = by(line.number);
            asked(line, &by)
        })
        .collect()
}

/// The requests of lines typed into a recipe, under the key that asks.
pub fn of_text(problems: &Problems, text: &Placed<String>, by: &Asker) -> Vec<Request> {
    let lines = typed(problems, text, &by.to_string());
    lines.into_iter().map(|line| asked(line, by)).collect()
}

/// The lines that were typed under `key`; those that are none are problems.
pub fn typed(problems: &Problems, text: &Placed<String>, key: &str) -> Vec<Line> {
    let (lines, wrong) = parse(&text.value);
    for (span, wrong) in wrong {
        let line = text.value.get(span.clone()).unwrap_or_default();
        let place = table::within(problems, text, span.clone());
        let message = if place == text.place && line.len() < text.value.trim().len() {
            format!("{} (in the line `{line}`)", wrong.message)
        } else {
            wrong.message
        };
        let problem = Problem::at(&place, message).label(format!("in {key}"));
        problems.push(match wrong.help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (String, String, bool) {
        let (mut lines, wrong) = parse(line);
        assert_eq!((lines.len(), wrong.len()), (1, 0), "{line}: {wrong:?}");
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
        assert_eq!(parse("\n# why\n \n").0, vec![]);
    }

    #[test]
    fn a_line_that_is_none_is_told_with_its_place() {
        for (line, message) in [
            ("NET=y", "a symbol begins with CONFIG_"),
            ("CONFIG_NET", "this is not a line of a .config"),
            ("CONFIG_NET=yes", "`yes` is not a value of a symbol"),
            ("CONFIG_NET =y", "`NET ` is not the name of a symbol"),
            ("CONFIG_A=\"b", "the text has no end"),
            ("CONFIG_A=\"b\" c", "something follows the text's end"),
        ] {
            let text = format!("CONFIG_X=y\n  {line}\n");
            let (_, wrong) = parse(&text);
            assert_eq!(wrong.len(), 1, "{line}");
            assert_eq!(wrong[0].1.message, message);
            assert_eq!(&text[wrong[0].0.clone()], line);
        }
    }

    #[test]
    fn two_values_for_a_symbol_are_a_contradiction() {
        let (_, wrong) = parse("CONFIG_A=y\nCONFIG_A=y\n# CONFIG_A is not set\n");
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].1.message, "CONFIG_A has another value in line 2");
    }
}
