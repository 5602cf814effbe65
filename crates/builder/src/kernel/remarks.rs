//! What a user should know of a resolved configuration before anything is
//! compiled, and no error: lines of the base that don't hold, names that only
//! other architectures have, symbols that are modules.

use std::collections::BTreeSet;

use ::kconfig::{Configuration, Elsewhere, Lost};
use host::session::Session;
use recipe::config::{Request, Values, spelled};
use recipe::plan::{BaseConfig, KernelPlan, ModulesPlan};
use recipe::security::is_security;
use record::{LostLine, Modular};

use super::kconfig::Tree;

/// How many lines are told where not all are asked for.
const SHOWN: usize = 20;

/// What is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// The lines of a `.config` given as the base that don't hold, those that
    /// protect first.
    pub lost: Vec<LostLine>,
    /// Requests for symbols that only other architectures have.
    pub foreign: Vec<String>,
    /// The symbols that are modules.
    pub modular: Option<Modular>,
}

/// What a request says of a symbol that only other architectures have.
pub fn foreign(request: &Request, found: &Elsewhere) -> String {
    format!(
        "CONFIG_{}={} (asked for by {}): {} ({}:{})",
        request.symbol,
        spelled(request),
        request.by,
        only(&found.archs),
        found.location.file,
        found.location.line
    )
}

/// Which architectures have a symbol: `only arm and arm64 have it`.
pub(super) fn only(archs: &[String]) -> String {
    match archs {
        [] => "no architecture has it".to_owned(),
        [one] => format!("only {one} has it"),
        [most @ .., last] => format!("only {} and {last} have it", most.join(", ")),
    }
}

/// The lines of the base that don't hold: those with a prompt, and those whose
/// symbol isn't there, which may have had one. What the recipe itself asks for
/// is not the base's any more.
pub fn lost(plan: &KernelPlan, configuration: &Configuration<'_>, tree: &Tree) -> Vec<LostLine> {
    let BaseConfig::File { text, .. } = tree.base_of(plan) else {
        return Vec::new();
    };
    let asked: BTreeSet<&str> = plan.requests.iter().map(|one| &*one.symbol).collect();
    let told = |lost: Lost| {
        if asked.contains(&*lost.name) || lost.prompt == Some(false) {
            return None;
        }
        let foreign = match lost.prompt {
            None => tree.elsewhere().get(&lost.name),
            Some(_) => None,
        };
        if foreign.is_some_and(|foreign| !foreign.prompt) {
            return None;
        }
        let reason = match (&lost.reason, foreign) {
            (_, Some(foreign)) => only(&foreign.archs),
            (::kconfig::DropReason::UnknownOption { nearest }, None) => gone(nearest),
            (reason, None) => tree.kconfig.reason_text(reason),
        };
        let rank = match (is_security(&lost.name), lost.prompt, foreign) {
            (true, ..) => 0,
            (false, Some(_), _) => 1,
            (false, None, Some(_)) => 2,
            (false, None, None) => 3,
        };
        let line = LostLine {
            line: lost.line,
            asked: kconfig_line(&lost),
            value: lost.got,
            reason,
            security: rank == 0,
        };
        Some((rank, line))
    };
    let mut lost: Vec<_> = configuration
        .lost(text)
        .into_iter()
        .filter_map(told)
        .collect();
    lost.sort_by_key(|(rank, line)| (*rank, line.line));
    lost.into_iter().map(|(_, line)| line).collect()
}

fn kconfig_line(lost: &Lost) -> String {
    ::kconfig::dotconfig::line_of(&lost.name, &lost.asked)
}

/// What is said of a name that the kernel doesn't have.
fn gone(heirs: &[String]) -> String {
    let text = "gone or renamed since";
    match heirs {
        [] => text.to_owned(),
        heirs => format!("{text}: {}?", heirs.join(" or ")),
    }
}

/// The symbols that are modules, and which of them the recipe's other words
/// need, where modules are not made.
pub fn modular(plan: &KernelPlan, values: &Values) -> Option<Modular> {
    if plan.modules != ModulesPlan::None {
        return None;
    }
    let modules = values.iter().filter(|(_, value)| *value == "m");
    let symbols: Vec<String> = modules.map(|(name, _)| name.to_owned()).collect();
    if symbols.is_empty() {
        return None;
    }
    let needed = symbols.iter().filter(|name| plan.implied.contains(*name));
    Some(Modular {
        needed: needed.cloned().collect(),
        symbols,
    })
}

impl Remarks {
    /// Tells them.
    pub fn tell(&self, plan: &KernelPlan, session: &Session) {
        let name = match &plan.base {
            BaseConfig::File { name, .. } => name.clone(),
            BaseConfig::Target(target) => target.clone(),
            BaseConfig::Distribution { flavour } => format!("Debian's configuration of {flavour}"),
        };
        let lost = self.lost.iter().map(lost_text).collect::<Vec<_>>();
        let head = match lost.len() {
            1 => format!("1 line of {name} doesn't hold:"),
            n => format!("{n} lines of {name} don't hold:"),
        };
        told(&head, &lost, session);
        let head = match self.foreign.len() {
            1 => "1 request names a symbol of another architecture:".to_owned(),
            n => format!("{n} requests name symbols of other architectures:"),
        };
        told(&head, &self.foreign, session);
        if let Some(modular) = &self.modular {
            let (text, rest) = modular_text(modular);
            session.progress.remark(&text, &rest);
        }
    }
}

/// A list with its first rows; all of it where all is to be shown.
fn told(head: &str, rows: &[String], session: &Session) {
    if rows.is_empty() {
        return;
    }
    let (first, rest) = rows.split_at(rows.len().min(SHOWN));
    let mut text = format!("{head}\n  {}", first.join("\n  "));
    if !rest.is_empty() {
        text.push_str(&format!("\n  and {} more (all with -v)", rest.len()));
    }
    session
        .progress
        .remark(&text, &format!("  {}", rest.join("\n  ")));
}

fn lost_text(lost: &LostLine) -> String {
    let got = match lost.value.as_deref() {
        Some("n" | "") | None => String::new(),
        Some(value) => format!(" is {value} after all;"),
    };
    let asked = ::kconfig::bytes::shown(&lost.asked);
    format!("{asked}:{got} {}", lost.reason)
}

fn modular_text(modular: &Modular) -> (String, String) {
    let mut text = match &modular.symbols[..] {
        [only] => format!("CONFIG_{only} is m, and modules are not made: it does nothing"),
        all => format!(
            "{} symbols are m, and modules are not made: they do nothing",
            all.len()
        ),
    };
    let lines = |symbols: &[String], value: &str| -> Vec<String> {
        let line = |name: &String| format!("CONFIG_{name}={value}");
        symbols.iter().map(line).collect()
    };
    if !modular.needed.is_empty() {
        let needed = lines(&modular.needed, "y").join(", ");
        text.push_str(&format!(
            "; the board, the network or the ramdisk needs {needed}"
        ));
    }
    (
        text,
        format!("  {}", lines(&modular.symbols, "m").join("\n  ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_counted_and_those_that_are_needed_are_named() {
        let modular = Modular {
            symbols: vec!["E1000".to_owned(), "EXT4_FS".to_owned()],
            needed: vec!["E1000".to_owned()],
        };
        let (text, rest) = modular_text(&modular);
        assert_eq!(
            text,
            "2 symbols are m, and modules are not made: they do nothing; \
             the board, the network or the ramdisk needs CONFIG_E1000=y"
        );
        assert_eq!(rest, "  CONFIG_E1000=m\n  CONFIG_EXT4_FS=m");
    }

    #[test]
    fn a_lost_line_is_told_with_what_it_lacks() {
        let lost = |value: Option<&str>, reason: &str| LostLine {
            line: 1,
            asked: "CONFIG_A=m".to_owned(),
            value: value.map(str::to_owned),
            reason: reason.to_owned(),
            security: false,
        };
        let text = lost_text(&lost(Some("n"), "needs B [=n]"));
        assert_eq!(text, "CONFIG_A=m: needs B [=n]");
        let text = lost_text(&lost(Some("y"), "needs MODULES [=n]"));
        assert_eq!(text, "CONFIG_A=m: is y after all; needs MODULES [=n]");
        assert_eq!(
            lost_text(&lost(None, &gone(&[]))),
            "CONFIG_A=m: gone or renamed since"
        );
        let heirs = ["MITIGATION_A".to_owned()];
        assert_eq!(gone(&heirs), "gone or renamed since: MITIGATION_A?");
    }
}
