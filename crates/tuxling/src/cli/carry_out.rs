//! A request carried out: its work is done, or the commands are listed that it
//! would start.

use builder::userland::foreseen::foreseen;
use host::Cache;
use host::session::{Progress, Session};

use super::dry_run::{self, List};
use super::processes;
use super::progress::{self, Terminal};
use super::request::Request;
use crate::failure::Result;

impl Request {
    /// Does the work, or lists the commands that it would start.
    pub(super) fn carry_out(
        &self,
        list: impl FnOnce(&mut List) -> Result<()>,
        work: impl FnOnce(&Request, Session) -> Result<()>,
    ) -> Result<()> {
        let terminal = Terminal::new(self.verbose);
        self.foresee(&terminal)?;
        if self.dry_run {
            return dry_run::print_list(self, &terminal, list);
        }
        let mut processes = processes()?;
        if self.verbose {
            processes = processes.on_start(progress::show_command);
        }
        let session = Session::new(processes, Cache::of_user()?, &terminal, self.jobs);
        work(self, session)
    }

    /// Tells what the user land will do wrong, before anything is compiled.
    ///
    /// # Errors
    /// When the kernel could start nothing of it.
    fn foresee(&self, terminal: &Terminal) -> Result<()> {
        for finding in foreseen(&self.plan)? {
            terminal.note(&format!("{finding}\n      mend: {}", finding.mend));
        }
        Ok(())
    }
}
