//! Origins and reasons in words, for people.

use crate::diff::Difference;
use crate::eval::Configuration;
use crate::expr::SymbolId;
use crate::merge::DropReason;
use crate::model::{Kconfig, SymbolKind};
use crate::why::{DefaultValue, Origin, Unmet};

/// How many names a sentence lists before it only counts.
const MAX_NAMES: usize = 5;

impl Kconfig {
    fn names(&self, symbols: &[SymbolId]) -> String {
        let shown: Vec<&str> = symbols
            .iter()
            .take(MAX_NAMES)
            .map(|&id| self.display_name(id))
            .collect();
        let rest = symbols.len().saturating_sub(MAX_NAMES);
        let mut text = shown.join(", ");
        if rest > 0 {
            text.push_str(&format!(" and {rest} more"));
        }
        text
    }

    /// Where a value comes from, in words: `selected by E1000`.
    #[must_use]
    pub fn origin_text(&self, origin: &Origin) -> String {
        match origin {
            Origin::User => "asked for".to_owned(),
            Origin::Selected { by } => format!("selected by {}", self.names(by)),
            Origin::Implied { by } => format!("implied by {}", self.names(by)),
            Origin::Default {
                value,
                condition,
                location,
            } if condition == "y" => {
                format!("default {value} ({location})")
            }
            Origin::Default {
                value,
                condition,
                location,
            } => {
                format!("default {value} if {condition} ({location})")
            }
            Origin::Choice {
                picked: Some(picked),
            } => {
                format!("the choice picked {}", self.display_name(*picked))
            }
            Origin::Choice { picked: None } => "the choice picked none".to_owned(),
            Origin::Range { low, high } => format!("moved into its range {low} to {high}"),
            Origin::Nothing => "nothing sets it".to_owned(),
            Origin::Undefined => "nothing defines it".to_owned(),
        }
    }

    /// What is missing. That a part names only symbols which nothing defines
    /// here is said: no request can help.
    fn needs(&self, unmet: &[Unmet]) -> String {
        let part = |unmet: &Unmet| {
            let mut symbols = unmet.symbols.iter().map(|&one| self.symbol(one));
            let foreign = !unmet.symbols.is_empty()
                && symbols.all(|one| one.kind == SymbolKind::Option && one.entries.is_empty());
            if foreign {
                format!("{} (not of this architecture)", unmet.text)
            } else {
                unmet.text.clone()
            }
        };
        let parts: Vec<String> = unmet.iter().map(part).collect();
        format!("needs {}", parts.join(" and "))
    }

    /// What could set an option that has no prompt and no value.
    fn unset_text(
        &self,
        selected_by: &[SymbolId],
        defaults: &[DefaultValue],
        unmet: &[Unmet],
    ) -> String {
        let mut parts = vec!["it has no prompt".to_owned()];
        match selected_by {
            [] if defaults.is_empty() => parts.push("nothing selects it".to_owned()),
            [] => {}
            by => parts.push(format!("it is selected by {}", self.names(by))),
        }
        // What stands in `depends on` is part of each default's condition.
        if unmet.is_empty() {
            parts.extend(defaults.iter().take(MAX_NAMES).map(ToString::to_string));
        } else {
            parts.push(self.needs(unmet));
        }
        parts.join("; ")
    }

    /// Why a request doesn't hold, in words: `needs PCI [=n]`.
    #[must_use]
    pub fn reason_text(&self, reason: &DropReason) -> String {
        match reason {
            DropReason::UnknownOption { nearest } if nearest.is_empty() => {
                "there is no such option".to_owned()
            }
            DropReason::UnknownOption { nearest } => {
                format!(
                    "there is no such option; the nearest is {}",
                    nearest.join(", ")
                )
            }
            DropReason::InvalidValue { problem } => problem.clone(),
            DropReason::NoPrompt {
                set_by: Some(origin),
                ..
            } => format!("it has no prompt; {}", self.origin_text(origin)),
            DropReason::NoPrompt {
                set_by: None,
                selected_by,
                defaults,
                unmet,
            } => self.unset_text(selected_by, defaults, unmet),
            DropReason::UnmetDependency { unmet } => self.needs(unmet),
            DropReason::Selected { by } => format!("selected by {}", self.names(by)),
            DropReason::OtherChosen {
                chosen: Some(chosen),
            } => {
                format!("its choice picked {}", self.display_name(*chosen))
            }
            DropReason::OtherChosen { chosen: None } => "its choice picked none".to_owned(),
            DropReason::OutOfRange { low, high } => {
                format!("it must be from {low} to {high}")
            }
            DropReason::Overridden { label, line } => {
                format!("overridden by {label}, line {line}")
            }
        }
    }
}

/// A difference between two configurations and where the second value comes
/// from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedDifference {
    /// What differs.
    pub difference: Difference,
    /// Where the value in the second configuration comes from; `None` if its
    /// tree doesn't know the option.
    pub origin: Option<Origin>,
    /// For an option that the second configuration doesn't mention: what keeps
    /// it from being visible there.
    pub unmet: Vec<Unmet>,
}

impl Configuration<'_> {
    /// Why an option has the value it has, in words: `selected by E1000`, and
    /// for one that is off because it can't be on, what it lacks:
    /// `needs PCI [=n]`.
    #[must_use]
    pub fn because(&self, symbol: SymbolId) -> String {
        let origin = self.origin(symbol);
        if !self.is_written(symbol) || origin == Origin::Nothing {
            let unmet = self.unmet_for_any(symbol);
            if !unmet.is_empty() {
                return self.tree.needs(&unmet);
            }
        }
        let has_prompt = self.tree.symbol(symbol).prompts().next().is_some();
        match origin {
            Origin::Nothing if !has_prompt => {
                let selected_by: Vec<_> = self.selectors(symbol).iter().map(|r| r.by).collect();
                self.tree
                    .unset_text(&selected_by, &self.defaults_of(symbol), &[])
            }
            origin => self.tree.origin_text(&origin),
        }
    }

    /// What differs in `after`, each with its reason there. The two may be of
    /// different trees.
    #[must_use]
    pub fn differences(&self, after: &Configuration<'_>) -> Vec<ExplainedDifference> {
        crate::diff(&self.to_dotconfig(), &after.to_dotconfig())
            .into_iter()
            .map(|difference| {
                let symbol = after.tree().find(difference.name());
                let removed = matches!(difference, Difference::Removed { .. });
                ExplainedDifference {
                    origin: symbol.map(|symbol| after.origin(symbol)),
                    unmet: match symbol {
                        Some(symbol) if removed => after.unmet_for_any(symbol),
                        _ => Vec::new(),
                    },
                    difference,
                }
            })
            .collect()
    }
}
