//! The commands of a build, phase by phase in the order of
//! `builder::system::prepare`.

use std::path::{Path, PathBuf};

use builder::kernel::{self, Tools, kconfig, make, modules};
use builder::source::{self, LockEntry, LockFile, Mode, Provenance, Source};
use builder::system::output_folder;
use builder::userland::musl::UserCompiler;
use builder::userland::{busybox, glibc, headers, in_place, musl, program};
use host::Id;
use recipe::package::Package;
use recipe::plan::{BaseConfig, FileKind, Libc, ModulesPlan, OriginWish, SourceWish};

use super::{Ahead, List};
use crate::failure::Result;

/// The kernel's object tree.
pub(super) const OBJECTS: &str = "<objects>";

impl List<'_> {
    /// Sources, configuration, user land, kernel.
    pub(in crate::cli) fn build(&mut self) -> Result<()> {
        self.whole_build().map(drop)
    }

    /// The same, for what comes behind it.
    pub(super) fn whole_build(&mut self) -> Result<Ahead> {
        let certified = self.plan.prune.certificate.is_some();
        let mut cflags = self.plan.kernel.cflags.clone();
        if certified {
            cflags = ::prune::subject::sectioned(self.plan).kernel.cflags;
        }
        let built = self.prepare()?;
        self.phase("kernel");
        self.kernel(&built, &cflags)?;
        if certified {
            self.phase("pruned kernel");
            self.relink(&built, &cflags)?;
            self.note("the image must have the bytes that the certificate names");
        }
        if let Some(flash) = &self.plan.board.flash {
            self.phase("flash image");
            self.note(format!(
                "{} is compiled by dtc, {} by {}; all parts are put together by tuxling itself",
                flash.device_tree.name, flash.start.name, built.tools.user_cc
            ));
        }
        self.phase("outputs");
        let folder = output_folder(self.plan, &self.request.options);
        self.note(format!("copied to {}", folder.display()));
        Ok(built)
    }

    /// Everything but the kernel.
    pub(super) fn prepare(&mut self) -> Result<Ahead> {
        let tools = self.tools()?;
        self.phase("sources");
        let linux = self.source(Package::Linux, &self.plan.kernel.source)?;
        let patches = self.plan.kernel.patches.len();
        if patches > 0 {
            self.note(format!(
                "{patches} patches are applied to a copy of linux, by patch"
            ));
        }
        self.distribution_config(&linux)?;
        let musl = match self.plan.board.arch.facts().musl_target {
            Some(_) => Some(self.source(Package::Musl, &self.plan.userland.libc.source)?),
            None => None,
        };
        let busybox = match &self.plan.userland.busybox {
            Some(wanted) => Some(self.source(Package::BusyBox, &wanted.source)?),
            None => None,
        };
        if self.request.options.sources != Mode::Locked {
            let lock = self.lock_path();
            self.note(format!("{} is written", lock.display()));
        }
        self.configuration(&linux, &tools)?;
        let compiler = match musl {
            Some(musl) => self.c_library(&musl, &tools)?,
            None => self.headers(&tools),
        };
        if let Some(busybox) = busybox {
            self.busybox(&busybox, &linux, &compiler, &tools)?;
        }
        self.modules(&linux, &tools)?;
        self.programs(&compiler)?;
        if builder::userland::start::is_ours(self.plan)? {
            self.phase("init");
            let program = Path::new("<start>/start");
            self.start(&builder::userland::start::command(&compiler, program))?;
        }
        match &self.plan.root {
            None => {
                self.phase("ramdisk");
                self.note("packed by tuxling itself");
            }
            Some(root) => {
                self.phase("root file system");
                self.note(match &root.image {
                    Some(image) => format!("{} is taken as it is", image.path.display()),
                    None => format!(
                        "made by {}; the checks' own disk is made the same way",
                        disk::tools(root.filesystem).join(", ")
                    ),
                });
            }
        }
        Ok(Ahead {
            tools,
            linux,
            compiler,
        })
    }

    pub(super) fn tools(&mut self) -> Result<Tools> {
        self.phase("tools");
        let wished = &self.plan.kernel.toolchain;
        let tools = Tools::find(wished, self.plan.board.arch, &self.session.processes)?;
        self.take_recorded();
        Ok(tools)
    }

    /// What it takes to know the sizes: of the ramdisk, or of the kernel as it
    /// is compiled.
    pub(in crate::cli) fn size(&mut self, ramdisk: bool, compile: bool) -> Result<()> {
        let built = self.prepare()?;
        if ramdisk {
            return Ok(());
        }
        self.phase("kernel");
        let cflags = self.plan.kernel.cflags.clone();
        self.kernel(&built, &cflags)?;
        if compile {
            self.phase("without");
            self.note(
                "what names an option is compiled by the lines of that build, and linked:\n\
                 which files that are depends on its objects",
            );
        }
        Ok(())
    }

    /// The sources alone.
    pub(in crate::cli) fn fetch(&mut self) -> Result<()> {
        self.phase("sources");
        let linux = self.source(Package::Linux, &self.plan.kernel.source)?;
        self.distribution_config(&linux)?;
        if self.plan.board.arch.facts().musl_target.is_some() {
            self.source(Package::Musl, &self.plan.userland.libc.source)?;
        }
        if let Some(busybox) = &self.plan.userland.busybox {
            self.source(Package::BusyBox, &busybox.source)?;
        }
        Ok(())
    }

    /// What it takes to read the kernel's Kconfig files.
    pub(in crate::cli) fn kconfig(&mut self) -> Result<()> {
        let tools = self.tools()?;
        self.phase("sources");
        let linux = self.source(Package::Linux, &self.plan.kernel.source)?;
        self.distribution_config(&linux)?;
        self.phase("Kconfig files");
        let arch = self.plan.board.arch;
        let tree = Path::new("<kconfig>");
        self.start(&kconfig::environment_command(&linux, tree, arch, &tools))?;
        self.note(PROBES);
        Ok(())
    }

    /// The package of the distribution's configuration, where that is the base.
    fn distribution_config(&mut self, linux: &Source) -> Result<()> {
        let arch = self.plan.board.arch.facts();
        let (BaseConfig::Distribution { .. }, Some(kernel)) =
            (&self.plan.kernel.base, arch.distribution)
        else {
            return Ok(());
        };
        let package = Package::LinuxConfig {
            architecture: kernel.architecture,
        };
        let series = source::series_of(&linux.version);
        let series = if series.is_empty() {
            "<series>".to_owned()
        } else {
            series
        };
        let kept = self.locked(package).and_then(|entry| {
            let archives = self.session.cache.root().join("archives");
            let folder = archives.join(entry.sha256.as_str());
            folder.is_dir().then_some((entry, folder))
        });
        if let Some((entry, folder)) = kept {
            self.note(format!(
                "linux-config {}: {}",
                entry.version,
                folder.display()
            ));
            return Ok(());
        }
        self.distribution(package, &series, None)
    }

    fn lock_path(&self) -> PathBuf {
        self.plan.base.join(format!("{}.lock", self.plan.name))
    }

    /// What the lock file names, where it is followed.
    fn locked(&self, package: Package) -> Option<LockEntry> {
        if self.request.options.sources == Mode::Update {
            return None;
        }
        let lock = LockFile::read(&self.lock_path()).ok()?;
        lock.get(package.name()).cloned()
    }

    /// How a source is had: from the cache when the lock file names what is
    /// there, else from its origins.
    fn source(&mut self, package: Package, wish: &SourceWish) -> Result<Source> {
        let name = package.name();
        let locked = self.locked(package);
        if let SourceWish::Path(path) = wish {
            self.note(format!("{name}: the tree {}", path.display()));
            return Ok(placeholder(package, locked, path.clone()));
        }
        let there = locked
            .as_ref()
            .and_then(|entry| source::unpacked(package, entry, &self.session.cache));
        if let (Some(tree), Some(entry)) = (&there, &locked) {
            self.note(format!("{name} {}: {}", entry.version, tree.display()));
            return Ok(placeholder(package, locked, tree.clone()));
        }
        if self.request.options.sources == Mode::Locked && locked.is_none() {
            let lock = self.lock_path();
            let lock = lock.display();
            self.note(format!(
                "{name}: {lock} records nothing of it, and --locked stops here"
            ));
        }
        match wish {
            SourceWish::Series(series) => self.distribution(package, series, locked.as_ref())?,
            SourceWish::Listed { series, origins } => {
                self.note(format!("{name}: the first of these that works"));
                for origin in origins {
                    self.origin(package, series, origin, locked.as_ref())?;
                }
            }
            SourceWish::Path(_) => {}
        }
        self.note(format!("{name} is unpacked by tuxling itself to <{name}>"));
        Ok(placeholder(package, locked, format!("<{name}>").into()))
    }

    fn origin(
        &mut self,
        package: Package,
        series: &str,
        origin: &OriginWish,
        locked: Option<&LockEntry>,
    ) -> Result<()> {
        match origin {
            OriginWish::Distribution => return self.distribution(package, series, locked),
            OriginWish::Url { url, .. } => self.note(format!("{url}, fetched by tuxling itself")),
            OriginWish::Git { url, commit } => self.note(format!(
                "{url}, commit {commit}, by git in a repository of the cache"
            )),
            OriginWish::Path(path) => self.note(format!("the tree {}", path.display())),
        }
        Ok(())
    }

    fn distribution(
        &mut self,
        package: Package,
        series: &str,
        locked: Option<&LockEntry>,
    ) -> Result<()> {
        let context = source::Context {
            cache: &self.session.cache,
            processes: &self.session.processes,
            progress: &|_| {},
            step: &|_| {},
            debian: &source::DebianSources::System,
            network: &source::Network::of_user(),
        };
        let version = locked.map_or("<version>", |entry| &entry.version);
        let into = Path::new("<archive>");
        let renew = self.request.options.sources == Mode::Update;
        let found = source::index_command(&context, package, renew).and_then(|index| {
            let all = source::distribution_commands(&context, package, series, version, into)?;
            Ok((index.filter(|_| renew || !self.index_is_fresh), all))
        });
        match found {
            Ok((index, commands)) => {
                self.index_is_fresh = true;
                index
                    .iter()
                    .chain(&commands)
                    .try_for_each(|cmd| self.start(cmd))
            }
            Err(error) => {
                self.note(format!("the distribution's package: {error}"));
                Ok(())
            }
        }
    }

    fn configuration(&mut self, linux: &Source, tools: &Tools) -> Result<()> {
        self.phase("configuration");
        let arch = self.plan.board.arch;
        let tree = Path::new("<kconfig>");
        let make = |target: &str| make::make(linux, tree, arch, tools).arg(target);
        match &self.plan.kernel.base {
            BaseConfig::Target(target) => self.start(&make(target))?,
            BaseConfig::File { name, .. } => {
                self.note(format!("<kconfig>/.config is written from {name}"));
            }
            BaseConfig::Distribution { flavour } => {
                self.note(format!(
                    "<kconfig>/.config is written from Debian's {flavour}"
                ));
            }
        }
        let requests = self.plan.kernel.requests.len();
        self.note(format!(
            "{requests} requests are appended to <kconfig>/.config"
        ));
        self.start(&make("olddefconfig"))?;
        let environment = kconfig::environment_command(linux, tree, arch, tools);
        self.note(format!(
            "when requests aren't met, their Kconfig files say why:\n{}\n{PROBES}",
            environment.to_line()
        ));
        Ok(())
    }

    fn c_library(&mut self, source: &Source, tools: &Tools) -> Result<UserCompiler> {
        self.phase("C library");
        let (arch, prefix) = (self.plan.board.arch, Path::new("<libc>"));
        for cmd in musl::commands(source, arch, tools, prefix, self.session.jobs) {
            self.start(&cmd.dir(prefix.join("objects")))?;
        }
        Ok(UserCompiler {
            cc: musl::compiler_words(prefix, arch, tools),
            cross: tools.cross.clone(),
            id: source.digest.clone(),
        })
    }

    /// What programs are compiled with where there is no C library.
    fn headers(&mut self, tools: &Tools) -> UserCompiler {
        self.phase("headers");
        self.note("<headers>/include/tuxling/calls.h and the linker's script are written");
        UserCompiler {
            cc: in_place::words(Path::new("<headers>"), self.plan.board.arch, tools),
            cross: tools.cross.clone(),
            id: Id::of_bytes(b""),
        }
    }

    /// What is compiled for the system alone.
    fn programs(&mut self, compiler: &UserCompiler) -> Result<()> {
        let files = &self.plan.userland.files;
        let sources = files.iter().filter_map(|file| match &file.kind {
            FileKind::Program { name, .. } => Some(name),
            _ => None,
        });
        for (at, name) in sources.enumerate() {
            if at == 0 {
                self.phase("programs");
            }
            let folder = Path::new("<program>");
            let cmd = program::command(compiler, &folder.join(name), &folder.join("program"));
            self.start(&cmd)?;
        }
        Ok(())
    }

    fn busybox(
        &mut self,
        source: &Source,
        linux: &Source,
        compiler: &UserCompiler,
        tools: &Tools,
    ) -> Result<()> {
        let (arch, jobs) = (self.plan.board.arch, self.session.jobs);
        let compiler = &match self.plan.userland.libc.library {
            Libc::Musl => compiler.clone(),
            Libc::Glibc => UserCompiler {
                cc: glibc::words(arch, tools),
                ..compiler.clone()
            },
        };
        let folder = Path::new("<headers>");
        self.phase("kernel headers");
        self.start(&headers::command(linux, folder, arch, tools, jobs))?;
        self.phase("BusyBox");
        let include = folder.join("usr/include");
        let objects = Path::new("<busybox-objects>");
        for cmd in busybox::commands(source, compiler, tools, &include, arch, objects, jobs) {
            self.start(&cmd)?;
        }
        Ok(())
    }

    /// The kernel's modules, which are made with it before the user land is packed.
    fn modules(&mut self, linux: &Source, tools: &Tools) -> Result<()> {
        if self.plan.kernel.modules == ModulesPlan::None {
            return Ok(());
        }
        self.phase("modules");
        let (objects, arch) = (Path::new(OBJECTS), self.plan.board.arch);
        let cflags = &self.plan.kernel.cflags;
        let jobs = self.session.jobs;
        let cmd = kernel::build::command(linux, objects, arch, tools, cflags, None, jobs);
        self.start(&cmd.arg("modules"))?;
        let below = Path::new("<modules>");
        let install = modules::install_command(linux, objects, arch, tools, below);
        self.start(&install)?;
        let map = objects.join("System.map");
        self.start(&modules::depmod_command(below, &map, "<release>"))?;
        if let ModulesPlan::Named(names) = &self.plan.kernel.modules {
            self.note(format!(
                "all but {} and what they depend on is removed, and the tables are made anew",
                names.join(", ")
            ));
        }
        Ok(())
    }

    /// The kernel's build and the link that keeps relocations.
    pub(super) fn kernel(&mut self, built: &Ahead, cflags: &[String]) -> Result<()> {
        self.note(format!(
            "the resolved configuration is written to {OBJECTS}/.config"
        ));
        let device_tree = self.plan.board.device_tree.as_ref();
        let target = device_tree.map(|name| format!("<folder>/{name}.dtb"));
        let cmd = kernel::build::command(
            &built.linux,
            Path::new(OBJECTS),
            self.plan.board.arch,
            &built.tools,
            cflags,
            target.as_deref(),
            self.session.jobs,
        );
        self.start(&cmd)?;
        self.note(format!(
            "{} links vmlinux once more with --emit-relocs and the arguments of its link",
            built.tools.ld
        ));
        Ok(())
    }

    /// A link of the kernel from other objects.
    pub(super) fn relink(&mut self, built: &Ahead, cflags: &[String]) -> Result<()> {
        self.note(
            "trap.S and sizes.c are compiled by the line that the build has compiled its own with",
        );
        let objects = Path::new(OBJECTS);
        let cmd = kernel::build::command(
            &built.linux,
            objects,
            self.plan.board.arch,
            &built.tools,
            cflags,
            None,
            self.session.jobs,
        );
        let relinked = objects.join("tuxling-link/objects");
        self.start(&cmd.env(kernel::linker::RELINKED, relinked))
    }
}

/// What can't be known before.
const PROBES: &str =
    "the probes of the Kconfig files' $(shell,…) run, but for those whose answers are known";

/// A source by what the lock file knows of it; its tree may not be there yet.
fn placeholder(package: Package, locked: Option<LockEntry>, tree: PathBuf) -> Source {
    let entry = locked.unwrap_or_else(|| LockEntry {
        origin: Provenance::Unknown(String::new()),
        version: String::new(),
        sha256: Id::of_bytes(b""),
    });
    Source {
        name: package.name().to_owned(),
        version: entry.version,
        origin: entry.origin,
        digest: entry.sha256.clone(),
        sha256: entry.sha256,
        tree,
        cached: false,
        distribution: None,
    }
}
