//! A kernel without what didn't run: what of it runs ([`trace`]), what it must
//! survive besides ([`adversity`]), what stays and why, and the link that is
//! booted until it holds; with the certificate from which it can be made again.

pub mod adversity;
mod calls;
mod card;
pub mod certificate;
pub mod error;
mod handler;
pub mod job;
mod keys;
pub mod loading;
mod memory;
pub mod policy;
mod rate;
pub mod rebuild;
pub mod repair;
pub mod rules;
pub mod soak;
pub mod subject;
mod timing;
pub mod trace;
pub mod trap;
