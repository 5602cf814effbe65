//! Loading a tree: what the caller has to say, and the one function.

use std::io;

use crate::finalize::finalize;
use crate::model::{Dialect, Kconfig};
use crate::parser::parse;
use crate::probe::{Environment, Shell};
use crate::tree::SourceTree;

/// All that decides what a tree means.
pub struct LoadOptions<'a> {
    /// The first file, for the kernel `Kconfig`.
    pub root: &'a str,
    /// Where files come from.
    pub tree: &'a dyn SourceTree,
    /// The environment of `conf`: for the kernel at least `srctree`, `ARCH`,
    /// `SRCARCH`, `KERNELVERSION`, `CC`, `LD` and what else the kernel's
    /// Makefile exports.
    pub env: &'a Environment,
    /// Runs the commands of `$(shell,…)`.
    pub shell: &'a dyn Shell,
    /// Which `conf` to agree with; see [`Dialect::for_version`].
    pub dialect: Dialect,
}

impl Kconfig {
    /// Reads a tree. What is wrong with its text stands in
    /// [`Kconfig::diagnostics`] afterwards; as much as could be understood is
    /// there.
    ///
    /// # Errors
    /// If the first file can't be read.
    pub fn load(options: &LoadOptions<'_>) -> io::Result<Self> {
        let LoadOptions {
            root,
            tree,
            env,
            shell,
            dialect,
        } = *options;
        Ok(finalize(parse(root, tree, env, shell, dialect)?, dialect))
    }
}
