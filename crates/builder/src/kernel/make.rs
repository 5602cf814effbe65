//! The kernel's `make`: what every call of it says, and where `conf` is kept.

use std::path::{Path, PathBuf};

use host::process::Cmd;
use host::session::Session;
use recipe::Arch;
use recipe::toolchain::Family;

use super::toolchain::Tools;
use crate::error::Result;
use crate::source::Source;

/// Arguments that every `make` in the kernel's tree needs.
pub fn make(source: &Source, objects: &Path, arch: Arch, tools: &Tools) -> Cmd {
    let cmd = Cmd::new("make")
        .arg("-C")
        .arg(&source.tree)
        .arg(format!("O={}", objects.display()))
        .arg(format!("ARCH={}", arch.facts().kernel_arch))
        .arg(format!("CC={}", tools.make_cc()))
        .env("KBUILD_BUILD_TIMESTAMP", "1970-01-01 00:00:00 UTC")
        .env("KBUILD_BUILD_USER", "tuxling")
        .env("KBUILD_BUILD_HOST", "tuxling")
        .env("KBUILD_BUILD_VERSION", "1");
    match tools.chain.family {
        Family::Llvm => cmd.arg(format!("LLVM={}", tools.chain.llvm_variable())),
        Family::Gcc => cmd.arg(format!("CROSS_COMPILE={}", tools.cross)),
    }
}

/// The object tree that keeps the built `conf`.
pub(super) fn kconfig_tree(source: &Source, arch: Arch, session: &Session) -> Result<PathBuf> {
    let folder = format!("kconfig-{}-{}", source.digest.short(), arch.facts().name);
    Ok(session.cache.folder("objects")?.join(folder))
}
