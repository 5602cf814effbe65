//! `--dry-run`: the commands that would run, as lines for a shell, without
//! running any.

use std::fmt::Write;
use std::path::PathBuf;

use builder::kernel::{self, Tools, make};
use builder::source::{LockFile, Source};
use builder::system::{BuildOptions, output_folder};
use builder::userland::{headers, musl};
use host::Id;
use host::error::Result;
use host::session::Session;
use recipe::Plan;
use recipe::package::Package;
use recipe::plan::{BaseConfig, OriginWish, SourceWish};
use trial::check;

use super::args::MachineArgs;

/// The commands of a build. Folders that only the work itself would name are
/// written in angle brackets.
pub(super) fn build(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<String> {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = write_build(&mut out, plan, options, session)?;
    Ok(out)
}

fn write_build(
    out: &mut String,
    plan: &Plan,
    options: &BuildOptions,
    session: &Session,
) -> Result<std::fmt::Result> {
    let arch = plan.board.arch;
    let tools = Tools::find(plan.kernel.toolchain, arch, &session.processes)?;
    let linux = source(plan, Package::Linux, &plan.kernel.source);
    let objects = PathBuf::from("<objects>");
    let mut say = |title: &str, lines: Vec<String>| -> std::fmt::Result {
        writeln!(out, "# {title}")?;
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    };
    let mut all = || -> std::fmt::Result {
        say("sources", source_lines(plan))?;
        let make = |target: &str| {
            make::make(&linux, &objects, arch, &tools)
                .arg(target)
                .to_line()
        };
        let mut lines = match &plan.kernel.base {
            BaseConfig::Target(target) => vec![make(target)],
            BaseConfig::File { name, .. } => vec![format!("cp {name} <objects>/.config")],
        };
        lines.push(format!(
            "# {} requests are appended to <objects>/.config",
            plan.kernel.requests.len()
        ));
        lines.push(make("olddefconfig"));
        say("configuration", lines)?;
        let musl_source = source(plan, Package::Musl, &plan.userland.libc.source);
        let folder = PathBuf::from("<musl>");
        say(
            "C library",
            musl::commands(&musl_source, arch, &tools, &folder, session.jobs)
                .iter()
                .map(|c| c.to_line())
                .collect(),
        )?;
        if plan.userland.busybox.is_some() {
            say(
                "kernel headers",
                vec![headers::command(&linux, &objects, arch, &tools, session.jobs).to_line()],
            )?;
            say(
                "BusyBox",
                vec![
                    "make -C <busybox> O=<objects> CC='<the compiler, with musl>' busybox"
                        .to_owned(),
                ],
            )?;
        }
        say("ramdisk", vec!["# written by tuxling itself".to_owned()])?;
        let compile = kernel::build::command(
            &linux,
            &objects,
            arch,
            &tools,
            &plan.kernel.cflags,
            session.jobs,
        );
        let compile = match &plan.board.device_tree {
            Some(name) => compile.arg(format!("<folder>/{name}.dtb")),
            None => compile,
        };
        say("kernel", vec![compile.to_line()])?;
        say(
            "outputs",
            vec![format!("# {}", output_folder(plan, options).display())],
        )
    };
    Ok(all())
}

/// The command that boots the system, as a line.
pub(super) fn boot(
    plan: &Plan,
    options: &BuildOptions,
    args: &MachineArgs,
    session: &Session,
) -> Result<String> {
    let accelerator = match args.accelerator() {
        Some(accelerator) => accelerator,
        None => check::accelerator(plan, session)?,
    };
    let machine = check::machine(
        plan,
        &output_folder(plan, options),
        accelerator,
        &args.qemu_arg,
    );
    let line = check::interactive(&machine).to_line();
    Ok(format!(
        "# boot (the checks put an archive with their agent before the ramdisk)\n{line}\n"
    ))
}

fn source_lines(plan: &Plan) -> Vec<String> {
    let line = |package: &str, debian: &str, wish: &SourceWish| {
        let apt = || format!("apt-get {debian}  # in a private state folder, verified by apt");
        match wish {
            SourceWish::Series(_) => apt(),
            SourceWish::Path(path) => format!("# {package} from {}", path.display()),
            SourceWish::Listed { origins, .. } => {
                let each: Vec<String> = origins.iter().map(|o| origin_line(o, apt())).collect();
                format!(
                    "# {package}: the first of these that works\n{}",
                    each.join("\n")
                )
            }
        }
    };
    let series = |wish: &SourceWish| match wish {
        SourceWish::Series(series) | SourceWish::Listed { series, .. } => series.clone(),
        SourceWish::Path(_) => String::new(),
    };
    let linux = format!("download linux-source-{}", series(&plan.kernel.source));
    let mut lines = vec![
        line("linux", &linux, &plan.kernel.source),
        line(
            "musl",
            "source --download-only --tar-only musl",
            &plan.userland.libc.source,
        ),
    ];
    if let Some(busybox) = &plan.userland.busybox {
        lines.push(line(
            "busybox",
            "source --download-only --tar-only busybox",
            &busybox.source,
        ));
    }
    lines
}

/// What is done at an origin; `apt` is what fetches the distribution's package.
fn origin_line(origin: &OriginWish, apt: String) -> String {
    match origin {
        OriginWish::Distribution => apt,
        OriginWish::Url { url, .. } => format!("# {url}, fetched by tuxling itself"),
        OriginWish::Git { url, commit } => {
            format!("git fetch --depth=1 {url} {commit}  # in a repository of the cache")
        }
        OriginWish::Path(path) => format!("# {}", path.display()),
    }
}

/// A source by the name that the lock file knows it by, or by a placeholder.
fn source(plan: &Plan, package: Package, wish: &SourceWish) -> Source {
    let name = package.name().to_owned();
    let lock = LockFile::read(&plan.base.join(format!("{}.lock", plan.name))).ok();
    let locked = lock.as_ref().and_then(|lock| lock.get(&name));
    let version = locked.map_or_else(|| "unknown".to_owned(), |entry| entry.version.clone());
    let tree = match wish {
        SourceWish::Path(path) => path.clone(),
        SourceWish::Series(_) | SourceWish::Listed { .. } => PathBuf::from(format!("<{name}>")),
    };
    let id = Id::of_bytes(version.as_bytes());
    let origin = String::new();
    Source {
        name,
        version,
        origin,
        sha256: id.clone(),
        tree,
        digest: id,
        cached: false,
    }
}
