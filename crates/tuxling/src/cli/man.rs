//! `tuxling man`: the manual pages, made of what `--help` is made of.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use host::cache::write_whole;
use host::error::Kind;

use crate::failure::{Failure, Result};

use super::args::Args;
use super::cwd;

/// Writes `tuxling.1`, and `tuxling-COMMAND.1` for each command.
pub(super) fn run(folder: &Path) -> Result<()> {
    let folder = cwd()?.join(folder);
    let failed = |e: std::io::Error| {
        let message = format!("can't write manual pages to {}: {e}", folder.display());
        Failure::new(Kind::Machine, message)
    };
    fs::create_dir_all(&folder).map_err(failed)?;
    for (name, page) in pages().map_err(failed)? {
        write_whole(&folder.join(name), &page)?;
    }
    Ok(())
}

/// Every page with its file's name.
fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    // Every page says how its command is called in full: `tuxling config get`.
    let mut root = Args::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    of(&root, "tuxling", &mut pages)?;
    Ok(pages)
}

/// The page of a command, and of those below it.
fn of(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        of(below, &format!("{name}-{}", below.get_name()), pages)?;
    }
    let man = clap_mangen::Man::new(command.clone())
        .title(name)
        .manual("Tuxling");
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push((format!("{name}.1"), page));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_command_has_a_page_under_its_full_name() {
        let pages = super::pages().expect("in memory");
        let page = |name: &str| {
            let found = pages.iter().find(|(file, _)| file == name);
            let found = found.unwrap_or_else(|| panic!("no {name}"));
            String::from_utf8(found.1.clone()).expect("text")
        };
        assert!(page("tuxling.1").contains("tuxling\\-check(1)"));
        assert!(page("tuxling-config-get.1").contains("\\fBtuxling config get\\fR"));
        assert!(page("tuxling-check.1").contains("\\-\\-adversity"));
        assert!(pages.iter().all(|(name, _)| !name.contains("help")));
    }
}
