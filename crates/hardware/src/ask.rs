//! Asks for the options of drivers, one device after the other: what each needs
//! besides, and what it has already.

use crate::also::Class;
use crate::inventory::{Device, Inventory};
use kconfig::{Configuration, Request};
use schemars::JsonSchema;
use serde::Serialize;

use super::catalogue::{Candidate, Catalogue};

/// What becomes of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its driver is on without being asked for.
    There,
    /// Its driver is asked for.
    Asked,
    /// It gets no driver.
    LeftOut,
}

/// A device with what was found for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// Where it sits.
    pub at: String,
    /// What it is.
    pub name: String,
    /// What the kernel calls it by: its modalias.
    pub modalias: String,
    /// What becomes of it.
    pub state: State,
    /// Whether a driver had it when the list was made.
    #[serde(skip)]
    pub in_use: bool,
    /// The option of its driver, without `CONFIG_`.
    pub option: Option<String>,
    /// The source file of its driver.
    pub driver: Option<String>,
    /// The pattern of the driver's table that matches.
    pub pattern: Option<String>,
    /// The lines that are asked for because of it.
    pub lines: Vec<String>,
    /// Why it gets no driver.
    pub why: Option<String>,
    /// Firmware files that the driver may ask for: of those that were loaded
    /// when the list was made, else all.
    pub firmware: Vec<String>,
    /// Options of other drivers that match it.
    pub others: Vec<String>,
}

impl Found {
    fn nothing(at: &str, name: &str, modalias: &str) -> Found {
        Found {
            at: at.to_owned(),
            name: name.to_owned(),
            modalias: modalias.to_owned(),
            state: State::LeftOut,
            in_use: false,
            option: None,
            driver: None,
            pattern: None,
            lines: Vec::new(),
            why: None,
            firmware: Vec::new(),
            others: Vec::new(),
        }
    }
}

/// What all devices and classes come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The devices, in the inventory's order.
    pub devices: Vec<Found>,
    /// The classes that were asked for, in their order.
    pub classes: Vec<Found>,
    /// What the recipe asks for and can't have any more beside them.
    pub overruled: Vec<Overruled>,
}

/// A request of the recipe's that held before the drivers were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Overruled {
    /// The line that says how it is now.
    pub line: String,
    /// Who asks for something else.
    pub by: String,
    /// Why that doesn't hold.
    pub reason: String,
}

/// Asks, one after the other; each answer is laid over the configuration.
pub struct Asking<'a, 'k> {
    /// The drivers.
    pub catalogue: &'a Catalogue,
    /// The configuration so far.
    pub configuration: Configuration<'k>,
}

/// How a wish for options ended.
enum Wished {
    There,
    Asked(Vec<String>),
    No(String),
}

impl Asking<'_, '_> {
    /// Finds and asks for the drivers of all devices, and for the classes.
    pub fn answer(&mut self, inventory: &Inventory, classes: &[&Class]) -> Answer {
        let candidates: Vec<Vec<Candidate>> = inventory
            .devices
            .iter()
            .map(|device| self.catalogue.candidates(device))
            .collect();
        self.prefer(candidates.iter().filter_map(|all| all.first()));
        let devices = inventory.devices.iter().zip(&candidates);
        let devices = devices.map(|(device, all)| {
            let mut found = self.device(device, all);
            let loaded = |file: &&String| {
                inventory
                    .firmware
                    .iter()
                    .any(|one| file.ends_with(one.as_str()))
            };
            if found.firmware.iter().any(|file| loaded(&file)) {
                found.firmware.retain(|file| loaded(&file));
            }
            found
        });
        let devices = devices.collect();
        let classes = classes.iter().map(|class| self.class(class)).collect();
        Answer {
            devices,
            classes,
            overruled: Vec::new(),
        }
    }

    /// Of the recipe's requests those that held in the configuration to begin
    /// with and don't any more. A build would refuse them: the lines say how it
    /// is now.
    pub fn overruled(
        &self,
        requests: &[recipe::config::Request],
        before: &Configuration<'_>,
    ) -> Vec<Overruled> {
        let tree = self.configuration.tree();
        let one = |request: &&recipe::config::Request| {
            let asked = tree
                .request(&request.symbol, &recipe::config::spelled(request))
                .ok()?;
            let lost = before.holds(&asked) && !self.configuration.holds(&asked);
            lost.then(|| Overruled {
                line: self.configuration.line(asked.symbol).trim_end().to_owned(),
                by: request.by.to_string(),
                reason: tree.reason_text(&self.configuration.why_not(&asked)),
            })
        };
        let effective = recipe::config::effective(requests);
        effective.iter().filter_map(one).collect()
    }

    /// Of several ways to a symbol one through what the machine has comes first.
    fn prefer<'c>(&mut self, first: impl Iterator<Item = &'c Candidate>) {
        let tree = self.configuration.tree();
        let names = first.map(|one| &one.option);
        let symbols: Vec<_> = names.filter_map(|name| tree.find_defined(name)).collect();
        self.configuration.prefer(symbols);
    }

    fn device(&mut self, device: &Device, candidates: &[Candidate]) -> Found {
        let mut found = Found::nothing(&device.at, &device.name, &device.modalias);
        found.in_use = !device.in_use.is_empty();
        let mut why = None;
        for candidate in candidates {
            match self.wish(
                &[
                    std::slice::from_ref(&candidate.option),
                    candidate.besides.as_slice(),
                ]
                .concat(),
            ) {
                Wished::No(reason) => why = why.or(Some(reason)),
                other => {
                    self.take(&mut found, candidate, other);
                    break;
                }
            }
        }
        let others = candidates.iter().map(|one| &one.option);
        for option in others.filter(|option| found.option.as_ref() != Some(option)) {
            if !found.others.contains(option) {
                found.others.push(option.clone());
            }
        }
        if found.option.is_none() {
            let none = || self.catalogue.why_none(device);
            found.why = Some(why.unwrap_or_else(none));
        }
        found
    }

    fn take(&self, found: &mut Found, candidate: &Candidate, wished: Wished) {
        (found.state, found.lines) = match wished {
            Wished::Asked(lines) => (State::Asked, lines),
            _ => (State::There, Vec::new()),
        };
        found.option = Some(candidate.option.clone());
        found.driver = Some(candidate.source.clone());
        found.pattern = candidate.pattern.clone();
        found.firmware = candidate.firmware.clone();
    }

    fn class(&mut self, class: &Class) -> Found {
        let mut found = Found::nothing(class.name, class.what, "");
        found.state = State::There;
        for symbol in class.symbols {
            match self.wish(&[(*symbol).to_owned()]) {
                Wished::There => {}
                Wished::Asked(lines) => {
                    found.state = State::Asked;
                    found.lines.extend(lines);
                }
                Wished::No(reason) => {
                    let why = found.why.get_or_insert_default();
                    if !why.is_empty() {
                        why.push_str("; ");
                    }
                    why.push_str(&reason);
                }
            }
        }
        found
    }

    /// Asks that all these options be on.
    fn wish(&mut self, options: &[String]) -> Wished {
        let before = self.configuration.clone();
        let mut lines = Vec::new();
        for option in options {
            match self.one(option) {
                Ok(more) => lines.extend(more),
                Err(reason) => {
                    self.configuration = before;
                    return Wished::No(reason);
                }
            }
        }
        if lines.is_empty() {
            Wished::There
        } else {
            Wished::Asked(lines)
        }
    }

    /// The lines with which one option is on; none when it is already.
    fn one(&mut self, option: &str) -> Result<Vec<String>, String> {
        let tree = self.configuration.tree();
        let goal = tree
            .request(option, "y")
            .map_err(|_| format!("CONFIG_{option} is not of this architecture"))?;
        if self.configuration.holds(&goal) {
            return Ok(Vec::new());
        }
        let found = self.configuration.want(&goal).map_err(|failure| {
            format!(
                "found no way to CONFIG_{option}=y: {}",
                tree.reason_text(&failure.reason)
            )
        })?;
        self.configuration.set(&found.requests);
        let line = |request: &Request| {
            self.configuration
                .line(request.symbol)
                .trim_end()
                .to_owned()
        };
        Ok(found.requests.iter().map(line).collect())
    }
}

#[cfg(test)]
mod tests;
