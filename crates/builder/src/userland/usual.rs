//! Each applet's usual options: those that BusyBox's own defaults turn on and
//! that belong to an applet that is built. An option belongs to the applets of
//! the file that declares it; one of a folder's `Config.src`, to the applets
//! below that folder.

use std::collections::BTreeSet;
use std::path::Path;

use super::declared::{Applet, Declared};

/// Options of BusyBox as a whole that people expect of its applets: long
/// options, and short ones that POSIX has dropped (`head -2`).
const OF_ALL: &[&str] = &["LONG_OPTS", "INCLUDE_SUSv2"];

/// What people expect of a shell on a console: keys that edit the line, and Tab.
const OF_SHELL: &[&str] = &[
    "FEATURE_EDITING",
    "FEATURE_TAB_COMPLETION",
    "FEATURE_REVERSE_SEARCH",
];

/// Options that bring in more than all others together, and that small systems
/// seldom have a use for: a TLS of their own, and addresses that the kernel has
/// to know, too.
const UNUSUAL: &[&str] = &["FEATURE_WGET_HTTPS", "FEATURE_WGET_OPENSSL", "FEATURE_IPV6"];

/// The options that are left to BusyBox's defaults.
pub(super) fn options<'a>(wanted: &[Applet], known: &'a Declared) -> BTreeSet<&'a str> {
    let objects: Vec<&Path> = wanted
        .iter()
        .filter_map(|applet| Some(Path::new(known.objects.get(&applet.name)?)))
        .collect();
    let belongs = |file: &str| {
        let file = Path::new(file);
        match file.parent() {
            _ if file.extension().is_some_and(|e| e == "c") => {
                let object = file.with_extension("o");
                objects.contains(&object.as_path())
            }
            // The top folder's are of BusyBox as a whole.
            Some(folder) if folder != Path::new("") => {
                objects.iter().any(|o| o.starts_with(folder))
            }
            _ => false,
        }
    };
    let beside = known.beside.iter().filter(|(file, _)| belongs(file));
    let mut usual: BTreeSet<&str> = beside.flat_map(|(_, all)| all).map(|s| &**s).collect();
    let has_shell = wanted.iter().any(|applet| applet.name == "sh");
    let more = OF_ALL.iter().chain(OF_SHELL.iter().filter(|_| has_shell));
    usual.extend(more.filter_map(|name| known.switches.get(*name).map(|s| &**s)));
    let applets: BTreeSet<&str> = known.applets.values().map(|a| &*a.symbol).collect();
    usual.retain(|option| !applets.contains(option) && !UNUSUAL.contains(option));
    usual
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file, its applets with their symbols, and its options.
    type File<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

    fn known() -> Declared {
        let applet = |name: &str, symbol: &str| Applet {
            name: name.to_owned(),
            symbol: symbol.to_owned(),
            folder: "/bin".to_owned(),
        };
        let mut known = Declared::default();
        let files: [File; 6] = [
            (
                "coreutils/head.c",
                &[("head", "HEAD")],
                &["HEAD", "FEATURE_FANCY_HEAD"],
            ),
            (
                "archival/tar.c",
                &[("tar", "TAR")],
                &["TAR", "FEATURE_TAR_CREATE"],
            ),
            (
                "networking/wget.c",
                &[("wget", "WGET")],
                &["WGET", "FEATURE_WGET_TIMEOUT", "FEATURE_WGET_HTTPS"],
            ),
            ("archival/Config.src", &[], &["FEATURE_SEAMLESS_GZ"]),
            ("libbb/Config.src", &[], &["FEATURE_EDITING"]),
            ("Config.in", &[], &["INCLUDE_SUSv2", "PAM"]),
        ];
        for (file, applets, options) in files {
            let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
            known.switches.extend(options.iter().cloned());
            known.beside.insert(file.to_owned(), options);
            for (name, symbol) in applets {
                let object = file.replace(".c", ".o");
                known.objects.insert((*name).to_owned(), object);
                known
                    .applets
                    .insert((*name).to_owned(), applet(name, symbol));
            }
        }
        known
    }

    fn of(names: &[&str]) -> Vec<String> {
        let known = known();
        let wanted: Vec<Applet> = names.iter().map(|n| known.applets[*n].clone()).collect();
        options(&wanted, &known)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn an_applet_has_the_options_beside_it_and_those_of_its_folder() {
        assert_eq!(of(&["head"]), ["FEATURE_FANCY_HEAD", "INCLUDE_SUSv2"]);
        let tar = ["FEATURE_SEAMLESS_GZ", "FEATURE_TAR_CREATE", "INCLUDE_SUSv2"];
        assert_eq!(of(&["tar"]), tar);
    }

    #[test]
    fn what_costs_much_and_other_applets_stay_off() {
        assert_eq!(of(&["wget"]), ["FEATURE_WGET_TIMEOUT", "INCLUDE_SUSv2"]);
    }
}
