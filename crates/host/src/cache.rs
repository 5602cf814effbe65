//! The user's cache folder, and how its folders are filled: aside, synced,
//! renamed, under a lock.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::aside;
use crate::error::{Error, Result};
use crate::process::Cancel;

/// The cache folder: `$TUXLING_CACHE`, or `tuxling` in `$XDG_CACHE_HOME`
/// (`~/.cache` when that is unset).
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    /// Held, shared with all other tuxlings, as long as this cache is in use:
    /// what is there may be read without a lock of its own. `None` where
    /// nothing is written ([`Cache::sealed_of_user`]).
    in_use: Option<Arc<File>>,
    /// Ends the wait for a lock.
    cancel: Cancel,
}

/// The lock that all tuxlings share that use a cache.
const IN_USE: &str = "in-use.lock";

/// A lock that another one holds is tried again after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A lock on a folder of the cache, held until it is dropped. The system
/// releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: Option<File>,
}

impl Cache {
    /// The cache of this user; the folder is made when it is missing.
    pub fn of_user() -> Result<Cache> {
        Cache::at(&root_of_user()?)
    }

    /// The cache of this user, to be looked at alone: no folder of it is made,
    /// no lock of it is taken or waited for. It need not be there.
    pub fn sealed_of_user() -> Result<Cache> {
        let root = root_of_user()?;
        let root = std::path::absolute(&root)
            .map_err(|e| Error::file("find the cache folder", &root, e))?;
        Ok(Cache {
            root: root.canonicalize().unwrap_or(root),
            in_use: None,
            cancel: Cancel::default(),
        })
    }

    /// A cache at this path; the folder is made when it is missing.
    pub fn at(root: &Path) -> Result<Cache> {
        fs::create_dir_all(root).map_err(|e| Error::file("make the cache folder", root, e))?;
        let root = root
            .canonicalize()
            .map_err(|e| Error::file("find the cache folder", root, e))?;
        let path = root.join(IN_USE);
        let failed = |e: io::Error| Error::file("lock the cache by", &path, e);
        let file = open_lock(&path).map_err(failed)?;
        file.lock_shared().map_err(failed)?;
        sweep_all(&root);
        Ok(Cache {
            root,
            in_use: Some(Arc::new(file)),
            cancel: Cancel::default(),
        })
    }

    /// The same cache; nobody waits for a lock of it any more once it is asked
    /// to stop.
    pub fn until(self, cancel: &Cancel) -> Cache {
        Cache {
            cancel: cancel.clone(),
            ..self
        }
    }

    /// Does something that no other tuxling may be in the way of; `None`, and
    /// nothing is done, when another one uses the cache.
    pub fn alone<T, E: From<Error>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let path = self.root.join(IN_USE);
        let failed = |e: io::Error| Error::file("lock the cache by", &path, e);
        let Some(in_use) = &self.in_use else {
            return Ok(None);
        };
        let taken = match in_use.try_lock() {
            Ok(()) => true,
            Err(fs::TryLockError::WouldBlock) => false,
            Err(fs::TryLockError::Error(e)) => return Err(failed(e).into()),
        };
        let done = if taken { Some(work()) } else { None };
        // Also where it was not taken: a lock that can't be turned into another
        // one may be lost (flock(2)).
        in_use.lock_shared().map_err(failed)?;
        done.transpose()
    }

    /// The cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder of the cache by topic (`sources`, `kernels`, …), made when it
    /// is missing.
    pub fn folder(&self, topic: &str) -> Result<PathBuf> {
        let path = self.root.join(topic);
        if self.in_use.is_none() {
            return Ok(path);
        }
        fs::create_dir_all(&path).map_err(|e| Error::file("make the folder", &path, e))?;
        Ok(path)
    }

    /// Locks `path` against other tuxlings by a file beside it. When another
    /// one holds the lock, says so by `waiting` with the holder's process id
    /// and command, and waits.
    pub fn lock(&self, path: &Path, waiting: &dyn Fn(&str)) -> Result<Lock> {
        let mut told = false;
        loop {
            if let Some(lock) = self.try_lock(path)? {
                return Ok(lock);
            }
            if !told {
                let holder = fs::read_to_string(lock_file(path)).unwrap_or_default();
                waiting(&format!("waiting for another tuxling ({})", holder.trim()));
                told = true;
            }
            // Waiting in the system's call would not hear of Ctrl-C.
            if let Some(signal) = self.cancel.signal() {
                return Err(Error::Interrupted { signal });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Locks `path` where nobody else has.
    pub fn try_lock(&self, path: &Path) -> Result<Option<Lock>> {
        if self.in_use.is_none() {
            return Ok(Some(Lock { _file: None }));
        }
        let name = lock_file(path);
        if let Some(parent) = name.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::file("make the folder", parent, e))?;
        }
        let mut file = open_lock(&name).map_err(|e| Error::file("open the lock", &name, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(e)) => return Err(Error::file("lock", &name, e)),
        }
        let command: Vec<_> = std::env::args().skip(1).collect();
        let line = format!(
            "process {}: tuxling {}",
            std::process::id(),
            command.join(" ")
        );
        // Who holds the lock is a courtesy: failing to say so must not fail.
        let _ = file
            .set_len(0)
            .and_then(|()| file.write_all(line.as_bytes()));
        Ok(Some(Lock { _file: Some(file) }))
    }
}

/// Removes what tuxlings that were killed have left anywhere in the cache.
fn sweep_all(root: &Path) {
    aside::sweep(root);
    let topics = fs::read_dir(root).into_iter().flatten().flatten();
    for topic in topics.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())) {
        aside::sweep(&topic.path());
    }
}

/// Where this user's cache stands, or would.
fn root_of_user() -> Result<PathBuf> {
    let set = |key: &str| {
        std::env::var_os(key)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("TUXLING_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("tuxling")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/tuxling")))
        .ok_or(Error::NoCacheFolder)
}

fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn open_lock(path: &Path) -> std::io::Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
}

/// Writes a file as a whole or not at all: aside, synced, renamed.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(|e| Error::file("make the folder", dir, e))?;
    aside::sweep(dir);
    let failed = |e: io::Error| Error::file("write", path, e);
    let mut file = aside::file(dir).map_err(failed)?;
    file.write_all(content)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// Fills a folder as a whole or not at all: `fill` is given a fresh folder
/// beside it, which takes its place when all went well.
pub fn fill_folder<T, E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(|e| Error::file("make the folder", dir, e))?;
    aside::sweep(dir);
    let aside = aside::folder(dir).map_err(|e| Error::file("make a folder in", dir, e))?;
    let value = fill(aside.path())?;
    let failed = |e: io::Error| Error::file("put in place", path, e);
    // What was written must be on the disk before its name says that it is whole.
    File::open(dir)
        .and_then(|d| rustix::fs::syncfs(&d).map_err(Into::into))
        .map_err(failed)?;
    if !path.exists() {
        fs::rename(aside.keep(), path).map_err(failed)?;
        return Ok(value);
    }
    // Aside, not away: at any moment one of the two is there, whole.
    let old = aside::old(dir).map_err(failed)?;
    let kept = old.path().join("it");
    fs::rename(path, &kept).map_err(failed)?;
    if let Err(e) = fs::rename(aside.path(), path) {
        return Err(match fs::rename(&kept, path) {
            Ok(()) => failed(e),
            Err(_) => Error::LeftAside {
                path: path.to_owned(),
                error: e,
                kept: old.keep(),
            },
        }
        .into());
    }
    let _ = aside.keep(); // in place: nothing of that name is left to be removed
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_whose_filling_failed_leaves_what_was_there() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("kept");
        fill_folder(&path, |p| write_whole(&p.join("a"), b"1")).expect("fills");
        let failed = fill_folder(&path, |p| {
            write_whole(&p.join("a"), b"2")?;
            Err::<(), _>(Error::Interrupted { signal: 2 })
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(path.join("a")).expect("still there"), b"1");
        assert_eq!(
            fs::read_dir(dir.path()).expect("readable").count(),
            1,
            "nothing half written is left"
        );
    }

    #[test]
    fn a_folder_that_is_filled_again_takes_the_old_ones_place() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("kept");
        for (name, content) in [("a", b"1"), ("b", b"2")] {
            fill_folder(&path, |p| write_whole(&p.join(name), content)).expect("fills");
        }
        assert!(!path.join("a").exists());
        assert_eq!(fs::read(path.join("b")).expect("there"), b"2");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_sealed_cache_gives_paths_and_makes_none() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache {
            root: dir.path().join("cache"),
            in_use: None,
            cancel: Cancel::default(),
        };
        let folder = cache.folder("kernels").expect("a path");
        assert!(folder.ends_with("cache/kernels"));
        cache.lock(&folder, &|_| {}).expect("nothing to wait for");
        let done = cache.alone(|| Ok::<_, Error>(()));
        assert!(done.expect("nothing is done").is_none());
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_lock_is_free_again_when_dropped() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::at(dir.path()).expect("a cache");
        let path = cache.root().join("thing");
        let never = |_: &str| panic!("must not wait");
        drop(cache.lock(&path, &never).expect("locks"));
        drop(cache.lock(&path, &never).expect("locks again"));
    }

    #[test]
    fn the_wait_for_a_lock_ends_with_the_wish_to_stop() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let holder = Cache::at(dir.path()).expect("a cache");
        let path = holder.root().join("thing");
        let _held = holder.lock(&path, &|_| {}).expect("locks");
        let cancel = Cancel::default();
        let cache = Cache::at(dir.path()).expect("a cache").until(&cancel);
        // The wish comes while it waits.
        let waiting = |_: &str| cancel.cancel(2);
        let error = cache.lock(&path, &waiting).expect_err("stops");
        assert!(matches!(error, Error::Interrupted { signal: 2 }));
    }
}
