//! `tuxling diff`: two records side by side.

use std::fs;
use std::path::Path;

use super::args::Diff;
use super::{cwd, load, print, print_json};
use crate::error::{Failure, Kind, Result};
use crate::report::{Record, diff};
use crate::store::{Cache, Database};
use crate::trial;

/// Compares two records.
pub fn run(args: &Diff) -> Result<()> {
    let (a, b) = (record(&args.a)?, record(&args.b)?);
    let difference = diff::diff(&a, &b);
    if args.json {
        print_json(&difference)
    } else {
        print(&diff::table(&difference))
    }
}

/// A record's file, or the newest record of a recipe.
fn record(name: &str) -> Result<Record> {
    let path = cwd()?.join(name);
    if name.ends_with(".json") || path.is_dir() {
        let path = if path.is_dir() {
            path.join("record.json")
        } else {
            path
        };
        return read(&path);
    }
    let plan = load(name)?;
    let beside = plan.base.join("build").join(&plan.name).join("record.json");
    if beside.exists() {
        return read(&beside);
    }
    let store = Database::open(&trial::store_path(&Cache::of_user()?))?;
    let newest = store.newest(&plan.name)?;
    newest.map(|attempt| attempt.record).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("there is no record of {name} yet"))
            .help(format!("make one: tuxling check {name}"))
    })
}

fn read(path: &Path) -> Result<Record> {
    let text = fs::read_to_string(path)
        .map_err(|e| Failure::new(Kind::Usage, format!("can't read {}: {e}", path.display())))?;
    serde_json::from_str(&text).map_err(|e| {
        Failure::new(
            Kind::Usage,
            format!("{} is not a record: {e}", path.display()),
        )
        .help("a record is what tuxling writes to build/NAME/record.json or prints with --json")
    })
}
