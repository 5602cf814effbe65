//! The cells of a matrix: each is built, booted, checked and measured, in a
//! folder of its own, and kept as it ends. A cell that was kept is taken as it
//! is when nothing that it depends on has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use builder::kernel::Tools;
use builder::system::{self, BuildOptions};
use host::Id;
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use recipe::axis::{self, Axis, Setting};
use recipe::edit;
use recipe::plan::RecipeOrigin;
use recipe::{Plan, RecipeErrors};
use record::Outcome;
use record::matrix::{CellFigures, MatrixCell, PASSED};
use serde::Serialize;
use toml_edit::DocumentMut;

use crate::check::{self, CheckOptions};

/// What can end a matrix, or a cell of it.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// Of sources and builds.
    #[error(transparent)]
    Build(#[from] builder::error::Error),
    /// Of boots and records.
    #[error(transparent)]
    Trial(#[from] crate::error::Error),
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
}

impl CellError {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            CellError::Build(error) => error.kind(),
            CellError::Trial(error) => error.kind(),
            CellError::Host(error) => error.kind(),
        }
    }
}

/// A cell that can't be: the recipe's text with its values is no recipe.
#[derive(Debug)]
pub enum NoCell {
    /// A value can't be set in the recipe.
    Text(String),
    /// The recipe that comes out has errors.
    Recipe(RecipeErrors),
}

/// One of the systems of a matrix.
#[derive(Debug)]
pub struct Cell {
    /// The values that differ from the recipe.
    pub settings: Vec<Setting>,
    /// The recipe's text with them.
    pub text: String,
    /// What it means.
    pub plan: Plan,
    /// The name of its folder.
    pub folder: String,
}

/// What all cells share.
#[derive(Debug)]
pub struct MatrixJob<'a> {
    /// The recipe as it stands.
    pub plan: &'a Plan,
    /// Its text.
    pub text: &'a str,
    /// The folder that each cell has its own in.
    pub folder: &'a Path,
    /// How they are built.
    pub options: &'a BuildOptions,
    /// How they are booted.
    pub check: &'a CheckOptions,
    /// Whether what was kept is made anew.
    pub anew: bool,
    /// All that is to be told of an error: a line that says what it is, then
    /// what a tool said last and the mend.
    pub explain: fn(CellError) -> String,
}

/// What a cell depends on.
#[derive(Serialize)]
struct CellKey<'a> {
    text: &'a str,
    files: BTreeMap<PathBuf, Id>,
    lock: Option<String>,
    tools: BTreeMap<String, String>,
    boot_cost: bool,
    allow_dropped: bool,
    qemu: &'a [String],
    tuxling: &'static str,
}

/// The file that a cell's result is kept in.
const KEPT: &str = "cell.json";

impl MatrixJob<'_> {
    /// The cell with these values.
    pub fn cell(&self, settings: &[Setting]) -> Result<Cell, NoCell> {
        let text = axis::apply(self.text, settings).map_err(NoCell::Text)?;
        let named = settings.iter().map(Setting::to_string);
        let name = named.collect::<Vec<_>>().join("+");
        let folder = if name.is_empty() {
            "as-it-stands".to_owned()
        } else {
            name.replace('/', "_")
        };
        let shown = match &self.plan.origin {
            RecipeOrigin::File(path) => path.display().to_string(),
            RecipeOrigin::BuiltIn => format!("{}.toml", self.plan.name),
        };
        let plan = recipe::variant(self.plan, &format!("{shown} with {name}"), &text)
            .map_err(NoCell::Recipe)?;
        let plan = Plan {
            base: self.folder.join(&folder),
            ..plan
        };
        Ok(Cell {
            settings: settings.to_vec(),
            text,
            plan,
            folder,
        })
    }

    /// Builds, boots and checks a cell, or gives back what was kept of it.
    ///
    /// # Errors
    /// When this machine is at fault, or the user ended it: that says nothing of
    /// the cell. A tool chain or a source that isn't there is the cell's.
    pub fn run(&self, cell: &Cell, session: &Session) -> Result<MatrixCell, CellError> {
        let folder = self.folder.join(&cell.folder);
        fs::create_dir_all(&folder).map_err(|e| host::Error::file("make", &folder, e))?;
        let tools = Tools::find(
            &cell.plan.kernel.toolchain,
            cell.plan.board.arch,
            &session.processes,
        );
        let tools = match tools {
            Ok(tools) => tools.versions.0,
            Err(error) => {
                return self.ended_by(cell, self.key(cell, BTreeMap::new())?, error.into());
            }
        };
        let id = self.key(cell, tools)?;
        let path = folder.join(KEPT);
        if let Some(kept) = kept(&path, &id).filter(|_| !self.anew) {
            return Ok(kept);
        }
        let result = match self.made(cell, &folder, &id, session) {
            Ok(result) => result,
            Err(error) => self.ended_by(cell, id, error)?,
        };
        // What a later try may have is tried again.
        if result.ended != NO_SOURCE && !result.ended.starts_with(LACKS) {
            let json = serde_json::to_vec_pretty(&result).map_err(crate::error::Error::from)?;
            write_whole(&path, &json)?;
        }
        Ok(result)
    }

    fn made(
        &self,
        cell: &Cell,
        folder: &Path,
        id: &Id,
        session: &Session,
    ) -> Result<MatrixCell, CellError> {
        self.lay_lock(cell, folder)?;
        let recipe = self.recipe_of(cell);
        write_whole(&folder.join("recipe.toml"), recipe.as_bytes())?;
        let options = BuildOptions {
            output: Some(folder.to_owned()),
            ..self.options.clone()
        };
        let system = system::build(&cell.plan, &options, session)?;
        let verdict = check::check(&cell.plan, &system, self.check, session)?;
        record::keep(&verdict.record, folder).map_err(crate::error::Error::from)?;
        Ok(MatrixCell {
            settings: pairs(&cell.settings),
            id: id.clone(),
            ended: verdict
                .failed
                .as_ref()
                .map_or(PASSED, |f| word(f.outcome))
                .to_owned(),
            reason: verdict.failed.map(|failed| failed.reason),
            folder: cell.folder.clone(),
            figures: Some(CellFigures::of(&verdict.record)),
        })
    }

    /// A cell's recipe as it is kept: what it names is found from there, or a
    /// line says where it is.
    fn recipe_of(&self, cell: &Cell) -> String {
        match &self.plan.origin {
            RecipeOrigin::File(path) => {
                let folder = path.parent().unwrap_or(path).display();
                format!("# Paths are meant from {folder}.\n{}", cell.text)
            }
            RecipeOrigin::BuiltIn => match cell.text.parse::<DocumentMut>() {
                Ok(mut document) => {
                    edit::out_of_builtin(&mut document);
                    document.to_string()
                }
                Err(_) => cell.text.clone(),
            },
        }
    }

    /// Cells with the recipe's own sources follow its lock file.
    fn lay_lock(&self, cell: &Cell, folder: &Path) -> Result<(), CellError> {
        let file = format!("{}.lock", self.plan.name);
        let (from, to) = (self.plan.base.join(&file), folder.join(&file));
        let sources = |plan: &Plan| {
            let busybox = plan.userland.busybox.as_ref().map(|b| b.source.clone());
            (
                plan.kernel.source.clone(),
                busybox,
                plan.userland.libc.source.clone(),
            )
        };
        if sources(&cell.plan) == sources(self.plan) && from.is_file() {
            fs::copy(&from, &to).map_err(|e| host::Error::file("copy", &from, e))?;
        }
        Ok(())
    }

    fn key(&self, cell: &Cell, tools: BTreeMap<String, String>) -> Result<Id, CellError> {
        let lock = self.plan.base.join(format!("{}.lock", self.plan.name));
        let named = match &self.plan.origin {
            RecipeOrigin::File(path) => recipe::files_of(path).unwrap_or_default(),
            RecipeOrigin::BuiltIn => BTreeSet::new(),
        };
        let of_file = |path: PathBuf| {
            let bytes = fs::read(&path).ok()?;
            Some((path, Id::of_bytes(&bytes)))
        };
        let key = CellKey {
            text: &cell.text,
            files: named.into_iter().filter_map(of_file).collect(),
            lock: fs::read_to_string(lock).ok(),
            tools,
            boot_cost: self.check.boot_cost,
            allow_dropped: self.options.allow_dropped,
            qemu: &self.check.qemu_args,
            tuxling: env!("CARGO_PKG_VERSION"),
        };
        Ok(Id::of("matrix-cell/1", &key).map_err(crate::error::Error::from)?)
    }

    /// A cell that an error ended, where the error is the cell's.
    fn ended_by(&self, cell: &Cell, id: Id, error: CellError) -> Result<MatrixCell, CellError> {
        let ended = match (error.kind(), lacking(&error)) {
            (_, Some(program)) => format!("{LACKS}{program}"),
            (Kind::Source, None) => NO_SOURCE.to_owned(),
            (Kind::Config, None) => word(Outcome::DidNotResolve).to_owned(),
            (Kind::Build, None) => word(Outcome::DidNotBuild).to_owned(),
            _ => return Err(error),
        };
        let why = (self.explain)(error);
        let folder = self.folder.join(&cell.folder);
        write_whole(&folder.join("why.txt"), format!("{why}\n").as_bytes())?;
        Ok(MatrixCell {
            settings: pairs(&cell.settings),
            id,
            ended,
            reason: why.lines().next().map(str::to_owned),
            folder: cell.folder.clone(),
            figures: None,
        })
    }
}

/// How a cell ends whose sources can't be had.
const NO_SOURCE: &str = "no source";

/// How the end of a cell begins that a program is missing for.
const LACKS: &str = "no ";

fn kept(path: &Path, id: &Id) -> Option<MatrixCell> {
    let kept: MatrixCell = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (kept.id == *id).then_some(kept)
}

fn pairs(settings: &[Setting]) -> BTreeMap<String, String> {
    let pair = |s: &Setting| (s.axis.clone(), s.value.clone());
    settings.iter().map(pair).collect()
}

/// The program that isn't installed, where that is the error.
fn lacking(error: &CellError) -> Option<String> {
    match error {
        CellError::Build(builder::error::Error::Host(error)) | CellError::Host(error) => {
            error.missing_program().map(str::to_owned)
        }
        _ => None,
    }
}

/// How a cell ended, in a word or two.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => PASSED,
        Outcome::CheckFailed => "check failed",
        Outcome::BootHung => "hangs",
        Outcome::Panicked => "panics",
        Outcome::Oopsed => "oopses",
        Outcome::ExitedEarly => "exits early",
        Outcome::Trapped => "traps",
        Outcome::DidNotBuild => "does not compile",
        Outcome::DidNotResolve => "does not resolve",
        Outcome::InfrastructureBroke => "infrastructure broke",
    }
}

/// The settings of a pair of values.
pub fn pair_of(axes: &[Axis], pair: &[(String, String); 2]) -> Vec<Setting> {
    let all: Vec<Setting> = axes.iter().flat_map(Axis::settings).collect();
    let wanted = |(axis, value): &(String, String)| {
        let found = all.iter().find(|s| s.axis == *axis && s.value == *value);
        found.cloned()
    };
    pair.iter().filter_map(wanted).collect()
}

#[cfg(test)]
mod tests {
    use builder::source::Mode;

    use super::*;

    fn settings(typed: &[&str]) -> Vec<Setting> {
        let axes = typed.iter().map(|t| Axis::parse(t).expect("an axis"));
        axes.flat_map(|axis| axis.settings().collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn a_cell_has_its_own_folder_and_the_files_of_the_recipe() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let plan = recipe::load("pc-shell", dir.path()).expect("built in");
        let text = edit::original_text(&plan).expect("built in");
        let job = MatrixJob {
            plan: &plan,
            text: &text,
            folder: dir.path(),
            options: &BuildOptions {
                allow_dropped: false,
                sources: Mode::Normal,
                output: None,
            },
            check: &CheckOptions::default(),
            anew: false,
            explain: |error| error.to_string(),
        };
        let cell = job
            .cell(&settings(&["optimise=z", "kernel=6.1"]))
            .expect("a recipe");
        assert_eq!(cell.folder, "optimise=z+kernel=6.1");
        assert_eq!(cell.plan.base, dir.path().join("optimise=z+kernel=6.1"));
        assert!(cell.plan.kernel.cflags.iter().any(|flag| flag == "-Oz"));
        assert!(cell.text.contains("version = \"6.1\""), "{}", cell.text);
        let kept = job.recipe_of(&cell);
        assert!(kept.contains("\"builtin:pc-base.config\""), "{kept}");
        let file = dir.path().join("mine.toml");
        let mine = Plan {
            origin: RecipeOrigin::File(file),
            ..plan.clone()
        };
        let kept = MatrixJob { plan: &mine, ..job }.recipe_of(&cell);
        let first = format!("# Paths are meant from {}.", dir.path().display());
        assert_eq!(kept.lines().next(), Some(first.as_str()));
        let Err(NoCell::Recipe(errors)) = job.cell(&settings(&["toolchain=icc"])) else {
            panic!("no tool chain of that name");
        };
        assert!(errors.render(false).contains("no tool chain"));
    }

    #[test]
    fn a_result_of_something_else_is_no_result() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join(KEPT);
        let cell = MatrixCell {
            settings: BTreeMap::new(),
            id: Id::of_bytes(b"one"),
            ended: PASSED.to_owned(),
            reason: None,
            folder: String::new(),
            figures: None,
        };
        fs::write(&path, serde_json::to_vec(&cell).expect("JSON")).expect("writes");
        assert_eq!(kept(&path, &Id::of_bytes(b"one")), Some(cell));
        assert_eq!(kept(&path, &Id::of_bytes(b"other")), None);
        fs::write(&path, b"{").expect("writes");
        assert_eq!(kept(&path, &Id::of_bytes(b"one")), None);
    }
}
