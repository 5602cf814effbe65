//! `tuxling trial`: one trial of a search, from its file alone. `tuxling store`:
//! what machines share.

use std::path::Path;

use farm::index::{Index, Stats};
use farm::shard::{self, Shard};
use farm::store::{Merged, Store};
use farm::trials::Means;
use host::error::Kind;
use host::process::Processes;
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
    shard::carry_out(
        &spec,
        &store,
        &means,
        processes.cancel(),
        &Terminal::new(false),
    )?;
    let result = store.result(&spec.trial()?)?;
    print(&result.map_or_else(String::new, |result| result.told()))
}

/// Carries out a share of the trials that wait in a store.
pub(super) fn shard(share: Shard, store: &Path, jobs: Option<usize>) -> Result<()> {
    let processes = processes()?;
    let means = means(&processes, jobs)?;
    let store = Store::of(store)?;
    let (cancel, terminal) = (processes.cancel(), Terminal::new(false));
    let mut printed = Ok(());
    share.carry_out(&store, &means, cancel, &terminal, &mut |result| {
        if printed.is_ok() {
            printed = print(&result.told());
        }
    })?;
    printed
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
    let all = store.merge_all(&others)?;
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
    print(&stats.told())
}
