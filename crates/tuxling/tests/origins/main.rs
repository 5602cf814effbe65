//! Sources from addresses, repositories and lists of origins, against real
//! servers on this machine: what is taken, what is refused, and what is left
//! for the next call.

#![allow(clippy::unwrap_used)] // a failed set-up ends the test

mod address;
mod bench;
mod listed;
mod program;
mod repository;
mod server;
