//! What `ab` takes.

use super::Common;

/// `tuxling ab`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Both systems are built and booted in turn with their own checks, and each figure that
both have is told with the difference of the second to the first and its 95 %
confidence interval: seconds until the first check has passed, each check by the
guest's clock, RAM in use. Instructions until the first check are counted in a boot of
each, where the guest has a counter: they are the same each time. \"not told from
noise\" is an answer, too.

Examples:
  tuxling ab pc-net pc-net.tiny --boots 30
  tuxling ab my.toml my.toml --pruned")]
pub(crate) struct AbArgs {
    /// What every command that builds takes; the recipe is the first system.
    #[command(flatten)]
    pub common: Common,
    /// The second system: a recipe as well
    #[arg(value_name = "RECIPE")]
    pub other: String,
    /// The second system is the one that pruning made of its recipe
    #[arg(long)]
    pub pruned: bool,
    /// How many boots of each
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub boots: u32,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}
