//! What `tuxling shrink` takes.

use std::time::Duration;

use host::units::parse_duration;
use prune::adversity::FLOOD;

use super::{Accel, Common};

/// `tuxling shrink`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The recipe must pass its checks. Options, applets and formats are tried away, many
at a time, each trial built and booted; what passes and is no larger is kept. In
the end the kernel is pruned and proven. All trials are kept in the store: after
Ctrl-C the same command goes on where it was. The best so far stands beside the
recipe as NAME.tiny.toml at any time.

Examples:
  tuxling shrink pc-net --level tight --time 60m
  tuxling shrink mine.toml --level none       options and user land alone
  tuxling shrink pc-net.tiny.toml --update    the result on a newer kernel of the
                                              series, traced and proven again")]
pub(crate) struct ShrinkArgs {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// The time for this call, such as 30m; the proof may take longer
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub time: Option<Duration>,
    /// What is to become small
    #[arg(long, default_value = "image")]
    pub goal: GoalArg,
    /// How the kernel is pruned in the end [default: the recipe's, or balanced]
    #[arg(long)]
    pub level: Option<ShrinkLevel>,
    /// How many boots in a row the result must pass
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub boots: u32,
    /// Trials at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub trials: usize,
    /// Search these alone [default: all, in this order]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub only: Vec<Group>,
    /// Packets of adversity's flood, at balanced and safe
    #[arg(long, value_name = "N", default_value_t = FLOOD)]
    pub flood: u64,
    /// What runs the machine [default: KVM where it works]
    #[arg(long)]
    pub accel: Option<Accel>,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// Numbers and switches whose good value is known beforehand.
    Constants,
    /// Options that bring in code of which nothing ran.
    Unused,
    /// Options that act inside files.
    Inside,
    /// Applets and options of BusyBox, the packing of the ramdisk.
    UserLand,
    /// Options that bring in code of which some ran.
    Used,
    /// What the kernel says when something is wrong with it.
    Messages,
}

/// What is to become small.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum GoalArg {
    /// Bytes of kernel and ramdisk.
    Image,
    /// RAM.
    Ram,
    /// Both alike.
    Both,
}

/// How a shrunk kernel is pruned.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ShrinkLevel {
    /// Not at all.
    None,
    /// What nothing refers to.
    Safe,
    /// What didn't run and no rule needs.
    Balanced,
    /// What didn't run.
    Tight,
}
