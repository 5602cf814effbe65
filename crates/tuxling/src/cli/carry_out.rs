//! A request carried out: its work is done, or the commands are listed that it
//! would start.

use builder::system::output_folder;
use builder::userland::foreseen::foreseen;
use host::Cache;
use host::process::Processes;
use host::session::{Progress, Session};

use super::dry_run::{self, List};
use super::processes;
use super::progress::{self, Terminal};
use super::request::Request;
use crate::doctor::{self, Subject};
use crate::failure::Result;

/// What the work of a command needs of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing that could be told before it is come to.
    Little,
    /// What builds a system.
    Build,
    /// What builds a system and boots it.
    Boot,
}

impl Request {
    /// Does the work, or lists the commands that it would start.
    pub(super) fn carry_out(
        &self,
        needs: Needs,
        list: impl FnOnce(&mut List) -> Result<()>,
        work: impl FnOnce(&Request, Session) -> Result<()>,
    ) -> Result<()> {
        let terminal = Terminal::new(self.verbose);
        self.foresee(&terminal)?;
        if self.dry_run {
            return dry_run::print_list(self, &terminal, list);
        }
        let (mut processes, cache) = (processes()?, Cache::of_user()?);
        self.refuse_lacking(needs, &processes, &cache)?;
        if self.verbose {
            processes = processes.on_start(progress::show_command);
        }
        let session = Session::new(processes, cache, &terminal, self.jobs);
        work(self, session)
    }

    /// Says all that this machine lacks at once, before anything is begun.
    pub(super) fn refuse_lacking(
        &self,
        needs: Needs,
        processes: &Processes,
        cache: &Cache,
    ) -> Result<()> {
        let plan = &self.plan;
        let output = output_folder(plan, &self.options);
        let subject = Subject {
            plan: Some(plan),
            processes,
            cache: cache.root(),
            output: &output,
            linux: None,
            busybox: None,
        };
        // A board of the user's needs no QEMU.
        let boots = needs == Needs::Boot && plan.machine.console.is_none();
        // Where no kernel was built yet, a library may be missing, too.
        let first = !cache.root().join("kernels").exists();
        match needs {
            Needs::Little => Ok(()),
            Needs::Build | Needs::Boot => match doctor::lacking(&subject, boots, first) {
                Some(failure) => Err(failure),
                None => Ok(()),
            },
        }
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
