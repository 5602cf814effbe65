//! Programs that a recipe has compiled for its system, kept by their source and
//! their compiler.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use recipe::Arch;
use recipe::plan::{FileKind, UserlandPlan};

use super::in_place;
use super::musl::UserCompiler;
use crate::error::Result;

/// A compiled program's file, in its folder of the cache.
const PROGRAM: &str = "program";

/// The programs of a plan by their paths in the system.
pub(crate) type Programs = BTreeMap<String, PathBuf>;

/// Compiles what a plan has to be compiled.
///
/// # Errors
/// When a program doesn't compile.
pub(crate) fn build(
    plan: &UserlandPlan,
    arch: Arch,
    compiler: &UserCompiler,
    session: &Session,
) -> Result<Cached<Programs>> {
    let mut programs = Programs::new();
    let mut cached = true;
    for file in &plan.files {
        if let FileKind::Program { name, source } = &file.kind {
            let built = one(name, source, arch, compiler, session)?;
            cached &= built.cached;
            programs.insert(file.to.clone(), built.value);
        }
    }
    Ok(Cached {
        value: programs,
        cached,
    })
}

/// The command that makes a program of a source.
pub fn command(compiler: &UserCompiler, source: &Path, program: &Path) -> Cmd {
    let mut words = compiler.cc.iter();
    Cmd::new(words.next().map_or("cc", String::as_str))
        .args(words)
        .args(["-std=gnu11", "-Os", "-Wall", "-s", "-static", "-o"])
        .arg(program)
        .arg(source)
}

fn one(
    name: &str,
    source: &str,
    arch: Arch,
    compiler: &UserCompiler,
    session: &Session,
) -> Result<Cached<PathBuf>> {
    let id = Id::of("program/1", &(source, &compiler.id))?;
    let dir = session.cache.folder("programs")?.join(id.short());
    let program = dir.join(PROGRAM);
    if program.exists() && is_sound(&dir, name, session.progress)? {
        return Ok(Cached::hit(program));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    fill_sealed(&dir, |fresh| -> Result<()> {
        // The name that messages of the compiler's have.
        let file = Path::new(name).file_name().unwrap_or(name.as_ref());
        let source_file = fresh.join(file);
        write_whole(&source_file, source.as_bytes())?;
        let made = fresh.join(PROGRAM);
        session
            .processes
            .run(&command(compiler, &source_file, &made))
            .map_err(|e| host::Error::command(Kind::Build, format!("compile {name}"), e))?;
        if arch.facts().musl_target.is_none() {
            let mut bytes = fs::read(&made).map_err(|e| host::Error::file("read", &made, e))?;
            in_place::mark(&mut bytes)?;
            fs::write(&made, bytes).map_err(|e| host::Error::file("write", &made, e))?;
        }
        Ok(())
    })?;
    Ok(Cached::fresh(program))
}
