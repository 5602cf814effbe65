//! The kernel's Makefiles, as far as they say which object is built for which
//! option: `obj-$(CONFIG_X)`, `foo-y`, `foo-objs`, `foo-$(CONFIG_Y)`, `lib-y`,
//! nested folders, conditions and variables
//! (Documentation/kbuild/makefiles.rst).
//!
//! Nothing is run: [`expand`] knows the functions of `make` that these files
//! use; a function that it doesn't know gives nothing.

mod expand;
mod makefile;

use std::collections::{BTreeMap, BTreeSet};

pub use expand::{Text, Variables};

/// What is asked of a source tree: the text of a file by its path from the
/// tree's root.
pub trait Tree {
    /// The text of a file; none when there is no such file.
    fn read(&self, path: &str) -> Option<String>;
}

/// Why an object is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// The options that must be set, the outermost folder's first, without
    /// `CONFIG_`. None: it is always built.
    pub options: Vec<String>,
    /// The Makefile that names it.
    pub makefile: String,
    /// Whether it is in a library: linked only where something refers to it.
    pub library: bool,
}

/// What a configuration builds.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Every object by its path from the tree's root.
    pub reasons: BTreeMap<String, Reason>,
}

/// How deep folders may name each other, against a circle of them.
const DEPTH: usize = 24;

/// The words that begin a list of objects.
const LISTS: [&str; 7] = ["obj", "lib", "core", "drivers", "libs", "net", "virt"];

impl Objects {
    /// Reads the Makefiles of a tree. `source_arch` is the folder below `arch/`
    /// (Kbuild's `SRCARCH`), `config` the values of a configuration without
    /// `CONFIG_`.
    pub fn read(tree: &dyn Tree, source_arch: &str, config: &BTreeMap<String, String>) -> Objects {
        let mut reader = Reader {
            tree,
            objects: Objects::default(),
            globals: Variables::new(config),
            entered: BTreeSet::new(),
        };
        for (name, value) in [("SRCARCH", source_arch), ("ARCH", source_arch)] {
            reader.globals.set(name, Text::plain(value));
        }
        for name in ["srctree", "objtree", "src", "obj"] {
            reader.globals.set(name, Text::plain("."));
        }
        let arch = format!("arch/{source_arch}/Makefile");
        let top = reader.evaluate(&arch);
        reader.lists(&top, "", &arch, &[], false, 0);
        reader.folder("", &[], false, 0);
        reader.folder("lib", &[], false, 0); // `libs-y := lib/` of the top Makefile
        // What a condition of the top Makefile would have asked first.
        reader.folder(&format!("arch/{source_arch}"), &[], false, 0);
        reader.objects
    }

    /// Why the object at this path is built. Members of archives are asked for
    /// by their own path.
    pub fn reason(&self, object: &str) -> Option<&Reason> {
        let inner = object
            .rsplit_once('(')
            .map(|(_, member)| member.trim_end_matches(')'));
        self.reasons
            .get(object)
            .or_else(|| self.reasons.get(inner?))
    }
}

struct Reader<'a> {
    tree: &'a dyn Tree,
    objects: Objects,
    globals: Variables,
    entered: BTreeSet<(String, Vec<String>)>,
}

impl Reader<'_> {
    /// The variables after the architecture's Makefile.
    fn evaluate(&mut self, path: &str) -> Variables {
        let mut variables = self.globals.clone();
        if let Some(text) = self.tree.read(path) {
            makefile::evaluate(&text, self.tree, &mut variables);
        }
        // What the architecture sets (`BITS`) is exported to all folders.
        for (name, value) in variables.plain() {
            // Which architecture it is nobody turns off: it rests on nothing.
            self.globals.set(&name, Text::plain(&value.text));
        }
        variables
    }

    fn folder(&mut self, path: &str, outer: &[String], library: bool, depth: usize) {
        if depth > DEPTH || !self.entered.insert((path.to_owned(), outer.to_vec())) {
            return;
        }
        let at = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}/{name}"),
        };
        // Kbuild wins over Makefile; at the root Makefile is no list of objects.
        let names: &[&str] = if path.is_empty() {
            &["Kbuild"]
        } else {
            &["Kbuild", "Makefile"]
        };
        let found = names
            .iter()
            .find_map(|name| Some((at(name), self.tree.read(&at(name))?)));
        let Some((makefile, text)) = found else {
            return;
        };
        let mut variables = self.globals.clone();
        for name in ["src", "obj"] {
            variables.set(name, Text::plain(if path.is_empty() { "." } else { path }));
        }
        makefile::evaluate(&text, self.tree, &mut variables);
        self.lists(&variables, path, &makefile, outer, library, depth);
    }

    /// Enters and notes what the lists of a Makefile name.
    fn lists(
        &mut self,
        variables: &Variables,
        path: &str,
        makefile: &str,
        outer: &[String],
        library: bool,
        depth: usize,
    ) {
        for list in LISTS {
            for built in variables.built(list) {
                let mut options = outer.to_vec();
                add(&mut options, &built.options);
                let in_library = library || list == "lib";
                let target = join(path, &built.word);
                match target.strip_suffix('/') {
                    Some(folder) => self.folder(folder, &options, library, depth + 1),
                    None => {
                        let reason = Reason {
                            options,
                            makefile: makefile.to_owned(),
                            library: in_library,
                        };
                        self.object(variables, path, &built.word, reason, 0);
                    }
                }
            }
        }
    }

    /// Notes an object, or the members that it is put together from.
    fn object(
        &mut self,
        variables: &Variables,
        path: &str,
        word: &str,
        reason: Reason,
        depth: usize,
    ) {
        let Some(stem) = word.strip_suffix(".o") else {
            return;
        };
        let mut members = variables.built(stem);
        members.extend(variables.listed(&format!("{stem}-objs")));
        if depth < DEPTH {
            for member in members.iter().filter(|m| m.word != word) {
                let mut reason = reason.clone();
                add(&mut reason.options, &member.options);
                self.object(variables, path, &member.word, reason, depth + 1);
            }
        }
        let name = join(path, word);
        // Named twice: the reason with fewer options is enough to build it.
        let fewer = |there: &Reason| there.options.len() <= reason.options.len();
        if !self.objects.reasons.get(&name).is_some_and(fewer) {
            self.objects.reasons.insert(name, reason);
        }
    }
}

fn add(options: &mut Vec<String>, more: &[String]) {
    for option in more {
        if !options.contains(option) {
            options.push(option.clone());
        }
    }
}

/// A path of a Makefile, with what `..` and `.` in it mean.
fn join(path: &str, word: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    for part in word.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let slash = if word.ends_with('/') { "/" } else { "" };
    format!("{}{slash}", parts.join("/"))
}

#[cfg(test)]
mod tests;
