//! Where the bytes of a built system are: from its folder in the cache to the
//! figures of [`crate::bytes`], and what it would be without an option.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use builder::kernel;
use builder::kernel::makefiles;
use builder::source::Source;
use builder::system::Ingredients;
use kbuild::Objects;
use recipe::{Arch, Plan};

use crate::bytes::ramdisk::{self, Part, Program};
use crate::bytes::root;
use crate::bytes::{self, Bytes, Given};
use crate::error::Result;

/// Where the bytes of a built kernel are.
pub fn of_kernel(
    kernel: &kernel::Kernel,
    source: &Source,
    arch: Arch,
) -> Result<(bytes::Kernel, Bytes, Objects)> {
    let read = |path: PathBuf| fs::read(&path).map_err(|e| host::Error::file("read", &path, e));
    let config_text = String::from_utf8_lossy(&read(kernel.config())?).into_owned();
    let objects = makefiles::objects(&source.tree, arch, &config_text);
    let (vmlinux, image) = (read(kernel.vmlinux())?, read(kernel.image())?);
    let link = kernel.link();
    let map = link.vmlinux_map()?;
    let (boot_map, setup_map) = (link.boot_map()?, link.setup_map()?);
    let (read, bytes) = bytes::bytes(&Given {
        vmlinux: &vmlinux,
        map: Some(&map),
        image: Some(&image),
        boot_map: boot_map.as_deref(),
        setup_map: setup_map.as_deref(),
        objects: Some(&objects),
    })?;
    Ok((read, bytes, objects))
}

/// Where the bytes of a packed ramdisk are, with BusyBox divided at its objects.
pub fn of_ramdisk(plan: &Plan, ingredients: &Ingredients) -> Result<Vec<Part>> {
    if let Some(disk) = &plan.root {
        let image_bytes = ingredients.ramdisk().summary.image_bytes;
        return match disk.image {
            Some(_) => root::unknown(image_bytes),
            None => {
                let how = (disk.filesystem, disk.compress);
                root::parts(ingredients.tree(), how, image_bytes)
            }
        };
    }
    let read = |path: &Path| fs::read(path).map_err(|e| host::Error::file("read", path, e));
    let mut programs = Vec::new();
    if let Some(busybox) = ingredients.busybox() {
        programs.push(Program {
            path: ingredients.busybox_place().to_owned(),
            unstripped: read(&busybox.unstripped())?,
            map: read(&busybox.map())?,
            applets: busybox.objects()?,
        });
    }
    ramdisk::parts(&read(&ingredients.ramdisk().image)?, &programs)
}

/// What goes when these objects are not linked.
pub fn places_of(kernel: &bytes::Kernel, gone: &dyn Fn(&str) -> bool) -> Vec<Range<usize>> {
    let attribution = &kernel.attribution;
    let gone: Vec<bool> = attribution.objects.iter().map(|o| gone(o)).collect();
    attribution
        .pieces
        .iter()
        .filter(|piece| piece.object.is_some_and(|o| gone[o]))
        .filter_map(|p| {
            kernel
                .stream
                .place(&kernel.elf, p.section, p.address, p.bytes)
        })
        .collect()
}

/// The objects of `before` that `after` doesn't build.
pub fn gone<'a>(before: &'a Objects, after: &'a Objects) -> impl Fn(&str) -> bool + 'a {
    move |object| before.reason(object).is_some() && after.reason(object).is_none()
}
