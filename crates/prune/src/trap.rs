//! What a stop of a pruned system says, long after it: the addresses that its
//! console printed, read against the kernel made again from its certificate.

use std::collections::BTreeSet;

use builder::kernel::Kernel;
use builder::system::Ingredients;
use host::error::Kind;
use host::session::Session;
use recipe::Plan;
use recipe::plan::PruneLevel;
use schemars::JsonSchema;
use serde::Serialize;
use vm::machine::traps::KernelTraps;
use vmlinux::prune::{FunctionIndex, Missed, Program, TrapRecord};

use crate::card;
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::policy::Kept;
use crate::rebuild::certified_plan;
use crate::rules;
use crate::subject::Subject;

/// Where a stop came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stop {
    /// The function that was missed.
    pub function: Place,
    /// Whether it stays, and only this part of it is gone: offsets in it.
    pub part: Option<(u64, u64)>,
    /// Who called it, where that is known.
    pub caller: Option<Place>,
    /// All that call it by name and stay. None: it is reached through a pointer.
    pub callers: Vec<Place>,
    /// The level that the kernel was pruned to.
    pub level: &'static str,
    /// The rules of `balanced` that name it.
    pub rules: Vec<&'static str>,
}

/// A function as people look for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Place {
    /// Its symbol.
    pub symbol: String,
    /// The object that it was compiled into.
    pub object: String,
}

/// What these addresses of a trap mean in the kernel of a certificate; `None`
/// where no trap is at the first.
pub fn explain(
    plan: &Plan,
    (ingredients, kernel): (&Ingredients, &Kernel),
    certificate: &Certificate,
    record: TrapRecord,
    session: &Session,
) -> Result<Option<Stop>> {
    let plan = certified_plan(plan, certificate);
    let level = certificate
        .level()
        .ok_or(Error::UnknownLevel { kind: Kind::Build })?;
    let subject = Subject::open(&plan, ingredients, session)?;
    let kept = certificate
        .kept_in(&subject.program)
        .map_err(|lacking| Error::FunctionsLacking { lacking })?;
    let wish = kept.wish_of(&subject, level, &plan);
    let pruned = subject.program.prune(&wish)?;
    let place = plan.board.arch.facts().place;
    let path = kernel.vmlinux();
    let Some(traps) = KernelTraps::of_file(&path, place)? else {
        return Ok(None);
    };
    let record = TrapRecord {
        trap: traps.virtual_address(record.trap),
        caller: traps.virtual_address(record.caller),
    };
    let missed = subject.program.missed(&pruned, traps.vmlinux(), record);
    let Some(missed) = missed? else {
        return Ok(None);
    };
    let card = card::objects(&plan, ingredients);
    Ok(stop(&subject.program, &kept, (&missed, &card), level))
}

/// What was missed, in words that people look for.
fn stop(
    program: &Program,
    kept: &Kept,
    (missed, card): (&Missed, &BTreeSet<String>),
    level: PruneLevel,
) -> Option<Stop> {
    let functions = program.functions();
    let place = |index: FunctionIndex| {
        let id = &functions.get(index.0 as usize)?.id;
        Some(Place {
            symbol: id.symbol.clone(),
            object: id.object.clone(),
        })
    };
    let graph = program.graph();
    let stays = |index: &FunctionIndex| kept.roots.contains_key(index);
    let calls = |index: &FunctionIndex| graph.direct_callees(*index).contains(&missed.function);
    let all = (0..functions.len() as u32).map(FunctionIndex);
    let callers = all.filter(stays).filter(calls).filter_map(place);
    let function = place(missed.function)?;
    Some(Stop {
        part: missed.part,
        caller: missed
            .caller
            .filter(|c| *c != missed.function)
            .and_then(place),
        callers: callers.filter(|caller| *caller != function).collect(),
        level: level.word(),
        rules: rules::naming(card, &function.object, &function.symbol),
        function,
    })
}
