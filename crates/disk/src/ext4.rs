//! ext4: mke2fs(8) fills it, debugfs(8) sets what it can't be told, e2fsck(8) looks
//! at the result.

use std::fs::{self, File};

use host::process::{Cmd, ProcessError};
use initramfs::{EntryKind, Tree};

use crate::error::Error;
use crate::work::Work;

/// Below this size blocks are of 1 KiB, as mke2fs has it below 512 MiB; above
/// they are a page, with which less has to be looked up.
const SMALL: u64 = 64 << 20;

/// Its inodes.
const INODE: u64 = 256;

/// The inodes that ext4 keeps for itself.
const OWN_INODES: u64 = 12;

/// Room in a system that is written to where nothing else is said.
const ROOM: u64 = 16 << 20;

/// A journal has 1,024 blocks at least.
const JOURNAL_BLOCKS: u64 = 1024;

pub(crate) fn make(work: &Work<'_>) -> Result<(), Error> {
    let needs = Needs::of(work.tree)?;
    let bytes = work
        .wanted
        .bytes
        .unwrap_or_else(|| needs.bytes(work.wanted.writable));
    let file = File::create(work.image).map_err(|e| host::Error::file("write", work.image, e))?;
    file.set_len(bytes)
        .map_err(|e| host::Error::file("write", work.image, e))?;
    fill(work, bytes, &needs)?;
    settle(work)?;
    // Nothing is to be mended in what was just made.
    work.run_as_is(&Cmd::new("e2fsck").args(["-f", "-n"]).arg(work.image))
}

fn fill(work: &Work<'_>, bytes: u64, needs: &Needs) -> Result<(), Error> {
    let writable = work.wanted.writable;
    let uuid = work.uuid();
    let extended =
        format!("hash_seed={uuid},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0");
    let features = if writable {
        "^resize_inode"
    } else {
        "^resize_inode,^has_journal"
    };
    let mut cmd = work
        .tool("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-m", "0"])
        .args(["-b", &block(bytes).to_string()])
        .args(["-I", &INODE.to_string(), "-U", &uuid])
        .args(["-E", &extended, "-O", features]);
    if !writable {
        cmd = cmd.args(["-N", &(needs.entries + OWN_INODES + 4).to_string()]);
    }
    let cmd = cmd.arg("-d").arg(work.folder()).arg(work.image);
    // The defaults that are compiled into it, not those of this machine.
    let faked = work
        .faked(&cmd)
        .env("MKE2FS_CONFIG", "/nonexistent")
        .env("E2FSPROGS_FAKE_TIME", "1");
    match work.processes.run(&faked) {
        Ok(_) => Ok(()),
        Err(ProcessError::Failed { tail, .. })
            if tail.contains("Could not allocate") || tail.contains("No space left") =>
        {
            Err(Error::Full { bytes })
        }
        Err(error) => Err(work.failed(error)),
    }
}

/// The times that mke2fs took from the folder, and extended attributes.
fn settle(work: &Work<'_>) -> Result<(), Error> {
    let mut commands = times("");
    for (number, entry) in work.tree.entries().enumerate() {
        let path = entry.path.to_string();
        if path.contains(['\n', '"']) || std::str::from_utf8(entry.path.as_bytes()).is_err() {
            return Err(Error::Name { path });
        }
        commands.push_str(&times(&path));
        for (at, (name, value)) in entry.attributes.iter().enumerate() {
            let file = work.scratch.join(format!("attribute-{number}-{at}"));
            fs::write(&file, value).map_err(|e| host::Error::file("write", &file, e))?;
            let file = file.display();
            commands.push_str(&format!("ea_set -f \"{file}\" \"/{path}\" {name}\n"));
        }
    }
    let list = work.scratch.join("settle");
    fs::write(&list, commands).map_err(|e| host::Error::file("write", &list, e))?;
    let cmd = Cmd::new("debugfs")
        .args(["-w", "-f"])
        .arg(&list)
        .arg(work.image)
        .env("E2FSPROGS_FAKE_TIME", "1");
    let output = work.processes.run(&cmd).map_err(|e| work.failed(e))?;
    // It ends well whatever happened; the first line is its version.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<&str> = said.lines().skip(1).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Error::Discontent {
        tool: "debugfs",
        said: complaints.join("\n"),
    })
}

fn times(path: &str) -> String {
    ["atime", "ctime", "mtime"]
        .map(|time| format!("sif \"/{path}\" {time} @0\n"))
        .concat()
}

fn block(bytes: u64) -> u64 {
    if bytes < SMALL { 1024 } else { 4096 }
}

/// What a tree needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needs {
    entries: u64,
    /// Of all files, rounded up to blocks of 4 KiB.
    content: u64,
    /// Of what stands in directories, and links that are too long for an inode.
    others: u64,
}

impl Needs {
    fn of(tree: &Tree) -> Result<Needs, Error> {
        let mut needs = Needs {
            entries: 0,
            content: 0,
            others: 0,
        };
        for entry in tree.entries() {
            needs.entries += 1;
            needs.others += entry.path.as_bytes().len() as u64 + 16;
            match &entry.kind {
                EntryKind::File(content) => {
                    let bytes = content.bytes().map_err(|error| Error::Entry {
                        path: format!("/{}", entry.path),
                        error,
                    })?;
                    needs.content += bytes.next_multiple_of(4096);
                }
                EntryKind::Directory => needs.others += 4096,
                EntryKind::Symlink(to) if to.as_bytes().len() >= 60 => needs.others += 4096,
                _ => {}
            }
            if !entry.attributes.is_empty() {
                needs.others += 4096;
            }
        }
        Ok(needs)
    }

    /// A size in which all has room, in whole MiB.
    fn bytes(&self, writable: bool) -> u64 {
        let files = self.content + self.others + (self.entries + OWN_INODES + 4) * INODE;
        let mut bytes = files + files / 32 + (256 << 10);
        if writable {
            // A journal, inodes for files to come, and room for them.
            bytes += JOURNAL_BLOCKS * 4096 + ROOM + files / 4;
        }
        bytes.next_multiple_of(1 << 20)
    }
}
