//! The Kconfig language of the Linux kernel: what a tree of Kconfig files
//! says, what a configuration comes to, and why.
//!
//! The engine agrees with the kernel's own `conf` to the byte; see the crate's
//! README for how that is tested. It reads the files it is asked to read and
//! does nothing else to the world: commands of `$(shell,…)` go through the
//! caller's [`Shell`].
//!
//! ```
//! use kconfig::{Configuration, Dialect, Environment, Kconfig, LoadOptions, MemoryTree, SilentShell};
//!
//! let files = MemoryTree::new().with("Kconfig", "config NET\n\tbool \"Networking\"\n");
//! let tree = Kconfig::load(&LoadOptions {
//!     root: "Kconfig",
//!     tree: &files,
//!     env: &Environment::new(),
//!     shell: &SilentShell,
//!     dialect: Dialect::Linux6_12,
//! })?;
//! let (configuration, _) = Configuration::olddefconfig(&tree, "CONFIG_NET=y\n");
//! assert!(configuration.to_dotconfig().ends_with("CONFIG_NET=y\n"));
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod bytes;
mod change;
mod choice;
mod circles;
mod diagnostic;
mod dialect;
mod diff;
pub mod dotconfig;
mod elsewhere;
mod eval;
mod explain;
mod expr;
mod finalize;
mod fragment;
mod graph;
mod load;
mod lost;
mod merge;
mod model;
mod modes;
mod numbers;
mod ordering;
mod outline;
mod parser;
mod pending;
mod preprocess;
mod probe;
mod random;
mod read;
mod recursion;
mod scanner;
mod search;
mod submenu;
mod tree;
mod tristate;
mod user;
mod want;
mod why;
mod write;

pub use change::{Change, Request, RequestError};
pub use diagnostic::{Diagnostic, Location, Severity};
pub use diff::{Difference, diff};
pub use dotconfig::{Assignment, ReadWarning, ReadWarningKind, parse_assignments, quoted};
pub use elsewhere::Elsewhere;
pub use eval::Configuration;
pub use explain::ExplainedDifference;
pub use expr::{Expr, ExprId, Relation, SymbolId};
pub use fragment::merge_text;
pub use load::LoadOptions;
pub use lost::Lost;
pub use merge::{DropReason, Dropped, Fragment, Merged};
pub use model::{
    Dialect, Entry, EntryId, EntryKind, Kconfig, Property, PropertyKind, Symbol, SymbolKind,
    SymbolType,
};
pub use modes::Answer;
pub use numbers::is_valid_text;
pub use outline::Outline;
pub use probe::{Environment, MemoShell, ProbeError, ProbeMemo, ProbeOutput, Shell, SilentShell};
pub use recursion::{Recursion, RecursionStep};
pub use search::{Found, Hit};
pub use tree::{DiskTree, MemoryTree, SourceTree};
pub use tristate::Tristate;
pub use user::UserValue;
pub use want::{Alternatives, Nearness, Want, WantFailure};
pub use why::{DefaultValue, Origin, Reverse, Unmet, Why};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
