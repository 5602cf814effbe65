//! The questions that `conf --oldaskconfig` and `--oldconfig` ask, played on
//! this engine: what the kernel's own cases look at.

use std::collections::{BTreeSet, VecDeque};

use kconfig::{
    Configuration, Dialect, EntryId, EntryKind, Kconfig, Outline, Request, SymbolId, SymbolType,
    Tristate, UserValue,
};

pub(crate) struct Dialogue<'k> {
    tree: &'k Kconfig,
    outline: Outline,
    pub(crate) configuration: Configuration<'k>,
    keys: VecDeque<String>,
    pub(crate) stdout: String,
    indent: usize,
    ask_all: bool,
    asked: usize,
    top: EntryId,
    /// Choices of 6.1 whose own question was answered with other than `y`.
    turned_down: BTreeSet<SymbolId>,
    was_read: bool,
}

impl<'k> Dialogue<'k> {
    /// `keys` are the lines typed before nothing but Enter.
    pub(crate) fn new(tree: &'k Kconfig, dotconfig: Option<&str>, keys: &[&str]) -> Self {
        let configuration = match dotconfig {
            Some(text) => Configuration::olddefconfig(tree, text).0,
            None => Configuration::new(tree),
        };
        let outline = tree.outline();
        Self {
            tree,
            top: outline.root(),
            outline,
            configuration,
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            stdout: String::new(),
            indent: 1,
            ask_all: false,
            asked: 0,
            turned_down: BTreeSet::new(),
            was_read: dotconfig.is_some(),
        }
    }

    pub(crate) fn ask(&mut self, all: bool) {
        let root = self.outline.root();
        self.ask_all = all;
        if all {
            self.entry(root);
            self.ask_all = false;
        }
        for _ in 0..100 {
            self.asked = 0;
            self.new_only(root);
            if self.asked == 0 {
                return;
            }
        }
        panic!(
            "the questions don't end: {}",
            &self.stdout[..self.stdout.len().min(3000)]
        );
    }

    fn old(&self) -> bool {
        self.tree.dialect() == Dialect::Linux6_1
    }

    fn children(&self, id: EntryId) -> Vec<EntryId> {
        self.outline.children(id).to_vec()
    }

    fn say(&mut self, text: &str) {
        self.stdout.push_str(text);
    }

    fn margin(&self) -> String {
        " ".repeat(self.indent - 1)
    }

    fn shows(&self, id: EntryId) -> bool {
        if id == self.outline.root() {
            return true;
        }
        let entry = self.tree.entry(id);
        if entry.prompt.is_none()
            || self.configuration.evaluate_expr(entry.visible_if) == Tristate::No
        {
            return false;
        }
        let Some(symbol) = entry.symbol else {
            return self.configuration.evaluate_expr(entry.prompt_condition) != Tristate::No;
        };
        if self.configuration.visibility(symbol) != Tristate::No {
            return true;
        }
        self.configuration.tristate(symbol) != Tristate::No
            && self.children(id).into_iter().any(|child| self.shows(child))
    }

    fn has_value(&self, symbol: SymbolId) -> bool {
        if !self.tree.symbol(symbol).is_choice() {
            return self.configuration.user_value(symbol).is_some();
        }
        // Reading any file gives a choice a value; being `y` with members
        // that have none takes it away.
        if self.configuration.tristate(symbol) != Tristate::Yes {
            return self.was_read || self.turned_down.contains(&symbol);
        }
        let members = &self.tree.symbol(symbol).members;
        let mut visible = members
            .iter()
            .filter(|&&member| self.configuration.visibility(member) != Tristate::No);
        members.iter().any(|&member| self.has_value(member))
            && visible.all(|&member| self.has_value(member))
    }

    fn changeable(&self, symbol: SymbolId) -> bool {
        (self.old() || !self.tree.symbol(symbol).is_choice())
            && self.configuration.visibility(symbol) > self.configuration.lower_bound(symbol)
    }

    fn may_be(&self, symbol: SymbolId, value: Tristate) -> bool {
        let modules = self.configuration.tristate(self.tree.modules_symbol());
        let modular =
            self.tree.symbol(symbol).ty == SymbolType::Tristate && modules != Tristate::No;
        let (low, high) = (
            self.configuration.lower_bound(symbol),
            self.configuration.visibility(symbol),
        );
        let boolean_mod = value == Tristate::Mod && !modular;
        high > low && !boolean_mod && (low..=high).contains(&value)
    }

    fn line(&mut self) -> String {
        let line = self.keys.pop_front().unwrap_or_default();
        self.stdout.push_str(&line);
        self.stdout.push('\n');
        line.trim().to_owned()
    }

    fn entry(&mut self, id: EntryId) {
        if !self.shows(id) {
            return;
        }
        let entry = self.tree.entry(id);
        let root = id == self.outline.root();
        let is_menu = matches!(entry.kind, EntryKind::Menu | EntryKind::Menuconfig) || root;
        if is_menu && !self.ask_all && self.top != id {
            self.new_only(id);
            return;
        }
        if is_menu || entry.kind == EntryKind::Comment {
            let margin = self.margin();
            let title = if root {
                self.tree.title()
            } else {
                entry.prompt.as_deref().unwrap_or("")
            };
            self.say(&format!("{margin}*\n{margin}* {title}\n{margin}*\n"));
        }
        if let Some(symbol) = entry.symbol {
            if self.tree.symbol(symbol).is_choice() {
                self.choice(id, symbol);
                if !self.old() || self.configuration.tristate(symbol) != Tristate::Mod {
                    return;
                }
            } else if self.tree.symbol(symbol).ty.is_logical() {
                self.logical(id, symbol);
            } else {
                self.text(id, symbol);
            }
        }
        let step = if entry.symbol.is_some() { 2 } else { 0 };
        self.indent += step;
        for child in self.children(id) {
            self.entry(child);
        }
        self.indent -= step;
    }

    /// Whether an answer is to be read.
    fn is_asked(&mut self, symbol: SymbolId, value: &str) -> bool {
        let known = self.has_value(symbol);
        if !known {
            self.say("(NEW) ");
        }
        if !self.changeable(symbol) || (known && !self.ask_all) {
            self.say(&format!("{value}\n"));
            return false;
        }
        true
    }

    fn text(&mut self, id: EntryId, symbol: SymbolId) {
        let value = self.configuration.value(symbol).to_owned();
        let prompt = self.tree.entry(id).prompt.as_deref().unwrap_or("");
        let name = &self.tree.symbol(symbol).name;
        let question = format!("{}{prompt} ({name}) [{value}] ", self.margin());
        self.say(&question);
        if self.is_asked(symbol, &value) {
            let answer = self.line();
            let answer = if answer.is_empty() { value } else { answer };
            self.set(symbol, UserValue::Text(answer.into()));
        }
    }

    fn logical(&mut self, id: EntryId, symbol: SymbolId) {
        let now = self.configuration.tristate(symbol);
        let prompt = self.tree.entry(id).prompt.as_deref().unwrap_or("");
        let mut question = format!("{}{prompt} ", self.margin());
        if !self.tree.symbol(symbol).is_choice() {
            question.push_str(&format!("({}) ", self.tree.symbol(symbol).name));
        }
        question.push_str(&format!("[{}", now.as_str().to_uppercase()));
        for value in [Tristate::No, Tristate::Mod, Tristate::Yes] {
            if value != now && self.may_be(symbol, value) {
                question.push_str(&format!("/{value}"));
            }
        }
        question.push_str("/?] ");
        self.say(&question);
        if self.is_asked(symbol, now.as_str()) {
            let answer = Tristate::from_name(&self.line()).unwrap_or(now);
            self.set(symbol, UserValue::Tristate(answer));
            if self.tree.symbol(symbol).is_choice() && answer != Tristate::Yes {
                self.turned_down.insert(symbol);
            }
        }
    }

    fn set(&mut self, symbol: SymbolId, value: UserValue) {
        self.configuration.set(&[Request {
            symbol,
            value: Some(value),
        }]);
    }

    fn choice(&mut self, id: EntryId, symbol: SymbolId) {
        let is_new = !self.has_value(symbol);
        if self.old() {
            if self.changeable(symbol) {
                self.logical(id, symbol);
            } else if self.configuration.tristate(symbol) == Tristate::Mod {
                let line = format!("{}{}\n", self.margin(), self.prompt(id));
                self.say(&line);
            }
            if self.configuration.tristate(symbol) != Tristate::Yes {
                return;
            }
        }
        let line = format!("{}{}\n", self.margin(), self.prompt(id));
        self.say(&line);
        let chosen = self.configuration.chosen_member(symbol);
        let members = self.list_members(id, chosen);
        let default = members
            .iter()
            .position(|(_, member)| chosen == Some(*member));
        let mut number = default.map_or(0, |at| at + 1);
        let line = format!("{}choice", self.margin());
        self.say(&line);
        if members.len() == 1 {
            self.say("[1]: 1\n");
            number = 1;
        } else {
            self.say(&format!("[1-{}?]: ", members.len()));
            if !self.ask_all && !is_new {
                self.say(&format!("{number}\n"));
            } else if let Ok(answer) = self.line().parse() {
                number = answer;
            }
        }
        let Some(&(_, picked)) = number.checked_sub(1).and_then(|at| members.get(at)) else {
            return;
        };
        for (_, member) in members {
            if member != picked {
                self.set(member, UserValue::Tristate(Tristate::No));
            }
        }
        self.set(picked, UserValue::Tristate(Tristate::Yes));
    }

    /// Says the members of a choice that show, and gives them.
    fn list_members(&mut self, id: EntryId, chosen: Option<SymbolId>) -> Vec<(EntryId, SymbolId)> {
        let mut members = Vec::new();
        for child in self.children(id) {
            if !self.shows(child) {
                continue;
            }
            let Some(member) = self.tree.entry(child).symbol else {
                continue;
            };
            members.push((child, member));
            let mark = if chosen == Some(member) { '>' } else { ' ' };
            let name = &self.tree.symbol(member).name;
            let new = if self.has_value(member) { "" } else { " (NEW)" };
            let line = format!(
                "{}{mark} {}. {} ({name}){new}\n",
                self.margin(),
                members.len(),
                self.prompt(child)
            );
            self.say(&line);
        }
        members
    }

    fn prompt(&self, id: EntryId) -> &'k str {
        self.tree.entry(id).prompt.as_deref().unwrap_or("")
    }

    /// Asks the menus again in which there is something new.
    fn new_only(&mut self, id: EntryId) {
        if !self.shows(id) {
            return;
        }
        let entry = self.tree.entry(id);
        if let Some(symbol) = entry.symbol {
            let choice = self.old()
                && self.tree.symbol(symbol).is_choice()
                && self.configuration.tristate(symbol) == Tristate::Yes;
            if !self.has_value(symbol) && (self.changeable(symbol) || choice) {
                if self.asked == 0 {
                    self.say("*\n* Restart config...\n*\n");
                }
                self.asked += 1;
                let mut menu = id;
                while menu != self.outline.root()
                    && !matches!(
                        self.tree.entry(menu).kind,
                        EntryKind::Menu | EntryKind::Menuconfig
                    )
                {
                    menu = self.outline.parent(menu);
                }
                self.top = menu;
                self.entry(menu);
            }
        }
        for child in self.children(id) {
            self.new_only(child);
        }
    }
}
