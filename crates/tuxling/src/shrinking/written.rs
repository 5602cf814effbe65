//! The result as a recipe of its own: `NAME.tiny.toml` and what it names, beside
//! the recipe that it came from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use host::cache::write_whole;
use host::error::Kind;
use prune::certificate::Certificate;
use recipe::asker::Asker;
use recipe::config::{self, Request, Values};
use recipe::plan::{Plan, RecipeOrigin};
use recipe::{edit, fragment, raw};
use serde::Serialize;
use toml_edit::{Array, DocumentMut, Value};

use super::report::Report;
use crate::failure::{Failure, Result};

/// What comes with a result that was proven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// What the searches found.
    pub report: &'a Report,
    /// What pruning took away, where it was asked for.
    pub certificate: Option<&'a Certificate>,
}

/// A smaller system, to be written down.
#[derive(Debug)]
pub(crate) struct Tiny<'a> {
    original: &'a Plan,
    plan: &'a Plan,
    /// The resolved configuration.
    values: &'a Values,
}

/// The name of the recipe that a shrink of `name` writes.
pub(crate) fn name_of(name: &str) -> String {
    format!("{name}.tiny")
}

impl<'a> Tiny<'a> {
    /// `plan` is what became of `original`, `values` its configuration.
    pub(crate) fn new(original: &'a Plan, plan: &'a Plan, values: &'a Values) -> Tiny<'a> {
        Tiny {
            original,
            plan,
            values,
        }
    }

    /// Writes the files; the recipe comes last, so that it never names one that
    /// isn't there. Gives its path.
    pub(crate) fn write(&self, evidence: Option<&Evidence<'_>>) -> Result<PathBuf> {
        let name = name_of(&self.original.name);
        let file = |ending: &str| self.original.base.join(format!("{name}.{ending}"));
        write_whole(&file("config"), self.fragment().as_bytes())?;
        // The evidence is of these very sources.
        let lock = self
            .original
            .base
            .join(format!("{}.lock", self.original.name));
        if lock.exists() {
            write_whole(&file("lock"), read(&lock)?.as_bytes())?;
        }
        if let Some(evidence) = evidence {
            write_whole(&file("shrink.json"), &json(evidence.report)?)?;
            if let Some(certificate) = evidence.certificate {
                write_whole(&file("cert.json"), &json(certificate)?)?;
            }
        }
        let text = self.recipe(evidence.and_then(|e| e.certificate))?;
        let path = file("toml");
        write_whole(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The requests that lead from the recipe's own to this configuration.
    fn requests(&self) -> Vec<Request> {
        let original = &self.original.kernel;
        let mut symbols: BTreeSet<&str> = BTreeSet::new();
        let before: BTreeSet<(&str, &str)> = pairs(&original.requests).collect();
        symbols.extend(
            pairs(&self.plan.kernel.requests)
                .filter(|pair| !before.contains(pair))
                .map(|(symbol, _)| symbol),
        );
        // What the recipe asks for and has lost must not be asked for again.
        let lost = |r: &&&Request| !config::met(r, self.values);
        let all = config::effective(&original.requests);
        symbols.extend(all.iter().filter(lost).map(|r| r.symbol.as_str()));
        symbols
            .into_iter()
            .map(|symbol| {
                let value = self.values.get(symbol);
                let text = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                Request {
                    symbol: symbol.to_owned(),
                    value: text.unwrap_or(value).to_owned(),
                    quoted: text.is_some(),
                    by: Asker::Shrink,
                    lenient: true,
                    optional: false,
                }
            })
            .collect()
    }

    fn fragment(&self) -> String {
        let head = format!(
            "# What `tuxling shrink {}` found: merged over the recipe's own fragments.\n",
            self.original.name
        );
        let lines = self.requests();
        let lines = lines.iter().map(|r| format!("{}\n", config::line(r)));
        head + &lines.collect::<String>()
    }

    fn recipe(&self, certificate: Option<&Certificate>) -> Result<String> {
        let name = name_of(&self.original.name);
        let text = edit::original_text(self.original)?;
        let wrong = |e: String| {
            Failure::new(
                Kind::Usage,
                format!("the recipe can't be written anew: {e}"),
            )
        };
        let text = self.without_own(&text).map_err(wrong)?;
        let mut document: DocumentMut = text.parse().map_err(|e| wrong(format!("{e}")))?;
        set(&mut document, &["name"], Value::from(name.as_str()));
        if self.original.origin == RecipeOrigin::BuiltIn {
            edit::out_of_builtin(&mut document);
        }
        let fragments = fragments(&document, &format!("{name}.config"));
        set(
            &mut document,
            &["kernel", "fragments"],
            Value::Array(fragments),
        );
        self.user_land(&mut document);
        if self.plan.machine.memory != self.original.machine.memory {
            let kib = format!("{}KiB", self.plan.machine.memory.as_kib());
            set(&mut document, &["machine", "memory"], Value::from(kib));
        }
        if let Some(certificate) = certificate {
            let file = format!("{name}.cert.json");
            set(
                &mut document,
                &["prune", "level"],
                Value::from(certificate.level.as_str()),
            );
            set(&mut document, &["prune", "certificate"], Value::from(file));
        }
        Ok(document.to_string())
    }

    /// The recipe's text without its own options that the fragment answers:
    /// they would come after it and win.
    fn without_own(&self, text: &str) -> std::result::Result<String, String> {
        let document: DocumentMut = text.parse().map_err(|e| format!("{e}"))?;
        let options = document
            .get("kernel")
            .and_then(|kernel| kernel.as_table_like()?.get("options")?.as_str());
        let Some(options) = options else {
            return Ok(text.to_owned());
        };
        let answered = self.requests();
        let parsed = fragment::parse(options, fragment::Form::Typed);
        let gone: Vec<usize> = parsed
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| answered.iter().any(|r| r.symbol == line.asks.option))
            .map(|(at, _)| at)
            .collect();
        edit::remove_options(text, &gone)
    }

    fn user_land(&self, document: &mut DocumentMut) {
        let (old, new) = (&self.original.userland.busybox, &self.plan.userland.busybox);
        if let (Some(old), Some(new)) = (old, new) {
            if (&old.applets, old.defconfig) != (&new.applets, new.defconfig) && !new.defconfig {
                let mut names = Array::new();
                names.extend(new.applets.iter().map(String::as_str));
                set(document, &["userland", "busybox"], Value::Array(names));
            }
            if old.usual && !new.usual {
                set(document, &["userland", "busybox-usual"], Value::from(false));
            }
            if old.requests != new.requests {
                let lines: String = new
                    .requests
                    .iter()
                    .filter(|r| !new.implied.contains(&r.symbol))
                    .map(|r| format!("{}\n", config::line(r)))
                    .collect();
                set(
                    document,
                    &["userland", "busybox-options"],
                    Value::from(lines),
                );
            }
        }
        if self.original.ramdisk.compress != self.plan.ramdisk.compress {
            let found = raw::COMPRESSIONS
                .iter()
                .find(|(_, c)| *c == self.plan.ramdisk.compress);
            if let Some((word, _)) = found {
                set(document, &["ramdisk", "compress"], Value::from(*word));
            }
        }
    }
}

fn pairs(requests: &[Request]) -> impl Iterator<Item = (&str, &str)> {
    let all = config::effective(requests);
    all.into_iter()
        .map(|r| (r.symbol.as_str(), r.value.as_str()))
}

fn read(path: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(path).map_err(|e| host::Error::file("read", path, e))?)
}

/// The recipe's fragments and one more.
fn fragments(document: &DocumentMut, one_more: &str) -> Array {
    let old = document
        .get("kernel")
        .and_then(|kernel| kernel.as_table_like()?.get("fragments")?.as_array());
    let names = old.into_iter().flatten().filter_map(Value::as_str);
    names.chain([one_more]).collect()
}

/// Sets a key. A table of the recipe's that is none was refused when it was read.
fn set(document: &mut DocumentMut, path: &[&str], value: Value) {
    let _ = edit::set(document, path, value);
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
        .map_err(|e| Failure::new(Kind::Machine, format!("can't write JSON: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use passes::request;

    /// A configuration in which all is as it was asked for.
    fn met(requests: &[Request]) -> Values {
        let all = config::effective(requests);
        let value = |r: &&Request| (r.symbol.clone(), config::spelled(r));
        all.iter().map(value).collect()
    }

    #[test]
    fn a_built_in_recipe_is_written_anew_with_what_was_found() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let original = recipe::load("pc-net", dir.path()).expect("the built-in recipe");
        let mut plan = original.clone();
        plan.kernel.requests.push(request("UNIX", "n"));
        plan.kernel.requests.push(request("LOG_BUF_SHIFT", "12"));
        let busybox = plan.userland.busybox.as_mut().expect("has one");
        busybox.applets.retain(|applet| applet != "free");
        busybox.requests.clear();
        // Asked for by a fragment, and gone with something else.
        let mut requests = plan.kernel.requests.clone();
        requests.push(request("POSIX_TIMERS", "n"));
        let values = met(&requests);
        let path = Tiny::new(&original, &plan, &values)
            .write(None)
            .expect("writes");
        assert_eq!(path, dir.path().join("pc-net.tiny.toml"));

        let tiny = recipe::load("pc-net.tiny.toml", dir.path()).expect("is a recipe");
        assert_eq!(tiny.name, "pc-net.tiny");
        let asked = config::effective(&tiny.kernel.requests);
        let value = |symbol: &str| {
            let found = asked.iter().find(|r| r.symbol == symbol);
            found.map(|r| r.value.as_str())
        };
        assert_eq!(value("UNIX"), Some("n"));
        assert_eq!(value("LOG_BUF_SHIFT"), Some("12"));
        assert_eq!(value("POSIX_TIMERS"), Some("n"));
        assert_eq!(value("E1000"), Some("y"));
        assert!(asked.iter().all(|r| config::met(r, &values)));
        let busybox = tiny.userland.busybox.expect("has one");
        assert!(!busybox.applets.iter().any(|a| a == "free"));
        assert_eq!(tiny.checks, original.checks);
        assert_eq!(tiny.prune.certificate, None);
    }

    #[test]
    fn own_options_that_were_answered_are_not_asked_for_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let text = "name = \"mine\"\nboard = \"pc\"\n\n[kernel]\n# Mine.\noptions = \"\"\"\n\
                    CONFIG_UNIX=y\nCONFIG_BUG=y\n\"\"\"\n\n[userland]\nbusybox = [\"sh\", \"init\"]\n";
        std::fs::write(dir.path().join("mine.toml"), text).expect("writes");
        let original = recipe::load("mine.toml", dir.path()).expect("is a recipe");
        let mut plan = original.clone();
        plan.kernel.requests.push(request("UNIX", "n"));
        let values = met(&plan.kernel.requests);
        let path = Tiny::new(&original, &plan, &values)
            .write(None)
            .expect("writes");
        let written = std::fs::read_to_string(path).expect("readable");
        assert!(written.contains("# Mine.") && written.contains("CONFIG_BUG=y"));
        assert!(!written.contains("CONFIG_UNIX=y"), "{written}");
        let tiny = recipe::load("mine.tiny.toml", dir.path()).expect("is a recipe");
        let asked = config::effective(&tiny.kernel.requests);
        let unix = asked.iter().find(|r| r.symbol == "UNIX").expect("asked");
        assert_eq!(unix.value, "n");
    }
}
