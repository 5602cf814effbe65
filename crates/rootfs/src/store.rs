//! Where the files of an image are: in a folder, or in one archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::Source;
use crate::compressed::decompressed;
use crate::error::Error;

/// A description of an image is smaller, in bytes.
const LARGEST_DESCRIPTION: u64 = 4 << 20;

/// The files of an image, by their names inside of it.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    path: &'a Path,
    /// Which image is meant.
    pub(crate) tag: Option<&'a str>,
    /// The names of an archive's members; none for a folder.
    members: Option<BTreeSet<String>>,
}

impl<'a> Store<'a> {
    pub(crate) fn open(source: &'a Source) -> Result<Store<'a>, Error> {
        match source {
            Source::Layout { path, tag } => Ok(Store {
                path,
                tag: tag.as_deref(),
                members: None,
            }),
            Source::Archive { path, tag } => {
                let mut store = Store {
                    path,
                    tag: tag.as_deref(),
                    members: None,
                };
                let mut members = BTreeSet::new();
                store.each(|name, _| {
                    members.insert(name.to_owned());
                    Ok(false)
                })?;
                if members.is_empty() {
                    return Err(Error::Empty {
                        archive: store.name(),
                    });
                }
                store.members = Some(members);
                Ok(store)
            }
        }
    }

    /// How errors call it.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether it is a folder: then it is an OCI layout, and nothing else.
    pub(crate) fn is_folder(&self) -> bool {
        self.members.is_none()
    }

    /// Whether a file is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.members {
            Some(members) => members.contains(name),
            None => self.file(name).is_some_and(|path| path.is_file()),
        }
    }

    /// A small file.
    pub(crate) fn text(&self, name: &str) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        self.open_file(name, |from| {
            let read = from.take(LARGEST_DESCRIPTION).read_to_end(&mut text);
            read.map(|_| ()).map_err(|e| self.unreadable(e))
        })?;
        Ok(text)
    }

    /// Hands a file over to be read.
    pub(crate) fn open_file(
        &self,
        name: &str,
        read: impl FnOnce(&mut dyn Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.members.is_none() {
            let path = self.file(name).filter(|path| path.is_file());
            let path = path.ok_or_else(|| self.missing(name))?;
            let file = File::open(&path).map_err(|source| Error::Read { path, source })?;
            return read(&mut BufReader::new(file));
        }
        let mut read = Some(read);
        self.each(|member, content| match read.take_if(|_| member == name) {
            Some(read) => read(content).map(|()| true),
            None => Ok(false),
        })?;
        match read {
            Some(_) => Err(self.missing(name)),
            None => Ok(()),
        }
    }

    /// Hands the whole archive over, decompressed.
    pub(crate) fn whole(
        &self,
        read: impl FnOnce(&mut dyn Read, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut from = self.archive()?;
        read(&mut from, &self.name())
    }

    fn archive(&self) -> Result<Box<dyn Read>, Error> {
        let file = File::open(self.path).map_err(|e| self.unreadable(e))?;
        decompressed(file).map_err(|e| self.unreadable(e))
    }

    /// Goes through an archive's members until told that it is enough.
    fn each(
        &self,
        mut see: impl FnMut(&str, &mut dyn Read) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut after = "none".to_owned();
        let damaged = |after: &str, source| Error::Damaged {
            archive: self.name(),
            after: after.to_owned(),
            source,
        };
        let mut archive = tar::Archive::new(self.archive()?);
        for entry in archive.entries().map_err(|e| damaged(&after, e))? {
            let mut entry = entry.map_err(|e| damaged(&after, e))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            after = name.strip_prefix("./").unwrap_or(&name).to_owned();
            if see(&after, &mut entry)? {
                break;
            }
        }
        Ok(())
    }

    /// A file of the folder; none for a name that would lead out of it.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let plain = !name.split('/').any(|part| matches!(part, "" | "." | ".."));
        plain.then(|| self.path.join(name))
    }

    fn missing(&self, name: &str) -> Error {
        Error::Missing {
            image: self.name(),
            blob: name.to_owned(),
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Read {
            path: self.path.to_owned(),
            source,
        }
    }
}
