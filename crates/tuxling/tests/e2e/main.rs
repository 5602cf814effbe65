//! End to end, on real kernels: what a user sees of `tuxling`, its exit codes,
//! and what it leaves behind.
//!
//! The tests share one cache, so that each kernel is built once. What they
//! need is what tuxling itself needs (make, gcc, QEMU, Debian's archive), and
//! cpio, xz, Chromium, script(1) and unshare(1) with user namespaces.

mod adversity;
mod agent;
mod bare_boot;
mod board;
mod boards;
mod browser;
mod budget;
mod checks;
mod cluster;
mod config;
mod diagnosis;
mod failures;
mod fixture;
mod flash;
mod gdbstub;
mod hw;
mod interactive;
mod load;
mod machine;
mod matrix;
mod media;
mod pass;
mod planted;
mod process;
mod prune;
mod prune_x86_64;
mod ram;
mod ramdisk;
mod recipe;
mod report;
mod root;
mod shrink;
mod size;
mod trap_aarch64;
mod trap_arm;
mod trap_cpus;
mod userland;
mod why;
