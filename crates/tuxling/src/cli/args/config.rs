//! What `tuxling config` takes.

use std::path::PathBuf;

use clap::Subcommand;

/// `tuxling config`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tuxling config pc-net why E1000             where its value comes from
  tuxling config mine.toml want E1000=y       what else must be asked for
  tuxling config mine.toml want E1000=y --apply
  tuxling config mine.toml check              whether its contract holds
  tuxling config mine.toml try NET=n          what would go with it
  tuxling config mine.toml merge my.config    which of its lines don't hold
  tuxling config mine.toml minimize           which lines can be left out
  tuxling config pc-shell diff pc-net         what differs, and why
  tuxling config pc-net save --defconfig      the smallest file that says it all")]
pub(crate) struct Config {
    /// A recipe: a path, or the name of a built-in one (pc-net, pc-shell)
    pub recipe: String,
    /// What to do
    #[command(subcommand)]
    pub action: ConfigAction,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Show every command and what it prints
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Refuse any source that the lock file doesn't name
    #[arg(long, global = true)]
    pub locked: bool,
    /// Print the commands that would run, and run none
    #[arg(long, global = true)]
    pub dry_run: bool,
}

/// What to do with a configuration. A symbol is named with or without
/// `CONFIG_`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Say which terms of the contract (`must`, `must-not`) and which requests
    /// don't hold, and what to ask for; builds nothing
    Check,
    /// Print the values of symbols; all that are written when none is named
    Get {
        /// The symbols.
        symbols: Vec<String>,
    },
    /// Edit the recipe's own options
    Set {
        /// What to ask for: E1000=y, LOG_BUF_SHIFT=12
        #[arg(required = true, value_name = "SYMBOL=VALUE")]
        requests: Vec<String>,
        /// Write it down even if the configuration drops it
        #[arg(long)]
        allow_dropped: bool,
    },
    /// Say where a value comes from, what it needs and who selects it
    Why {
        /// The symbol.
        symbol: String,
    },
    /// Find the fewest other changes that give a symbol this value
    Want {
        /// What is wanted: E1000=y
        #[arg(value_name = "SYMBOL=VALUE")]
        request: String,
        /// Write them into the recipe's own options
        #[arg(long)]
        apply: bool,
    },
    /// Compare with another configuration, with the reason of each change
    Diff {
        /// A recipe or a .config file
        a: String,
        /// When given, A is compared with this instead of the recipe with A;
        /// files are then read with the recipe's kernel
        b: Option<String>,
    },
    /// Write the configuration as a .config
    Save {
        /// Only what differs from the defaults, as `make savedefconfig` does
        #[arg(long)]
        defconfig: bool,
        /// The file [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say what would change if the recipe asked for this; nothing is written
    Try {
        /// What would be asked for: E1000=n, LOG_BUF_SHIFT=12
        #[arg(required = true, value_name = "SYMBOL=VALUE")]
        requests: Vec<String>,
    },
    /// Lay fragments over the recipe, and say which requests don't hold then
    Merge {
        /// The fragments, in their order: paths, or built-in ones
        /// (builtin:pc-net.config)
        #[arg(required = true)]
        fragments: Vec<String>,
        /// Write the .config that comes of it
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Find what the recipe asks for and would have anyway
    Minimize {
        /// Remove it from the recipe's own options
        #[arg(long)]
        apply: bool,
    },
    /// Find symbols by name, prompt and help text
    Search {
        /// The words: all of them must be there
        #[arg(required = true)]
        words: Vec<String>,
    },
}
