//! Trials: a built system, booted, checked and measured; and the record of what
//! came out.
//!
//! The builder and the machine meet here. They don't know each other.

pub mod ab;
pub mod check;
pub mod connections;
pub mod device_tree;
mod diagnosis;
pub mod download;
pub mod error;
pub mod interval;
pub mod matrix;
pub mod medium;
pub mod stacks;
pub mod wall;

use builder::System;
use host::session::{Session, Step, Unit};
use recipe::Plan;
use record::{BootRecord, Ids, RamRecord, Record, SCHEMA};

/// Says how many boots of a measurement are done.
fn tell_boots(session: &Session, done: usize, total: usize, what: &'static str) {
    session.progress.step(&Step {
        what: "",
        done: done as u64,
        total: Some(total as u64),
        unit: Unit::Of(what),
    });
}

/// The record of a system that was built and not booted.
pub fn built_record(plan: &Plan, system: &System, session: &Session) -> Record {
    Record {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        board: plan.board.name.clone(),
        outcome: None,
        reason: None,
        image: system.image,
        vmlinux: system.vmlinux.clone(),
        ramdisk: system.contents.clone(),
        checks: Vec::new(),
        exercises: Vec::new(),
        ram: RamRecord {
            machine_kib: plan.machine.memory.as_kib(),
            ..RamRecord::default()
        },
        mem: None,
        boot: BootRecord::default(),
        phases: session.phases(),
        inputs: system.inputs.clone(),
        diagnoses: Vec::new(),
        qemu: Vec::new(),
        accelerator: None,
        qemu_version: None,
        ids: Ids {
            build_id: Some(system.kernel.build_id.clone()),
            image_id: Some(system.image_id.clone()),
            trial_id: None,
        },
    }
}
