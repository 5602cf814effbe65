//! `tuxling fetch`: the sources of a recipe, and its lock file; nothing is
//! built.

use std::fmt::Write;
use std::num::NonZeroU16;
use std::path::Path;

use builder::source::{Mode, Provenance, Source};
use builder::system;
use host::Id;
use host::session::Session;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Fetch;
use super::carry_out::Needs;
use super::request::{Request, Typed, sources};
use super::{print, print_json};
use crate::failure::Result;

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.fetch/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct FetchJson<'a> {
    schema: &'static str,
    sources: Vec<Fetched<'a>>,
}

/// One source.
#[derive(Serialize, JsonSchema)]
struct Fetched<'a> {
    /// `linux`, `busybox`, `musl`.
    name: &'a str,
    version: &'a str,
    /// Where it came from, as the lock file says it.
    #[schemars(with = "String")]
    origin: &'a Provenance,
    /// Of the archive; the tree's digest for a path and a commit.
    sha256: &'a Id,
    /// Its unpacked tree.
    tree: &'a Path,
    /// Whether it was there already.
    cached: bool,
}

impl Fetched<'_> {
    fn of(source: &Source) -> Fetched<'_> {
        Fetched {
            name: &source.name,
            version: &source.version,
            origin: &source.origin,
            sha256: &source.sha256,
            tree: &source.tree,
            cached: source.cached,
        }
    }
}

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
        Needs::Little,
        |list| list.fetch(),
        |request, session| work(request, &session),
    )
}

fn work(request: &Request, session: &Session) -> Result<()> {
    let sources = system::fetch(&request.plan, request.options.sources, session)?;
    if request.json {
        return print_json(&FetchJson {
            schema: SCHEMA,
            sources: sources.iter().map(Fetched::of).collect(),
        });
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
