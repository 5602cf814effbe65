//! Archives at an address, pinned by their SHA-256: in the recipe, or in the
//! lock file.

use std::fs;
use std::path::{Path, PathBuf};

use host::Id;
use host::cache::fill_folder;
use recipe::package::Package;

use super::download::Download;
use super::{
    Context, LockEntry, Mode, Offer, Origin, Provenance, Request, Source, archive, series,
    source_of, tree,
};
use crate::error::{Error, Result};

/// An address that an archive is fetched from.
struct Address<'a> {
    url: &'a str,
    context: &'a Context<'a>,
}

impl Address<'_> {
    /// The last part of the path, as far as it can be a file's name.
    fn file_name(&self) -> String {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".+-_".contains(c);
        let name: String = last.chars().filter(|c| plain(*c)).collect();
        match name.trim_start_matches('.') {
            "" => "archive".to_owned(),
            name => name.to_owned(),
        }
    }

    /// Downloads into a file of the cache that outlives this call, so that what
    /// was cut off can be taken up again; gives back that file.
    fn download(&self, package: Package, expected: Option<&Id>) -> Result<(PathBuf, Id)> {
        let short = Id::of_bytes(self.url.as_bytes());
        let part = self.context.cache.folder("downloads")?.join(short.short());
        let _lock = self.context.cache.lock(&part, self.context.progress)?;
        let download = Download {
            url: self.url,
            name: package.name(),
            part: part.with_extension("part"),
            network: self.context.network,
            cancel: self.context.processes.cancel(),
            progress: self.context.progress,
            step: self.context.step,
        };
        let mut resumed = download.run()?;
        loop {
            let sha256 = Id::of_file(&download.part)
                .map_err(|e| host::Error::file("read", &download.part, e))?;
            let wrong = expected.is_some_and(|expected| *expected != sha256);
            if !(wrong && resumed) {
                let whole = part.with_extension("whole");
                fs::rename(&download.part, &whole)
                    .map_err(|e| host::Error::file("name", &whole, e))?;
                download.forget()?;
                return Ok((whole, sha256));
            }
            (self.context.progress)(&format!(
                "{}: the pieces don't belong together; from the start",
                package.name()
            ));
            download.forget()?;
            resumed = download.run()?;
        }
    }
}

impl Origin for Address<'_> {
    /// An address offers nothing that isn't known already.
    fn offers(&self, _: Package, _: &str, _: bool) -> Result<Vec<Offer>> {
        Ok(Vec::new())
    }

    fn fetch(&self, package: Package, offer: &Offer, into: &Path) -> Result<()> {
        let (file, _) = self.download(package, Some(&offer.sha256))?;
        let to = into.join(&offer.file);
        Ok(fs::rename(&file, &to).map_err(|e| host::Error::file("name", &to, e))?)
    }
}

/// The source at an address.
pub(super) fn obtain(
    request: &Request,
    series: &str,
    url: &str,
    pinned: Option<&Id>,
    context: &Context,
) -> Result<Source> {
    let address = Address { url, context };
    let origin = Provenance::Url(url.to_owned());
    let locked = request.lock.get(request.package.name());
    let same = locked.filter(|entry| entry.origin == origin);
    if request.mode == Mode::Locked {
        // Another address of the same bytes will do.
        let fits = match pinned {
            Some(pinned) => locked.is_some_and(|entry| entry.sha256 == *pinned),
            None => same.is_some(),
        };
        if !fits {
            return Err(super::refused(request, url));
        }
    }
    let sha256 = match pinned.or(same.map(|entry| &entry.sha256)) {
        Some(sha256) => sha256.clone(),
        None => first_use(request, &address)?,
    };
    let mut entry = LockEntry {
        origin,
        version: String::new(),
        sha256,
    };
    let found = match archive::have(request.package, &entry, context)? {
        Some(found) => found,
        None => {
            let offer = Offer {
                origin: entry.origin.clone(),
                version: address.file_name(),
                file: address.file_name(),
                size: None,
                sha256: entry.sha256.clone(),
            };
            archive::fetch(request.package, &offer, &address, context)?;
            archive::have(request.package, &entry, context)?.ok_or(Error::GoneAgain(offer.file))?
        }
    };
    entry.version = tree::version(request.package, &found.tree)?;
    series::is_of_series(request, &entry, series)?;
    source_of(request, entry, found.tree, found.cached)
}

/// The SHA-256 of what is at an address that nothing pins: taken where the user
/// has said so, else told.
fn first_use(request: &Request, address: &Address) -> Result<Id> {
    let context = address.context;
    let name = request.package.name();
    let (file, sha256) = address.download(request.package, None)?;
    let kept = context.cache.folder("archives")?.join(sha256.as_str());
    let _lock = context.cache.lock(&kept, context.progress)?;
    if !kept.is_dir() {
        fill_folder(&kept, |aside| {
            let to = aside.join(address.file_name());
            fs::rename(&file, &to).map_err(|e| host::Error::file("name", &to, e))
        })?;
    }
    if request.mode == Mode::TrustNew {
        (context.progress)(&format!(
            "{name}: {} is taken as it came, with the SHA-256 {sha256}",
            address.url
        ));
        return Ok(sha256);
    }
    Err(Error::Unpinned {
        url: address.url.to_owned(),
        sha256,
    })
}
