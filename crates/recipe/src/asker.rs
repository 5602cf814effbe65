//! Who asks for an option: what messages name, and what the search for a
//! smaller system tells apart.

use std::fmt;

use serde::{Serialize, Serializer};

/// Who asks for an option of the kernel or of BusyBox. Its text is what messages
/// and records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The recipe's own `kernel.options`.
    KernelOptions,
    /// The recipe's own `userland.busybox-options`.
    BusyboxOptions,
    /// A line of a fragment file.
    Fragment {
        /// The file, as the recipe names it.
        file: String,
        /// The line, from 1.
        line: usize,
        /// Whether the file is a whole configuration that the kernel's tools
        /// wrote: nobody asked for what it says of the compiler.
        saved: bool,
    },
    /// A board's own options; this is its name.
    Board(String),
    /// An applet of BusyBox that the recipe names.
    Applet(String),
    /// What the recipe asks for without naming the symbol, in words:
    /// `ramdisk.compress = "xz"`.
    Implied(String),
    /// The search for a smaller system.
    Shrink,
    /// Who asks what a system would be without an option.
    Without,
    /// The command line.
    CommandLine,
}

impl Asker {
    /// Whether the line stands in a whole configuration that was saved.
    pub fn is_saved(&self) -> bool {
        matches!(self, Asker::Fragment { saved: true, .. })
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asker::KernelOptions => f.write_str("kernel.options"),
            Asker::BusyboxOptions => f.write_str("userland.busybox-options"),
            Asker::Fragment { file, line, .. } => write!(f, "{file}:{line}"),
            Asker::Board(name) => write!(f, "board {name}"),
            Asker::Applet(name) => write!(f, "the applet {name}"),
            Asker::Implied(reason) => f.write_str(reason),
            Asker::Shrink => f.write_str("shrink"),
            Asker::Without => f.write_str("--without"),
            Asker::CommandLine => f.write_str("the command line"),
        }
    }
}

/// As its text.
impl Serialize for Asker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asker_is_told_in_the_words_that_messages_and_records_have() {
        let fragment = Asker::Fragment {
            file: "pc-net.config".to_owned(),
            line: 12,
            saved: false,
        };
        for (asker, text) in [
            (Asker::KernelOptions, "kernel.options"),
            (Asker::BusyboxOptions, "userland.busybox-options"),
            (fragment, "pc-net.config:12"),
            (Asker::Board("pc".to_owned()), "board pc"),
            (Asker::Applet("wget".to_owned()), "the applet wget"),
            (Asker::Implied("the ramdisk".to_owned()), "the ramdisk"),
            (Asker::Shrink, "shrink"),
            (Asker::Without, "--without"),
            (Asker::CommandLine, "the command line"),
        ] {
            assert_eq!(asker.to_string(), text);
            let json = serde_json::to_value(&asker).expect("a text");
            assert_eq!(json, text);
        }
    }
}
