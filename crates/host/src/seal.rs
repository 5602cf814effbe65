//! What the cache gives is what was put there: a sealed folder holds the
//! SHA-256 of each of its files, in the format of sha256sum(1), and is compared
//! with them before anything of it is taken.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cache::{fill_folder, write_whole};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::session::Progress;

/// The list of hashes in a sealed folder: `sha256sum -c` reads it.
pub const SEAL: &str = "SHA256SUMS";

/// Logs are for people: nothing is made of them.
const LOGS: [&str; 2] = ["build.log", "tuxling.log"];

/// Fills a folder as [`fill_folder`] does, and seals it.
pub fn fill_sealed<T, E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    fill_folder(path, |fresh| {
        let value = fill(fresh)?;
        seal(fresh)?;
        Ok(value)
    })
}

/// Whether what was kept in a folder may be taken. A damaged one is told, with
/// what it is: `kernel`; the caller makes it anew. Folders of older tuxlings
/// have no seal and are taken as they are.
pub fn is_sound(path: &Path, what: &str, progress: &dyn Progress) -> Result<bool> {
    let Some(damaged) = damaged(path)? else {
        return Ok(true);
    };
    let text = format!(
        "warning: the {what} in the cache is damaged ({}); it is made anew. If this happens again, \
         look at that disk",
        damaged.display()
    );
    progress.remark(&text, "");
    Ok(false)
}

fn seal(folder: &Path) -> Result<()> {
    let mut lines = String::new();
    for name in files_below(folder)? {
        let path = folder.join(&name);
        let id = Id::of_file(&path).map_err(|e| Error::file("read", &path, e))?;
        lines.push_str(&format!("{id}  {}\n", name.display()));
    }
    write_whole(&folder.join(SEAL), lines.as_bytes())
}

/// The first file of a sealed folder that isn't what it was.
fn damaged(folder: &Path) -> Result<Option<PathBuf>> {
    let list = folder.join(SEAL);
    let text = match fs::read(&list) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::file("read", &list, e)),
    };
    for line in text.lines() {
        let Some((sum, name)) = line.split_once("  ") else {
            return Ok(Some(list));
        };
        let path = folder.join(name);
        match Id::of_file(&path) {
            Ok(id) if id.as_str() == sum => {}
            // A disk that can't give it back is a damaged file, too.
            Ok(_) => return Ok(Some(path)),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Error::file("read", &path, e));
            }
            Err(_) => return Ok(Some(path)),
        }
    }
    Ok(None)
}

/// The regular files below a folder, relative to it, sorted.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        let path = folder.join(&inside);
        let entries = fs::read_dir(&path).map_err(|e| Error::file("list", &path, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| Error::file("list", &path, e))?;
            let name = inside.join(entry.file_name());
            let kind = entry.file_type();
            let kind = kind.map_err(|e| Error::file("look at", &entry.path(), e))?;
            let is_log = LOGS.iter().any(|log| entry.file_name() == *log);
            if kind.is_dir() {
                open.push(name);
            } else if kind.is_file() && !is_log && name != Path::new(SEAL) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Progress for Heard {
        fn begin(&self, _: &str) {}
        fn end(&self, _: &str, _: Duration, _: bool) {}
        fn note(&self, text: &str) {
            self.0.lock().expect("nobody panics").push(text.to_owned());
        }
        fn tool_line(&self, _: &str) {}
    }

    fn filled(dir: &Path) -> PathBuf {
        let path = dir.join("kept");
        fill_sealed(&path, |fresh| -> Result<()> {
            for (name, content) in [("image", "1234"), ("link/map", "x"), ("build.log", "l")] {
                write_whole(&fresh.join(name), content.as_bytes())?;
            }
            Ok(())
        })
        .expect("fills");
        path
    }

    #[test]
    fn a_flipped_byte_and_a_missing_file_are_noticed_and_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = filled(dir.path());
        let heard = Heard::default();
        assert!(is_sound(&path, "kernel", &heard).expect("reads"));
        fs::write(path.join("build.log"), "other").expect("writes");
        assert!(is_sound(&path, "kernel", &heard).expect("a log may change"));
        fs::write(path.join("image"), "1235").expect("writes");
        assert!(!is_sound(&path, "kernel", &heard).expect("reads"));
        fs::write(path.join("image"), "1234").expect("writes");
        fs::remove_file(path.join("link/map")).expect("removes");
        assert!(!is_sound(&path, "kernel", &heard).expect("reads"));
        let heard = heard.0.into_inner().expect("nobody panics");
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard[0].contains("kept/image") && heard[1].contains("kept/link/map"));
        assert!(
            heard[0].contains("the kernel in the cache is damaged"),
            "{heard:?}"
        );
    }

    #[test]
    fn a_seal_that_is_no_list_is_damage_and_none_is_of_an_older_tuxling() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = filled(dir.path());
        fs::write(path.join(SEAL), "?\n").expect("writes");
        assert!(!is_sound(&path, "kernel", &crate::session::Silent).expect("reads"));
        fs::remove_file(path.join(SEAL)).expect("removes");
        assert!(is_sound(&path, "kernel", &crate::session::Silent).expect("reads"));
    }

    #[test]
    fn sha256sum_reads_a_seal() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = filled(dir.path());
        // A test compares with other people's tools: see CONTRIBUTING.md.
        #[allow(clippy::disallowed_methods)]
        let mut tool = std::process::Command::new("sha256sum");
        let output = tool.args(["--check", "--strict", SEAL]).current_dir(&path);
        let output = output.output().expect("coreutils are there");
        assert!(output.status.success(), "{output:?}");
    }
}
