//! `lspci -nn`, `-nnk` and `-nnv` (pciutils): a line for each device, its
//! properties indented below it.

use super::{hex, pair};
use crate::inventory::{Device, Inventory};

/// Reads line by line: what stands below a device belongs to it.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<Open>,
}

#[derive(Debug, Default)]
struct Open {
    at: String,
    name: String,
    class: u32,
    ids: (u32, u32),
    interface: Option<u32>,
    subsystem: Option<(u32, u32)>,
    in_use: Vec<String>,
}

impl Reader {
    /// Whether the line was one of lspci's.
    pub(super) fn take(&mut self, line: &str, inventory: &mut Inventory) -> bool {
        if let Some((at, rest)) = address(line) {
            self.end(inventory);
            match device(at, rest) {
                Some(open) => self.open = Some(open),
                None => inventory.unclear.push(format!(
                    "{line}: the numbers are missing; `lspci -nnk` shows them"
                )),
            }
            return true;
        }
        let Some(open) = self.open.as_mut().filter(|_| line.starts_with([' ', '\t'])) else {
            return false;
        };
        let Some((key, value)) = line.trim().split_once(": ") else {
            return true;
        };
        match key {
            "Subsystem" | "DeviceName" => open.subsystem = last_pair(value).or(open.subsystem),
            "Kernel driver in use" => open.in_use.insert(0, value.trim().to_owned()),
            "Kernel modules" => {
                let names = value.split(',').map(|name| name.trim().to_owned());
                open.in_use.extend(names);
            }
            _ => {}
        }
        true
    }

    /// What was read last is whole.
    pub(super) fn end(&mut self, inventory: &mut Inventory) {
        let Some(open) = self.open.take() else {
            return;
        };
        let or_any = |number: Option<u32>, digits: usize| match number {
            Some(number) => format!("{number:0digits$X}"),
            None => "*".to_owned(),
        };
        let modalias = format!(
            "pci:v{:08X}d{:08X}sv{}sd{}bc{:02X}sc{:02X}i{}",
            open.ids.0,
            open.ids.1,
            or_any(open.subsystem.map(|pair| pair.0), 8),
            or_any(open.subsystem.map(|pair| pair.1), 8),
            open.class >> 8,
            open.class & 0xff,
            or_any(open.interface, 2),
        );
        inventory.add(Device {
            at: open.at,
            name: open.name,
            modalias,
            in_use: open.in_use,
        });
    }
}

/// `00:1f.2` or `0000:00:1f.2` at the beginning of a line, and the rest.
fn address(line: &str) -> Option<(&str, &str)> {
    let (at, rest) = line.split_once(' ')?;
    let mut parts = at.rsplit(':');
    let slot = parts.next()?;
    let (device, function) = slot.split_once('.')?;
    let fits = |part: &str, digits: usize| part.len() == digits && hex(part, digits).is_some();
    let bus = parts.next()?;
    let domain = parts.next();
    let known = fits(device, 2) && fits(function, 1) && fits(bus, 2);
    let whole = domain.is_none_or(|domain| fits(domain, 4)) && parts.next().is_none();
    (known && whole).then_some((at, rest))
}

/// `SATA controller [0106]: Intel … [8086:2922] (rev 02) (prog-if 01 [AHCI 1.0])`
fn device(at: &str, rest: &str) -> Option<Open> {
    let (class, after) = rest.split_once("]:")?;
    let (_, class) = class.rsplit_once('[')?;
    let class = hex(class, 4).filter(|_| class.len() == 4)?;
    let interface = after
        .split_once("(prog-if ")
        .and_then(|(_, text)| hex(text, 2))
        .or_else(|| by_name(class, after));
    let named = after.split("(prog-if").next().unwrap_or(after);
    let ids = last_pair(named)?;
    let name = named.rsplit_once(" [").map_or(named, |(name, _)| name);
    Some(Open {
        at: at.to_owned(),
        name: name.trim().to_owned(),
        class,
        ids,
        interface,
        ..Open::default()
    })
}

/// What the name of a USB controller says of its interface, which lspci shows
/// with `-v` alone.
fn by_name(class: u32, name: &str) -> Option<u32> {
    let name = name.to_lowercase();
    let words: &[(&[&str], u32)] = &[
        (&["xhci", "usb 3", "usb3"], 0x30),
        (&["ehci", "usb2", "usb 2"], 0x20),
        (&["ohci"], 0x10),
        (&["uhci"], 0x00),
    ];
    let says = |(all, _): &&(&[&str], u32)| all.iter().any(|word| name.contains(word));
    let found = words.iter().find(says).filter(|_| class == 0x0c03);
    found.map(|(_, interface)| *interface)
}

/// The last `[8086:2922]` of a text.
fn last_pair(text: &str) -> Option<(u32, u32)> {
    let mut inside = text.rsplit('[').filter_map(|part| part.split_once(']'));
    inside.find_map(|(inner, _)| pair(inner))
}
