//! What stands in an image file around the compressed kernel: x86's setup code,
//! the decompressor, padding.
//!
//! Both programs are linked for address 0 (arch/x86/boot/setup.ld,
//! arch/{x86,arm}/boot/compressed/vmlinux.lds.S), so that an address of the map
//! is a place in the file; x86's decompressor begins behind the setup sectors.

use std::ops::Range;

use vmlinux::LinkMap;
use vmlinux::link_map::InputOrigin;

use super::{BroughtBy, Given, Leaf, LeafKind, parse_map};
use crate::error::{Error, Result};

/// What stands around the payload, and where the payload is.
pub(super) struct Around {
    pub leaves: Vec<Leaf>,
    pub payload: Range<usize>,
}

/// Sections that hold the payload.
const PAYLOAD: [&str; 2] = [".rodata..compressed", ".piggydata"];

/// Sections of a linked program that the image file has nothing of.
const NO_CONTENT: [&str; 5] = [".debug", ".comment", ".note", ".bss", ".pgtable"];

/// Where the payload is in an image file.
pub(super) fn payload(image: &[u8], given: &Given) -> Result<Range<usize>> {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(image.len());
    let found = match vmlinux::BootImage::parse(image) {
        Ok(h) => Some((h.payload_offset, h.payload_offset + h.payload_bytes)),
        Err(_) => given
            .boot_map
            .map(parse_map)
            .transpose()?
            .and_then(|map| payload_of(&map)),
    };
    let (from, to) = found.ok_or(Error::NoPayload)?;
    Ok(at(from)..at(to))
}

/// Divides an image file around its payload.
pub(super) fn around(image: &[u8], given: &Given) -> Result<Around> {
    let header = vmlinux::BootImage::parse(image).ok();
    let boot = given.boot_map.map(parse_map).transpose()?;
    let setup = given.setup_map.map(parse_map).transpose()?;
    // `setup_sects` (Documentation/arch/x86/boot.rst); 0 means 4.
    let base = match (&header, image.get(0x1f1)) {
        (Some(_), Some(&sectors)) => (u64::from(if sectors == 0 { 4 } else { sectors }) + 1) * 512,
        _ => 0,
    };
    let payload = payload(image, given)?;
    let mut owners = Owners::of_nobody(image.len());
    if let Some(map) = &setup {
        owners.cover(map, 0, base, "(setup)");
    }
    if let Some(map) = &boot {
        owners.cover(map, base, image.len() as u64, "(decompressor)");
    }
    let leaves = owners.leaves(&payload);
    Ok(Around { leaves, payload })
}

/// Whose each byte of an image file is.
struct Owners {
    /// Of each byte: a place in `inputs`.
    of: Vec<u32>,
    /// The first is the padding.
    inputs: Vec<BootInput>,
}

/// A section of an object that the setup code or the decompressor is linked from.
struct BootInput {
    name: String,
    object: Option<String>,
    /// The program.
    section: &'static str,
}

impl Owners {
    fn of_nobody(bytes: usize) -> Self {
        let padding = BootInput {
            name: "(padding of the file)".to_owned(),
            object: None,
            section: "(image)",
        };
        Owners {
            of: vec![0; bytes],
            inputs: vec![padding],
        }
    }

    /// Gives the bytes of a program that begins at `base` and ends at `limit` to
    /// the objects of its map.
    fn cover(&mut self, map: &LinkMap, base: u64, limit: u64, section: &'static str) {
        let length = self.of.len();
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(length);
        for input in &map.inputs {
            let InputOrigin::Object(object) = &input.from else {
                continue;
            };
            let start = base.saturating_add(input.address);
            let stop = start.saturating_add(input.bytes).min(limit);
            // Debug sections and the like stand at address 0, too: `.text` first.
            let is_content = !NO_CONTENT.iter().any(|name| input.output.starts_with(name));
            if start >= stop || !is_content {
                continue;
            }
            let index = u32::try_from(self.inputs.len()).unwrap_or(0);
            self.inputs.push(BootInput {
                name: format!("({})", input.name),
                object: Some(object.clone()),
                section,
            });
            for byte in &mut self.of[at(start)..at(stop)] {
                if *byte == 0 {
                    *byte = index;
                }
            }
        }
    }

    /// What each has around the payload.
    fn leaves(self, payload: &Range<usize>) -> Vec<Leaf> {
        let mut counts = vec![0u64; self.inputs.len()];
        for (place, index) in self.of.iter().enumerate() {
            if !payload.contains(&place) {
                counts[*index as usize] += 1;
            }
        }
        let counted = self.inputs.into_iter().zip(counts);
        let counted = counted.filter(|(_, count)| *count > 0);
        let leaf_of = |(input, count): (BootInput, u64)| {
            let kind = match input.object {
                Some(_) => LeafKind::Boot,
                None => LeafKind::Padding,
            };
            leaf(input.section, input.object, &input.name, kind, count)
        };
        counted.map(leaf_of).collect()
    }
}

/// The payload by the map of the decompressor.
fn payload_of(map: &LinkMap) -> Option<(u64, u64)> {
    let input = map
        .inputs
        .iter()
        .find(|i| PAYLOAD.contains(&i.name.as_str()))?;
    Some((input.address, input.address.checked_add(input.bytes)?))
}

/// A leaf that takes room in the image file alone.
pub(super) fn leaf(
    section: &str,
    object: Option<String>,
    name: &str,
    kind: LeafKind,
    share: u64,
) -> Leaf {
    Leaf {
        section: section.to_owned(),
        object,
        name: name.to_owned(),
        kind,
        brought_by: BroughtBy::None,
        size: 0,
        share: Some(share),
        ram: 0,
        freed: false,
        text: false,
    }
}
