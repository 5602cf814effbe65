//! `tuxling new`: a recipe to start from, with the drivers of a machine where a
//! list of its devices is given.

use std::num::NonZeroU16;
use std::path::Path;

use hardware::inventory::Inventory;
use host::cache::write_whole;
use recipe::scaffold::{self, ScaffoldError, Wish};

use super::args::{Network, New};
use super::carry_out::Needs;
use super::hw;
use super::request::{Request, Typed};
use super::{cwd, print};
use crate::failure::Result;
use hardware::ask::{Answer, State};

/// Writes NAME.toml, never over a file that is there.
pub(super) fn run(new: &New) -> Result<()> {
    let network = match new.network {
        Network::Dhcp => true,
        Network::None => false,
    };
    let inventory = match new.from_hw.as_slice() {
        [] => None,
        files => Some(hw::inventory(files)?),
    };
    let usual = match inventory.as_ref().and_then(|inventory| inventory.bits) {
        Some(64) => "pc64",
        _ => "pc",
    };
    hw::classes(&new.also)?;
    let wish = Wish {
        config: new.config.clone(),
        also: new.also.clone(),
        root: new.root.clone(),
        ..Wish::new(&new.name, new.board.as_deref().unwrap_or(usual), network)
    };
    if let Some(inventory) = &inventory {
        return with_drivers(new, wish, inventory);
    }
    let path = scaffold::write(&cwd()?, &wish)?;
    print(&format!(
        "wrote {}; next: tuxling check {}.toml\n",
        path.display(),
        new.name
    ))
}

/// Writes NAME-hw.config, then the recipe that names it.
fn with_drivers(new: &New, mut wish: Wish, inventory: &Inventory) -> Result<()> {
    let folder = cwd()?;
    let text = scaffold::text(&wish)?;
    let fragment = format!("{}-hw.config", new.name);
    let config = folder.join(&fragment);
    for path in [&config, &folder.join(format!("{}.toml", new.name))] {
        if path.symlink_metadata().is_ok() {
            return Err(ScaffoldError::Exists(path.clone()).into());
        }
    }
    let file = format!("{}.toml", new.name);
    let plan = recipe::with_text(&folder.join(&file), &text)?;
    let typed = Typed {
        jobs: Some(NonZeroU16::MIN),
        ..Typed::looking(&file)
    };
    wish.fragments = vec![fragment];
    Request::of(typed, plan)?.carry_out(
        Needs::Little,
        |list| list.kconfig(),
        |request, session| {
            let (answer, version) = hw::answer(request, inventory, &[], None, &session)?;
            wish.drivers = driven(&answer);
            let text = hw::fragment(&answer, &version, &file);
            write_whole(&config, text.as_bytes())?;
            let path = scaffold::write(&folder, &wish)?;
            let without = answer
                .devices
                .iter()
                .filter(|one| one.state == State::LeftOut);
            print(&told(&path, &config, answer.devices.len(), without.count()))
        },
    )
}

/// Where /sys shows the drivers of the devices that have one, of the buses that
/// name their devices alike on every boot.
fn driven(answer: &Answer) -> Vec<String> {
    let with = answer
        .devices
        .iter()
        .filter(|one| one.state != State::LeftOut && one.in_use);
    with.filter_map(|found| driver_in_sys(&found.at)).collect()
}

/// The link to a device's driver. The list is somebody's, and the place becomes a
/// word of a command: `None` where the name is not one that the kernel gives.
fn driver_in_sys(at: &str) -> Option<String> {
    let (bus, name) = at.split_once(' ')?;
    let of_kernel = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-');
    let known = matches!(bus, "pci" | "usb") && !name.is_empty() && name.chars().all(of_kernel);
    known.then(|| format!("/sys/bus/{bus}/devices/{name}/driver"))
}

fn told(recipe: &Path, config: &Path, devices: usize, without: usize) -> String {
    let name = recipe.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "wrote {} and {}: {devices} devices, {without} without a driver; next: tuxling check {name}\n",
        recipe.display(),
        config.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_no_kernel_names_is_no_word_of_a_command() {
        for (at, driver) in [
            (
                "pci 0000:00:1f.2",
                Some("/sys/bus/pci/devices/0000:00:1f.2/driver"),
            ),
            (
                "usb 1-1.4:1.0",
                Some("/sys/bus/usb/devices/1-1.4:1.0/driver"),
            ),
            ("pnp 00:01", None),
            ("pci", None),
            ("pci ", None),
            ("pci 0000:00:1f.2 $(reboot)", None),
            ("usb 1-1;reboot", None),
            ("usb 1-1\"\"\"", None),
            ("usb ../../x", None),
        ] {
            assert_eq!(driver_in_sys(at).as_deref(), driver, "{at}");
        }
    }
}
