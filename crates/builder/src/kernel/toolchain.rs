//! The compiler and its helpers on this machine, and what identifies them.

use std::collections::BTreeMap;

use host::error::Kind;
use host::process::{Cmd, Processes};
use recipe::Arch;
use recipe::toolchain::{Edition, Family, Toolchain};
use serde::Serialize;

use crate::error::Result;

/// The tools that build for one architecture.
#[derive(Clone, Debug)]
pub struct Tools {
    /// GNU or LLVM, and which of them.
    pub chain: Toolchain,
    /// Prefix of the compiler and binutils (`CROSS_COMPILE`).
    pub cross: String,
    /// The C compiler of the kernel.
    pub cc: String,
    /// The linker of the kernel.
    pub ld: String,
    /// The C compiler of the user land: GCC, which takes specs files.
    pub user_cc: String,
    /// Whether `ccache` stands before the compiler.
    pub ccache: bool,
    /// Version texts of all tools whose output depends on their version.
    pub versions: Versions,
}

/// Version texts by tool: `cc`, `ld`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Versions(pub BTreeMap<String, String>);

impl Tools {
    /// Finds the tools for this architecture. `CROSS_COMPILE` in the
    /// environment wins over the architecture's own prefixes, and `LLVM=1`
    /// over the recipe's tool chain, as in a build by hand.
    pub fn find(wished: &Toolchain, arch: Arch, processes: &Processes) -> Result<Tools> {
        let set = |key: &str| std::env::var(key).ok().filter(|v| !v.is_empty());
        let by_hand = set("LLVM").and_then(|value| Toolchain::of_llvm_variable(&value));
        let chain = by_hand.unwrap_or_else(|| wished.clone());
        let doing = "build for this board";
        let cross = match (&chain.family, &chain.edition, set("CROSS_COMPILE")) {
            (Family::Gcc, Edition::Prefix(prefix), _) => prefix.clone(),
            (_, _, Some(prefix)) => prefix,
            (_, _, None) => native_or_cross(arch, processes)?,
        };
        let user_cc = format!("{cross}gcc");
        let (cc, ld) = match (chain.family, &chain.edition) {
            (Family::Llvm, _) => (chain.llvm_tool("clang"), chain.llvm_tool("ld.lld")),
            (Family::Gcc, Edition::Version(version)) => {
                (format!("{user_cc}-{version}"), format!("{cross}ld"))
            }
            (Family::Gcc, _) => (user_cc.clone(), format!("{cross}ld")),
        };
        let mut versions = BTreeMap::new();
        let all = [("cc", &cc), ("ld", &ld), ("user_cc", &user_cc)];
        // One compiler for both is asked and told once.
        let all = all
            .iter()
            .filter(|(name, _)| *name != "user_cc" || user_cc != cc);
        for &(name, program) in all {
            if processes.find(program).is_none() {
                return Err(host::Error::missing_tool(program, doing).into());
            }
            let output = processes
                .run(&Cmd::new(program).arg("--version"))
                .map_err(|e| host::Error::command(Kind::Machine, doing, e))?;
            let text = output.text();
            versions.insert(
                name.to_owned(),
                text.lines().next().unwrap_or_default().to_owned(),
            );
        }
        // The kernel's build compiles programs of its own (Makefile, HOSTCC).
        let host_cc = match chain.family {
            Family::Llvm => cc.clone(),
            Family::Gcc => "gcc".to_owned(),
        };
        if processes.find(&host_cc).is_none() {
            return Err(host::Error::missing_tool(&host_cc, doing).into());
        }
        let ccache = processes.find("ccache").is_some();
        Ok(Tools {
            chain,
            cross,
            cc,
            ld,
            user_cc,
            ccache,
            versions: Versions(versions),
        })
    }

    /// Version texts of what the user land is made by, whatever the kernel is.
    pub fn user_versions(&self) -> Versions {
        let of = |name: &str| self.versions.0.get(name).cloned();
        let linker = of("ld").filter(|_| self.chain.family == Family::Gcc);
        let both = [("cc", of("user_cc").or_else(|| of("cc"))), ("ld", linker)];
        let known = both
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text?)));
        Versions(known.collect())
    }

    /// What makes archives of objects.
    pub fn ar(&self) -> String {
        match self.chain.family {
            Family::Llvm => self.chain.llvm_tool("llvm-ar"),
            Family::Gcc => format!("{}ar", self.cross),
        }
    }

    /// What copies parts of ELF files.
    pub fn objcopy(&self) -> String {
        match self.chain.family {
            Family::Llvm => self.chain.llvm_tool("llvm-objcopy"),
            Family::Gcc => format!("{}objcopy", self.cross),
        }
    }

    /// The compiler as `make CC=…` takes it.
    pub fn make_cc(&self) -> String {
        if self.ccache {
            format!("ccache {}", self.cc)
        } else {
            self.cc.clone()
        }
    }
}

/// The empty prefix when this machine's own compiler can build for `arch`,
/// else the first of the architecture's prefixes that is installed.
fn native_or_cross(arch: Arch, processes: &Processes) -> Result<String> {
    let facts = arch.facts();
    let found = facts.cross_prefixes.iter().find(|prefix| {
        processes.find(format!("{prefix}gcc")).is_some()
            && (!prefix.is_empty() || facts.native_hosts.contains(&std::env::consts::ARCH))
    });
    match found {
        Some(prefix) => Ok((*prefix).to_owned()),
        None => {
            let last = facts.cross_prefixes.last().copied().unwrap_or_default();
            Err(host::Error::missing_tool(&format!("{last}gcc"), "build for this board").into())
        }
    }
}
