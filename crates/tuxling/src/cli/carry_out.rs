//! A request carried out: its work is done, or the commands are listed that it
//! would start.

use host::Cache;
use host::session::Session;

use super::dry_run::{self, List};
use super::processes;
use super::progress::Terminal;
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
        if self.dry_run {
            return dry_run::print_list(self, &terminal, list);
        }
        let session = Session::new(processes()?, Cache::of_user()?, &terminal, self.jobs);
        work(self, session)
    }
}
