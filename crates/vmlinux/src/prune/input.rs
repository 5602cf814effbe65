//! What goes in: the objects of a link, and what is known of their tables.

use std::collections::BTreeMap;

/// One object of the link.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its name: the path as the kernel's build knows it, `kernel/fork.o`.
    pub name: &'a str,
    /// The file.
    pub bytes: &'a [u8],
    /// When the linker takes it.
    pub role: Role,
}

/// When the linker takes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Always: an object of its own, or a member of an archive behind
    /// `--whole-archive`.
    Always,
    /// A member of an archive that is taken when it defines a symbol that
    /// is still undefined.
    Library,
}

/// Sizes of table entries, in bytes, by the names of their structures.
///
/// They come from a probe compiled against the tree ([`PROBE`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntrySizes(pub BTreeMap<String, u64>);
