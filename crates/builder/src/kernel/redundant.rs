//! What a recipe asks of the kernel's configuration and would have anyway.

use std::collections::BTreeMap;

use kconfig::{Configuration, Kconfig, Origin, parse_assignments};
use recipe::config::{Request, spelled};
use recipe::plan::KernelPlan;

use super::dropped::who;
use super::kconfig::Tree;
use crate::error::Result;

/// A request that could be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redundant {
    /// Which of the plan's requests.
    pub index: usize,
    /// What gives the symbol its value instead: `selected by E1000`,
    /// `default y (net/Kconfig:12)`, `asked for by network.nic = "e1000"`.
    pub reason: String,
}

/// Finds the requests of the recipe and its own fragments that could all be
/// left out together without changing the `.config`; the later ones first.
/// What tuxling asks for by itself stays, and so does what doesn't hold: that
/// is an error to be looked at.
pub fn find(tree: &Tree, plan: &KernelPlan) -> Result<Vec<Redundant>> {
    let before = tree.evaluate(plan)?;
    let text = before.to_dotconfig();
    let mut gone = candidates(tree, plan, before)?;
    // The trials keep the order of what was asked only roughly; what counts is
    // what the whole comes to.
    if tree.evaluate(&without(plan, &gone))?.to_dotconfig() != text {
        let mut proven = Vec::new();
        for index in gone {
            proven.push(index);
            if tree.evaluate(&without(plan, &proven))?.to_dotconfig() != text {
                proven.pop();
            }
        }
        gone = proven;
    }
    gone.sort_unstable();
    let rest = without(plan, &gone);
    let after = tree.evaluate(&rest)?;
    let reason = |&index: &usize| Redundant {
        index,
        reason: reason(plan, &gone, &rest, index, &after),
    };
    Ok(gone.iter().map(reason).collect())
}

/// The plan without some of its requests.
pub fn without(plan: &KernelPlan, gone: &[usize]) -> KernelPlan {
    let requests = plan.requests.iter().enumerate();
    KernelPlan {
        requests: requests
            .filter(|(index, _)| !gone.contains(index))
            .map(|(_, request)| request.clone())
            .collect(),
        ..plan.clone()
    }
}

/// Tries one request after the other, from the last to the first, each together
/// with those that were found needless before it.
fn candidates(
    tree: &Tree,
    plan: &KernelPlan,
    mut configuration: Configuration<'_>,
) -> Result<Vec<usize>> {
    let base = base_values(tree, plan)?;
    let mut gone = Vec::new();
    for (index, request) in plan.requests.iter().enumerate().rev() {
        if request.lenient {
            continue;
        }
        if later(plan, &gone, index).is_some() {
            gone.push(index);
            continue;
        }
        let Some(asked) = in_engine(&tree.kconfig, &request.symbol, &spelled(request)) else {
            continue;
        };
        if !configuration.holds(&asked) {
            continue;
        }
        let instead = match earlier(plan, index) {
            Some(request) => Some(spelled(request)),
            None => base.get(&request.symbol).cloned(),
        };
        let value = instead.and_then(|value| in_engine(&tree.kconfig, &request.symbol, &value));
        if configuration.set_if_unchanged(&kconfig::Request {
            symbol: asked.symbol,
            value: value.and_then(|request| request.value),
        }) {
            gone.push(index);
        }
    }
    Ok(gone)
}

fn in_engine(tree: &Kconfig, symbol: &str, value: &str) -> Option<kconfig::Request> {
    tree.request(symbol, value).ok()
}

/// What the base configuration says of each symbol.
fn base_values(tree: &Tree, plan: &KernelPlan) -> Result<BTreeMap<String, String>> {
    let text = tree.base(plan)?;
    let (assignments, _) = parse_assignments(&text, tree.kconfig.dialect());
    let value = |one: kconfig::Assignment| (one.name, one.value);
    Ok(assignments.into_iter().map(value).collect())
}

/// The request that counts instead of this one, because it comes later.
fn later<'p>(plan: &'p KernelPlan, gone: &[usize], index: usize) -> Option<&'p Request> {
    let symbol = &plan.requests[index].symbol;
    let after = plan.requests.iter().enumerate().skip(index + 1);
    after
        .filter(|(at, request)| request.symbol == *symbol && !gone.contains(at))
        .map(|(_, request)| request)
        .next_back()
}

/// The request for the same symbol that counts once this one is gone.
fn earlier(plan: &KernelPlan, index: usize) -> Option<&Request> {
    let symbol = &plan.requests[index].symbol;
    let before = plan.requests[..index].iter();
    before.rev().find(|request| request.symbol == *symbol)
}

/// What gives a symbol its value without the request.
fn reason(
    plan: &KernelPlan,
    gone: &[usize],
    rest: &KernelPlan,
    index: usize,
    after: &Configuration<'_>,
) -> String {
    let request = &plan.requests[index];
    if let Some(later) = later(plan, gone, index) {
        return format!("overridden by {}", later.by);
    }
    match after.tree().find(&request.symbol) {
        Some(symbol) if after.origin(symbol) == Origin::User => who(rest, &request.symbol),
        Some(symbol) => after.because(symbol),
        None => who(rest, &request.symbol),
    }
}
