//! Recipes: what was typed, what it means, and what is wrong with it; the
//! boards, and the table of architectures in terms of QEMU, Kbuild and user
//! land.
//!
//! [`load`] reads a recipe: its text becomes [`raw::Recipe`] (every key with its
//! place), that becomes a [`Plan`] (complete, every file read). Whatever is
//! wrong on the way is collected in [`RecipeErrors`], all at once.

pub mod adversity;
pub mod also;
pub mod arch;
pub mod asker;
pub mod axis;
pub mod board;
pub mod builtin;
mod check_plan;
pub mod config;
pub mod contract;
pub mod diagnostic;
pub mod drive;
pub mod edit;
pub mod files;
pub mod firmware;
pub mod fragment;
pub mod hands;
pub mod init;
pub mod labgrid;
pub mod medium;
pub mod package;
pub mod pci;
pub mod plan;
mod prune_plan;
pub mod raw;
mod resolve;
mod root_plan;
pub mod scaffold;
pub mod security;
pub mod serial_port;
pub mod stop;
mod table;
pub mod toolchain;
pub mod typed;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use arch::Arch;
pub use board::Board;
pub use diagnostic::RecipeErrors;
pub use plan::Plan;

use diagnostic::{Problem, Problems, Wrong};
use files::{Files, Noted};
use plan::RecipeOrigin;
use resolve::Home;

/// Reads a recipe by its path or by the name of a built-in one.
///
/// It is a path when it has a `/`, ends in `.toml`, or names a file in `cwd`.
/// Paths, also those in the plan of a built-in recipe, are relative to `cwd`.
pub fn load(name_or_path: &str, cwd: &Path) -> Result<Plan, RecipeErrors> {
    let path = cwd.join(name_or_path);
    let is_path = name_or_path.contains('/') || name_or_path.ends_with(".toml") || path.is_file();
    let whole = |error: Wrong| whole(name_or_path, error);
    if is_path {
        let path = std::path::absolute(&path).map_err(|e| whole(Wrong::new(e.to_string())))?;
        let text = read(&path).map_err(whole)?;
        return parse(name_or_path, &text, home_of(path));
    }
    let text = builtin::recipe(name_or_path).ok_or_else(|| whole(no_recipe(name_or_path)))?;
    let base = std::path::absolute(cwd).map_err(|e| whole(Wrong::new(e.to_string())))?;
    let home = Home {
        name: name_or_path.to_owned(),
        origin: RecipeOrigin::BuiltIn,
        base,
        files: Files::BuiltIn,
    };
    parse(&format!("{name_or_path}.toml"), text, home)
}

/// The files and folders that the recipe at this path names, itself left out:
/// what another machine needs to read it. Absolute.
pub fn files_of(path: &Path) -> Result<BTreeSet<PathBuf>, RecipeErrors> {
    let shown = path.display().to_string();
    let text = read(path).map_err(|error| whole(&shown, error))?;
    let noted = Noted::default();
    let home = home_of(path.to_owned());
    let files = Files::Noted(home.base.clone(), noted.clone());
    parse(&shown, &text, Home { files, ..home })?;
    Ok(noted.paths())
}

/// The plan that the recipe file at this path would give with another text.
pub fn with_text(path: &Path, text: &str) -> Result<Plan, RecipeErrors> {
    parse(&path.display().to_string(), text, home_of(path.to_owned()))
}

/// The plan that a recipe would give with another text, wherever it came from.
pub fn variant(plan: &Plan, shown: &str, text: &str) -> Result<Plan, RecipeErrors> {
    let home = match &plan.origin {
        RecipeOrigin::File(path) => home_of(path.clone()),
        RecipeOrigin::BuiltIn => Home {
            name: plan.name.clone(),
            origin: RecipeOrigin::BuiltIn,
            base: plan.base.clone(),
            files: Files::BuiltIn,
        },
    };
    parse(shown, text, home)
}

/// The plan of a recipe's text; `shown` is the name by which problems call it.
pub fn parse(shown: &str, text: &str, home: Home) -> Result<Plan, RecipeErrors> {
    let problems = Problems::default();
    let source = problems.add_source(shown, text);
    let raw = raw::read(&problems, source, text);
    match raw.and_then(|raw| resolve::plan(&problems, raw, home)) {
        Some(plan) => Ok(Plan {
            warnings: problems.into_errors(shown),
            ..plan
        }),
        None => Err(problems.into_errors(shown)),
    }
}

fn whole(subject: &str, wrong: Wrong) -> RecipeErrors {
    let problem = Problem::general(wrong.message);
    let problem = match wrong.help {
        Some(help) => problem.help(help),
        None => problem,
    };
    RecipeErrors::general(subject, problem)
}

fn no_recipe(name: &str) -> Wrong {
    let names = builtin::names();
    let known = words::list(&names);
    let help = match words::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? Built in are {known}"),
        None => format!("built in are {known}; a path ends in .toml or has a `/`"),
    };
    Wrong::new(format!("there is no recipe `{name}`")).help(help)
}

fn read(path: &Path) -> Result<String, Wrong> {
    let failed = |reason: &str| Wrong::new(format!("can't read {}: {reason}", path.display()));
    match path.metadata() {
        Ok(meta) if !meta.is_file() => return Err(failed("it is not a file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(
                failed(&error.to_string()).help("`tuxling new NAME` writes a recipe to begin with")
            );
        }
        _ => {}
    }
    let bytes = files::read(path)?;
    files::utf8(bytes, &path.display().to_string())
}

fn home_of(path: PathBuf) -> Home {
    let base = path.parent().unwrap_or(Path::new("/")).to_owned();
    let stem = path.file_stem().unwrap_or_default();
    Home {
        name: stem.to_string_lossy().into_owned(),
        files: Files::Folder(base.clone()),
        origin: RecipeOrigin::File(path),
        base,
    }
}

#[cfg(test)]
mod tests;
