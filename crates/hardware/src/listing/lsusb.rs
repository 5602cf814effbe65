//! `lsusb`, `lsusb -v` and `lsusb -t` (usbutils). The plain output doesn't say
//! what a device can do; where its name does, that is taken and said.

use super::pair;
use crate::inventory::{Device, Inventory};

/// Reads line by line: with `-v` the interfaces stand below their device.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<Open>,
}

#[derive(Debug, Default)]
struct Open {
    at: String,
    name: String,
    ids: (u32, u32),
    /// Class, subclass and protocol of each interface, as far as they came.
    interfaces: Vec<[Option<u32>; 3]>,
}

/// The vendor of root hubs: they belong to their controllers.
const LINUX: u32 = 0x1d6b;

/// What names say of interfaces: a word, and class, subclass and protocol.
const WORDS: &[(&str, [Option<u32>; 3])] = &[
    ("keyboard", [Some(3), Some(1), Some(1)]),
    ("mouse", [Some(3), Some(1), Some(2)]),
    ("receiver", [Some(3), Some(1), Some(1)]),
    ("tablet", [Some(3), Some(0), Some(0)]),
    ("bluetooth", [Some(0xe0), Some(1), Some(1)]),
    ("camera", [Some(0x0e), Some(1), Some(0)]),
    ("webcam", [Some(0x0e), Some(1), Some(0)]),
    ("flash drive", [Some(8), Some(6), Some(0x50)]),
    ("datatraveler", [Some(8), Some(6), Some(0x50)]),
    ("harddrive", [Some(8), Some(6), Some(0x50)]),
    ("storage", [Some(8), Some(6), Some(0x50)]),
    ("cruzer", [Some(8), Some(6), Some(0x50)]),
    ("card reader", [Some(8), Some(6), Some(0x50)]),
    ("headset", [Some(1), Some(1), Some(0)]),
    ("audio", [Some(1), Some(1), Some(0)]),
    ("printer", [Some(7), Some(1), Some(2)]),
    ("laserjet", [Some(7), Some(1), Some(2)]),
    ("hub", [Some(9), Some(0), Some(0)]),
];

impl Reader {
    /// Whether the line was one of lsusb's.
    pub(super) fn take(&mut self, line: &str, inventory: &mut Inventory) -> bool {
        if let Some(open) = device(line) {
            self.end(inventory);
            self.open = Some(open);
            return true;
        }
        if let Some(found) = of_tree(line) {
            inventory.add(found);
            return true;
        }
        if line == "Device Descriptor:" {
            return self.open.is_some();
        }
        let Some(open) = self.open.as_mut().filter(|_| line.starts_with([' ', '\t'])) else {
            return false;
        };
        let mut words = line.split_whitespace();
        let (key, value) = (words.next().unwrap_or_default(), words.next());
        let number = value.and_then(|value| value.parse().ok());
        let field = match key {
            "bInterfaceNumber" => {
                open.interfaces.push([None; 3]);
                return true;
            }
            "bInterfaceClass" => 0,
            "bInterfaceSubClass" => 1,
            "bInterfaceProtocol" => 2,
            _ => return true,
        };
        if let Some(last) = open.interfaces.last_mut() {
            last[field] = number;
        }
        true
    }

    /// What was read last is whole.
    pub(super) fn end(&mut self, inventory: &mut Inventory) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        if open.ids.0 == LINUX {
            return;
        }
        if open.interfaces.is_empty() {
            open.interfaces.push(by_name(&open.name));
        }
        let several = open.interfaces.len() > 1;
        for (at, interface) in open.interfaces.iter().enumerate() {
            let place = if several {
                format!("{}, interface {at}", open.at)
            } else {
                open.at.clone()
            };
            inventory.add(Device {
                at: place,
                name: open.name.clone(),
                modalias: modalias(Some(open.ids), *interface),
                in_use: Vec::new(),
            });
        }
    }
}

/// What the name of a device says of its interface.
fn by_name(name: &str) -> [Option<u32>; 3] {
    let name = name.to_lowercase();
    let word = WORDS.iter().find(|(word, _)| name.contains(word));
    word.map_or([None; 3], |(_, class)| *class)
}

/// The modalias of an interface; what is not known is `*`.
pub(super) fn modalias(ids: Option<(u32, u32)>, class: [Option<u32>; 3]) -> String {
    let part = |number: Option<u32>, digits: usize| match number {
        Some(number) => format!("{number:0digits$X}"),
        None => "*".to_owned(),
    };
    format!(
        "usb:v{}p{}d*dc*dsc*dp*ic{}isc{}ip{}in*",
        part(ids.map(|ids| ids.0), 4),
        part(ids.map(|ids| ids.1), 4),
        part(class[0].map(|n| n & 0xff), 2),
        part(class[1].map(|n| n & 0xff), 2),
        part(class[2].map(|n| n & 0xff), 2),
    )
}

/// `Bus 001 Device 002: ID 046d:c52b Logitech, Inc. Unifying Receiver`
fn device(line: &str) -> Option<Open> {
    let rest = line.strip_prefix("Bus ")?;
    let (bus, rest) = rest.split_once(" Device ")?;
    let (number, rest) = rest.split_once(": ID ")?;
    let (ids, name) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(Open {
        at: format!("USB bus {bus} device {number}"),
        name: name.trim().to_owned(),
        ids: pair(ids)?,
        interfaces: Vec::new(),
    })
}

/// `    |__ Port 1: Dev 2, If 0, Class=Mass Storage, Driver=usb-storage, 480M`
fn of_tree(line: &str) -> Option<Device> {
    let rest = line.trim_start().strip_prefix("|__ ")?;
    let part = |key: &str| {
        let (_, value) = rest.split_once(key)?;
        value.split(',').next().map(str::trim)
    };
    let driver = part("Driver=").unwrap_or_default();
    let driver = driver.split('/').next().unwrap_or_default();
    let name = part("Class=").unwrap_or_default();
    let class = match name {
        "Audio" => [Some(1), None, None],
        "Human Interface Device" => [Some(3), Some(1), Some(1)],
        "Printer" => [Some(7), Some(1), Some(2)],
        "Mass Storage" => [Some(8), Some(6), Some(0x50)],
        "Hub" => [Some(9), Some(0), Some(0)],
        "Video" => [Some(0x0e), Some(1), Some(0)],
        "Wireless" => [Some(0xe0), Some(1), Some(1)],
        _ => [None; 3],
    };
    let known = class[0].is_some();
    known.then(|| Device {
        at: format!(
            "USB port {}",
            rest.split(':')
                .next()
                .unwrap_or_default()
                .trim_start_matches("Port ")
        ),
        name: name.to_owned(),
        modalias: modalias(None, class),
        in_use: (!driver.is_empty() && driver != "[none]")
            .then(|| driver.to_owned())
            .into_iter()
            .collect(),
    })
}
