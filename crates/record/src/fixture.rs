//! A record for tests.

use super::{
    BootRecord, Ids, ImageSizes, Inputs, Outcome, RamRecord, RamdiskSizes, Record, SCHEMA,
    VmlinuxSizes,
};

/// A record with the fewest values.
pub fn record() -> Record {
    Record {
        schema: SCHEMA.to_owned(),
        recipe: "tiny".to_owned(),
        board: "pc".to_owned(),
        outcome: Some(Outcome::Passed),
        reason: None,
        image: ImageSizes {
            kernel_bytes: 1000,
            payload_bytes: Some(900),
            device_tree_bytes: None,
            ramdisk_bytes: 50,
            flash_bytes: None,
            root_bytes: None,
            total_bytes: 1050,
        },
        vmlinux: VmlinuxSizes::default(),
        ramdisk: RamdiskSizes::default(),
        checks: Vec::new(),
        diagnoses: Vec::new(),
        exercises: Vec::new(),
        ram: RamRecord::default(),
        mem: None,
        boot: BootRecord::default(),
        phases: Vec::new(),
        inputs: Inputs::default(),
        qemu: Vec::new(),
        accelerator: None,
        qemu_version: None,
        ids: Ids::default(),
    }
}
