//! How a board of the user's is loaded and started.

use std::path::Path;

use host::process::Processes;
use recipe::hands::HandsPlan;
use recipe::labgrid::LabgridPlace;
use recipe::plan::ConsoleLine;

use super::board::BoardLines;
use super::hands;
use super::labgrid::LabgridBoard;
use super::target::Target;
use super::watch::Progress;
use crate::error::Result;
use crate::machine::qemu::{Files, Machine};

/// Acquires a farm's place, loads its board and switches it on, for somebody at
/// its console.
///
/// # Errors
/// When the place can't be had, or the board isn't on.
pub fn start_at_place(
    processes: &Processes,
    place: &LabgridPlace,
    hands: &HandsPlan,
    loaded: &Machine,
    dir: &Path,
) -> Result<LabgridBoard> {
    let mut board = LabgridBoard::acquire(processes, place, loaded, dir)?;
    hands::load(processes, hands, loaded)?;
    board.switch_on(processes.cancel(), hands.load_limit)?;
    Ok(board)
}

/// A board before its start.
pub(super) struct Starting<'a> {
    pub processes: &'a Processes,
    pub lines: &'a BoardLines,
    /// What it is loaded with.
    pub loaded: &'a Machine,
    /// Where the boot's files are.
    pub dir: &'a Path,
    /// Those that the lines are written to.
    pub files: &'a Files,
}

impl Starting<'_> {
    /// Loads it, opens the lines and switches it on, or says what is to be done
    /// by hand.
    pub(super) fn start(self, on_progress: &mut dyn FnMut(Progress<'_>)) -> Result<Target> {
        let (processes, lines, loaded) = (self.processes, self.lines, self.loaded);
        let (console, mut place) = match &lines.console {
            ConsoleLine::Serial(port) => (port.clone(), None),
            ConsoleLine::Labgrid(place) => {
                let board = LabgridBoard::acquire(processes, place, loaded, self.dir)?;
                (board.console().clone(), Some(board))
            }
        };
        hands::load(processes, &lines.hands, loaded)?;
        let mut target = Target::board(&console, lines.channel.as_ref(), self.files)?;
        if !lines.start_by_themselves() {
            let doing = match lines.hands.load {
                Some(_) => "the board is loaded; start it:",
                None => "load and start on the board:",
            };
            let text = format!(
                "{}\nthe console is read at {console}; Ctrl-C ends the wait",
                by_hand(doing, loaded)
            );
            on_progress(Progress::BoardAwaited(&text));
        }
        hands::power(processes, &lines.hands, true)?;
        if let Some(board) = &mut place {
            board.switch_on(processes.cancel(), lines.hands.load_limit)?;
        }
        target.held_by(place);
        Ok(target)
    }
}

/// What the user is to do, with what.
#[must_use]
pub fn by_hand(doing: &str, machine: &Machine) -> String {
    let mut text = format!("{doing}\n  kernel        {}", machine.kernel.display());
    if let Some(initrd) = &machine.initrd {
        text.push_str(&format!("\n  ramdisk       {}", initrd.display()));
    }
    text.push_str(&format!("\n  command line  {}", machine.cmdline));
    text
}
