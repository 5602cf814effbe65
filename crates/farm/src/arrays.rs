//! Arrays in the store: whose turn it is to hand one over, and which search
//! watches over it. Both are locks (flock(2), which NFS carries to its server):
//! a search that is killed loses them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Result;
use crate::store::Store;

/// The file in an array that whoever watches over it has locked.
const HELD: &str = "held";

/// Waits until no other search hands anything over, and keeps others from it.
///
/// # Errors
/// When the store can't be written.
pub(crate) fn turn(store: &Store) -> Result<File> {
    let path = store.root().join("arrays.lock");
    let file = open(&path)?;
    file.lock()
        .map_err(|e| host::Error::file("lock", &path, e))?;
    Ok(file)
}

/// Takes an array over, unless a search that lives watches over it.
///
/// # Errors
/// When the store can't be written.
pub(crate) fn hold(array: &Path) -> Result<Option<File>> {
    let path = array.join(HELD);
    let file = open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(host::Error::file("lock", &path, e).into()),
    }
}

/// Whether another search that lives watches over an array.
pub(crate) fn is_held(array: &Path) -> bool {
    let file = match File::open(array.join(HELD)) {
        Ok(file) => file,
        Err(error) => return error.kind() != ErrorKind::NotFound,
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    file.map_err(|e| host::Error::file("open", path, e).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause() -> bool {
        std::thread::sleep(std::time::Duration::from_millis(10));
        false
    }

    #[test]
    fn an_array_is_watched_over_by_one_search_until_that_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(!is_held(dir.path()), "by nobody yet");
        let first = hold(dir.path()).expect("can be written");
        assert!(first.is_some());
        assert!(is_held(dir.path()));
        assert!(hold(dir.path()).expect("can be written").is_none());
        drop(first);
        // A process that another test starts has all files for a moment, until it
        // is another program (fork(2), O_CLOEXEC).
        let free = || (0..500).any(|_| !is_held(dir.path()) || pause());
        assert!(free());
        let again = || hold(dir.path()).expect("can be written").is_some();
        assert!((0..500).any(|_| again() || pause()));
    }
}
