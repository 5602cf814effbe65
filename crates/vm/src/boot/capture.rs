//! The wire's capture on disk: QEMU writes it without a limit, so what has been
//! read and lies beyond one is given back to the disk while the boot goes on.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// So much of a capture is kept.
pub(super) const KEPT: u64 = 16 << 20;

/// So much is given back at a time.
const STEP: u64 = 4 << 20;

/// A capture that is kept small.
#[derive(Debug)]
pub(super) struct Capture {
    freed: u64,
    /// Whether the file system can't free parts of a file.
    stubborn: bool,
}

impl Default for Capture {
    fn default() -> Self {
        Capture {
            freed: KEPT,
            stubborn: false,
        }
    }
}

impl Capture {
    /// Frees what was read and is beyond the limit. Holes are punched
    /// (fallocate(2)): QEMU goes on writing at its own place.
    pub(super) fn free(&mut self, path: &Path, read: u64) {
        if self.stubborn || read < self.freed + STEP {
            return;
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let punched = File::options()
            .write(true)
            .open(path)
            .and_then(|file| Ok(fallocate(&file, flags, self.freed, read - self.freed)?));
        match punched {
            Ok(()) => self.freed = read,
            Err(_) => self.stubborn = true,
        }
    }

    /// How many bytes stand on the disk without having been wanted.
    pub(super) fn excess(&self, read: u64) -> u64 {
        if self.stubborn {
            read.saturating_sub(KEPT)
        } else {
            0
        }
    }
}

/// Cuts the file behind its last whole packet within the limit.
///
/// # Errors
/// When the file can't be written.
pub(super) fn cut(path: &Path, at: u64) -> io::Result<()> {
    File::options().write(true).open(path)?.set_len(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_beyond_the_limit_takes_no_room() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a folder");
        let path = dir.path().join("wire.pcap");
        let mut file = File::create(&path).expect("a file");
        let mut capture = Capture::default();
        let piece = vec![1; STEP as usize];
        for at in 1..=8 {
            file.write_all(&piece).expect("written");
            capture.free(&path, at * STEP);
        }
        let meta = file.metadata().expect("is there");
        assert_eq!(meta.len(), 8 * STEP);
        assert!(meta.blocks() * 512 < KEPT + 2 * STEP, "{}", meta.blocks());
        cut(&path, 1000).expect("cut");
        assert_eq!(file.metadata().expect("is there").len(), 1000);
    }
}
