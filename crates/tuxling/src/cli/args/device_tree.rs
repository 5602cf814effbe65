//! What `device-tree` takes.

use super::Common;

/// `tuxling device-tree`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each step is a boot of the very tree, with all checks and the restart at the end;
what needs a node that no check uses is not seen. The kernel is the recipe's own, so
nothing is compiled. NAME.small.dtb is written beside the recipe: `device-tree =
\"NAME.small.dtb\"` in [kernel] takes it.

Examples:
  tuxling device-tree versatilepb
  tuxling device-tree mine.toml --keep /amba/watchdog@101e1000 --boots 50")]
pub(crate) struct DeviceTreeArgs {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// How many boots in a row the tree that is left has to pass at the end
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub boots: u32,
    /// A node that stays with all that is in it, by its path (may be given several
    /// times); `/` keeps the root's own properties
    #[arg(long, value_name = "PATH", value_parser = node)]
    pub keep: Vec<String>,
    /// Print what came out as JSON
    #[arg(long)]
    pub json: bool,
}

fn node(text: &str) -> Result<String, String> {
    if text == "/" {
        Ok(text.to_owned())
    } else if text.starts_with('/') {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("not the path of a node, such as /amba/uart@101f1000".to_owned())
    }
}
