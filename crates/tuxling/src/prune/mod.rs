//! Pruning: from what ran to a kernel without the rest, booted until it holds.

pub mod calls;
pub mod certificate;
pub mod job;
pub mod policy;
pub mod rebuild;
pub mod repair;
pub mod rules;
pub mod subject;
