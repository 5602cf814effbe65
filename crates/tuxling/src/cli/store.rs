//! `tuxling trial`: one trial of a search, from its file alone. `tuxling store`:
//! what machines share.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use farm::index::{Index, Stats};
use farm::shard::{self, Shard};
use farm::store::{Merged, Store};
use farm::trials::Means;
use host::error::Kind;
use host::process::Processes;
use host::session::Progress as _;
use host::units::grouped;
use host::{Cache, Id};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{StoreAction, StoreArgs, TrialArgs};
use super::progress::Terminal;
use super::{print, print_json, processes};
use crate::failure::{Failure, Result};

/// The versions of what is printed as JSON.
pub(super) const STATS: &str = "tuxling.store.stats/1";
pub(super) const MERGE: &str = "tuxling.store.merge/1";

/// What a store holds.
#[derive(Serialize, JsonSchema)]
pub(super) struct ToldStats {
    schema: &'static str,
    #[serde(flatten)]
    stats: Stats,
}

/// What a merge did.
#[derive(Serialize, JsonSchema)]
pub(super) struct ToldMerge {
    schema: &'static str,
    #[serde(flatten)]
    merged: Merged,
}

/// Carries out one trial.
pub(super) fn trial(args: &TrialArgs) -> Result<()> {
    // Who started this watches over it: when he is gone, nobody does.
    let term = Some(rustix::process::Signal::TERM);
    rustix::process::set_parent_process_death_signal(term)
        .map_err(|e| Failure::new(Kind::Machine, format!("can't bind to the parent: {e}")))?;
    let processes = processes()?;
    let jobs = args.jobs.map(|jobs| usize::from(jobs.get()));
    let means = means(&processes, jobs)?;
    let store = Store::of(&args.out)?;
    let spec = shard::read(&args.spec)?;
    shard::carry_out(&spec, &store, &means, processes.cancel(), &Terminal::new(false))?;
    print(&told(&store, &spec.trial()?)?)
}

/// Carries out a share of the trials that wait in a store.
pub(super) fn shard(share: Shard, store: &Path, jobs: Option<usize>) -> Result<()> {
    let processes = processes()?;
    let means = means(&processes, jobs)?;
    let store = Store::of(store)?;
    let waiting = shard::waiting(&store)?.into_iter().enumerate();
    let mine = waiting.filter(|(at, _)| at % share.of == share.number - 1);
    let mine: Vec<_> = mine.map(|(_, path)| path).collect();
    let terminal = Terminal::new(false);
    let (began, mut broken) = (Instant::now(), Vec::new());
    for (at, path) in mine.iter().enumerate() {
        terminal.note(&before(at, mine.len(), began));
        let spec = shard::read(path)?;
        match shard::carry_out(&spec, &store, &means, processes.cancel(), &terminal) {
            Ok(_) => print(&told(&store, &spec.trial()?)?)?,
            Err(error) if processes.cancel().signal().is_some() => return Err(error.into()),
            Err(error) => broken.push(Failure::from(error)),
        }
    }
    // The others are done: the next call has these alone before it.
    broken.into_iter().next().map_or(Ok(()), Err)
}

/// Which trial of a share comes next, and how long the rest takes if it takes as
/// long as those before.
fn before(at: usize, all: usize, began: Instant) -> String {
    let number = at + 1;
    if at == 0 {
        return format!("trial {number} of {all}");
    }
    let each = began.elapsed().as_secs_f64() / at as f64;
    let left = each * (all - at) as f64 / 60.0;
    format!("trial {number} of {all}, about {left:.0} min left")
}

fn means(processes: &Processes, jobs: Option<usize>) -> Result<Means> {
    let cache = Cache::of_user()?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Means {
        folder: cache.folder("trials")?,
        supervisor: processes.executable().to_owned(),
        cache,
        jobs: jobs.unwrap_or(processors),
        trees: processors,
    })
}

fn told(store: &Store, trial: &Id) -> Result<String> {
    let Some(result) = store.result(trial)? else {
        return Ok(String::new());
    };
    let verdict = match &result.outcome {
        shrink::Outcome::Passed { cost } => format!("passed, {} B", grouped(cost.payload_bytes)),
        shrink::Outcome::Failed { failure } => failure.to_string(),
        shrink::Outcome::Unresolved { why } => format!("can't be had: {why}"),
        shrink::Outcome::Broken { why } => format!("broke: {why}"),
        shrink::Outcome::TimedOut => "timed out".to_owned(),
    };
    Ok(format!(
        "{}: {verdict} ({:.0} s)\n",
        trial.short(),
        result.seconds
    ))
}

/// Brings stores together, or says what one holds.
pub(super) fn store(args: &StoreArgs) -> Result<()> {
    match &args.action {
        StoreAction::Merge { into, from, json } => merge(into, from, *json),
        StoreAction::Stats { store, json } => stats(store, *json),
    }
}

fn merge(into: &Path, from: &[std::path::PathBuf], json: bool) -> Result<()> {
    // All are looked at before anything is changed.
    let others = from.iter().map(|path| Store::of(path));
    let others = others.collect::<farm::error::Result<Vec<Store>>>()?;
    let store = Store::open(into)?;
    let mut all = Merged::default();
    for other in &others {
        let merged = store.merge(other)?;
        all.added += merged.added;
        all.known += merged.known;
        all.bytes += merged.bytes;
    }
    if json {
        let schema = MERGE;
        return print_json(&ToldMerge {
            schema,
            merged: all,
        });
    }
    let (added, bytes) = (grouped(all.added), grouped(all.bytes));
    print(&format!(
        "{added} files new ({bytes} B), {} known\n",
        grouped(all.known)
    ))
}

fn stats(path: &Path, json: bool) -> Result<()> {
    let store = Store::of(path)?;
    let root = Id::of_bytes(store.root().as_os_str().as_encoded_bytes());
    let folder = Cache::of_user()?.folder("indexes")?;
    let mut index = Index::open(&folder.join(format!("{}.sqlite", root.short())))?;
    index.update(&store)?;
    let stats = index.stats()?;
    if json {
        let schema = STATS;
        return print_json(&ToldStats { schema, stats });
    }
    let mut text = format!(
        "{} trials, {} results of {} machines, {:.1} hours\n",
        grouped(stats.trials),
        grouped(stats.results),
        stats.hosts,
        stats.seconds / 3600.0
    );
    for (outcome, count) in &stats.outcomes {
        let _ = writeln!(
            text,
            "  {:>10} {}",
            grouped(*count),
            outcome.replace('_', " ")
        );
    }
    print(&text)
}
