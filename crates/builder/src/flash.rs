//! The image of flash memory that a board starts from: its start, a device tree
//! for this system, the kernel, and the file system that the kernel mounts where
//! it is stored.

use std::fs;
use std::path::{Path, PathBuf};

use flash::{MEMORY_NODE, Parts};
use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use host::units::Bytes;
use recipe::board::Flash;
use recipe::{Arch, Plan};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::kernel::build::Kernel;
use crate::kernel::toolchain::{Tools, Versions};
use crate::userland::ramdisk::Ramdisk;

/// An image of flash memory: files that stay as they are.
#[derive(Clone, Debug)]
pub struct FlashImage {
    /// The image.
    pub image: PathBuf,
    /// The device tree in it.
    pub device_tree: PathBuf,
}

/// What an image is made from.
#[derive(Serialize)]
struct ImageKey<'a> {
    flash: &'a Flash,
    arch: Arch,
    cmdline: &'a str,
    memory: Bytes,
    versions: &'a Versions,
    kernel: Id,
    filesystem: Option<Id>,
}

/// Makes the image of a plan's system, or gives back what was made from the
/// same. `filesystem` is what is mounted from it, if anything is.
///
/// # Errors
/// When a tool is missing or fails, or the parts don't fit.
pub(crate) fn build(
    plan: &Plan,
    flash: &Flash,
    (kernel, filesystem): (&Kernel, Option<&Ramdisk>),
    tools: &Tools,
    session: &Session,
) -> Result<Cached<FlashImage>> {
    let kernel = read(&kernel.image())?;
    let filesystem = filesystem.map(|f| read(&f.image)).transpose()?;
    let key = ImageKey {
        flash,
        arch: plan.board.arch,
        cmdline: &plan.kernel.cmdline,
        memory: plan.machine.memory,
        versions: &tools.versions,
        kernel: Id::of_bytes(&kernel),
        filesystem: filesystem.as_ref().map(|bytes| Id::of_bytes(bytes)),
    };
    let id = Id::of("flash/1", &key)?;
    let dir = session.cache.folder("flash")?.join(id.short());
    let made = FlashImage {
        image: dir.join("image"),
        device_tree: dir.join("device-tree"),
    };
    if made.image.exists() && is_sound(&dir, "flash image", session.progress)? {
        return Ok(Cached::hit(made));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    let filesystem = filesystem.unwrap_or_default();
    fill_sealed(&dir, |fresh| -> Result<()> {
        let place = flash::filesystem_offset(&flash.layout(), kernel.len() as u64);
        let source = device_tree_source(plan, flash, place, filesystem.len() as u64);
        let device_tree = device_tree(&source, fresh, session)?;
        let start = start(plan.board.arch, flash, fresh, tools, session)?;
        let parts = Parts {
            start: &start,
            device_tree: &device_tree,
            kernel: &kernel,
            filesystem: &filesystem,
        };
        let image = flash::assemble(&flash.layout(), &parts).map_err(Error::Flash)?;
        Ok(write_whole(&fresh.join("image"), &image)?)
    })?;
    Ok(Cached::fresh(made))
}

/// The board's device tree with what belongs to this system: RAM, the command
/// line, and the file system at an offset.
fn device_tree_source(plan: &Plan, flash: &Flash, offset: u64, bytes: u64) -> String {
    let base = plan.board.arch.facts().ram_base;
    let node = MEMORY_NODE.trim_start_matches('/');
    let mut text = format!(
        "{}\n/ {{\n\tchosen {{ bootargs = \"{}\"; }};\n\t{node}{base:x} {{\n\
         \t\tdevice_type = \"memory\";\n\t\treg = <0x{base:x} 0x{:x}>;\n\t}};\n",
        flash.device_tree.text,
        escaped(&plan.kernel.cmdline),
        plan.machine.memory.0
    );
    if bytes > 0 {
        let at = u64::from(flash.address) + offset;
        text.push_str(&format!(
            "\tflash@{at:x} {{\n\t\tcompatible = \"mtd-rom\";\n\
             \t\treg = <0x{at:x} 0x{bytes:x}>;\n\t\tbank-width = <4>;\n\t}};\n"
        ));
    }
    text.push_str("};\n");
    text
}

/// A text in a source's quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Compiles a device tree by the Device Tree Compiler.
fn device_tree(source: &str, dir: &Path, session: &Session) -> Result<Vec<u8>> {
    let (from, to) = (dir.join("device-tree.dts"), dir.join("device-tree"));
    write_whole(&from, source.as_bytes())?;
    let doing = "compile the board's device tree";
    if session.processes.find("dtc").is_none() {
        return Err(host::Error::missing_tool("dtc", doing).into());
    }
    let cmd = Cmd::new("dtc")
        .args(["-q", "-I", "dts", "-O", "dtb", "-o"])
        .arg(&to)
        .arg(&from);
    let run = session.processes.run(&cmd);
    run.map_err(|e| host::Error::command(Kind::Build, doing, e))?;
    read(&to)
}

/// Assembles what the board starts with.
fn start(
    arch: Arch,
    flash: &Flash,
    dir: &Path,
    tools: &Tools,
    session: &Session,
) -> Result<Vec<u8>> {
    let (from, linked, to) = (
        dir.join("start.S"),
        dir.join("start.elf"),
        dir.join("start"),
    );
    write_whole(&from, flash.start.text.as_bytes())?;
    let address = |offset: Bytes| u64::from(flash.address) + offset.0;
    let compile = Cmd::new(&tools.user_cc)
        .args(arch.facts().user_cflags)
        .args(["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,-e0"])
        .arg(format!("-Wl,-Ttext=0x{:x}", flash.address))
        .arg(format!("-DKERNEL=0x{:x}", address(flash.kernel_at)))
        .arg(format!(
            "-DDEVICE_TREE=0x{:x}",
            address(flash.device_tree_at)
        ))
        .arg("-o")
        .arg(&linked)
        .arg(&from);
    let copy = Cmd::new(format!("{}objcopy", tools.cross))
        .args(["-O", "binary", "-j", ".text"])
        .arg(&linked)
        .arg(&to);
    for cmd in [compile, copy] {
        let doing = format!("assemble {}", flash.start.name);
        let run = session.processes.run(&cmd);
        run.map_err(|e| host::Error::command(Kind::Build, doing, e))?;
    }
    read(&to)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(|e| host::Error::file("read", path, e))?)
}
