//! The texts are those of real boots with too little RAM: pc-net on QEMU's
//! `pc`, without the lines that no rule reads.

use std::sync::LazyLock;

use measure::system_map::SystemMap;
use proptest::prelude::*;
use recipe::plan::Placement;
use record::Outcome;
use vm::machine::inspect::Inspection;

use super::*;

const PC_NET: &str = "\
c1000000 T _text
c12a3660 D _edata
c1289820 d _printk_rb_static_descs
c1231820 d _printk_rb_static_infos
c1295820 d after
c12ee9ec b __log_buf
c130e9ec b syslog_lock
c142c000 B _end
";

const CONFIG: &str = "CONFIG_PAGE_OFFSET=0xC0000000
CONFIG_PHYSICAL_START=0x1000000
CONFIG_LOG_BUF_SHIFT=17
";

/// With 20,976 KiB.
const CONSOLE: &str = "\
BIOS-e820: [mem 0x0000000000100000-0x000000000145bfff] usable
RAMDISK: [mem 0x01425000-0x0144ffff]
Initramfs unpacking failed: invalid magic at start of compressed archive
Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. See Linux Documentation/admin-guide/init.rst for guidance.
 ? 0xc100089b
Kernel Offset: disabled
";

fn wall_of<'a>(kib: u64, console: &'a str, change: impl Fn(&mut WallEvidence<'a>)) -> Wall {
    static SYMBOLS: LazyLock<SystemMap> = LazyLock::new(|| SystemMap::parse(PC_NET));
    let mut evidence = WallEvidence {
        kib,
        outcome: Some(Outcome::Panicked),
        reason: Some("nothing was printed for 10 s"),
        console,
        inspection: None,
        symbols: &SYMBOLS,
        config: CONFIG,
        ram_base: 0,
        ramdisk_place: RamdiskPlace::Top,
        decompressor_bytes: 0x1_5000,
        kernel_bytes: 1_167_872,
        initrd_bytes: 173_780,
        archive_bytes: 219_212,
        placement: Placement::Separate,
    };
    change(&mut evidence);
    explain(&evidence)
}

#[test]
fn a_ramdisk_that_is_loaded_into_the_kernel_is_told_by_its_addresses() {
    let wall = wall_of(20_976, CONSOLE, |_| {});
    assert_eq!(wall.kind, WallKind::RamdiskOverKernel);
    assert_eq!(wall.size_kib, Some(172));
    let text = &wall.explanation;
    assert!(text.contains("0x1425000 to 0x1450000"), "{text}");
    assert!(text.contains("0x1000000 to 0x142c000"), "{text}");
    assert!(wall.mends[0].contains("builtin"));
    assert!(wall.mends[1].contains("CONFIG_PHYSICAL_START lower than 0x1000000"));
    let last = wall.said.last().expect("something was said");
    assert!(
        last.starts_with("Kernel panic"),
        "not its call trace: {last}"
    );
}

#[test]
fn the_line_that_tells_is_shown_however_far_back_it_is() {
    let long = CONSOLE.replace(
        "Kernel panic",
        &format!("{}Kernel panic", "Run /x\n".repeat(20)),
    );
    let said = wall_of(20_976, &long, |_| {}).said;
    assert_eq!(said.len(), SAID + 1);
    assert!(
        said[0].starts_with("Initramfs unpacking failed"),
        "{said:?}"
    );
}

#[test]
fn a_silent_kernel_whose_place_lies_beyond_ram_is_told_by_its_symbols() {
    let wall = wall_of(16_384, "", |_| {});
    assert_eq!(wall.kind, WallKind::LoadAddress);
    assert_eq!(wall.size_kib, Some(0x142_c000 / 1024));
    assert!(wall.said.is_empty());
}

#[test]
fn a_ramdisk_elsewhere_that_fails_is_a_matter_of_unpacking() {
    let console = CONSOLE.replace("0x01425000-0x0144ffff", "0x01825000-0x0184ffff");
    let wall = wall_of(26_000, &console, |_| {});
    assert_eq!(wall.kind, WallKind::RamdiskUnpacking);
    // File and content are there at the same time.
    assert_eq!(wall.size_kib, Some(384));
}

#[test]
fn programs_and_the_kernel_out_of_memory_are_told_apart() {
    let program = "Run /init as init process\nsh invoked oom-killer: gfp_mask=0xcc0\nOut of memory: Killed process 20 (sh)\n";
    let wall = wall_of(30_000, program, |_| {});
    assert_eq!(wall.kind, WallKind::ProgramMemory);
    let kernel = "swapper: page allocation failure: order:6, mode:0xdc0\n";
    let wall = wall_of(30_000, kernel, |_| {});
    assert_eq!(wall.kind, WallKind::KernelMemory);
    assert!(wall.mends[0].contains("it is 17"), "{:?}", wall.mends);
}

/// versatilepb's kernel and machine.
fn versatilepb(kib: u64, console: &str) -> Wall {
    static SYMBOLS: LazyLock<SystemMap> = LazyLock::new(|| {
        SystemMap::parse("c0008000 T _text\nc0200bb4 D _edata\nc0228ba8 B _end\n")
    });
    wall_of(kib, console, |evidence| {
        evidence.symbols = &SYMBOLS;
        evidence.config = "CONFIG_PAGE_OFFSET=0xC0000000\n";
        evidence.ramdisk_place = RamdiskPlace::Half;
        evidence.decompressor_bytes = 0x1_1000;
        evidence.kernel_bytes = 642_544;
        evidence.initrd_bytes = 160_424;
        evidence.archive_bytes = 209_680;
    })
}

#[test]
fn a_decompressor_that_spoils_the_ramdisk_is_told_by_what_it_needs() {
    let console = "Unpacking initramfs...\n\
                   Initramfs unpacking failed: invalid magic at start of compressed archive\n\
                   Freeing initrd memory: 160K\n\
                   Kernel panic - not syncing: No working init found.\n";
    let wall = versatilepb(5424, console);
    assert_eq!(wall.kind, WallKind::Decompressor);
    // Up to 0x8000 + 2,067,380 + 642,544 + 69,632 bytes, and that twice.
    assert_eq!(wall.size_kib, Some(5493));
    assert!(
        wall.explanation.contains("half of RAM (0x2a6000)"),
        "{}",
        wall.explanation
    );
    assert!(wall.explanation.ends_with("spoiled before the kernel ran"));
    // With more RAM than that the same line means something else.
    assert_eq!(versatilepb(5600, console).kind, WallKind::RamdiskUnpacking);
    // And without a line the kernel itself was hit.
    assert_eq!(versatilepb(4096, "").kind, WallKind::Decompressor);
    assert_eq!(versatilepb(5600, "").kind, WallKind::Unknown);
}

#[test]
fn what_nothing_shows_is_unknown_but_what_was_seen_is_told() {
    let inspection = Inspection {
        pc: Some(0xc12e_e9f0),
        log: vec!["Linux version 6.12.117".to_owned()],
        stacks: None,
    };
    let symbols = SystemMap::parse(PC_NET);
    let wall = explain(&WallEvidence {
        kib: 30_000,
        outcome: Some(Outcome::BootHung),
        reason: Some("nothing was printed for 10 s"),
        console: "",
        inspection: Some(&inspection),
        symbols: &symbols,
        config: CONFIG,
        ram_base: 0,
        ramdisk_place: RamdiskPlace::Top,
        decompressor_bytes: 0,
        kernel_bytes: 1,
        initrd_bytes: 1,
        archive_bytes: 1,
        placement: Placement::Builtin,
    });
    assert_eq!(wall.kind, WallKind::Unknown);
    assert!(wall.explanation.contains("nothing was printed for 10 s"));
    assert_eq!(wall.said, ["Linux version 6.12.117"]);
    assert_eq!(wall.stands_in.as_deref(), Some("__log_buf (0xc12ee9f0)"));
}

#[test]
fn a_loader_that_refuses_is_quoted() {
    let wall = wall_of(100, "", |evidence| {
        evidence.reason = Some("qemu: Not enough space for DTB after kernel/initrd");
    });
    assert_eq!(wall.kind, WallKind::LoaderRefuses);
}

proptest! {
    #[test]
    fn any_console_gives_a_wall(kib in 0u64..100_000, console in "(RAMDISK: \\[mem 0x[0-9a-f]{0,20}-0x[0-9a-f]{0,20}\\]\n|[ -~\n]){0,9}") {
        let wall = wall_of(kib, &console, |_| {});
        prop_assert_eq!(wall.below_kib, kib);
    }
}
