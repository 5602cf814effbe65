//! The devices of a machine, wherever they were read from.

use std::collections::BTreeSet;

use crate::alias::bus;

/// One device, or one function or interface of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Where it sits, as the source calls it: `00:1f.2`, `usb 1-1`.
    pub at: String,
    /// What it is, in words.
    pub name: String,
    /// Its modalias; parts that are not known are `*`.
    pub modalias: String,
    /// The drivers and modules that have it or could, the one in use first.
    pub in_use: Vec<String>,
}

/// All that is known of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The devices, in the order of the source, each once.
    pub devices: Vec<Device>,
    /// The firmware files that were loaded.
    pub firmware: BTreeSet<String>,
    /// How many bits the words of its processor have, where that is told.
    pub bits: Option<u32>,
    /// Lines that speak of devices and don't say enough, with what is missing.
    pub unclear: Vec<String>,
}

impl Inventory {
    /// Adds a device; one that is there already, at the same place, gives what
    /// was not known of it.
    pub fn add(&mut self, device: Device) {
        let is_pci = bus(&device.modalias) == "pci";
        let same = |known: &&mut Device| {
            let place =
                is_pci && bus(&known.modalias) == "pci" && same_place(&known.at, &device.at);
            known.modalias == device.modalias || place
        };
        let Some(known) = self.devices.iter_mut().find(same) else {
            self.devices.push(device);
            return;
        };
        let unknown = |modalias: &str| modalias.matches('*').count();
        if unknown(&device.modalias) < unknown(&known.modalias) {
            known.modalias = device.modalias;
        }
        for name in device.in_use {
            if !known.in_use.contains(&name) {
                known.in_use.push(name);
            }
        }
    }

    /// Adds all of another inventory.
    pub fn extend(&mut self, other: Inventory) {
        for device in other.devices {
            self.add(device);
        }
        self.firmware.extend(other.firmware);
        self.bits = self.bits.or(other.bits);
        self.unclear.extend(other.unclear);
    }
}

/// What lists of one bus don't show: what hangs at a controller. The bus, what
/// its modalias must hold, the modalias that is then there, and its name.
const BEHIND: &[(&str, &str, &str, &str)] = &[
    (
        "pci",
        "bc01sc00",
        "scsi:t-0x00",
        "disks at the SCSI controller",
    ),
    (
        "pci",
        "bc01sc01",
        "scsi:t-0x00",
        "disks at the IDE controller",
    ),
    (
        "pci",
        "bc01sc04",
        "scsi:t-0x00",
        "disks at the RAID controller",
    ),
    (
        "pci",
        "bc01sc06",
        "scsi:t-0x00",
        "disks at the SATA controller",
    ),
    ("usb", "ic08", "scsi:t-0x00", "the disk in the USB storage"),
    (
        "usb",
        "ic03",
        "hid:b0003g0001v00000000p00000000",
        "keys and pointers at USB",
    ),
    (
        "pci",
        "bc08sc05",
        "mmc:block",
        "cards in the SD host controller",
    ),
    (
        "pci",
        "bc04sc03",
        "hdaudio:v00000201r00000000a01",
        "a codec of no named kind",
    ),
    // Virtio over PCI: ids of before 1.0, and 0x1040 and the kind's number since.
    (
        "pci",
        "v00001AF4d00001000",
        VIRTIO_NET,
        "the virtio network card",
    ),
    (
        "pci",
        "v00001AF4d00001041",
        VIRTIO_NET,
        "the virtio network card",
    ),
    ("pci", "v00001AF4d00001001", VIRTIO_BLK, "the virtio disk"),
    ("pci", "v00001AF4d00001042", VIRTIO_BLK, "the virtio disk"),
    (
        "pci",
        "v00001AF4d00001003",
        VIRTIO_CONSOLE,
        "the virtio console",
    ),
    (
        "pci",
        "v00001AF4d00001043",
        VIRTIO_CONSOLE,
        "the virtio console",
    ),
    (
        "pci",
        "v00001AF4d00001005",
        VIRTIO_RNG,
        "the virtio random numbers",
    ),
    (
        "pci",
        "v00001AF4d00001044",
        VIRTIO_RNG,
        "the virtio random numbers",
    ),
    (
        "pci",
        "v00001AF4d00001002",
        VIRTIO_BALLOON,
        "the virtio balloon",
    ),
    (
        "pci",
        "v00001AF4d00001045",
        VIRTIO_BALLOON,
        "the virtio balloon",
    ),
    (
        "pci",
        "v00001AF4d00001004",
        VIRTIO_SCSI,
        "the virtio SCSI controller",
    ),
    (
        "pci",
        "v00001AF4d00001048",
        VIRTIO_SCSI,
        "the virtio SCSI controller",
    ),
    (
        "pci",
        "v00001AF4d00001050",
        VIRTIO_GPU,
        "the virtio graphics card",
    ),
];

const VIRTIO_NET: &str = "virtio:d00000001v00001AF4";
const VIRTIO_BLK: &str = "virtio:d00000002v00001AF4";
const VIRTIO_CONSOLE: &str = "virtio:d00000003v00001AF4";
const VIRTIO_RNG: &str = "virtio:d00000004v00001AF4";
const VIRTIO_BALLOON: &str = "virtio:d00000005v00001AF4";
const VIRTIO_SCSI: &str = "virtio:d00000008v00001AF4";
const VIRTIO_GPU: &str = "virtio:d00000010v00001AF4";

impl Inventory {
    /// Adds what hangs at controllers where nothing of its bus is listed.
    pub fn complete(&mut self) {
        let listed: BTreeSet<String> = self
            .devices
            .iter()
            .map(|d| bus(&d.modalias).to_owned())
            .collect();
        for (at, holds, modalias, name) in BEHIND {
            let there =
                |device: &&Device| bus(&device.modalias) == *at && device.modalias.contains(holds);
            let own = listed.contains(bus(modalias));
            let Some(controller) = self.devices.iter().find(there).filter(|_| !own) else {
                continue;
            };
            self.add(Device {
                at: format!("behind {}", controller.at),
                name: (*name).to_owned(),
                modalias: (*modalias).to_owned(),
                in_use: Vec::new(),
            });
        }
    }
}

/// Whether two places are one: PCI addresses are written with and without their
/// bus and their domain.
fn same_place(one: &str, other: &str) -> bool {
    fn short(place: &str) -> &str {
        place.trim_start_matches("pci ").trim_start_matches("0000:")
    }
    short(one) == short(other)
}

/// The class of a PCI device, of a USB interface or of another device, in words;
/// the number where no word is known (include/linux/pci_ids.h,
/// include/uapi/linux/usb/ch9.h).
pub fn kind_of(modalias: &str) -> String {
    let digits = |key: &str| {
        let at = modalias.rfind(key)? + key.len();
        u8::from_str_radix(modalias.get(at..at + 2)?, 16).ok()
    };
    match bus(modalias) {
        "pci" => match (digits("bc"), digits("sc")) {
            (Some(base), Some(sub)) => pci_class(base, sub).map_or_else(
                || format!("PCI device of class {base:02x}{sub:02x}"),
                str::to_owned,
            ),
            _ => "PCI device".to_owned(),
        },
        "usb" => match digits("ic").and_then(usb_class) {
            Some(word) => format!("USB {word}"),
            None => "USB device".to_owned(),
        },
        "fs" => format!("file system {}", modalias.trim_start_matches("fs-")),
        other => format!("{other} device"),
    }
}

fn pci_class(base: u8, sub: u8) -> Option<&'static str> {
    Some(match (base, sub) {
        (0x01, 0x00) => "SCSI controller",
        (0x01, 0x01) => "IDE controller",
        (0x01, 0x04) => "RAID controller",
        (0x01, 0x06) => "SATA controller",
        (0x01, 0x08) => "NVMe controller",
        (0x01, _) => "storage controller",
        (0x02, 0x00) => "Ethernet controller",
        (0x02, _) => "network controller",
        (0x03, _) => "graphics card",
        (0x04, 0x01 | 0x03) => "sound device",
        (0x04, _) => "multimedia device",
        (0x05, _) => "memory controller",
        (0x06, 0x00) => "host bridge",
        (0x06, 0x01) => "ISA bridge",
        (0x06, 0x04) => "PCI bridge",
        (0x06, _) => "bridge",
        (0x07, 0x00) => "serial controller",
        (0x07, _) => "communication controller",
        (0x08, 0x05) => "SD host controller",
        (0x08, _) => "system peripheral",
        (0x09, _) => "input device",
        (0x0c, 0x03) => "USB controller",
        (0x0c, 0x05) => "SMBus controller",
        (0x0c, _) => "serial bus controller",
        (0x0d, _) => "wireless controller",
        (0x10, _) => "encryption controller",
        (0x11, _) => "signal processing controller",
        (0x12 | 0x13 | 0xff, _) => "unassigned device",
        _ => return None,
    })
}

fn usb_class(class: u8) -> Option<&'static str> {
    Some(match class {
        0x01 => "sound device",
        0x02 | 0x0a => "communication device",
        0x03 => "input device",
        0x06 => "camera",
        0x07 => "printer",
        0x08 => "storage",
        0x09 => "hub",
        0x0b => "card reader",
        0x0e => "video device",
        0xe0 => "wireless device",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(at: &str, modalias: &str, in_use: &[&str]) -> Device {
        Device {
            at: at.to_owned(),
            name: String::new(),
            modalias: modalias.to_owned(),
            in_use: in_use.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn two_sources_complete_each_other() {
        let mut inventory = Inventory::default();
        let short = "pci:v00008086d00002922sv*sd*bc01sc06i*";
        let whole = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01";
        inventory.add(device("00:1f.2", short, &["ahci"]));
        inventory.add(device("0000:00:1f.2", whole, &[]));
        assert_eq!(inventory.devices, [device("00:1f.2", whole, &["ahci"])]);
        inventory.add(device("00:1f.3", short, &[]));
        assert_eq!(inventory.devices.len(), 2);
    }

    #[test]
    fn what_hangs_at_a_controller_is_added_unless_its_bus_is_listed() {
        let disk = "pci:v00008086d00002922sv*sd*bc01sc06i01";
        let mut inventory = Inventory::default();
        inventory.add(device("00:1f.2", disk, &[]));
        inventory.complete();
        assert_eq!(inventory.devices.len(), 2);
        assert_eq!(inventory.devices[1].modalias, "scsi:t-0x00");
        inventory.complete();
        assert_eq!(inventory.devices.len(), 2);
        let mut listed = Inventory::default();
        listed.add(device("00:1f.2", disk, &[]));
        listed.add(device("SCSI 0:0:0:0", "scsi:t-0x05", &[]));
        listed.complete();
        assert_eq!(listed.devices.len(), 2);
    }

    #[test]
    fn a_class_has_a_word() {
        let kind = kind_of("pci:v00008086d00002922sv*sd*bc01sc06i01");
        assert_eq!(kind, "SATA controller");
        assert_eq!(
            kind_of("usb:v1p1d*dc*dsc*dp*ic08isc06ip50in*"),
            "USB storage"
        );
        assert_eq!(
            kind_of("pci:v1d1sv*sd*bc0Esc77i*"),
            "PCI device of class 0e77"
        );
        assert_eq!(kind_of("fs-ext4"), "file system ext4");
    }
}
