//! How entries nest when they are shown to a person: `if` blocks dissolve, and
//! what directly follows an option and depends on it becomes its submenu.

use crate::expr::{ExprId, SymbolId};
use crate::model::{Dialect, EntryId, EntryKind, Kconfig};
use crate::submenu::belongs_below;

/// How deep submenus are made of options that depend on each other.
const MAX_SUBMENUS: usize = 100;

/// The nesting of all entries as shown.
#[derive(Clone, Debug)]
pub struct Outline {
    parents: Vec<EntryId>,
    children: Vec<Vec<EntryId>>,
}

impl Outline {
    /// What is shown below an entry, in order. Begin with
    /// [`Outline::root`].
    #[must_use]
    pub fn children(&self, entry: EntryId) -> &[EntryId] {
        &self.children[entry.index()]
    }

    /// What an entry is shown below.
    #[must_use]
    pub fn parent(&self, entry: EntryId) -> EntryId {
        self.parents[entry.index()]
    }

    /// The entry that holds all others.
    #[must_use]
    pub fn root(&self) -> EntryId {
        EntryId::ROOT
    }
}

/// Entries as chains, so that following entries can be moved below one.
struct Chains<'k> {
    tree: &'k Kconfig,
    first: Vec<Option<EntryId>>,
    next: Vec<Option<EntryId>>,
    parent: Vec<EntryId>,
}

impl Kconfig {
    /// How entries nest when they are shown to a person.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let count = self.entries.len();
        let mut chains = Chains {
            tree: self,
            first: vec![None; count],
            next: vec![None; count],
            parent: self.entries.iter().map(|entry| entry.parent).collect(),
        };
        let mut last: Vec<Option<EntryId>> = vec![None; count];
        for id in self.entry_ids() {
            let parent = self.entry(id).parent.index();
            match last[parent].replace(id) {
                Some(before) => chains.next[before.index()] = Some(id),
                None => chains.first[parent] = Some(id),
            }
        }
        chains.arrange(EntryId::ROOT, false, 0);
        let mut children = vec![Vec::new(); count];
        for (index, list) in children.iter_mut().enumerate() {
            let mut at = chains.first[index];
            while let Some(id) = at {
                list.push(id);
                at = chains.next[id.index()];
            }
        }
        Outline {
            parents: chains.parent,
            children,
        }
    }
}

impl Chains<'_> {
    fn arrange(&mut self, parent: EntryId, inside_choice: bool, submenus: usize) {
        let entry = self.tree.entry(parent);
        if self.first[parent.index()].is_some() {
            let choice = entry.kind == EntryKind::Choice;
            let inside = choice && self.tree.dialect == Dialect::Linux6_12;
            let mut at = self.first[parent.index()];
            while let Some(id) = at {
                self.arrange(id, inside, submenus);
                at = self.next[id.index()];
            }
        } else if let Some(symbol) = entry.symbol
            && !inside_choice
            && submenus < MAX_SUBMENUS
        {
            self.absorb(parent, symbol, submenus);
        }
        self.dissolve(parent);
    }

    /// Moves what follows `parent` and depends on its symbol below it.
    fn absorb(&mut self, parent: EntryId, symbol: SymbolId, submenus: usize) {
        let entry = self.tree.entry(parent);
        let base = match entry.prompt {
            Some(_) => self.shown_when(parent),
            None => ExprId::YES,
        };
        let mut last = None;
        let mut at = self.next[parent.index()];
        while let Some(id) = at {
            if !belongs_below(self.tree, symbol, base, self.shown_when(id)) {
                break;
            }
            self.arrange(id, false, submenus + 1);
            self.parent[id.index()] = parent;
            last = Some(id);
            at = self.next[id.index()];
        }
        if let Some(last) = last {
            self.first[parent.index()] = self.next[parent.index()];
            self.next[parent.index()] = self.next[last.index()].take();
        }
    }

    /// Puts what is below an entry without a prompt behind it.
    fn dissolve(&mut self, parent: EntryId) {
        let mut at = self.first[parent.index()];
        while let Some(id) = at {
            if self.tree.entry(id).prompt.is_none()
                && let Some(first) = self.first[id.index()].take()
            {
                let mut last = first;
                self.parent[last.index()] = parent;
                while let Some(next) = self.next[last.index()] {
                    self.parent[next.index()] = parent;
                    last = next;
                }
                self.next[last.index()] = self.next[id.index()];
                self.next[id.index()] = Some(first);
            }
            at = self.next[id.index()];
        }
    }

    /// When an entry shows: its prompt's condition, or its dependencies.
    fn shown_when(&self, id: EntryId) -> ExprId {
        let entry = self.tree.entry(id);
        let prompt = entry.symbol.and_then(|symbol| {
            let prompts = self.tree.symbol(symbol).prompts();
            // Of several in one entry the last counts.
            let own = prompts.filter(|(_, prompt)| prompt.entry == id).last();
            own.map(|(_, prompt)| prompt.condition)
        });
        prompt.unwrap_or(entry.prompt_condition)
    }
}
