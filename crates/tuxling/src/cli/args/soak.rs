//! What `soak` takes.

use super::{Common, Which};

/// `tuxling soak`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Boots and idle times of ten minutes and an hour take turns, with somebody at the
console and other RAM, CPU models and dates. Every boot is kept as it ends: what
is interrupted goes on at the next call, and more hours add to those before.

Examples:
  tuxling soak pc-net.tiny --hours 8
  tuxling soak pc-net --pruned --hours 1 --adversity")]
pub(crate) struct SoakArgs {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// How many hours all boots of this kernel take together, those of earlier
    /// calls included
    #[arg(long, value_name = "N", default_value_t = 8.0, value_parser = hours)]
    pub hours: f64,
    /// Let the cases of adversity take their turns, too
    #[arg(long)]
    pub adversity: bool,
    /// Packets of adversity's flood
    #[arg(long, value_name = "N", default_value_t = prune::adversity::FLOOD)]
    pub flood: u64,
    /// Where adversity's chances come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A year at most: more is a slip of the finger.
fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text
        .parse()
        .map_err(|_| "not a number of hours".to_owned())?;
    if hours > 0.0 && hours <= 8_760.0 {
        Ok(hours)
    } else {
        Err("between 0 and 8760 hours".to_owned())
    }
}
