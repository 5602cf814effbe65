//! Which files of a kernel are worth reading for tables: few are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Sources;

/// What a look at a file tells.
#[derive(Debug, Default)]
struct Look {
    /// It speaks of tables, aliases or firmware.
    may_have_tables: bool,
    /// It announces a table: no header does that for all who include it.
    announces: bool,
    /// The files of its own folder that it includes.
    includes: Vec<String>,
}

/// Tells which files are worth reading.
pub struct Worth<'a> {
    sources: &'a dyn Sources,
    known: RefCell<BTreeMap<String, Rc<Look>>>,
}

impl<'a> Worth<'a> {
    /// Of a tree of which nothing was looked at yet.
    pub fn new(sources: &'a dyn Sources) -> Self {
        Worth {
            sources,
            known: RefCell::default(),
        }
    }

    /// Whether a file may have tables, or one of its own folder that it includes,
    /// as the keyboard controller's and that of UHCI do, announces one.
    pub fn is_read(&self, path: &str) -> bool {
        let own = self.look(path);
        if own.may_have_tables || own.announces {
            return true;
        }
        let mut open = own.includes.clone();
        let mut seen = BTreeSet::from([path.to_owned()]);
        while let Some(next) = open.pop() {
            if !seen.insert(next.clone()) {
                continue;
            }
            let look = self.look(&next);
            if look.announces {
                return true;
            }
            open.extend(look.includes.iter().cloned());
        }
        false
    }

    fn look(&self, path: &str) -> Rc<Look> {
        if let Some(known) = self.known.borrow().get(path) {
            return Rc::clone(known);
        }
        let text = self.sources.read(path).unwrap_or_default();
        let look = Rc::new(look_at(path, &text));
        let mut known = self.known.borrow_mut();
        known.insert(path.to_owned(), Rc::clone(&look));
        look
    }
}

fn look_at(path: &str, text: &str) -> Look {
    let marks = ["_device_id", "MODULE_ALIAS", "MODULE_FIRMWARE"];
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let included = |line: &str| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start();
        let rest = rest.strip_prefix("include")?.trim_start();
        let (name, _) = rest.strip_prefix('"')?.split_once('"')?;
        (!name.contains('/')).then(|| format!("{folder}/{name}"))
    };
    Look {
        may_have_tables: marks.iter().any(|mark| text.contains(mark)),
        announces: text.contains("MODULE_DEVICE_TABLE"),
        includes: text.lines().filter_map(included).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(&'static [(&'static str, &'static str)]);

    impl Sources for Tree {
        fn read(&self, path: &str) -> Option<String> {
            let found = self.0.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| (*text).to_owned())
        }
    }

    #[test]
    fn a_table_in_what_a_file_includes_makes_it_worth_reading() {
        let tree = Tree(&[
            (
                "a/uhci.c",
                "# include \"uhci-q.c\"\n#include \"uhci-pci.c\"\n",
            ),
            ("a/uhci-pci.c", "MODULE_DEVICE_TABLE(pci, ids);"),
            ("a/io.h", "#include \"uhci-pci.c\"\n#include \"io.h\"\n"),
            ("a/kbd.c", "#include \"io.h\"\n"),
            ("a/own.c", "static struct pci_device_id x;"),
            (
                "a/plain.c",
                "#include \"plain.h\"\n#include <linux/pci.h>\n#include \"b/far.h\"\n",
            ),
            ("a/plain.h", "extern const struct pci_device_id ids[];"),
            ("a/b/far.h", "MODULE_DEVICE_TABLE(pci, ids);"),
        ]);
        let worth = Worth::new(&tree);
        let read = ["a/uhci.c", "a/uhci-pci.c", "a/kbd.c", "a/own.c"];
        assert!(read.iter().all(|path| worth.is_read(path)));
        assert!(!worth.is_read("a/plain.c") && !worth.is_read("a/none.c"));
    }
}
