//! Where a source comes from: a version of the distribution's, a path, or a
//! list of origins.

use super::Context;
use crate::diagnostic::{Placed, Problem};
use crate::package::{self, Package};
use crate::plan::{OriginWish, SourceWish};
use crate::raw::{self, Given, SourceOrigin};

/// The keys of one source in a recipe.
pub(super) struct Keys {
    /// Which source.
    pub package: Package,
    /// The key of its version.
    pub version: &'static str,
    /// The key of its origins.
    pub sources: &'static str,
    /// The distribution's series where none is named.
    pub default: &'static str,
}

/// What the keys come to.
pub(super) fn wish(
    context: &Context<'_>,
    keys: &Keys,
    version: Given<String>,
    path: Given<String>,
    sources: Given<Vec<raw::Source>>,
) -> SourceWish {
    let series = |v: &Given<String>| {
        let typed = v.as_ref().map(|v| v.value.clone());
        typed.unwrap_or_else(|| keys.default.to_owned())
    };
    match (path, sources) {
        (None, None) => SourceWish::Series(series(&version)),
        (Some(path), None) => {
            if version.is_some() {
                let message = "both a version and a path of the same source are given";
                let help = format!(
                    "keep one: with a path, the sources there decide; remove `{}`",
                    keys.version
                );
                context.problem(Problem::at(&path.place, message).help(help));
            }
            match context.take(&path.place, context.files.folder(&path.value)) {
                Some(folder) => SourceWish::Path(folder),
                None => SourceWish::Series(series(&version)),
            }
        }
        (path, Some(sources)) => {
            if let Some(path) = path {
                let message = format!("both a path and `{}` are given", keys.sources);
                let help = format!(
                    "put it into the list: {} = [{{ path = \"{}\" }}, …]",
                    keys.sources, path.value
                );
                context.problem(Problem::at(&path.place, message).help(help));
            }
            listed(context, keys, &version, &sources)
        }
    }
}

fn listed(
    context: &Context<'_>,
    keys: &Keys,
    version: &Given<String>,
    sources: &Placed<Vec<raw::Source>>,
) -> SourceWish {
    let origins: Vec<OriginWish> = sources
        .value
        .iter()
        .filter_map(|source| origin(context, keys, version, source))
        .collect();
    let typed = version.as_ref().map(|v| v.value.clone());
    // An archive or a commit says by itself which version it is.
    let default = if origins.contains(&OriginWish::Distribution) {
        keys.default
    } else {
        ""
    };
    SourceWish::Listed {
        series: typed.unwrap_or_else(|| default.to_owned()),
        origins,
    }
}

fn origin(
    context: &Context<'_>,
    keys: &Keys,
    version: &Given<String>,
    source: &raw::Source,
) -> Option<OriginWish> {
    Some(match &source.origin {
        SourceOrigin::Distribution => OriginWish::Distribution,
        SourceOrigin::Upstream { sha256 } => {
            let Some(version) = version else {
                let message = format!("upstream's archive has no name without `{}`", keys.version);
                let help = format!(
                    "add {} = \"{}\", the whole version",
                    keys.version,
                    package::example(keys.package)
                );
                context.problem(Problem::at(&source.place, message).help(help));
                return None;
            };
            OriginWish::Url {
                url: package::url(keys.package, &version.value),
                sha256: sha256.clone(),
            }
        }
        SourceOrigin::Url { url, sha256 } => OriginWish::Url {
            url: url.clone(),
            sha256: sha256.clone(),
        },
        SourceOrigin::Git { url, commit } => OriginWish::Git {
            url: url.clone(),
            commit: commit.clone(),
        },
        SourceOrigin::Path(path) => {
            OriginWish::Path(context.take(&source.place, context.files.path(path))?)
        }
    })
}
