//! Trials by hand: what waits in a store, a share of it for each machine, and
//! one trial carried out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use host::process::Cancel;
use host::session::{Progress, Session};
use shrink::{Outcome, Work};

use crate::error::{Error, Result};
use crate::outcome::{RESULT, TrialResult};
use crate::spec::{Base, Spec};
use crate::store::Store;
use crate::trials::{Booted, Means, outcome_of};

/// Which share of the trials is a machine's: the first of it, and how many
/// machines there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Shard {
    /// Reads `3/8`.
    ///
    /// # Errors
    /// When it is not written so.
    pub fn parse(typed: &str) -> std::result::Result<Shard, String> {
        let parts = typed.split_once('/').map(|(a, b)| (a.parse(), b.parse()));
        match parts {
            Some((Ok(number), Ok(of))) if 1 <= number && number <= of => Ok(Shard { number, of }),
            _ => Err("write it as in 3/8: the third of eight".to_owned()),
        }
    }

    /// Carries out this share of the trials that wait in a store, and gives each
    /// result; of what broke, the first when the others are done.
    ///
    /// # Errors
    /// When the store can't be read, the apparatus broke, or the user wants to
    /// stop.
    pub fn carry_out(
        &self,
        store: &Store,
        means: &Means,
        cancel: &Cancel,
        progress: &dyn Progress,
        made: &mut dyn FnMut(TrialResult),
    ) -> Result<()> {
        let waiting = waiting(store)?.into_iter().enumerate();
        let mine = waiting.filter(|(at, _)| at % self.of == self.number - 1);
        let mine: Vec<_> = mine.map(|(_, path)| path).collect();
        let (began, mut broke) = (Instant::now(), None);
        for (at, path) in mine.iter().enumerate() {
            progress.note(&before(at, mine.len(), began));
            let spec = read(path)?;
            match carry_out(&spec, store, means, cancel, progress) {
                Ok(_) => store
                    .result(&spec.trial()?)?
                    .into_iter()
                    .for_each(&mut *made),
                Err(error) if cancel.signal().is_some() => return Err(error),
                Err(error) => broke = broke.or(Some(error)),
            }
        }
        broke.map_or(Ok(()), Err)
    }
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

/// The trials that wait in a store for shards, in their order.
///
/// # Errors
/// When the store can't be read.
pub fn waiting(store: &Store) -> Result<Vec<PathBuf>> {
    let folder = store.arrays();
    let mut all = Vec::new();
    for array in entries(&folder)? {
        let mut numbered = Vec::new();
        for path in entries(&array)? {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.parse::<usize>().ok());
            if let (Some(number), Some("json")) =
                (number, path.extension().and_then(|e| e.to_str()))
            {
                numbered.push((number, path));
            }
        }
        numbered.sort();
        all.extend(numbered.into_iter().map(|(_, path)| path));
    }
    Ok(all)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: io::Error| host::Error::file("read", folder, e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| {
        !path
            .file_name()
            .is_some_and(|n| n.as_encoded_bytes().starts_with(b"."))
    });
    paths.sort();
    Ok(paths)
}

/// Reads a trial's file.
///
/// # Errors
/// When it can't be read or is none.
pub fn read(path: &Path) -> Result<Spec> {
    let bytes = fs::read(path).map_err(|e| host::Error::file("read", path, e))?;
    Spec::parse(&bytes).map_err(|problem| Error::Damaged {
        path: path.to_owned(),
        problem,
    })
}

/// Carries out one trial, unless the store has its result, and keeps what came
/// of it. `true`: it was carried out now.
///
/// # Errors
/// When the apparatus broke: that is no verdict, and nothing is kept.
pub fn carry_out(
    spec: &Spec,
    store: &Store,
    means: &Means,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<bool> {
    let trial = spec.trial()?;
    if store.result(&trial)?.is_some() {
        return Ok(false);
    }
    let folder = |e| host::Error::file("make the folder", &means.folder, e);
    fs::create_dir_all(&means.folder).map_err(folder)?;
    host::aside::sweep(&means.folder);
    let aside = host::aside::folder(&means.folder).map_err(folder)?;
    let began = Instant::now();
    let mut work = Work::default();
    let session = means.session(cancel.clone(), progress);
    let made = attempt(spec, aside.path(), store, &session, &mut work);
    let (image, outcome, evidence) = match made {
        Ok(made) => made,
        Err(error @ Error::AnotherSystem { .. }) => return Err(error),
        Err(error) => match outcome_of(&error) {
            Outcome::Broken { .. } => return Err(error),
            verdict => (None, verdict, BTreeMap::new()),
        },
    };
    let mut kept = BTreeMap::new();
    for (name, bytes) in evidence {
        let packed = zstd::encode_all(&bytes[..], 3);
        let packed = packed.map_err(|e| host::Error::file("pack", Path::new(&name), e))?;
        kept.insert(format!("{name}.zst"), store.put(&packed)?);
    }
    let uname = rustix::system::uname();
    store.put_result(&TrialResult {
        schema: RESULT.to_owned(),
        trial,
        system: spec.system.clone(),
        image,
        outcome,
        seconds: (began.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        work,
        host: uname.nodename().to_string_lossy().into_owned(),
        evidence: kept,
    })?;
    Ok(true)
}

/// The image, the verdict, the evidence.
type Made = (Option<String>, Outcome, BTreeMap<String, Vec<u8>>);

fn attempt(
    spec: &Spec,
    folder: &Path,
    store: &Store,
    session: &Session<'_>,
    work: &mut Work,
) -> Result<Made> {
    let base = Base::read(&spec.base, store)?;
    let asked = base.lay_out(folder, &session.cache, store)?;
    let output = folder.join("out");
    let prepared = match asked.prepare(&spec.edits, &output, session)? {
        Ok(prepared) => prepared,
        Err(verdict) => return Ok((None, verdict, BTreeMap::new())),
    };
    if prepared.identity.as_str() != spec.system {
        return Err(Error::AnotherSystem {
            here: prepared.identity.as_str().to_owned(),
            asked: spec.system.clone(),
        });
    }
    let system = asked.build(&prepared, work, session)?;
    let image = asked.image(&prepared, &system)?;
    let Booted { outcome, record } = asked.boot(&prepared, &system, work, session)?;
    if let Outcome::Broken { why } = outcome {
        let error = io::Error::other(why);
        return Err(host::Error::file("boot", &output, error).into());
    }
    let mut evidence = BTreeMap::new();
    evidence.insert(
        "record.json".to_owned(),
        serde_json::to_vec_pretty(&record)?,
    );
    let console = output.join("boot").join("console.log");
    if let Ok(bytes) = fs::read(console) {
        evidence.insert("console.log".to_owned(), bytes);
    }
    Ok((Some(image.as_str().to_owned()), outcome, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_of_how_many() {
        assert_eq!(Shard::parse("3/8"), Ok(Shard { number: 3, of: 8 }));
        for bad in ["", "3", "0/8", "9/8", "a/8", "3/8/1", "-1/8", "3/"] {
            assert!(Shard::parse(bad).is_err(), "{bad}");
        }
    }
}
