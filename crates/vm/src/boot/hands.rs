//! What loads a board and switches it, in place of hands: commands of the user's.

use std::path::Path;
use std::time::Duration;

use host::process::{Cancel, Cmd, Processes};
use recipe::hands::{HandsPlan, HostCommand, Loaded};

use crate::error::{Error, Result};
use crate::machine::qemu::Machine;

/// A switch takes no longer.
const POWER_LIMIT: Duration = Duration::from_secs(30);

/// Switches the board off, if anything does, and loads it.
///
/// # Errors
/// When a command fails or takes too long.
pub(super) fn load(processes: &Processes, hands: &HandsPlan, machine: &Machine) -> Result<()> {
    power(processes, hands, false)?;
    let Some(load) = &hands.load else {
        return Ok(());
    };
    let shown = |path: &Path| path.display().to_string();
    let words = load.loading(&Loaded {
        kernel: &shown(&machine.kernel),
        ramdisk: &machine.initrd.as_deref().map(shown).unwrap_or_default(),
        device_tree: &machine
            .device_tree
            .as_deref()
            .map(shown)
            .unwrap_or_default(),
        cmdline: &machine.cmdline,
    });
    run(processes, "load", load, &words, hands.load_limit)
}

/// Switches the board, where something does.
///
/// # Errors
/// When the command fails or takes too long.
pub(super) fn power(processes: &Processes, hands: &HandsPlan, on: bool) -> Result<()> {
    match &hands.power {
        Some(power) => run(processes, "power", power, &power.switching(on), POWER_LIMIT),
        None => Ok(()),
    }
}

/// Switches the board off at the end, also when the user wants to stop.
///
/// # Errors
/// When the command fails or takes too long.
pub(super) fn leave(processes: &Processes, hands: &HandsPlan) -> Result<()> {
    let processes = Processes::new(processes.executable(), Cancel::default());
    power(&processes, hands, false)
}

fn run(
    processes: &Processes,
    key: &'static str,
    command: &HostCommand,
    words: &[String],
    limit: Duration,
) -> Result<()> {
    let (program, arguments) = words.split_first().map_or(("", words), |(p, a)| (&**p, a));
    // A path is the recipe's; a bare name is looked up.
    let program = if program.contains('/') {
        command.dir.join(program).display().to_string()
    } else {
        program.to_owned()
    };
    let cmd = Cmd::new(program)
        .args(arguments)
        .dir(&command.dir)
        .limit(limit);
    match processes.run(&cmd) {
        Ok(_) => Ok(()),
        Err(host::process::ProcessError::Interrupted { signal }) => {
            Err(host::Error::Interrupted { signal }.into())
        }
        Err(error) => Err(Error::Hands { key, error }),
    }
}
