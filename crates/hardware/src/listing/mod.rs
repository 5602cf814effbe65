//! What people post of their machines: the plain outputs of `lspci -nn` and
//! `-nnk`, `lsusb` (also `-v` and `-t`), `lsscsi` and `dmesg`, one after the
//! other or mixed in one text. Serial numbers in them are not kept.

mod dmesg;
mod lspci;
mod lsscsi;
mod lsusb;

use crate::inventory::Inventory;

/// Reads a text; lines that say nothing of devices are passed over.
pub fn read(text: &str) -> Inventory {
    let mut inventory = Inventory::default();
    let mut pci = lspci::Reader::default();
    let mut usb = lsusb::Reader::default();
    for line in text.lines() {
        let line = line.trim_end();
        if pci.take(line, &mut inventory) {
            continue;
        }
        pci.end(&mut inventory);
        if usb.take(line, &mut inventory) {
            continue;
        }
        if !line.is_empty() {
            usb.end(&mut inventory);
        }
        if !lsscsi::take(line, &mut inventory) {
            dmesg::take(line, &mut inventory);
        }
    }
    pci.end(&mut inventory);
    usb.end(&mut inventory);
    inventory
}

/// A number of `digits` hexadecimal digits that a text begins with.
fn hex(text: &str, digits: usize) -> Option<u32> {
    let head = text.get(..digits)?;
    let all = head.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(head, 16).ok()).flatten()
}

/// Two numbers with a colon between: `8086:10d3`.
fn pair(text: &str) -> Option<(u32, u32)> {
    let (one, other) = text.split_once(':')?;
    let whole = one.len() == 4 && other.len() == 4;
    whole.then(|| Some((hex(one, 4)?, hex(other, 4)?)))?
}

#[cfg(test)]
mod tests;
