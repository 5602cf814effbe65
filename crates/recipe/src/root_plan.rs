//! A root file system on a disk, as a plan has it.

use std::path::PathBuf;

use disk::Filesystem;
use host::units::Bytes;
use initramfs::Compression;
use serde::Serialize;

use crate::drive::Drive;

/// The root file system on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootPlan {
    /// The file system.
    pub filesystem: Filesystem,
    /// How it is compressed.
    pub compress: Compression,
    /// Who may write to it.
    pub access: Access,
    /// The disk that it is on.
    pub drive: Drive,
    /// How large it is; as large as what is in it needs when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
    /// The image that exists already; it is made from the user land when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImagePlan>,
    /// A second disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataPlan>,
}

/// An image that exists already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImagePlan {
    /// The file. Absolute.
    #[serde(skip)]
    pub path: PathBuf,
    /// The partition with the root file system, from 1; the whole disk is one when
    /// `None`.
    pub partition: Option<u32>,
}

/// Who may write to a root file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nobody.
    ReadOnly,
    /// Everybody, into RAM; nothing of it is there after a restart.
    Overlay,
    /// Everybody.
    Writable,
}

/// A second disk, for data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataPlan {
    /// Its file system.
    pub filesystem: Filesystem,
    /// How large it is.
    pub size: Bytes,
    /// Where it is mounted, by a program of ours before the system's init.
    pub mount: Option<String>,
}

/// Where what mounts an overlay or a data disk stands.
pub const MOUNTER: &str = "/.root/init";

impl RootPlan {
    /// What the kernel calls the root file system's device.
    pub fn device(&self) -> String {
        let image = self.image.as_ref();
        self.drive
            .device(0, image.and_then(|image| image.partition))
    }

    /// How many disks the system has.
    pub fn disks(&self) -> u32 {
        1 + u32::from(self.data.is_some())
    }

    /// Whether the kernel mounts it so that it can be written to.
    pub fn is_mounted_writable(&self) -> bool {
        self.access == Access::Writable
    }

    /// Whether a program of ours mounts something before the system's init.
    pub fn has_mounter(&self) -> bool {
        let mounted = self.data.as_ref().is_some_and(|data| data.mount.is_some());
        self.image.is_none() && (mounted || self.access == Access::Overlay)
    }

    /// The words of the kernel's command line.
    pub fn cmdline(&self) -> String {
        let mut words = vec![
            format!("root={}", self.device()),
            format!("rootfstype={}", self.filesystem.name()),
        ];
        let way = if self.is_mounted_writable() {
            "rw"
        } else {
            "ro"
        };
        words.push(way.to_owned());
        if !self.drive.cmdline.is_empty() {
            words.push(self.drive.cmdline.clone());
        }
        if self.has_mounter() {
            words.push(format!("init={MOUNTER}"));
        } else if self.image.is_none() {
            words.push("init=/init".to_owned());
        }
        words.join(" ")
    }
}
