//! Images for U-Boot, made by its mkimage.
//!
//! Where the kernel is one that finds out where it is (ARM's zImage), the image tree
//! says `kernel_noload`: U-Boot starts it where it has loaded the image. Kernels of
//! aarch64 don't unpack themselves: U-Boot unpacks them, to an address that the image
//! tree names. The older image has an address in it; it is the one that Linux on ARM
//! is linked for, 0x8000 behind the start of RAM (Documentation/arch/arm/booting.rst).
//!
//! The script is what U-Boot's usual boot commands look for on the first partition of
//! each disk (doc/develop/distro.rst).

use std::path::Path;

use host::process::Cmd;
use recipe::Arch;
use recipe::medium::Form;

use crate::error::Result;
use crate::parts::{Bench, Parts, copy, dated, read, write};

/// Behind the start of RAM.
const KERNEL_OFFSET: u64 = 0x8000;

/// Where U-Boot unpacks a kernel that doesn't do so itself: 2 MiB behind the start of
/// RAM (Documentation/arch/arm64/booting.rst wants a multiple of that), where its own
/// script has been.
const UNPACKED_OFFSET: u64 = 0x20_0000;

/// Where the script loads the image tree: behind what is unpacked, and before what
/// U-Boot keeps for itself at the end of 64 MiB.
const TREE_OFFSET: u64 = 0x100_0000;

/// The configuration's name in the image tree. The script names it: where U-Boot
/// compares device trees (`FIT_BEST_MATCH`), it passes over the default.
const SYSTEM: &str = "system";

/// The files on a disk.
pub(crate) const TREE: &str = "image.itb";
pub(crate) const SCRIPT: &str = "boot.scr";

/// The script before mkimage gives it a header.
const SCRIPT_TEXT: &str = "boot.cmd";

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
    let script = (form == Form::DiskUboot).then(|| {
        dated(Cmd::new("mkimage"))
            .args(["-A", arch_word(parts.arch), "-T", "script", "-C", "none"])
            .arg("-d")
            .arg(bench.dir.join(SCRIPT_TEXT))
            .arg(bench.dir.join(SCRIPT))
    });
    told.into_iter()
        .chain([make.arg(to)])
        .chain(script)
        .collect()
}

/// What U-Boot calls an architecture.
fn arch_word(arch: Arch) -> &'static str {
    match arch {
        Arch::Aarch64 => "arm64",
        _ => "arm",
    }
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
    if form == Form::Uimage {
        return Ok(());
    }
    let tree = tree(parts, bench.dir);
    write(&bench.dir.join("image.its"), tree.as_bytes())?;
    if form == Form::DiskUboot {
        write(&bench.dir.join(SCRIPT_TEXT), script(parts).as_bytes())?;
    }
    Ok(())
}

/// The script for U-Boot's shell: loads the image tree and begins the kernel, with the
/// device tree of the image, of the machine, or U-Boot's own.
fn script(parts: &Parts<'_>) -> String {
    let at = format!("{:#x}", parts.ram_base + TREE_OFFSET);
    let tree = format!("{at}#{SYSTEM}");
    let quoted = parts.cmdline.replace('\'', r"'\''");
    let begin = match (parts.device_tree, parts.ramdisks().is_empty()) {
        (Some(_), _) => format!("bootm {tree}\n"),
        (None, no_ramdisk) => {
            let ramdisk = if no_ramdisk { "-" } else { &*tree };
            format!(
                "if test -n \"${{fdt_addr}}\"; then bootm {tree} {ramdisk} ${{fdt_addr}}; fi\n\
                 bootm {tree} {ramdisk} ${{fdtcontroladdr}}\n"
            )
        }
    };
    format!(
        "setenv bootargs '{quoted}'\n\
         load ${{devtype}} ${{devnum}}:${{distro_bootpart}} {at} {TREE}\n{begin}"
    )
}

/// The source of an image tree (U-Boot's doc/usage/fit/source_file_format.rst).
fn tree(parts: &Parts<'_>, dir: &Path) -> String {
    let packed = parts.arch.facts().unpacked_by_loader.is_some();
    let arch = arch_word(parts.arch);
    let node = |name: &str, file: &Path, kind: &str, further: &str| {
        let path = file.display().to_string();
        let path = path.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "\t\t{name} {{\n\t\t\tdata = /incbin/(\"{path}\");\n\t\t\ttype = \"{kind}\";\n\
             \t\t\tarch = \"{arch}\";\n\t\t\tos = \"linux\";\n{further}\t\t\thash-1 {{ algo = \"sha256\"; }};\n\t\t}};\n"
        )
    };
    let (kind, compression, at) = if packed {
        ("kernel", "gzip", parts.ram_base + UNPACKED_OFFSET)
    } else {
        ("kernel_noload", "none", 0)
    };
    let begin = format!(
        "\t\t\tcompression = \"{compression}\";\n\t\t\tload = <{at:#x}>;\n\t\t\tentry = <{at:#x}>;\n"
    );
    let as_it_is = "\t\t\tcompression = \"none\";\n";
    let mut images = node("kernel", parts.kernel, kind, &begin);
    let mut uses = "\t\t\tkernel = \"kernel\";\n".to_owned();
    if !parts.ramdisks().is_empty() {
        images.push_str(&node("ramdisk", &dir.join("ramdisks"), "ramdisk", as_it_is));
        uses.push_str("\t\t\tramdisk = \"ramdisk\";\n");
    }
    if parts.device_tree.is_some() {
        images.push_str(&node("fdt", &dir.join(DEVICE_TREE), "flat_dt", as_it_is));
        uses.push_str("\t\t\tfdt = \"fdt\";\n");
    }
    format!(
        "/dts-v1/;\n/ {{\n\tdescription = \"Linux\";\n\t#address-cells = <1>;\n\timages {{\n{images}\
         \t}};\n\tconfigurations {{\n\t\tdefault = \"{SYSTEM}\";\n\t\t{SYSTEM} {{\n{uses}\t\t}};\n\
         \t}};\n}};\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(arch: Arch, device_tree: Option<&'a Path>) -> Parts<'a> {
        Parts {
            arch,
            kernel: Path::new("/k"),
            ramdisk: Some(Path::new("/r")),
            first: None,
            device_tree,
            cmdline: "console=ttyAMA0 a='b c'",
            ram_base: 0x4000_0000,
        }
    }

    #[test]
    fn the_script_names_the_configuration_and_a_device_tree() {
        assert_eq!(
            script(&parts(Arch::Aarch64, None)),
            "setenv bootargs 'console=ttyAMA0 a='\\''b c'\\'''\n\
             load ${devtype} ${devnum}:${distro_bootpart} 0x41000000 image.itb\n\
             if test -n \"${fdt_addr}\"; then bootm 0x41000000#system 0x41000000#system \
             ${fdt_addr}; fi\n\
             bootm 0x41000000#system 0x41000000#system ${fdtcontroladdr}\n"
        );
        let own = script(&parts(Arch::Arm, Some(Path::new("/d"))));
        assert!(own.ends_with("\nbootm 0x41000000#system\n"), "{own}");
    }

    #[test]
    fn a_kernel_that_does_not_unpack_itself_is_unpacked_to_an_address() {
        let packed = tree(&parts(Arch::Aarch64, None), Path::new("/b"));
        for line in [
            "type = \"kernel\";",
            "arch = \"arm64\";",
            "compression = \"gzip\";",
            "load = <0x40200000>;",
        ] {
            assert!(packed.contains(line), "no {line} in\n{packed}");
        }
        let itself = tree(&parts(Arch::Arm, None), Path::new("/b"));
        assert!(itself.contains("type = \"kernel_noload\";"), "{itself}");
        assert!(!itself.contains("gzip"), "{itself}");
    }
}
