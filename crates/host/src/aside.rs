//! Folders and files that are worked on before they get their name, and folders
//! for a while. Each is locked (flock(2)) by the process that made it: what
//! nobody holds was left by a tuxling that was killed, and goes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};

/// How the names of files and folders begin that are being written.
pub const ASIDE: &str = ".tuxling-";

/// How the names begin of what stands aside while something else takes its
/// place. Where both moves failed, its user was told: it stays for a day.
const OLD: &str = ".tuxling-old-";

/// Between making a folder and locking it passes less than this.
const YOUNG: Duration = Duration::from_secs(60);

/// What is older was left, even where the file system knows no locks.
const LEFT_OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder that goes when it is dropped, or is kept.
#[derive(Debug)]
pub struct Aside {
    dir: TempDir,
    _held: Option<File>,
}

impl Aside {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Removes it, and says when that fails.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn close(self) -> io::Result<()> {
        self.dir.close()
    }

    /// It stays; gives its path.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }
}

/// A fresh folder in another one, that will take a place there or go.
///
/// # Errors
/// When it can't be made.
pub fn folder(dir: &Path) -> io::Result<Aside> {
    made(tempfile::Builder::new().prefix(ASIDE), Some(dir))
}

/// The same for what stood in that place.
pub(crate) fn old(dir: &Path) -> io::Result<Aside> {
    made(tempfile::Builder::new().prefix(OLD), Some(dir))
}

/// A folder for as long as it is held, where temporary files are kept: for
/// sockets, whose paths have to be short (unix(7)).
///
/// # Errors
/// When it can't be made.
pub fn scratch(what: &str) -> io::Result<Aside> {
    let prefix = format!("tuxling-{what}-");
    sweep_of(&std::env::temp_dir(), &prefix);
    made(tempfile::Builder::new().prefix(&prefix), None)
}

fn made(builder: &mut tempfile::Builder<'_, '_>, dir: Option<&Path>) -> io::Result<Aside> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let dir = match dir {
        Some(dir) => builder.permissions(mode).tempdir_in(dir)?,
        None => builder.tempdir()?,
    };
    let held = held(dir.path());
    Ok(Aside { dir, _held: held })
}

/// A file in a folder, that will take a place there.
pub(crate) fn file(dir: &Path) -> io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix(ASIDE)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(dir)?;
    // Where locks don't work, a day has to pass.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// The lock on a file or a folder, where nobody else has it.
fn held(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Removes what tuxlings left in a folder that were ended while they wrote. What
/// can't be removed does no harm.
pub fn sweep(dir: &Path) {
    sweep_of(dir, ASIDE);
}

fn sweep_of(dir: &Path, prefix: &str) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(prefix.as_bytes()) {
            continue;
        }
        let changed = entry.metadata().and_then(|m| m.modified());
        let Some(age) = changed.ok().and_then(|at| at.elapsed().ok()) else {
            continue;
        };
        if is_left(&entry.path(), &name, age) {
            let _ = if entry.file_type().is_ok_and(|t| t.is_dir()) {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
        }
    }
}

fn is_left(path: &Path, name: &OsStr, age: Duration) -> bool {
    let is_old = name.as_encoded_bytes().starts_with(OLD.as_bytes());
    age > LEFT_OVER || !is_old && age > YOUNG && held(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(path: &Path, seconds: u64) {
        let at = std::time::SystemTime::now() - Duration::from_secs(seconds);
        File::open(path)
            .and_then(|file| file.set_modified(at))
            .expect("sets the time");
    }

    fn left(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("readable").flatten();
        let mut names: Vec<String> = entries
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_tuxling_left_goes_and_what_one_works_on_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = folder(dir.path()).expect("makes");
        let file = file(dir.path()).expect("makes");
        age(folder.path(), 120);
        age(file.path(), 120);
        sweep(dir.path());
        assert_eq!(left(dir.path()).len(), 2, "both are held");
        // Killed: the locks go, the names stay.
        let (path, file) = (folder.keep(), file.into_temp_path().keep().expect("keeps"));
        assert!(path.exists() && file.exists());
        sweep(dir.path());
        assert_eq!(left(dir.path()), [""; 0]);
    }

    #[test]
    fn what_is_young_or_another_ones_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, seconds) in [
            (".tuxling-young", 1),
            (".tuxling-old-copy", 7200),
            (".tuxling-old-gone", 2 * 86_400),
            (".tuxling-left", 7200),
            (".other", 2 * 86_400),
        ] {
            let path = dir.path().join(name);
            fs::create_dir(&path).expect("makes");
            age(&path, seconds);
        }
        sweep(dir.path());
        let stays = [".other", ".tuxling-old-copy", ".tuxling-young"];
        assert_eq!(left(dir.path()), stays);
    }
}
