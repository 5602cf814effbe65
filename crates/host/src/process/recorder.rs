//! Commands that are recorded in place of being started: what `--dry-run`
//! prints.

use std::sync::{Arc, Mutex, PoisonError};

use super::Cmd;

/// What was to be started, shared by all copies of a starter.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<Cmd>>>);

impl Recorder {
    /// Keeps a command.
    pub(super) fn take_in(&self, cmd: &Cmd) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(cmd.clone());
    }

    /// Gives away what was kept.
    pub(super) fn take(&self) -> Vec<Cmd> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept)
    }
}
