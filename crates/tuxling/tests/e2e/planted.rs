//! Prunes, and takes a function away that runs: two test programs share it.

use std::path::Path;
use std::process::Command;

use crate::fixture::{Run, outputs, run, tuxling};

/// Few boots: what is tested here isn't how well a trace covers.
pub(crate) const FEW_RUNS: &str = "3";

pub(crate) fn prune(recipe: &Path, arguments: &[&str]) -> Command {
    let mut command = tuxling();
    command
        .current_dir(recipe.parent().expect("it stands in a folder"))
        .arg("prune")
        .arg(recipe)
        .args(arguments);
    command
}

pub(crate) fn tight(recipe: &Path, arguments: &[&str]) -> Run {
    let mut command = prune(recipe, &["--level", "tight", "--runs", FEW_RUNS]);
    run(command.args(arguments))
}

/// Prunes a function that runs: the stop is told with the function's name, by
/// tuxling and by the console.
pub(crate) fn missed_is_seen(recipe: &Path, function: &str, where_it_runs: &str) {
    let planted = tight(recipe, &["--boots", "1", "--drop", function]);
    let missed = format!("trapped: {function} (");
    assert!(
        planted.code == Some(5) && planted.stderr.contains(&missed),
        "{where_it_runs}: {}",
        planted.stderr
    );
    planted.says(&["was removed, and called from "]);
    // The console says it, too, whoever looks at it.
    let console = outputs(recipe).join("prune/boot/console.log");
    let console = std::fs::read_to_string(console).expect("there was a boot");
    let said = console.lines().rfind(|l| l.contains("tuxling: trap 0x"));
    let named = said.is_some_and(|line| line.split(' ').any(|word| word == function));
    assert!(named, "{where_it_runs}: {said:?}");
}
