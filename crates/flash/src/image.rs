//! Where what stands in flash memory, and the image of it all.

use crate::device_tree;
use crate::error::{Error, Result};

/// The node that tells a kernel how much RAM there is. Its name ends in the
/// address, which is the board's.
pub const MEMORY_NODE: &str = "/memory@";

/// A file system begins at a multiple of it: what is in it is mapped as it lies.
const FILESYSTEM_STEP: u64 = 64;

/// Offsets from the beginning of flash memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the device tree is; what starts stands before it.
    pub device_tree: u64,
    /// Where the kernel is.
    pub kernel: u64,
    /// How large the memory is.
    pub size: u64,
}

/// What an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The vectors and the code that hands over to the kernel.
    pub start: &'a [u8],
    /// The device tree.
    pub device_tree: &'a [u8],
    /// The kernel, as it is executed.
    pub kernel: &'a [u8],
    /// The file system behind it; empty where there is none.
    pub filesystem: &'a [u8],
}

/// Where the file system begins behind a kernel of this size.
pub fn filesystem_offset(layout: &Layout, kernel_bytes: u64) -> u64 {
    (layout.kernel + kernel_bytes).next_multiple_of(FILESYSTEM_STEP)
}

/// The image: each part in its place, zeros between them.
///
/// # Errors
/// When a part reaches into the next, or beyond the end of the memory.
pub fn assemble(layout: &Layout, parts: &Parts<'_>) -> Result<Vec<u8>> {
    let filesystem = filesystem_offset(layout, parts.kernel.len() as u64);
    let places = [
        ("what starts", 0, parts.start),
        ("the device tree", layout.device_tree, parts.device_tree),
        ("the kernel", layout.kernel, parts.kernel),
        ("the file system", filesystem, parts.filesystem),
    ];
    let mut image = Vec::new();
    for (at, (what, offset, bytes)) in places.iter().enumerate() {
        let (limit, from) = match places.get(at + 1) {
            Some((next, offset, _)) => (*next, *offset),
            None => ("nothing more", layout.size),
        };
        let (end, from) = (offset + bytes.len() as u64, from.min(layout.size));
        if end > from {
            return Err(Error::NoRoom {
                what,
                end,
                limit,
                from,
            });
        }
        if !bytes.is_empty() {
            let offset = usize::try_from(*offset).unwrap_or(usize::MAX);
            image.resize(offset, 0);
            image.extend_from_slice(bytes);
        }
    }
    Ok(image)
}

/// Says in an image how much RAM there is: `bytes` from `base` on. Nothing else
/// is changed.
///
/// # Errors
/// When the image has no device tree that says so.
pub fn set_memory(image: &mut [u8], layout: &Layout, base: u32, bytes: u32) -> Result<()> {
    let offset = usize::try_from(layout.device_tree).unwrap_or(usize::MAX);
    let tree = image.get_mut(offset..).unwrap_or_default();
    let node = format!("{MEMORY_NODE}{base:x}");
    device_tree::set_cells(tree, &node, "reg", &[base, bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        device_tree: 0x40,
        kernel: 0x100,
        size: 0x400,
    };

    fn parts<'a>(tree: &'a [u8], kernel: &'a [u8]) -> Parts<'a> {
        Parts {
            start: b"start",
            device_tree: tree,
            kernel,
            filesystem: b"files",
        }
    }

    #[test]
    fn each_part_stands_in_its_place() {
        let image = assemble(&LAYOUT, &parts(b"tree", &[7; 65])).expect("it fits");
        assert_eq!(&image[..5], b"start");
        assert_eq!(&image[0x40..0x44], b"tree");
        assert_eq!(&image[0x100..0x141], [7; 65]);
        assert_eq!(&image[0x180..], b"files");
        assert!(image[0x44..0x100].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_part_that_is_too_long_is_named() {
        let error = assemble(&LAYOUT, &parts(&[1; 0xc1], b"k")).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "the device tree ends at 0x101 of the flash memory, where the kernel begins at 0x100"
        );
        let error = assemble(&LAYOUT, &parts(b"t", &[1; 0x2ff])).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "the file system ends at 0x405 of the flash memory, where nothing more begins at 0x400"
        );
    }

    #[test]
    fn ram_is_told_in_the_image_itself() {
        let tree = device_tree::tests::blob();
        let mut image = assemble(&LAYOUT, &parts(&tree, b"kernel")).expect("it fits");
        let before = image.clone();
        set_memory(&mut image, &LAYOUT, 0x2000_0000, 0x4_0000).expect("it is there");
        let differ = image.iter().zip(&before).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 1);
        let error = set_memory(&mut image, &LAYOUT, 0x3000_0000, 1).expect_err("no such node");
        assert!(error.to_string().ends_with("in /memory@30000000"));
    }
}
