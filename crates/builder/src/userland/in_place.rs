//! Programs of architectures without a C library: they are executed where they
//! are stored, have one segment that nobody writes to, and call the kernel by a
//! header of ours.
//!
//! The kernel maps such a program from a file system that can be mapped, without
//! a copy, when its ELF header says that it is FDPIC and its one segment is not
//! writable (fs/binfmt_elf_fdpic.c, elf_fdpic_map_file_by_direct_mmap()).

use std::fs;
use std::path::Path;

use host::cache::write_whole;
use host::id::Id;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use recipe::Arch;

use super::musl::UserCompiler;
use crate::error::{Error, Result};
use crate::kernel::toolchain::Tools;

/// The system calls, `<tuxling/calls.h>`.
const CALLS: &str = include_str!("../../in-place/calls.h");

/// How such a program is linked.
const SCRIPT: &str = include_str!("../../in-place/in-place.ld");

/// Where the header is below the folder of headers.
const CALLS_PATH: &str = "include/tuxling/calls.h";

/// Where the linker's script is.
const SCRIPT_PATH: &str = "in-place.ld";

/// The stack of a program: one page.
const STACK_BYTES: u32 = 4096;

/// `EI_OSABI` of FDPIC programs (arch/arm/include/asm/elf.h, `ELFOSABI_ARM_FDPIC`).
const FDPIC: u8 = 65;

/// `PT_GNU_STACK` (include/uapi/linux/elf.h).
const GNU_STACK: u32 = 0x6474_e551;

/// What makes such a program of one source. No function of a C library may be
/// called without being named: the last but one is for that.
const FLAGS: &[&str] = &[
    "-ffreestanding",
    "-fPIE",
    "-nostdlib",
    "-static",
    "-fno-stack-protector",
    "-fomit-frame-pointer",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-fno-tree-loop-distribute-patterns",
    "-Wl,--build-id=none,-z,norelro,-z,max-page-size=4",
];

/// The compiler of such programs; its header and script are put into the cache.
///
/// # Errors
/// When they can't be written.
pub(crate) fn compiler(
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<Cached<UserCompiler>> {
    let id = Id::of("in-place/1", &(CALLS, SCRIPT, FLAGS, arch, &tools.versions))?;
    let dir = session.cache.folder("in-place")?.join(id.short());
    let compiler = UserCompiler {
        cc: words(&dir, arch, tools),
        cross: tools.cross.clone(),
        id,
    };
    if dir.join(SCRIPT_PATH).exists() && is_sound(&dir, "headers", session.progress)? {
        return Ok(Cached::hit(compiler));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    fill_sealed(&dir, |fresh| -> Result<()> {
        let header = fresh.join(CALLS_PATH);
        let folder = header.parent().unwrap_or(fresh);
        fs::create_dir_all(folder).map_err(|e| host::Error::file("make the folder", folder, e))?;
        write_whole(&header, CALLS.as_bytes())?;
        Ok(write_whole(&fresh.join(SCRIPT_PATH), SCRIPT.as_bytes())?)
    })?;
    Ok(Cached::fresh(compiler))
}

/// The compiler with the arguments that it needs, its header and script in `dir`.
pub fn words(dir: &Path, arch: Arch, tools: &Tools) -> Vec<String> {
    let flags = arch.facts().user_cflags.iter().chain(FLAGS);
    let mut words = vec![tools.user_cc.clone()];
    words.extend(flags.map(|flag| (*flag).to_owned()));
    words.push(format!("-I{}", dir.join("include").display()));
    words.push(format!("-Wl,-T,{}", dir.join(SCRIPT_PATH).display()));
    words
}

/// Marks a linked program as one that is executed in place, and says how large
/// its stack is: the linker leaves both out.
///
/// # Errors
/// When the bytes are no 32-bit little-endian ELF file with a `PT_GNU_STACK`.
pub(crate) fn mark(program: &mut [u8]) -> Result<()> {
    let marked = program.starts_with(b"\x7fELF\x01\x01") && set_stack(program).is_some();
    let os_abi = program.get_mut(7).filter(|_| marked);
    *os_abi.ok_or(Error::NotInPlace)? = FDPIC;
    Ok(())
}

/// Finds the program header of the stack and sets its size (`p_memsz`).
fn set_stack(program: &mut [u8]) -> Option<()> {
    let half = |at: usize| {
        Some(u16::from_le_bytes(
            program.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let word = |at: usize| {
        Some(u32::from_le_bytes(
            program.get(at..at + 4)?.try_into().ok()?,
        ))
    };
    let (headers, size, number) = (word(28)? as usize, half(42)?, half(44)?);
    let mut places = (0..usize::from(number)).map(|n| headers + n * usize::from(size));
    let stack = places.find(|at| word(*at) == Some(GNU_STACK))?;
    let field = program.get_mut(stack + 20..stack + 24)?;
    field.copy_from_slice(&STACK_BYTES.to_le_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_program_is_refused_and_what_is_one_is_marked() {
        for bytes in [&b""[..], b"\x7fELF", &[0; 64]] {
            assert!(mark(&mut bytes.to_vec()).is_err());
        }
        let mut program = vec![0u8; 52 + 32];
        program[..6].copy_from_slice(b"\x7fELF\x01\x01");
        program[28] = 52;
        program[42] = 32;
        program[44] = 1;
        assert!(mark(&mut program).is_err(), "it says nothing of its stack");
        program[52..56].copy_from_slice(&GNU_STACK.to_le_bytes());
        mark(&mut program).expect("an ELF file");
        assert_eq!((program[7], &program[72..76]), (65, &[0, 16, 0, 0][..]));
    }
}
