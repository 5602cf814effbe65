//! The kernel's headers for user programs, as the kernel's own build sanitises
//! them (`make headers`); musl has none of its own.

use std::path::{Path, PathBuf};

use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use recipe::Arch;

use crate::error::Result;
use crate::kernel::make;
use crate::kernel::toolchain::Tools;
use crate::source::Source;

/// A folder with `linux/`, `asm/`, …
#[derive(Clone, Debug)]
pub struct Headers {
    /// The folder.
    pub dir: PathBuf,
    /// What the headers depend on.
    pub id: Id,
}

/// Makes the headers, or gives back those that were made from the same.
pub fn build(
    source: &Source,
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<Cached<Headers>> {
    let id = Id::of("headers/1", &(&source.digest, arch))?;
    let kept = session.cache.folder("headers")?.join(id.short());
    let headers = Headers {
        dir: kept.join("usr/include"),
        id,
    };
    let is_kept = || -> Result<bool> {
        Ok(headers.dir.exists() && is_sound(&kept, "kernel's headers", session.progress)?)
    };
    if is_kept()? {
        return Ok(Cached::hit(headers));
    }
    let _lock = session
        .cache
        .lock(&kept, &|text| session.progress.note(text))?;
    if is_kept()? {
        return Ok(Cached::hit(headers));
    }
    fill_sealed(&kept, |fresh| {
        let cmd = command(source, fresh, arch, tools, session.jobs);
        session
            .processes
            .run_logged(&cmd, &fresh.join("tuxling.log"), &|line| {
                session.progress.tool_line(line)
            })
            .map_err(|e| host::Error::command(Kind::Build, "make the kernel's headers", e))
    })?;
    Ok(Cached::fresh(headers))
}

/// The command that makes the headers in an object tree.
pub fn command(source: &Source, objects: &Path, arch: Arch, tools: &Tools, jobs: usize) -> Cmd {
    make::make(source, objects, arch, tools)
        .arg(format!("-j{jobs}"))
        .arg("headers")
}
