//! Recipes: what was typed, what it means, and what is wrong with it.

pub mod builtin;
pub mod diagnostic;
pub mod files;
pub mod fragment;
pub mod plan;
pub mod table;
pub mod words;

pub use plan::Plan;
