//! The kernel: its configuration, its build, its image.

pub mod build;
pub mod config;
pub mod device_tree;
pub mod dropped;
pub mod fold;
pub mod kconfig;
pub mod linker;
pub mod objects;
pub mod toolchain;

pub use build::{Kernel, build};
pub use config::{Resolved, resolve};
pub use toolchain::Tools;
