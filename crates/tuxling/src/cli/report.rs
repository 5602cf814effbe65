//! `tuxling report`: a record as one HTML page.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::Report;
use super::diff::record_of;
use super::{cwd, load, print, print_json};
use crate::error::{Failure, Kind, Result};
use crate::process::shell_line;
use crate::report::html::{HistoryRow, Page, html};
use crate::report::{Record, diff, place};
use crate::store::cache::write_whole;
use crate::store::{Cache, Database};
use crate::trial;

/// Writes the page.
pub fn run(args: &Report) -> Result<()> {
    let record = record_of(&args.recipe)?;
    let against = args.against.as_deref().map(record_of).transpose()?;
    let history = if args.history {
        let store = Database::open(&trial::store_path(&Cache::of_user()?))?;
        store.all(&record.recipe)?.iter().map(HistoryRow::from).collect()
    } else {
        Vec::new()
    };
    let plan = load(&args.recipe).ok();
    let (units, leaves) = place::of_record(&record);
    let page = Page {
        recipe: &record.recipe,
        description: plan.as_ref().map_or("", |plan| &plan.board.description),
        record: &record,
        against: against.as_ref(),
        against_name: args.against.as_deref(),
        difference: against.as_ref().map(|against| diff::diff(against, &record)),
        units,
        leaves,
        share_note: "",
        ledger: Vec::new(),
        history,
        commands: commands(&args.recipe, &record),
    };
    let text = html(&page).map_err(|e| Failure::new(Kind::Machine, format!("can't write the page: {e}")))?;
    let out = out_file(args.out.as_deref(), &record)?;
    write_whole(&out, text.as_bytes())?;
    if args.json {
        #[derive(Serialize)]
        struct Written<'a> {
            schema: &'static str,
            file: &'a Path,
            bytes: usize,
        }
        return print_json(&Written { schema: "tuxling.report/1", file: &out, bytes: text.len() });
    }
    print(&format!("{}\n", out.display()))
}

fn out_file(out: Option<&Path>, record: &Record) -> Result<PathBuf> {
    let cwd = cwd()?;
    Ok(out.map_or_else(|| cwd.join(format!("{}.html", record.recipe)), |out| cwd.join(out)))
}

/// The commands that do it again.
fn commands<'a>(recipe: &str, record: &Record) -> Vec<(&'a str, String)> {
    let word = |words: &[&str]| shell_line(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
    let mut commands = vec![
        ("Build, boot, check and measure it again", word(&["tuxling", "check", recipe, "--locked"])),
        ("Its console in a terminal; Ctrl-A X leaves", word(&["tuxling", "boot", recipe])),
    ];
    if !record.qemu.is_empty() {
        commands.push(("The boot that this page is about", shell_line(&record.qemu)));
    }
    commands
}
