//! `tuxling matrix`: one recipe with some of its values varied.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use builder::system::output_folder;
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use host::units::about;
use recipe::Plan;
use recipe::axis::{self, Setting};
use recipe::edit;
use recipe::plan::RecipeOrigin;
use record::matrix::{Matrix, MatrixAxis, MatrixCell, MatrixGoal, PASSED, SCHEMA};
use report::matrix as shown;
use toml_edit::{DocumentMut, Value};
use trial::check::CheckOptions;
use trial::matrix::{Cell, CellError, MatrixJob, NoCell, pair_of};

use super::args::MatrixArgs;
use super::build::lock_output;
use super::carry_out::Needs;
use super::dry_run::{self, CheckList};
use super::progress::Terminal;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};

/// Makes the cells, and says what each gave.
pub(super) fn run(args: &MatrixArgs) -> Result<()> {
    let request = Request::new(Typed::of(&args.common, args.json))?;
    refuse_certified(&request.plan, "matrix")?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = args.over.iter().find(|axis| !seen.insert(&axis.name)) {
        let message = format!("the axis `{}` is given twice", twice.name);
        return Err(Failure::new(Kind::Usage, message).help(format!(
            "write all its values at once: {}=ONE,OTHER",
            twice.name
        )));
    }
    let text = edit::original_text(&request.plan)?;
    let folder = output_folder(&request.plan, &request.options).join("matrix");
    let check = CheckOptions {
        boot_cost: !args.no_boot_cost,
        ..CheckOptions::default()
    };
    let job = MatrixJob {
        plan: &request.plan,
        text: &text,
        folder: &folder,
        options: &request.options,
        check: &check,
        anew: args.anew,
        explain,
    };
    let cells = first_cells(args, &job)?;
    if request.dry_run {
        listed(&request, cells, !args.no_boot_cost)?;
        if args.pairs > 0 {
            print(&format!("\n## {} pairs by what these give\n", args.pairs))?;
        }
        return Ok(());
    }
    request.carry_out(
        Needs::Boot,
        |_| Ok(()),
        |request, session| work(args, request, &job, cells, &session),
    )
}

/// An error with what a tool said last and the mend, as a call by itself would
/// have told it.
pub(super) fn explain(error: CellError) -> String {
    let failure = Failure::from(error);
    let mut text = failure.message;
    for more in failure.detail.into_iter().chain(failure.help) {
        text.push('\n');
        text.push_str(&more);
    }
    text
}

/// A certificate holds for one kernel.
pub(super) fn refuse_certified(plan: &Plan, what: &str) -> Result<()> {
    if plan.prune.certificate.is_none() {
        return Ok(());
    }
    let message = format!(
        "{} has a certificate, which holds for one kernel alone",
        plan.name
    );
    Err(Failure::new(Kind::Usage, message)
        .help(format!("make the {what} of the recipe that it came from")))
}

/// The cells that are known beforehand, each a recipe that was read.
fn first_cells(args: &MatrixArgs, job: &MatrixJob) -> Result<Vec<Cell>> {
    let further = if args.full {
        axis::product(&args.over)
    } else {
        axis::singles(&args.over)
    };
    let mut cells = vec![one(job, &[])?];
    for settings in further {
        cells.push(one(job, &settings)?);
    }
    Ok(cells)
}

/// The cell with these values.
pub(super) fn one(job: &MatrixJob, settings: &[Setting]) -> Result<Cell> {
    job.cell(settings).map_err(|error| match error {
        NoCell::Text(why) => {
            let named: Vec<String> = settings.iter().map(Setting::to_string).collect();
            Failure::new(Kind::Usage, format!("{} can't be: {why}", named.join(" ")))
        }
        NoCell::Recipe(errors) => errors.into(),
    })
}

/// The commands of each cell, as `check` lists them.
pub(super) fn listed(request: &Request, cells: Vec<Cell>, boot_cost: bool) -> Result<()> {
    if request.json {
        return Err(Failure::new(
            Kind::Usage,
            "--dry-run of a matrix has a list for each cell, and no JSON",
        )
        .help("`tuxling check RECIPE --dry-run --json` has it for one recipe"));
    }
    let terminal = Terminal::new(request.verbose);
    for cell in cells {
        let named: Vec<String> = cell.settings.iter().map(Setting::to_string).collect();
        print(&format!("\n## {}\n", named.join(" ")))?;
        let mut options = request.options.clone();
        options.output = Some(cell.plan.base.clone());
        let of_cell = Request {
            plan: cell.plan,
            options,
            ..request.clone()
        };
        dry_run::print_list(&of_cell, &terminal, |list| {
            list.check(CheckList {
                boot_cost,
                ..CheckList::default()
            })
        })?;
    }
    Ok(())
}

/// A matrix of no cells yet.
pub(super) fn empty(recipe: &str, over: &[axis::Axis], goal: MatrixGoal) -> Matrix {
    let axis = |axis: &axis::Axis| MatrixAxis {
        name: axis.name.clone(),
        values: axis.values.clone(),
    };
    Matrix {
        schema: SCHEMA.to_owned(),
        recipe: recipe.to_owned(),
        goal,
        axes: over.iter().map(axis).collect(),
        cells: Vec::new(),
    }
}

fn work(
    args: &MatrixArgs,
    request: &Request,
    job: &MatrixJob,
    cells: Vec<Cell>,
    session: &Session,
) -> Result<()> {
    let _lock = lock_output(&request.plan, &request.options, session)?;
    let matrix = empty(&request.plan.name, &args.over, args.goal.goal());
    let mut made = Making::new(job, session, cells.len() + args.pairs, matrix);
    for cell in &cells {
        made.make(cell)?;
    }
    let pairs = made.matrix.promising_pairs();
    made.total = cells.len() + args.pairs.min(pairs.len());
    for pair in pairs.iter().take(args.pairs) {
        made.make(&one(job, &pair_of(&args.over, pair))?)?;
    }
    let matrix = made.matrix;
    let best = if args.write_best {
        written(job, &args.over, &matrix)?
    } else {
        None
    };
    if request.json {
        print_json(&matrix)?;
    } else {
        print(&shown::text(&matrix))?;
        let page = job.folder.join("matrix.html");
        print(&format!("\nHeat map: {}\n", page.display()))?;
        if let Some(best) = best {
            print(&format!("Best cell: {}\n", best.display()))?;
        }
    }
    if matrix.best().is_none() {
        let message = format!("no cell of {}'s matrix passed", matrix.recipe);
        return Err(Failure::new(Kind::Check, message));
    }
    Ok(())
}

/// A matrix under way.
pub(super) struct Making<'a> {
    job: &'a MatrixJob<'a>,
    session: &'a Session<'a>,
    total: usize,
    /// How long the cells took that were not there already.
    took: Vec<Duration>,
    matrix: Matrix,
}

impl<'a> Making<'a> {
    /// One of so many cells, of which none is made yet.
    pub(super) fn new(
        job: &'a MatrixJob<'a>,
        session: &'a Session<'a>,
        total: usize,
        matrix: Matrix,
    ) -> Making<'a> {
        Making {
            job,
            session,
            total,
            took: Vec::new(),
            matrix,
        }
    }

    /// Makes these cells.
    pub(super) fn all(mut self, cells: &[Cell]) -> Result<Matrix> {
        for cell in cells {
            self.make(cell)?;
        }
        Ok(self.matrix)
    }

    /// Makes a cell, and writes all that is known so far.
    fn make(&mut self, cell: &Cell) -> Result<()> {
        let (job, session) = (self.job, self.session);
        let named: Vec<String> = cell.settings.iter().map(Setting::to_string).collect();
        let done = self.matrix.cells.len();
        let spent: Duration = self.took.iter().sum();
        let left = match u32::try_from(self.took.len()) {
            Ok(count) if count > 0 => {
                let rest = u32::try_from(self.total.saturating_sub(done)).unwrap_or(0);
                format!(", about {} left", about(spent / count * rest))
            }
            _ => String::new(),
        };
        let name = if named.is_empty() {
            "as it stands".to_owned()
        } else {
            named.join(" ")
        };
        session.progress.note(&format!(
            "cell {} of {}: {name}{left}",
            done + 1,
            self.total
        ));
        // Each cell's record has the phases of its own.
        let own = Session::new(
            session.processes.clone(),
            session.cache.clone(),
            session.progress,
            session.jobs,
        );
        let begun = Instant::now();
        let made = job.run(cell, &own)?;
        if !own.phases().is_empty() {
            self.took.push(begun.elapsed());
        }
        session.progress.note(&told(&made));
        self.matrix.cells.push(made);
        self.keep()
    }

    fn keep(&self) -> Result<()> {
        let folder = self.job.folder;
        let json = serde_json::to_vec_pretty(&self.matrix)
            .map_err(|e| Failure::new(Kind::Machine, format!("can't write the matrix: {e}")))?;
        write_whole(&folder.join("matrix.json"), &json)?;
        write_whole(
            &folder.join("matrix.md"),
            shown::markdown(&self.matrix).as_bytes(),
        )?;
        write_whole(
            &folder.join("matrix.html"),
            shown::html(&self.matrix).as_bytes(),
        )?;
        Ok(())
    }
}

/// One cell in a line.
fn told(cell: &MatrixCell) -> String {
    match (&cell.figures, &cell.reason) {
        (Some(figures), _) if cell.ended == PASSED => format!(
            "  passed: {} B together",
            host::units::grouped(figures.total_bytes)
        ),
        (_, Some(reason)) => {
            let first = reason.lines().next().unwrap_or_default();
            format!("  {}: {first}", cell.ended)
        }
        (_, None) => format!("  {}", cell.ended),
    }
}

/// Writes the best cell as a recipe beside the one that it came from.
fn written(job: &MatrixJob, axes: &[axis::Axis], matrix: &Matrix) -> Result<Option<PathBuf>> {
    let Some(best) = matrix.best().filter(|best| !best.settings.is_empty()) else {
        return Ok(None);
    };
    let all = axes.iter().flat_map(axis::Axis::settings);
    let its: Vec<Setting> = all
        .filter(|s| best.settings.get(&s.axis) == Some(&s.value))
        .collect();
    let name = format!("{}.best", job.plan.name);
    let wrong = |e: String| Failure::new(Kind::Usage, format!("the recipe can't be written: {e}"));
    let text = axis::apply(job.text, &its).map_err(wrong)?;
    let mut document: DocumentMut = text.parse().map_err(|e| wrong(format!("{e}")))?;
    edit::set(&mut document, &["name"], Value::from(name.as_str())).map_err(wrong)?;
    if job.plan.origin == RecipeOrigin::BuiltIn {
        edit::out_of_builtin(&mut document);
    }
    let path: &Path = &job.plan.base;
    let path = path.join(format!("{name}.toml"));
    write_whole(&path, document.to_string().as_bytes())?;
    Ok(Some(path))
}
