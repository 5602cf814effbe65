//! `tuxling trap`: what a stop of a pruned system means.

use std::fmt::Write as _;

use builder::kernel::makefiles;
use host::error::Kind;
use host::session::Session;
use prune::rebuild::{self, Built};
use prune::trap::{self, Place, Stop};
use recipe::config;
use schemars::JsonSchema;
use serde::Serialize;
use vmlinux::prune::TrapRecord;

use super::args::TrapArgs;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};

/// So many callers are told.
const CALLERS: usize = 8;

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.trap/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct TrapJson<'a> {
    schema: &'static str,
    recipe: &'a str,
    #[serde(flatten)]
    stop: &'a Stop,
    /// The options that must be set for its object to be compiled.
    options: &'a [String],
}

/// Says it.
pub(super) fn run(args: &TrapArgs) -> Result<()> {
    let record = addresses(&args.stop)?;
    let mut typed = Typed {
        dry_run: args.dry_run,
        json: args.json,
        verbose: args.verbose,
        ..Typed::looking(&args.recipe)
    };
    // Where the recipe names no certificate it is what pruning left.
    typed.pruned = super::load(&args.recipe)?.prune.certificate.is_none();
    Request::new(typed)?.carry_out(
        Needs::Little,
        |list| list.verify(),
        |request, session| work(record, request, &session),
    )
}

fn work(record: TrapRecord, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let Some(file) = &plan.prune.certificate else {
        return Err(Failure::new(Kind::Usage, "no certificate is there"));
    };
    let certificate = rebuild::read(file)?;
    let Built {
        ingredients,
        system,
    } = rebuild::with_ingredients(plan, options, session)?;
    let made = (&ingredients, &system.kernel);
    let Some(stop) = trap::explain(plan, made, &certificate, record, session)? else {
        return Err(Failure::new(
            Kind::Usage,
            format!("no trap of {} is at {:#x}", plan.name, record.trap),
        )
        .help("give the line that this very kernel printed; another pruning has other addresses"));
    };
    let config_path = system.kernel.config();
    let config_text = std::fs::read_to_string(&config_path)
        .map_err(|e| host::Error::file("read", &config_path, e))?;
    let linux = ingredients.linux();
    let objects = makefiles::objects(&linux.tree, plan.board.arch, &config_text);
    let reason = objects.reason(&stop.function.object);
    let options = reason.map(|r| r.options.clone()).unwrap_or_default();
    if request.json {
        return print_json(&TrapJson {
            schema: SCHEMA,
            recipe: &plan.name,
            stop: &stop,
            options: &options,
        });
    }
    print(&text(&stop, &options, &config::Values::parse(&config_text)))
}

/// The addresses of `tuxling: trap 0xc1060670 from 0xc10612f4`, or one alone.
fn addresses(line: &str) -> Result<TrapRecord> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    let hexadecimal = |word: &str| {
        let digits = word
            .strip_prefix("0x")
            .or_else(|| word.strip_prefix("0X"))?;
        u64::from_str_radix(digits, 16).ok()
    };
    let mut found = words.filter_map(hexadecimal);
    let Some(trap) = found.next() else {
        return Err(
            Failure::new(Kind::Usage, format!("{line:?} has no address in it")).help(
                "give an address like 0xc1060670, or the line that begins with \"tuxling: trap\"",
            ),
        );
    };
    Ok(TrapRecord {
        trap,
        caller: found.next().unwrap_or(0),
    })
}

fn text(stop: &Stop, options: &[String], values: &config::Values) -> String {
    let name = |place: &Place| format!("{} ({})", place.symbol, place.object);
    let mut text = name(&stop.function);
    let _ = match stop.part {
        Some((from, to)) => writeln!(
            text,
            " came to a part of it that never ran and was removed, {from:#x} to {to:#x}"
        ),
        None => match &stop.caller {
            Some(caller) => writeln!(text, " was removed, and called from {}", name(caller)),
            None => writeln!(text, " was removed"),
        },
    };
    let mut row = |title: &str, what: String| {
        let _ = writeln!(text, "  {title:<14} {what}");
    };
    let mut callers: Vec<String> = stop.callers.iter().take(CALLERS).map(name).collect();
    if stop.callers.len() > CALLERS {
        callers.push(format!("{} more", stop.callers.len() - CALLERS));
    }
    row(
        "called by",
        if callers.is_empty() {
            "nothing that stays calls it by name: it was reached through a pointer".to_owned()
        } else {
            callers.join(", ")
        },
    );
    let set = |option: &String| format!("CONFIG_{option}={}", values.get(option));
    row(
        "compiled for",
        if options.is_empty() {
            "every kernel".to_owned()
        } else {
            options.iter().map(set).collect::<Vec<_>>().join(", ")
        },
    );
    row(
        "removed since",
        format!("no boot of the trace came there, at level {}", stop.level),
    );
    let symbol = &stop.function.symbol;
    row(
        "stays with",
        format!("--keep {symbol}, or keep = [\"{symbol}\"] under [prune]"),
    );
    row(
        "",
        "a [[check]] or an [[exercise]] that does what was done now".to_owned(),
    );
    if !stop.rules.is_empty() && stop.level == "tight" {
        row(
            "",
            format!("level balanced: rule {}", stop.rules.join(", ")),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_whatever_is_pasted() {
        for (line, trap, caller) in [
            ("0xc1060670", 0xc106_0670, 0),
            (
                "tuxling: trap 0xc1060670 from 0x00200046\r",
                0xc106_0670,
                0x20_0046,
            ),
            ("[   85.1] tuxling: trap 0XC1060670.", 0xc106_0670, 0),
        ] {
            let record = addresses(line).expect(line);
            assert_eq!((record.trap, record.caller), (trap, caller), "{line}");
        }
        let none = addresses("c1060670").expect_err("no 0x");
        assert!(none.help.expect("says how").contains("0xc1060670"));
    }
}
