//! `tuxling hw`: what a machine is made of, and which options drive it.

mod index;

use std::fs;
use std::io::Read;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use builder::kernel::{Tools, kconfig as tree, makefiles};
use builder::system::obtain_linux;
use hardware::also::{CLASSES, Class, class};
use hardware::inventory::Inventory;
use hardware::survey::{self, SCRIPT, Survey};
use host::cache::write_whole;
use host::error::Kind;
use host::session::{Cached, Session};
use kbuild::Objects;

use super::args::{Hw, HwAction, HwImport};
use super::carry_out::Needs;
use super::request::{Request, Typed, sources};
use super::{cwd, print, print_json};
use crate::failure::{Failure, Result};
use hardware::ask::{Answer, Asking, Overruled};
use hardware::catalogue::Catalogue;
use index::{of_list, of_sources};

use report::hw_import;
pub(super) use report::hw_import::{ImportJson, SCHEMA, fragment};

/// Does what was asked for.
pub(super) fn run(args: &Hw) -> Result<()> {
    match &args.action {
        HwAction::Save { script: true, .. } => print(SCRIPT),
        HwAction::Save { output, .. } => save(output.as_deref()),
        HwAction::Import(args) => import(args),
    }
}

/// `save`: reads /sys and /proc, needs no root.
fn save(output: Option<&Path>) -> Result<()> {
    let survey = Survey::of(Path::new("/"), &kernel_log());
    let text = survey
        .to_text()
        .map_err(|e| Failure::new(Kind::Machine, format!("can't write JSON: {e}")))?;
    let Some(output) = output else {
        return print(&text);
    };
    write_whole(&cwd()?.join(output), text.as_bytes())?;
    print(&format!(
        "wrote {}: {} devices; next: tuxling hw import {}\n",
        output.display(),
        survey.devices.len(),
        output.display()
    ))
}

/// The kernel's log as far as it is still there; empty where it may not be read.
fn kernel_log() -> String {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(log) = open("/dev/kmsg", flags, Mode::empty()) else {
        return String::new();
    };
    let mut log = fs::File::from(log);
    let (mut text, mut record) = (String::new(), vec![0; 8192]);
    // One record for each read; at the end of the log there is none.
    while let Ok(length @ 1..) = log.read(&mut record) {
        let line = String::from_utf8_lossy(&record[..length]);
        if let Some((_, line)) = line.split_once(';') {
            text.push_str(line.lines().next().unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

fn import(args: &HwImport) -> Result<()> {
    let classes = classes(&args.also)?;
    let inventory = inventory(&args.files)?;
    let aliases = args.aliases.clone();
    let request = Request::new(Typed {
        dry_run: args.dry_run,
        json: args.json,
        verbose: args.verbose,
        jobs: Some(NonZeroU16::MIN),
        sources: sources(args.locked, false),
        ..Typed::looking(&args.recipe)
    })?;
    request.carry_out(
        Needs::Little,
        |list| list.kconfig(),
        |request, session| {
            let (answer, version) =
                answer(request, &inventory, &classes, aliases.as_deref(), &session)?;
            let text = fragment(&answer, &version, &request.recipe);
            if let Some(path) = &args.output {
                write_whole(&cwd()?.join(path), text.as_bytes())?;
            }
            let told = ImportJson::new(
                &request.recipe,
                &version,
                &answer,
                &inventory,
                args.output.as_deref(),
            );
            if args.json {
                return print_json(&told);
            }
            let report = hw_import::report(&told);
            match &args.output {
                Some(_) => print(&report),
                None => print(&format!("{text}\n{report}")),
            }
        },
    )
}

/// The classes by their names.
pub(super) fn classes(names: &[String]) -> Result<Vec<&'static Class>> {
    let one = |name: &String| {
        class(name).ok_or_else(|| {
            let all: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
            Failure::new(Kind::Usage, format!("there is no class `{name}`"))
                .help(format!("classes are {}", all.join(", ")))
        })
    };
    names.iter().map(one).collect()
}

/// All that the files say of one machine.
pub(super) fn inventory(files: &[PathBuf]) -> Result<Inventory> {
    let mut all = Inventory::default();
    for file in files {
        let bytes = if file == Path::new("-") {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|e| Failure::new(Kind::Usage, format!("can't read standard input: {e}")))?;
            bytes
        } else {
            fs::read(file).map_err(|e| {
                Failure::new(Kind::Usage, format!("can't read {}: {e}", file.display()))
            })?
        };
        let text = String::from_utf8_lossy(&bytes);
        let found = survey::read(&text).map_err(|e| {
            Failure::new(
                Kind::Usage,
                format!("{} is no survey of this tuxling: {e}", file.display()),
            )
            .help("`tuxling hw save` on the machine writes it anew")
        })?;
        all.extend(found);
    }
    if all.devices.is_empty() {
        let failure = Failure::new(Kind::Usage, "no device is named there");
        return Err(match all.unclear.first() {
            Some(line) => failure.detail(line.clone()),
            None => failure.help(
                "give what `tuxling hw save` wrote, or the output of lspci -nnk, lsusb, lsscsi, dmesg",
            ),
        });
    }
    all.complete();
    Ok(all)
}

/// What the devices come to with a recipe's kernel, and the kernel's version.
pub(super) fn answer(
    request: &Request,
    inventory: &Inventory,
    classes: &[&Class],
    aliases: Option<&Path>,
    session: &Session,
) -> Result<(Answer, String)> {
    let plan = &request.plan;
    let arch = plan.board.arch;
    let tools = Tools::find(&plan.kernel.toolchain, arch, &session.processes)?;
    let linux = obtain_linux(plan, request.options.sources, session)?;
    let tree = tree::load(&linux, arch, &tools, session)?;
    tree.refuse_errors()?;
    let configuration = tree.evaluate(&plan.kernel)?;
    let drivers = match aliases {
        Some(path) => of_list(path)?,
        None => session.phase("drivers' tables", || of_sources(&linux, arch, session))?,
    };
    let everything = Catalogue::everything(&configuration);
    let objects = session.phase("Makefiles", || -> Result<Cached<Objects>> {
        let objects = makefiles::objects(&linux.tree, arch, &everything);
        Ok(Cached::fresh(objects))
    })?;
    let before = configuration.clone();
    let mut asking = Asking {
        catalogue: &Catalogue::new(drivers, objects, Catalogue::tristate(&configuration)),
        configuration,
    };
    let mut answer = asking.answer(inventory, classes);
    answer.overruled = overruled(&asking, request, &answer, &before);
    Ok((answer, linux.version.clone()))
}

/// What the recipe can't have any more, but for what the drivers' own lines
/// ask for.
fn overruled(
    asking: &Asking<'_, '_>,
    request: &Request,
    answer: &Answer,
    before: &kconfig::Configuration<'_>,
) -> Vec<Overruled> {
    let mut found = asking.overruled(&request.plan.kernel.requests, before);
    let lines: Vec<&String> = answer
        .devices
        .iter()
        .chain(&answer.classes)
        .flat_map(|one| &one.lines)
        .collect();
    found.retain(|one| !lines.contains(&&one.line));
    found
}
