//! What `image` takes.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use recipe::medium::Form;

use super::{Common, MachineArgs, Which};

/// `tuxling image`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The image stands beside the other outputs: build/NAME/floppy.img and so on. The
same system gives the same bytes. docs/boot-images.md tells what is on each, how to
write it to a real medium, and how the checks get into one.

Examples:
  tuxling image pc-net.tiny --as floppy --check
  tuxling image mine.toml --as usb --pruned")]
pub(crate) struct ImageArgs {
    /// What every command that builds takes.
    #[command(flatten)]
    pub common: Common,
    /// Which system.
    #[command(flatten)]
    pub which: Which,
    /// What it is to be
    #[arg(long = "as", value_name = "FORM", value_parser = form())]
    pub form: Form,
    /// Boot it by its own firmware in QEMU, with the recipe's checks
    #[arg(long)]
    pub check: bool,
    /// How the machine is run.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Print what was made as JSON
    #[arg(long)]
    pub json: bool,
}

fn form() -> impl TypedValueParser<Value = Form> {
    let values = Form::ALL.map(|form| PossibleValue::new(form.word()).help(form.what()));
    let words = PossibleValuesParser::new(values);
    words.try_map(|word| Form::of_word(&word).ok_or("no form has this name"))
}
