//! Where the files that a recipe names are read from: beside the recipe, or
//! out of tuxling itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use initramfs::{Compression, compress};

use super::builtin;
use super::diagnostic::Wrong;

/// A text larger than this is not a recipe, fragment or patch.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Where files are looked for.
#[derive(Clone, Debug)]
pub enum Files {
    /// In this folder. Absolute.
    Folder(PathBuf),
    /// In this folder, and it is noted which.
    Noted(PathBuf, Noted),
    /// Among those that are compiled in.
    BuiltIn,
}

/// The files and folders that a recipe names and that are there.
#[derive(Clone, Debug, Default)]
pub struct Noted(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Noted {
    /// All of them. Absolute.
    pub fn paths(&self) -> BTreeSet<PathBuf> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, path: &Path) {
        if path.exists() {
            let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            paths.insert(path.to_owned());
        }
    }
}

impl Files {
    /// The absolute path of a name; it need not exist.
    pub fn path(&self, name: &str) -> Result<PathBuf, Wrong> {
        match self {
            _ if name.is_empty() => Err(Wrong::new("the path is empty")),
            Files::Folder(folder) => Ok(folder.join(name)),
            Files::Noted(folder, noted) => {
                let path = folder.join(name);
                noted.note(&path);
                Ok(path)
            }
            Files::BuiltIn if Path::new(name).is_absolute() => Ok(PathBuf::from(name)),
            Files::BuiltIn => Err(Wrong::new("a built-in recipe has no folder")),
        }
    }

    /// The path of a file that is there.
    pub fn file(&self, name: &str) -> Result<PathBuf, Wrong> {
        let path = self.path(name)?;
        match path.metadata() {
            Ok(meta) if meta.is_file() => Ok(path),
            Ok(_) => Err(Wrong::new(format!("{} is not a file", path.display()))),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The path of a folder that is there.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Wrong> {
        let path = self.path(name)?;
        match path.metadata() {
            Ok(meta) if meta.is_dir() => Ok(path),
            Ok(_) => Err(Wrong::new(format!("{} is not a folder", path.display()))),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The content of a file.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Wrong> {
        let embedded = match self {
            Files::BuiltIn => Some(name.strip_prefix("builtin:").unwrap_or(name)),
            Files::Folder(_) | Files::Noted(..) => name.strip_prefix("builtin:"),
        };
        if let Some(name) = embedded {
            return match builtin::file(name) {
                Some(text) => Ok(text.as_bytes().to_vec()),
                None => Err(Wrong::new(format!("there is no built-in file `{name}`"))
                    .help(super::words::suggestion(name, &builtin::file_names()))),
            };
        }
        read(&self.file(name)?)
    }

    /// The content of a file that is a text.
    pub fn text(&self, name: &str) -> Result<String, Wrong> {
        utf8(self.bytes(name)?, name)
    }

    /// The content of a `.config` or a fragment: bytes that are no UTF-8 are
    /// kept, as the kernel's tools keep them. One that is compressed, as
    /// /proc/config.gz is, is unpacked.
    pub fn config(&self, name: &str) -> Result<String, Wrong> {
        let bytes = self.bytes(name)?;
        let kind = match compress::detect(&bytes) {
            None | Some(Compression::None | Compression::Lzma) => {
                return Ok(kconfig::bytes::text_of(&bytes));
            }
            Some(kind) => kind,
        };
        let limit = usize::try_from(LARGEST).unwrap_or(usize::MAX);
        let text = compress::decompress(kind, &bytes, limit)
            .map_err(|e| Wrong::new(format!("can't unpack {name}: {e}")))?;
        Ok(kconfig::bytes::text_of(&text))
    }
}

/// Bytes as a text, or where they are none.
pub(crate) fn utf8(bytes: Vec<u8>, name: &str) -> Result<String, Wrong> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..valid].iter().filter(|&&b| b == b'\n').count() + 1;
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let message = format!(
            "{name} is not a text: line {line} has the byte 0x{byte:02X}, which is not UTF-8"
        );
        Wrong::new(message).help("save it as UTF-8")
    })
}

/// The content of a file of reasonable size.
pub fn read(path: &Path) -> Result<Vec<u8>, Wrong> {
    let size = path.metadata().map_err(|e| unreadable(path, &e))?.len();
    if size > LARGEST {
        return Err(Wrong::new(format!("{} is too large", path.display())));
    }
    std::fs::read(path).map_err(|e| unreadable(path, &e))
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Wrong {
    let wrong = Wrong::new(format!("can't read {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            wrong.help("paths are relative to the file that names them")
        }
        std::io::ErrorKind::PermissionDenied => wrong.help("check its owner and permissions"),
        _ => wrong,
    }
}
