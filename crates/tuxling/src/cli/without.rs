//! `tuxling size --without`: what turning options off would save.

use builder::kernel::build::BuildInput;
use builder::kernel::relink::Bench;
use host::session::Session;
use host::units::grouped;
use measure::without::{self, By, Subject, Without};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::SizeArgs;
use super::{print, print_json};
use crate::failure::Result;

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.size.without/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct WithoutJson<'a> {
    schema: &'static str,
    /// The dearest first.
    options: &'a [Without],
}

/// Says it of each option, the dearest first.
pub(super) fn run(
    args: &SizeArgs,
    subject: &Subject,
    input: BuildInput,
    session: &Session,
) -> Result<()> {
    let bench = if args.compile {
        Some(Bench::open(input, session)?)
    } else {
        None
    };
    let rows = without::foretell(subject, &args.without, bench.as_ref(), session)?;
    drop(bench);
    if args.json {
        return print_json(&WithoutJson {
            schema: SCHEMA,
            options: &rows,
        });
    }
    print(&table(&rows, args.compile))
}

fn table(rows: &[Without], compile: bool) -> String {
    let mut out = format!(
        "{:>11} {:>11} {:>8} {:>9}  without\n",
        "payload B", "size B", "objects", "compiled"
    );
    for row in rows {
        out.push_str(&format!(
            "{:>11} {:>11} {:>8} {:>9}  {}{}\n",
            signed(row.compressed),
            signed(row.size),
            row.objects,
            row.compiled.map_or("-".to_owned(), |n| n.to_string()),
            row.option,
            remark(row, compile)
        ));
    }
    if !compile {
        out.push_str(
            "\nBy the objects that would not be built. What #ifdef takes out of others is not\n\
             seen: --compile compiles and links it, which takes seconds to minutes an option.\n",
        );
    }
    out
}

/// A saving is negative; what grows has a plus.
fn signed(saved: i64) -> String {
    let sign = match saved {
        0 => "",
        1.. => "-",
        _ => "+",
    };
    format!("{sign}{}", grouped(saved.unsigned_abs()))
}

fn remark(row: &Without, compile: bool) -> String {
    let also = match (&row.stays, row.changes.len()) {
        (Some(why), _) => format!("  (stays: {why})"),
        (None, 0 | 1) => String::new(),
        (None, n) => format!("  ({} other options change)", n - 1),
    };
    let failed = compile && row.by == By::Makefiles && row.stays.is_none();
    match (failed, &row.not_compiled) {
        (true, Some(why)) => {
            let first = why.lines().next().unwrap_or_default();
            format!("{also}  (by its Makefiles only: {first})")
        }
        _ => also,
    }
}
