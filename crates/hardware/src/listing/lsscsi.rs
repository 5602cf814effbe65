//! `lsscsi`: `[0:0:0:0]    disk    ATA      QEMU HARDDISK    2.5+  /dev/sda`.

use crate::inventory::{Device, Inventory};

/// The kinds of devices, as lsscsi abbreviates them, by their number
/// (include/scsi/scsi_proto.h).
const TYPES: &[(&str, u8)] = &[
    ("disk", 0x00),
    ("tape", 0x01),
    ("printer", 0x02),
    ("process", 0x03),
    ("worm", 0x04),
    ("cd/dvd", 0x05),
    ("scanner", 0x06),
    ("optical", 0x07),
    ("mediumx", 0x08),
    ("storage", 0x0c),
    ("enclosu", 0x0d),
    ("zbc", 0x14),
];

/// Whether the line was one of lsscsi's.
pub(super) fn take(line: &str, inventory: &mut Inventory) -> bool {
    let Some((at, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return false;
    };
    let mut numbers = at.split(':');
    let first = numbers.next().unwrap_or_default();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let count = at.matches(':').count();
    if count != 3 || !(number(first) || first == "N") || !numbers.all(number) {
        return false;
    }
    let rest = rest.trim();
    let Some((word, number)) = TYPES.iter().find(|(word, _)| rest.starts_with(word)) else {
        return false;
    };
    // A disk of NVMe is no SCSI device: its controller is in the list of PCI.
    if first != "N" {
        let name = rest.trim_start_matches(word);
        let name: Vec<&str> = name
            .split_whitespace()
            .filter(|part| !part.starts_with("/dev/"))
            .collect();
        inventory.add(Device {
            at: format!("SCSI {at}"),
            name: format!("{word} {}", name.join(" ")),
            modalias: format!("scsi:t-{number:#04x}"),
            in_use: Vec::new(),
        });
    }
    true
}
