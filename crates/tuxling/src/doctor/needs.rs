//! The tools that a build and a boot start, and the libraries that they link
//! with.

use builder::kernel::Tools;
use builder::kernel::modules::DEPMOD;
use host::process::Cmd;
use initramfs::Compression;
use recipe::Arch;
use recipe::plan::{ModulesPlan, OriginWish, Plan, SourceWish};
use recipe::toolchain::{Edition, Family, Toolchain};
use vm::machine::qemu;

use super::{Finding, Level, Subject, version};

/// What every kernel's build starts besides the compiler.
const BUILD: &[&str] = &["make", "ar", "flex", "bison", "bc", "perl", "awk", "find"];

/// What is said of a program that isn't there.
pub(super) const NOT_INSTALLED: &str = "is not installed";

/// Every tool and library, found or not.
pub(super) fn tools(subject: &Subject, arch: Arch) -> Vec<Finding> {
    let mut findings = compiler(subject, arch);
    for tool in BUILD {
        findings.push(tool_finding(subject, tool, Level::Lacking));
    }
    for tool in of_recipe(subject.plan) {
        findings.push(tool_finding(subject, tool, Level::Lacking));
    }
    findings.push(tool_finding(subject, "ccache", Level::Hint));
    findings.extend(libraries(subject, arch));
    findings.push(emulator(subject, arch));
    findings
}

/// Whether a program that a build starts, or a boot, is not installed. Nothing is
/// started to find out.
pub(super) fn lacks_program(subject: &Subject, arch: Arch, boots: bool) -> bool {
    let there = |program: &&str| subject.processes.find(program).is_some();
    let wished = wished(subject);
    let facts = arch.facts();
    let mut prefixes = facts.cross_prefixes.iter();
    let compiler = match std::env::var("CROSS_COMPILE") {
        Ok(_) => true, // Tools::find knows
        Err(_) => prefixes.any(|prefix| there(&&*format!("{prefix}gcc"))),
    };
    let of_it = own_programs(&wished, arch);
    let chain = of_it.iter().all(|program| there(&&**program));
    let emulator = !boots || there(&facts.qemu);
    let mut others = BUILD.iter().copied().chain(of_recipe(subject.plan));
    !(compiler && chain && emulator && there(&"gcc") && others.all(|tool| there(&tool)))
}

fn wished(subject: &Subject) -> Toolchain {
    let plan = subject.plan;
    plan.map_or(Toolchain::GCC, |plan| plan.kernel.toolchain.clone())
}

/// What a recipe's tool chain has besides the architecture's plain compiler.
fn own_programs(chain: &Toolchain, arch: Arch) -> Vec<String> {
    let cross = std::env::var("CROSS_COMPILE").ok();
    let cross = arch.facts().tool_prefix(cross.as_deref());
    match (chain.family, &chain.edition) {
        (Family::Llvm, _) => ["clang", "ld.lld", "llvm-ar"]
            .map(|tool| chain.llvm_tool(tool))
            .to_vec(),
        (Family::Gcc, Edition::Version(version)) => vec![format!("{cross}gcc-{version}")],
        (Family::Gcc, Edition::Prefix(prefix)) => vec![format!("{prefix}gcc")],
        (Family::Gcc, Edition::Usual) => Vec::new(),
    }
}

fn tool_finding(subject: &Subject, tool: &str, otherwise: Level) -> Finding {
    let Some(path) = subject.processes.find(tool) else {
        let what = match otherwise {
            Level::Hint => "is not installed: without it, builds take longer",
            _ => NOT_INSTALLED,
        };
        return Finding::new(otherwise, tool, what).install(tool);
    };
    // Not all say a version (BusyBox's own tools don't).
    let found = version(subject.processes, tool).filter(|v| !v.is_empty());
    Finding::new(
        Level::Fine,
        tool,
        found.unwrap_or_else(|| path.display().to_string()),
    )
}

fn compiler(subject: &Subject, arch: Arch) -> Vec<Finding> {
    let wished = wished(subject);
    match Tools::find(&wished, arch, subject.processes) {
        Ok(tools) => {
            let of = |name: &str| tools.versions.0.get(name).cloned().unwrap_or_default();
            let mut findings = vec![Finding::new(Level::Fine, &tools.cc, of("cc"))];
            if tools.user_cc != tools.cc {
                findings.push(Finding::new(Level::Fine, &tools.user_cc, of("user_cc")));
            }
            findings.push(Finding::new(Level::Fine, "ld", of("ld")));
            findings
        }
        Err(_) => missing_compilers(subject, &wished, arch),
    }
}

/// Each program of the tool chain that is not there. Any of an architecture's
/// prefixes would do; the native one is asked for where this machine is of the
/// architecture.
fn missing_compilers(subject: &Subject, wished: &Toolchain, arch: Arch) -> Vec<Finding> {
    let prefix = std::env::var("CROSS_COMPILE").ok();
    let prefix = arch.facts().tool_prefix(prefix.as_deref());
    let mut programs = vec![format!("{prefix}gcc"), format!("{prefix}ld")];
    programs.extend(own_programs(wished, arch));
    let mut findings = Vec::new();
    for program in programs {
        let mut finding = tool_finding(subject, &program, Level::Lacking);
        if let Some(install) = &finding.install {
            // A cross linker comes with the cross compiler.
            let tool = match install.strip_suffix("ld") {
                Some(prefix) if !prefix.is_empty() && !install.contains("lld") => {
                    format!("{prefix}gcc")
                }
                _ => install.clone(),
            };
            finding.install = Some(tool);
        }
        findings.push(finding);
    }
    findings
}

/// What only some recipes need.
fn of_recipe(plan: Option<&Plan>) -> Vec<&'static str> {
    let Some(plan) = plan else {
        return vec!["xz"];
    };
    let mut tools: Vec<&str> = match plan.kernel.compress {
        Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Xz => Some("xz"),
        Compression::Lzma => Some("lzma"),
        Compression::Zstd => Some("zstd"),
        Compression::Lz4 => Some("lz4"),
        // Kbuild compiles what packs.
        Compression::CmFast | Compression::Cm | Compression::CmBest => None,
    }
    .into_iter()
    .collect();
    if !plan.kernel.patches.is_empty() {
        tools.push("patch");
    }
    if plan.kernel.modules != ModulesPlan::None {
        tools.push(DEPMOD);
    }
    if plan.board.flash.is_some() {
        tools.push("dtc");
    }
    if let Some(root) = &plan.root {
        // The checks' own disk is made with them, too.
        tools.extend(disk::tools(root.filesystem));
    }
    if let Some(data) = plan.root.as_ref().and_then(|root| root.data.as_ref()) {
        let further = disk::tools(data.filesystem).iter();
        let further: Vec<&str> = further.copied().filter(|t| !tools.contains(t)).collect();
        tools.extend(further);
    }
    let busybox = plan.userland.busybox.as_ref().map(|b| &b.source);
    let wishes = [
        Some(&plan.kernel.source),
        Some(&plan.userland.libc.source),
        busybox,
    ];
    let origins = wishes.into_iter().flatten().flat_map(|wish| match wish {
        SourceWish::Series(_) => vec![OriginWish::Distribution],
        SourceWish::Path(_) => Vec::new(),
        SourceWish::Listed { origins, .. } => origins.clone(),
    });
    for origin in origins {
        let tool = match origin {
            OriginWish::Distribution => "apt-get",
            OriginWish::Git { .. } => "git",
            _ => continue,
        };
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    tools
}

/// Whether the host's compiler finds headers, and its own library for the
/// architecture.
fn libraries(subject: &Subject, arch: Arch) -> Vec<Finding> {
    let processes = subject.processes;
    let mut findings = Vec::new();
    if processes.find("gcc").is_some() {
        for (what, header, name) in [
            ("C library's headers", "stdio.h", "lib:c"),
            ("kernel's headers", "linux/limits.h", "lib:linux"),
        ] {
            let cmd = Cmd::new("gcc").args(["-fsyntax-only", "-include", header, "-xc"]);
            findings.push(match processes.run(&cmd.arg("/dev/null")) {
                Ok(_) => Finding::new(Level::Fine, what, "are there"),
                Err(_) => {
                    let found = format!("gcc doesn't find <{header}>");
                    Finding::new(Level::Lacking, what, found).install(name)
                }
            });
        }
    }
    let Ok(tools) = Tools::find(&Toolchain::GCC, arch, processes) else {
        return findings;
    };
    // A compiler that knows -m32 may lack the library for it: it then names
    // the bare file instead of its path (GCC manual, -print-libgcc-file-name).
    let flags = arch.facts().user_cflags;
    let cmd = Cmd::new(&tools.user_cc)
        .args(flags)
        .arg("-print-libgcc-file-name");
    let library = processes.run(&cmd).map(|o| o.text()).unwrap_or_default();
    let what = format!("libgcc for {}", arch.facts().name);
    findings.push(if std::path::Path::new(&library).is_file() {
        Finding::new(Level::Fine, what, library)
    } else {
        let found = format!("{} {} has none", tools.user_cc, flags.join(" "));
        Finding::new(Level::Lacking, what, found).install("lib:gcc32")
    });
    findings
}

fn emulator(subject: &Subject, arch: Arch) -> Finding {
    let program = arch.facts().qemu;
    if subject.processes.find(program).is_none() {
        return Finding::new(Level::Lacking, program, NOT_INSTALLED).install(program);
    }
    match qemu::version(subject.processes, arch) {
        Ok(version) => Finding::new(Level::Fine, program, version),
        Err(error) => Finding::new(Level::Lacking, program, format!("doesn't run: {error}")),
    }
}
