//! A commit of a git repository, by git(1), as a tree without history.
//!
//! The repositories that were asked are kept in the cache, so that the next
//! commit is a small step. A commit is named by all its digits: git itself
//! verifies that what came is that commit; the tree's digest (SHA-256) goes
//! into the lock file.

use std::fs;
use std::path::{Path, PathBuf};

use host::Id;
use host::cache::fill_folder;
use host::process::{Cmd, ProcessError};

use super::{
    Context, LockEntry, Mode, Provenance, Request, Source, archive, series, source_of, tree, unpack,
};
use crate::error::{Error, Result};

/// A commit somewhere.
struct Repository<'a> {
    name: &'a str,
    url: &'a str,
    commit: &'a str,
    /// The bare repository in the cache.
    here: PathBuf,
    context: &'a Context<'a>,
}

/// The source at a commit.
pub(super) fn obtain(
    request: &Request,
    series: &str,
    url: &str,
    commit: &str,
    context: &Context,
) -> Result<Source> {
    let origin = Provenance::Git {
        url: url.to_owned(),
        commit: commit.to_owned(),
    };
    let locked = request.lock.get(request.package.name());
    let locked = locked.filter(|entry| entry.origin == origin);
    if request.mode == Mode::Locked && locked.is_none() {
        return Err(super::refused(
            request,
            &format!("commit {commit} of {url}"),
        ));
    }
    if let Some(entry) = locked
        && let Some(found) = archive::have(request.package, entry, context)?
    {
        series::is_of_series(request, entry, series)?;
        return source_of(request, entry.clone(), found.tree, found.cached);
    }
    let folder = Id::of_bytes(url.as_bytes());
    let repository = Repository {
        name: request.package.name(),
        url,
        commit,
        here: context.cache.folder("git")?.join(folder.short()),
        context,
    };
    let exported = repository.export()?;
    let entry = LockEntry {
        origin,
        version: tree::version(request.package, &exported)?,
        sha256: tree::digest(&exported, context.cache)?.id,
    };
    if let Some(locked) = locked.filter(|locked| locked.sha256 != entry.sha256) {
        return Err(changed(request, locked, &entry));
    }
    series::is_of_series(request, &entry, series)?;
    let tree = archive::tree_path(request.package.name(), &entry, context.cache)?;
    let cached = tree.is_dir();
    if cached {
        fs::remove_dir_all(&exported).map_err(|e| host::Error::file("remove", &exported, e))?;
    } else {
        fs::rename(&exported, &tree).map_err(|e| host::Error::file("name", &tree, e))?;
    }
    source_of(request, entry, tree, cached)
}

fn changed(request: &Request, locked: &LockEntry, came: &LockEntry) -> Error {
    Error::CommitChanged {
        package: request.package.name(),
        origin: came.origin.to_string(),
        lock: request.lock.name().to_owned(),
        recorded: locked.sha256.clone(),
        came: came.sha256.clone(),
    }
}

impl Repository<'_> {
    /// The commit's files, in a folder of the cache.
    fn export(&self) -> Result<PathBuf> {
        if self.context.processes.find("git").is_none() {
            return Err(host::Error::missing_tool("git", "fetch from a repository").into());
        }
        let _lock = self.context.cache.lock(&self.here, self.context.progress)?;
        if !self.here.join("HEAD").exists() {
            let init = Cmd::new("git").args(["init", "--quiet", "--bare"]);
            self.run(init.arg(&self.here), "make a repository")?;
        }
        if !self.has_commit()? {
            self.fetch()?;
        }
        let sources = self.context.cache.folder("sources")?;
        let tree = sources.join(format!("{}-git-{}", self.name, self.commit));
        let _lock = self.context.cache.lock(&tree, self.context.progress)?;
        if !tree.is_dir() {
            (self.context.progress)(&format!("{}: taking out {}", self.name, self.short()));
            fill_folder(&tree, |aside| self.take_out(aside))?;
        }
        Ok(tree)
    }

    fn short(&self) -> &str {
        &self.commit[..12.min(self.commit.len())]
    }

    /// By way of a tar archive: what a repository holds is someone else's text,
    /// too, and unpacking refuses what leads outside.
    fn take_out(&self, into: &Path) -> Result<()> {
        let archive = tempfile::Builder::new()
            .prefix(".tuxling-")
            .suffix(".tar")
            .tempfile_in(&self.here)
            .map_err(|e| host::Error::file("write in", &self.here, e))?;
        let cmd = self
            .git()
            .args(["archive", "--format=tar", "--prefix=tree/"]);
        let cmd = cmd.arg(format!("--output={}", archive.path().display()));
        self.run(cmd.arg(self.commit), "take out a commit")?;
        let doing = format!("taking out {}", self.name);
        let told = |done, total| (self.context.step)(&archive::unpacked(&doing, done, total));
        unpack::archive(archive.path(), into, &told)
            .map_err(|e| archive::unpack_failed(Path::new(self.url), e))
    }

    fn has_commit(&self) -> Result<bool> {
        let what = format!("{}^{{commit}}", self.commit);
        let cmd = self.git().args(["cat-file", "-e", &what]);
        let output = self.context.processes.run_any_status(&cmd);
        let output = output.map_err(|e| self.failed("look into a repository", e))?;
        Ok(output.status.success())
    }

    /// The commit alone where the server gives single commits, else all that
    /// the repository's branches and tags lead to.
    fn fetch(&self) -> Result<()> {
        (self.context.progress)(&format!(
            "{}: fetching {} from {}",
            self.name,
            self.short(),
            self.url
        ));
        let fetch = || {
            self.git()
                .args(["fetch", "--quiet", "--no-write-fetch-head"])
        };
        let alone = fetch().args(["--depth=1", "--no-tags", "--", self.url, self.commit]);
        let refused = match self.context.processes.run(&alone) {
            Ok(_) if self.has_commit()? => return Ok(()),
            Ok(_) => String::new(),
            Err(ProcessError::Failed { tail, .. }) => tail,
            Err(error) => return Err(self.failed("fetch a commit", error)),
        };
        (self.context.progress)(&format!(
            "{}: the server doesn't give a single commit; fetching all branches and tags",
            self.name
        ));
        let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        let all = fetch().args(["--no-tags", "--", self.url]).args(all);
        if let Err(error) = self.context.processes.run(&all) {
            return Err(Error::of_tool(error, |error| Error::GitFetch {
                package: self.name.to_owned(),
                url: self.url.to_owned(),
                error: error.into(),
            }));
        }
        if self.has_commit()? {
            Ok(())
        } else {
            Err(Error::NoCommit {
                url: self.url.to_owned(),
                commit: self.commit.to_owned(),
                refused,
            })
        }
    }

    /// git on the repository in the cache. Nobody is asked for a password, no
    /// hook runs, no helper of credentials, and a server that says nothing is
    /// given up.
    fn git(&self) -> Cmd {
        Cmd::new("git")
            .arg(format!("--git-dir={}", self.here.display()))
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(["-c", "core.attributesFile=/dev/null"])
            .args(["-c", "credential.helper="])
            .args(["-c", "protocol.ext.allow=never"])
            .args(["-c", "gc.auto=0"])
            .args(["-c", "tar.umask=0022"])
            .args(["-c", "http.lowSpeedLimit=1"])
            .arg("-c")
            .arg(format!(
                "http.lowSpeedTime={}",
                self.context.network.silence.as_secs().max(1)
            ))
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "false")
            .env(
                "GIT_SSH_COMMAND",
                "ssh -o BatchMode=yes -o ConnectTimeout=20",
            )
    }

    fn run(&self, cmd: Cmd, doing: &'static str) -> Result<()> {
        let done = self.context.processes.run(&cmd);
        done.map(drop).map_err(|e| self.failed(doing, e))
    }

    fn failed(&self, doing: &'static str, error: ProcessError) -> Error {
        Error::of_tool(error, |error| Error::Git {
            package: self.name.to_owned(),
            doing,
            url: self.url.to_owned(),
            error: error.into(),
        })
    }
}
