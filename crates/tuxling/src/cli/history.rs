//! `tuxling history`: one recipe on several versions of the kernel.

use std::path::Path;

use builder::system::output_folder;
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use host::units::grouped;
use recipe::Plan;
use recipe::axis::{Axis, Setting};
use recipe::edit;
use record::matrix::{Matrix, MatrixCell, MatrixGoal};
use report::history::{self as shown, Growth, History, HistoryVersion, SCHEMA};
use trial::check::CheckOptions;
use trial::matrix::{Cell, MatrixJob};

use super::args::HistoryArgs;
use super::build::lock_output;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{diff, diff_kernels, matrix, print, print_json};
use crate::failure::{Failure, Result};

/// Makes the versions, and says what grew from each to the next.
pub(super) fn run(args: &HistoryArgs) -> Result<()> {
    let request = Request::new(Typed::of(&args.common, args.json))?;
    matrix::refuse_certified(&request.plan, "history")?;
    let axis = Axis::parse(&format!("kernel={}", args.kernels.join(",")))
        .map_err(|wrong| Failure::new(Kind::Usage, format!("--kernels: {}", wrong.message)))?;
    let text = edit::original_text(&request.plan)?;
    let folder = output_folder(&request.plan, &request.options).join("history");
    let job = MatrixJob {
        plan: &request.plan,
        text: &text,
        folder: &folder,
        options: &request.options,
        check: &CheckOptions {
            boot_cost: !args.no_boot_cost,
            ..CheckOptions::default()
        },
        anew: args.anew,
        explain: matrix::explain,
    };
    let settings: Vec<Setting> = axis.settings().collect();
    let cells: Vec<Cell> = settings
        .iter()
        .map(|setting| matrix::one(&job, std::slice::from_ref(setting)))
        .collect::<Result<_>>()?;
    if request.dry_run {
        return matrix::listed(&request, cells, !args.no_boot_cost);
    }
    request.carry_out(
        Needs::Boot,
        |_| Ok(()),
        |request, session| {
            let _lock = lock_output(&request.plan, &request.options, &session)?;
            let axes = std::slice::from_ref(&axis);
            let matrix = matrix::empty(&request.plan.name, axes, MatrixGoal::Total);
            let made = matrix::Making::new(&job, &session, cells.len(), matrix);
            let matrix = made.all(&cells)?;
            told(args, &job, &axis, (&matrix, &cells), &session)
        },
    )
}

fn told(
    args: &HistoryArgs,
    job: &MatrixJob,
    axis: &Axis,
    (matrix, cells): (&Matrix, &[Cell]),
    session: &Session,
) -> Result<()> {
    let history = History {
        schema: SCHEMA,
        recipe: matrix.recipe.clone(),
        versions: versions(job.folder, axis, matrix, cells)?,
    };
    let page = job.folder.join("history.html");
    write_whole(&page, shown::html(&history).as_bytes())?;
    session
        .progress
        .note(&format!("the plot: {}", page.display()));
    if args.json {
        print_json(&history)?;
    } else {
        print(&shown::text(&history))?;
    }
    if matrix.best().is_none() {
        let message = format!("{} passes on none of these versions", history.recipe);
        return Err(Failure::new(Kind::Check, message));
    }
    within(args, &history)
}

/// One of the versions, as it came out.
struct Built<'a> {
    kernel: &'a str,
    plan: &'a Plan,
    cell: &'a MatrixCell,
}

fn versions(
    folder: &Path,
    axis: &Axis,
    matrix: &Matrix,
    cells: &[Cell],
) -> Result<Vec<HistoryVersion>> {
    let mut versions = Vec::new();
    let mut before: Option<Built> = None;
    let made = matrix.cells.iter().zip(cells);
    for (kernel, (cell, Cell { plan, .. })) in axis.values.iter().zip(made) {
        let now = Built { kernel, plan, cell };
        let grew = match &before {
            Some(before) => growth(folder, before, &now)?,
            None => None,
        };
        versions.push(HistoryVersion::of(kernel, cell, grew));
        if cell.figures.is_some() {
            before = Some(now);
        }
    }
    Ok(versions)
}

/// What grew between two versions that were built.
fn growth(folder: &Path, before: &Built, now: &Built) -> Result<Option<Growth>> {
    let (Some(earlier), Some(later)) = (&before.cell.figures, &now.cell.figures) else {
        return Ok(None);
    };
    let record = |built: &Built| {
        let record = folder.join(&built.cell.folder).join("record.json");
        diff::record(&record.display().to_string())
    };
    let kernels = diff_kernels::of_records(
        (Some(before.plan), &record(before)?),
        (Some(now.plan), &record(now)?),
    )?;
    Ok(Some(Growth::between(
        before.kernel,
        earlier,
        later,
        kernels,
    )))
}

/// Fails when the last version grew by more than `--fail-over`.
fn within(args: &HistoryArgs, history: &History) -> Result<()> {
    let (Some(limit), Some((last, grew))) = (args.fail_over, shown::last_growth(history)) else {
        return Ok(());
    };
    if grew.total_bytes <= i64::try_from(limit.0).unwrap_or(i64::MAX) {
        return Ok(());
    }
    let message = format!(
        "{} with {} is {} B larger than with {}, {limit} are allowed",
        history.recipe,
        last.kernel,
        grouped(grew.total_bytes.unsigned_abs()),
        grew.since
    );
    Err(Failure::new(Kind::Budget, message))
}
