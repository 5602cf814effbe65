//! Boot media: a system on a floppy disk, a CD, a disk, a USB stick, or in an
//! image for U-Boot, made by the tools that others make them with, the same bytes
//! each time.

mod boot_sector;
mod disk;
pub mod error;
mod fat;

mod iso;
pub mod make;
mod parts;
pub mod tools;
mod uboot;

pub use error::{Error, Result};
pub use make::{Made, make};
pub use parts::{Bench, Parts};
pub use recipe::medium::Form;
