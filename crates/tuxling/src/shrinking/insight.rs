//! What a search knows of a system before it begins: where its bytes are, and
//! which of its code ran.

use std::collections::BTreeMap;
use std::path::Path;

use builder::kernel::relink::Bench;
use builder::kernel::what_if::WhatIf;
use builder::source::Source;
use builder::system::{Ingredients, System};
use host::error::Kind;
use host::session::{Cached, Session};
use measure::built;
use measure::bytes::Kernel;
use prune::trace::conditions::Condition;
use prune::trace::ranges::Ranges;
use prune::trace::{Marked, Runner, executed};
use recipe::Plan;
use record::Outcome;
use vm::boot::Observation;
use vmlinux::Code;
use vmlinux::attribution::What;

use crate::failure::{Failure, Result};
use passes::options::{Insight, Ran};

/// How the functions begin that system calls come to
/// (include/linux/syscalls.h, arch/x86/include/asm/syscall_wrapper.h).
const CALLS: &[&str] = &[
    "sys_",
    "__do_sys_",
    "__se_sys_",
    "__ia32_sys_",
    "__x64_sys_",
];

/// How often a system is booted to see what runs, as long as checks fail.
const BOOTS: usize = 3;

/// Looks at a system's bytes, and boots it once by QEMU's translator, unless it
/// is known already which objects ran.
pub(crate) fn of_system(
    plan: &Plan,
    system: &System,
    linux: &Source,
    known: Option<Ran>,
    session: &Session,
) -> Result<Insight> {
    let (kernel, attributed, objects) = built::of_kernel(&system.kernel, linux, plan.board.arch)?;
    let mut shares: BTreeMap<String, u64> = BTreeMap::new();
    for leaf in &attributed.leaves {
        if let (Some(object), Some(share)) = (&leaf.object, leaf.share) {
            *shares.entry(object.clone()).or_default() += share;
        }
    }
    let ran = session.phase("coverage", || match known {
        Some(ran) => Ok(Cached::hit(ran)),
        None => ran(plan, system, &kernel, session).map(Cached::fresh),
    })?;
    Ok(Insight {
        objects,
        shares,
        ran,
        reach: BTreeMap::new(),
    })
}

/// How many objects of a kernel that was built name each option.
pub(crate) fn reach(
    plan: &Plan,
    ingredients: &Ingredients,
    session: &Session,
) -> Result<BTreeMap<String, usize>> {
    let bench = Bench::open(ingredients.kernel_input(plan), session)?;
    Ok(WhatIf::new(&bench)?.reach())
}

/// What ran that isn't the kernel's `__init` code.
fn ran(plan: &Plan, system: &System, kernel: &Kernel, session: &Session) -> Result<Ran> {
    let runner = Runner::new(plan, system, session)?;
    let path = system.kernel.vmlinux();
    let file = std::fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
    let code = Code::parse(&file)
        .map_err(|e| Failure::new(Kind::Build, format!("{}: {e}", path.display())))?;
    let dir = system.output.join("coverage");
    std::fs::create_dir_all(&dir).map_err(|e| host::Error::file("make the folder", &dir, e))?;
    let log = dir.join("in_asm.log");
    let executed = pass_logged(&runner, system, &dir, &log, session)
        .and_then(|()| Ok(executed(&log, runner.layout(&code))?));
    let _ = std::fs::remove_file(&log);
    Ok(touched(kernel, &executed?))
}

/// Boots a system by QEMU's translator, which logs what it translates.
fn pass_logged(
    runner: &Runner,
    system: &System,
    dir: &Path,
    log: &Path,
    session: &Session,
) -> Result<()> {
    let boot = || {
        runner.boot(
            &system.kernel.dir,
            &dir.join("boot"),
            &Condition::default(),
            Marked::logging(log),
            &Observation::default(),
            session,
        )
    };
    let mut report = boot()?;
    // A busy host breaks the time limits of checks: once is no verdict.
    for _ in 1..BOOTS {
        if report.outcome != Outcome::CheckFailed {
            break;
        }
        report = boot()?;
    }
    match report.failed() {
        None => Ok(()),
        Some(failed) => Err(failed.into()),
    }
}

/// The objects that executed addresses belong to, and which of them have a
/// system call that ran.
fn touched(kernel: &Kernel, executed: &Ranges) -> Ran {
    let attribution = &kernel.attribution;
    let mut ran = Ran::default();
    for range in executed.to_vec() {
        // A block may span the end of one function and the next one's begin.
        let mut address = range.start;
        while address < range.end {
            let Some(piece) = attribution.at(address).map(|at| &attribution.pieces[at]) else {
                break;
            };
            // What runs once at boot says little of what is needed.
            let at_boot = piece
                .input
                .is_some_and(|name| attribution.names[name].starts_with(".init"));
            if let Some(object) = piece.object.filter(|_| !at_boot) {
                let object = &attribution.objects[object];
                if let What::Symbol(index) = piece.what
                    && is_call(&kernel.elf.symbols[index].name)
                {
                    ran.calls.insert(object.clone());
                }
                ran.objects.insert(object.clone());
            }
            address = (piece.address + piece.bytes.max(1)).max(address + 1);
        }
    }
    ran
}

/// Whether a function is what a system call comes to.
fn is_call(function: &str) -> bool {
    CALLS.iter().any(|start| function.starts_with(start))
}
