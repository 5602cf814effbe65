//! `store.sqlite`: every attempt with its record. Attempts are only ever
//! added; a verdict is computed from them. What prunings had to put back stands
//! beside them ([`Fix`](super::Fix)).

use std::path::{Path, PathBuf};

use host::Id;
use rusqlite::{Connection, OptionalExtension, params};

use super::Record;
use crate::error::{Error, Result};

/// The database of attempts.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
}

/// One attempt as it was kept.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it ended, in seconds since 1970.
    pub at: i64,
    /// Everything that was measured.
    pub record: Record,
}

/// An attempt's identity is the hash of its record and its time, so that
/// importing another machine's store is a set union. A fix is one row for a
/// function of a series of kernels: who missed it first is told.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS attempt (
        id       TEXT PRIMARY KEY,
        at       INTEGER NOT NULL,
        recipe   TEXT NOT NULL,
        trial_id TEXT,
        image_id TEXT,
        outcome  TEXT,
        record   TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS attempt_by_trial ON attempt (trial_id);
    CREATE INDEX IF NOT EXISTS attempt_by_recipe ON attempt (recipe, at);
    CREATE TABLE IF NOT EXISTS fix (
        series    TEXT NOT NULL,
        object    TEXT NOT NULL,
        symbol    TEXT NOT NULL,
        missed_in TEXT NOT NULL,
        PRIMARY KEY (series, object, symbol)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS soak (
        kernel        TEXT NOT NULL,
        about         TEXT NOT NULL,
        guest_seconds REAL NOT NULL,
        host_seconds  REAL NOT NULL,
        stopped       TEXT,
        failed        TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS soak_by_kernel ON soak (kernel);
";

impl Database {
    /// Opens the database; it is made when it is missing.
    pub fn open(path: &Path) -> Result<Database> {
        let broken = |doing| move |e| broken(path, doing, e);
        let connection = Connection::open(path).map_err(broken("open the store"))?;
        connection
            .busy_timeout(std::time::Duration::from_secs(30))
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.execute_batch(TABLES))
            .map_err(broken("prepare the store"))?;
        Ok(Database {
            connection,
            path: path.to_owned(),
        })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What SQLite said of this file.
    pub(crate) fn broken(&self, doing: &'static str, error: rusqlite::Error) -> Error {
        broken(&self.path, doing, error)
    }

    /// Adds one attempt; one that is there already is left alone.
    pub fn add(&self, at: i64, record: &Record) -> Result<()> {
        let json = serde_json::to_string(record).map_err(Error::Unwritable)?;
        let id = Id::of_bytes(format!("{at}\n{json}").as_bytes());
        let outcome = record
            .outcome
            .and_then(|o| Some(serde_json::to_value(o).ok()?.as_str()?.to_owned()));
        let text = |id: &Option<Id>| id.as_ref().map(|id| id.as_str().to_owned());
        self.connection
            .execute(
                "INSERT OR IGNORE INTO attempt (id, at, recipe, trial_id, image_id, outcome, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    id.as_str(),
                    at,
                    record.recipe,
                    text(&record.ids.trial_id),
                    text(&record.ids.image_id),
                    outcome,
                    json
                ],
            )
            .map_err(|e| self.broken("add to the store", e))?;
        Ok(())
    }

    /// The newest attempt of a recipe.
    pub fn newest(&self, recipe: &str) -> Result<Option<Attempt>> {
        let found: Option<(i64, String)> = self
            .connection
            .query_row(
                "SELECT at, record FROM attempt WHERE recipe = ?1
                 AND coalesce(record ->> '$.ram.probe', 0) = 0 ORDER BY at DESC, rowid DESC LIMIT 1",
                [recipe],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(|e| self.broken("read the store", e))?;
        let Some((at, json)) = found else {
            return Ok(None);
        };
        let record = serde_json::from_str(&json).map_err(|error| Error::Unreadable {
            path: self.path.clone(),
            error,
        })?;
        Ok(Some(Attempt { at, record }))
    }

    /// The records of all attempts at a trial, the oldest first. One that this
    /// version can't read is left out.
    pub fn of_trial(&self, trial: &Id) -> Result<Vec<Record>> {
        let read = |e: rusqlite::Error| self.broken("read the store", e);
        let mut query = self
            .connection
            .prepare("SELECT record FROM attempt WHERE trial_id = ?1 ORDER BY at, rowid")
            .map_err(read)?;
        let rows = query
            .query_map([trial.as_str()], |row| row.get::<_, String>(0))
            .map_err(read)?;
        let texts = rows.collect::<rusqlite::Result<Vec<_>>>().map_err(read)?;
        Ok(texts
            .iter()
            .filter_map(|json| serde_json::from_str(json).ok())
            .collect())
    }

    /// All attempts of a recipe, the oldest first. Records of a schema that this
    /// tuxling can't read are left out.
    pub fn all(&self, recipe: &str) -> Result<Vec<Attempt>> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            self.connection
                .prepare("SELECT at, record FROM attempt WHERE recipe = ?1 ORDER BY at, rowid")?
                .query_map([recipe], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        let rows = read().map_err(|e| self.broken("read the store", e))?;
        Ok(rows
            .into_iter()
            .filter_map(|(at, json)| {
                let record = serde_json::from_str(&json).ok()?;
                Some(Attempt { at, record })
            })
            .collect())
    }

    /// The instructions that booting a trial takes, when they were counted
    /// before: they are the same each time.
    pub fn boot_instructions(&self, trial: &Id) -> Result<Option<u64>> {
        let found: Option<i64> = self
            .connection
            .query_row(
                "SELECT record ->> '$.boot.instructions' FROM attempt
                 WHERE trial_id = ?1 AND record ->> '$.boot.instructions' IS NOT NULL LIMIT 1",
                [trial.as_str()],
                |row| row.get(0),
            )
            .optional()
            .map_err(|e| self.broken("read the store", e))?;
        Ok(found.and_then(|n| u64::try_from(n).ok()))
    }

    /// How many attempts of a trial there are.
    pub fn attempts(&self, trial: &Id) -> Result<i64> {
        self.connection
            .query_row(
                "SELECT count(*) FROM attempt WHERE trial_id = ?1",
                [trial.as_str()],
                |row| row.get(0),
            )
            .map_err(|e| self.broken("read the store", e))
    }
}

fn broken(path: &Path, doing: &'static str, error: rusqlite::Error) -> Error {
    Error::Store {
        doing,
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::record;

    #[test]
    fn attempts_are_added_once_and_the_newest_is_found() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Database::open(&dir.path().join("store.sqlite")).expect("opens");
        let mut first = record();
        let trial = Id::of_bytes(b"trial");
        first.ids.trial_id = Some(trial.clone());
        store.add(1, &first).expect("adds");
        store.add(1, &first).expect("adds the same again");
        assert_eq!(store.attempts(&trial).expect("counts"), 1);
        assert_eq!(store.boot_instructions(&trial).expect("reads"), None);
        let mut second = first.clone();
        second.boot.instructions = Some(1_003_333_849);
        store.add(2, &second).expect("adds");
        assert_eq!(
            store.boot_instructions(&trial).expect("reads"),
            Some(1_003_333_849)
        );
        let newest = store
            .newest(&first.recipe)
            .expect("reads")
            .expect("there is one");
        assert_eq!((newest.at, newest.record), (2, second));
        assert!(store.newest("another").expect("reads").is_none());
        let all = store.all(&first.recipe).expect("reads");
        assert_eq!(all.iter().map(|a| a.at).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_file_that_is_no_store_is_named() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("store.sqlite");
        std::fs::write(&path, [b'x'; 8192]).expect("writes");
        let error = Database::open(&path).expect_err("is none").to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }

    #[test]
    fn many_open_it_at_once_and_nothing_is_lost() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("store.sqlite");
        let (writers, rounds) = (8, 12);
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let path = &path;
                scope.spawn(move || {
                    let mut mine = record();
                    mine.recipe = format!("recipe-{writer}");
                    for at in 0..rounds {
                        // As each tuxling does: opened, used, closed.
                        let store = Database::open(path).expect("opens");
                        store.add(at, &mine).expect("adds");
                        drop(store);
                        let store = Database::open(path).expect("opens again");
                        let newest = store.newest(&mine.recipe).expect("reads");
                        assert_eq!(newest.expect("is there").at, at);
                    }
                });
            }
        });
        let store = Database::open(&path).expect("opens");
        for writer in 0..writers {
            let all = store.all(&format!("recipe-{writer}")).expect("reads");
            assert_eq!(all.len() as i64, rounds);
        }
    }
}
