//! Checks: what the booted system must do, and how that is seen.
//!
//! Inside the guest an agent ([`agent`]) runs the commands and tells over a
//! serial port of its own what it saw ([`protocol`]); outside stand a web
//! server ([`http`]) and a reader of what went over the wire ([`wire`]). Only
//! the host judges ([`verdict`]).

pub mod agent;
pub mod gateway;
pub mod http;
pub mod protocol;
pub mod verdict;
pub mod wire;
