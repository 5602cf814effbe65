//! Sizes of a built system, for its record.

use record::{ImageSizes, VmlinuxSizes};
use vmlinux::{BootImage, Sections};

use crate::error::{Error, Result};

/// Sizes of what a boot loader loads.
pub(crate) fn image_sizes(
    kernel: &[u8],
    device_tree: Option<&[u8]>,
    ramdisk: Option<&[u8]>,
    flash: Option<&[u8]>,
    root_bytes: Option<u64>,
) -> ImageSizes {
    let kernel_bytes = kernel.len() as u64;
    let device_tree_bytes = device_tree.map(|bytes| bytes.len() as u64);
    let ramdisk_bytes = ramdisk.map_or(0, |bytes| bytes.len() as u64);
    ImageSizes {
        kernel_bytes,
        payload_bytes: BootImage::parse(kernel)
            .ok()
            .map(|image| image.payload_bytes),
        device_tree_bytes,
        ramdisk_bytes,
        flash_bytes: flash.map(|bytes| bytes.len() as u64),
        root_bytes,
        total_bytes: kernel_bytes
            + device_tree_bytes.unwrap_or(0)
            + ramdisk_bytes
            + root_bytes.unwrap_or(0),
    }
}

/// Sizes inside the kernel.
pub(crate) fn vmlinux_sizes(file: &[u8]) -> Result<VmlinuxSizes> {
    let sections = Sections::parse(file).map_err(Error::Unmeasured)?;
    let sizes = sections.sizes();
    Ok(VmlinuxSizes {
        text_bytes: sizes.text,
        data_bytes: sizes.data,
        bss_bytes: sizes.bss,
        init_bytes: sizes.init,
        sections: sections.by_name(),
    })
}
