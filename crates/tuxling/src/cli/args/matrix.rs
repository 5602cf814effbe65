//! What `matrix` takes.

use clap::ValueEnum;
use recipe::axis::Axis;
use record::matrix::MatrixGoal;

use super::Common;

/// `tuxling matrix`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --full each value is tried by itself, beside the recipe as it stands. With
--pairs N the N pairs of values follow that promise most by what each gave alone.
Every cell is built, booted, checked and measured as `tuxling check` does it, in
build/NAME/matrix/CELL, and kept as it ends: what is interrupted goes on at the next
call. What doesn't build or boot says so in its row, and CELL has its logs.
matrix.json, matrix.md and matrix.html (a heat map) stand beside the cells.

Axes: toolchain, optimise (s, 2, z, 1, 3), lto (none, thin, full), compress, ramdisk,
kernel, libc, busybox, thumb (no, yes), memory, cpus; any symbol (CONFIG_HZ_100=y,n);
any key of a recipe's table (machine.cpu=pentium3,486).

Examples:
  tuxling matrix pc-net --over toolchain=gcc-11,gcc-12,llvm-14 optimise=s,2,z
  tuxling matrix pc-net --over toolchain=gcc-11,gcc-12 optimise=2,z --full
  tuxling matrix my.toml --over kernel=6.1,6.12 compress=xz,cm --pairs 4 --write-best")]
pub(crate) struct MatrixArgs {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// What is varied, and its values
    #[arg(long, value_name = "AXIS=VALUE,VALUE", required = true, num_args = 1.., value_parser = axis)]
    pub over: Vec<Axis>,
    /// Every combination of the values
    #[arg(long, conflicts_with = "pairs")]
    pub full: bool,
    /// After the single values, the N pairs of them that promise most
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub pairs: usize,
    /// What the best cell has least of
    #[arg(long, value_enum, default_value_t = Least::Total)]
    pub goal: Least,
    /// Write the best cell as a recipe of its own, NAME.best.toml beside the recipe
    #[arg(long)]
    pub write_best: bool,
    /// Make the cells anew that earlier calls kept
    #[arg(long)]
    pub anew: bool,
    /// Don't count the instructions of the boots
    #[arg(long)]
    pub no_boot_cost: bool,
    /// Print the matrix as JSON
    #[arg(long)]
    pub json: bool,
}

/// What the best cell has least of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Least {
    /// Bytes that a boot loader loads
    Total,
    /// Bytes of the kernel's image
    Kernel,
    /// RAM in use when the last check has passed
    Ram,
    /// Instructions until the first check has passed
    Instructions,
}

impl Least {
    /// The goal as it is recorded.
    pub(crate) fn goal(self) -> MatrixGoal {
        match self {
            Least::Total => MatrixGoal::Total,
            Least::Kernel => MatrixGoal::Kernel,
            Least::Ram => MatrixGoal::Ram,
            Least::Instructions => MatrixGoal::Instructions,
        }
    }
}

fn axis(text: &str) -> Result<Axis, String> {
    Axis::parse(text).map_err(|wrong| match wrong.help {
        Some(help) => format!("{}\n  help: {help}", wrong.message),
        None => wrong.message,
    })
}
