//! Origins in the recipe's order: the first that a source can be had from.

use host::error::{Failure, Kind, Result};
use recipe::plan::OriginWish;

use super::{Context, Mode, Provenance, Request, Source, git, of_path, of_series, series, url};

/// Tries the origins, the one that the lock file names before the others.
pub(super) fn obtain(
    request: &Request,
    series: &str,
    origins: &[OriginWish],
    context: &Context,
) -> Result<Source> {
    let name = request.package.name();
    let locked = request.lock.get(name).map(|entry| &entry.origin);
    let locked = locked.filter(|_| request.mode != Mode::Update);
    let mut order: Vec<&OriginWish> = origins.iter().collect();
    // Stable: the rest keeps the recipe's order.
    order.sort_by_key(|origin| !locked.is_some_and(|locked| is_named(origin, locked)));
    let mut failures = Vec::new();
    for origin in order {
        match one(request, series, origin, context) {
            Ok(source) => {
                if let Some((_, failure)) = failures.last() {
                    told(request, failure, &source.origin, context);
                }
                return Ok(source);
            }
            Err(failure) if ends_it(&failure) => return Err(failure),
            Err(failure) => failures.push((origin, failure)),
        }
    }
    Err(none_left(name, failures))
}

fn one(request: &Request, series: &str, origin: &OriginWish, context: &Context) -> Result<Source> {
    match origin {
        OriginWish::Distribution => of_series(request, series, context),
        OriginWish::Url { url, sha256 } => {
            url::obtain(request, series, url, sha256.as_ref(), context)
        }
        OriginWish::Git { url, commit } => git::obtain(request, series, url, commit, context),
        OriginWish::Path(path) => {
            let source = of_path(request, path, context)?;
            series::is_of_series(request, &source.lock_entry(), series)?;
            Ok(source)
        }
    }
}

/// Whether the lock file's origin is this one.
fn is_named(origin: &OriginWish, locked: &Provenance) -> bool {
    match (origin, locked) {
        (OriginWish::Distribution, Provenance::Debian(_))
        | (OriginWish::Path(_), Provenance::Path) => true,
        (OriginWish::Url { url, .. }, Provenance::Url(locked)) => url == locked,
        (
            OriginWish::Git { url, commit },
            Provenance::Git {
                url: at,
                commit: of,
            },
        ) => url == at && commit == of,
        _ => false,
    }
}

/// Failures that another origin doesn't mend: the user's stop, and an address
/// that could be reached but that the recipe doesn't pin.
fn ends_it(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Interrupted(_) | Kind::Usage)
}

fn told(request: &Request, failure: &Failure, origin: &Provenance, context: &Context) {
    (context.progress)(&format!(
        "{}: {}; taken from {origin} instead",
        request.package.name(),
        failure.message
    ));
}

/// All origins failed: each with its reason and its mend.
fn none_left(name: &str, mut failures: Vec<(&OriginWish, Failure)>) -> Failure {
    if failures.len() == 1 {
        return failures.remove(0).1;
    }
    let mut detail = String::new();
    for (at, (origin, failure)) in failures.iter().enumerate() {
        detail.push_str(&format!("{}. {}\n", at + 1, shown(origin)));
        let mut lines = vec![failure.message.clone()];
        lines.extend(
            failure
                .detail
                .iter()
                .flat_map(|d| d.lines().map(str::to_owned)),
        );
        lines.extend(failure.help.iter().map(|help| format!("help: {help}")));
        for line in lines {
            detail.push_str(&format!("   {line}\n"));
        }
    }
    let all_of_machine = failures.iter().all(|(_, f)| f.kind == Kind::Machine);
    let kind = if all_of_machine && !failures.is_empty() {
        Kind::Machine
    } else {
        Kind::Source
    };
    let message = format!(
        "{name} could be had from none of its {} origins",
        failures.len()
    );
    Failure::new(kind, message).detail(detail)
}

fn shown(origin: &OriginWish) -> String {
    match origin {
        OriginWish::Distribution => "distribution".to_owned(),
        OriginWish::Url { url, .. } => url.clone(),
        OriginWish::Git { url, commit } => format!("{url}, commit {commit}"),
        OriginWish::Path(path) => path.display().to_string(),
    }
}
