//! What `tuxling hw` takes.

use std::path::PathBuf;

use clap::Subcommand;

/// `tuxling hw`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tuxling hw save -o laptop.hw              on the machine that is meant
  tuxling hw save --script > save.sh        for a machine without tuxling
  tuxling hw import laptop.hw -o hw.config  its drivers, each with its reason
  lspci -nnk | tuxling hw import -          from what others post
  tuxling hw import laptop.hw --also usb-storage,hid,vfat
  tuxling new mine --from-hw laptop.hw      a recipe with these drivers")]
pub(crate) struct Hw {
    /// What to do
    #[command(subcommand)]
    pub action: HwAction,
}

/// What to do with a machine's devices.
#[derive(Debug, Subcommand)]
pub(crate) enum HwAction {
    /// Pack what this machine shows of its hardware, and nothing personal
    Save {
        /// The file [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Print a shell script that does the same on a machine without tuxling,
        /// of whichever architecture: `sh save.sh > laptop.hw`
        #[arg(long, conflicts_with = "output")]
        script: bool,
    },
    /// Find the drivers of a machine's devices and what they need
    Import(HwImport),
}

/// `tuxling hw import`
#[derive(Debug, clap::Args)]
pub(crate) struct HwImport {
    /// What `hw save` wrote, or the output of lspci -nnk, lsusb, lsscsi, dmesg;
    /// `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The recipe whose kernel and configuration the lines are for
    #[arg(long, default_value = "pc-shell")]
    pub recipe: String,
    /// Classes of devices that no list shows: usb-storage, hid, wifi, vfat, …
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub also: Vec<String>,
    /// A distribution's modules.alias, in place of the tables in the sources
    #[arg(long, value_name = "FILE")]
    pub aliases: Option<PathBuf>,
    /// Write the lines as a fragment
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    /// Show every command and what it prints
    #[arg(short, long)]
    pub verbose: bool,
    /// Refuse any source that the lock file doesn't name
    #[arg(long)]
    pub locked: bool,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
}
