//! Archives of objects: what a linker is given in one file.
//!
//! Kbuild makes thin ones, which hold names of files only (the manual page of
//! ar(1), "thin").

use object::read::archive::ArchiveFile;

/// One member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name; in a thin archive a path relative to the archive's folder.
    pub name: String,
    /// Its content; `None` in a thin archive.
    pub bytes: Option<&'a [u8]>,
}

/// Why a file can't be read as an archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable archive: {0}")]
pub struct ArchiveError(String);

/// The members of an archive, in its order.
pub fn members(file: &[u8]) -> Result<Vec<Member<'_>>, ArchiveError> {
    let wrong = |error: object::Error| ArchiveError(error.to_string());
    let archive = ArchiveFile::parse(file).map_err(wrong)?;
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(wrong)?;
        let bytes = if archive.is_thin() {
            None
        } else {
            Some(member.data(file).map_err(wrong)?)
        };
        members.push(Member {
            name: String::from_utf8_lossy(member.name()).into_owned(),
            bytes,
        });
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THIN: &[u8] = b"!<thin>\n//                                              22        `\nkernel/fork.o/\na.o/\n\x0a\x0a/0              0           0     0     644     100       `\n/15             0           0     0     644     7         `\n";

    #[test]
    fn a_thin_archive_names_files() {
        let members = members(THIN).expect("an archive");
        let names: Vec<_> = members.iter().map(|m| (m.name.as_str(), m.bytes)).collect();
        assert_eq!(names, [("kernel/fork.o", None), ("a.o", None)]);
    }

    #[test]
    fn an_object_is_no_archive() {
        assert!(members(b"\x7fELF").is_err());
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(at in 0..THIN.len(), byte in any::<u8>(), cut in 0..THIN.len()) {
            let mut file = THIN.to_vec();
            file[at] = byte;
            let _ = members(&file);
            file.truncate(cut);
            let _ = members(&file);
        }
    }
}
