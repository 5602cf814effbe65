//! What boots of pruned kernels had to put back, by series of kernels: the next
//! pruning of that series begins with it.

use rusqlite::params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Database;
use crate::error::Result;

/// A function that a boot of a pruned kernel missed, or that stands on the way
/// that it took there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Fix {
    /// The object, as the kernel's build names it: `net/ipv4/icmp.o`.
    pub object: String,
    /// The function.
    pub symbol: String,
    /// Where it was missed first: recipe, level, what the boot was about.
    pub missed_in: String,
}

impl Database {
    /// Adds what a boot of a kernel of this series (`6.12`) had to put back. What
    /// is there already is left alone.
    pub fn add_fixes(&self, series: &str, fixes: &[Fix]) -> Result<()> {
        for fix in fixes {
            let values = params![series, fix.object, fix.symbol, fix.missed_in];
            self.connection()
                .execute("INSERT OR IGNORE INTO fix VALUES (?1, ?2, ?3, ?4)", values)
                .map_err(|e| self.broken("add to the store", e))?;
        }
        Ok(())
    }

    /// All that boots of kernels of this series had to put back, by object and
    /// name.
    pub fn fixes(&self, series: &str) -> Result<Vec<Fix>> {
        let read = || -> rusqlite::Result<Vec<Fix>> {
            let mut query = self.connection().prepare(
                "SELECT object, symbol, missed_in FROM fix WHERE series = ?1
                 ORDER BY object, symbol",
            )?;
            let fixes = query.query_map([series], |row| {
                Ok(Fix {
                    object: row.get(0)?,
                    symbol: row.get(1)?,
                    missed_in: row.get(2)?,
                })
            })?;
            fixes.collect()
        };
        read().map_err(|e| self.broken("read the store", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixes_are_of_a_series_and_the_first_to_miss_one_is_told() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Database::open(&dir.path().join("store.sqlite")).expect("opens");
        let fix = |symbol: &str, missed_in: &str| Fix {
            object: "net/ipv4/icmp.o".to_owned(),
            symbol: symbol.to_owned(),
            missed_in: missed_in.to_owned(),
        };
        let first = [fix("icmp_send", "a"), fix("icmp_echo", "a")];
        store.add_fixes("6.12", &first).expect("adds");
        store
            .add_fixes("6.12", &[fix("icmp_send", "b")])
            .expect("adds");
        store
            .add_fixes("6.1", &[fix("icmp_rcv", "c")])
            .expect("adds");
        let known = store.fixes("6.12").expect("reads");
        assert_eq!(known, [fix("icmp_echo", "a"), fix("icmp_send", "a")]);
        assert_eq!(store.fixes("6.1").expect("reads").len(), 1);
        assert!(store.fixes("6.2").expect("reads").is_empty());
    }
}
