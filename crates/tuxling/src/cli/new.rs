//! `tuxling new`: a recipe to start from.

use recipe::scaffold::{self, Wish};

use super::args::{Network, New};
use super::{cwd, print};
use crate::failure::Result;

/// Writes NAME.toml, never over a file that is there.
pub(super) fn run(new: &New) -> Result<()> {
    let network = match new.network {
        Network::Dhcp => true,
        Network::None => false,
    };
    let wish = Wish {
        name: new.name.clone(),
        board: new.board.clone(),
        network,
    };
    let path = scaffold::write(&cwd()?, &wish)?;
    print(&format!(
        "wrote {}; next: tuxling check {}.toml\n",
        path.display(),
        new.name
    ))
}
