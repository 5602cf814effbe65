//! The PCI devices of a board, as its file names them: `060100 8086:7000`.

use std::fmt;

use crate::diagnostic::{Problems, Wrong};
use crate::table::Table;

/// A device on a PCI bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciDevice {
    /// Its vendor.
    pub vendor: u16,
    /// The device, of that vendor's.
    pub device: u16,
    /// Its class, 24 bits: class, subclass, programming interface.
    pub class: u32,
}

impl fmt::Display for PciDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PciDevice {
            vendor,
            device,
            class,
        } = self;
        write!(f, "{class:06x} {vendor:04x}:{device:04x}")
    }
}

impl PciDevice {
    /// From `060100 8086:7000`.
    pub fn parse(text: &str) -> Option<PciDevice> {
        let hex = |text: &str, digits: usize| {
            let all = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
            all.then(|| u32::from_str_radix(text, 16).ok()).flatten()
        };
        let (class, ids) = text.split_once(' ')?;
        let (vendor, device) = ids.trim().split_once(':')?;
        Some(PciDevice {
            vendor: hex(vendor, 4)? as u16,
            device: hex(device, 4)? as u16,
            class: hex(class, 6)?,
        })
    }
}

/// One device as it is typed.
pub(crate) fn device(typed: &str) -> Result<PciDevice, Wrong> {
    PciDevice::parse(typed).ok_or_else(|| {
        Wrong::new(format!("`{typed}` is no PCI device")).help(
            "write its class of six digits, its vendor and its number: \"060100 8086:7000\"; \
             /proc/bus/pci and `lspci -n` show them",
        )
    })
}

/// The list of a board; what is wrong is among the problems.
pub(crate) fn list(problems: &Problems, table: &Table<'_>) -> Vec<PciDevice> {
    let list = table.texts("pci").map_or_else(Vec::new, |list| list.value);
    list.iter()
        .filter_map(|typed| problems.take(&typed.place, device(&typed.value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        let bridge = PciDevice::parse("060100 8086:7000").expect("a device");
        assert_eq!(
            bridge,
            PciDevice {
                vendor: 0x8086,
                device: 0x7000,
                class: 0x06_0100,
            }
        );
        assert_eq!(bridge.to_string(), "060100 8086:7000");
        for wrong in [
            "",
            "0601 8086:7000",
            "060100 8086",
            "060100 8086:70000",
            "06010g 8086:7000",
        ] {
            assert_eq!(PciDevice::parse(wrong), None, "{wrong}");
        }
    }
}
