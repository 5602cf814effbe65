//! Records (what was measured) and what is shown of them. Pure: a report is a
//! function of records.

pub(crate) mod budget;
pub(crate) mod card;
pub(crate) mod diff;
pub(crate) mod diff_markdown;
pub(crate) mod growth;
pub(crate) mod html;
pub(crate) mod kernel_diff;
pub(crate) mod map;
pub(crate) mod ram;
pub(crate) mod size;
pub(crate) mod why;
