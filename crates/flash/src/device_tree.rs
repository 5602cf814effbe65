//! Device trees as the kernel is given them: the flattened format of the
//! Devicetree Specification, chapter 5, as far as it takes to change a value in
//! its place.

mod tree;

use std::ops::Range;

use crate::error::{Error, Result};

pub use tree::{Node, Property, Tree};

/// What a blob begins with.
const MAGIC: u32 = 0xd00d_feed;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Writes 32-bit cells over a property of the same size. `node` is a path such
/// as `/memory@20000000`.
///
/// # Errors
/// When the bytes are no device tree, or the property isn't there or is of
/// another size; they are then as they were.
pub fn set_cells(blob: &mut [u8], node: &str, property: &str, cells: &[u32]) -> Result<()> {
    let place = find(blob, node, property)?;
    let place = place.filter(|place| place.len() == 4 * cells.len());
    let there = place.and_then(|place| blob.get_mut(place));
    let Some(there) = there else {
        return Err(Error::NoProperty {
            node: node.to_owned(),
            property: property.to_owned(),
        });
    };
    for (to, cell) in there.chunks_exact_mut(4).zip(cells) {
        to.copy_from_slice(&cell.to_be_bytes());
    }
    Ok(())
}

/// Where a property's value is; `None` where there is none.
///
/// # Errors
/// When the bytes are no device tree.
pub fn find(blob: &[u8], node: &str, property: &str) -> Result<Option<Range<usize>>> {
    if word(blob, 0)? != MAGIC {
        return Err(Error::NoDeviceTree("the magic number is missing"));
    }
    let strings = word(blob, 12)? as usize;
    let mut at = word(blob, 8)? as usize;
    let mut path: Vec<String> = Vec::new();
    loop {
        let token = word(blob, at)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(blob, at)?;
                at = aligned(at + name.len() + 1);
                path.push(name);
            }
            END_NODE => _ = path.pop(),
            PROPERTY => {
                let (length, name) = (word(blob, at)? as usize, word(blob, at + 4)? as usize);
                let value = at + 8..at.saturating_add(8).saturating_add(length);
                at = aligned(value.end);
                if is_path(&path, node) && text(blob, strings.saturating_add(name))? == property {
                    return Ok(Some(value));
                }
            }
            NOP => {}
            END => return Ok(None),
            _ => return Err(Error::NoDeviceTree("an unknown token")),
        }
    }
}

/// Whether the names of the nodes above (the root's is empty) are this path.
fn is_path(names: &[String], path: &str) -> bool {
    names.join("/") == path
}

fn aligned(at: usize) -> usize {
    at.saturating_add(3) & !3
}

fn word(blob: &[u8], at: usize) -> Result<u32> {
    let bytes = at.checked_add(4).and_then(|end| blob.get(at..end));
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(u32::from_be_bytes)
        .ok_or(Error::NoDeviceTree("it ends too early"))
}

fn text(blob: &[u8], at: usize) -> Result<String> {
    let rest = blob.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == 0);
    let end = end.ok_or(Error::NoDeviceTree("a name has no end"))?;
    Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `/ { memory@20000000 { reg = <0x20000000 0x80000>; }; };`, as dtc writes
    /// it but for the version's other fields.
    pub(crate) fn blob() -> Vec<u8> {
        let bytes = |words: &[u32]| -> Vec<u8> {
            let words = words.iter();
            words.flat_map(|word| word.to_be_bytes()).collect()
        };
        let mut structure = bytes(&[BEGIN_NODE, 0, BEGIN_NODE]);
        structure.extend(b"memory@20000000\0");
        structure.extend(bytes(&[PROPERTY, 8, 0, 0x2000_0000, 0x8_0000]));
        structure.extend(bytes(&[END_NODE, NOP, END_NODE, END]));
        let strings = 40 + structure.len() as u32;
        let header = [MAGIC, 0, 40, strings, 0, 17, 16, 0, 0, 0];
        let mut blob = bytes(&header);
        blob.extend(structure);
        blob.extend(b"reg\0");
        blob
    }

    #[test]
    fn a_value_is_changed_in_its_place_and_nothing_else_is() {
        let mut blob = blob();
        let before = blob.clone();
        let cells = [0x2000_0000, 0x4_0000];
        set_cells(&mut blob, "/memory@20000000", "reg", &cells).expect("it is there");
        let differ = blob.iter().zip(&before).filter(|(a, b)| a != b).count();
        assert_eq!((blob.len(), differ), (before.len(), 1));
        let place = find(&blob, "/memory@20000000", "reg").expect("a tree");
        assert_eq!(blob[place.expect("there")][4..], [0, 4, 0, 0]);
    }

    #[test]
    fn what_is_not_there_is_told_by_its_name() {
        let told = |node, property, cells: &[u32]| {
            set_cells(&mut blob(), node, property, cells)
                .expect_err("refused")
                .to_string()
        };
        for (node, property, cells) in [
            ("/memory", "reg", &[0, 0][..]),
            ("/memory@20000000", "size", &[0, 0]),
            ("/memory@20000000", "reg", &[0]),
        ] {
            let expected =
                format!("the device tree has no property {property} of that size in {node}");
            assert_eq!(told(node, property, cells), expected);
        }
        let error = set_cells(&mut [0; 64], "/", "reg", &[]).expect_err("refused");
        assert!(error.to_string().starts_with("not a device tree"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_tree_or_an_error(cut in 0usize..140, at in 0usize..140, byte: u8) {
            let mut blob = blob();
            blob.truncate(cut.max(8));
            if let Some(there) = blob.get_mut(at) {
                *there = byte;
            }
            let _ = find(&blob, "/memory@20000000", "reg");
        }
    }
}
