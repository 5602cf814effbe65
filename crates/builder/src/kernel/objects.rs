//! Object trees that are kept between builds, and what becomes of one whose
//! build was cut off.
//!
//! `make` removes a target that it was interrupted at, but not when it is
//! killed: a half-written object would then count as done. So a mark stands in
//! the tree as long as a build runs. Where it is found at the next build, what
//! was written shortly before the end is made again; what had been finished
//! earlier stays.

use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use crate::error::Result;

/// Stands in a tree as long as a build runs.
const MARK: &str = "tuxling.building";

/// No tool writes at one file for longer than this without a pause in which it
/// is whole.
const LAST_WORK: Duration = Duration::from_secs(30);

/// Prepares a tree for a build: makes the folder, clears what a build that was
/// cut off has left, and sets the mark.
pub(crate) fn begin(objects: &Path) -> Result<()> {
    fs::create_dir_all(objects).map_err(|e| host::Error::file("make the folder", objects, e))?;
    let mark = objects.join(MARK);
    if let Ok(begun) = fs::metadata(&mark).and_then(|m| m.modified()) {
        newest(objects, begun)
            .and_then(|ended| remove_since(objects, begun.max(ended - LAST_WORK)))
            .map_err(|e| host::Error::file("clear", objects, e))?;
    }
    Ok(fs::write(&mark, b"").map_err(|e| host::Error::file("write", &mark, e))?)
}

/// Says that the build of a tree has come to its end: what is there is whole.
pub(crate) fn end(objects: &Path) -> Result<()> {
    let mark = objects.join(MARK);
    Ok(fs::remove_file(&mark).map_err(|e| host::Error::file("remove", &mark, e))?)
}

/// Whether a build of a tree was cut off.
pub(crate) fn is_unfinished(objects: &Path) -> bool {
    objects.join(MARK).exists()
}

/// When the last file was written, `begun` at the earliest.
fn newest(folder: &Path, begun: SystemTime) -> io::Result<SystemTime> {
    let mut newest = begun;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        let written = if about.is_dir() {
            self::newest(&entry.path(), newest)?
        } else {
            about.modified()?
        };
        newest = newest.max(written);
    }
    Ok(newest)
}

/// Removes all files that were written at or after `since`.
fn remove_since(folder: &Path, since: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            remove_since(&entry.path(), since)?;
        } else if about.modified()? >= since {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, ago: u64) {
        fs::write(path, b"x").expect("writes");
        let file = fs::File::options().write(true).open(path).expect("opens");
        file.set_modified(SystemTime::now() - Duration::from_secs(ago))
            .expect("sets the time");
    }

    #[test]
    fn what_a_cut_off_build_wrote_last_is_made_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let tree = dir.path().join("linux");
        begin(&tree).expect("begins");
        fs::create_dir(tree.join("net")).expect("makes a folder");
        write(&tree.join("net/of_an_earlier_build.o"), 2000);
        write(&tree.join(MARK), 1000);
        write(&tree.join("net/finished.o"), 600);
        write(&tree.join("net/half.o"), 500);
        begin(&tree).expect("begins again");
        let there = |name: &str| tree.join("net").join(name).exists();
        assert!(there("of_an_earlier_build.o") && there("finished.o") && !there("half.o"));
        end(&tree).expect("ends");
        write(&tree.join("net/whole.o"), 0);
        begin(&tree).expect("begins once more");
        assert!(
            there("whole.o"),
            "a build that came to its end left nothing half written"
        );
    }
}
