//! Quirks of PCI devices: entries of `.pci_fixup*`, and the devices that they
//! are for.

use crate::relocatable::Target;

/// A device on a PCI bus, by what quirks are chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciDevice {
    /// Its vendor.
    pub vendor: u16,
    /// The device, of that vendor's.
    pub device: u16,
    /// Its class, 24 bits: class, subclass, programming interface.
    pub class: u32,
}

/// The beginning of `struct pci_fixup` (include/linux/pci.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixup {
    vendor: u16,
    device: u16,
    class: u32,
    class_shift: u32,
}

/// `PCI_ANY_ID`: each field is compared with as much of it as it has room for.
const ANY: u32 = u32::MAX;

impl Fixup {
    /// Reads an entry; `None` when it is too short.
    pub(super) fn read(entry: &[u8], target: &Target) -> Option<Fixup> {
        let field = |from: usize, to: usize| Some(target.number(entry.get(from..to)?));
        Some(Fixup {
            vendor: field(0, 2)? as u16,
            device: field(2, 4)? as u16,
            class: field(4, 8)? as u32,
            class_shift: field(8, 12)? as u32,
        })
    }

    /// Whether the kernel applies it to a device, as `pci_do_fixups()` decides.
    pub(super) fn concerns(self, to: &PciDevice) -> bool {
        let class = to.class.checked_shr(self.class_shift).unwrap_or(0);
        (self.class == class || self.class == ANY)
            && (self.vendor == to.vendor || self.vendor == ANY as u16)
            && (self.device == to.device || self.device == ANY as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I386: Target = Target {
        is_64: false,
        big_endian: false,
        machine: object::elf::EM_386,
        os_abi: 0,
        flags: 0,
    };

    #[test]
    fn a_fixup_concerns_the_devices_that_the_kernel_applies_it_to() {
        let entry = |vendor: u16, device: u16, class: u32, shift: u32| {
            let mut bytes = Vec::new();
            bytes.extend(vendor.to_le_bytes());
            bytes.extend(device.to_le_bytes());
            bytes.extend(class.to_le_bytes());
            bytes.extend(shift.to_le_bytes());
            bytes.extend([0; 4]);
            Fixup::read(&bytes, &I386).expect("long enough")
        };
        let bridge = PciDevice {
            vendor: 0x8086,
            device: 0x7000,
            class: 0x06_0100,
        };
        let uhci = PciDevice {
            class: 0x0c_0300,
            ..bridge
        };
        assert!(entry(0x8086, 0x7000, ANY, 0).concerns(&bridge));
        assert!(entry(0x8086, 0xffff, ANY, 0).concerns(&bridge));
        assert!(!entry(0x8086, 0x7113, ANY, 0).concerns(&bridge));
        assert!(!entry(0x1106, 0xffff, ANY, 0).concerns(&bridge));
        // Any USB controller, whatever its programming interface.
        let usb = entry(0xffff, 0xffff, 0x0c03, 8);
        assert!(usb.concerns(&uhci) && !usb.concerns(&bridge));
        let exact = entry(0xffff, 0xffff, 0x0c_0300, 0);
        assert!(exact.concerns(&uhci) && !exact.concerns(&bridge));
        assert_eq!(Fixup::read(&[0; 11], &I386), None);
    }
}
