//! One machine, and what happens in and around it: QEMU or a board at a serial
//! line is started and watched ([`boot`]), an agent in the guest runs the
//! checks, a gateway may misbehave, and what went wrong is diagnosed.
//!
//! Nothing here knows how the system was built, or what its boot is good for.

pub mod boot;
pub mod check;
pub mod error;
pub mod machine;
