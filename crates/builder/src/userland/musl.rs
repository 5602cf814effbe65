//! The C library: musl, built from source into a folder of its own, and the
//! compiler that links against it.
//!
//! GCC is told by a specs file (GCC manual, "Spec Files") where the headers,
//! the start files and the library are. musl's own `musl-gcc` does it alike,
//! but can't have a compiler with arguments and doesn't name the linker's
//! emulation, which `-m32` needs.

use std::path::Path;

use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use recipe::Arch;
use serde::Serialize;

use super::with_scratch;
use crate::error::Result;
use crate::kernel::toolchain::{Tools, Versions};
use crate::source::Source;

/// A compiler for programs of the small system, and what identifies it.
#[derive(Clone, Debug)]
pub struct UserCompiler {
    /// The compiler with the arguments that it always needs.
    pub cc: Vec<String>,
    /// The prefix of binutils.
    pub cross: String,
    /// What programs that it compiles depend on.
    pub id: Id,
}

#[derive(Serialize)]
struct MuslKey<'a> {
    source: &'a Id,
    arch: Arch,
    versions: Versions,
}

/// Builds musl, or gives back the one that was built from the same.
pub fn build(
    source: &Source,
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<Cached<UserCompiler>> {
    let key = MuslKey {
        source: &source.digest,
        arch,
        versions: tools.user_versions(),
    };
    let id = Id::of("musl/1", &key)?;
    let dir = session.cache.folder("musl")?.join(id.short());
    let compiler = UserCompiler {
        cc: compiler_words(&dir, arch, tools),
        cross: tools.cross.clone(),
        id,
    };
    if is_kept(&dir, session)? {
        return Ok(Cached::hit(compiler));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    if is_kept(&dir, session)? {
        return Ok(Cached::hit(compiler));
    }
    fill_sealed(&dir, |fresh| -> Result<()> {
        compile(source, arch, tools, fresh, session)?;
        write_whole(&fresh.join("gcc.specs"), specs(&dir, arch).as_bytes())?;
        Ok(())
    })?;
    Ok(Cached::fresh(compiler))
}

fn is_kept(dir: &Path, session: &Session) -> Result<bool> {
    Ok(dir.join("lib/libc.a").exists() && is_sound(dir, "C library", session.progress)?)
}

/// The compiler with the arguments that it needs for the musl in `dir`.
pub fn compiler_words(dir: &Path, arch: Arch, tools: &Tools) -> Vec<String> {
    let mut words = vec![tools.user_cc.clone()];
    words.extend(arch.facts().user_cflags.iter().map(|f| (*f).to_owned()));
    words.extend([
        "-no-pie".to_owned(),
        "-fno-pie".to_owned(),
        "-fno-stack-protector".to_owned(),
    ]);
    words.push(format!("-specs={}", dir.join("gcc.specs").display()));
    words
}

fn compile(
    source: &Source,
    arch: Arch,
    tools: &Tools,
    prefix: &Path,
    session: &Session,
) -> Result<()> {
    with_scratch(prefix, |objects| {
        let log = prefix.join("build.log");
        for cmd in commands(source, arch, tools, prefix, session.jobs) {
            session
                .processes
                .run_logged(&cmd.dir(objects), &log, &|line| {
                    session.progress.tool_line(line)
                })
                .map_err(|e| host::Error::command(Kind::Build, "build musl", e))?;
        }
        Ok(())
    })
}

/// The commands that build musl and install it into `prefix`, to be run in a
/// folder for its objects.
pub fn commands(
    source: &Source,
    arch: Arch,
    tools: &Tools,
    prefix: &Path,
    jobs: usize,
) -> Vec<Cmd> {
    let facts = arch.facts();
    let cc = std::iter::once(&*tools.user_cc).chain(facts.user_cflags.iter().copied());
    let configure = Cmd::new(source.tree.join("configure"))
        .arg(format!(
            "--target={}",
            facts.musl_target.unwrap_or_default()
        ))
        .arg(format!("--prefix={}", prefix.display()))
        .args(["--disable-shared", "--disable-gcc-wrapper"])
        .env("CC", cc.collect::<Vec<_>>().join(" "))
        .env("AR", format!("{}ar", tools.cross))
        .env("RANLIB", format!("{}ranlib", tools.cross))
        .env(
            "CFLAGS",
            format!("-Os -pipe -ffile-prefix-map={}=musl", source.tree.display()),
        );
    vec![
        configure,
        Cmd::new("make").arg(format!("-j{jobs}")),
        Cmd::new("make").arg("install"),
    ]
}

/// The specs for programs that are linked statically against the musl in `dir`.
fn specs(dir: &Path, arch: Arch) -> String {
    let dir = dir.display();
    let emulation = arch
        .facts()
        .ld_emulation
        .map_or(String::new(), |e| format!("-m {e} "));
    format!(
        "%rename cpp_options tuxling_cpp_options\n\n\
         *cpp_options:\n-nostdinc -isystem {dir}/include -isystem include%s %(tuxling_cpp_options)\n\n\
         *cc1:\n%(cc1_cpu) -nostdinc -isystem {dir}/include -isystem include%s\n\n\
         *link:\n{emulation}-nostdlib -static %{{r}} %{{s}} -z noexecstack\n\n\
         *link_libgcc:\n-L{dir}/lib -L.%s\n\n\
         *libgcc:\nlibgcc.a%s\n\n\
         *startfile:\n{dir}/lib/crt1.o {dir}/lib/crti.o crtbeginT.o%s\n\n\
         *endfile:\ncrtend.o%s {dir}/lib/crtn.o\n"
    )
}
