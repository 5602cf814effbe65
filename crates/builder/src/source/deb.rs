//! The files in a Debian package: `ar` around a compressed tar (deb(5)).

use std::io::{self, Read};

use rootfs::compressed::decompressed;

/// Goes through a package's files until `look` has found something in one: it gets
/// the path and the content, whatever its own compression.
///
/// # Errors
/// When the package can't be read, and what `look` says.
pub(super) fn find<T>(
    package: impl Read,
    mut look: impl FnMut(&str, &mut dyn Read) -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    let mut package = ar::Archive::new(package);
    while let Some(member) = package.next_entry() {
        let member = member?;
        if !member.header().identifier().starts_with(b"data.tar") {
            continue;
        }
        let mut data = tar::Archive::new(decompressed(member)?);
        for entry in data.entries()? {
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = path.strip_prefix("./").unwrap_or(&path);
            if let Some(found) = look(path, &mut entry)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}
