//! The sizes of the kernel's structures that make up tables, taken from the
//! tree: a C file to compile against it, and the reader of what comes out.

use std::collections::BTreeMap;

use super::input::EntrySizes;
use crate::relocatable::{Object, ReadError};

/// The C file. It is to be compiled into an object with the flags of any
/// object of the kernel itself, such as `init/main.o`.
pub const PROBE: &str = include_str!("probe.c");

/// What the probe's symbols begin with.
const PREFIX: &str = "tuxling_sizeof_";

/// Why the probe's object says no sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// It isn't an object.
    #[error("the probe's object: {0}")]
    Read(#[from] ReadError),
    /// A constant isn't where its symbol says.
    #[error("the probe's object: {0} has no bytes")]
    Outside(String),
}

impl EntrySizes {
    /// Reads the sizes from the object of [`PROBE`].
    pub fn of_probe(object: &[u8]) -> Result<EntrySizes, ProbeError> {
        let object = Object::read(object)?;
        let mut sizes = BTreeMap::new();
        for symbol in &object.symbols {
            let Some(name) = symbol.name.strip_prefix(PREFIX) else {
                continue;
            };
            let bytes = symbol.section().and_then(|section| {
                let from = usize::try_from(symbol.value).ok()?;
                let data = &object.sections.get(section)?.data;
                data.get(from..from.checked_add(usize::try_from(symbol.size.min(8)).ok()?)?)
            });
            let bytes = bytes.ok_or_else(|| ProbeError::Outside(symbol.name.clone()))?;
            sizes.insert(name.to_owned(), object.target.number(bytes));
        }
        Ok(EntrySizes(sizes))
    }
}
