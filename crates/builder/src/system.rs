//! From a plan to a built system: sources, configuration, user land, ramdisk,
//! kernel. Each step is given what the steps before it made.

use std::path::PathBuf;

use host::id::Id;
use host::session::{Cached, Session, Step};
use initramfs::{Compression, Tree};
use recipe::package::Package;
use recipe::plan::{
    BaseConfig, KernelPlan, Libc, ModulesPlan, PatchFile, Placement, Plan, RootPlan, SourceWish,
};
use record::{ImageSizes, Inputs, RamdiskSizes, VmlinuxSizes};

use super::sizes;
use crate::error::{Error, Result};
use crate::flash;
use crate::kernel::build::{BuildInput, BuiltinRamdisk, Kernel};
use crate::kernel::modules::Modules;
use crate::kernel::{self, Resolved, Tools};
use crate::outputs::{Disks, OutputFiles, read};
use crate::source::{self, LockFile, Source};
use crate::userland::busybox::{self, Busybox, BusyboxInput};
use crate::userland::musl::{self, UserCompiler};
use crate::userland::ramdisk::Ramdisk;
use crate::userland::{glibc, headers, in_place, packed, tree};

/// How a build is asked for.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Requests that the configuration drops are told, not refused.
    pub allow_dropped: bool,
    /// How far the lock file is followed.
    pub sources: source::Mode,
    /// Where outputs go; `build/NAME` beside the recipe when `None`.
    pub output: Option<PathBuf>,
}

/// A built system.
#[derive(Clone, Debug)]
pub struct System {
    /// The kernel.
    pub kernel: Kernel,
    /// The ramdisk, also when it is linked into the kernel.
    pub ramdisk: Ramdisk,
    /// The compiler of its user land: the checks' agent is compiled with it.
    pub compiler: UserCompiler,
    /// The folder of its outputs.
    pub output: PathBuf,
    /// Sizes of what a boot loader loads.
    pub image: ImageSizes,
    /// Sizes inside the kernel.
    pub vmlinux: VmlinuxSizes,
    /// What the ramdisk holds.
    pub contents: RamdiskSizes,
    /// What went in.
    pub inputs: Inputs,
    /// The bytes that came out.
    pub image_id: Id,
}

/// All sources of a plan.
#[derive(Debug)]
struct Sources {
    linux: Source,
    /// The package of the distribution's configuration, where that is the base.
    config: Option<Source>,
    /// Where the architecture has a C library.
    musl: Option<Source>,
    busybox: Option<Source>,
}

impl Sources {
    fn all(&self) -> impl Iterator<Item = &Source> {
        let others = self.config.iter().chain(&self.musl).chain(&self.busybox);
        std::iter::once(&self.linux).chain(others)
    }
}

/// Where the outputs of a plan go.
pub fn output_folder(plan: &Plan, options: &BuildOptions) -> PathBuf {
    options
        .output
        .clone()
        .unwrap_or_else(|| plan.base.join("build").join(&plan.name))
}

/// All that a kernel is built from, and the user land beside it.
#[derive(Debug)]
pub struct Ingredients {
    sources: Sources,
    tools: Tools,
    config: Resolved,
    compiler: UserCompiler,
    busybox: Option<Busybox>,
    /// Where it stands in the ramdisk.
    busybox_place: String,
    /// What the ramdisk holds.
    tree: Tree,
    ramdisk: Ramdisk,
    /// The ramdisk's name and bytes, when it is linked into the kernel.
    builtin: Option<(String, Vec<u8>)>,
    /// The image of the second disk.
    data: Option<PathBuf>,
}

impl Ingredients {
    /// What the kernel of this plan is built from.
    pub fn kernel_input<'a>(&'a self, plan: &'a Plan) -> BuildInput<'a> {
        let builtin = self.builtin.as_ref();
        BuildInput {
            source: &self.sources.linux,
            config: &self.config,
            arch: plan.board.arch,
            tools: &self.tools,
            cflags: &plan.kernel.cflags,
            ramdisk: builtin.map(|(name, bytes)| BuiltinRamdisk { name, bytes }),
            device_tree: plan.board.device_tree.as_deref(),
        }
    }

    /// The kernel's resolved configuration.
    pub fn config(&self) -> &Resolved {
        &self.config
    }

    /// The kernel's sources, patches applied.
    pub fn linux(&self) -> &Source {
        &self.sources.linux
    }

    /// The BusyBox of the ramdisk.
    pub fn busybox(&self) -> Option<&Busybox> {
        self.busybox.as_ref()
    }

    /// Where BusyBox stands in the ramdisk, if there is one.
    pub fn busybox_place(&self) -> &str {
        &self.busybox_place
    }

    /// What the ramdisk holds.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The packed ramdisk.
    pub fn ramdisk(&self) -> &Ramdisk {
        &self.ramdisk
    }

    /// The system with this kernel: measured, and put where the user finds it.
    pub fn finish(
        &self,
        plan: &Plan,
        options: &BuildOptions,
        kernel: Kernel,
        session: &Session,
    ) -> Result<System> {
        let flash = match &plan.board.flash {
            None => None,
            Some(flash) => {
                let in_flash = plan.ramdisk.placement == Placement::Flash;
                let files = in_flash.then_some(&self.ramdisk);
                Some(session.phase("flash image", || {
                    flash::build(plan, flash, (&kernel, files), &self.tools, session)
                })?)
            }
        };
        let disks = Disks {
            root: plan.root.as_ref().map(|_| self.ramdisk.image.clone()),
            data: self.data.clone(),
        };
        let files = OutputFiles::read(plan, &kernel, &self.ramdisk, flash.as_ref(), disks)?;
        self.measured(plan, options, kernel, &files)
    }

    /// Measures, and puts the outputs where the user finds them.
    fn measured(
        &self,
        plan: &Plan,
        options: &BuildOptions,
        kernel: Kernel,
        files: &OutputFiles,
    ) -> Result<System> {
        let summary = &self.ramdisk.summary;
        let output = output_folder(plan, options);
        let system = System {
            image: sizes::image_sizes(
                &files.kernel,
                files.device_tree.as_deref(),
                files.ramdisk.as_deref(),
                files.flash.as_deref(),
                plan.root.as_ref().map(|_| summary.image_bytes),
            ),
            vmlinux: sizes::vmlinux_sizes(&files.vmlinux)?,
            contents: RamdiskSizes {
                archive_bytes: summary.archive_bytes,
                compression: match &plan.root {
                    Some(root) => root_name(root),
                    None => compression_name(plan.ramdisk.compress),
                },
                files: summary.files.clone(),
            },
            inputs: inputs(plan, &self.sources, &self.tools, &self.config),
            image_id: files.image_id()?,
            ramdisk: self.ramdisk.clone(),
            compiler: self.compiler.clone(),
            output,
            kernel,
        };
        files.place(plan, &system.output)?;
        Ok(system)
    }
}

/// Builds the system of a plan, with the kernel that is compiled for it;
/// whatever was built from the same is taken as it is.
pub fn build(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<System> {
    let ingredients = prepare(plan, options, session)?;
    let kernel = session.phase("kernel", || {
        kernel::build(&ingredients.kernel_input(plan), session)
    })?;
    ingredients.finish(plan, options, kernel, session)
}

/// Builds all of a plan but its kernel.
pub fn prepare(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<Ingredients> {
    let arch = plan.board.arch;
    let tools = Tools::find(&plan.kernel.toolchain, arch, &session.processes)?;
    let sources = session.phase("sources", || obtain(plan, options, session))?;
    let config = session.phase("configuration", || {
        kernel::resolve(&plan.kernel, &sources.linux, arch, &tools, session)
    })?;
    config.remarks.tell(&plan.kernel, session);
    refuse_dropped(&config, options, session)?;
    refuse_broken(&config, plan)?;
    let compiler = match &sources.musl {
        Some(musl) => session.phase("C library", || musl::build(musl, arch, &tools, session))?,
        None => session.phase("headers", || in_place::compiler(arch, &tools, session))?,
    };
    let busybox = match (&plan.userland.busybox, &sources.busybox) {
        (Some(wanted), Some(source)) => {
            let headers = session.phase("kernel headers", || {
                headers::build(&sources.linux, arch, &tools, session)
            })?;
            let other = match plan.userland.libc.library {
                Libc::Musl => None,
                Libc::Glibc => Some(glibc::compiler(arch, &tools, session)?),
            };
            let input = BusyboxInput {
                source,
                plan: wanted,
                headers: &headers,
                compiler: other.as_ref().unwrap_or(&compiler),
                arch,
                tools: &tools,
            };
            Some(session.phase("BusyBox", || busybox::build(&input, session))?)
        }
        _ => None,
    };
    let modules = built_modules(plan, (&sources.linux, &config, &tools), session)?;
    let made = packed::Made {
        busybox: busybox.as_ref(),
        modules: modules.as_ref(),
    };
    let (tree, ramdisk) = packed::pack(plan, made, &compiler, session)?;
    let data = packed::data_disk(plan, session)?;
    let builtin = match plan.ramdisk.placement {
        Placement::Separate | Placement::Flash | Placement::Disk => None,
        Placement::Builtin => Some((plan.ramdisk.builtin_name(), read(&ramdisk.image)?)),
    };
    Ok(Ingredients {
        sources,
        tools,
        config,
        compiler,
        busybox,
        busybox_place: tree::busybox_place(&tree),
        tree,
        ramdisk,
        builtin,
        data,
    })
}

/// The modules that the user land gets. They are made from what their kernel is
/// made from, and with it.
fn built_modules(
    plan: &Plan,
    (linux, config, tools): (&Source, &Resolved, &Tools),
    session: &Session,
) -> Result<Option<Modules>> {
    if plan.kernel.modules == ModulesPlan::None {
        return Ok(None);
    }
    let input = BuildInput {
        source: linux,
        config,
        arch: plan.board.arch,
        tools,
        cflags: &plan.kernel.cflags,
        ramdisk: None,
        device_tree: plan.board.device_tree.as_deref(),
    };
    session.phase("kernel", || kernel::build(&input, session))?;
    let built = session.phase("modules", || {
        kernel::modules::build(&input, &plan.kernel, session)
    })?;
    Ok(Some(built))
}

fn obtain(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<Cached<Sources>> {
    let (name, path, lock) = lock_file(plan)?;
    let one = |package, wish, patches| {
        obtain_one(package, wish, patches, (&lock, options.sources), session)
    };
    let linux = one(Package::Linux, &plan.kernel.source, &plan.kernel.patches)?;
    let (linux, config) = with_configuration(linux, plan, (&lock, options.sources), session)?;
    let musl = match plan.board.arch.facts().musl_target {
        Some(_) => Some(one(Package::Musl, &plan.userland.libc.source, &[])?),
        None => None,
    };
    let busybox = match &plan.userland.busybox {
        Some(wanted) => Some(one(Package::BusyBox, &wanted.source, &[])?),
        None => None,
    };
    let sources = Sources {
        linux,
        config,
        musl,
        busybox,
    };
    if options.sources != source::Mode::Locked {
        LockFile::of(&name, sources.all()).save(&path)?;
    }
    let cached = sources.all().all(|source| source.cached);
    Ok(Cached {
        value: sources,
        cached,
    })
}

/// Fetches all sources of a plan and writes the lock file.
pub fn fetch(plan: &Plan, mode: source::Mode, session: &Session) -> Result<Vec<Source>> {
    let options = BuildOptions {
        allow_dropped: false,
        sources: mode,
        output: None,
    };
    let sources = session.phase("sources", || obtain(plan, &options, session))?;
    Ok(sources.all().cloned().collect())
}

/// The kernel's source alone, as a build would take it. The lock file is
/// followed, not written: it names all sources of a system together.
pub fn obtain_linux(plan: &Plan, mode: source::Mode, session: &Session) -> Result<Source> {
    let (_, _, lock) = lock_file(plan)?;
    let KernelPlan {
        source, patches, ..
    } = &plan.kernel;
    let linux = obtain_one(Package::Linux, source, patches, (&lock, mode), session)?;
    Ok(with_configuration(linux, plan, (&lock, mode), session)?.0)
}

/// The kernel's source with the distribution's configuration, and the package of
/// this, where the recipe begins with it.
fn with_configuration(
    mut linux: Source,
    plan: &Plan,
    followed: (&LockFile, source::Mode),
    session: &Session,
) -> Result<(Source, Option<Source>)> {
    let arch = plan.board.arch.facts();
    let (BaseConfig::Distribution { flavour }, Some(kernel)) =
        (&plan.kernel.base, arch.distribution)
    else {
        return Ok((linux, None));
    };
    let wanted = (kernel.architecture, flavour.as_str());
    let (package, base) = in_context(session, |context| {
        source::configuration(&linux, wanted, followed, context)
    })?;
    linux.distribution = Some(base);
    Ok((linux, Some(package)))
}

/// The name, the path and the content of a plan's lock file.
fn lock_file(plan: &Plan) -> Result<(String, PathBuf, LockFile)> {
    let name = format!("{}.lock", plan.name);
    let path = plan.base.join(&name);
    let lock = if path.exists() {
        LockFile::read(&path)?
    } else {
        LockFile::empty(&name)
    };
    Ok((name, path, lock))
}

fn obtain_one(
    package: Package,
    wish: &SourceWish,
    patches: &[PatchFile],
    (lock, mode): (&LockFile, source::Mode),
    session: &Session,
) -> Result<Source> {
    let request = source::Request {
        package,
        wish,
        patches,
        lock,
        mode,
    };
    in_context(session, |context| source::obtain(&request, context))
}

/// What obtains something, with what it takes.
fn in_context<T>(
    session: &Session,
    obtained: impl FnOnce(&source::Context<'_>) -> Result<T>,
) -> Result<T> {
    let note = |text: &str| session.progress.note(text);
    let step = |step: &Step<'_>| session.progress.step(step);
    obtained(&source::Context {
        cache: &session.cache,
        processes: &session.processes,
        progress: &note,
        step: &step,
        debian: &source::DebianSources::System,
        network: &source::Network::of_user(),
    })
}

fn refuse_dropped(config: &Resolved, options: &BuildOptions, session: &Session) -> Result<()> {
    if config.dropped.is_empty() {
        return Ok(());
    }
    let dropped: Vec<String> = config.dropped.iter().map(|d| d.to_string()).collect();
    if options.allow_dropped {
        session.progress.note(&format!(
            "the configuration drops what was asked for:\n{}",
            dropped.join("\n")
        ));
        return Ok(());
    }
    Err(Error::Dropped { dropped })
}

/// The contract is held whatever else is allowed.
fn refuse_broken(config: &Resolved, plan: &Plan) -> Result<()> {
    if config.broken.is_empty() {
        return Ok(());
    }
    Err(Error::Contract {
        broken: config.broken.clone(),
        terms: plan.kernel.contract.len(),
    })
}

fn inputs(plan: &Plan, sources: &Sources, tools: &Tools, config: &Resolved) -> Inputs {
    Inputs {
        sources: sources
            .all()
            .map(|s| (s.name.clone(), s.record()))
            .collect(),
        patches: plan
            .kernel
            .patches
            .iter()
            .map(|p| (p.name.clone(), Id::of_bytes(&p.content)))
            .collect(),
        toolchain: tools.versions.0.clone(),
        config: Some(config.id()),
        lost: config.remarks.lost.clone(),
        modular: config.remarks.modular.clone(),
        tuxling: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What a record calls the packing of a root file system.
fn root_name(root: &RootPlan) -> String {
    match root.compress {
        Compression::None => root.filesystem.name().to_owned(),
        other => format!("{}, {}", root.filesystem.name(), compression_name(other)),
    }
}

fn compression_name(compression: Compression) -> String {
    serde_json::to_value(compression)
        .ok()
        .and_then(|v| Some(v.as_str()?.to_owned()))
        .unwrap_or_default()
}
