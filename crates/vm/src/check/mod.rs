//! Checks: what the booted system must do, and how that is seen.
//!
//! Inside the guest an agent ([`agent`]) runs the commands and tells over a
//! serial port of its own what it saw ([`protocol`]); outside stand a web
//! server ([`http`]), servers that give back what they get ([`echo`]), and a
//! reader of what went over the wire ([`wire`]). Checks can also be typed at the
//! console's shell ([`typist`]). [`gateway`] is a network that misbehaves. Only
//! the host judges ([`verdict`]).

pub mod agent;
pub mod asker;
pub mod console_session;
pub mod diagnosis;
pub mod echo;
pub mod gateway;
pub(crate) mod http;
pub(crate) mod outcome;
mod packs;
pub mod protocol;
pub mod typist;
pub mod verdict;
pub(crate) mod wire;
