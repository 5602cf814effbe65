//! How a board of the user's is loaded and started.

use std::path::Path;
use std::time::Duration;

use host::process::Processes;
use recipe::hands::HandsPlan;
use recipe::labgrid::LabgridPlace;
use recipe::plan::ConsoleLine;
use recipe::serial_port::SerialPort;

use super::hands;
use super::labgrid::LabgridBoard;
use super::target::Target;
use super::watch::Progress;
use crate::check::typist::Calling;
use crate::error::Result;
use crate::machine::qemu::{Files, Machine};

/// A board's console that has printed something is silent for so long before
/// anything is typed there: boot loaders count down by the second.
const QUIET: Duration = Duration::from_secs(2);

/// The serial lines to a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardLines {
    /// To its console.
    pub console: ConsoleLine,
    /// To the port that the checks' agent talks over.
    pub channel: Option<SerialPort>,
    /// What loads the board and switches it.
    pub hands: HandsPlan,
}

impl BoardLines {
    /// Whether nobody has to do anything by hand.
    pub(super) fn start_by_themselves(&self) -> bool {
        self.hands.are_all() || matches!(self.console, ConsoleLine::Labgrid(_))
    }

    /// When its shell may be called: one that is up already may be asked at once.
    pub(super) fn calling(&self) -> Calling {
        match self.start_by_themselves() {
            true => Calling::NotBefore(QUIET),
            false => Calling::After(QUIET),
        }
    }
}

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
            on_progress(Progress::BoardAwaited(&self.by_hand(&console)));
        }
        hands::power(processes, &lines.hands, true)?;
        if let Some(board) = &mut place {
            board.switch_on(processes.cancel(), lines.hands.load_limit)?;
        }
        target.held_by(place);
        Ok(target)
    }

    /// What the user is to do.
    fn by_hand(&self, console: &SerialPort) -> String {
        let doing = match self.lines.hands.load {
            Some(_) => "the board is loaded; start it:",
            None => "load and start on the board:",
        };
        let machine = self.loaded;
        let mut text = format!("{doing}\n  kernel        {}", machine.kernel.display());
        if let Some(initrd) = &machine.initrd {
            text.push_str(&format!("\n  ramdisk       {}", initrd.display()));
        }
        text.push_str(&format!(
            "\n  command line  {}\nthe console is read at {console}; Ctrl-C ends the wait",
            machine.cmdline
        ));
        text
    }
}
