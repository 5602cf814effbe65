//! Images for U-Boot, made by its mkimage.
//!
//! The kernel is one that finds out where it is (ARM's zImage), so the image tree
//! says `kernel_noload`: U-Boot starts it where it has loaded the image. The older
//! image has an address in it; it is the one that Linux on ARM is linked for,
//! 0x8000 behind the start of RAM (Documentation/arch/arm/booting.rst).

use std::path::Path;

use host::process::Cmd;
use recipe::medium::Form;

use crate::error::Result;
use crate::parts::{Bench, Parts, copy, dated, read, write};

/// Behind the start of RAM.
const KERNEL_OFFSET: u64 = 0x8000;

/// The device tree, with the command line in it.
const DEVICE_TREE: &str = "device-tree";

/// The commands that make it.
pub(crate) fn commands(form: Form, parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Vec<Cmd> {
    // U-Boot's own `bootargs`, where they are set, win over these.
    let told = parts.device_tree.map(|_| {
        Cmd::new("fdtput")
            .args(["-p", "-t", "s"])
            .arg(bench.dir.join(DEVICE_TREE))
            .args(["/chosen", "bootargs", parts.cmdline])
    });
    let make = dated(Cmd::new("mkimage"));
    let make = match form {
        Form::Uimage => {
            let data = bench.dir.join("ramdisks");
            let mut files = vec![parts.kernel.display().to_string()];
            if !parts.ramdisks().is_empty() {
                files.push(data.display().to_string());
            }
            if parts.device_tree.is_some() {
                if files.len() == 1 {
                    files.push(bench.dir.join("empty").display().to_string());
                }
                files.push(bench.dir.join(DEVICE_TREE).display().to_string());
            }
            let kind = if files.len() == 1 { "kernel" } else { "multi" };
            let address = format!("{:x}", parts.ram_base + KERNEL_OFFSET);
            make.args(["-A", "arm", "-O", "linux", "-C", "none", "-n", "Linux"])
                .args(["-T", kind, "-a", &address, "-e", &address])
                .arg("-d")
                .arg(files.join(":"))
        }
        _ => make.arg("-f").arg(bench.dir.join("image.its")),
    };
    told.into_iter().chain([make.arg(to)]).collect()
}

/// What has to be there before the command runs.
pub(crate) fn prepare(form: Form, parts: &Parts<'_>, bench: &Bench<'_>) -> Result<()> {
    let mut ramdisks = Vec::new();
    for (path, _) in parts.ramdisks() {
        ramdisks.resize(ramdisks.len().next_multiple_of(4), 0);
        ramdisks.extend(read(path)?);
    }
    write(&bench.dir.join("ramdisks"), &ramdisks)?;
    write(&bench.dir.join("empty"), &[])?;
    if let Some(tree) = parts.device_tree {
        copy(tree, bench.dir, DEVICE_TREE)?;
    }
    match form {
        Form::Fit => write(
            &bench.dir.join("image.its"),
            tree(parts, bench.dir).as_bytes(),
        ),
        _ => Ok(()),
    }
}

/// The source of an image tree (U-Boot's doc/usage/fit/source_file_format.rst).
fn tree(parts: &Parts<'_>, dir: &Path) -> String {
    let node = |name: &str, file: &Path, kind: &str, further: &str| {
        let path = file.display().to_string();
        let path = path.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "\t\t{name} {{\n\t\t\tdata = /incbin/(\"{path}\");\n\t\t\ttype = \"{kind}\";\n\
             \t\t\tarch = \"arm\";\n\t\t\tos = \"linux\";\n\t\t\tcompression = \"none\";\n\
             {further}\t\t\thash-1 {{ algo = \"sha256\"; }};\n\t\t}};\n"
        )
    };
    let begin = "\t\t\tload = <0>;\n\t\t\tentry = <0>;\n";
    let mut images = node("kernel", parts.kernel, "kernel_noload", begin);
    let mut uses = "\t\t\tkernel = \"kernel\";\n".to_owned();
    if !parts.ramdisks().is_empty() {
        images.push_str(&node("ramdisk", &dir.join("ramdisks"), "ramdisk", ""));
        uses.push_str("\t\t\tramdisk = \"ramdisk\";\n");
    }
    if parts.device_tree.is_some() {
        images.push_str(&node("fdt", &dir.join(DEVICE_TREE), "flat_dt", ""));
        uses.push_str("\t\t\tfdt = \"fdt\";\n");
    }
    format!(
        "/dts-v1/;\n/ {{\n\tdescription = \"Linux\";\n\t#address-cells = <1>;\n\timages {{\n{images}\
         \t}};\n\tconfigurations {{\n\t\tdefault = \"system\";\n\t\tsystem {{\n{uses}\t\t}};\n\
         \t}};\n}};\n"
    )
}
