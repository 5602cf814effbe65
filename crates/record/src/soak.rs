//! Boots that were made only to see whether a system stops, by kernel.

use crate::error::Result;
use host::Id;
use host::cache::Cache;
use rusqlite::params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Database, store_path};

/// One boot of a soak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SoakBoot {
    /// The condition or the case of adversity.
    pub about: String,
    /// How long the guest ran by its own clock, in seconds; a lower bound.
    pub guest_seconds: f64,
    /// How long the host took for it, in seconds.
    pub host_seconds: f64,
    /// What stopped the kernel; `null` where nothing did.
    pub stopped: Option<String>,
    /// Why it did not pass although the kernel lived; `null` where it passed.
    pub failed: Option<String>,
}

/// Adds a boot of a kernel with these bytes.
pub fn remember_soak(kernel: &Id, boot: &SoakBoot, cache: &Cache) -> Result<()> {
    Database::open(&store_path(cache))?.add_soak(kernel, boot)
}

/// All boots of soaks of a kernel with these bytes, the oldest first.
pub fn known_soak(kernel: &Id, cache: &Cache) -> Result<Vec<SoakBoot>> {
    Database::open(&store_path(cache))?.soak(kernel)
}

impl Database {
    fn add_soak(&self, kernel: &Id, boot: &SoakBoot) -> Result<()> {
        let values = params![
            kernel.as_str(),
            boot.about,
            boot.guest_seconds,
            boot.host_seconds,
            boot.stopped,
            boot.failed
        ];
        let insert = "INSERT INTO soak VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let added = self.connection().execute(insert, values);
        added.map_err(|e| self.broken("add to the store", e))?;
        Ok(())
    }

    fn soak(&self, kernel: &Id) -> Result<Vec<SoakBoot>> {
        let read = || -> rusqlite::Result<Vec<SoakBoot>> {
            let mut query = self.connection().prepare(
                "SELECT about, guest_seconds, host_seconds, stopped, failed
                 FROM soak WHERE kernel = ?1 ORDER BY rowid",
            )?;
            let boots = query.query_map([kernel.as_str()], |row| {
                Ok(SoakBoot {
                    about: row.get(0)?,
                    guest_seconds: row.get(1)?,
                    host_seconds: row.get(2)?,
                    stopped: row.get(3)?,
                    failed: row.get(4)?,
                })
            })?;
            boots.collect()
        };
        read().map_err(|e| self.broken("read the store", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boots_are_kept_by_kernel_in_their_order() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Database::open(&dir.path().join("store.sqlite")).expect("opens");
        let boot = |about: &str, stopped: Option<&str>| SoakBoot {
            about: about.to_owned(),
            guest_seconds: 600.0,
            host_seconds: 5.5,
            stopped: stopped.map(str::to_owned),
            failed: None,
        };
        let (one, other) = (Id::of_bytes(b"one"), Id::of_bytes(b"other"));
        let boots = [boot("plain", None), boot("600 s idle", Some("tcp_v4_err"))];
        for boot in &boots {
            store.add_soak(&one, boot).expect("adds");
        }
        assert_eq!(store.soak(&one).expect("reads"), boots);
        assert!(store.soak(&other).expect("reads").is_empty());
    }
}
