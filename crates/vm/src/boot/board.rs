//! The lines to a board of the user's.

use std::time::Duration;

use recipe::hands::HandsPlan;
use recipe::plan::ConsoleLine;
use recipe::serial_port::SerialPort;

use crate::check::typist::Calling;

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
        if self.start_by_themselves() {
            Calling::NotBefore(QUIET)
        } else {
            Calling::After(QUIET)
        }
    }
}
