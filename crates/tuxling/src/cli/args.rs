//! What was typed.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use host::units::Bytes;
use recipe::plan::PruneLevel;
use vm::machine::qemu::Accelerator;

mod ab;
mod config;
mod device_tree;
mod history;
mod hw;
mod image;
mod look;
mod matrix;
mod shrink;
mod soak;
mod store;

pub(crate) use ab::AbArgs;
pub(crate) use config::{Config, ConfigAction};
pub(crate) use device_tree::DeviceTreeArgs;
pub(crate) use history::HistoryArgs;
pub(crate) use hw::{Hw, HwAction, HwImport};
pub(crate) use image::ImageArgs;
pub(crate) use look::{ReportArgs, SchemaArgs, SizeArgs, TrapArgs, WhyArgs};
pub(crate) use matrix::MatrixArgs;
pub(crate) use shrink::{EngineArg, GoalArg, Group, ShrinkArgs, ShrinkLevel};
pub(crate) use soak::SoakArgs;
pub(crate) use store::{StoreAction, StoreArgs, TrialArgs};

/// Grows the smallest Linux that still does your job.
///
/// A recipe says what the system must do; tuxling builds a kernel and a
/// ramdisk from source, boots them in QEMU, proves by the recipe's own checks
/// that they do it, and says where every byte goes.
#[derive(Debug, Parser)]
#[command(
    name = "tuxling",
    version,
    max_term_width = 100,
    after_help = "\
Begin here:
  tuxling check pc-net       build, boot, prove and measure a built-in recipe
  tuxling new mine           write a recipe of your own
  tuxling boot mine.toml     its console in this terminal; Ctrl-A X leaves

Exit codes: 0 fine, 1 usage or recipe, 2 a source could not be had, 3 the
configuration doesn't resolve as asked, 4 the build failed, 5 the boot or a
check failed, 6 over budget, 7 this machine lacks something, 8 trials wait for
other machines."
)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a recipe to start from
    New(New),
    /// Build the kernel and the ramdisk
    Build(Build),
    /// Boot the system with its console in this terminal; Ctrl-A X leaves
    Boot(Boot),
    /// Build, boot, run the checks, measure
    Check(Check),
    /// Put the system on a floppy disk, a CD, a disk, or into an image for U-Boot
    Image(ImageArgs),
    /// Find the smallest RAM that all checks pass with, and say what stands there
    Ram(Ram),
    /// Compare two systems side by side
    Diff(Diff),
    /// Boot two systems in turn, and say what differs beyond noise
    Ab(AbArgs),
    /// Say where the bytes are: in vmlinux, in the image, in RAM
    Size(SizeArgs),
    /// Say why a symbol, an object or an option is in the image
    Why(WhyArgs),
    /// Write a record as one HTML page: a map of all bytes, tables, the trend
    Report(ReportArgs),
    /// Find out which functions of the kernel run
    Trace(Trace),
    /// Remove from the kernel what didn't run
    Prune(Prune),
    /// Say what a stop of a pruned system means
    Trap(TrapArgs),
    /// Boot it for hours, and say how seldom it stops
    Soak(SoakArgs),
    /// Make the device tree smaller, each step a boot
    DeviceTree(DeviceTreeArgs),
    /// Vary a recipe's values, and say what each of them gives
    Matrix(MatrixArgs),
    /// Build it with several versions of the kernel, and say what grew
    History(HistoryArgs),
    /// Search everything for the smallest system that still passes
    Shrink(ShrinkArgs),
    /// Carry out one trial of a search, from its file alone
    Trial(TrialArgs),
    /// Bring stores of trials together, and say what they hold
    Store(StoreArgs),
    /// Look at the kernel's configuration, and change what the recipe asks for
    Config(Config),
    /// Find the drivers of a machine: pack what it shows, read what others post
    Hw(Hw),
    /// Fetch the sources and write the lock file
    Fetch(Fetch),
    /// Say what this machine lacks, and how to install it
    Doctor(Doctor),
    /// Look at the cache folder, and take away what is not used
    Cache(CacheArgs),
    /// Print the JSON schema of what a command prints with --json
    Schema(SchemaArgs),
    /// Print completions for a shell
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command
    Man {
        /// Where to; man looks into ~/.local/share/man/man1 by itself.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// What every command that builds takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    /// A recipe: a path, or the name of a built-in one (pc-net, pc-shell)
    pub recipe: String,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// Show every command and what it prints
    #[arg(short, long)]
    pub verbose: bool,
    /// How many jobs a build may run at once [default: this machine's processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroU16>,
    /// Refuse any source that the lock file doesn't name
    #[arg(long, conflicts_with = "update")]
    pub locked: bool,
    /// Look for newer sources of the same series
    #[arg(long)]
    pub update: bool,
    /// Go on when the configuration drops what the recipe asks for
    #[arg(long)]
    pub allow_dropped: bool,
    /// Where the outputs go [default: build/NAME beside the recipe]
    #[arg(short = 'O', long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// `tuxling new`
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The recipe's name; NAME.toml is written to the current folder
    pub name: String,
    /// The board [default: pc; pc64 for the list of a 64-bit PC]
    #[arg(long)]
    pub board: Option<String>,
    /// How the system is connected
    #[arg(long, default_value = "dhcp")]
    pub network: Network,
    /// A machine's devices, as for `tuxling hw import`: their drivers are asked
    /// for in NAME-hw.config
    #[arg(long, value_name = "FILE")]
    pub from_hw: Vec<PathBuf>,
    /// Classes of devices that no list shows: usb-storage, hid, wifi, vfat, …
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub also: Vec<String>,
    /// What the kernel's configuration begins with: tinyconfig, defconfig,
    /// distribution, file:PATH
    #[arg(long, value_name = "BASE", default_value = "tinyconfig")]
    pub config: String,
    /// The image of a root file system that exists: it is the user land
    #[arg(long, value_name = "IMAGE")]
    pub root: Option<String>,
}

/// How a new system is connected.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Network {
    /// One card, its address by DHCP.
    Dhcp,
    /// No card.
    None,
}

/// Which of a recipe's systems is meant.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Which {
    /// The system that `tuxling prune` made of it, instead of the whole one
    #[arg(long)]
    pub pruned: bool,
}

/// How a machine is run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MachineArgs {
    /// One further argument for QEMU; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub qemu_arg: Vec<String>,
    /// What runs the machine [default: KVM where it works, else TCG]
    #[arg(long, value_name = "NAME")]
    pub accel: Option<Accel>,
}

/// `tuxling build`
#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// Print the record as JSON (see `tuxling schema`)
    #[arg(long)]
    pub json: bool,
}

/// `tuxling boot`
#[derive(Debug, clap::Args)]
pub(crate) struct Boot {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// How the machine is run.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// `tuxling check`
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// How the machine is run.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Print the record as JSON (see `tuxling schema`)
    #[arg(long)]
    pub json: bool,
    /// Don't count the boot's instructions in a second boot
    #[arg(long)]
    pub no_boot_cost: bool,
    /// Boot it once more for each thing that it must survive (docs/adversity.md)
    #[arg(long)]
    pub adversity: bool,
    /// Only these cases of adversity, separated by commas
    #[arg(long, value_name = "CASES", value_delimiter = ',', requires = "adversity",
          value_parser = clap::builder::PossibleValuesParser::new(
              prune::adversity::ALL.iter().map(|case| case.name)))]
    pub cases: Vec<String>,
    /// Packets of adversity's flood
    #[arg(long, value_name = "N", default_value_t = prune::adversity::FLOOD)]
    pub flood: u64,
    /// Where adversity's chances come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `tuxling trace`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The kernel is compiled with a section for each function (once, into an object
tree of its own) and booted by QEMU's translator under several conditions: other
timing, a loaded host, other RAM, CPU models and dates.

Examples:
  tuxling trace pc-net
  tuxling trace pc-net --from functions.txt   also a list from a real machine")]
pub(crate) struct Trace {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// How many boots at most [default: 24]
    #[arg(long, value_name = "N")]
    pub runs: Option<usize>,
    /// Names of functions that ran elsewhere: ftrace's list or output
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,
    /// Print the coverage as JSON
    #[arg(long)]
    pub json: bool,
}

/// `tuxling prune`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A function that is removed and runs all the same stops the machine, and says its
name. docs/prune.md tells what each level means and what it promises.

Examples:
  tuxling prune pc-net --level tight --boots 50
  tuxling prune pc-net --keep 'tcp_*'         whatever anybody says
  tuxling prune pc-net --verify build/pc-net/pruned/pc-net.cert.json")]
pub(crate) struct Prune {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// What is removed [default: the recipe's, or balanced]
    #[arg(long, value_parser = prune_level())]
    pub level: Option<PruneLevel>,
    /// How many boots of each kind must pass, all in a row: the checks, a long
    /// idle time, somebody at the console [default: 10]
    #[arg(long, value_name = "N")]
    pub boots: Option<usize>,
    /// How many boots the trace has at most [default: 24]
    #[arg(long, value_name = "N")]
    pub runs: Option<usize>,
    /// Packets of adversity's flood, at balanced and safe, and its fragments
    #[arg(long, value_name = "N", default_value_t = prune::adversity::FLOOD)]
    pub flood: u64,
    /// Where adversity's chances come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Names of functions that ran elsewhere: ftrace's list or output
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,
    /// Keep these functions: NAME or OBJECT:NAME, * for any letters
    #[arg(long, value_name = "PATTERN")]
    pub keep: Vec<String>,
    /// Remove these functions, whatever needs them
    #[arg(long, value_name = "PATTERN")]
    pub drop: Vec<String>,
    /// Keep what the pruning of this certificate had to put back, besides what
    /// is remembered of this series of kernels
    #[arg(long, value_name = "CERT")]
    pub fixes: Vec<PathBuf>,
    /// Begin without what is remembered of earlier prunings
    #[arg(long, conflicts_with = "fixes")]
    pub without_fixes: bool,
    /// At tight, too, keep functions that ran as a whole, and not only those
    /// parts of them that ran
    #[arg(long)]
    pub whole_functions: bool,
    /// Make the kernel of a certificate again and compare its bytes
    #[arg(long, value_name = "CERT", conflicts_with_all = ["level", "boots", "runs", "from", "keep", "drop", "fixes", "without_fixes", "whole_functions", "update"])]
    pub verify: Option<PathBuf>,
    /// Print the certificate as JSON
    #[arg(long)]
    pub json: bool,
}

/// The levels of pruning as values on the command line, each with what it
/// removes.
fn prune_levels() -> impl Iterator<Item = PossibleValue> {
    PruneLevel::ALL.into_iter().map(|level| {
        PossibleValue::new(level.word()).help(match level {
            PruneLevel::Safe => "What nothing refers to",
            PruneLevel::Balanced => "What didn't run and no rule needs",
            PruneLevel::Tight => "What didn't run",
        })
    })
}

fn prune_level() -> impl TypedValueParser<Value = PruneLevel> {
    let words = PossibleValuesParser::new(prune_levels());
    words.try_map(|word| PruneLevel::of_word(&word).ok_or("no level has this name"))
}

/// What runs a machine.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Accel {
    /// QEMU's translator.
    Tcg,
    /// The host's processor.
    Kvm,
}

/// `tuxling ram`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The search is a bisection by the board's step (16 KiB, unless the board says
another). At the smallest RAM all checks must pass three times of three; one and
two steps below it they must fail three times of three. Every boot is kept: after
Ctrl-C the same command goes on.

Examples:
  tuxling ram pc-net                          about 25 boots
  tuxling ram pc-net --from 20MiB --to 22MiB  fewer
  tuxling ram pc-net --download               what one download costs, too
  tuxling ram pc-net --connections 1,10,100   what a connection costs, and no more")]
pub(crate) struct Ram {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// How the machine is run.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// The least RAM to try [default: one step]
    #[arg(long, value_name = "SIZE")]
    pub from: Option<Bytes>,
    /// The most RAM to try [default: the recipe's]
    #[arg(long, value_name = "SIZE")]
    pub to: Option<Bytes>,
    /// Measure what one download costs in RAM, too
    #[arg(long)]
    pub download: bool,
    /// Measure what one TCP connection costs, idle and with a download that nobody
    /// reads: so many at once, at most five numbers up to 100
    #[arg(long, value_name = "N,N", value_delimiter = ',', num_args = 1..=5,
          conflicts_with_all = ["download", "from", "to", "pruned"],
          value_parser = clap::value_parser!(u32).range(1..=i64::from(trial::connections::MOST)))]
    pub connections: Vec<u32>,
    /// Measure how deep each task's kernel stack gets, and whether half of one
    /// would do
    #[arg(long, conflicts_with_all = ["download", "from", "to", "connections"])]
    pub stacks: bool,
    /// So many boots with the download, and as many without; so many with
    /// connections; so many after which the stacks are looked at
    #[arg(long, value_name = "N", default_value_t = 9,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub boots: u32,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

/// `tuxling diff`
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// A recipe (its newest record), a record's JSON file, or a vmlinux; with
    /// --tree a kernel's source tree, or a recipe (its sources)
    pub a: String,
    /// What it is compared with
    pub b: String,
    /// Compare two kernel source trees, file by file
    #[arg(long)]
    pub tree: bool,
    /// With --tree: only what stands below these paths
    #[arg(requires = "tree")]
    pub paths: Vec<PathBuf>,
    /// With --tree: only the files that this recipe's kernel was compiled from
    #[arg(long, requires = "tree", value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// Print Markdown, for a comment of a review
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// End with status 6 when B is larger than A by more than this (4KiB): the
    /// image and the ramdisk of two systems, the sections of two vmlinux
    #[arg(long, value_name = "SIZE", conflicts_with = "tree")]
    pub fail_over: Option<String>,
    /// Print the difference as JSON
    #[arg(long)]
    pub json: bool,
}

/// `tuxling fetch`
#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// A recipe: a path, or the name of a built-in one (pc-net, pc-shell)
    pub recipe: String,
    /// Refuse any source that the lock file doesn't name
    #[arg(long, conflicts_with_all = ["update", "trust_new"])]
    pub locked: bool,
    /// Look for newer sources of the same series
    #[arg(long)]
    pub update: bool,
    /// Take an archive whose SHA-256 nothing gives as it comes; the lock file
    /// pins it from then on
    #[arg(long, conflicts_with = "update")]
    pub trust_new: bool,
    /// Print what was fetched as JSON
    #[arg(long)]
    pub json: bool,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
}

/// `tuxling doctor`
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// A recipe: what its board, sources and checks need [default: what every
    /// recipe needs]
    pub recipe: Option<String>,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

/// `tuxling cache`
#[derive(Debug, clap::Args)]
pub(crate) struct CacheArgs {
    /// What to do
    #[command(subcommand)]
    pub action: CacheAction,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheAction {
    /// Say what is there, how large it is, and when it was last used
    List,
    /// Remove what was not used for long; attempts and records stay
    Gc {
        /// What was not used for so long goes [default: 30d, unless --keep-size
        /// is given]
        #[arg(long, value_name = "AGE")]
        older_than: Option<String>,
        /// What was not used for longest goes until the rest is no larger
        #[arg(long, value_name = "SIZE")]
        keep_size: Option<host::units::Bytes>,
        /// Say what would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Command {
    /// Whether standard output is to be one JSON value.
    pub(crate) fn json(&self) -> bool {
        match self {
            Command::Build(build) => build.json,
            Command::Check(check) => check.json,
            Command::Image(image) => image.json,
            Command::Ram(ram) => ram.json,
            Command::Trace(trace) => trace.json,
            Command::Prune(prune) => prune.json,
            Command::Trap(trap) => trap.json,
            Command::Soak(soak) => soak.json,
            Command::Matrix(matrix) => matrix.json,
            Command::Ab(args) => args.json,
            Command::History(history) => history.json,
            Command::DeviceTree(args) => args.json,
            Command::Shrink(shrink) => shrink.json,
            Command::Diff(diff) => diff.json,
            Command::Size(size) => size.json,
            Command::Why(why) => why.json,
            Command::Report(report) => report.json,
            Command::Config(config) => config.json,
            Command::Hw(hw) => matches!(&hw.action, HwAction::Import(args) if args.json),
            Command::Fetch(fetch) => fetch.json,
            Command::Doctor(doctor) => doctor.json,
            Command::Cache(cache) => cache.json,
            Command::Store(store) => store.json(),
            Command::New(_)
            | Command::Trial(_)
            | Command::Boot(_)
            | Command::Schema(_)
            | Command::Completions { .. }
            | Command::Man { .. } => false,
        }
    }
}

impl MachineArgs {
    /// The accelerator that was asked for.
    pub(crate) fn accelerator(&self) -> Option<Accelerator> {
        self.accel.map(|accel| match accel {
            Accel::Tcg => Accelerator::Tcg,
            Accel::Kvm => Accelerator::Kvm,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn the_pages_for_users_name_commands_that_are_there() {
        for page in [
            include_str!("../../../../docs/firmware.md"),
            include_str!("../../../../docs/install.md"),
            include_str!("../../../../docs/kernel-developer.md"),
            include_str!("../../../../docs/learner.md"),
            include_str!("../../../../docs/microvm.md"),
            include_str!("../../../../docs/virt-aarch64.md"),
        ] {
            let commands = page.lines().filter(|line| line.starts_with("tuxling "));
            for line in commands {
                let bare = line.split(['#', '>']).next().unwrap_or_default();
                let words = bare.split_whitespace();
                let read = super::Args::try_parse_from(words);
                assert!(read.is_ok(), "{line}: {}", read.expect_err("refused"));
            }
        }
    }
}
