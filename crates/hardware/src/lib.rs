//! What a machine is made of, and which drivers of a kernel match it: what
//! /sys, lspci, lsusb, lsscsi and dmesg say of devices, and the tables of
//! devices in the kernel's sources; and which options of its configuration that asks for.
//!
//! Nothing is started and nothing printed; a machine's files are read below a
//! root that the caller names.

pub mod alias;
pub mod ask;
pub mod catalogue;
pub mod drivers;
pub mod inventory;
pub mod listing;
pub mod personal;
pub mod survey;
pub mod tables;

pub use recipe::also;
