//! What the commands take that look at a built system: `size`, `why`, `trap`,
//! `report`; and `schema`.

use std::path::PathBuf;

use super::Which;

/// `tuxling size`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tuxling size pc-net                         what each option costs
  tuxling size pc-net --by dir --depth 3      by folder of the sources
  tuxling size pc-net --marginal 20           what really compressing without it saves
  tuxling size pc-net --without INET          what turning an option off would save
  tuxling size pc-net --ramdisk --depth 2     the ramdisk by file and by applet
  tuxling size ./vmlinux --by section         any ELF file; a FILE.map beside it is read
  tuxling size ./bzImage                      a kernel image, an archive, a module")]
pub(crate) struct SizeArgs {
    /// A recipe, or a file: ELF, an archive of objects, a kernel image
    #[arg(value_name = "RECIPE|FILE")]
    pub subject: String,
    /// Along what the bytes are told [default: option, or what is known of a
    /// file: object, symbol or section]
    #[arg(long, value_name = "AXIS")]
    pub by: Option<report::size::Axis>,
    /// How many levels deep
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub depth: usize,
    /// By what to sort [default: share, or size without an image]
    #[arg(long, value_name = "FIGURE")]
    pub sort: Option<report::size::Order>,
    /// How many rows below each node
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub limit: usize,
    /// Compress again without each of the N largest nodes of the first level
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "100")]
    pub marginal: Option<usize>,
    /// Say what turning this option off would save; may be given several times,
    /// and `all` stands for every option that can be turned off
    #[arg(
        long,
        value_name = "OPTION",
        value_delimiter = ',',
        conflicts_with = "pruned"
    )]
    pub without: Vec<String>,
    /// With --without: compile what names the option and link, for figures that
    /// see what #ifdef takes out
    #[arg(long, requires = "without")]
    pub compile: bool,
    /// The ramdisk instead: by file, and BusyBox by applet
    #[arg(long, conflicts_with_all = ["marginal", "without", "by", "leaves"])]
    pub ramdisk: bool,
    /// Print the tree as JSON
    #[arg(long)]
    pub json: bool,
    /// With --json: every leaf besides
    #[arg(long, requires = "json")]
    pub leaves: bool,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// Show every command and what it prints
    #[arg(short, long)]
    pub verbose: bool,
}

/// `tuxling why`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Two reasons are told: the options that compiled it in, and the references that
lead to it from what the kernel enters by itself. Last comes what nothing else
needs: it could go, too.

Examples:
  tuxling why pc-net tcp_sendmsg              a function or data
  tuxling why pc-net net/core/dev.o:cleanup   one of several of a name
  tuxling why pc-net lib/crc32.o              an object
  tuxling why pc-net INET                     an option; its value: config why")]
pub(crate) struct WhyArgs {
    /// A recipe: a path, or the name of a built-in one
    pub recipe: String,
    /// A symbol, OBJECT:SYMBOL, an object's path, or an option
    #[arg(value_name = "SYMBOL|OBJECT|OPTION")]
    pub subject: String,
    /// Print the answers as JSON
    #[arg(long)]
    pub json: bool,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// Show every command and what it prints
    #[arg(short, long)]
    pub verbose: bool,
}

/// `tuxling trap`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The kernel is made again from its certificate: the recipe's, or the one that
`tuxling prune` left in build/NAME/pruned.

Examples:
  tuxling trap pc-net.tiny 0xc1060670
  tuxling trap pc-net 'tuxling: trap 0xc1060670 from 0xc10612f4'")]
pub(crate) struct TrapArgs {
    /// A recipe: a path, or the name of a built-in one
    pub recipe: String,
    /// The address of the trap, or the whole line of the console
    #[arg(value_name = "ADDRESS|LINE")]
    pub stop: String,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// Show every command and what it prints
    #[arg(short, long)]
    pub verbose: bool,
}

/// `tuxling report`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The page is one file that loads nothing: it can be mailed, kept and opened from
a disk. docs/report.md shows it.

Examples:
  tuxling check pc-net && tuxling report pc-net
  tuxling report pc-net --history --out index.html
  tuxling report mine.toml --against before.json")]
pub(crate) struct ReportArgs {
    /// A recipe that was checked: a path, or the name of a built-in one
    pub recipe: String,
    /// The file [default: NAME.html in the current folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show the system's bytes, where the recipe is what a search found
    #[arg(long)]
    pub map: bool,
    /// Show the trend of every stored record of the recipe
    #[arg(long)]
    pub history: bool,
    /// Show what differs from this: a recipe, a record's file or its folder
    #[arg(long, value_name = "RECORD")]
    pub against: Option<String>,
    /// Say as JSON what was written
    #[arg(long)]
    pub json: bool,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// Print the commands that would run, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// Show every command and what it prints
    #[arg(short, long)]
    pub verbose: bool,
}

/// `tuxling schema`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A value says itself which schema it has: \"schema\": \"tuxling.size/1\" is `size`.")]
pub(crate) struct SchemaArgs {
    /// Of what
    #[arg(default_value = "record")]
    pub name: String,
    /// List the names, and what prints each
    #[arg(long)]
    pub list: bool,
}
