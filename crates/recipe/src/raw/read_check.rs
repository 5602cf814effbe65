//! Reads the checks and exercises of a recipe.

use super::schema::{DHCP, ECHO, FETCH, HTTP, PING, SERVE, SLEEP};
use super::{Check, Exercise, Given, What};
use crate::diagnostic::{Place, Placed, Problem, Problems, Wrong};
use crate::plan::{AskPlan, EchoProtocol, Expectation, GuestCommand, Question, Via};
use crate::table::{Schema, Table};
use crate::words::{self, one_line};

/// Ports that a service can have.
const PORTS: std::ops::Range<u32> = 1..65536;

pub(super) fn read_check(problems: &Problems, t: &Table<'_>) -> Check {
    let kinds = [
        "run", "fetch", "dhcp", "ping", "echo", "serve", "http", "sleep",
    ];
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
    if kind == "serve" {
        return read_serve(problems, t);
    }
    if kind == "http" {
        return read_http(problems, t);
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

/// `serve = { tcp = 6379, send = "…", expect = "…" }`, or `udp`.
fn read_serve(problems: &Problems, t: &Table<'_>) -> Option<What> {
    let t = t.table("serve", &SERVE)?;
    let send = t.text("send").map_or_else(String::new, |send| send.value);
    let (tcp, udp) = (t.integer("tcp", PORTS), t.integer("udp", PORTS));
    let (port, question) = match (tcp, udp) {
        (Some(port), None) => (port, Question::Tcp { send }),
        (None, Some(port)) if send.is_empty() => {
            let help = "add send = \"TEXT\": only a datagram is answered";
            problems.push(Problem::at(&port.place, "nothing is sent").help(help));
            return None;
        }
        (None, Some(port)) => (port, Question::Udp { send }),
        (None, None) if t.has("tcp") || t.has("udp") => return None,
        _ => {
            let message = "a service is asked either over TCP or over UDP";
            let help = "write serve = { tcp = PORT } or serve = { udp = PORT }";
            problems.push(Problem::at(&t.place(), message).help(help));
            return None;
        }
    };
    asked(problems, &t, port.value, question)
}

/// `http = { port = 80, path = "/", status = 200 }`
fn read_http(problems: &Problems, t: &Table<'_>) -> Option<What> {
    let t = t.table("http", &HTTP)?;
    let path = t.parsed("path", |path: &str| {
        let plain = |c: char| c.is_ascii_graphic();
        if path.starts_with('/') && path.chars().all(plain) {
            return Ok(path.to_owned());
        }
        Err(Wrong::new(format!("`{path}` is no path of a page"))
            .help("it begins with `/`; blanks are written as %20"))
    });
    let sha256 = t.parsed("sha256", |hex: &str| {
        let fits = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        if fits {
            return Ok(hex.to_ascii_lowercase());
        }
        Err(Wrong::new("this is no SHA-256").help("64 hexadecimal digits"))
    });
    let wrong = (t.has("path") && path.is_none()) || (t.has("sha256") && sha256.is_none());
    let port = t.integer("port", PORTS).map_or(80, |port| port.value);
    let status = t.integer("status", 100..600).map_or(200, |s| s.value);
    let question = Question::Http {
        path: path.map_or_else(|| "/".to_owned(), |path| path.value),
        status: status as u16,
        sha256: sha256.map(|sha256| sha256.value),
    };
    let ask = asked(problems, &t, port, question)?;
    (!wrong).then_some(ask)
}

/// What `serve` and `http` have in common.
fn asked(problems: &Problems, t: &Table<'_>, port: u32, question: Question) -> Option<What> {
    let call = t.parsed("call", |call: &str| {
        if call.contains("{url}") {
            return one_line(call);
        }
        Err(Wrong::new("the command doesn't download {url}")
            .help("write call = \"COMMAND {url}\"; {file} is where it may write"))
    });
    if t.has("call") && call.is_none() {
        return None;
    }
    let plan = AskPlan {
        port: port as u16,
        question,
        at_once: t.integer("at-once", 1..257).map_or(1, |n| n.value),
        expect: read_expectation(problems, t),
        call: call.map(|call| call.value),
    };
    Some(What::Ask {
        place: t.place(),
        plan,
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
