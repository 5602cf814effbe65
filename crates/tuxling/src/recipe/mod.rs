//! Recipes: what was typed, what it means, and what is wrong with it.

pub mod plan;

pub use plan::Plan;
