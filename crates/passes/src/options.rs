//! The kernel's options: what turning each off would win, what goes with it,
//! and whether any of its code ran.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use farm::fixed::Fixed;
use kbuild::Objects;
use kconfig::{Configuration, SymbolId, SymbolKind, Tristate};
use serde::{Deserialize, Serialize};
use shrink::ChangeId;

use super::{CONSTANTS, Edit, INSIDE, MESSAGES, UNUSED, USED, Way, Ways, constants, request};
use recipe::security::is_security;

/// What ran in a boot, by object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ran {
    /// Objects of which some code ran that isn't the kernel's `__init` code.
    pub objects: BTreeSet<String>,
    /// Those of which a system call's own function ran.
    pub calls: BTreeSet<String>,
}

/// What is known of a kernel that was built and booted.
#[derive(Clone, Debug, Default)]
pub struct Insight {
    /// What brings each object in.
    pub objects: Objects,
    /// Bytes of the payload by object.
    pub shares: BTreeMap<String, u64>,
    /// What of it ran.
    pub ran: Ran,
    /// How many objects name each option: so many are compiled again when it
    /// changes.
    pub reach: BTreeMap<String, usize>,
}

impl Insight {
    /// How long a trial takes in which these options change: a link, a boot,
    /// and the objects that name them.
    fn trial_time(&self, options: &[String]) -> Duration {
        let reach = |option: &String| self.reach.get(option).copied().unwrap_or(0);
        let objects: usize = options.iter().map(reach).sum();
        // Few objects are named twice; no more than all are compiled.
        let objects = objects.min(self.objects.reasons.len()) as u32;
        TRIAL + OBJECT * objects
    }
}

/// The link and the boot of a trial.
const TRIAL: Duration = Duration::from_secs(20);

/// Compiling an object again. Only the relation to [`TRIAL`] matters: what
/// changes a header that everything includes costs as much as a kernel.
const OBJECT: Duration = Duration::from_millis(250);

/// What an option wins at least, when nothing is known of it.
const SOME_BYTES: u64 = 96;

/// What a kernel says when something is wrong with it: without, it fails in
/// silence, and a search learns less from each failure.
const VOICE: &[&str] = &["PRINTK", "BUG"];

/// How probably a system needs an option that answers a system call which its
/// programs made.
const CALLED: f64 = 0.5;

/// Adds a change for each option that can be turned off.
pub fn add(
    ways: &mut Ways,
    configuration: &mut Configuration<'_>,
    insight: &Insight,
    fixed: &Fixed,
) {
    let by_option = by_option(&insight.objects);
    let mut gone_with: Vec<(SymbolId, Vec<SymbolId>)> = Vec::new();
    for id in switched_on(configuration, fixed) {
        let name = name_of(configuration, id);
        let Ok(off) = configuration.tree().request(&name, "n") else {
            continue;
        };
        let changes = configuration.what_if(std::slice::from_ref(&off));
        let off: Vec<SymbolId> = changes
            .iter()
            .filter(|change| change.after == "n" && change.before != "n")
            .map(|change| change.symbol)
            .collect();
        // Selected: it goes when those go that select it.
        if off.is_empty() && configuration.lower_bound(id) == Tristate::No {
            continue;
        }
        // What stays would change with it.
        let touches = |change: &kconfig::Change| {
            change.symbol != id && fixed.has(&name_of(configuration, change.symbol))
        };
        if changes.iter().any(touches) {
            continue;
        }
        let names: Vec<String> = off.iter().map(|&o| name_of(configuration, o)).collect();
        // It holds others down and has nothing of its own: PROCESSOR_SELECT.
        let on = changes
            .iter()
            .any(|c| c.before == "n" && c.after != "n" && c.symbol != id);
        if on && names.len() <= 1 && !names.iter().any(|n| by_option.contains_key(n.as_str())) {
            continue;
        }
        ways.add(way(&name, &names, insight, &by_option));
        gone_with.push((id, off));
    }
    for (id, off) in gone_with {
        let of = key(&name_of(configuration, id));
        for dependant in off {
            ways.falls_with(&key(&name_of(configuration, dependant)), &of);
        }
        for selector in configuration.selectors(id) {
            if configuration.tristate(selector.by) != Tristate::No {
                ways.falls_with(&key(&name_of(configuration, selector.by)), &of);
            }
        }
    }
}

/// The changes of a configuration that can be had together, those most probably
/// needed last: all but what a kernel speaks with.
///
/// Two options that can each be turned off may hold a third between them that
/// must stay; here one of them is left out.
pub fn together(
    ways: &Ways,
    configuration: &mut Configuration<'_>,
    fixed: &Fixed,
) -> Vec<ChangeId> {
    let (mut all, mut staying) = (Vec::new(), Vec::new());
    for id in ways.space.order() {
        let group = &*ways.space.change(id).group;
        if group == MESSAGES {
            continue;
        }
        let Some(Edit::Options(asked)) = ways.furthest(id) else {
            continue;
        };
        let tree = configuration.tree();
        let asked: Vec<_> = asked
            .iter()
            .filter_map(|r| tree.request(&r.symbol, &r.value).ok())
            .collect();
        let changes = configuration.what_if(&asked);
        let touches = |change: &kconfig::Change| {
            let name = &tree.symbol(change.symbol).name;
            fixed.has(name) || VOICE.contains(&&**name)
        };
        if changes.iter().any(touches) {
            staying.push(id);
        } else {
            configuration.set(&asked);
            all.push(id);
        }
    }
    // What they fall with stays as well.
    let held = ways.space.held_by(&staying);
    all.retain(|id| !held.contains(id));
    all.sort_by_key(|&id| {
        let change = ways.space.change(id);
        let class = match &*change.group {
            CONSTANTS => 0,
            UNUSED => 1,
            INSIDE => 2,
            _ if change.risk.is_none() => 3,
            _ => 4,
        };
        // Of those alike the cheap ones are given back first.
        (class, std::cmp::Reverse(change.gain_bytes()), id)
    });
    all
}

/// What protects and is on, with what it costs: the payload of the files that
/// it brings in, or nothing known where it acts inside others.
pub fn security(
    configuration: &mut Configuration<'_>,
    insight: &Insight,
) -> Vec<(String, Option<u64>)> {
    let by_option = by_option(&insight.objects);
    let tree = configuration.tree();
    let on: Vec<String> = tree
        .defined_options()
        .filter(|(id, symbol)| {
            symbol.ty.is_logical()
                && is_security(&symbol.name)
                && configuration.tristate(*id) != Tristate::No
        })
        .map(|(_, symbol)| symbol.name.to_string())
        .collect();
    on.into_iter()
        .map(|name| {
            let objects = by_option.get(name.as_str());
            let share = |object: &&str| insight.shares.get(*object).copied().unwrap_or(0);
            let bytes = objects.map(|all| all.iter().map(share).sum());
            (name, bytes)
        })
        .collect()
}

/// Options that are on and that a user could turn off, in the order of their
/// definition. Members of a choice are no switches.
fn switched_on(configuration: &Configuration<'_>, fixed: &Fixed) -> Vec<SymbolId> {
    let tree = configuration.tree();
    tree.defined_options()
        .filter(|(id, symbol)| {
            matches!(symbol.kind, SymbolKind::Option)
                && symbol.ty.is_logical()
                && symbol.choice.is_none()
                && !symbol.is_choice()
                && configuration.tristate(*id) != Tristate::No
                && configuration.visibility(*id) != Tristate::No
                && !fixed.has(&symbol.name)
                && !constants::helps(&symbol.name)
        })
        .map(|(id, _)| id)
        .collect()
}

fn way(
    name: &str,
    off: &[String],
    insight: &Insight,
    by_option: &BTreeMap<&str, Vec<&str>>,
) -> Way {
    let objects: BTreeSet<&str> = off
        .iter()
        .flat_map(|option| by_option.get(option.as_str()).into_iter().flatten())
        .copied()
        .collect();
    let share = |object: &&str| insight.shares.get(*object).copied().unwrap_or(0);
    let bytes: u64 = objects.iter().map(share).sum();
    let any = |of: &BTreeSet<String>| objects.iter().any(|object| of.contains(*object));
    let group = if off.iter().any(|option| VOICE.contains(&&**option)) {
        MESSAGES
    } else if objects.is_empty() {
        INSIDE
    } else if any(&insight.ran.objects) {
        USED
    } else {
        UNUSED
    };
    let risk = match group {
        UNUSED => Some(0.004),
        USED if any(&insight.ran.calls) => Some(CALLED),
        _ => None,
    };
    Way {
        key: key(name),
        label: name.to_owned(),
        group,
        edits: vec![Edit::Options(vec![request(name, "n")])],
        gain_bytes: bytes + SOME_BYTES,
        trial_time: insight.trial_time(off),
        risk,
    }
}

/// The objects that each option brings in.
fn by_option(objects: &Objects) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (object, reason) in &objects.reasons {
        for option in &reason.options {
            all.entry(option).or_default().push(object);
        }
    }
    all
}

fn name_of(configuration: &Configuration<'_>, id: SymbolId) -> String {
    configuration.tree().symbol(id).name.to_string()
}

/// The key of an option in the space.
pub fn key(symbol: &str) -> String {
    format!("CONFIG_{symbol}")
}
