//! `tuxling fetch`: the sources of a recipe, and its lock file; nothing is
//! built.

use std::fmt::Write;
use std::num::NonZeroU16;

use builder::source::{Mode, Source};
use builder::system;
use host::session::Session;

use super::args::Fetch;
use super::request::{Request, Typed, sources};
use super::{print, print_json};
use crate::failure::Result;

/// Fetches, and says what came.
pub(super) fn run(args: &Fetch) -> Result<()> {
    let mode = if args.trust_new {
        Mode::TrustNew
    } else {
        sources(args.locked, args.update)
    };
    let request = Request::new(Typed {
        dry_run: args.dry_run,
        json: args.json,
        sources: mode,
        jobs: Some(NonZeroU16::MIN),
        ..Typed::looking(&args.recipe)
    })?;
    request.carry_out(
        |list| list.fetch(),
        |request, session| work(request, &session),
    )
}

fn work(request: &Request, session: &Session) -> Result<()> {
    let sources = system::fetch(&request.plan, request.options.sources, session)?;
    if request.json {
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
