//! The kernel: its configuration, its build, its image.

pub mod build;
pub(crate) mod compile_line;
pub(crate) mod compiled;
pub mod config;
pub mod contract;
pub(crate) mod device_tree;
pub mod dropped;
pub(crate) mod fold;
pub mod forecast;
pub mod kconfig;
pub mod linker;
pub mod make;
pub mod makefiles;
pub mod modules;
pub(crate) mod objects;
pub mod redundant;
pub mod relink;
pub mod remarks;
pub(crate) mod toolchain;
pub mod what_if;

pub use build::{Kernel, build};
pub use config::{Resolved, resolve};
pub use remarks::Remarks;
pub use toolchain::Tools;
