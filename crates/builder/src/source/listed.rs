//! Origins in the recipe's order: the first that a source can be had from.

use host::error::Kind;
use recipe::plan::OriginWish;

use super::{Context, Mode, Provenance, Request, Source, git, of_path, of_series, series, url};
use crate::error::{Error, Result};

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
                if let Some((_, error)) = failures.last() {
                    told(request, error, &source.origin, context);
                }
                return Ok(source);
            }
            Err(error) if ends_it(&error) => return Err(error),
            Err(error) => failures.push((shown(origin), error)),
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

/// Errors that another origin doesn't mend: the user's stop, and an address
/// that could be reached but that the recipe doesn't pin.
fn ends_it(error: &Error) -> bool {
    matches!(error.kind(), Kind::Interrupted(_) | Kind::Usage)
}

fn told(request: &Request, error: &Error, origin: &Provenance, context: &Context) {
    (context.progress)(&format!(
        "{}: {error}; taken from {origin} instead",
        request.package.name()
    ));
}

/// All origins failed: each with its reason and its mend.
fn none_left(package: &'static str, mut tried: Vec<(String, Error)>) -> Error {
    if tried.len() == 1 {
        return tried.remove(0).1;
    }
    Error::NoOrigin { package, tried }
}

fn shown(origin: &OriginWish) -> String {
    match origin {
        OriginWish::Distribution => "distribution".to_owned(),
        OriginWish::Url { url, .. } => url.clone(),
        OriginWish::Git { url, commit } => format!("{url}, commit {commit}"),
        OriginWish::Path(path) => path.display().to_string(),
    }
}
