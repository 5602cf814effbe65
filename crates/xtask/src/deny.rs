//! `cargo deny`: licences, sources and bans by `deny.toml` in every run; the
//! database of advisories in a command of its own, since it lies in a Git
//! repository that not every machine can reach.

use std::path::Path;

use crate::command;

/// Where `scripts/cargo-deny.sh` puts it when it is not installed.
const OWN: &str = "target/tools/bin/cargo-deny";

/// What needs nothing but the sources that cargo has fetched already.
pub(crate) fn offline() -> Result<(), String> {
    check(&["bans", "licenses", "sources"])
}

/// What is known against the versions in `Cargo.lock`.
pub(crate) fn advisories() -> Result<(), String> {
    check(&["advisories"])
}

fn check(what: &[&str]) -> Result<(), String> {
    eprintln!("== cargo deny check {}", what.join(" "));
    let program = if Path::new(OWN).exists() {
        OWN
    } else {
        "cargo-deny"
    };
    let status = command(program)
        .args(["--workspace", "--locked", "check"])
        .args(what)
        .status()
        .map_err(|e| format!("{program}: {e}; scripts/cargo-deny.sh installs it"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo deny check {} failed", what.join(" ")))
    }
}
