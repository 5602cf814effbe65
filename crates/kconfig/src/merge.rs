//! Fragments over a base configuration, with the fate of every request.

use crate::change::Request;
use crate::dotconfig::{ReadWarning, parse_assignments};
use crate::eval::Configuration;
use crate::expr::SymbolId;
use crate::fragment::merge_text;
use crate::model::Kconfig;
use crate::read::{Meaning, meaning};
use crate::tristate::Tristate;
use crate::user::UserValue;
use crate::why::{DefaultValue, Origin, Unmet};

/// A piece of configuration with a name for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// A file name or whatever tells the user which piece it is.
    pub label: String,
    /// Its text, in the form of `.config`.
    pub text: String,
}

/// Why a request doesn't hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// There is no such option in this tree.
    UnknownOption {
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// The value doesn't fit the option's type.
    InvalidValue {
        /// What is wrong with it.
        problem: String,
    },
    /// The option has no prompt: only `select`, `imply` and `default` can set
    /// it.
    NoPrompt {
        /// Where the value that it has comes from, if it has one.
        set_by: Option<Box<Origin>>,
        /// What could select it.
        selected_by: Vec<SymbolId>,
        /// Its defaults.
        defaults: Vec<DefaultValue>,
        /// What of its own dependencies doesn't hold.
        unmet: Vec<Unmet>,
    },
    /// What the option depends on doesn't hold.
    UnmetDependency {
        /// The parts that don't hold.
        unmet: Vec<Unmet>,
    },
    /// Other options select it.
    Selected {
        /// Those that do.
        by: Vec<SymbolId>,
    },
    /// It is a member of a choice, and another one is chosen.
    OtherChosen {
        /// The member that is.
        chosen: Option<SymbolId>,
    },
    /// The number isn't in its range.
    OutOfRange {
        /// The lower bound.
        low: String,
        /// The upper bound.
        high: String,
    },
    /// A later line asks for something else.
    Overridden {
        /// The fragment with the later line.
        label: String,
        /// The later line, from one.
        line: u32,
    },
}

/// A request that doesn't hold in the configuration that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The fragment it stands in.
    pub label: String,
    /// Its line, from one.
    pub line: u32,
    /// The option's name without `CONFIG_`.
    pub name: String,
    /// What was asked for, as the file has it.
    pub wanted: String,
    /// What it came to; `None` for an option that doesn't exist.
    pub got: Option<String>,
    /// Why.
    pub reason: DropReason,
}

/// A base and fragments, merged and worked out.
#[derive(Clone, Debug)]
pub struct Merged<'k> {
    /// What came of it.
    pub configuration: Configuration<'k>,
    /// Every request of a fragment that doesn't hold, in order.
    pub dropped: Vec<Dropped>,
    /// Lines of the fragments that say nothing, by fragment.
    pub warnings: Vec<(String, ReadWarning)>,
}

impl<'k> Configuration<'k> {
    /// Merges fragments over a base configuration, as merge_config.sh and
    /// `olddefconfig` would, and tells of every request in the fragments what
    /// kept it from holding.
    #[must_use]
    pub fn merge(tree: &'k Kconfig, base: &str, fragments: &[Fragment]) -> Merged<'k> {
        let texts: Vec<&str> = fragments.iter().map(|fragment| &*fragment.text).collect();
        let merged = merge_text(base, &texts);
        let (configuration, _) = Self::olddefconfig(tree, &merged);
        let (dropped, warnings) = configuration.check_requests(fragments);
        Merged {
            configuration,
            dropped,
            warnings,
        }
    }

    /// What of the fragments' requests doesn't hold in this configuration, and
    /// the lines that say nothing.
    #[must_use]
    pub fn check_requests(
        &self,
        fragments: &[Fragment],
    ) -> (Vec<Dropped>, Vec<(String, ReadWarning)>) {
        let mut warnings = Vec::new();
        let mut requests = Vec::new();
        for fragment in fragments {
            let (assignments, unexpected) = parse_assignments(&fragment.text, self.tree.dialect());
            let label = || fragment.label.clone();
            warnings.extend(unexpected.into_iter().map(|warning| (label(), warning)));
            requests.extend(
                assignments
                    .into_iter()
                    .map(|assignment| (label(), assignment)),
            );
        }
        let mut dropped = Vec::new();
        for (at, (label, assignment)) in requests.iter().enumerate() {
            let later = requests[at + 1..].iter().rev().find(|(_, later)| {
                later.name == assignment.name && later.value != assignment.value
            });
            let symbol = self.tree.find(&assignment.name);
            let outcome = match symbol {
                Some(symbol) if !self.tree.symbol(symbol).entries.is_empty() => {
                    self.reason_if_dropped(symbol, &assignment.value)
                }
                // Saying that an unknown option is not set asks for nothing.
                _ if assignment.value == "n" => None,
                _ => Some(DropReason::UnknownOption {
                    nearest: self.tree.nearest_names(&assignment.name, 3),
                }),
            };
            let Some(mut reason) = outcome else { continue };
            if let Some((label, later)) = later {
                reason = DropReason::Overridden {
                    label: label.clone(),
                    line: later.line,
                };
            }
            dropped.push(Dropped {
                label: label.clone(),
                line: assignment.line,
                name: assignment.name.clone(),
                wanted: assignment.value.clone(),
                got: symbol.map(|symbol| self.value(symbol).to_owned()),
                reason,
            });
        }
        (dropped, warnings)
    }

    pub(crate) fn reason_if_dropped(&self, symbol: SymbolId, text: &str) -> Option<DropReason> {
        let value = match meaning(self.tree, symbol, text) {
            Meaning::Value(value) => value,
            Meaning::Nothing => return None,
            Meaning::Invalid => {
                let problem = format!("'{text}' is no value of this type");
                return Some(DropReason::InvalidValue { problem });
            }
            Meaning::InvalidString => {
                let problem = format!("{text} has no closing quote");
                return Some(DropReason::InvalidValue { problem });
            }
        };
        let request = Request {
            symbol,
            value: Some(value),
        };
        if self.holds(&request) {
            None
        } else {
            Some(self.why_not(&request))
        }
    }

    /// Why a request doesn't hold.
    #[must_use]
    pub fn why_not(&self, request: &Request) -> DropReason {
        let symbol = request.symbol;
        let definition = self.tree.symbol(symbol);
        let wanted = match &request.value {
            Some(UserValue::Tristate(value)) => *value,
            _ => Tristate::Mod,
        };
        if definition.ty.is_logical() && self.tristate(symbol) > wanted {
            let on = self.selectors(symbol).into_iter();
            let by: Vec<_> = on
                .filter(|reverse| reverse.value > wanted)
                .map(|reverse| reverse.by)
                .collect();
            if !by.is_empty() {
                return DropReason::Selected { by };
            }
            if let Some(choice) = definition.choice {
                return DropReason::OtherChosen {
                    chosen: self.chosen_member(choice),
                };
            }
        }
        if definition.prompts().next().is_none() {
            return self.no_prompt(symbol);
        }
        let unmet = self.unmet_for(symbol, wanted);
        if !unmet.is_empty() {
            return DropReason::UnmetDependency { unmet };
        }
        if let Some(choice) = definition.choice {
            return DropReason::OtherChosen {
                chosen: self.chosen_member(choice),
            };
        }
        if let Some((low, high)) = self.range_now(symbol) {
            return DropReason::OutOfRange {
                low: low.to_owned(),
                high: high.to_owned(),
            };
        }
        let modules = self.tree.modules_symbol();
        DropReason::UnmetDependency {
            unmet: vec![Unmet {
                text: format!(
                    "{} [={}]",
                    self.tree.display_name(modules),
                    self.value(modules)
                ),
                symbols: vec![modules],
            }],
        }
    }

    fn no_prompt(&self, symbol: SymbolId) -> DropReason {
        let definition = self.tree.symbol(symbol);
        let is_set = if definition.ty.is_logical() {
            self.tristate(symbol) != Tristate::No
        } else {
            self.is_written(symbol)
        };
        DropReason::NoPrompt {
            set_by: is_set.then(|| Box::new(self.origin(symbol))),
            selected_by: self
                .selectors(symbol)
                .into_iter()
                .map(|one| one.by)
                .collect(),
            defaults: self.defaults_of(symbol),
            unmet: self.unmet(definition.direct_dependency, Tristate::Mod),
        }
    }
}
