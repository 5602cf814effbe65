//! From a tree to an image in one go: one thread reads the files and writes
//! the archive while another compresses it.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::compress::{self, Compression, Encoder, Settings};
use super::cpio::{self, CpioOptions, Summary, WriteError};
use super::tree::Tree;

/// How much of the archive is handed over at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// How many chunks may wait for the compressor.
const WAITING_CHUNKS: usize = 16;

/// What became of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The archive before compression.
    pub archive: Summary,
    /// Bytes of the image.
    pub image_bytes: u64,
}

/// Why a tree can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The archive can't be made.
    #[error("can't make the ramdisk's archive")]
    Archive(#[from] WriteError),
    /// The image can't be compressed or written.
    #[error("can't write the ramdisk")]
    Image(#[source] io::Error),
}

/// Writes `tree` as a compressed archive to `output`, without holding either
/// in memory (but for xz with a BCJ filter, where both results must be
/// compared).
///
/// # Errors
/// When a file can't be read, or `output` fails.
pub fn pack(
    tree: &Tree,
    kind: Compression,
    settings: &Settings,
    options: &CpioOptions,
    output: impl Write,
) -> Result<Packed, PackError> {
    let mut output = Counted { output, bytes: 0 };
    let archive = if kind == Compression::Xz && settings.bcj.is_some() {
        let mut archive = Vec::new();
        let summary = cpio::write(tree, options, &mut archive)?;
        let image = compress::compress(kind, &archive, settings).map_err(PackError::Image)?;
        output.write_all(&image).map_err(PackError::Image)?;
        summary
    } else {
        stream(tree, kind, settings, options, &mut output)?
    };
    output.flush().map_err(PackError::Image)?;
    Ok(Packed {
        archive,
        image_bytes: output.bytes,
    })
}

fn stream(
    tree: &Tree,
    kind: Compression,
    settings: &Settings,
    options: &CpioOptions,
    output: &mut impl Write,
) -> Result<Summary, PackError> {
    let bytes = cpio::archive_bytes(tree)?;
    let encoder = Encoder::new(kind, output, bytes, settings).map_err(PackError::Image)?;
    let (sender, chunks) = sync_channel(WAITING_CHUNKS);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut sink = ChunkSink {
                sender,
                chunk: Vec::with_capacity(CHUNK_BYTES),
            };
            let summary = cpio::write(tree, options, &mut sink)?;
            sink.flush().map_err(WriteError::Output)?;
            Ok(summary)
        });
        let packed = drain(encoder, chunks);
        let written = match writer.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        match (packed, written) {
            // The writer only sees that nobody takes its chunks any more.
            (Err(error), Ok(_) | Err(WriteError::Output(_))) => Err(PackError::Image(error)),
            (_, Err(error)) => Err(PackError::Archive(error)),
            (Ok(()), Ok(summary)) => Ok(summary),
        }
    })
}

/// Compresses all chunks; `chunks` is dropped when the output fails, which
/// ends the thread that makes them.
fn drain<W: Write>(mut encoder: Encoder<W>, chunks: Receiver<Vec<u8>>) -> io::Result<()> {
    for chunk in chunks {
        encoder.write_all(&chunk)?;
    }
    encoder.finish().map(drop)
}

struct ChunkSink {
    sender: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
}

impl Write for ChunkSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        self.sender
            .send(full)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

struct Counted<W> {
    output: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ArchivePath, Content, Entry, EntryKind, image};
    use super::*;

    const SETTINGS: Settings = Settings {
        machine_ram: 32 << 20,
        bcj: None,
    };

    fn tree() -> Tree {
        let mut tree = Tree::new();
        for number in 0..150u32 {
            let path = ArchivePath::new(format!("d{}/f{number}", number % 7)).unwrap();
            let bytes: Vec<u8> = (0..number * 40)
                .map(|at| ((at * number) >> 5) as u8)
                .collect();
            tree.insert(Entry::file(path, bytes)).unwrap();
        }
        tree
    }

    #[test]
    fn streaming_gives_the_same_image_as_the_two_steps() {
        let tree = tree();
        let options = CpioOptions { mtime: 1 };
        let mut archive = Vec::new();
        let summary = cpio::write(&tree, &options, &mut archive).unwrap();
        let entries: Vec<_> = tree.entries().cloned().collect();
        for kind in Compression::ALL {
            for bcj in [None, Some(compress::Bcj::X86)] {
                let settings = Settings { bcj, ..SETTINGS };
                let mut image = Vec::new();
                let packed = pack(&tree, kind, &settings, &options, &mut image).unwrap();
                assert!(image == compress::compress(kind, &archive, &settings).unwrap());
                assert_eq!(packed.archive, summary);
                assert_eq!(packed.image_bytes, image.len() as u64);
                assert_eq!(
                    image::unpack(&image, archive.len()).unwrap(),
                    entries,
                    "{kind:?}"
                );
            }
        }
    }

    #[test]
    fn images_can_be_appended_to_each_other() {
        let mut tree = Tree::new();
        let path = ArchivePath::new("etc/motd").unwrap();
        tree.insert(Entry::file(path, *b"tiny")).unwrap();
        let images = Compression::ALL.map(|kind| {
            let mut image = Vec::new();
            pack(&tree, kind, &SETTINGS, &CpioOptions::default(), &mut image).unwrap();
            image
        });
        for first in &images {
            for next in &images {
                let mut image = first.clone();
                image::append(&mut image, next);
                let entries = image::unpack(&image, 1 << 24).unwrap();
                assert_eq!(
                    entries.len(),
                    4,
                    "{:x?} then {:x?}",
                    &first[..2],
                    &next[..2]
                );
            }
        }
    }

    /// An output that takes `left` bytes, as a full disk does.
    struct Full {
        left: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.left);
            self.left -= count;
            if count == 0 {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(count)
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_and_a_missing_file_are_told_apart_and_end_it() {
        let options = CpioOptions::default();
        let mut tree = tree();
        let large = ArchivePath::new("zzz").unwrap();
        tree.insert(Entry::file(large.clone(), vec![7; 20 << 20]))
            .unwrap();
        for left in [0, 100, 5000] {
            let error = pack(&tree, Compression::None, &SETTINGS, &options, Full { left });
            let Err(PackError::Image(source)) = error else {
                panic!("{error:?}")
            };
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        }
        let missing = EntryKind::File(Content::Path("/nowhere/at/all".into()));
        tree.insert(Entry::new(large, missing)).unwrap();
        let error = pack(&tree, Compression::Xz, &SETTINGS, &options, io::sink()).unwrap_err();
        let PackError::Archive(source) = error else {
            panic!("{error}")
        };
        assert_eq!(
            source.to_string(),
            "can't read /nowhere/at/all for the ramdisk's zzz"
        );
    }
}
