//! Which member of a choice is chosen.

use crate::eval::{Configuration, Settled};
use crate::expr::{Expr, SymbolId};
use crate::model::Dialect;
use crate::tristate::Tristate;

impl Configuration<'_> {
    pub(crate) fn choose(
        &self,
        choice: SymbolId,
        settled: &mut Option<Settled>,
    ) -> Option<SymbolId> {
        match self.tree.dialect {
            Dialect::Linux6_1 => self.choose_6_1(choice, settled),
            Dialect::Linux6_12 => self.choose_6_12(choice, settled),
        }
    }

    fn choose_6_1(&self, choice: SymbolId, settled: &mut Option<Settled>) -> Option<SymbolId> {
        if self.tristate(choice) != Tristate::Yes {
            return None;
        }
        let pick = self.user.choice(choice).and_then(|request| request.pick);
        if let Some(pick) = pick
            && self.visible(pick, settled) != Tristate::No
        {
            return Some(pick);
        }
        self.default_member_now(choice, settled)
    }

    fn choose_6_12(&self, choice: SymbolId, settled: &mut Option<Settled>) -> Option<SymbolId> {
        let members = &self.tree.symbol(choice).members;
        let by_priority = self.user.by_priority(members);
        let mut visible = |member: &SymbolId| self.visible(*member, settled) != Tristate::No;
        let wanted = by_priority
            .iter()
            .find(|member| self.user.tristate(**member) == Some(Tristate::Yes) && visible(member));
        if let Some(&wanted) = wanted {
            return Some(wanted);
        }
        let default = self
            .default_member_now(choice, settled)
            .filter(|&member| self.user.tristate(member) != Some(Tristate::No));
        if default.is_some() {
            return default;
        }
        let mut visible = |member: &SymbolId| self.visible(*member, settled) != Tristate::No;
        let unasked = members
            .iter()
            .find(|member| self.user.get(**member).is_none() && visible(member));
        if let Some(&unasked) = unasked {
            return Some(unasked);
        }
        by_priority.into_iter().rev().find(|member| visible(member))
    }

    /// The member that is chosen when the user has no wish: by the
    /// choice's defaults, else the first.
    fn default_member_now(
        &self,
        choice: SymbolId,
        settled: &mut Option<Settled>,
    ) -> Option<SymbolId> {
        let definition = self.tree.symbol(choice);
        for (value, property) in definition.defaults() {
            if self.calculate(property.condition, settled) == Tristate::No {
                continue;
            }
            if let Expr::Symbol(member) = *self.tree.expr(value)
                && definition.members.contains(&member)
                && self.visible(member, settled) != Tristate::No
            {
                return Some(member);
            }
        }
        let mut members = definition.members.iter().copied();
        members.find(|&member| self.visible(member, settled) != Tristate::No)
    }

    /// The member that would be chosen if the user had no wish.
    pub(crate) fn default_member(&self, choice: SymbolId) -> Option<SymbolId> {
        self.default_member_now(choice, &mut None)
    }
}
