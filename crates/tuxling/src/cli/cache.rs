//! `tuxling cache`: what is in the cache folder, and taking away what is not
//! used.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use host::Cache;
use host::error::Kind;
use host::units::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{CacheAction, CacheArgs};
use super::{print, print_json};
use crate::failure::{Failure, Result};
use host::collect::{self, Collected, Entry, KINDS, Limits};

/// For how long things stay unused where nothing else is asked for.
const AGE: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// The version of the list's format.
pub(super) const LIST: &str = "tuxling.cache.list/1";
/// The version of the format of what was removed.
pub(super) const GC: &str = "tuxling.cache.gc/1";

/// What is printed of the cache as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listed<'a> {
    schema: &'static str,
    /// The cache folder.
    folder: &'a Path,
    /// What all of it takes of the disk.
    bytes: u64,
    entries: &'a [Entry],
}

/// What is printed of a removal as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct Gone<'a> {
    schema: &'static str,
    /// Whether it is only said what would go.
    dry_run: bool,
    freed_bytes: u64,
    kept_bytes: u64,
    removed: &'a [Entry],
    /// What would go and is in use.
    held: &'a [Entry],
}

/// Does what was asked for.
pub(super) fn run(args: &CacheArgs) -> Result<()> {
    let cache = Cache::of_user()?;
    match &args.action {
        CacheAction::List => list(&cache, args.json),
        CacheAction::Gc {
            older_than,
            keep_size,
            dry_run,
        } => {
            let age = older_than.as_deref().map(age).transpose()?;
            let limits = Limits {
                age: age.or(keep_size.is_none().then_some(AGE)),
                bytes: keep_size.map(|size| size.0),
            };
            gc(&cache, limits, *dry_run, args.json)
        }
    }
}

/// `30d`, `2w`, `12h`.
fn age(typed: &str) -> Result<Duration> {
    let unit = |letter| match letter {
        'h' => Some(60 * 60),
        'd' => Some(DAY),
        'w' => Some(7 * DAY),
        _ => None,
    };
    let read = || {
        let seconds = unit(typed.chars().next_back()?)?;
        let number: u64 = typed[..typed.len() - 1].parse().ok()?;
        Some(Duration::from_secs(number.checked_mul(seconds)?))
    };
    read().ok_or_else(|| {
        Failure::new(Kind::Usage, format!("`{typed}` is not an age"))
            .help("write hours, days or weeks: 12h, 30d, 2w")
    })
}

fn list(cache: &Cache, json: bool) -> Result<()> {
    let entries = collect::list(cache)?;
    if json {
        return print_json(&Listed {
            schema: LIST,
            folder: cache.root(),
            bytes: total(&entries),
            entries: &entries,
        });
    }
    let now = SystemTime::now();
    let mut text = format!("{}\n", cache.root().display());
    for kind in KINDS {
        let here: Vec<&Entry> = entries.iter().filter(|e| e.kind == kind.folder).collect();
        if here.is_empty() {
            continue;
        }
        let bytes = here.iter().map(|e| e.bytes).sum();
        // Writing to a String can't fail.
        let _ = writeln!(text, "\n{:<48}{}  {}", kind.folder, size(bytes), kind.what);
        for entry in here {
            let used = ago(entry, now);
            let _ = writeln!(text, "  {:<46}{}  {used}", entry.name, size(entry.bytes));
        }
    }
    let _ = writeln!(text, "\n{:<48}{}", "together", size(total(&entries)));
    print(&text)
}

fn gc(cache: &Cache, limits: Limits, dry_run: bool, json: bool) -> Result<()> {
    let now = SystemTime::now();
    let entries = collect::list(cache)?;
    let before = total(&entries);
    let chosen = collect::choose(&entries, limits, now);
    let collected = if dry_run {
        Collected {
            removed: chosen,
            held: Vec::new(),
        }
    } else if chosen.is_empty() {
        Collected::default()
    } else {
        collect::remove(cache, chosen)?.ok_or_else(in_use)?
    };
    let freed = total(&collected.removed);
    if json {
        return print_json(&Gone {
            schema: GC,
            dry_run,
            freed_bytes: freed,
            kept_bytes: before - freed,
            removed: &collected.removed,
            held: &collected.held,
        });
    }
    let mut text = String::new();
    let verb = if dry_run { "would go" } else { "removed" };
    for entry in &collected.removed {
        let (kind, name, used) = (entry.kind, &entry.name, ago(entry, now));
        let _ = writeln!(text, "{verb}  {}  {kind}/{name}  {used}", size(entry.bytes));
    }
    for entry in &collected.held {
        let _ = writeln!(
            text,
            "in use   {}  {}/{}",
            size(entry.bytes),
            entry.kind,
            entry.name
        );
    }
    let done = if dry_run { "would be freed" } else { "freed" };
    let _ = writeln!(
        text,
        "{} {done}, {} stay",
        Bytes(freed),
        Bytes(before - freed)
    );
    print(&text)
}

fn in_use() -> Failure {
    Failure::new(
        Kind::Machine,
        "another tuxling uses the cache; nothing was removed",
    )
    .help("call again when it has ended; --dry-run says what would go")
}

fn total(entries: &[Entry]) -> u64 {
    entries.iter().map(|e| e.bytes).sum()
}

fn size(bytes: u64) -> String {
    format!("{:>10.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

fn ago(entry: &Entry, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    match now.saturating_sub(entry.last_use) / DAY {
        0 => "used today".to_owned(),
        1 => "used yesterday".to_owned(),
        days => format!("used {days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        assert_eq!(age("12h").expect("right"), Duration::from_secs(43_200));
        assert_eq!(age("30d").expect("right"), AGE);
        assert_eq!(age("2w").expect("right"), 14 * AGE / 30);
        for bad in ["", "d", "30", "-1d", "1y", "3ä", "99999999999999999999d"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
