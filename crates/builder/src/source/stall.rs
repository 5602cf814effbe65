//! Whether a tool that fetches still gets on: by the bytes that come into its
//! folders, and by the room that there is for them. apt waits for ever where
//! the disk is full (its methods try the write again), and says that it is the
//! network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host::error::is_of_full_disk;
use host::process::ProcessError;

/// How often the folders are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Longer than apt waits for a server, all its attempts together, and than it
/// reads an index for.
const SILENCE: Duration = Duration::from_secs(180);

/// The same where there is no room left.
const SILENCE_WITHOUT_ROOM: Duration = Duration::from_secs(10);

/// A disk with less room than this is full.
const NO_ROOM: u64 = 256 << 10;

/// Looks at a tool's folders.
pub(super) struct Stall {
    folders: Vec<PathBuf>,
    room: fn(&Path) -> Option<u64>,
    limits: (Duration, Duration),
    /// When it was looked last, and what was there.
    looked: Option<(Instant, u64)>,
    /// When something came last.
    came: Instant,
}

/// What was seen.
pub(super) struct Look {
    /// The bytes in the folders, where they were counted just now.
    pub bytes: Option<u64>,
    /// Whether more comes, or may.
    pub gets_on: bool,
}

/// Why a watched tool did not do what it should.
#[derive(Debug)]
pub(super) enum StallError {
    /// A disk is full.
    Full(host::Error),
    /// Anything else.
    Tool(ProcessError),
}

impl Stall {
    /// Of a tool that writes to these folders.
    pub(super) fn new(folders: Vec<PathBuf>) -> Self {
        Stall {
            folders,
            room,
            limits: (SILENCE, SILENCE_WITHOUT_ROOM),
            looked: None,
            came: Instant::now(),
        }
    }

    /// Looks, unless that was just done.
    pub(super) fn look(&mut self) -> Look {
        let now = Instant::now();
        let before = self.looked.map(|(_, bytes)| bytes);
        if self
            .looked
            .is_some_and(|(at, _)| now.duration_since(at) < LOOK)
        {
            return Look {
                bytes: None,
                gets_on: true,
            };
        }
        let bytes = self.folders.iter().map(|folder| bytes_below(folder)).sum();
        self.looked = Some((now, bytes));
        if before != Some(bytes) {
            self.came = now;
        }
        let silence = now.duration_since(self.came);
        let (limit, limit_without_room) = self.limits;
        let full = || silence >= limit_without_room && self.full().is_some();
        Look {
            bytes: Some(bytes),
            gets_on: silence < limit && !full(),
        }
    }

    /// What a tool's failure comes from: where a disk is full, from that.
    pub(super) fn explain(&self, error: ProcessError) -> StallError {
        let full = match &error {
            ProcessError::Failed { tail, .. } | ProcessError::Stalled { tail, .. } => {
                let said = is_of_full_disk(tail).then(|| self.folders.first().cloned());
                self.full().or(said.flatten())
            }
            _ => None,
        };
        match full {
            Some(path) => {
                let error = rustix::io::Errno::NOSPC.into();
                StallError::Full(host::Error::file("write to", &path, error))
            }
            None => StallError::Tool(error),
        }
    }

    /// The first of its folders, or the one for temporary files, on whose disk
    /// there is no room.
    fn full(&self) -> Option<PathBuf> {
        let mut all = self.folders.iter().cloned().chain([std::env::temp_dir()]);
        all.find(|folder| (self.room)(folder).is_some_and(|free| free < NO_ROOM))
    }
}

/// How many bytes can still be written where this folder is.
fn room(folder: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// The size of all files below a folder. What goes while it is looked at counts
/// nothing.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes_below(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalled(tail: &str) -> ProcessError {
        ProcessError::Stalled {
            line: "apt-get update".to_owned(),
            tail: tail.to_owned(),
        }
    }

    fn until_it_stands(stall: &mut Stall) {
        let seen = std::iter::repeat_with(|| {
            std::thread::sleep(LOOK);
            stall.look().gets_on
        });
        assert!(seen.take(100).any(|gets_on| !gets_on), "it is never ended");
    }

    #[test]
    fn a_tool_to_which_nothing_comes_is_ended() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut stall = Stall::new(vec![dir.path().to_owned()]);
        stall.room = |_| Some(1 << 30);
        assert!(stall.look().gets_on);
        stall.limits = (LOOK * 2, Duration::MAX);
        until_it_stands(&mut stall);
        let error = stall.explain(stalled("0% [Working]"));
        assert!(matches!(error, StallError::Tool(_)), "{error:?}");
    }

    #[test]
    fn a_full_disk_ends_it_earlier_and_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut stall = Stall::new(vec![dir.path().to_owned()]);
        stall.room = |_| Some(0);
        stall.limits = (Duration::MAX, LOOK * 2);
        until_it_stands(&mut stall);
        let StallError::Full(error) = stall.explain(stalled("0% [Working]")) else {
            panic!("the disk is full");
        };
        let text = error.to_string();
        assert!(text.contains(&dir.path().display().to_string()), "{text}");
        assert!(text.contains("No space left on device"), "{text}");
        assert_eq!(error.kind(), host::error::Kind::Machine);
    }

    #[test]
    fn what_comes_counts_below_folders_too() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("partial")).expect("makes");
        fs::write(dir.path().join("partial/index"), [0; 7]).expect("writes");
        fs::write(dir.path().join("lock"), [0; 2]).expect("writes");
        assert_eq!(bytes_below(dir.path()), 9);
    }
}
