//! From what was read to what it means: dependencies passed down to entries
//! and properties, choices and their members, reverse dependencies, checks.

use rustc_hash::FxHashMap;

use crate::circles;
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::expr::{Expr, ExprId, Known, Relation, SymbolId};
use crate::graph::Graph;
use crate::model::{Dialect, EntryId, EntryKind, Kconfig, PropertyKind, SymbolKind, SymbolType};
use crate::numbers::is_valid_text;
use crate::ordering;
use crate::parser::Parsed;

/// Finishes a tree.
pub(crate) fn finalize(parsed: Parsed, dialect: Dialect) -> Kconfig {
    let main_menu = parsed.entries[0]
        .prompt
        .clone()
        .unwrap_or_else(|| "Main menu".into());
    let mut tree = Kconfig {
        dialect,
        symbols: parsed.symbols,
        options: parsed.options,
        exprs: parsed.exprs,
        entries: parsed.entries,
        modules: parsed.modules.unwrap_or(SymbolId::NO),
        main_menu,
        files: parsed.files,
        used_env: parsed.used_env,
        diagnostics: parsed.diagnostics,
        graph: Graph::default(),
        recursions: Vec::new(),
    };
    match dialect {
        Dialect::Linux6_1 => {
            share_types_6_1(&mut tree);
            pass_down(&mut tree);
            collect_members_6_1(&mut tree);
            bind_choices_6_1(&mut tree);
        }
        Dialect::Linux6_12 => {
            collect_members_6_12(&mut tree, &parsed.enclosing_choice);
            pass_down(&mut tree);
        }
    }
    collect_direct_dependencies(&mut tree);
    collect_reverse_dependencies(&mut tree);
    check(&mut tree);
    tree.exprs.freeze();
    tree.graph = ordering::of(&tree);
    if tree.graph.may_be_circular {
        tree.recursions = circles::find(&tree);
        let found: Vec<_> = tree
            .recursions
            .iter()
            .filter_map(circles::diagnostic)
            .collect();
        tree.diagnostics.extend(found);
    }
    tree
}

/// Finds the members of each choice of 6.12: all options in it.
fn collect_members_6_12(tree: &mut Kconfig, enclosing: &[Option<EntryId>]) {
    for (index, choice) in enclosing.iter().enumerate() {
        if let (Some(choice), Some(symbol)) = (choice, tree.entries[index].symbol)
            && let Some(choice) = tree.entries[choice.index()].symbol
        {
            add_member(tree, choice, symbol);
        }
    }
    // A member belongs to the choice around its first prompt.
    for index in 0..tree.symbols.len() {
        if tree.symbols[index].in_choice {
            let prompted = tree.symbols[index]
                .entries
                .iter()
                .find(|entry| tree.entries[entry.index()].prompt.is_some());
            let choice = prompted.and_then(|entry| enclosing[entry.index()]);
            tree.symbols[index].choice =
                choice.and_then(|entry| tree.entries[entry.index()].symbol);
        }
    }
}

/// Finds the members of each choice of 6.1: what is shown directly below it.
/// What follows a member and depends on it is a submenu of that member, and no
/// member.
fn collect_members_6_1(tree: &mut Kconfig) {
    let choices = tree.entry_ids();
    let choices: Vec<(EntryId, SymbolId)> = choices
        .filter(|&id| tree.entry(id).kind == EntryKind::Choice)
        .filter_map(|id| Some((id, tree.entry(id).symbol?)))
        .collect();
    if choices.is_empty() {
        return;
    }
    let outline = tree.outline();
    for (entry, choice) in choices {
        for &below in outline.children(entry) {
            if let Some(symbol) = tree.entry(below).symbol {
                add_member(tree, choice, symbol);
            }
        }
    }
}

/// An option is a member of the first choice that it is found in.
fn add_member(tree: &mut Kconfig, choice: SymbolId, symbol: SymbolId) {
    let member = &mut tree.symbols[symbol.index()];
    if !member.in_choice {
        member.in_choice = true;
        member.choice = Some(choice);
        tree.symbols[choice.index()].members.push(symbol);
    }
}

/// A choice of 6.1 has the type of the first entry in it that has one, and
/// gives it to those that have none. What stands in an `if` takes no part.
fn share_types_6_1(tree: &mut Kconfig) {
    for choice in tree.entry_ids() {
        let entry = tree.entry(choice);
        let (EntryKind::Choice, Some(symbol)) = (entry.kind, entry.symbol) else {
            continue;
        };
        let inside = (choice.0 + 1..entry.end).map(EntryId);
        let inside: Vec<SymbolId> = inside
            .filter(|&id| tree.entry(id).parent == choice)
            .filter_map(|id| tree.entry(id).symbol)
            .collect();
        if tree.symbol(symbol).ty == SymbolType::Unknown {
            let mut types = inside.iter().map(|&one| tree.symbol(one).ty);
            let first = types.find(|&ty| ty != SymbolType::Unknown);
            tree.symbols[symbol.index()].ty = first.unwrap_or_default();
        }
        let ty = tree.symbol(symbol).ty;
        for one in inside {
            let one = &mut tree.symbols[one.index()];
            if one.ty == SymbolType::Unknown {
                one.ty = ty;
            }
        }
    }
}

/// Gives every entry and every property the dependencies of all around it.
fn pass_down(tree: &mut Kconfig) {
    let booleans = tree.symbols.iter().map(|one| one.ty == SymbolType::Bool);
    let booleans: Vec<bool> = booleans.collect();
    let known = Known {
        modules: tree.modules,
        booleans: &booleans,
        dialect: tree.dialect,
    };
    let mut done = FxHashMap::default();
    let mut visibility = vec![ExprId::YES; tree.entries.len()];
    for index in 1..tree.entries.len() {
        let parent = tree.entries[index].parent.index();
        let around = match (tree.dialect, tree.entries[parent].kind) {
            (Dialect::Linux6_1, EntryKind::Choice) => match tree.entries[parent].symbol {
                Some(choice) => tree.exprs.symbol(choice),
                None => ExprId::YES,
            },
            _ => tree.entries[parent].dependency,
        };
        let entry = &mut tree.entries[index];
        let own = tree
            .exprs
            .modules_needed(entry.written_dependency, &known, &mut done);
        entry.dependency = tree.exprs.and([around, own]);
        entry.prompt_condition = entry.dependency;
        // A menu's own `visible if` rules what is in it, not the menu.
        let parent_rule = tree.entries[parent].visible_if;
        visibility[index] = tree.exprs.and([visibility[parent], parent_rule]);
    }
    for symbol in &mut tree.symbols {
        for property in &mut symbol.properties {
            let entry = property.entry.index();
            let mut condition = property.written_condition;
            if matches!(property.kind, PropertyKind::Prompt(_)) {
                condition = tree.exprs.and([condition, visibility[entry]]);
            }
            let condition = tree.exprs.modules_needed(condition, &known, &mut done);
            property.condition = tree.exprs.and([tree.entries[entry].dependency, condition]);
        }
    }
}

/// What 6.1 adds: a choice can't be turned off while it is visible, and only
/// `tristate` members take part in a choice that is `m`.
fn bind_choices_6_1(tree: &mut Kconfig) {
    for index in 0..tree.symbols.len() {
        if !tree.symbols[index].is_choice() {
            continue;
        }
        let choice = SymbolId(index as u32);
        if !tree.symbols[index].optional {
            let prompts: Vec<_> = tree.symbols[index]
                .prompts()
                .map(|(_, prompt)| prompt.condition)
                .collect();
            let modules = tree.exprs.symbol(SymbolId::MOD);
            let forced: Vec<_> = prompts
                .iter()
                .map(|&prompt| tree.exprs.and([prompt, modules]))
                .collect();
            tree.symbols[index].selected_by = tree.exprs.or(forced);
        }
        if tree.symbols[index].ty != SymbolType::Tristate {
            continue;
        }
        let chosen = tree.exprs.compare(Relation::Equal, choice, SymbolId::YES);
        for member in tree.symbols[index].members.clone() {
            let member = &mut tree.symbols[member.index()];
            if member.ty != SymbolType::Tristate {
                for property in &mut member.properties {
                    property.condition = tree.exprs.and([chosen, property.condition]);
                }
            }
        }
    }
}

fn collect_direct_dependencies(tree: &mut Kconfig) {
    for index in 0..tree.symbols.len() {
        let mut alternatives = Vec::new();
        for &id in &tree.symbols[index].entries {
            let entry = &tree.entries[id.index()];
            let has_children = entry.end > id.0 + 1;
            let among_members = tree.dialect == Dialect::Linux6_12
                && tree.entries[entry.parent.index()].kind == EntryKind::Choice;
            // A definition without any dependency doesn't count beside others.
            if (entry.kind != EntryKind::Choice || !has_children)
                && !among_members
                && entry.dependency != ExprId::YES
            {
                alternatives.push(entry.dependency);
            }
        }
        if !alternatives.is_empty() {
            tree.symbols[index].direct_dependency = tree.exprs.or(alternatives);
        }
    }
}

fn collect_reverse_dependencies(tree: &mut Kconfig) {
    let mut selected: FxHashMap<SymbolId, Vec<ExprId>> = FxHashMap::default();
    let mut implied: FxHashMap<SymbolId, Vec<ExprId>> = FxHashMap::default();
    for (index, symbol) in tree.symbols.iter().enumerate() {
        let this = tree.exprs.symbol(SymbolId(index as u32));
        for property in &symbol.properties {
            let (target, table) = match property.kind {
                PropertyKind::Select(target) => (target, &mut selected),
                PropertyKind::Imply(target) => (target, &mut implied),
                _ => continue,
            };
            let source = tree.exprs.and([this, property.condition]);
            table.entry(target).or_default().push(source);
        }
    }
    for (target, sources) in selected {
        let before = tree.symbols[target.index()].selected_by;
        tree.symbols[target.index()].selected_by =
            tree.exprs.or(std::iter::once(before).chain(sources));
    }
    for (target, sources) in implied {
        tree.symbols[target.index()].implied_by = tree.exprs.or(sources);
    }
}

fn is_number(tree: &Kconfig, ty: SymbolType, value: SymbolId) -> bool {
    let value = tree.symbol(value);
    match value.ty {
        SymbolType::Int | SymbolType::Hex => true,
        SymbolType::Unknown => is_valid_text(ty, &value.name),
        _ => false,
    }
}

/// The checks that `conf` makes on a finished tree.
fn check(tree: &mut Kconfig) {
    let mut found: Vec<Diagnostic> = Vec::new();
    for (index, symbol) in tree.symbols.iter().enumerate() {
        let id = SymbolId(index as u32);
        if symbol.kind == SymbolKind::Constant || symbol.entries.is_empty() {
            continue;
        }
        let mut report = |severity, location: &Location, message: String| {
            found.push(Diagnostic {
                severity,
                location: location.clone(),
                message,
            });
        };
        let first = &tree.entry(symbol.entries[0]).location;
        if symbol.ty == SymbolType::Unknown {
            let message = "config symbol defined without type".to_owned();
            report(Severity::Warning, first, message);
        }
        for property in &symbol.properties {
            for message in property_warnings(tree, id, &property.kind) {
                report(Severity::Warning, &property.location, message);
            }
        }
        if symbol.is_choice() && symbol.prompts().next().is_none() {
            let severity = match tree.dialect {
                Dialect::Linux6_1 => Severity::Warning,
                Dialect::Linux6_12 => Severity::Error,
            };
            report(severity, first, "choice must have a prompt".to_owned());
        }
        for &entry in &symbol.entries {
            let entry = tree.entry(entry);
            if entry.kind == EntryKind::Menuconfig && entry.prompt.is_none() {
                let message = "menuconfig statement without prompt".to_owned();
                report(Severity::Warning, &entry.location, message);
            }
        }
        if symbol.in_choice {
            check_member(tree, id, &mut report);
        }
    }
    tree.diagnostics.append(&mut found);
}

fn check_member(
    tree: &Kconfig,
    member: SymbolId,
    report: &mut impl FnMut(Severity, &Location, String),
) {
    let symbol = tree.symbol(member);
    let severity = match tree.dialect {
        Dialect::Linux6_1 => Severity::Warning,
        Dialect::Linux6_12 => Severity::Error,
    };
    for &id in &symbol.entries {
        let entry = tree.entry(id);
        let inside = tree.choice_around(id).is_some();
        if inside && entry.prompt.is_none() {
            report(
                severity,
                &entry.location,
                "choice member must have a prompt".to_owned(),
            );
        }
        if inside && tree.dialect == Dialect::Linux6_12 && symbol.ty != SymbolType::Bool {
            report(
                severity,
                &entry.location,
                "choice member must be bool".to_owned(),
            );
        }
    }
    for property in &symbol.properties {
        match property.kind {
            PropertyKind::Default(_) => {
                let message = "defaults for choice values not supported".to_owned();
                report(severity, &property.location, message);
            }
            PropertyKind::Prompt(_) if tree.choice_around(property.entry) != symbol.choice => {
                let message = "choice value has a prompt outside its choice group".to_owned();
                report(severity, &property.location, message);
            }
            _ => {}
        }
    }
}

fn property_warnings(tree: &Kconfig, id: SymbolId, kind: &PropertyKind) -> Vec<String> {
    let symbol = tree.symbol(id);
    let name = tree.display_name(id);
    let mut warnings = Vec::new();
    match *kind {
        PropertyKind::Prompt(_) => {}
        PropertyKind::Default(value) => {
            let Expr::Symbol(value) = *tree.expr(value) else {
                if !symbol.ty.is_logical() && symbol.ty != SymbolType::Unknown {
                    warnings.push(format!(
                        "default for config symbol '{name}' must be a single symbol"
                    ));
                }
                return warnings;
            };
            if symbol.ty.number_base().is_some() && !is_number(tree, symbol.ty, value) {
                warnings.push(format!("'{name}': number is invalid"));
            }
            if symbol.is_choice() && tree.symbol(value).choice != Some(id) {
                warnings.push(format!(
                    "choice default symbol '{}' is not contained in the choice",
                    tree.display_name(value)
                ));
            }
        }
        PropertyKind::Select(target) | PropertyKind::Imply(target) => {
            let word = if matches!(kind, PropertyKind::Select(_)) {
                "select"
            } else {
                "imply"
            };
            let ty = tree.symbol(target).ty;
            if !symbol.ty.is_logical() {
                warnings.push(format!(
                    "config symbol '{name}' uses {word}, but is not bool or tristate"
                ));
            } else if ty != SymbolType::Unknown && !ty.is_logical() {
                warnings.push(format!(
                    "'{}' has wrong type. '{word}' only accept arguments of bool and tristate type",
                    tree.display_name(target)
                ));
            }
        }
        PropertyKind::Range(low, high) => {
            if symbol.ty.number_base().is_none() {
                warnings.push("range is only allowed for int or hex symbols".to_owned());
            }
            if !is_number(tree, symbol.ty, low) || !is_number(tree, symbol.ty, high) {
                warnings.push("range is invalid".to_owned());
            }
        }
    }
    warnings
}

impl Kconfig {
    /// The choice that an entry stands in, `if`s in between allowed.
    #[must_use]
    pub fn choice_around(&self, entry: EntryId) -> Option<SymbolId> {
        let mut at = self.entry(entry).parent;
        while self.entry(at).kind == EntryKind::If {
            at = self.entry(at).parent;
        }
        let around = self.entry(at);
        around.symbol.filter(|_| around.kind == EntryKind::Choice)
    }
}
