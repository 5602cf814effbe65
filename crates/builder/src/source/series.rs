//! Whether what was had is of the series that a recipe names.

use host::error::{Failure, Kind, Result};

use super::{LockEntry, Request, version};

/// Refuses a tree of another version than the recipe names.
pub(super) fn is_of_series(request: &Request, entry: &LockEntry, series: &str) -> Result<()> {
    if version::is_of_series(&entry.version, series) {
        return Ok(());
    }
    let name = request.package.name();
    Err(Failure::new(
        Kind::Source,
        format!(
            "{} is {name} {}, and the recipe asks for {series}",
            entry.origin, entry.version
        ),
    )
    .help("change the version in the recipe, or the address"))
}
