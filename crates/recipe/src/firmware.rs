//! A board's firmware: what it boots by itself, and how QEMU is given it.

use std::path::PathBuf;

use host::units::Bytes;

use crate::diagnostic::{Problem, Problems};
use crate::medium::Form;
use crate::table::{Schema, Table};
use crate::words;

pub(crate) static FIRMWARE: Schema = Schema {
    header: "[[firmware]]",
    keys: &["name", "boots", "args", "files", "qemu", "memory"],
};

/// What stands in `args` for the medium, and for the firmware's own file.
const MEDIUM: &str = "{medium}";
const FILE: &str = "{firmware}";

/// A firmware, with the media that it boots in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Its name: `SeaBIOS`.
    pub name: String,
    /// What it boots.
    pub boots: Vec<Form>,
    /// QEMU's arguments in place of those that load a kernel.
    pub args: Vec<String>,
    /// Where its own file may be: the first that is there is taken. Empty where
    /// QEMU has it.
    pub files: Vec<PathBuf>,
    /// QEMU's program, where it isn't the architecture's.
    pub qemu: Option<String>,
    /// RAM that it and its boot loaders need, whatever the system does.
    pub memory: Bytes,
}

impl Firmware {
    /// Its own file on this machine; `Ok(None)` where QEMU has it.
    ///
    /// # Errors
    /// When none of the files is there.
    pub fn find(&self) -> Result<Option<PathBuf>, &Firmware> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let there = self.files.iter().find(|file| file.is_file());
        there.cloned().map(Some).ok_or(self)
    }

    /// QEMU's arguments for a medium. A comma in a path is written twice, as
    /// QEMU's options want it.
    pub fn arguments(&self, medium: &str, file: &str) -> Vec<String> {
        let doubled = |path: &str| path.replace(',', ",,");
        let one = |arg: &String| {
            // A whole argument is no option with parts.
            match arg.as_str() {
                MEDIUM => medium.to_owned(),
                FILE => file.to_owned(),
                _ => {
                    let filled = arg.replace(MEDIUM, &doubled(medium));
                    filled.replace(FILE, &doubled(file))
                }
            }
        };
        self.args.iter().map(one).collect()
    }
}

/// Reads one; what is wrong is told.
pub(crate) fn read(problems: &Problems, table: &Table<'_>) -> Option<Firmware> {
    for key in ["name", "boots", "args"] {
        if !table.has(key) {
            let message = format!("`{key}` is missing");
            let help = "docs/recipe.md has the keys of a board's firmware";
            problems.push(Problem::at(&table.place(), message).help(help));
        }
    }
    let known: Vec<&str> = Form::ALL.into_iter().map(Form::word).collect();
    let mut boots = Vec::new();
    for word in table.texts("boots")?.value {
        match Form::of_word(&word.value) {
            Some(form) => boots.push(form),
            None => {
                let message = format!("there is no kind of medium `{}`", word.value);
                let help = format!("known are {}", words::list(&known));
                problems.push(Problem::at(&word.place, message).help(help));
            }
        }
    }
    let args = table.texts("args")?;
    if !args.value.iter().any(|arg| arg.value.contains(MEDIUM)) {
        let message = "no argument gives QEMU the medium";
        let help = "write {medium} where its path belongs: \"if=floppy,file={medium}\"";
        problems.push(Problem::at(&args.place, message).help(help));
    }
    let qemu = table.text("qemu");
    if let Some(qemu) = &qemu
        && !qemu.value.starts_with("qemu-system-")
    {
        let message = format!("`{}` is none of QEMU's programs", qemu.value);
        let help = "write its name: \"qemu-system-x86_64\"";
        problems.push(Problem::at(&qemu.place, message).help(help));
    }
    let files = table
        .texts("files")
        .map_or_else(Vec::new, |list| list.value);
    Some(Firmware {
        name: table.text("name")?.value,
        boots,
        args: args.value.into_iter().map(|arg| arg.value).collect(),
        files: files.into_iter().map(|file| file.value.into()).collect(),
        qemu: qemu.map(|qemu| qemu.value),
        memory: table
            .parsed("memory", words::bytes)
            .map_or(Bytes(0), |m| m.value),
    })
}
