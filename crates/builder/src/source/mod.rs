//! Sources: from a recipe's wish to an unpacked tree that is never written to.
//!
//! [`obtain`] asks the origins in order what they offer, lets the lock file
//! choose among it, keeps the archive by its SHA-256, unpacks it, and applies
//! the recipe's patches to a copy. Where the recipe lists several origins, the
//! next is asked when one fails ([`listed`]). docs/sources.md tells the user's
//! side.

mod apt;
mod archive;
mod configuration;
mod deb;
mod debsources;
mod download;
mod git;
mod listed;
pub(crate) mod lock;
pub(crate) mod network;
mod patch;
mod provenance;
mod series;
mod stall;
pub(crate) mod tree;
pub mod tree_diff;
pub(crate) mod unpack;
mod url;
pub mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::process::{Cmd, Processes};
use host::session::Step;
use host::{Cache, Id};
use recipe::package::Package;
use recipe::plan::{BaseConfig, KernelPlan, PatchFile, SourceWish};
use record::SourceRecord;

use crate::error::{Error, Recorded, Result};

pub use configuration::{configuration, series_of};
pub use lock::{LockEntry, LockFile};
pub use network::Network;
pub use provenance::Provenance;

/// How far the lock file is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What the lock names as long as it can be had, else the newest of the
    /// series.
    Normal,
    /// Exactly what the lock names.
    Locked,
    /// The newest of the series, whatever the lock names.
    Update,
    /// As [`Mode::Normal`]; and what nothing pins is taken as it comes, and the
    /// lock file pins it from then on.
    TrustNew,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Of which package.
    pub package: Package,
    /// Which sources.
    pub wish: &'a SourceWish,
    /// Applied to a copy, in order.
    pub patches: &'a [PatchFile],
    /// What was used the last time.
    pub lock: &'a LockFile,
    /// How far that is followed.
    pub mode: Mode,
}

/// What is needed to fulfil a request.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where everything is kept.
    pub cache: &'a Cache,
    /// Starts apt and patch.
    pub processes: &'a Processes,
    /// Is told in one line each what is being done and what the user should
    /// know.
    pub progress: &'a dyn Fn(&str),
    /// Is told how far a download or an unpacking is.
    pub step: &'a dyn Fn(&Step<'_>),
    /// Where Debian's packages come from.
    pub debian: &'a DebianSources,
    /// How other servers are reached.
    pub network: &'a Network,
}

/// Where Debian's packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DebianSources {
    /// From where this machine gets its own.
    System,
    /// From these entries, in the format of sources.list(5)'s deb822 style.
    Entries(String),
}

/// A source, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `linux`, `busybox`, `musl`.
    pub name: String,
    /// The package's version: `6.12.117-1~deb12u1`; the tree's own for a
    /// `path`.
    pub version: String,
    /// Where it came from.
    pub origin: Provenance,
    /// SHA-256 of the archive; the tree's digest for a `path` and a commit.
    pub sha256: Id,
    /// The tree, patches applied. Never written to.
    pub tree: PathBuf,
    /// The identity of the tree: the archive's (or the tree's) with the
    /// patches'.
    pub digest: Id,
    /// Whether everything was there already.
    pub cached: bool,
    /// Beside a kernel, the configuration of the distribution's own, where the
    /// recipe begins with it.
    pub distribution: Option<Arc<BaseConfig>>,
}

/// What a kernel's configuration begins with: the distribution's, where that is
/// wanted and came.
pub(crate) fn base_of<'a>(
    plan: &'a KernelPlan,
    distribution: Option<&'a BaseConfig>,
) -> &'a BaseConfig {
    match (&plan.base, distribution) {
        (BaseConfig::Distribution { .. }, Some(came)) => came,
        (base, _) => base,
    }
}

impl Source {
    /// What a kernel's configuration begins with.
    pub(crate) fn base_of<'a>(&'a self, plan: &'a KernelPlan) -> &'a BaseConfig {
        base_of(plan, self.distribution.as_deref())
    }

    /// What the lock file records of it.
    pub fn lock_entry(&self) -> LockEntry {
        LockEntry {
            origin: self.origin.clone(),
            version: self.version.clone(),
            sha256: self.sha256.clone(),
        }
    }

    /// What the record says of it.
    pub fn record(&self) -> SourceRecord {
        SourceRecord {
            origin: self.origin.to_string(),
            version: self.version.clone(),
            sha256: self.sha256.clone(),
        }
    }
}

/// An archive that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    /// What the lock file calls the origin.
    origin: Provenance,
    /// The package's version.
    version: String,
    /// The archive's file name.
    file: String,
    /// Its size in bytes, where the origin says it.
    size: Option<u64>,
    /// Its SHA-256, from something that is trusted: a signed index, a recipe.
    sha256: Id,
}

/// Where archives come from. An origin says what can be had, and fetches it;
/// what it fetched is compared with the offer's SHA-256 by [`archive`].
trait Origin {
    /// All versions of a series that can be had now. With `renew`, what the
    /// origin remembers is not enough.
    fn offers(&self, package: Package, series: &str, renew: bool) -> Result<Vec<Offer>>;

    /// Fetches an offer's archive into a folder, under the offer's file name.
    fn fetch(&self, package: Package, offer: &Offer, into: &Path) -> Result<()>;
}

/// Obtains a source as the recipe wishes and the lock file says.
///
/// The caller writes the lock file of what came out: [`LockFile::of`].
///
/// # Errors
/// When it can't be had or [`Mode::Locked`] forbids what can be had, when nothing
/// pins what is at an address, when a patch doesn't apply, when the disk or a tool
/// fails.
pub fn obtain(request: &Request, context: &Context) -> Result<Source> {
    let mut source = match request.wish {
        SourceWish::Path(path) => of_path(request, path, context)?,
        SourceWish::Series(series) => of_series(request, series, context)?,
        SourceWish::Listed { series, origins } => {
            listed::obtain(request, series, origins, context)?
        }
    };
    if request.patches.is_empty() {
        return Ok(source);
    }
    patch::apply(&mut source, request, context)?;
    Ok(source)
}

/// Where the archive or the commit that a lock entry names is unpacked, if it
/// is; nothing is fetched or unpacked.
pub fn unpacked(package: Package, entry: &LockEntry, cache: &Cache) -> Option<PathBuf> {
    let tree = archive::tree_path(package.name(), entry, cache).ok()?;
    tree.is_dir().then_some(tree)
}

/// The command that asks the distribution's archive what it offers; `None` where
/// what it offered before is young enough, unless it is to be asked all the same.
///
/// # Errors
/// When this machine has no archive of Debian's.
pub fn index_command(context: &Context, package: Package, renew: bool) -> Result<Option<Cmd>> {
    apt::index_command(context, package, renew)
}

/// The commands that fetch the newest package of a series from the
/// distribution into a folder, once its index is there. Nothing is started or
/// written; `version` stands for what the commands before the last tell.
///
/// # Errors
/// When this machine has no archive of Debian's.
pub fn distribution_commands(
    context: &Context,
    package: Package,
    series: &str,
    version: &str,
    into: &Path,
) -> Result<Vec<Cmd>> {
    apt::commands(context, package, series, version, into)
}

/// A tree of the user's.
fn of_path(request: &Request, path: &Path, context: &Context) -> Result<Source> {
    let name = request.package.name();
    let version = tree::version(request.package, path)?;
    let measured = tree::digest(path, context.cache)?;
    let entry = LockEntry {
        origin: Provenance::Path,
        version,
        sha256: measured.id,
    };
    if request.mode == Mode::Locked && request.lock.get(name) != Some(&entry) {
        let what = format!("the tree {} ({})", path.display(), entry.sha256.short());
        return Err(refused(request, &what));
    }
    source_of(request, entry, path.to_owned(), measured.cached)
}

/// The newest of a series, or what the lock file names.
fn of_series(request: &Request, series: &str, context: &Context) -> Result<Source> {
    if let Some(entry) = locked_entry(request, series)?
        && let Some(found) = archive::have(request.package, entry, context)?
    {
        return source_of(request, entry.clone(), found.tree, found.cached);
    }
    let origin = apt::Apt::new(context, request.package)?;
    let offer = choose(request, series, &origin, context.progress)?;
    let entry = LockEntry {
        origin: offer.origin.clone(),
        version: offer.version.clone(),
        sha256: offer.sha256.clone(),
    };
    let found = match archive::have(request.package, &entry, context)? {
        Some(found) => found,
        None => {
            archive::fetch(request.package, &offer, &origin, context)?;
            archive::have(request.package, &entry, context)?
                .ok_or_else(|| Error::GoneAgain(offer.file.clone()))?
        }
    };
    source_of(request, entry, found.tree, found.cached)
}

/// What the lock file names, when it may be used for this series.
fn locked_entry<'a>(request: &Request<'a>, series: &str) -> Result<Option<&'a LockEntry>> {
    let entry = request.lock.get(request.package.name());
    if request.mode == Mode::Update {
        return Ok(None);
    }
    let fits = |e: &&LockEntry| {
        let Provenance::Debian(name) = &e.origin else {
            return false;
        };
        let of_architecture = match request.package {
            Package::LinuxConfig { architecture } => name.ends_with(&format!(":{architecture}")),
            _ => true,
        };
        of_architecture && version::is_of_series(&e.version, series)
    };
    match entry.filter(fits) {
        Some(entry) => Ok(Some(entry)),
        None if request.mode == Mode::Locked => {
            let series = if series.is_empty() { "any" } else { series };
            Err(refused(request, &format!("series {series}")))
        }
        None => Ok(None),
    }
}

/// Lets the lock file choose among what is on offer.
fn choose(
    request: &Request,
    series: &str,
    origin: &dyn Origin,
    progress: &dyn Fn(&str),
) -> Result<Offer> {
    let name = request.package.name();
    let locked = locked_entry(request, series)?;
    let is_locked = |offer: &&Offer| locked.is_some_and(|entry| entry.version == offer.version);
    let mut offers = origin.offers(request.package, series, request.mode == Mode::Update)?;
    // What the lock names may be newer than the index that is remembered.
    if locked.is_some() && !offers.iter().any(|offer| is_locked(&offer)) {
        offers = origin.offers(request.package, series, true)?;
    }
    let same = offers.iter().find(is_locked);
    let newest = offers
        .iter()
        .max_by(|a, b| version::compare(&a.version, &b.version))
        .ok_or_else(|| Error::NotOffered {
            package: name,
            series: series.to_owned(),
        })?;
    match (locked, same) {
        (None, _) => Ok(newest.clone()),
        (Some(entry), Some(offer)) if offer.sha256 == entry.sha256 => Ok(offer.clone()),
        (Some(entry), Some(offer)) => Err(other_bytes(request, offer, entry)),
        (Some(entry), None) if request.mode == Mode::Locked => Err(gone(request, entry, newest)),
        (Some(entry), None) => {
            progress(&format!(
                "{name}: {} is no longer offered; using {}",
                entry.version, newest.version
            ));
            Ok(newest.clone())
        }
    }
}

/// `--locked`, and what the lock file names can't be had any more.
fn gone(request: &Request, entry: &LockEntry, newest: &Offer) -> Error {
    Error::NoLongerOffered {
        lock: request.lock.name().to_owned(),
        package: request.package.name(),
        version: entry.version.clone(),
        offered: newest.version.clone(),
    }
}

/// The archive that is offered is not the one that the lock file knows under
/// the same version.
fn other_bytes(request: &Request, offer: &Offer, entry: &LockEntry) -> Error {
    Error::Replaced {
        package: request.package.name(),
        lock: request.lock.name().to_owned(),
        entry: Box::new(recorded(entry)),
        offered: (offer.sha256.clone(), offer.origin.to_string()),
    }
}

/// `--locked` and the lock file names something else or nothing.
fn refused(request: &Request, wanted: &str) -> Error {
    let package = request.package.name();
    Error::Locked {
        package,
        wanted: wanted.to_owned(),
        lock: request.lock.name().to_owned(),
        entry: request
            .lock
            .get(package)
            .map(|entry| Box::new(recorded(entry))),
    }
}

fn recorded(entry: &LockEntry) -> Recorded {
    Recorded {
        version: entry.version.clone(),
        origin: entry.origin.to_string(),
        sha256: entry.sha256.clone(),
    }
}

fn source_of(request: &Request, entry: LockEntry, tree: PathBuf, cached: bool) -> Result<Source> {
    Ok(Source {
        name: request.package.name().to_owned(),
        digest: identity(&entry.sha256, request.patches)?,
        version: entry.version,
        origin: entry.origin,
        sha256: entry.sha256,
        tree,
        cached,
        distribution: None,
    })
}

/// The identity of a tree with its patches; their names don't matter.
fn identity(base: &Id, patches: &[PatchFile]) -> Result<Id> {
    let patches: Vec<Id> = patches.iter().map(|p| Id::of_bytes(&p.content)).collect();
    Ok(Id::of("source/1", &(base, patches))?)
}
