//! The journal of a search in the store: no finished attempt is lost, and none
//! is made twice.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use shrink::{Journal, JournalError, Record};

/// Rows are only ever added: a second attempt at the same thing is another row.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS shrink_record (
        number INTEGER PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT;
";

/// Keeps records in `store.sqlite`.
#[derive(Debug)]
pub struct StoreJournal {
    path: PathBuf,
    connection: Option<Connection>,
}

impl StoreJournal {
    /// In the store at this path; it is made when it is missing.
    pub fn new(path: &Path) -> StoreJournal {
        StoreJournal {
            path: path.to_owned(),
            connection: None,
        }
    }

    fn open(&mut self) -> rusqlite::Result<&Connection> {
        if self.connection.is_none() {
            let connection = Connection::open(&self.path)?;
            connection.busy_timeout(std::time::Duration::from_secs(30))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.execute_batch(TABLE)?;
            self.connection = Some(connection);
        }
        self.connection
            .as_ref()
            .ok_or(rusqlite::Error::InvalidQuery)
    }
}

impl Journal for StoreJournal {
    fn load(&mut self) -> Result<Vec<Record>, JournalError> {
        let failed = |e: rusqlite::Error| JournalError(Box::new(e));
        let connection = self.open().map_err(failed)?;
        let mut query = connection
            .prepare("SELECT record FROM shrink_record ORDER BY number")
            .map_err(failed)?;
        let rows = query
            .query_map([], |row| row.get::<_, String>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .map_err(failed)?;
        // A record of another version's making says nothing to this one.
        let records = rows.iter().filter_map(|row| serde_json::from_str(row).ok());
        Ok(records.collect())
    }

    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let json = serde_json::to_string(record).map_err(|e| JournalError(Box::new(e)))?;
        let failed = |e: rusqlite::Error| JournalError(Box::new(e));
        self.open()
            .and_then(|connection| {
                connection.execute(
                    "INSERT INTO shrink_record (record) VALUES (?1)",
                    params![json],
                )
            })
            .map_err(failed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shrink::{Attempt, Cost, Identity, Outcome, Work};
    use std::time::Duration;

    fn record(of: &str) -> Record {
        Record::Attempt {
            of: Identity::new(of),
            attempt: Attempt {
                outcome: Outcome::Passed {
                    cost: Cost::payload(7),
                },
                took: Duration::from_millis(1500),
                work: Work::default(),
            },
        }
    }

    #[test]
    fn what_was_appended_is_there_in_its_order() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("store.sqlite");
        let mut journal = StoreJournal::new(&path);
        assert_eq!(journal.load().expect("loads"), []);
        for of in ["a", "b", "a"] {
            journal.append(&record(of)).expect("appends");
        }
        // Another process, while the first is still there.
        let all = StoreJournal::new(&path).load().expect("loads");
        assert_eq!(all, ["a", "b", "a"].map(record));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let mut journal = StoreJournal::new(Path::new("/nonexistent/store.sqlite"));
        assert!(journal.load().is_err());
        assert!(journal.append(&record("a")).is_err());
    }
}
