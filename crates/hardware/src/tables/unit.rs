//! One source file as a compiler would begin to see it: its own headers put in
//! their places, its definitions noted with where they hold. Of a condition all
//! branches are read, since any configuration may be the one that is wanted;
//! only `#if 0` is passed over.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::Sources;
use super::lex::bare;
use super::macros::{Macro, Macros, definition};

/// How deep files may include each other, and how large the whole may grow.
const DEPTH: usize = 8;
const LARGEST: usize = 16 << 20;

/// How many headers are put into one file, and how many are noted of it.
const MOST: usize = 1_000;

/// Headers whose definitions tables are written with, whatever a file includes.
const HEADERS: &[&str] = &[
    "include/linux/mod_devicetable.h",
    "include/linux/pci.h",
    "include/linux/pci_ids.h",
    "include/linux/usb.h",
    "include/uapi/linux/usb/ch9.h",
    "include/linux/hid.h",
    "drivers/hid/hid-ids.h",
    "include/uapi/linux/input.h",
    "include/uapi/linux/virtio_ids.h",
    "include/uapi/linux/serio.h",
    "include/linux/stringify.h",
    "include/linux/module.h",
    "include/linux/fs.h",
    "include/linux/acpi.h",
    "include/linux/mmc/sdio_ids.h",
    "include/sound/hda_codec.h",
    "include/sound/hdaudio.h",
    "include/scsi/scsi_proto.h",
    "include/scsi/scsi_device.h",
];

/// From which byte of the code on a name means what; nothing where it is undone.
type Definition = (usize, Option<Rc<Macro>>);

/// A source file, its directives carried out.
pub(super) struct Unit<'a> {
    /// What is left of it and of those headers of its own that are parts of it.
    pub code: String,
    /// The definitions of each name, in the order of the code.
    defined: HashMap<String, Vec<Definition>>,
    /// How many files were put in their places.
    taken: usize,
    /// The headers that guard themselves and were met.
    once: HashSet<String>,
    /// The headers that it includes, and those that its own include.
    includes: Vec<String>,
    /// The headers that those include.
    wider: OnceCell<Vec<String>>,
    /// What was looked up in headers.
    known: RefCell<HashMap<String, Option<Rc<Macro>>>>,
    headers: &'a Headers<'a>,
}

/// What is known of one header.
#[derive(Default)]
struct Header {
    /// What it defines itself: macros, and the members of its enumerations.
    defined: HashMap<String, Rc<Macro>>,
    /// What stands behind its `#include`s.
    includes: Vec<String>,
    /// Whether it counts once however often it is included.
    guarded: bool,
    /// Whether it has tables itself.
    tables: bool,
    is_there: bool,
}

/// One open condition.
struct Condition {
    /// Whether its lines are passed over.
    skipped: bool,
    /// Whether this is a branch after the first: it defines nothing anew.
    other: bool,
}

/// The headers of a tree, each read once.
pub(super) struct Headers<'a> {
    sources: &'a dyn Sources,
    read: RefCell<HashMap<String, Rc<Header>>>,
}

impl<'a> Headers<'a> {
    pub(super) fn new(sources: &'a dyn Sources) -> Self {
        Headers {
            sources,
            read: RefCell::default(),
        }
    }

    fn of(&self, path: &str) -> Rc<Header> {
        if let Some(known) = self.read.borrow().get(path) {
            return Rc::clone(known);
        }
        let text = self.sources.read(path);
        let header = Rc::new(text.map_or_else(Header::default, |text| Header::of(&bare(&text))));
        let mut read = self.read.borrow_mut();
        read.insert(path.to_owned(), Rc::clone(&header));
        header
    }

    /// A definition in the first of these headers that has it.
    fn find<'p>(&self, paths: impl Iterator<Item = &'p str>, name: &str) -> Option<Rc<Macro>> {
        let mut found = paths.filter_map(|path| self.of(path).defined.get(name).cloned());
        found.next()
    }
}

impl Header {
    fn of(text: &str) -> Header {
        let mut header = Header {
            is_there: true,
            tables: text.contains("MODULE_DEVICE_TABLE"),
            ..Header::default()
        };
        let mut directives = text.lines().filter_map(directive).peekable();
        header.guarded = match directives.peek() {
            Some(("ifndef", _)) => true,
            Some(("pragma", rest)) => rest.trim() == "once",
            _ => false,
        };
        for (word, rest) in directives {
            match word {
                "define" => {
                    if let Some((name, one)) = definition(rest) {
                        header.defined.entry(name).or_insert_with(|| Rc::new(one));
                    }
                }
                "include" => header.includes.push(rest.trim().to_owned()),
                _ => {}
            }
        }
        for (name, one) in members(text) {
            header.defined.entry(name).or_insert(one);
        }
        header
    }
}

/// The members of a text's enumerations, each as a macro of its value.
fn members(text: &str) -> Vec<(String, Rc<Macro>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("enum") {
        let rest = &text[at + "enum".len()..];
        let Some((name, rest)) = rest.split_once('{') else {
            break;
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c.is_whitespace();
        if !name.chars().all(plain) {
            continue;
        }
        let body = rest.split('}').next().unwrap_or_default();
        let mut before: Option<String> = None;
        for member in body.split(',') {
            let (name, value) = match member.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (member.trim(), None),
            };
            if name.is_empty() || !name.chars().all(plain) || name.contains(char::is_whitespace) {
                continue;
            }
            let next = || {
                before
                    .as_ref()
                    .map_or("0".to_owned(), |name| format!("({name} + 1)"))
            };
            let body = value.map_or_else(next, |value| format!("({value})"));
            let one = Macro {
                parameters: None,
                body,
            };
            found.push((name.to_owned(), Rc::new(one)));
            before = Some(name.to_owned());
        }
    }
    found
}

impl<'a> Unit<'a> {
    /// Reads a file by its path from the tree's root; none when there is none.
    pub(super) fn read(path: &str, headers: &'a Headers<'a>) -> Option<Unit<'a>> {
        let text = headers.sources.read(path)?;
        let mut unit = Unit {
            code: String::with_capacity(text.len()),
            defined: HashMap::new(),
            taken: 0,
            once: HashSet::new(),
            wider: OnceCell::new(),
            known: RefCell::default(),
            includes: Vec::new(),
            headers,
        };
        unit.take(path, &text, 0);
        for (name, one) in members(&unit.code) {
            unit.defined
                .entry(name)
                .or_insert_with(|| vec![(0, Some(one))]);
        }
        Some(unit)
    }

    fn take(&mut self, path: &str, text: &str, depth: usize) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut open: Vec<Condition> = Vec::new();
        for line in bare(text).lines() {
            let Some((word, rest)) = directive(line) else {
                if !open.iter().any(|one| one.skipped) && self.code.len() < LARGEST {
                    self.code.push_str(line);
                    self.code.push('\n');
                }
                continue;
            };
            match word {
                "if" | "ifdef" | "ifndef" => open.push(Condition {
                    skipped: word == "if" && rest.trim() == "0",
                    other: false,
                }),
                "else" | "elif" => {
                    if let Some(last) = open.last_mut() {
                        last.other = !last.skipped;
                        last.skipped = false;
                    }
                }
                "endif" => drop(open.pop()),
                _ if open.iter().any(|one| one.skipped) => {}
                "define" => self.define(rest, open.iter().any(|one| one.other)),
                "undef" => {
                    let at = self.code.len();
                    let name = rest.trim().to_owned();
                    self.defined.entry(name).or_default().push((at, None));
                }
                "include" => self.include(folder, rest.trim(), depth),
                _ => {}
            }
        }
    }

    fn define(&mut self, rest: &str, other: bool) {
        let Some((name, one)) = definition(rest) else {
            return;
        };
        let all = self.defined.entry(name).or_default();
        let there = all.last().is_some_and(|(_, one)| one.is_some());
        if !(other && there) {
            all.push((self.code.len(), Some(Rc::new(one))));
        }
    }

    /// A header that is a part of the file is put in its place; of one that
    /// guards itself only the definitions are wanted.
    fn include(&mut self, folder: &str, named: &str, depth: usize) {
        let Some(path) = own(folder, named).filter(|path| self.headers.of(path).is_there) else {
            self.note(folder, named);
            return;
        };
        let header = self.headers.of(&path);
        let again = header.guarded && !self.once.insert(path.clone());
        let part = !header.guarded || header.tables && !again;
        let part = part && depth < DEPTH && self.taken < MOST;
        match self.headers.sources.read(&path) {
            Some(text) if part && self.code.len() < LARGEST => {
                self.taken += 1;
                self.take(&path, &text, depth + 1);
            }
            _ => self.note(folder, named),
        }
    }

    /// Notes a header and the ones that it includes, as far as they are the
    /// driver's own. One that has tables is put into the file all the same.
    fn note(&mut self, folder: &str, named: &str) {
        let mut open = vec![(folder.to_owned(), named.to_owned())];
        while let Some((folder, named)) = open.pop() {
            let path = own(&folder, &named).filter(|path| self.headers.of(path).is_there);
            let Some(path) = path else {
                let name = named.trim_matches(['<', '>', '"']);
                for path in [format!("include/{name}"), format!("include/uapi/{name}")] {
                    if !self.includes.contains(&path) {
                        self.includes.push(path);
                    }
                }
                continue;
            };
            if self.includes.contains(&path) || self.includes.len() > MOST {
                continue;
            }
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let inner = self.headers.of(&path);
            open.extend(
                inner
                    .includes
                    .iter()
                    .map(|one| (folder.to_owned(), one.clone())),
            );
            let tables = inner.tables && self.once.insert(path.clone());
            let text = tables.then(|| self.headers.sources.read(&path)).flatten();
            self.includes.push(path.clone());
            if let Some(text) = text {
                self.take(&path, &text, DEPTH);
            }
        }
    }

    /// What headers say of a name.
    fn in_headers(&self, name: &str) -> Option<Rc<Macro>> {
        if let Some(known) = self.known.borrow().get(name) {
            return known.clone();
        }
        let own = self.includes.iter().map(String::as_str);
        let near = HEADERS.iter().copied().chain(own);
        let found = self.headers.find(near, name).or_else(|| {
            // Names of fields are many, and no macros.
            let may_be = name.contains(|c: char| c.is_ascii_uppercase());
            let wider = self.wider.get_or_init(|| self.wider());
            self.headers
                .find(wider.iter().map(String::as_str).filter(|_| may_be), name)
        });
        let mut known = self.known.borrow_mut();
        known.insert(name.to_owned(), found.clone());
        found
    }

    /// The headers of the kernel that the noted ones include.
    fn wider(&self) -> Vec<String> {
        let mut met: HashSet<&str> = self.includes.iter().map(String::as_str).collect();
        met.extend(HEADERS);
        let mut found = HashSet::new();
        let mut order = Vec::new();
        for path in HEADERS
            .iter()
            .copied()
            .chain(self.includes.iter().map(String::as_str))
        {
            for named in &self.headers.of(path).includes {
                let name = named.trim_matches(['<', '>', '"']);
                for path in [format!("include/{name}"), format!("include/uapi/{name}")] {
                    if !met.contains(path.as_str()) && found.insert(path.clone()) {
                        order.push(path);
                    }
                }
            }
        }
        order
    }

    /// The macros as they are at a byte of the code.
    pub(super) fn at(&self, position: usize) -> At<'_> {
        At {
            unit: self,
            position,
        }
    }
}

/// The macros of a unit at one place.
pub(super) struct At<'a> {
    unit: &'a Unit<'a>,
    position: usize,
}

impl Macros for At<'_> {
    fn find(&self, name: &str) -> Option<Rc<Macro>> {
        let own = self.unit.defined.get(name);
        let own = own.and_then(|all| all.iter().rev().find(|(at, _)| *at <= self.position));
        match own {
            Some((_, one)) => one.clone(),
            None => self.unit.in_headers(name),
        }
    }
}

/// The path of a header that is named between quotes, beside the file.
fn own(folder: &str, named: &str) -> Option<String> {
    let name = named.strip_prefix('"')?.strip_suffix('"')?;
    Some(joined(folder, name))
}

/// The word of a directive, and what stands behind it.
fn directive(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// A path from a folder, with what `..` in it means.
fn joined(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
