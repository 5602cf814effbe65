//! Common flags that a command doesn't take: why not, and what to do instead.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use host::error::Kind;

use crate::failure::Failure;

/// What to do in place of a common flag, by its names.
const MENDS: &[(&[&str], &str)] = &[
    (
        &["--dry-run"],
        "leave it out: it builds and boots nothing; `tuxling fetch RECIPE --dry-run` lists how \
         sources are fetched",
    ),
    (
        &["--json"],
        "leave it out; `tuxling check RECIPE --json` boots a system and prints JSON",
    ),
    (
        &["-v", "--verbose"],
        "leave it out: it runs no tools whose output could be shown",
    ),
    (
        &["-j", "--jobs"],
        "build first by `tuxling build RECIPE -j N`: what is built is kept, and taken as it is",
    ),
    (
        &["--locked"],
        "fetch first by `tuxling fetch RECIPE --locked`: it fails unless the lock file names all \
         sources",
    ),
    (
        &["--update"],
        "fetch first by `tuxling fetch RECIPE --update`: the lock file that it writes is followed",
    ),
    (
        &["--allow-dropped"],
        "leave it out: this command goes on whatever the configuration drops",
    ),
    (
        &["-O", "--output"],
        "`tuxling build RECIPE -O DIR` puts the outputs into another folder",
    ),
];

/// The failure that names the mend, where clap met a common flag that the
/// command doesn't take.
pub(super) fn explain(error: &clap::Error, typed: &[OsString]) -> Option<Failure> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let (_, mend) = MENDS.iter().find(|(names, _)| names.contains(&&**flag))?;
    let command = typed.get(1)?.to_string_lossy();
    Some(Failure::new(Kind::Usage, format!("`tuxling {command}` takes no {flag}")).help(*mend))
}

/// Whether the answer was to be JSON, of a line that could not be read.
pub(super) fn is_json(typed: &[OsString]) -> bool {
    typed.iter().any(|word| word == "--json")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::Args;
    use super::*;

    fn failure(line: &str) -> Option<Failure> {
        let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = Args::try_parse_from(&typed).expect_err("is refused");
        explain(&error, &typed)
    }

    #[test]
    fn a_common_flag_that_a_command_lacks_is_refused_with_the_mend() {
        for (command, flags) in [
            ("fetch pc-net", &["-j4", "-v", "--allow-dropped", "-O"][..]),
            ("size pc-net", &["-j", "--locked", "--update", "-O"]),
            ("why pc-net x", &["-j", "--locked", "--update", "-O"]),
            ("report pc-net", &["-j", "--locked", "--update", "-O"]),
            ("config pc-net search x", &["-j", "--update", "-O"]),
            ("doctor", &["--dry-run", "-j", "--update"]),
            ("boot pc-net", &["--json"]),
            ("diff a b", &["--dry-run", "-v", "-j"]),
            ("new a", &["--dry-run", "--json"]),
        ] {
            for flag in flags {
                let failure = failure(&format!("tuxling {command} {flag}"));
                let failure = failure.unwrap_or_else(|| panic!("{command} {flag}"));
                assert_eq!(failure.exit_code(), 1);
                let name = command.split(' ').next().expect("a name");
                let bare = flag.trim_end_matches('4');
                let message = format!("`tuxling {name}` takes no {bare}");
                assert_eq!(failure.message, message);
                assert!(failure.help.is_some());
            }
        }
        assert!(failure("tuxling build pc-net --no-such-flag").is_none());
    }
}
