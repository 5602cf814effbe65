//! `tuxling fetch`: the sources of a recipe, and its lock file; nothing is
//! built.

use std::fmt::Write;

use builder::source::{Mode, Source};
use builder::system;
use host::Cache;
use host::error::Result;
use host::session::Session;

use super::args::Fetch;
use super::progress::Terminal;
use super::{load, print, print_json, processes};

/// Fetches, and says what came.
pub(super) fn run(args: &Fetch) -> Result<()> {
    let plan = load(&args.recipe)?;
    let terminal = Terminal::new(false);
    let session = Session::new(processes()?, Cache::of_user()?, &terminal, 1);
    let mode = match args {
        Fetch { locked: true, .. } => Mode::Locked,
        Fetch { update: true, .. } => Mode::Update,
        Fetch {
            trust_new: true, ..
        } => Mode::TrustNew,
        _ => Mode::Normal,
    };
    let sources = system::fetch(&plan, mode, &session)?;
    if args.json {
        return print_json(&json(&sources));
    }
    let mut text = String::new();
    for source in &sources {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "{:<9} {:<22} {}\n{:<9} {}",
            source.name,
            source.version,
            source.origin,
            "",
            source.tree.display()
        );
    }
    print(&text)
}

fn json(sources: &[Source]) -> serde_json::Value {
    let each = |source: &Source| {
        serde_json::json!({
            "name": source.name,
            "version": source.version,
            "origin": source.origin,
            "sha256": source.sha256,
            "tree": source.tree,
            "cached": source.cached,
        })
    };
    serde_json::json!({
        "schema": "tuxling.fetch/1",
        "sources": sources.iter().map(each).collect::<Vec<_>>(),
    })
}
