//! The kernel that is pruned: compiled with a section for each function, read
//! into the engine, and linked again and again.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use builder::kernel::build::{DATA_SECTIONS, FUNCTION_SECTIONS};
use builder::kernel::relink::{Bench, LinkedObject};
use builder::system::Ingredients;
use host::session::Session;
use recipe::Plan;
use recipe::arch::Arch;
use recipe::plan::ModulesPlan;
use vmlinux::prune::{
    EntrySizes, FunctionIndex, Graph, Input, PROBE, Program, Pruned, Role, Unsupported, Wish,
    unsupported, verify,
};

use crate::error::{Error, Result};
use crate::handler;
use crate::loading::{self, Loaded, Pager};

/// A kernel that can be pruned.
#[derive(Debug)]
pub struct Subject<'a> {
    bench: Bench<'a>,
    /// Its objects, resolved.
    pub program: Program,
    /// Whether it may come to several CPUs.
    pub several_cpus: bool,
    /// What loads what is pruned, where the plan says so.
    pager: Option<Pager>,
}

/// A kernel's functions, and who calls whom among them.
#[derive(Clone, Copy, Debug)]
pub struct CallGraph<'a> {
    /// The functions.
    pub program: &'a Program,
    /// The calls.
    pub graph: &'a Graph,
}

/// The plan of the kernel that is pruned: each function and each variable has a
/// section of its own.
pub fn sectioned(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    // What it was pruned to before says nothing of what is compiled.
    plan.prune.certificate = None;
    for flag in [FUNCTION_SECTIONS, DATA_SECTIONS] {
        if !plan.kernel.cflags.iter().any(|f| f == flag) {
            plan.kernel.cflags.push(flag.to_owned());
        }
    }
    plan
}

impl<'a> Subject<'a> {
    /// Compiles the kernel of a [`sectioned`] plan and reads its objects.
    pub fn open(
        plan: &'a Plan,
        ingredients: &'a Ingredients,
        session: &Session,
    ) -> Result<Subject<'a>> {
        let bench = Bench::open(ingredients.kernel_input(plan), session)?;
        let mut objects = bench.objects()?;
        objects.push(handler::object(plan, &bench, session)?);
        objects.extend(loading::object(plan, &bench, session)?);
        let sizes = entry_sizes(&bench, session)?;
        let inputs: Vec<Input> = objects.iter().map(input).collect();
        let program = Program::load(&inputs, &bench.script()?, &sizes)?;
        let pager = Pager::find(plan, &program)?;
        Ok(Subject {
            bench,
            several_cpus: several_cpus(&program, plan),
            program,
            pager,
        })
    }

    /// Changes a wish for a kernel that loads what is pruned, but for what nobody
    /// can call.
    pub fn put_aside(&self, wish: &mut Wish, closed: &BTreeSet<FunctionIndex>) {
        if let Some(pager) = &self.pager {
            pager.put_aside(wish, |f| closed.contains(&f));
        }
    }

    /// Prunes, links, and fills `dir` with what a kernel's folder holds. The
    /// objects are read again and verified before they are linked.
    pub fn link(&self, wish: &Wish, dir: &Path, session: &Session) -> Result<Relinked> {
        let started = Instant::now();
        let mut pruned = self.program.prune(wish)?;
        verify::check(&self.program, &pruned)?;
        let rewrite = started.elapsed();
        std::fs::create_dir_all(dir).map_err(|e| host::Error::file("make the folder", dir, e))?;
        let pager = self.pager.as_ref().filter(|_| !wish.hooks.is_empty());
        let Some(pager) = pager else {
            self.bench.link(&pruned.archive(), None, dir, session)?;
            return Ok(Relinked {
                pruned,
                rewrite,
                loaded: None,
            });
        };
        let stored = pager.fill((&self.program, &self.bench), &mut pruned, session)?;
        let lines = pager.lines();
        self.bench
            .link(&pruned.archive(), Some(&lines), dir, session)?;
        let path = dir.join("vmlinux");
        let vmlinux = std::fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
        stored.verify(&vmlinux)?;
        Ok(Relinked {
            pruned,
            rewrite,
            loaded: Some(stored.loaded),
        })
    }

    /// Keeps the link of the kernel that was linked last beside it, for those who
    /// ask where its bytes are.
    pub fn keep_link(&self, dir: &Path, session: &Session) -> Result<()> {
        Ok(self.bench.keep_link(dir, session)?)
    }
}

/// A kernel that was linked again.
#[derive(Debug)]
pub struct Relinked {
    /// What the engine says of it.
    pub pruned: Pruned,
    /// How long taking apart, rewriting and verifying took.
    pub rewrite: Duration,
    /// What it loads when something first needs it.
    pub loaded: Option<Loaded>,
}

const SMP: &str = "CONFIG_SMP";

/// Whether a plan's kernel may come to several CPUs. On an architecture all of whose
/// kernels are for several, the machine says.
fn several_cpus(program: &Program, plan: &Plan) -> bool {
    let alone = plan.board.arch.facts().always_smp && plan.machine.cpus == 1;
    program.has_copies_for_each_cpu() && !alone
}

/// Refuses machines on which a trap wouldn't stop all CPUs though their kernels are
/// of no other kind.
pub fn refuse_cpus(plan: &Plan) -> Result<()> {
    let facts = plan.board.arch.facts();
    if plan.machine.cpus == 1 || !facts.always_smp || facts.trap_stops_all_cpus {
        return Ok(());
    }
    let why = "a trap of its kernels stops one CPU alone: leave `cpus` out";
    let refused = vec![Unsupported { option: SMP, why }];
    Err(Error::Unsupported { refused })
}

/// Refuses modules, before they are compiled for nothing: what reads the resolved
/// configuration comes after them.
pub fn refuse_modules(plan: &Plan) -> Result<()> {
    if plan.kernel.modules == ModulesPlan::None {
        return Ok(());
    }
    let refused = unsupported(|option| (option == "CONFIG_MODULES").then_some("y"));
    Err(Error::Unsupported { refused })
}

/// Refuses a configuration that can't be pruned, before anything is compiled.
pub fn refuse_unsupported(config: &str, arch: Arch) -> Result<()> {
    let values = kconfig::dotconfig::ConfigValues::parse(config);
    let mut refused = unsupported(|option| values.stated(option));
    let (facts, smp) = (arch.facts(), values.stated(SMP) == Some("y"));
    if smp && !facts.trap_stops_all_cpus && !facts.always_smp {
        let why = "what is missing would stop one CPU, and the others would go on";
        refused.insert(0, Unsupported { option: SMP, why });
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::Unsupported { refused })
}

fn input(object: &LinkedObject) -> Input<'_> {
    Input {
        name: &object.name,
        bytes: &object.bytes,
        role: if object.library {
            Role::Library
        } else {
            Role::Always
        },
    }
}

/// Asks the tree itself, by a file that is compiled with its headers.
fn entry_sizes(bench: &Bench, session: &Session) -> Result<EntrySizes> {
    let object = bench.compile("sizes.c", PROBE, session)?;
    Ok(EntrySizes::of_probe(&object)?)
}

#[cfg(test)]
mod tests {
    use host::error::Kind;

    use super::*;

    #[test]
    fn what_cant_be_pruned_is_refused_by_its_name() {
        let error = refuse_unsupported("CONFIG_SMP=y\nCONFIG_KALLSYMS=y\n", Arch::Arm)
            .expect_err("both are unsupported");
        assert_eq!(error.kind(), Kind::Config);
        assert_eq!(
            error.to_string(),
            "a kernel with CONFIG_SMP can't be pruned yet"
        );
        let Error::Unsupported { refused } = error else {
            panic!("{error}");
        };
        assert!(refused.iter().any(|u| u.option == "CONFIG_KALLSYMS"));
        refuse_unsupported("# CONFIG_SMP is not set\n", Arch::Arm).expect("it is off");
        refuse_unsupported("CONFIG_SMP=y\n", Arch::X86_64).expect("its handler stops them all");
    }
}
