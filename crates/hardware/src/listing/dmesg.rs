//! The kernel's log: PCI and USB devices, SCSI devices, mounted file systems,
//! firmware that was loaded. Serial numbers in it are passed over.

use super::lsusb::modalias as usb_modalias;
use super::{hex, pair};
use crate::inventory::{Device, Inventory};

/// The kinds of SCSI devices as the log names them (drivers/scsi/scsi.c,
/// `scsi_device_types`).
const SCSI: &[(&str, u8)] = &[
    ("Direct-Access", 0x00),
    ("Sequential-Access", 0x01),
    ("CD-ROM", 0x05),
    ("Optical", 0x07),
    ("Enclosure", 0x0d),
];

/// Takes what a line says of devices.
pub(super) fn take(line: &str, inventory: &mut Inventory) {
    let text = without_time(line);
    let readers = [pci, usb, hid, scsi, mounted];
    let found = readers.iter().find_map(|read| read(text));
    if let Some(device) = found {
        inventory.add(device);
    }
    if let Some(file) = firmware(text) {
        inventory.firmware.insert(file.to_owned());
    }
}

/// A line without `[    1.234567] `, and without syslog's head.
fn without_time(line: &str) -> &str {
    let line = line.split_once(" kernel: ").map_or(line, |(_, rest)| rest);
    let inner = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    match inner {
        Some((time, rest)) if time.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.') => rest,
        _ => line,
    }
}

/// `pci 0000:00:1f.2: [8086:2922] type 00 class 0x010601 …`
fn pci(text: &str) -> Option<Device> {
    let rest = text.strip_prefix("pci ")?;
    let (at, rest) = rest.split_once(": [")?;
    let (ids, rest) = rest.split_once(']')?;
    let ids = pair(ids)?;
    let (_, class) = rest.split_once("class 0x")?;
    let class = hex(class, 6)?;
    let modalias = format!(
        "pci:v{:08X}d{:08X}sv*sd*bc{:02X}sc{:02X}i{:02X}",
        ids.0,
        ids.1,
        class >> 16,
        class >> 8 & 0xff,
        class & 0xff
    );
    Some(Device {
        at: at.to_owned(),
        name: crate::inventory::kind_of(&modalias),
        modalias,
        in_use: Vec::new(),
    })
}

/// `usb 1-1: New USB device found, idVendor=46f4, idProduct=0001, bcdDevice= 0.00`
fn usb(text: &str) -> Option<Device> {
    let rest = text.strip_prefix("usb ")?;
    let (at, rest) = rest.split_once(": New USB device found, idVendor=")?;
    let vendor = hex(rest, 4)?;
    let (_, product) = rest.split_once("idProduct=")?;
    let product = hex(product, 4)?;
    (vendor != 0x1d6b).then(|| Device {
        at: format!("usb {at}"),
        name: format!("USB device {vendor:04x}:{product:04x}"),
        modalias: usb_modalias(Some((vendor, product)), [None; 3]),
        in_use: Vec::new(),
    })
}

/// `hid-generic 0003:046D:C52B.0001: input,hidraw0: USB HID v1.11 Keyboard […] …`
fn hid(text: &str) -> Option<Device> {
    let (driver, rest) = text.split_once(' ')?;
    let (at, _) = rest.split_once(": ")?;
    let (ids, number) = at.split_once('.')?;
    hex(number, 4).filter(|_| number.len() == 4)?;
    let (bus, ids) = ids.split_once(':')?;
    let bus = hex(bus, 4).filter(|_| bus.len() == 4)?;
    let (vendor, product) = pair(ids)?;
    Some(Device {
        at: format!("hid {at}"),
        name: format!("input device {vendor:04x}:{product:04x}"),
        modalias: format!("hid:b{bus:04X}g0001v{vendor:08X}p{product:08X}"),
        in_use: vec![driver.to_owned()],
    })
}

/// `scsi 2:0:0:0: Direct-Access     ATA      QEMU HARDDISK    2.5+ PQ: 0 ANSI: 5`
fn scsi(text: &str) -> Option<Device> {
    let rest = text.strip_prefix("scsi ")?;
    let (at, rest) = rest.split_once(": ")?;
    let (_, number) = SCSI.iter().find(|(word, _)| rest.starts_with(word))?;
    let name = rest.split(" PQ:").next().unwrap_or(rest);
    let name: Vec<&str> = name.split_whitespace().collect();
    Some(Device {
        at: format!("SCSI {at}"),
        name: name.join(" "),
        modalias: format!("scsi:t-{number:#04x}"),
        in_use: Vec::new(),
    })
}

/// `EXT4-fs (sda1): mounted filesystem …`, `XFS (sda2): Mounting V5 Filesystem`
fn mounted(text: &str) -> Option<Device> {
    let (name, rest) = text.split_once(" (")?;
    let (device, rest) = rest.split_once("): ")?;
    if !(rest.starts_with("mounted filesystem") || rest.starts_with("Mounting")) {
        return None;
    }
    let kind = name.trim_end_matches("-fs").to_lowercase();
    let plain = kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && !kind.is_empty()).then(|| Device {
        at: format!("mounted from {device}"),
        name: format!("file system {kind}"),
        modalias: format!("fs-{kind}"),
        in_use: Vec::new(),
    })
}

/// What names of firmware files end in.
const FIRMWARE: &[&str] = &[
    ".bin", ".fw", ".ucode", ".sfi", ".ddc", ".hcd", ".mbn", ".pnvm", ".tlv", ".dat",
];

/// The file that a line about firmware names, unless it could not be loaded:
/// `… loaded firmware version 77 QuZ-a0-hr-b0-77.ucode op_mode iwlmvm`.
fn firmware(text: &str) -> Option<&str> {
    let lower = text.to_lowercase();
    let about = lower.contains("firmware") && !lower.contains("fail") && !lower.contains("error");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let mut words = text.split_whitespace().filter(|_| about);
    words.find_map(|word| {
        let word = word.trim_matches(['\'', '"', ',', '.', '(', ')']);
        let ends = FIRMWARE.iter().any(|end| word.ends_with(end));
        (ends && word.chars().all(plain)).then_some(word)
    })
}
