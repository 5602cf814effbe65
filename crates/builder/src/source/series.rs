//! Whether what was had is of the series that a recipe names.

use super::{LockEntry, Request, version};
use crate::error::{Error, Result};

/// Refuses a tree of another version than the recipe names.
pub(super) fn is_of_series(request: &Request, entry: &LockEntry, series: &str) -> Result<()> {
    if version::is_of_series(&entry.version, series) {
        return Ok(());
    }
    Err(Error::OtherSeries {
        origin: entry.origin.to_string(),
        package: request.package.name(),
        version: entry.version.clone(),
        series: series.to_owned(),
    })
}
