//! `must` and `must-not` in `[kernel]`: what the resolved configuration has to
//! be, whoever made it so. Unlike a request, a term changes nothing: it is held
//! against what came of all requests.

use std::fmt;

use kconfig::dotconfig::{is_option_name, lines};

use crate::config::Values;
use crate::diagnostic::{Placed, Problem, Problems, Wrong};

/// Which side of the contract a term stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// `must`
    Must,
    /// `must-not`
    MustNot,
}

/// One term of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Whether it must be so or must not.
    pub duty: Duty,
    /// The symbol, without `CONFIG_`.
    pub symbol: String,
    /// The value that is meant, as `.config` spells it; none: on, whatever it
    /// is besides.
    pub value: Option<String>,
    /// Where it was typed: `job.toml:7:9`.
    pub place: String,
}

impl Term {
    /// Whether a value is as the term says, as `.config` spells it.
    fn allows(&self, value: &str) -> bool {
        let is = match &self.value {
            Some(meant) => value == meant,
            None => !matches!(value, "n" | "\"\""),
        };
        is == (self.duty == Duty::Must)
    }

    /// Whether a resolved configuration is as the term says.
    pub fn holds(&self, values: &Values) -> bool {
        self.allows(values.get(&self.symbol))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duty = match self.duty {
            Duty::Must => "must",
            Duty::MustNot => "must not",
        };
        match &self.value {
            Some(value) => write!(f, "CONFIG_{} {duty} be {value}", self.symbol),
            None => write!(f, "CONFIG_{} {duty} be on", self.symbol),
        }
    }
}

/// The terms that were typed in the two lists; what is none is a problem, and
/// so is what can't hold together.
pub(crate) fn read(
    problems: &Problems,
    must: &[Placed<String>],
    must_not: &[Placed<String>],
) -> Vec<Term> {
    let typed = must.iter().map(|typed| (Duty::Must, typed));
    let typed = typed.chain(must_not.iter().map(|typed| (Duty::MustNot, typed)));
    let mut terms: Vec<Term> = Vec::new();
    for (duty, typed) in typed {
        let Some((symbol, value)) = problems.take(&typed.place, parse(&typed.value)) else {
            continue;
        };
        let term = Term {
            duty,
            symbol,
            value,
            place: problems.position(&typed.place),
        };
        terms.push(term);
        if let Some(before) = contradicted(&terms) {
            let message = format!("this contradicts the term in {before}");
            let help = "no configuration fulfils both: remove one of the two";
            problems.push(Problem::at(&typed.place, message).help(help));
            terms.pop();
        }
    }
    terms
}

/// The place of a term before the last one that can't hold together with it.
fn contradicted(terms: &[Term]) -> Option<&str> {
    let (last, before) = terms.split_last()?;
    let same = before.iter().filter(|term| term.symbol == last.symbol);
    let mut against = same.filter(|term| !can_both_hold(term, last));
    against.next().map(|term| term.place.as_str())
}

/// Whether some value is as both terms say: one that they name, or another one.
fn can_both_hold(one: &Term, other: &Term) -> bool {
    let named = [one, other].into_iter().filter_map(|t| t.value.as_deref());
    let mut values = ["n", "y", "a value that none names"]
        .into_iter()
        .chain(named);
    values.any(|value| one.allows(value) && other.allows(value))
}

/// `CONFIG_X`, or a line of a `.config`.
fn parse(typed: &str) -> Result<(String, Option<String>), Wrong> {
    let form = "write \"CONFIG_X\", \"CONFIG_X=m\" or \"CONFIG_X=\\\"text\\\"\"";
    if let Some(name) = typed
        .strip_prefix("CONFIG_")
        .filter(|name| is_option_name(name))
    {
        return Ok((name.to_owned(), None));
    }
    if is_option_name(typed) {
        let help = format!("write \"CONFIG_{typed}\"");
        return Err(Wrong::new("a symbol begins with CONFIG_").help(help));
    }
    let wrong = |message: String| Wrong::new(message).help(form);
    let mut all = lines(typed);
    let (Some(line), None) = (all.next(), all.next()) else {
        return Err(wrong("a term is one line".to_owned()));
    };
    let reading = line.typed();
    match (reading.asks, reading.odd) {
        (Some(asks), None) => Ok((asks.option, Some(asks.value.spelled()))),
        (_, Some(odd)) => Err(wrong(odd.to_string())),
        (None, None) => Err(wrong("this names no symbol".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Place;

    const TYPED: &str = "line one\n  text";

    fn terms(must: &[&str], must_not: &[&str]) -> Result<Vec<Term>, String> {
        let problems = Problems::default();
        let source = problems.add_source("job.toml", TYPED);
        let placed = |texts: &[&str]| -> Vec<Placed<String>> {
            let one = |text: &&str| Placed {
                value: (*text).to_owned(),
                place: Place {
                    source,
                    span: 11..15,
                },
            };
            texts.iter().map(one).collect()
        };
        let terms = read(&problems, &placed(must), &placed(must_not));
        if problems.is_empty() {
            return Ok(terms);
        }
        Err(problems.into_errors("job").render(false))
    }

    #[track_caller]
    fn holds(must: &[&str], must_not: &[&str], config: &str) -> bool {
        let values = Values::parse(config);
        let terms = terms(must, must_not).expect("terms");
        terms.iter().all(|term| term.holds(&values))
    }

    #[test]
    fn a_bare_symbol_is_on_whatever_its_value_is() {
        for (config, on) in [
            ("CONFIG_X=y\n", true),
            ("CONFIG_X=m\n", true),
            ("CONFIG_X=17\n", true),
            ("CONFIG_X=\"a\"\n", true),
            ("CONFIG_X=\"\"\n", false),
            ("# CONFIG_X is not set\n", false),
            ("", false),
        ] {
            assert_eq!(holds(&["CONFIG_X"], &[], config), on, "{config}");
            assert_eq!(holds(&[], &["CONFIG_X"], config), !on, "{config}");
        }
    }

    #[test]
    fn a_value_is_meant_to_the_letter() {
        for (term, config, is) in [
            ("CONFIG_X=m", "CONFIG_X=m\n", true),
            ("CONFIG_X=m", "CONFIG_X=y\n", false),
            ("CONFIG_X=n", "", true),
            ("# CONFIG_X is not set", "CONFIG_X=y\n", false),
            ("CONFIG_X=\"a b\"", "CONFIG_X=\"a b\"\n", true),
            (
                "CONFIG_X=\"a \\\"b\\\"\"",
                "CONFIG_X=\"a \\\"b\\\"\"\n",
                true,
            ),
            ("CONFIG_X=12", "CONFIG_X=13\n", false),
        ] {
            assert_eq!(holds(&[term], &[], config), is, "{term}: {config}");
            assert_eq!(holds(&[], &[term], config), !is, "{term}: {config}");
        }
    }

    #[test]
    fn a_term_says_what_it_wants_and_where_it_stands() {
        let terms = terms(&["CONFIG_X=m"], &["CONFIG_Y"]).expect("terms");
        let told: Vec<String> = terms.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["CONFIG_X must be m", "CONFIG_Y must not be on"]);
        assert_eq!(terms[0].place, "job.toml:2:3");
    }

    #[test]
    fn what_is_no_term_is_an_error_at_its_place_with_the_mend() {
        for (typed, message, help) in [
            (
                "NET",
                "a symbol begins with CONFIG_",
                "write \"CONFIG_NET\"",
            ),
            (
                "CONFIG_NET = y",
                "blanks stand beside the `=`",
                "CONFIG_X=m",
            ),
            ("", "a term is one line", "CONFIG_X=m"),
            ("# why", "this names no symbol", "CONFIG_X=m"),
            ("CONFIG_A=y\nCONFIG_B=y", "a term is one line", "CONFIG_X=m"),
            ("CONFIG_A B", "this is not a line", "CONFIG_X=m"),
        ] {
            let told = terms(&[typed], &[]).expect_err(typed);
            assert!(told.contains(message), "{typed}: {told}");
            assert!(told.contains(help), "{typed}: {told}");
            assert!(told.contains("job.toml:2:3"), "{typed}: {told}");
        }
    }

    #[test]
    fn terms_that_no_value_fulfils_are_refused() {
        for (must, must_not) in [
            (&["CONFIG_X"][..], &["CONFIG_X"][..]),
            (&["CONFIG_X=y", "CONFIG_X=m"], &[]),
            (&["CONFIG_X=m"], &["CONFIG_X=m"]),
            (&["CONFIG_X", "CONFIG_X=n"], &[]),
            (&["CONFIG_X=\"a\""], &["CONFIG_X"]),
        ] {
            let told = terms(must, must_not).expect_err("a contradiction");
            assert!(
                told.contains("contradicts the term in job.toml:2:3"),
                "{told}"
            );
        }
        assert!(terms(&["CONFIG_X"], &["CONFIG_X=m"]).is_ok());
        assert!(terms(&["CONFIG_X", "CONFIG_X=y"], &["CONFIG_Y"]).is_ok());
    }
}
