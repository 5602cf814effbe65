//! What a user finds of a system in the folder of outputs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use host::cache::write_whole;
use host::id::Id;
use recipe::plan::{Placement, Plan};

use crate::error::Result;
use crate::flash::FlashImage;
use crate::kernel::build::Kernel;
use crate::userland::packed;
use crate::userland::ramdisk::Ramdisk;

/// Disks of a system, which may be large: they are copied, not read.
pub(crate) struct Disks {
    pub(crate) root: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
}

/// What a user finds in the folder of outputs, as the cache has it.
pub(crate) struct OutputFiles {
    disks: Disks,
    pub(crate) kernel: Vec<u8>,
    pub(crate) vmlinux: Vec<u8>,
    system_map: Vec<u8>,
    config: Vec<u8>,
    /// Unless the kernel holds it.
    pub(crate) ramdisk: Option<Vec<u8>>,
    /// Where the board has one.
    pub(crate) device_tree: Option<Vec<u8>>,
    /// Where the board starts from flash memory.
    pub(crate) flash: Option<Vec<u8>>,
}

impl OutputFiles {
    pub(crate) fn read(
        plan: &Plan,
        kernel: &Kernel,
        ramdisk: &Ramdisk,
        flash: Option<&FlashImage>,
        disks: Disks,
    ) -> Result<Self> {
        let apart = match plan.ramdisk.placement {
            Placement::Separate | Placement::Flash => true,
            Placement::Builtin | Placement::Disk => false,
        };
        let of_kernel = plan.board.device_tree.as_ref();
        let of_kernel = of_kernel.map(|_| kernel.device_tree());
        let device_tree = flash.map(|flash| flash.device_tree.clone()).or(of_kernel);
        Ok(OutputFiles {
            disks,
            kernel: read(&kernel.image())?,
            vmlinux: read(&kernel.vmlinux())?,
            system_map: read(&kernel.system_map())?,
            config: read(&kernel.config())?,
            ramdisk: apart.then(|| read(&ramdisk.image)).transpose()?,
            device_tree: match &plan.kernel.device_tree {
                Some(own) => Some(own.clone()),
                None => device_tree.map(|path| read(&path)).transpose()?,
            },
            flash: flash.map(|flash| read(&flash.image)).transpose()?,
        })
    }

    /// Identifies what is booted.
    pub(crate) fn image_id(&self) -> Result<Id> {
        let mut hashes: BTreeMap<&str, Id> = [
            ("kernel", Some(&self.kernel)),
            ("device-tree", self.device_tree.as_ref()),
            ("ramdisk", self.ramdisk.as_ref()),
            ("flash", self.flash.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, bytes)| Some((name, Id::of_bytes(bytes?))))
        .collect();
        for (name, path) in [(ROOT, &self.disks.root), (DATA, &self.disks.data)] {
            if let Some(path) = path {
                let id = Id::of_file(path).map_err(|e| host::Error::file("read", path, e))?;
                hashes.insert(name, id);
            }
        }
        Ok(Id::of("image/1", &hashes)?)
    }

    /// Writes them; what this system has not, but an earlier one had, goes.
    pub(crate) fn place(&self, plan: &Plan, output: &Path) -> Result<()> {
        for (name, bytes) in [
            ("kernel", Some(&self.kernel)),
            ("vmlinux", Some(&self.vmlinux)),
            ("System.map", Some(&self.system_map)),
            ("config", Some(&self.config)),
            ("ramdisk", self.ramdisk.as_ref()),
            ("device-tree", self.device_tree.as_ref()),
            ("flash", self.flash.as_ref()),
        ] {
            match bytes {
                Some(bytes) => place(&output.join(name), bytes)?,
                None => remove(&output.join(name))?,
            }
        }
        // An image that exists stays where it is.
        let root = self.disks.root.as_ref();
        for (name, from) in [
            (ROOT, root.filter(|_| packed::image_of(plan).is_none())),
            (DATA, self.disks.data.as_ref()),
        ] {
            match from {
                Some(from) => copy(from, &output.join(name))?,
                None => remove(&output.join(name))?,
            }
        }
        Ok(())
    }
}

/// The names of a system's disks among its outputs.
const ROOT: &str = "root";
const DATA: &str = "data";

/// Copies a disk unless it is there already.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let same = || -> std::io::Result<bool> {
        let (there, wanted) = (fs::metadata(to)?, fs::metadata(from)?);
        Ok(there.len() == wanted.len() && Id::of_file(to)? == Id::of_file(from)?)
    };
    if same().unwrap_or(false) {
        return Ok(());
    }
    let aside = to.with_extension("new");
    fs::copy(from, &aside).map_err(|e| host::Error::file("write", &aside, e))?;
    Ok(fs::rename(&aside, to).map_err(|e| host::Error::file("write", to, e))?)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(|e| host::Error::file("read", path, e))?)
}

/// Writes an output unless it is there already.
fn place(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    Ok(write_whole(path, bytes)?)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(host::Error::file("remove", path, e).into())
        }
        _ => Ok(()),
    }
}
