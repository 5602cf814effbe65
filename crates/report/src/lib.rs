//! Records (what was measured) and what is shown of them. Pure: a report is a
//! function of records.

pub mod budget;
pub mod card;
pub mod diff;
pub mod diff_markdown;
pub mod growth;
pub mod history;
pub mod html;
pub mod hw_import;
pub mod kernel_diff;
pub mod map;
pub mod matrix;
pub mod medium;
pub mod ram;
pub mod search;
pub mod size;
pub mod why;
