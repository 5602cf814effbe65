//! `tuxling new`: a recipe to start from.

use super::args::New;
use super::{cwd, print};
use crate::error::{Failure, Kind, Result};
use crate::recipe::scaffold;
use crate::store::cache::write_whole;

/// Writes NAME.toml, never over a file that is there.
pub fn run(new: &New) -> Result<()> {
    let text = scaffold::recipe(&new.name, &new.board, &new.network)?;
    let path = cwd()?.join(format!("{}.toml", new.name));
    if path.exists() {
        return Err(Failure::new(Kind::Usage, format!("{} is there already", path.display()))
            .help("choose another name, or edit the file that is there"));
    }
    write_whole(&path, text.as_bytes())?;
    print(&format!("wrote {0}.toml; next: tuxling check {0}.toml\n", new.name))
}
