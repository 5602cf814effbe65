//! The trap handler of ARM alone, on a machine that is made for it: with the MMU
//! off and on it prints the name by the board's UART, resets the machine, and the
//! next boot tells the stop. Takes seconds; the long tests do the same with a
//! kernel.

use std::process::Stdio;

use crate::fixture::{Started, command, ends_well, folder, until};

const HANDLER: &str = include_str!("../../../recipe/trap/arm.S");

/// What the kernel's configuration and the board `versatilepb` say.
const MACROS: &[&str] = &[
    "-march=armv5te",
    "-marm",
    "-DCONFIG_PAGE_OFFSET=0xC0000000",
    "-DCONFIG_HZ=100",
    "-DRAM_BASE=0",
    "-DUART=0x101f1000",
    "-DNAMES",
    "-DRESET",
    "-DSECONDS=1",
    "-DRESET_WRITES=0x10000020,0xa05f,0x10000040,0x105",
    "-DLAST_STOP=0x10000038",
    "-DLAST_STOP_CLEAR=0x1000003c",
];

/// What the console says until a line that begins so has ended.
fn console(trap: u32, mmu: bool, last: &str) -> String {
    let dir = folder();
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("writable");
    };
    write("machine.S", include_str!("arm_machine.S"));
    write("machine.ld", include_str!("arm_machine.ld"));
    write("trap.S", HANDLER);
    let which = format!("-DTRAP={trap}");
    let mmu = if mmu { "-DMMU" } else { "-UMMU" };
    for (source, more) in [("machine.S", &[mmu, &which][..]), ("trap.S", &[])] {
        ends_well(
            "arm-linux-gnueabi-gcc",
            dir.path(),
            &[MACROS, more, &["-c", source]].concat(),
        );
    }
    let objects = [
        "-T",
        "machine.ld",
        "-o",
        "machine.elf",
        "machine.o",
        "trap.o",
    ];
    ends_well("arm-linux-gnueabi-ld", dir.path(), &objects);
    let copied = ["-O", "binary", "machine.elf", "machine.bin"];
    ends_well("arm-linux-gnueabi-objcopy", dir.path(), &copied);
    let console = dir.path().join("console");
    let image = dir.path().join("machine.bin");
    let _machine = Started::new(
        command("qemu-system-arm")
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-M", "versatilepb", "-accel", "tcg", "-m", "32M", "-device"])
            .arg(format!(
                "loader,file={},addr=0x10000,force-raw=on",
                image.display()
            ))
            .args(["-device", "loader,addr=0x10000,cpu-num=0", "-serial"])
            .arg(format!("file:{}", console.display()))
            .stdin(Stdio::null()),
    );
    until("the stop is told", || {
        let said = std::fs::read_to_string(&console).unwrap_or_default();
        let (_, rest) = said.split_once(last)?;
        rest.contains('\n').then(|| said.replace('\r', ""))
    })
}

#[test]
fn arm_tells_a_stop_by_its_name_resets_and_tells_it_at_the_next_boot() {
    // Of whole functions, and of a part of one; the names share letters.
    for (trap, name) in [(0, " alpha"), (1, " beta_one"), (2, " in beta_two")] {
        // Before there are page tables; there is no next boot that gets further.
        let early = console(trap, false, "tuxling: trap 0x");
        let line = early.lines().find(|l| l.starts_with("tuxling: trap 0x"));
        let line = line.expect("it is told");
        assert!(line.contains(" trap 0x0001"), "{line}");
        assert!(line.ends_with(name), "{line}");

        let told = "tuxling: the last stop: trap 0x";
        let said = console(trap, true, told);
        let line = said.lines().find(|l| l.starts_with("tuxling: trap 0x"));
        let line = line.expect("it is told").to_owned();
        let (address, rest) = line.split_once(name).expect("it has a name");
        let address = address.strip_prefix("tuxling: trap ").expect("an address");
        assert!(address.starts_with("0xc001"), "{line}");
        // Who called is known of a whole function alone.
        assert_eq!(rest.starts_with(" from 0xc001"), trap < 2, "{line}");
        let next = said.lines().find(|l| l.starts_with(told)).expect("it told");
        assert_eq!(next, format!("tuxling: the last stop: trap {address}"));
    }
}
