//! Reads the checks and exercises of a recipe.

use super::schema::{DHCP, ECHO, FETCH, PING, SLEEP};
use super::{Check, Exercise, Given, What};
use crate::diagnostic::{Place, Placed, Problem, Problems, Wrong};
use crate::plan::{EchoProtocol, Expectation, GuestCommand, Via};
use crate::table::{Schema, Table};
use crate::words::{self, one_line};

pub(super) fn read_check(problems: &Problems, t: &Table<'_>) -> Check {
    let kinds = ["run", "fetch", "dhcp", "ping", "echo", "sleep"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| t.has(kind)).collect();
    let what = match given[..] {
        [kind] => read_what(problems, t, kind),
        _ => {
            let message = match given.len() {
                0 => "the check does nothing".to_owned(),
                _ => format!("the check does several things: {}", words::list(&given)),
            };
            let help = format!("give one of {}", words::list(&kinds));
            problems.push(Problem::at(&t.place(), message).help(help));
            None
        }
    };
    for key in ["expect", "match"] {
        if t.has(key) && !t.has("run") {
            let message = format!("`{key}` is there, but no `run` whose output it could judge");
            problems.push(
                Problem::at(&t.place(), message).help(format!("remove `{key}`, or add `run`")),
            );
        }
    }
    Check {
        place: t.place(),
        name: t.text("name"),
        what,
        timeout: t.parsed("timeout", words::duration),
        via: t.word(
            "via",
            &[("channel", Via::Channel), ("console", Via::Console)],
        ),
    }
}

fn read_what(problems: &Problems, t: &Table<'_>, kind: &str) -> Option<What> {
    if kind == "run" {
        return Some(What::Run {
            expect: read_expectation(problems, t),
            command: read_command(problems, t)?,
        });
    }
    if kind == "sleep" {
        let (place, t) = read_switch(problems, t, kind, &SLEEP)?;
        return Some(What::Sleep {
            place,
            command: t.as_ref().and_then(|t| read_command(problems, t)),
            at_least: part(&t, |t| t.parsed("at-least", words::duration)),
            at_most: part(&t, |t| t.parsed("at-most", words::duration)),
        });
    }
    read_network_check(problems, t, kind)
}

fn read_network_check(problems: &Problems, t: &Table<'_>, kind: &str) -> Option<What> {
    if kind == "fetch" {
        let (place, t) = read_switch(problems, t, kind, &FETCH)?;
        return Some(What::Fetch {
            place,
            size: part(&t, |t| t.parsed("size", words::bytes)),
            command: part(&t, |t| t.parsed("command", one_line)),
        });
    }
    if kind == "dhcp" {
        let (place, t) = read_switch(problems, t, kind, &DHCP)?;
        return Some(What::Dhcp {
            place,
            interface: part(&t, |t| t.parsed("interface", words::file_name)),
        });
    }
    if kind == "echo" {
        return read_echo(problems, t);
    }
    let (place, t) = read_switch(problems, t, kind, &PING)?;
    Some(What::Ping {
        place,
        to: part(&t, |t| t.parsed("to", words::address)),
        count: part(&t, |t| t.integer("count", 1..1001)),
        command: part(&t, |t| t.parsed("command", one_line)),
    })
}

/// `echo = { tcp = true }` or `{ udp = true }`, with a size.
fn read_echo(problems: &Problems, t: &Table<'_>) -> Option<What> {
    let t = t.table("echo", &ECHO)?;
    let on = |key| t.boolean(key).is_some_and(|on| on.value);
    let protocol = match (on("tcp"), on("udp")) {
        (true, false) => EchoProtocol::Tcp,
        (false, true) => EchoProtocol::Udp,
        _ => {
            let message = "an echo goes either by TCP or by UDP";
            let help = "write echo = { tcp = true } or echo = { udp = true }";
            problems.push(Problem::at(&t.place(), message).help(help));
            return None;
        }
    };
    Some(What::Echo {
        place: t.place(),
        protocol,
        size: t.parsed("size", words::bytes),
    })
}

fn part<'t, T>(t: &Option<Table<'t>>, read: impl FnOnce(&Table<'t>) -> Given<T>) -> Given<T> {
    t.as_ref().and_then(read)
}

/// `true`, or a table of details.
fn read_switch<'t>(
    problems: &Problems,
    t: &Table<'t>,
    key: &str,
    schema: &'static Schema,
) -> Option<(Place, Option<Table<'t>>)> {
    if t.is_boolean(key) {
        let on = t.boolean(key)?;
        if !on.value {
            let help = format!("leave the check out, or write {key} = true");
            let message = format!("a check can't be `{key} = false`");
            problems.push(Problem::at(&on.place, message).help(help));
            return None;
        }
        return Some((on.place, None));
    }
    let inner = t.table(key, schema)?;
    Some((inner.place(), Some(inner)))
}

/// `run`: a line for the shell, or a program with its arguments.
fn read_command(problems: &Problems, t: &Table<'_>) -> Given<GuestCommand> {
    if !t.is_list("run") {
        let text = t.text("run")?;
        return Some(Placed {
            value: GuestCommand::Shell(text.value),
            place: not_empty(problems, text.place, "run")?,
        });
    }
    let list = t.texts("run")?;
    let words: Vec<String> = list.value.into_iter().map(|word| word.value).collect();
    let place = match words.first() {
        Some(program) if !program.is_empty() => list.place,
        _ => not_empty(problems, list.place, "run")?,
    };
    Some(Placed {
        value: GuestCommand::Argv(words),
        place,
    })
}

fn not_empty(problems: &Problems, place: Place, key: &str) -> Option<Place> {
    let typed = problems.typed(&place);
    if typed.contains(|c: char| !c.is_whitespace() && !"\"'[],".contains(c)) {
        return Some(place);
    }
    problems.push(Problem::at(&place, format!("`{key}` is empty")).help("name a command"));
    None
}

fn read_expectation(problems: &Problems, t: &Table<'_>) -> Option<Expectation> {
    let regex = |text: &str| match regex::Regex::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(bad_regex(&error)),
    };
    let expect = t.text("expect");
    let matches = t.parsed("match", regex);
    if let (true, Some(matches)) = (t.has("expect"), &matches) {
        problems.push(
            Problem::at(&matches.place, "both `expect` and `match` are given")
                .help("keep one: `expect` is a literal text, `match` a regular expression"),
        );
    }
    let matches = matches.map(|m| Expectation::Matches(m.value));
    matches.or(expect.map(|e| Expectation::Contains(e.value)))
}

fn bad_regex(error: &regex::Error) -> Wrong {
    let text = error.to_string();
    // The crate's message is a drawing of several lines; its last has the reason.
    let reason = text.lines().last().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    Wrong::new(format!("this is no regular expression: {reason}"))
        .help("for a literal text use `expect` instead of `match`")
}

pub(super) fn read_exercise(problems: &Problems, t: &Table<'_>) -> Option<Exercise> {
    if !t.has("run") {
        problems.push(Problem::at(&t.place(), "`run` is missing").help("add run = \"COMMAND\""));
    }
    let timeout = t.parsed("timeout", words::duration);
    Some(Exercise {
        command: read_command(problems, t)?,
        timeout,
    })
}
