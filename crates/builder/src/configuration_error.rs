//! Why the configuration of the distribution's own kernel can't be had.

use std::io;

/// Why the distribution's configuration can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// Debian makes no such kernel.
    #[error("Debian makes no kernel {flavour} of {package}")]
    NoFlavour {
        /// What the recipe names.
        flavour: String,
        /// The package that was looked into.
        package: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The package can't be read.
    #[error("can't read the configurations in {name}: {error}")]
    Unreadable {
        /// The package's file.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// Only a recipe's own sources bring it.
    #[error("the distribution's configuration was not fetched with this kernel")]
    NotObtained,
}
