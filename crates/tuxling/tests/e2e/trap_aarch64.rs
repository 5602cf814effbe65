//! The trap handler of 64-bit ARM alone, on a machine that is made for it: before the
//! MMU is on, at RAM's own addresses, and at a kernel's it prints the name by the
//! board's UART. Takes seconds; the long tests do the same with a kernel.

use std::process::Stdio;

use crate::fixture::{Started, command, ends_well, folder, until};

const HANDLER: &str = include_str!("../../../recipe/trap/aarch64.S");

/// What the kernel's headers say (arch/arm64/include/asm/memory.h).
const MEMORY_H: &str = "#define MT_DEVICE_nGnRnE 3\n";

/// What the console says of a trap.
fn told(trap: u32, stage: u32) -> String {
    let dir = folder();
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("writable");
    };
    std::fs::create_dir(dir.path().join("asm")).expect("writable");
    write("asm/memory.h", MEMORY_H);
    write("machine.S", include_str!("aarch64_machine.S"));
    write("machine.ld", include_str!("aarch64_machine.ld"));
    write("trap.S", HANDLER);
    let which = format!("-DTRAP={trap}");
    let stage = format!("-DSTAGE={stage}");
    for source in ["machine.S", "trap.S"] {
        let arguments = ["-I.", "-DUART=0x09000000", "-DNAMES", &which, &stage, "-c"];
        ends_well(
            "aarch64-linux-gnu-gcc",
            dir.path(),
            &[&arguments[..], &[source]].concat(),
        );
    }
    let objects = "-T machine.ld -o machine.elf machine.o trap.o";
    let objects: Vec<&str> = objects.split(' ').collect();
    ends_well("aarch64-linux-gnu-ld", dir.path(), &objects);
    let copied = ["-O", "binary", "machine.elf", "machine.bin"];
    ends_well("aarch64-linux-gnu-objcopy", dir.path(), &copied);
    let console = dir.path().join("console");
    let image = dir.path().join("machine.bin");
    let _machine = Started::new(
        command("qemu-system-aarch64")
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-M", "virt", "-cpu", "cortex-a53", "-accel", "tcg"])
            .args(["-m", "64M", "-device"])
            .arg(format!(
                "loader,file={},addr=0x40100000,force-raw=on",
                image.display()
            ))
            .args(["-device", "loader,addr=0x40100000,cpu-num=0", "-serial"])
            .arg(format!("file:{}", console.display()))
            .stdin(Stdio::null()),
    );
    let line = until("the stop is told", || {
        let said = std::fs::read_to_string(&console).unwrap_or_default();
        let (_, rest) = said.split_once("tuxling: trap ")?;
        rest.contains('\n').then(|| rest.replace('\r', ""))
    });
    line.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn aarch64_tells_a_stop_by_its_name_wherever_its_boot_has_come_to() {
    // Of whole functions, and of a part of one; the names share letters.
    for (trap, name) in [(0, " alpha"), (1, " beta_one"), (2, " in beta_two")] {
        for (stage, code) in [
            (0, "0x000000004010"),
            (1, "0x000000004010"),
            (2, "0xffffffc00010"),
        ] {
            let line = told(trap, stage);
            assert!(line.starts_with(code), "{stage}: {line}");
            let (_, rest) = line.split_once(name).expect("it has a name");
            // Who called is known of a whole function alone.
            let from = format!(" from {code}");
            assert_eq!(rest.starts_with(&from), trap < 2, "{stage}: {line}");
        }
    }
}
