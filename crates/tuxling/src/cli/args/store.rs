//! What `tuxling trial` and `tuxling store` take.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::Subcommand;

/// `tuxling trial`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Engines start it: `tuxling shrink --engine …` writes the files. The result stands
in the store under the trial's identity: the verdict, what the system costs, the
record and the console. A trial that has a result is not made again. Exit code 0:
there is a result, whatever the verdict. Any other: the apparatus broke, there is
none, and the trial is to be repeated.")]
pub(crate) struct TrialArgs {
    /// The trial: arrays/NAME/NUMBER.json of a store
    #[arg(value_name = "SPEC")]
    pub spec: PathBuf,
    /// The store that the result goes to, and that has the inputs
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many jobs its build may run at once [default: this machine's processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroU16>,
}

/// `tuxling store`
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: StoreAction,
}

/// What to do with stores.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreAction {
    /// Take in all that other stores have: a set union
    Merge {
        /// The store that becomes larger; it is made when it is missing
        #[arg(value_name = "INTO")]
        into: PathBuf,
        /// The others
        #[arg(value_name = "FROM", required = true)]
        from: Vec<PathBuf>,
        /// Print what was new as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what a store holds; its index is brought up to date
    Stats {
        /// The store
        #[arg(value_name = "DIR")]
        store: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

impl StoreArgs {
    /// Whether the answer is JSON.
    pub(crate) fn json(&self) -> bool {
        match self.action {
            StoreAction::Merge { json, .. } | StoreAction::Stats { json, .. } => json,
        }
    }
}
