//! `tuxling diff` of kernels: of two vmlinux files, or of what two records
//! were measured on.

use std::fs;
use std::path::{Path, PathBuf};

use builder::kernel::linker::KeptLink;
use builder::kernel::makefiles;
use builder::source;
use builder::system::obtain_linux;
use host::Cache;
use host::error::Kind;
use host::session::Session;
use host::units::{Bytes, grouped};
use kbuild::Objects;
use measure::bytes::{self, Given};
use recipe::Plan;
use record::Record;

use super::args::Diff;
use super::progress::Terminal;
use super::{print, print_json, processes};
use crate::failure::{Failure, Result};
use report::diff_markdown;
use report::kernel_diff::{self, KernelDiff, Side};

/// Whether a file is an ELF file.
pub(super) fn is_elf(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0u8; 4];
    fs::File::open(path).is_ok_and(|mut f| f.read_exact(&mut magic).is_ok()) && magic == *b"\x7fELF"
}

/// Compares two ELF files.
pub(super) fn files(args: &Diff, a: &Path, b: &Path) -> Result<()> {
    let diff = kernel_diff::diff(
        &side(&args.a, a, None, None)?,
        &side(&args.b, b, None, None)?,
    );
    match (args.json, args.markdown) {
        (true, _) => print_json(&diff)?,
        (false, true) => print(&diff_markdown::of_kernels(&diff))?,
        (false, false) => print(&kernel_diff::text(&diff))?,
    }
    within(args, diff.growth())
}

/// What differs between the kernels of two records, when both are still in the
/// cache. Where it is known, each comes with its recipe: of its kernel the
/// Makefiles tell which options bring its objects in.
pub(super) fn of_records(
    a: (Option<&Plan>, &Record),
    b: (Option<&Plan>, &Record),
) -> Result<Option<KernelDiff>> {
    let (Some(of_a), Some(of_b)) = (folder(a.1)?, folder(b.1)?) else {
        return Ok(None);
    };
    let read = |(plan, record): (Option<&Plan>, &Record), folder: &Path| {
        let objects = plan.and_then(|plan| objects(plan, folder));
        side(
            &record.recipe,
            &folder.join("vmlinux"),
            Some(folder),
            objects.as_ref(),
        )
    };
    Ok(Some(kernel_diff::diff(&read(a, &of_a)?, &read(b, &of_b)?)))
}

/// What the Makefiles say of a kernel. None when no recipe tells its sources:
/// the comparison then lacks the options' sizes.
fn objects(plan: &Plan, folder: &Path) -> Option<Objects> {
    let terminal = Terminal::new(false);
    let session = Session::new(processes().ok()?, Cache::of_user().ok()?, &terminal, 1);
    let linux = obtain_linux(plan, source::Mode::Normal, &session).ok()?;
    let config = fs::read(folder.join("config")).ok()?;
    let config = kconfig::bytes::text_of(&config);
    Some(makefiles::objects(&linux.tree, plan.board.arch, &config))
}

fn folder(record: &Record) -> Result<Option<PathBuf>> {
    let Some(id) = &record.ids.build_id else {
        return Ok(None);
    };
    let folder = Cache::of_user()?.folder("kernels")?.join(id.short());
    Ok(Some(folder).filter(|folder| folder.join("vmlinux").exists()))
}

/// One side: the file, and what is known of its link.
fn side(
    name: &str,
    vmlinux: &Path,
    kernel: Option<&Path>,
    objects: Option<&Objects>,
) -> Result<Side> {
    let file = fs::read(vmlinux).map_err(|e| {
        Failure::new(
            Kind::Usage,
            format!("can't read {}: {e}", vmlinux.display()),
        )
    })?;
    let map = match kernel
        .or(vmlinux.parent())
        .map(KeptLink::of)
        .filter(KeptLink::exists)
    {
        Some(kept) => Some(kept.vmlinux_map()?),
        None => {
            let mut beside = vmlinux.as_os_str().to_owned();
            beside.push(".map");
            fs::read(beside).ok()
        }
    };
    let (kernel_read, bytes) = bytes::bytes(&Given {
        vmlinux: &file,
        map: map.as_deref(),
        objects,
        ..Given::default()
    })?;
    Ok(Side {
        name: name.to_owned(),
        kernel: kernel_read,
        bytes,
        config: kernel
            .and_then(|dir| fs::read(dir.join("config")).ok())
            .map(|bytes| kconfig::bytes::text_of(&bytes)),
    })
}

/// Fails when it grew by more than `--fail-over`.
pub(super) fn within(args: &Diff, growth: i64) -> Result<()> {
    let Some(limit) = &args.fail_over else {
        return Ok(());
    };
    let limit: Bytes = limit.parse().map_err(|_| {
        Failure::new(Kind::Usage, format!("--fail-over {limit}: that is no size"))
            .help("for instance 4KiB")
    })?;
    if growth > i64::try_from(limit.0).unwrap_or(i64::MAX) {
        Err(Failure::new(
            Kind::Budget,
            format!(
                "{} is {} B larger than {}, {limit} are allowed",
                args.b,
                grouped(growth.unsigned_abs()),
                args.a
            ),
        ))
    } else {
        Ok(())
    }
}
