//! What is in the cache folder, and taking away what has not been used for
//! long.
//!
//! When something was last used is read from its files' own times: when the
//! newest of them was read or written. Linux keeps the time of reading to the
//! day (mount(8), `relatime`); on a file system without it (`noatime`) it is the
//! time of writing.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::{Cache, aside};

/// What a folder of the cache holds.
#[derive(Debug)]
pub struct Kind {
    /// The folder's name.
    pub folder: &'static str,
    /// What it holds.
    pub what: &'static str,
}

/// All folders of the cache. What else stands there is left alone, above all
/// `store.sqlite`: what was measured can't be fetched again.
pub const KINDS: &[Kind] = &[
    kind("archives", "fetched archives"),
    kind("downloads", "downloads that were cut off"),
    kind("git", "repositories"),
    kind("sources", "unpacked sources"),
    kind("apt", "indexes of Debian's archive"),
    kind("digests", "digests of trees of the user's own"),
    kind("configs", "kernel configurations"),
    kind("probes", "answers of Kconfig's probes"),
    kind("drivers", "tables of drivers"),
    kind("objects", "object trees"),
    kind("kernels", "kernels"),
    kind("modules", "modules of kernels"),
    kind("coverage", "what of kernels ran"),
    kind("headers", "kernel headers"),
    kind("musl", "C libraries"),
    kind("busybox", "BusyBoxes"),
    kind("ramdisks", "ramdisks"),
    kind("in-place", "headers of programs without a C library"),
    kind("programs", "compiled programs"),
    kind("flash", "images of flash memory"),
    kind("agent", "the checks' agents"),
    kind("start", "inits of systems of one program"),
    kind("accelerator", "whether KVM works"),
    kind("trials", "folders of trials that were cut off"),
    kind("indexes", "indexes of stores of trials"),
];

const fn kind(folder: &'static str, what: &'static str) -> Kind {
    Kind { folder, what }
}

/// One thing in the cache.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The folder of the cache that it is in.
    pub kind: &'static str,
    /// Its name there.
    pub name: String,
    /// Where it is.
    #[serde(skip)]
    pub path: PathBuf,
    /// What it takes of the disk.
    pub bytes: u64,
    /// When it was last used, in seconds since 1970.
    pub last_use: u64,
}

/// What may stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// What was not used for longer goes.
    pub age: Option<Duration>,
    /// When all together is larger, what was not used for longest goes.
    pub bytes: Option<u64>,
}

/// All that is in the cache, by kind and name.
///
/// # Errors
/// When a folder can't be read.
pub fn list(cache: &Cache) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for kind in KINDS {
        let folder = cache.root().join(kind.folder);
        let found = match fs::read_dir(&folder) {
            Ok(found) => found,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::file("list", &folder, e)),
        };
        for found in found.flatten() {
            let name = found.file_name().to_string_lossy().into_owned();
            // A lock belongs to what it stands beside, and is counted with it.
            if !name.ends_with(".lock") && !name.starts_with('.') {
                entries.push(entry(kind, name, found.path())?);
            }
        }
    }
    entries.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(entries)
}

fn entry(kind: &Kind, name: String, path: PathBuf) -> Result<Entry, Error> {
    let mut sum = Sum::default();
    // What goes away while it is looked at is not there.
    sum.add(&path)
        .or_else(gone)
        .map_err(|e| Error::file("look at", &path, e))?;
    if let Ok(lock) = fs::symlink_metadata(lock_of(&path)) {
        sum.last_use = sum.last_use.max(lock.mtime());
    }
    Ok(Entry {
        kind: kind.folder,
        name,
        path,
        bytes: sum.bytes,
        last_use: u64::try_from(sum.last_use).unwrap_or(0),
    })
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    last_use: i64,
}

impl Sum {
    fn add(&mut self, path: &Path) -> io::Result<()> {
        let about = fs::symlink_metadata(path)?;
        // 512 whatever the file system's own blocks are (stat(2)). A file that
        // several names share takes its room once for each: too much rather
        // than too little is said to be there.
        self.bytes += about.blocks() * 512;
        self.last_use = self.last_use.max(about.mtime());
        if !about.is_dir() {
            // Listing a folder counts as reading it: only files tell.
            self.last_use = self.last_use.max(about.atime());
            return Ok(());
        }
        for inside in fs::read_dir(path)? {
            self.add(&inside?.path()).or_else(gone)?;
        }
        Ok(())
    }
}

fn gone(e: io::Error) -> io::Result<()> {
    match e.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(e),
    }
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Which entries have to go for the rest to be within the limits, those that
/// were not used for longest first.
pub fn choose(entries: &[Entry], limits: Limits, now: SystemTime) -> Vec<Entry> {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let mut by_age = entries.to_vec();
    by_age.sort_by(|a, b| (a.last_use, &a.path).cmp(&(b.last_use, &b.path)));
    let mut total: u64 = entries.iter().map(|e| e.bytes).sum();
    let goes = |entry: &Entry| {
        let age = now.saturating_sub(entry.last_use);
        let old = limits.age.is_some_and(|limit| age > limit.as_secs());
        let goes = old || limits.bytes.is_some_and(|most| total > most);
        if goes {
            total -= entry.bytes;
        }
        goes
    };
    let mut goes = goes;
    by_age.into_iter().filter(|entry| goes(entry)).collect()
}

/// What a collection did.
#[derive(Debug, Default)]
pub struct Collected {
    /// What is gone.
    pub removed: Vec<Entry>,
    /// What another process holds a lock on.
    pub held: Vec<Entry>,
}

/// Takes entries out of the cache; `None`, and nothing is taken, while another
/// tuxling uses it. They are renamed into one folder first, so that a name in
/// the cache stands for something whole at any moment, and others have to wait
/// for no more than that.
pub fn remove(cache: &Cache, chosen: Vec<Entry>) -> Result<Option<Collected>, Error> {
    let done = cache.alone(|| {
        let failed = |e: std::io::Error| Error::file("make a folder in", cache.root(), e);
        let away = aside::folder(cache.root()).map_err(failed)?;
        let mut collected = Collected::default();
        for (at, entry) in chosen.into_iter().enumerate() {
            match take(&entry.path, &away.path().join(at.to_string())) {
                Ok(true) => collected.removed.push(entry),
                Ok(false) => collected.held.push(entry),
                Err(e) => return Err(Error::file("remove", &entry.path, e)),
            }
        }
        Ok((away, collected))
    })?;
    let Some((away, collected)) = done else {
        return Ok(None);
    };
    let path = away.path().to_owned();
    away.close().map_err(|e| Error::file("remove", &path, e))?;
    Ok(Some(collected))
}

/// Renames an entry away, with its lock, unless someone holds that.
fn take(path: &Path, to: &Path) -> io::Result<bool> {
    let lock = lock_of(path);
    if let Ok(file) = File::options().write(true).open(&lock) {
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(false),
            Err(fs::TryLockError::Error(e)) => return Err(e),
        }
        fs::rename(path, to)?;
        fs::remove_file(&lock)?;
        return Ok(true);
    }
    fs::rename(path, to)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, bytes: u64, last_use: u64) -> Entry {
        Entry {
            kind: "kernels",
            name: name.to_owned(),
            path: PathBuf::from(name),
            bytes,
            last_use,
        }
    }

    fn chosen(age: Option<u64>, bytes: Option<u64>) -> Vec<String> {
        let entries = [made("b", 20, 300), made("a", 10, 100), made("c", 30, 200)];
        let limits = Limits {
            age: age.map(Duration::from_secs),
            bytes,
        };
        let now = UNIX_EPOCH + Duration::from_secs(400);
        choose(&entries, limits, now)
            .into_iter()
            .map(|e| e.name)
            .collect()
    }

    #[test]
    fn the_longest_unused_goes_first_until_the_rest_is_within_the_limits() {
        assert_eq!(chosen(None, None), [""; 0]);
        assert_eq!(chosen(Some(250), None), ["a"]);
        assert_eq!(chosen(None, Some(60)), [""; 0]);
        assert_eq!(chosen(None, Some(50)), ["a"]);
        assert_eq!(chosen(None, Some(49)), ["a", "c"]);
        assert_eq!(chosen(Some(150), Some(60)), ["a", "c"]);
        assert_eq!(chosen(None, Some(0)), ["a", "c", "b"]);
    }

    #[test]
    fn nothing_is_removed_while_another_uses_the_cache() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::at(dir.path()).expect("a cache");
        for name in ["a", "b"] {
            fs::create_dir_all(cache.root().join("kernels").join(name)).expect("makes");
        }
        let path = cache.root().join("kernels/b");
        let of_b = cache.lock(&path, &|_| {}).expect("locks");
        let all = || list(&cache).expect("lists");
        let other = Cache::at(dir.path()).expect("a second user");
        assert!(remove(&cache, all()).expect("looks").is_none());
        assert_eq!(all().len(), 2);
        drop(other);
        let collected = remove(&cache, all()).expect("removes").expect("alone");
        assert_eq!(collected.removed.len(), 1);
        assert_eq!(collected.held.len(), 1, "b is locked");
        drop(of_b);
        assert!(path.exists());
        let second = remove(&cache, all())
            .expect("removes")
            .expect("alone again");
        assert_eq!(second.removed.len(), 1);
        let left = fs::read_dir(cache.root().join("kernels")).expect("there");
        assert_eq!(left.count(), 0, "the locks are gone, too");
    }

    #[test]
    fn every_folder_of_the_cache_has_its_kind() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("all crates");
        let sources = fs::read_dir(crates).expect("there").flatten();
        let mut folders: Vec<PathBuf> = sources.map(|e| e.path().join("src")).collect();
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder)
                .expect("there")
                .flatten()
                .map(|e| e.path())
            {
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).expect("readable");
                let text: String = text.split_whitespace().collect();
                for part in text.split("cache.folder(\"").skip(1) {
                    let name = part.split('"').next().expect("a first part");
                    let known = KINDS.iter().any(|k| k.folder == name);
                    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                    assert!(
                        known || !plain,
                        "{name} in {} is not in KINDS",
                        path.display()
                    );
                    seen += usize::from(known);
                }
            }
        }
        assert!(seen > 10);
    }
}
