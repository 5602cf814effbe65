//! What `history` takes.

use host::units::Bytes;

use super::Common;

/// `tuxling history`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each version is built, booted, checked and measured as `tuxling check` does it, in
build/NAME/history/kernel=VERSION, and kept as it ends: what is interrupted goes on at
the next call. The table has what grew from each version to the next; below it stand
the folders of the sources and the options that it went into. history.html, with a
plot, stands beside the versions.

A version is a series (6.12, its newest release) or a release (6.12.107).

Examples:
  tuxling history pc-net --kernels 6.1,6.12
  tuxling history my.toml --kernels 6.12.107,6.12.111,6.12 --fail-over 4KiB")]
pub(crate) struct HistoryArgs {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// The versions, from the first to the last
    #[arg(long, value_name = "VERSION,VERSION", required = true, value_delimiter = ',',
          num_args = 1..)]
    pub kernels: Vec<String>,
    /// End with status 6 when the last version is larger than the one before it by
    /// more than this, kernel and ramdisk together
    #[arg(long, value_name = "SIZE")]
    pub fail_over: Option<Bytes>,
    /// Make the versions anew that earlier calls kept
    #[arg(long)]
    pub anew: bool,
    /// Don't count the instructions of the boots
    #[arg(long)]
    pub no_boot_cost: bool,
    /// Print the history as JSON
    #[arg(long)]
    pub json: bool,
}
