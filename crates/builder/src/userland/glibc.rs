//! The GNU C library of this machine's distribution, which BusyBox can be linked
//! with in the place of musl, statically.

use std::fs;
use std::path::PathBuf;

use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::session::Session;
use recipe::Arch;

use super::musl::UserCompiler;
use crate::error::Result;
use crate::kernel::toolchain::Tools;

/// What the compiler is given besides the architecture's own.
const FLAGS: &[&str] = &["-static", "-no-pie", "-fno-pie", "-fno-stack-protector"];

/// The compiler that links with it.
///
/// # Errors
/// When there is no static one for this architecture.
pub(crate) fn compiler(arch: Arch, tools: &Tools, session: &Session) -> Result<UserCompiler> {
    let words = words(arch, tools);
    let cmd = Cmd::new(&words[0])
        .args(&words[1..])
        .arg("-print-file-name=libc.a");
    let output = session
        .processes
        .run(&cmd)
        .map_err(|e| host::Error::command(Kind::Machine, "find the C library", e))?;
    let archive = PathBuf::from(output.text().trim());
    // A name without a folder is one that was not found.
    if !archive.is_absolute() || !archive.is_file() {
        let what = format!("libc.a of glibc for {}", arch.facts().name);
        return Err(host::Error::missing_tool(&what, "link BusyBox").into());
    }
    let content = fs::read(&archive).map_err(|e| host::Error::file("read", &archive, e))?;
    let key = (&words, Id::of_bytes(&content), tools.user_versions());
    Ok(UserCompiler {
        id: Id::of("glibc/1", &key)?,
        cc: words,
        cross: tools.cross.clone(),
    })
}

/// The compiler with the arguments that it needs.
pub fn words(arch: Arch, tools: &Tools) -> Vec<String> {
    let of_arch = arch.facts().user_cflags.iter();
    let flags = of_arch.chain(FLAGS).map(|flag| (*flag).to_owned());
    std::iter::once(tools.user_cc.clone())
        .chain(flags)
        .collect()
}
