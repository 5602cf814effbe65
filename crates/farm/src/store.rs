//! The store that machines share: files under their SHA-256 in one folder.
//!
//! ```text
//! objects/ab/cdef…           bytes under their SHA-256: inputs, evidence
//! specs/ab/cdef….json        what a trial is, under the trial's identity
//! results/ab/cd/ef….HASH.json  what came of it; HASH is of the file itself
//! arrays/NAME/               trials that were handed to an engine
//! ```
//!
//! A file is written aside, then linked under its name: it is there whole or
//! not at all, and who comes second leaves the first one's alone. Nothing is
//! changed later, so two stores become one by a set union, in any order, on any
//! file system that links or renames as one step (NFS does).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use host::Id;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::outcome::TrialResult;

/// The folders of content.
const OBJECTS: &str = "objects";
const SPECS: &str = "specs";
const RESULTS: &str = "results";
/// The folder of what was handed to engines.
const ARRAYS: &str = "arrays";

/// What is compared and copied when stores are merged.
const CONTENT: [&str; 3] = [OBJECTS, SPECS, RESULTS];

/// How the names of files begin that are being written.
const ASIDE: &str = ".tuxling-";

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// What a merge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Merged {
    /// Files that were new.
    pub added: u64,
    /// Files that were there already.
    pub known: u64,
    /// Bytes that were new.
    pub bytes: u64,
}

impl Store {
    /// The store in this folder; it is made when it is missing.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(root: &Path) -> Result<Store> {
        let root = std::path::absolute(root).map_err(|e| host::Error::file("find", root, e))?;
        for folder in [OBJECTS, SPECS, RESULTS, ARRAYS] {
            make(&root.join(folder))?;
        }
        Ok(Store { root })
    }

    /// The store in this folder, which has to be one.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(root: &Path) -> Result<Store> {
        if root.join(RESULTS).is_dir() {
            return Store::open(root);
        }
        Err(Error::NoStore {
            path: root.to_owned(),
        })
    }

    /// Its folder. Absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where arrays stand.
    pub fn arrays(&self) -> PathBuf {
        self.root.join(ARRAYS)
    }

    /// Keeps bytes; gives their SHA-256.
    ///
    /// # Errors
    /// When they can't be written, such as on a full disk.
    pub fn put(&self, bytes: &[u8]) -> Result<Id> {
        let id = Id::of_bytes(bytes);
        put_as(&self.object_path(&id), bytes)?;
        Ok(id)
    }

    /// Keeps a file, whose SHA-256 is known. Linked where that can be.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub fn put_file(&self, id: &Id, file: &Path) -> Result<()> {
        copy(file, &self.object_path(id)).map(|_| ())
    }

    /// Where an object stands, if it is there.
    pub fn object(&self, id: &Id) -> Option<PathBuf> {
        Some(self.object_path(id)).filter(|path| path.is_file())
    }

    /// The bytes of an object, compared with their name.
    ///
    /// # Errors
    /// When it is missing or not what it should be.
    pub fn get(&self, id: &Id) -> Result<Vec<u8>> {
        let path = self.object_path(id);
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::Lacks {
                store: self.root.clone(),
                what: format!("the object {id}"),
            },
            _ => host::Error::file("read", &path, e).into(),
        })?;
        if Id::of_bytes(&bytes) == *id {
            return Ok(bytes);
        }
        let problem = "its content is not what its name says".to_owned();
        Err(Error::Damaged { path, problem })
    }

    /// Keeps what a trial is.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn put_spec(&self, trial: &Id, spec: &[u8]) -> Result<PathBuf> {
        let path = spread(&self.root.join(SPECS), trial, 1).with_extension("json");
        put_as(&path, spec)?;
        Ok(path)
    }

    /// Keeps what came of a trial.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn put_result(&self, result: &TrialResult) -> Result<PathBuf> {
        let bytes = serde_json::to_vec(result)?;
        let hash = Id::of_bytes(&bytes);
        let name = format!("{}.json", hash.short());
        let path = spread(&self.root.join(RESULTS), &result.trial, 2).with_extension(name);
        put_as(&path, &bytes)?;
        Ok(path)
    }

    /// What came of a trial: of several results the one whose name comes first,
    /// so that every store that has the same ones gives the same.
    ///
    /// # Errors
    /// When it can't be read, or is damaged.
    pub fn result(&self, trial: &Id) -> Result<Option<TrialResult>> {
        let paths = self.results(trial)?;
        paths.first().map(|path| read_json(path)).transpose()
    }

    /// The files of all that came of a trial, by name.
    fn results(&self, trial: &Id) -> Result<Vec<PathBuf>> {
        let path = spread(&self.root.join(RESULTS), trial, 2);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(e) => return Err(host::Error::file("read", folder, e).into()),
        };
        for entry in entries {
            let entry = entry.map_err(|e| host::Error::file("read", folder, e))?;
            let file = entry.file_name();
            if file.as_encoded_bytes().starts_with(name.as_encoded_bytes()) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    /// The files of all results, in no order.
    ///
    /// # Errors
    /// When a folder can't be read, or `each` says so.
    pub fn each_result(&self, each: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
        walk(&self.root.join(RESULTS), each)
    }

    /// Takes in all that these stores have.
    ///
    /// # Errors
    /// As [`Store::merge`].
    pub fn merge_all(&self, others: &[Store]) -> Result<Merged> {
        let mut all = Merged::default();
        for other in others {
            let merged = self.merge(other)?;
            all.added += merged.added;
            all.known += merged.known;
            all.bytes += merged.bytes;
        }
        Ok(all)
    }

    /// Takes in all that another store has: a set union.
    ///
    /// # Errors
    /// When something can't be read or written. What was taken in stays; the same
    /// merge again goes on.
    pub fn merge(&self, other: &Store) -> Result<Merged> {
        let mut merged = Merged::default();
        for folder in CONTENT {
            let from = other.root.join(folder);
            let mut made = PathBuf::new();
            walk(&from, &mut |file| {
                let inside = file.strip_prefix(&from).unwrap_or(file);
                let to = self.root.join(folder).join(inside);
                if let Some(parent) = to.parent().filter(|parent| **parent != made) {
                    make(parent)?;
                    made = parent.to_owned();
                }
                match link_or_copy(file, &to)? {
                    Some(bytes) => {
                        merged.added += 1;
                        merged.bytes += bytes;
                    }
                    None => merged.known += 1,
                }
                Ok(())
            })?;
        }
        Ok(merged)
    }

    fn object_path(&self, id: &Id) -> PathBuf {
        spread(&self.root.join(OBJECTS), id, 1)
    }
}

/// The path of an identity, spread over folders of two digits each: 256 of them
/// for a hundred thousand files, 65,536 for many millions.
fn spread(folder: &Path, id: &Id, levels: usize) -> PathBuf {
    let mut path = folder.to_owned();
    let mut rest = id.as_str();
    for _ in 0..levels {
        let (two, behind) = rest.split_at(2);
        path.push(two);
        rest = behind;
    }
    path.join(rest)
}

fn make(folder: &Path) -> Result<()> {
    Ok(fs::create_dir_all(folder).map_err(|e| host::Error::file("make the folder", folder, e))?)
}

/// Writes a file whole, unless one has the name already.
fn put_as(path: &Path, bytes: &[u8]) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    make(parent)?;
    let failed = |e: io::Error| host::Error::file("write", path, e);
    let mut aside = tempfile::Builder::new()
        .prefix(ASIDE)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(parent)
        .map_err(failed)?;
    aside.write_all(bytes).map_err(failed)?;
    // A machine that loses its power must not leave an empty file under a name.
    aside.as_file().sync_data().map_err(failed)?;
    match aside.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(failed(e.error).into()),
    }
}

/// Links or copies a file, unless one has the name already; whether it was new.
fn copy(from: &Path, to: &Path) -> Result<bool> {
    if let Some(parent) = to.parent() {
        make(parent)?;
    }
    Ok(link_or_copy(from, to)?.is_some())
}

/// The bytes of what was new.
fn link_or_copy(from: &Path, to: &Path) -> Result<Option<u64>> {
    let failed = |e: io::Error| host::Error::file("write", to, e);
    let length = || fs::metadata(from).map(|m| m.len());
    match fs::hard_link(from, to) {
        Ok(()) => return Ok(Some(length().map_err(failed)?)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(_) => {}
    }
    // Another file system, or one without links.
    if to.exists() {
        return Ok(None);
    }
    let parent = to.parent().unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new().prefix(ASIDE).tempfile_in(parent);
    let mut aside = aside.map_err(failed)?;
    let mut source = File::open(from).map_err(|e| host::Error::file("read", from, e))?;
    let bytes = io::copy(&mut source, &mut aside).map_err(failed)?;
    aside.persist(to).map_err(|e| failed(e.error))?;
    Ok(Some(bytes))
}

/// All files below a folder, without those that are being written.
fn walk(folder: &Path, each: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    let failed = |e: io::Error| host::Error::file("read", folder, e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(ASIDE.as_bytes())
        {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), each)?;
        } else {
            each(&entry.path())?;
        }
    }
    Ok(())
}

/// Reads a file of the store.
///
/// # Errors
/// When it can't be read, or is not what it should be.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| host::Error::file("read", path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::Damaged {
        path: path.to_owned(),
        problem: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::fixture;
    use std::collections::BTreeSet;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("opens");
        (dir, store)
    }

    fn files(store: &Store) -> BTreeSet<(PathBuf, Vec<u8>)> {
        let mut all = BTreeSet::new();
        for folder in CONTENT {
            walk(&store.root.join(folder), &mut |file| {
                let inside = file.strip_prefix(&store.root).expect("is inside");
                all.insert((inside.to_owned(), fs::read(file).expect("is read")));
                Ok(())
            })
            .expect("walks");
        }
        all
    }

    #[test]
    fn an_object_is_kept_once_and_a_changed_one_is_told() {
        let (_dir, store) = store();
        let id = store.put(b"evidence").expect("is kept");
        assert_eq!(store.put(b"evidence").expect("again"), id);
        assert_eq!(store.get(&id).expect("is there"), b"evidence");
        let path = store.object(&id).expect("is there");
        fs::write(&path, b"evidencf").expect("is changed");
        assert!(matches!(store.get(&id), Err(Error::Damaged { .. })));
        let other = Id::of_bytes(b"other");
        assert!(matches!(store.get(&other), Err(Error::Lacks { .. })));
    }

    #[test]
    fn a_merge_is_a_union_whatever_its_order() {
        let ((_a, a), (_b, b), (_c, c), (_d, d)) = (store(), store(), store(), store());
        for number in 0..40 {
            let result = fixture(number);
            let to = [&a, &b][number % 2];
            to.put_result(&result).expect("is kept");
            if number % 5 == 0 {
                [&b, &a][number % 2]
                    .put_result(&result)
                    .expect("is kept in both");
            }
        }
        // Two machines made the same trial; both results are kept.
        let twice = TrialResult {
            seconds: 9.5,
            ..fixture(3)
        };
        b.put_result(&twice).expect("is kept");
        for (store, order) in [(&c, [&a, &b]), (&d, [&b, &a])] {
            for from in order {
                store.merge(from).expect("merges");
            }
        }
        assert_eq!(files(&c), files(&d));
        assert_eq!(files(&c), files(&a).union(&files(&b)).cloned().collect());
        let again = c.merge(&a).expect("merges again");
        assert_eq!((again.added, again.known), (0, files(&a).len() as u64));
        let trial = fixture(3).trial;
        let chosen = c.result(&trial).expect("is read").expect("is there");
        assert_eq!(d.result(&trial).expect("is read"), Some(chosen));
    }

    #[test]
    fn what_is_being_written_is_nothing_yet() {
        let (_dir, store) = store();
        let path = store.put_result(&fixture(1)).expect("is kept");
        let aside = path.parent().expect("a folder").join(".tuxling-abc");
        fs::write(aside, b"{").expect("writes");
        let mut count = 0;
        store
            .each_result(&mut |_| {
                count += 1;
                Ok(())
            })
            .expect("walks");
        assert_eq!(count, 1);
        assert!(store.result(&fixture(1).trial).expect("is read").is_some());
    }

    #[test]
    fn a_folder_that_is_none_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let error = Store::of(dir.path()).expect_err("is none").to_string();
        assert!(
            error.ends_with("is no store: it has no folder `results`"),
            "{error}"
        );
    }
}
