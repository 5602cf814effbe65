//! The answer to why something is in a kernel.

use schemars::JsonSchema;
use serde::Serialize;

/// The version of the format.
pub const SCHEMA: &str = "tuxling.why/1";

/// What was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A function or data.
    Symbol,
    /// An object file.
    Object,
    /// An option of the configuration.
    Option,
}

/// Why one thing is in the image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Why {
    /// Its name; of a symbol with its object.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes in vmlinux.
    pub size: u64,
    /// Bytes of the image file.
    pub share: u64,
    /// The options that must be set for it to be compiled, the outermost first.
    pub options: Vec<OptionStep>,
    /// The Makefile that names its object.
    pub makefile: Option<String>,
    /// Whether it comes from a library, of which the linker takes what is
    /// referred to.
    pub library: bool,
    /// The shortest way of references to it, from something that the kernel
    /// enters by itself. Empty: nothing refers to it.
    pub way: Vec<Step>,
    /// What every such way goes through, from the root down.
    pub through: Vec<Step>,
    /// Who refers to it.
    pub referrers: Vec<Step>,
    /// How many refer to it.
    pub referrer_count: usize,
    /// What nothing would need without it, itself included.
    pub retained: Retained,
}

/// An option and where its value comes from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OptionStep {
    /// Its name.
    pub option: String,
    /// Its value.
    pub value: String,
    /// Why it has it.
    pub because: String,
}

/// A piece of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// The symbol, or what else it is, in parentheses.
    pub name: String,
    /// Its object.
    pub object: Option<String>,
    /// Its section in the object.
    pub section: Option<String>,
    /// Bytes in vmlinux.
    pub size: u64,
}

/// What goes along.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Retained {
    /// How many pieces.
    pub count: usize,
    /// Bytes in vmlinux.
    pub size: u64,
    /// Bytes of the image file.
    pub share: u64,
    /// The largest of them.
    pub largest: Vec<Step>,
}
