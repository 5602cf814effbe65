//! Names inside an archive: paths and the targets of symbolic links.

use std::fmt;
use std::str::FromStr;

/// Longest path that the kernel unpacks, without the closing NUL
/// (`PATH_MAX` in `include/uapi/linux/limits.h`; `do_header` in
/// `init/initramfs.c` silently skips what is longer).
pub(crate) const MAX_PATH_BYTES: usize = 4095;

/// Longest name of one file (`NAME_MAX` in `include/uapi/linux/limits.h`).
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// The name that ends an archive; no file can be called so.
pub(crate) const TRAILER: &[u8] = b"TRAILER!!!";

/// The path of an entry: relative to the root of the ramdisk, normalised, in
/// bytes (Linux paths have no encoding).
///
/// Sorted by bytes a directory stands before everything in it, which is what
/// the kernel's unpacker needs: it makes no missing directories.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchivePath(Box<[u8]>);

/// Why a path can't stand in an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is left after normalising: the path is empty or the root.
    #[error("the path \"{path}\" names no file: it is empty or the root itself")]
    Empty {
        /// The path as it was given.
        path: String,
    },
    /// The path has a `..`, which could lead out of the ramdisk.
    #[error("the path \"{path}\" has a \"..\"; write it without")]
    ParentComponent {
        /// The path as it was given.
        path: String,
    },
    /// The path or the link target holds a NUL byte, where the kernel would
    /// end it.
    #[error("\"{path}\" has a NUL byte")]
    Nul {
        /// The path as it was given, the byte escaped.
        path: String,
    },
    /// The kernel skips longer paths without a word.
    #[error("the path \"{path}\" has {bytes} bytes; the kernel takes {MAX_PATH_BYTES}")]
    TooLong {
        /// The path, shortened.
        path: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// One component is longer than a file name can be.
    #[error("the name \"{name}\" has {bytes} bytes; a file name can have {MAX_NAME_BYTES}")]
    NameTooLong {
        /// The component, shortened.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// `TRAILER!!!` ends a cpio archive.
    #[error("no file of the root directory can be called \"TRAILER!!!\": it ends the archive")]
    Reserved,
    /// A symbolic link must point somewhere.
    #[error("a symbolic link has an empty target")]
    EmptyTarget,
}

impl ArchivePath {
    /// Normalises `path`: a leading `/`, repeated `/`, a closing `/` and `.`
    /// components go.
    ///
    /// # Errors
    /// When nothing is left, on `..`, on NUL, and on what the kernel or a
    /// cpio archive can't hold.
    pub fn new(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let given = path.as_ref();
        if given.contains(&0) {
            return Err(PathError::Nul { path: shown(given) });
        }
        let mut clean = Vec::with_capacity(given.len());
        for name in given.split(|&byte| byte == b'/') {
            match name {
                b"" | b"." => continue,
                b".." => return Err(PathError::ParentComponent { path: shown(given) }),
                _ => {}
            }
            if name.len() > MAX_NAME_BYTES {
                return Err(PathError::NameTooLong {
                    name: shown(name),
                    bytes: name.len(),
                });
            }
            if !clean.is_empty() {
                clean.push(b'/');
            }
            clean.extend_from_slice(name);
        }
        if clean.is_empty() {
            return Err(PathError::Empty { path: shown(given) });
        }
        if clean.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong {
                path: shown(given),
                bytes: clean.len(),
            });
        }
        if clean == TRAILER {
            return Err(PathError::Reserved);
        }
        Ok(Self(clean.into()))
    }

    /// The path's bytes, without a leading or closing `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory it stands in; `None` for what stands in the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|&byte| byte == b'/')?;
        Some(Self(self.0[..slash].into()))
    }

    /// Whether `self` stands in `directory`, at any depth.
    pub fn is_below(&self, directory: &Self) -> bool {
        self.0
            .strip_prefix(&*directory.0)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
    }
}

impl FromStr for ArchivePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escaped(&self.0))
    }
}

impl fmt::Debug for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Where a symbolic link points: any bytes that a path can have, kept as they
/// are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkTarget(Box<[u8]>);

impl LinkTarget {
    /// Takes the target as it is; it need not exist.
    ///
    /// # Errors
    /// When it is empty, has a NUL or more than 4095 bytes: `symlink`
    /// fails with those, and the kernel's unpacker doesn't say so.
    pub fn new(target: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let target = target.as_ref();
        if target.is_empty() {
            return Err(PathError::EmptyTarget);
        }
        if target.contains(&0) {
            return Err(PathError::Nul {
                path: shown(target),
            });
        }
        if target.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong {
                path: shown(target),
                bytes: target.len(),
            });
        }
        Ok(Self(target.into()))
    }

    /// The target's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", escaped(&self.0))
    }
}

fn escaped(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}

/// At most 80 characters of a path, for a message.
fn shown(bytes: &[u8]) -> String {
    let text = escaped(bytes);
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ArchivePath {
        ArchivePath::new(text).unwrap()
    }

    #[test]
    fn a_path_is_normalised() {
        for given in ["/bin/sh", "./bin/sh", "bin//sh/", "/./bin/./sh"] {
            assert_eq!(path(given).as_bytes(), b"bin/sh", "{given}");
        }
    }

    #[test]
    fn what_cannot_stand_in_an_archive_is_refused_and_said_why() {
        let why = |bytes: &[u8]| ArchivePath::new(bytes).unwrap_err().to_string();
        assert_eq!(
            why(b""),
            "the path \"\" names no file: it is empty or the root itself"
        );
        assert_eq!(
            why(b"/./"),
            "the path \"/./\" names no file: it is empty or the root itself"
        );
        assert_eq!(
            why(b"a/../b"),
            "the path \"a/../b\" has a \"..\"; write it without"
        );
        assert_eq!(why(b"a\0b"), "\"a\\x00b\" has a NUL byte");
        assert!(why(&[b'x'; 256]).ends_with("has 256 bytes; a file name can have 255"));
        assert!(why(&b"ab/".repeat(2000)).ends_with("has 5999 bytes; the kernel takes 4095"));
        assert!(why(b"/TRAILER!!!").contains("ends the archive"));
        assert!(ArchivePath::new("etc/TRAILER!!!").is_ok());
    }

    #[test]
    fn a_directory_sorts_before_its_content() {
        let mut paths = [
            path("a/b"),
            path("a-b"),
            path("a"),
            path("a.b/c"),
            path("a.b"),
        ];
        paths.sort();
        for (index, directory) in paths.iter().enumerate() {
            assert!(
                !paths[..index]
                    .iter()
                    .any(|earlier| earlier.is_below(directory))
            );
        }
    }

    #[test]
    fn below_means_a_whole_component() {
        assert!(path("a/b/c").is_below(&path("a")));
        assert!(!path("ab").is_below(&path("a")));
        assert!(!path("a").is_below(&path("a")));
        assert_eq!(path("a/b/c").parent(), Some(path("a/b")));
        assert_eq!(path("a").parent(), None);
    }
}
