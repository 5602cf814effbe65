//! What BusyBox's sources declare: its applets and options
//! (docs/new-applet-HOWTO.txt).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;
use serde::Serialize;

use crate::error::Result;

/// One applet as BusyBox's sources declare it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Applet {
    /// Its name: `wget`, `[`.
    pub name: String,
    /// The symbol that brings it in, without `CONFIG_`.
    pub symbol: String,
    /// The folder of its link: `/usr/bin`.
    pub folder: String,
}

/// What BusyBox's sources declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// All applets by name.
    pub applets: BTreeMap<String, Applet>,
    /// All options that are on or off, without `CONFIG_`.
    pub switches: BTreeSet<String>,
    /// The object that an applet is compiled to, by the applet's name.
    pub objects: BTreeMap<String, String>,
    /// The options that each file declares, by its path: `coreutils/head.c`.
    pub beside: BTreeMap<String, Vec<String>>,
}

impl Declared {
    /// Adds what one file declares, by its path in the tree.
    pub(super) fn take(&mut self, file: &Path, text: &str) {
        let switches = switches_in(text);
        self.beside
            .insert(file.display().to_string(), switches.clone());
        self.switches.extend(switches);
        let object = file.with_extension("o").display().to_string();
        // hush and ash both declare `sh`: ash is the one that is built.
        let applets = applets_in(text).into_iter();
        for applet in applets.filter(|a| !a.symbol.contains("HUSH")) {
            self.objects.insert(applet.name.clone(), object.clone());
            self.applets.insert(applet.name.clone(), applet);
        }
    }
}

/// Reads what BusyBox's sources declare: applets in `//applet:` lines, options
/// in `//config:` lines and in `Config.in` and `Config.src` files.
pub(crate) fn declared(tree: &Path) -> Result<Declared> {
    let mut declared = Declared::default();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .map_err(|e| host::Error::file("read the folder", &folder, e))?
            .flatten()
        {
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "c")
                || name == "Config.in"
                || name == "Config.src"
            {
                let text = fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
                let file = path.strip_prefix(tree).unwrap_or(&path);
                declared.take(file, &String::from_utf8_lossy(&text));
            }
        }
    }
    Ok(declared)
}

/// The `bool` options that one file declares.
fn switches_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut symbol = None;
    for line in text.lines() {
        let line = line.strip_prefix("//config:").unwrap_or(line).trim();
        if let Some(name) = line
            .strip_prefix("config ")
            .or_else(|| line.strip_prefix("menuconfig "))
        {
            symbol = Some(name.trim().to_owned());
        } else if line == "bool" || line.starts_with("bool ") || line.starts_with("bool\t") {
            found.extend(symbol.take());
        } else if !line.is_empty() && !line.starts_with('#') {
            symbol = None;
        }
    }
    found
}

/// The applets that one source file declares.
fn applets_in(text: &str) -> Vec<Applet> {
    let declaration = r"^//applet:\s*IF_([A-Z0-9_]+)\(\s*(?:IF_[A-Z0-9_]+\(\s*)?APPLET[A-Z_]*\(\s*([^\s,]+)\s*,.*?\bBB_DIR_([A-Z_]+)";
    let Ok(declaration) = Regex::new(declaration) else {
        return Vec::new();
    };
    text.lines()
        .filter_map(|line| {
            let found = declaration.captures(line)?;
            let folder = match &found[3] {
                "ROOT" => String::new(),
                dir => format!("/{}", dir.to_lowercase().replace('_', "/")),
            };
            Some(Applet {
                name: found[2].to_owned(),
                symbol: found[1].to_owned(),
                folder,
            })
        })
        .collect()
}

#[cfg(test)]
pub(super) const SOURCE: &str = r#"
//config:config CAT
//config:	bool "cat (5.9 kb)"
//config:	default y
//config:config IP
//config:	bool "ip (35 kb)"
//config:config FEATURE_SIZE
//config:	int "Size"
//applet:IF_CAT(APPLET_NOFORK(cat, cat, BB_DIR_BIN, BB_SUID_DROP, cat))
//applet:IF_IP(      APPLET_NOEXEC(ip      , ip      , BB_DIR_SBIN, BB_SUID_DROP, ip      ))
//applet:IF_TEST1(APPLET_NOFORK([,   test, BB_DIR_USR_BIN, BB_SUID_DROP, test))
//applet:IF_LINUXRC(APPLET_ODDNAME(linuxrc, init, BB_DIR_ROOT, BB_SUID_DROP, linuxrc))
// not an applet: IF_X(APPLET(x, BB_DIR_BIN
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeMap<String, Applet> {
        applets_in(SOURCE)
            .into_iter()
            .map(|a| (a.name.clone(), a))
            .collect()
    }

    #[test]
    fn applets_are_found_with_their_symbols_and_folders() {
        let known = known();
        let told: Vec<_> = known
            .values()
            .map(|a| (&*a.name, &*a.symbol, &*a.folder))
            .collect();
        assert_eq!(
            told,
            [
                ("[", "TEST1", "/usr/bin"),
                ("cat", "CAT", "/bin"),
                ("ip", "IP", "/sbin"),
                ("linuxrc", "LINUXRC", "")
            ]
        );
        // One that two files have, each with another option.
        let twice = applets_in(
            "//applet:IF_RMMOD(   IF_MODPROBE_SMALL(APPLET_NOEXEC( rmmod,    modprobe, \
             BB_DIR_SBIN, BB_SUID_DROP, rmmod   )))\n",
        );
        assert_eq!(twice[0].name, "rmmod");
        assert_eq!(twice[0].symbol, "RMMOD");
    }
}
