//! C libraries of this machine's distribution that BusyBox can be linked with in
//! the place of musl, statically.

use std::fs;
use std::path::{Path, PathBuf};

use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::session::Session;
use recipe::Arch;
use recipe::plan::Libc;

use super::musl::UserCompiler;
use crate::error::Result;
use crate::kernel::toolchain::Tools;

/// The compiler that links with a library, or `None` for musl.
///
/// # Errors
/// When the library isn't installed for this architecture.
pub fn compiler(
    library: Libc,
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<Option<UserCompiler>> {
    let Some(words) = words(library, arch, tools) else {
        return Ok(None);
    };
    let program = &words[0];
    if session.processes.find(program).is_none() {
        return Err(host::Error::missing_tool(program, "link BusyBox").into());
    }
    let archive = match library {
        Libc::Glibc => printed(&gcc(arch, tools), session)?,
        _ => in_folders(library, arch),
    };
    let Some(archive) = archive.filter(|path| path.is_file()) else {
        let what = format!("libc.a of {} for {}", word(library), arch.facts().name);
        return Err(host::Error::missing_tool(&what, "link BusyBox").into());
    };
    let content = fs::read(&archive).map_err(|e| host::Error::file("read", &archive, e))?;
    let key = (
        word(library),
        arch,
        &words,
        Id::of_bytes(&content),
        tools.user_versions(),
    );
    Ok(Some(UserCompiler {
        id: Id::of("system-libc/1", &key)?,
        cc: words,
        cross: tools.cross.clone(),
    }))
}

/// The compiler with the arguments that it needs for a library; `None` for musl.
pub fn words(library: Libc, arch: Arch, tools: &Tools) -> Option<Vec<String>> {
    let mut words = match library {
        Libc::Musl => return None,
        Libc::Glibc => gcc(arch, tools),
        Libc::Dietlibc => {
            let diet = ["diet", "-Os"].map(str::to_owned);
            diet.into_iter().chain(gcc(arch, tools)).collect()
        }
        Libc::Klibc => vec!["klcc".to_owned()],
    };
    words.extend(FLAGS.iter().map(|flag| (*flag).to_owned()));
    Some(words)
}

/// What all of them are given.
const FLAGS: &[&str] = &["-static", "-no-pie", "-fno-pie", "-fno-stack-protector"];

fn gcc(arch: Arch, tools: &Tools) -> Vec<String> {
    let flags = arch.facts().user_cflags.iter().map(|f| (*f).to_owned());
    std::iter::once(tools.user_cc.clone())
        .chain(flags)
        .collect()
}

fn word(library: Libc) -> &'static str {
    match library {
        Libc::Musl => "musl",
        Libc::Glibc => "glibc",
        Libc::Dietlibc => "dietlibc",
        Libc::Klibc => "klibc",
    }
}

/// Where the compiler would take the archive from.
fn printed(gcc: &[String], session: &Session) -> Result<Option<PathBuf>> {
    let Some((program, arguments)) = gcc.split_first() else {
        return Ok(None);
    };
    let cmd = Cmd::new(program)
        .args(arguments)
        .arg("-print-file-name=libc.a");
    let output = session
        .processes
        .run(&cmd)
        .map_err(|e| host::Error::command(Kind::Machine, "find the C library", e))?;
    let path = PathBuf::from(output.text().trim());
    // A name without a folder is one that was not found.
    Ok(path.is_absolute().then_some(path))
}

/// Where Debian's packages dietlibc-dev and libklibc-dev have the archive: of the
/// machine's own architecture alone.
fn in_folders(library: Libc, arch: Arch) -> Option<PathBuf> {
    let facts = arch.facts();
    let name = facts.source_arch;
    let places = match library {
        Libc::Dietlibc => {
            let (folder, cpu) = match facts.name {
                "x86_64" => ("x86_64-linux-gnu", "x86_64"),
                "i386" => ("i386-linux-gnu", "i386"),
                _ => ("", name),
            };
            vec![format!("/usr/lib/{folder}/diet/lib-{cpu}/libc.a")]
        }
        _ if facts.native_hosts.contains(&std::env::consts::ARCH) && facts.name != "i386" => {
            vec!["/usr/lib/klibc/lib/libc.a".to_owned()]
        }
        _ => Vec::new(),
    };
    places
        .into_iter()
        .map(PathBuf::from)
        .find(|path: &PathBuf| Path::is_file(path))
}
