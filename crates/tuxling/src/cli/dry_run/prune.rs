//! The commands of traces, of pruning and of the search.

use std::path::PathBuf;

use ::prune::trace::{Marked, conditions};
use builder::system::output_folder;
use trial::check;
use vm::machine::qemu::{Accelerator, Clock};

use super::boot::{CheckList, HeadlessBoot};
use super::{Ahead, List};
use crate::failure::Result;

/// How a kernel is pruned.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct PruneList {
    /// How many boots the trace has at most.
    pub runs: usize,
    /// How many boots in a row have to pass.
    pub boots: usize,
    /// Whether adversity is survived, too.
    pub adversity: bool,
}

impl List<'_> {
    /// The whole kernel, and the boots that show what of it runs.
    pub(in crate::cli) fn trace(&mut self, runs: usize) -> Result<()> {
        let built = self.sectioned()?;
        self.traces(&built, runs)
    }

    /// The trace, and what is linked and booted from it.
    pub(in crate::cli) fn prune(&mut self, wanted: PruneList) -> Result<()> {
        let built = self.sectioned()?;
        self.pruned(&built, wanted)
    }

    /// The kernel of a certificate, made again.
    pub(in crate::cli) fn verify(&mut self) -> Result<()> {
        let built = self.sectioned()?;
        self.phase("pruned kernel");
        self.relink(&built, &self.sectioned_flags())?;
        self.note("its bytes are compared with the certificate's");
        Ok(())
    }

    /// The search, and pruning at its end unless `pruned` is `None`.
    pub(in crate::cli) fn shrink(
        &mut self,
        trials: usize,
        pruned: Option<PruneList>,
    ) -> Result<()> {
        let built = self.whole_build()?;
        self.boots(CheckList::default(), &built.compiler)?;
        self.phase("search");
        self.note(format!(
            "each trial is the commands above for a recipe with other options, applets or formats,\n\
             {trials} at once; which trials come depends on what the ones before came to"
        ));
        if let Some(wanted) = pruned {
            self.note("what follows is done with what the search has found");
            self.phase("whole kernel");
            self.kernel(&built, &self.sectioned_flags())?;
            self.pruned(&built, wanted)?;
        }
        Ok(())
    }

    fn sectioned_flags(&self) -> Vec<String> {
        ::prune::subject::sectioned(self.plan).kernel.cflags
    }

    /// The build of the kernel whose functions have sections of their own.
    fn sectioned(&mut self) -> Result<Ahead> {
        let built = self.prepare()?;
        self.phase("whole kernel");
        self.kernel(&built, &self.sectioned_flags())?;
        let folder = self.whole_folder();
        self.phase("outputs");
        self.note(format!("copied to {}", folder.display()));
        Ok(built)
    }

    fn whole_folder(&self) -> PathBuf {
        output_folder(self.plan, &self.request.options).join("whole")
    }

    fn traces(&mut self, built: &Ahead, runs: usize) -> Result<()> {
        self.phase("QEMU");
        check::qemu_version(self.plan, &self.session)?;
        self.take_recorded();
        self.agent(&built.compiler, "agent")?;
        self.phase("marked kernel");
        self.relink(built, &self.sectioned_flags())?;
        let dir = output_folder(self.plan, &self.request.options).join("trace");
        let mut all = conditions::all(self.plan);
        all.truncate(runs.max(1));
        let whole = self.whole_folder();
        self.note(
            "a kernel that chooses its address (RANDOMIZE_BASE) has `nokaslr` behind the command \
             line of every boot",
        );
        for condition in &all {
            self.phase(&format!("trace: {}", condition.words()));
            let mut machine = check::machine(self.plan, &whole, Accelerator::Tcg, &[]);
            machine.kernel = dir.join("kernel/image");
            machine.extra = Marked::logging(&dir.join("in_asm.log"));
            condition.apply(&mut machine);
            if condition.loaded {
                let busy = condition.load(&self.session.processes);
                drop(busy);
                self.take_recorded();
            }
            let boot = HeadlessBoot {
                dir: &dir.join("boot"),
                clock: Clock::Host,
                checks: &condition.checks(self.plan).checks,
                watched: false,
            };
            self.headless(&machine, boot)?;
        }
        self.phase("trace: again");
        self.note(format!(
            "the conditions that add most, until nothing new runs; {runs} boots at most in all"
        ));
        Ok(())
    }

    fn pruned(&mut self, built: &Ahead, wanted: PruneList) -> Result<()> {
        self.traces(built, wanted.runs)?;
        if wanted.adversity {
            self.phase("adversity");
            self.agent(&built.compiler, "adversary")?;
            self.note(
                "the whole system is traced under each case of `tuxling check --adversity`, and \
                 the pruned one has to survive those that it survived",
            );
        }
        self.phase("pruned kernel");
        self.relink(built, &self.sectioned_flags())?;
        self.note(format!(
            "it is booted as in the trace; what a trap names is put back and it is linked again,\n\
             as often as it takes; then {} boots of each kind pass in a row",
            wanted.boots
        ));
        Ok(())
    }
}
