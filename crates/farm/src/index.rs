//! The index of a store: a database that is rebuilt from the store's files, and
//! can be thrown away at any time.

use std::path::{Path, PathBuf};

use host::Id;
use host::units::grouped;
use rusqlite::{Connection, OptionalExtension, params};
use schemars::JsonSchema;
use serde::Serialize;
use shrink::Outcome;

use crate::error::{Error, Result};
use crate::outcome::TrialResult;
use crate::store::{Store, read_json};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS result (
        trial   BLOB NOT NULL,
        hash    BLOB NOT NULL,
        outcome TEXT NOT NULL,
        seconds REAL NOT NULL,
        host    TEXT NOT NULL,
        PRIMARY KEY (trial, hash)
    ) STRICT, WITHOUT ROWID;
";

/// An index.
#[derive(Debug)]
pub struct Index {
    connection: Connection,
    path: PathBuf,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Stats {
    /// Trials with a result.
    pub trials: u64,
    /// Results: more than trials where some were made twice.
    pub results: u64,
    /// Results by outcome: `passed`, `failed`, `unresolved`, `timed_out`.
    pub outcomes: Vec<(String, u64)>,
    /// The time of all results together, in seconds.
    pub seconds: f64,
    /// Machines that carried trials out.
    pub hosts: u64,
}

impl Stats {
    /// They as lines for people.
    #[must_use]
    pub fn told(&self) -> String {
        let mut text = format!(
            "{} trials, {} results of {} machines, {:.1} hours\n",
            grouped(self.trials),
            grouped(self.results),
            self.hosts,
            self.seconds / 3600.0
        );
        for (outcome, count) in &self.outcomes {
            let outcome = outcome.replace('_', " ");
            text.push_str(&format!("  {:>10} {outcome}\n", grouped(*count)));
        }
        text
    }
}

impl Index {
    /// The index in this file; it is made when it is missing.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path) -> Result<Index> {
        let broken = |error| Error::Index {
            path: path.to_owned(),
            error,
        };
        let connection = Connection::open(path).map_err(broken)?;
        // It can be made again: no power cut is worth waiting for the disk.
        connection
            .busy_timeout(std::time::Duration::from_secs(30))
            .and_then(|()| connection.pragma_update(None, "synchronous", "OFF"))
            .and_then(|()| connection.execute_batch(TABLES))
            .map_err(broken)?;
        Ok(Index {
            connection,
            path: path.to_owned(),
        })
    }

    /// Takes in what the store has and the index doesn't; gives how many results
    /// were new.
    ///
    /// # Errors
    /// When a result can't be read.
    pub fn update(&mut self, store: &Store) -> Result<u64> {
        let path = self.path.clone();
        let broken = |error| Error::Index {
            path: path.clone(),
            error,
        };
        let change = self.connection.transaction().map_err(broken)?;
        let mut new = 0;
        {
            let mut known = change
                .prepare("SELECT 1 FROM result WHERE trial = ?1 AND hash = ?2")
                .map_err(broken)?;
            let mut add = change
                .prepare("INSERT OR IGNORE INTO result VALUES (?1, ?2, ?3, ?4, ?5)")
                .map_err(broken)?;
            store.each_result(&mut |file| {
                let Some((trial, hash)) = named(file) else {
                    return Ok(());
                };
                if known.exists(params![trial, hash]).map_err(broken)? {
                    return Ok(());
                }
                let result: TrialResult = read_json(file)?;
                let row = params![
                    trial,
                    hash,
                    word(&result.outcome),
                    result.seconds,
                    result.host
                ];
                new += add.execute(row).map_err(broken)? as u64;
                Ok(())
            })?;
        }
        change.commit().map_err(broken)?;
        Ok(new)
    }

    /// Whether there is a result of a trial.
    ///
    /// # Errors
    /// When the index can't be read.
    pub fn knows(&self, trial: &Id) -> Result<bool> {
        let key = bytes(trial.as_str()).unwrap_or_default();
        let found = self.connection.query_row(
            "SELECT 1 FROM result WHERE trial = ?1 LIMIT 1",
            [key],
            |_| Ok(()),
        );
        Ok(found.optional().map_err(|e| self.broken(e))?.is_some())
    }

    /// What the store holds, as far as the index knows it.
    ///
    /// # Errors
    /// When the index can't be read.
    pub fn stats(&self) -> Result<Stats> {
        let read = || -> rusqlite::Result<Stats> {
            let mut stats = self.connection.query_row(
                "SELECT count(DISTINCT trial), count(*), coalesce(sum(seconds), 0),
                 count(DISTINCT host) FROM result",
                [],
                |row| {
                    Ok(Stats {
                        trials: count(row, 0)?,
                        results: count(row, 1)?,
                        seconds: row.get(2)?,
                        hosts: count(row, 3)?,
                        outcomes: Vec::new(),
                    })
                },
            )?;
            let by = "SELECT outcome, count(*) FROM result GROUP BY outcome ORDER BY outcome";
            stats.outcomes = self
                .connection
                .prepare(by)?
                .query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(stats)
        };
        read().map_err(|e| self.broken(e))
    }

    fn broken(&self, error: rusqlite::Error) -> Error {
        Error::Index {
            path: self.path.clone(),
            error,
        }
    }
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

/// A result's trial and hash, from its path `…/ab/cd/REST.HASH.json`.
fn named(file: &Path) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut names = file.iter().rev().map(|name| name.to_str());
    let (name, second, first) = (names.next()??, names.next()??, names.next()??);
    let mut parts = name.split('.');
    let trial = format!("{first}{second}{}", parts.next()?);
    Some((bytes(&trial)?, bytes(parts.next()?)?))
}

/// Hexadecimal digits as bytes: half the room.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed { .. } => "passed",
        Outcome::Failed { .. } => "failed",
        Outcome::Unresolved { .. } => "unresolved",
        Outcome::Broken { .. } => "broken",
        Outcome::TimedOut => "timed_out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::fixture;

    #[test]
    fn an_index_is_what_the_files_say_however_often_it_is_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("store")).expect("opens");
        for number in 0..30 {
            store.put_result(&fixture(number)).expect("is kept");
        }
        let twice = TrialResult {
            seconds: 1.0,
            ..fixture(2)
        };
        store.put_result(&twice).expect("is kept");
        let mut index = Index::open(&dir.path().join("a.sqlite")).expect("opens");
        assert_eq!(index.update(&store).expect("reads"), 31);
        assert_eq!(index.update(&store).expect("reads again"), 0);
        let stats = index.stats().expect("counts");
        assert_eq!((stats.trials, stats.results, stats.hosts), (30, 31, 30));
        let outcomes = [("failed".to_owned(), 15), ("passed".to_owned(), 16)];
        assert_eq!(stats.outcomes, outcomes);
        let mut other = Index::open(&dir.path().join("b.sqlite")).expect("opens");
        other.update(&store).expect("reads");
        assert_eq!(other.stats().expect("counts"), stats);
        assert!(index.knows(&fixture(7).trial).expect("reads"));
        assert!(!index.knows(&fixture(99).trial).expect("reads"));
    }
}
