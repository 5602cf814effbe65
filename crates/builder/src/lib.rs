//! From a plan to a built system: sources, configuration, C library, user land,
//! ramdisk, kernel; each step is given what the steps before it made.
//!
//! Nothing here boots what it builds.

mod broken;
pub mod configuration_error;
pub mod error;
mod fetch_problem;
pub mod flash;
pub mod kernel;
mod outputs;
mod sizes;
pub mod source;
pub mod start_error;
pub mod system;
pub mod userland;

pub use system::System;
