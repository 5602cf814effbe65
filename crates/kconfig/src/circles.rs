//! Symbols that depend on themselves: found in the order in which `conf`
//! looks for them, so that both tell of the same circles.

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::expr::{ExprId, SymbolId};
use crate::model::{Dialect, Kconfig, Property, PropertyKind};
use crate::recursion::{Recursion, RecursionStep};

/// How one symbol leads to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Depends,
    Selected,
    Implied,
    /// The value of the property with this number.
    Value(usize),
    /// The condition of the property with this number.
    Condition(usize),
    /// Between a choice and its members.
    Member,
}

/// A symbol on the way from the start, with the ways on from it.
struct Frame {
    symbol: SymbolId,
    links: Vec<(Link, SymbolId)>,
    next: usize,
    /// For a choice: the members still to be looked at.
    members: Option<std::vec::IntoIter<SymbolId>>,
    /// For a choice: whether it is itself being looked at no more.
    own_done: bool,
    /// Whether this stands for a member that only leads to its choice.
    passage: bool,
}

struct CircleSearch<'k> {
    tree: &'k Kconfig,
    stack: Vec<Frame>,
    on_stack: Vec<bool>,
    checked: Vec<bool>,
    found: Vec<Recursion>,
}

/// All circles of a tree, in the order in which `conf` finds them.
pub(crate) fn find(tree: &Kconfig) -> Vec<Recursion> {
    let count = tree.symbols.len();
    let mut search = CircleSearch {
        tree,
        stack: Vec::new(),
        on_stack: vec![false; count],
        checked: vec![false; count],
        found: Vec::new(),
    };
    let starts: Vec<SymbolId> = match tree.dialect {
        Dialect::Linux6_12 => tree
            .entry_ids()
            .filter_map(|entry| tree.entry(entry).symbol)
            .collect(),
        Dialect::Linux6_1 => tree.hash_order(),
    };
    for start in starts {
        search.from(start);
    }
    search.found
}

pub(crate) fn diagnostic(recursion: &Recursion) -> Option<Diagnostic> {
    let location = recursion.steps.first()?.location.clone();
    let steps: Vec<&str> = recursion.steps.iter().map(|step| &*step.text).collect();
    let message = format!("recursive dependency detected: {}", steps.join(", "));
    Some(Diagnostic {
        severity: Severity::Error,
        location,
        message,
    })
}

impl CircleSearch<'_> {
    fn from(&mut self, start: SymbolId) {
        if self.enter(start) {
            self.abandon();
            return;
        }
        while let Some(frame) = self.stack.last_mut() {
            if let Some(&(_, target)) = frame.links.get(frame.next) {
                frame.next += 1;
                if self.enter(target) {
                    self.abandon();
                }
                continue;
            }
            if let Some(members) = &mut frame.members {
                if !std::mem::replace(&mut frame.own_done, true) {
                    let choice = frame.symbol;
                    self.on_stack[choice.index()] = false;
                    continue;
                }
                if let Some(member) = members.next() {
                    let frame = self.frame(member);
                    self.stack.push(frame);
                    continue;
                }
            }
            self.leave();
        }
    }

    fn leave(&mut self) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        if frame.passage {
            return;
        }
        if frame.members.is_some() {
            self.on_stack[frame.symbol.index()] = false;
            for &member in &self.tree.symbol(frame.symbol).members {
                self.on_stack[member.index()] = false;
            }
        } else if self.tree.symbol(frame.symbol).choice.is_none() {
            self.on_stack[frame.symbol.index()] = false;
        }
    }

    /// After a find the whole way is given up, as `conf` does.
    fn abandon(&mut self) {
        while !self.stack.is_empty() {
            self.leave();
        }
    }

    /// Goes on to a symbol. True if that closes a circle.
    fn enter(&mut self, symbol: SymbolId) -> bool {
        if self.on_stack[symbol.index()] {
            self.report(symbol);
            return true;
        }
        if self.checked[symbol.index()] {
            return false;
        }
        match self.tree.symbol(symbol).choice {
            Some(choice) => {
                self.stack.push(Frame {
                    symbol,
                    links: vec![(Link::Member, choice)],
                    next: 1,
                    members: None,
                    own_done: true,
                    passage: true,
                });
                self.enter_plain(choice)
            }
            None => self.enter_plain(symbol),
        }
    }

    fn enter_plain(&mut self, symbol: SymbolId) -> bool {
        if self.on_stack[symbol.index()] {
            self.report(symbol);
            return true;
        }
        if self.checked[symbol.index()] {
            self.leave();
            return false;
        }
        self.on_stack[symbol.index()] = true;
        self.checked[symbol.index()] = true;
        let mut frame = self.frame(symbol);
        if self.tree.symbol(symbol).is_choice() {
            let members = self.tree.symbol(symbol).members.clone();
            for member in &members {
                self.on_stack[member.index()] = true;
                self.checked[member.index()] = true;
            }
            frame.members = Some(members.into_iter());
            frame.own_done = false;
        }
        self.stack.push(frame);
        false
    }

    fn frame(&self, symbol: SymbolId) -> Frame {
        let tree = self.tree;
        let definition = tree.symbol(symbol);
        let mut links = Vec::new();
        let mut add = |link: Link, expr: ExprId| {
            tree.exprs.for_each_symbol(expr, &mut |target| {
                // In 6.1 a member's conditions name its choice.
                if target > SymbolId::YES && definition.choice != Some(target) {
                    links.push((link, target));
                }
            });
        };
        add(Link::Depends, definition.direct_dependency);
        add(Link::Selected, definition.selected_by);
        add(Link::Implied, definition.implied_by);
        for (number, property) in definition.properties.iter().enumerate() {
            match property.kind {
                PropertyKind::Select(_) | PropertyKind::Imply(_) => continue,
                PropertyKind::Default(value) if !definition.is_choice() => {
                    add(Link::Condition(number), property.condition);
                    add(Link::Value(number), value);
                }
                _ => add(Link::Condition(number), property.condition),
            }
        }
        Frame {
            symbol,
            links,
            next: 0,
            members: None,
            own_done: true,
            passage: false,
        }
    }

    fn report(&mut self, reached: SymbolId) {
        let tree = self.tree;
        // A circle through a member is one through its choice.
        let first = tree.symbol(reached).choice.unwrap_or(reached);
        let Some(from) = self.stack.iter().position(|frame| frame.symbol == first) else {
            return;
        };
        let way: Vec<(SymbolId, Option<Link>)> = self.stack[from..]
            .iter()
            .map(|frame| {
                let link = frame.next.checked_sub(1).and_then(|at| frame.links.get(at));
                (frame.symbol, link.map(|(link, _)| *link))
            })
            .chain((first != reached).then_some((reached, Some(Link::Member))))
            .collect();
        let steps = way
            .iter()
            .enumerate()
            .map(|(at, &(symbol, link))| {
                let next = way.get(at + 1).map_or(first, |(next, _)| *next);
                self.step(symbol, link.unwrap_or(Link::Member), next)
            })
            .collect();
        self.found.push(Recursion { steps });
    }

    fn step(&self, symbol: SymbolId, link: Link, next: SymbolId) -> RecursionStep {
        let tree = self.tree;
        let definition = tree.symbol(symbol);
        let (name, next_name) = (tree.display_name(symbol), tree.display_name(next));
        let property = |number: usize| -> Option<&Property> { definition.properties.get(number) };
        let entry = definition
            .entries
            .first()
            .map(|&entry| tree.entry(entry).location.clone());
        let mut location = match link {
            Link::Value(number) | Link::Condition(number) => {
                property(number).map(|property| property.location.clone())
            }
            _ => entry.clone(),
        };
        let old = tree.dialect == Dialect::Linux6_1;
        let text = if old && definition.is_choice() {
            location = entry;
            format!("choice {name} contains symbol {next_name}")
        } else if old && definition.in_choice {
            location = entry;
            format!("symbol {name} is part of choice {next_name}")
        } else if !old && tree.symbol(next).is_choice() {
            let choice = tree.symbol(next).entries.first();
            let place = choice.map(|&entry| tree.entry(entry).location.to_string());
            let place = place.unwrap_or_default();
            format!("symbol {name} is part of choice block at {place}")
        } else {
            match link {
                Link::Depends | Link::Member => format!("symbol {name} depends on {next_name}"),
                Link::Selected => format!("symbol {name} is selected by {next_name}"),
                Link::Implied => format!("symbol {name} is implied by {next_name}"),
                Link::Value(_) => format!("symbol {name} default value contains {next_name}"),
                Link::Condition(number) => {
                    let kind = match property(number).map(|property| &property.kind) {
                        Some(PropertyKind::Default(_)) => "default",
                        Some(PropertyKind::Range(..)) => "range",
                        _ => "prompt",
                    };
                    format!("symbol {name} {kind} is visible depending on {next_name}")
                }
            }
        };
        let nowhere = || Location {
            file: "<none>".into(),
            line: 0,
            column: 0,
        };
        RecursionStep {
            location: location.unwrap_or_else(nowhere),
            text,
        }
    }
}

impl Kconfig {
    /// The circles of symbols that depend on themselves.
    #[must_use]
    pub fn recursions(&self) -> &[Recursion] {
        &self.recursions
    }
}
