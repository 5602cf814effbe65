//! Fragments: Kconfig lines as a `.config` has them.
//!
//! The lines are those that the kernel's `conf` reads (scripts/kconfig/confdata.c,
//! `conf_read_simple`): `CONFIG_X=y`, `m` or `n`, a decimal or hexadecimal
//! number, a text in quotes with `\"` and `\\`; `# CONFIG_X is not set`;
//! comments and empty lines. Unlike `conf`, nothing else is passed over in
//! silence.

use std::collections::HashMap;
use std::ops::Range;

use super::diagnostic::{Place, Placed, Problem, Problems, SourceId, Wrong};
use super::table;
use crate::config::Request;

/// Who asks for what stands in a recipe's own options.
pub const OWN_OPTIONS: &str = "kernel.options";

/// One line that asks for a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is asked for; `by` is empty.
    pub request: Request,
    /// Its line, from 1.
    pub number: usize,
    /// Where it stands in the text.
    pub span: Range<usize>,
}

/// All requests of a text, and every line that is none, with its place.
pub fn parse(text: &str) -> (Vec<Line>, Vec<(Range<usize>, Wrong)>) {
    let mut lines: Vec<Line> = Vec::new();
    let mut wrong = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut offset = 0;
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim();
        let start = offset + (whole.len() - whole.trim_start().len());
        offset += whole.len();
        let span = start..start + line.len();
        match parse_line(line) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let number = index + 1;
                let before = seen.insert(request.symbol.clone(), lines.len());
                if let Some(before) = before.map(|i| &lines[i])
                    && before.request != request
                {
                    let again = format!(
                        "CONFIG_{} has another value in line {}",
                        request.symbol, before.number
                    );
                    wrong.push((
                        span.clone(),
                        Wrong::new(again).help("remove one of the two"),
                    ));
                }
                lines.push(Line {
                    request,
                    number,
                    span,
                });
            }
            Err(error) => wrong.push((span, error)),
        }
    }
    (lines, wrong)
}

/// The requests of lines that are part of tuxling itself.
pub fn trusted(text: &str, by: &str) -> Vec<Request> {
    let (lines, _) = parse(text);
    let lenient = |line| Request {
        lenient: true,
        ..asked(line, by)
    };
    lines.into_iter().map(lenient).collect()
}

fn asked(line: Line, by: &str) -> Request {
    Request {
        by: by.to_owned(),
        ..line.request
    }
}

/// The requests of a fragment file that is one of the problems' sources.
pub fn of_file(problems: &Problems, source: SourceId, text: &str) -> Vec<Request> {
    let name = problems.source_name(source);
    let (lines, wrong) = parse(text);
    for (span, wrong) in wrong {
        problems.wrong(&Place { source, span }, wrong);
    }
    let by = |line: &Line| format!("{name}:{}", line.number);
    lines
        .into_iter()
        .map(|line| {
            let by = by(&line);
            asked(line, &by)
        })
        .collect()
}

/// The requests of lines typed into a recipe or a board under `key`.
pub fn of_text(problems: &Problems, text: &Placed<String>, key: &str) -> Vec<Request> {
    let (lines, wrong) = parse(&text.value);
    for (span, wrong) in wrong {
        let line = text.value.get(span.clone()).unwrap_or_default();
        let place = table::within(problems, text, span.clone());
        let message = match place == text.place && line.len() < text.value.trim().len() {
            true => format!("{} (in the line `{line}`)", wrong.message),
            false => wrong.message,
        };
        let problem = Problem::at(&place, message).label(format!("in {key}"));
        problems.push(match wrong.help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
    lines.into_iter().map(|line| asked(line, key)).collect()
}

fn parse_line(line: &str) -> Result<Option<Request>, Wrong> {
    if let Some(comment) = line.strip_prefix('#') {
        let symbol = comment
            .trim()
            .strip_prefix("CONFIG_")
            .and_then(|rest| rest.strip_suffix(" is not set"));
        return match symbol {
            Some(symbol) => request(symbol, "n", false).map(Some),
            None => Ok(None),
        };
    }
    if line.is_empty() {
        return Ok(None);
    }
    let form = "a line is CONFIG_X=y, CONFIG_X=17, CONFIG_X=\"text\" or # CONFIG_X is not set";
    let Some((left, value)) = line.split_once('=') else {
        return Err(Wrong::new("this is not a line of a .config").help(form));
    };
    let Some(symbol) = left.strip_prefix("CONFIG_") else {
        let help = match is_symbol(left.trim()) {
            true => format!("write CONFIG_{}={}", left.trim(), value.trim()),
            false => form.to_owned(),
        };
        return Err(Wrong::new("a symbol begins with CONFIG_").help(help));
    };
    if value.starts_with('"') {
        return request(symbol, &unquoted(value)?, true).map(Some);
    }
    if matches!(value, "y" | "m" | "n") || is_number(value) {
        return request(symbol, value, false).map(Some);
    }
    let help = match value.trim() {
        "yes" | "Y" | "on" | "true" => format!("write CONFIG_{symbol}=y"),
        "no" | "N" | "off" | "false" => format!("write # CONFIG_{symbol} is not set"),
        trimmed if trimmed == value => format!("a text is quoted: CONFIG_{symbol}=\"{value}\""),
        _ => "write no space around `=`".to_owned(),
    };
    Err(Wrong::new(format!("`{value}` is not a value of a symbol")).help(help))
}

fn request(symbol: &str, value: &str, quoted: bool) -> Result<Request, Wrong> {
    if !is_symbol(symbol) {
        return Err(
            Wrong::new(format!("`{symbol}` is not the name of a symbol"))
                .help("a name has letters, digits and `_` only"),
        );
    }
    Ok(Request {
        symbol: symbol.to_owned(),
        value: value.to_owned(),
        quoted,
        by: String::new(),
        lenient: false,
    })
}

fn is_symbol(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn unquoted(value: &str) -> Result<String, Wrong> {
    let unended = || {
        Wrong::new("the text has no end")
            .help("close it with `\"`; inside, write `\\\"` and `\\\\`")
    };
    let mut text = String::new();
    let mut chars = value.chars().skip(1);
    loop {
        match chars.next().ok_or_else(unended)? {
            '\\' => text.push(chars.next().ok_or_else(unended)?),
            '"' => break,
            c => text.push(c),
        }
    }
    match chars.next() {
        None => Ok(text),
        Some(_) => Err(Wrong::new("something follows the text's end").help("remove it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (String, String, bool) {
        let (mut lines, wrong) = parse(line);
        assert_eq!((lines.len(), wrong.len()), (1, 0), "{line}: {wrong:?}");
        let request = lines.remove(0).request;
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
