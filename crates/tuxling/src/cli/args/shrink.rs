//! What `tuxling shrink` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use farm::shard::Shard;
use host::units::parse_duration;
use prune::adversity::FLOOD;
use recipe::plan::PruneLevel;

use super::{Accel, Common, prune_levels};

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
                                              series, traced and proven again
  tuxling shrink mine.toml --engine slurm --store /nfs/trials --workers 32")]
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
    #[arg(long, value_parser = shrink_level())]
    pub level: Option<ShrinkLevel>,
    /// How many boots in a row the result must pass
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub boots: u32,
    /// Trials at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub trials: usize,
    /// Who carries the trials out [default: this process]
    #[arg(long, value_name = "WHO", requires = "store")]
    pub engine: Option<EngineArg>,
    /// The store that the machines share, for --engine and --shard
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Trials at once by the engine
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub workers: usize,
    /// Further arguments of sbatch, such as --sbatch=--partition=build
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
    /// The container image with tuxling, for Kubernetes
    #[arg(long, value_name = "NAME", default_value = "tuxling")]
    pub image: String,
    /// The claim of the volume that the store is on, for Kubernetes
    #[arg(long, value_name = "NAME", default_value = "tuxling-store")]
    pub claim: String,
    /// Carry out a share of what `--engine shards` left in the store, such as 3/8
    #[arg(long, value_name = "I/N", requires = "store", conflicts_with = "engine",
          value_parser = Shard::parse)]
    pub shard: Option<Shard>,
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

/// Who carries trials out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EngineArg {
    /// This machine, each trial a process of its own.
    Local,
    /// Slurm: sbatch, squeue and scancel.
    Slurm,
    /// Kubernetes: Indexed Jobs, by kubectl.
    Kubernetes,
    /// Whoever calls --shard: the jobs of a CI matrix, machines by ssh.
    Shards,
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
#[derive(Clone, Copy, Debug)]
pub(crate) enum ShrinkLevel {
    /// Not at all.
    None,
    /// So far.
    Level(PruneLevel),
}

fn shrink_level() -> impl TypedValueParser<Value = ShrinkLevel> {
    let none = PossibleValue::new("none").help("Not at all");
    let words = PossibleValuesParser::new(std::iter::once(none).chain(prune_levels()));
    words.map(|word| PruneLevel::of_word(&word).map_or(ShrinkLevel::None, ShrinkLevel::Level))
}
