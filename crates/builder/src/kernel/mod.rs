//! The kernel: its configuration, its build, its image.

pub mod build;
pub mod compile_line;
pub mod compiled;
pub mod config;
pub mod device_tree;
pub mod dropped;
pub mod fold;
pub mod kconfig;
pub mod linker;
pub mod make;
pub mod objects;
pub mod redundant;
pub mod relink;
pub mod toolchain;
pub mod what_if;

pub use build::{Kernel, build};
pub use config::{Resolved, resolve};
pub use toolchain::Tools;
