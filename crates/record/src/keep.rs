//! Where records are kept: in the output folder, and with all attempts in the
//! store.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use host::Cache;
use host::cache::write_whole;

use super::{Database, Fix, Record};
use crate::error::{Error, Result};

/// Where the database of attempts stands.
pub fn store_path(cache: &Cache) -> PathBuf {
    cache.root().join("store.sqlite")
}

/// Writes a record as `record.json` into the output folder.
pub fn keep(record: &Record, output: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(record).map_err(Error::Unwritable)?;
    Ok(write_whole(&output.join("record.json"), &json)?)
}

/// Adds an attempt's record to the store.
pub fn remember(record: &Record, cache: &Cache) -> Result<()> {
    let at = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    Database::open(&store_path(cache))?.add(i64::try_from(at).unwrap_or(i64::MAX), record)
}

/// Adds what a boot of a pruned kernel of this series had to put back.
pub fn remember_fixes(series: &str, fixes: &[Fix], cache: &Cache) -> Result<()> {
    Database::open(&store_path(cache))?.add_fixes(series, fixes)
}

/// What boots of pruned kernels of this series had to put back.
pub fn known_fixes(series: &str, cache: &Cache) -> Result<Vec<Fix>> {
    Database::open(&store_path(cache))?.fixes(series)
}
