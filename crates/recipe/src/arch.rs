//! The one table of what differs between architectures in terms of QEMU,
//! Kbuild and user land.

use initramfs::Compression;
use serde::Serialize;
use syscalls::Machine;

/// A processor architecture: its row of the table is [`Arch::facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// 32-bit x86.
    I386,
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM, little endian.
    Aarch64,
    /// 32-bit ARM from version 5 on, little endian.
    Arm,
    /// ARM's microcontrollers from version 7 on: Thumb-2, no MMU.
    Armv7m,
}

/// What one architecture needs.
#[derive(Debug)]
pub struct ArchFacts {
    /// Its name in a board file.
    pub name: &'static str,
    /// The bits of its words.
    pub bits: u32,
    /// The number of its programs (`e_machine`, include/uapi/linux/elf-em.h).
    pub elf_machine: u16,
    /// The kernel's `ARCH=`.
    pub kernel_arch: &'static str,
    /// What container images call it: Go's `GOARCH`.
    pub image_architecture: &'static str,
    /// The folder below the kernel's `arch/`.
    pub source_arch: &'static str,
    /// What the distribution calls it, and the flavour of its own kernels that
    /// most machines run; `None` where it makes none.
    pub distribution: Option<DistributionKernel>,
    /// The `make` target that gives the boot image.
    pub image_target: &'static str,
    /// The boot image, below the object tree.
    pub image_path: &'static str,
    /// How its boot images are compressed, where it is the loader that unpacks
    /// them: then there is no other way. `None` where they unpack themselves, in
    /// whichever way the recipe says.
    pub unpacked_by_loader: Option<Compression>,
    /// QEMU's program.
    pub qemu: &'static str,
    /// Prefixes of cross compilers to try when this machine isn't of the
    /// architecture and `CROSS_COMPILE` isn't set; the empty prefix is the
    /// native compiler.
    pub cross_prefixes: &'static [&'static str],
    /// Machines (Rust's names) whose native compiler builds for it.
    pub native_hosts: &'static [&'static str],
    /// Flags that make a compiler produce user programs that run on every board
    /// of this architecture.
    pub user_cflags: &'static [&'static str],
    /// The linker's emulation, where the compiler's own isn't right.
    pub ld_emulation: Option<&'static str>,
    /// musl's `--target`; `None` where programs have no C library and are
    /// executed where they are stored.
    pub musl_target: Option<&'static str>,
    /// The option by which its kernels execute programs.
    pub program_format: &'static str,
    /// The longest command line that its kernels take (`COMMAND_LINE_SIZE` in
    /// arch/…/asm/setup.h).
    pub cmdline_bytes: usize,
    /// Where RAM begins in its boards' addresses.
    pub ram_base: u64,
    /// Where QEMU's loader puts the ramdisk.
    pub ramdisk_place: RamdiskPlace,
    /// RAM that the kernel's decompressor needs besides itself and its output:
    /// its heap and its stack.
    pub decompressor_bytes: u64,
    /// Whether user programs can read a counter of cycles (`ticks()` in
    /// guest/agent.c): under `-icount` it counts the instructions of the boot.
    pub cycle_counter: bool,
    /// QEMU's names of CPU models other than the default that a kernel of this
    /// architecture must run on.
    pub further_cpus: &'static [&'static str],
    /// Machines (`uname -m`) whose `/dev/kvm` can run it.
    pub kvm_hosts: &'static [&'static str],
    /// Where its kernels lie where the ELF file says that virtual and physical
    /// addresses are equal.
    pub place: KernelPlace,
    /// What the traps of a pruned kernel end in; `None` where kernels can't be
    /// pruned yet.
    pub trap_handler: Option<&'static str>,
    /// Where it prints what was missed.
    pub trap_console: TrapDevices,
    /// How it makes the machine begin anew.
    pub trap_reset: TrapDevices,
    /// Whether its kernels are for several CPUs whatever their configuration is:
    /// how many there are the machine says.
    pub always_smp: bool,
    /// Whether it stops all CPUs, from any of them.
    pub trap_stops_all_cpus: bool,
    /// What loads what a kernel was pruned of when it is needed; `None` where
    /// there is nothing that does.
    pub loader: Option<Loader>,
    /// What its programs are for.
    pub programs: Machine,
    /// Where the kernel's sources say which system calls there are; `None` where
    /// kernels can't be pruned yet.
    pub system_calls: Option<SystemCallTable>,
    /// How to find out whether KVM really runs such a machine; it is taken for
    /// usable where it can't be tried.
    pub kvm_probe: Option<KvmProbe>,
}

impl ArchFacts {
    /// The prefix of the tool chain that is taken for it where nothing else is
    /// said: what `CROSS_COMPILE` says, none where this machine is of the
    /// architecture, else the distribution's.
    pub fn tool_prefix(&self, cross_compile: Option<&str>) -> String {
        let native = self.native_hosts.contains(&std::env::consts::ARCH);
        match cross_compile {
            Some(prefix) if !prefix.is_empty() => prefix.to_owned(),
            _ if native => String::new(),
            _ => self
                .cross_prefixes
                .last()
                .copied()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

/// A distribution's own kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistributionKernel {
    /// The architecture, as `dpkg --print-architecture` has it.
    pub architecture: &'static str,
    /// The flavour that is taken where none is named.
    pub flavour: &'static str,
}

/// What unpacks a page of cold code, in C.
pub const UNPACK: &str = include_str!("../trap/unpack.c");

/// What loads cold code into a kernel: code that is kept compressed and is given
/// memory when something first needs it.
#[derive(Clone, Copy, Debug)]
pub struct Loader {
    /// C, compiled with the kernel's own headers. `#include "unpack.c"` in it
    /// stands for [`UNPACK`].
    pub source: &'static str,
    /// Where cold code begins: addresses that nothing backs, whole page tables.
    pub start: u64,
    /// Where it has to end.
    pub end: u64,
    /// Functions of the kernel's, and those of `source` that stand before them.
    pub hooks: &'static [(&'static str, &'static str)],
    /// Options with which it doesn't work, each with the reason.
    pub refused: &'static [(&'static str, &'static str)],
}

/// The system calls of an architecture.
#[derive(Clone, Copy, Debug)]
pub struct SystemCallTable {
    /// The list, in the kernel's sources.
    pub list: &'static str,
    /// The ABIs of the list that programs here can use.
    pub abis: &'static [&'static str],
    /// What comes before the list's names in the functions' names.
    pub prefix: &'static str,
    /// The function that calls them all by name, where it isn't a table.
    pub dispatcher: Option<&'static str>,
    /// Calls that the kernel itself has programs make: the ways back from
    /// signal handlers, calls begun again, and what its vDSO falls back to.
    pub by_kernel: &'static [u32],
}

/// How the handler of traps knows a machine's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapDevices {
    /// All machines of the architecture have them at the same addresses.
    Alike,
    /// The board says where they are.
    Board,
    /// It doesn't: it can't do that yet.
    Unknown,
}

/// Where a kernel lies in RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelPlace {
    /// Its virtual addresses are so much above the physical ones.
    Above(u64),
    /// The loader puts its first byte there, whatever its virtual address is.
    LoadedAt(u64),
}

/// Where QEMU's loader puts the ramdisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RamdiskPlace {
    /// At the end of RAM, below what the firmware keeps there
    /// (hw/i386/x86.c, x86_load_linux()).
    Top,
    /// At half of RAM, or at 128 MiB if that is lower, and the device tree
    /// behind it (hw/arm/boot.c, arm_setup_direct_kernel_boot()).
    Half,
    /// It loads none: the kernel is executed where it is stored, and so are the
    /// programs.
    Nowhere,
}

/// The smallest machine that ends by itself: its status shows that firmware and
/// processor work.
#[derive(Clone, Copy, Debug)]
pub struct KvmProbe {
    /// What is booted.
    pub kernel: &'static [u8],
    /// QEMU's arguments besides.
    pub args: &'static [&'static str],
    /// The status that QEMU then ends with.
    pub status: i32,
}

/// A kernel by the Multiboot specification (version 0.6.96, 3.1.1 and 3.1.4):
/// the header with its own load addresses, then 32-bit code that writes 0x10 to
/// port 0x501, where the board's `isa-debug-exit` makes it status 0x21.
const MULTIBOOT_EXIT: &[u8] = &[
    0x02, 0xb0, 0xad, 0x1b, // magic
    0x00, 0x00, 0x01, 0x00, // flags: addresses follow
    0xfe, 0x4f, 0x51, 0xe4, // the three add up to 0
    0x00, 0x00, 0x10, 0x00, // header at 1 MiB
    0x00, 0x00, 0x10, 0x00, // load there
    0x00, 0x00, 0x00, 0x00, // all of the file
    0x00, 0x00, 0x00, 0x00, // no bss
    0x20, 0x00, 0x10, 0x00, // entry, behind the header
    0xb0, 0x10, // mov $0x10, %al
    0x66, 0xba, 0x01, 0x05, // mov $0x501, %dx
    0xee, // out %al, (%dx)
    0xf4, // hlt
    0xeb, 0xfd, // jmp to the hlt
];

/// The PC shows whether KVM runs a machine of x86.
const MULTIBOOT_PROBE: KvmProbe = KvmProbe {
    kernel: MULTIBOOT_EXIT,
    args: &[
        "-machine",
        "pc",
        "-device",
        "isa-debug-exit,iobase=0x501,iosize=1",
    ],
    status: 0x21,
};

static I386: ArchFacts = ArchFacts {
    name: "i386",
    image_architecture: "386",
    bits: 32,
    elf_machine: 3,
    kernel_arch: "i386",
    source_arch: "x86",
    distribution: Some(DistributionKernel {
        architecture: "i386",
        flavour: "686",
    }),
    image_target: "bzImage",
    image_path: "arch/x86/boot/bzImage",
    unpacked_by_loader: None,
    qemu: "qemu-system-i386",
    cross_prefixes: &["", "i686-linux-gnu-"],
    native_hosts: &["x86_64", "x86"],
    user_cflags: &["-m32", "-march=i686"],
    ld_emulation: Some("elf_i386"),
    musl_target: Some("i386"),
    program_format: "BINFMT_ELF",
    cmdline_bytes: 2048,
    ram_base: 0,
    ramdisk_place: RamdiskPlace::Top,
    decompressor_bytes: 0x1_5000, // arch/x86/include/asm/boot.h: heap, stack
    cycle_counter: true,
    // An early and a late relative of QEMU's default; others' and others' times.
    further_cpus: &["pentium3", "max", "coreduo", "athlon"],
    kvm_hosts: &["x86_64", "i686"],
    place: KernelPlace::Above(0xc000_0000),
    trap_handler: Some(include_str!("../trap/i386.S")),
    trap_console: TrapDevices::Alike,
    trap_reset: TrapDevices::Alike,
    always_smp: false,
    trap_stops_all_cpus: false,
    loader: Some(I386_LOADER),
    programs: Machine::I386,
    system_calls: Some(SystemCallTable {
        list: "arch/x86/entry/syscalls/syscall_32.tbl",
        abis: &["i386"],
        prefix: "__ia32_",
        dispatcher: Some("ia32_sys_call"),
        by_kernel: &[0, 13, 78, 119, 173, 265, 266, 403, 406],
    }),
    kvm_probe: Some(MULTIBOOT_PROBE),
};

/// One page table's worth of the vmalloc area, below whatever `VMALLOC_END` is
/// (arch/x86/include/asm/pgtable_32_areas.h) and above the last address that
/// can be that of RAM: 128 MiB of it are kept for vmalloc.
const I386_LOADER: Loader = Loader {
    source: include_str!("../trap/pager_i386.c"),
    start: 0xfe00_0000,
    end: 0xfe40_0000,
    hooks: &[
        ("exc_page_fault", "tuxling_cold_page_fault"),
        ("early_fixup_exception", "tuxling_cold_early_exception"),
        ("vmalloc_init", "tuxling_cold_vmalloc_init"),
    ],
    refused: &[
        (
            "CONFIG_X86_PAE",
            "the loader knows page tables of two levels",
        ),
        (
            "CONFIG_PARAVIRT",
            "page tables are written to without the hypervisor",
        ),
        (
            "CONFIG_KEXEC_CORE",
            "another kernel is begun without a handler of faults",
        ),
        (
            "CONFIG_SUSPEND",
            "the machine wakes up without a handler of faults",
        ),
        (
            "CONFIG_HIBERNATION",
            "the machine wakes up without a handler of faults",
        ),
        ("CONFIG_KGDB", "breakpoints change code that is stored"),
    ],
};

static X86_64: ArchFacts = ArchFacts {
    name: "x86_64",
    image_architecture: "amd64",
    bits: 64,
    elf_machine: 62,
    kernel_arch: "x86_64",
    source_arch: "x86",
    distribution: Some(DistributionKernel {
        architecture: "amd64",
        flavour: "amd64",
    }),
    image_target: "bzImage",
    image_path: "arch/x86/boot/bzImage",
    unpacked_by_loader: None,
    qemu: "qemu-system-x86_64",
    cross_prefixes: &["", "x86_64-linux-gnu-"],
    native_hosts: &["x86_64"],
    user_cflags: &["-m64", "-march=x86-64"],
    ld_emulation: None,
    musl_target: Some("x86_64"),
    program_format: "BINFMT_ELF",
    cmdline_bytes: 2048,
    ram_base: 0,
    ramdisk_place: RamdiskPlace::Top,
    decompressor_bytes: 0x1_8000, // arch/x86/include/asm/boot.h: heap, stack
    cycle_counter: true,
    // Without and with what came after the first of its kind.
    further_cpus: &["Opteron_G1", "max"],
    kvm_hosts: &["x86_64"],
    place: KernelPlace::Above(0xffff_ffff_8000_0000),
    trap_handler: Some(include_str!("../trap/x86_64.S")),
    trap_console: TrapDevices::Alike,
    trap_reset: TrapDevices::Unknown,
    always_smp: false,
    trap_stops_all_cpus: true,
    loader: None,
    programs: Machine::X86_64,
    system_calls: Some(SystemCallTable {
        list: "arch/x86/entry/syscalls/syscall_64.tbl",
        abis: &["common", "64"],
        prefix: "__x64_",
        dispatcher: Some("x64_sys_call"),
        // A vDSO's getrandom() falls back to the call, too (lib/vdso/getrandom.c).
        by_kernel: &[15, 96, 201, 219, 228, 229, 318],
    }),
    kvm_probe: Some(MULTIBOOT_PROBE),
};

/// The arm64 port. Its kernels don't unpack themselves: QEMU unpacks gzip alone
/// (hw/arm/boot.c, load_aarch64_image()), and what is compressed as `EFI_ZBOOT`
/// from version 8.0 on, given UEFI's firmware. An `Image` that says that it may
/// lie anywhere is loaded 2 MiB behind the beginning of RAM, the same place says.
/// That is 1 GiB on QEMU's `virt`, the one machine that has been booted.
///
/// No KVM: its machines have the host's own CPU model, and those of boards are
/// fixed. The counter that programs may read counts time, idle time as well.
static AARCH64: ArchFacts = ArchFacts {
    name: "aarch64",
    image_architecture: "arm64",
    bits: 64,
    elf_machine: 183,
    kernel_arch: "arm64",
    source_arch: "arm64",
    distribution: Some(DistributionKernel {
        architecture: "arm64",
        flavour: "arm64",
    }),
    image_target: "Image.gz",
    image_path: "arch/arm64/boot/Image.gz",
    unpacked_by_loader: Some(Compression::Gzip),
    qemu: "qemu-system-aarch64",
    cross_prefixes: &["", "aarch64-linux-gnu-"],
    native_hosts: &["aarch64"],
    user_cflags: &["-march=armv8-a", "-mno-outline-atomics"],
    ld_emulation: None,
    musl_target: Some("aarch64"),
    program_format: "BINFMT_ELF",
    cmdline_bytes: 2048,
    ram_base: 0x4000_0000,
    ramdisk_place: RamdiskPlace::Half,
    decompressor_bytes: 0,
    cycle_counter: false,
    // A larger one of the same time, and what came after.
    further_cpus: &["cortex-a72", "max"],
    kvm_hosts: &[],
    place: KernelPlace::LoadedAt(0x4020_0000),
    trap_handler: Some(include_str!("../trap/aarch64.S")),
    trap_console: TrapDevices::Board,
    trap_reset: TrapDevices::Unknown,
    always_smp: true,
    trap_stops_all_cpus: false,
    loader: None,
    programs: Machine::Aarch64,
    system_calls: Some(SystemCallTable {
        list: "scripts/syscall.tbl",
        // arch/arm64/kernel/Makefile.syscalls
        abis: &["common", "64", "renameat", "rlimit", "memfd_secret"],
        prefix: "__arm64_",
        dispatcher: None,
        by_kernel: &[113, 114, 128, 139, 169, 278],
    }),
    kvm_probe: None,
};

/// No KVM: none of its hosts runs an ARM9's kernel, and 32-bit hosts lost it
/// in Linux 5.7.
static ARM: ArchFacts = ArchFacts {
    name: "arm",
    image_architecture: "arm",
    bits: 32,
    elf_machine: 40,
    kernel_arch: "arm",
    source_arch: "arm",
    distribution: Some(DistributionKernel {
        architecture: "armel",
        flavour: "rpi",
    }),
    image_target: "zImage",
    image_path: "arch/arm/boot/zImage",
    unpacked_by_loader: None,
    qemu: "qemu-system-arm",
    cross_prefixes: &["", "arm-linux-gnueabi-"],
    native_hosts: &["arm"],
    user_cflags: &["-march=armv5te", "-marm", "-mfloat-abi=soft"],
    ld_emulation: None,
    musl_target: Some("arm-linux-gnueabi"),
    program_format: "BINFMT_ELF",
    cmdline_bytes: 1024,
    ram_base: 0,
    ramdisk_place: RamdiskPlace::Half,
    decompressor_bytes: 0x1_1000, // arch/arm/boot/compressed: heap and stack
    cycle_counter: false,         // ARMv5 has none
    further_cpus: &["arm1026"],
    kvm_hosts: &[],
    place: KernelPlace::Above(0xc000_0000),
    trap_handler: Some(include_str!("../trap/arm.S")),
    trap_console: TrapDevices::Board,
    trap_reset: TrapDevices::Board,
    always_smp: false,
    trap_stops_all_cpus: false,
    loader: None,
    programs: Machine::Arm,
    system_calls: Some(SystemCallTable {
        list: "arch/arm/tools/syscall.tbl",
        abis: &["common", "eabi"],
        prefix: "",
        dispatcher: None,
        by_kernel: &[0, 78, 119, 173, 263, 264, 403, 406],
    }),
    kvm_probe: None,
};

/// Its kernels are executed in flash memory. RAM begins where the architecture
/// has it (ARMv7-M Architecture Reference Manual, B3.1), whatever the board.
static ARMV7M: ArchFacts = ArchFacts {
    name: "armv7m",
    image_architecture: "arm",
    bits: 32,
    elf_machine: 40,
    kernel_arch: "arm",
    source_arch: "arm",
    distribution: None,
    image_target: "xipImage",
    image_path: "arch/arm/boot/xipImage",
    unpacked_by_loader: None,
    qemu: "qemu-system-arm",
    cross_prefixes: &["arm-linux-gnueabi-"],
    native_hosts: &[],
    user_cflags: &["-march=armv7-m", "-mthumb", "-mfloat-abi=soft"],
    ld_emulation: None,
    musl_target: None,
    program_format: "BINFMT_ELF_FDPIC",
    cmdline_bytes: 1024,
    ram_base: 0x2000_0000,
    ramdisk_place: RamdiskPlace::Nowhere,
    decompressor_bytes: 0,
    cycle_counter: false,
    further_cpus: &[],
    kvm_hosts: &[],
    place: KernelPlace::Above(0),
    trap_handler: None,
    trap_console: TrapDevices::Unknown,
    trap_reset: TrapDevices::Unknown,
    always_smp: false,
    trap_stops_all_cpus: false,
    loader: None,
    programs: Machine::Arm,
    system_calls: None,
    kvm_probe: None,
};

impl Arch {
    /// All architectures.
    pub const ALL: &[Arch] = &[
        Arch::I386,
        Arch::X86_64,
        Arch::Aarch64,
        Arch::Arm,
        Arch::Armv7m,
    ];

    /// Its row of the table.
    pub fn facts(self) -> &'static ArchFacts {
        match self {
            Arch::I386 => &I386,
            Arch::X86_64 => &X86_64,
            Arch::Aarch64 => &AARCH64,
            Arch::Arm => &ARM,
            Arch::Armv7m => &ARMV7M,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_has_a_name_of_its_own() {
        let named = |name| Arch::ALL.iter().filter(move |a| a.facts().name == name);
        for arch in Arch::ALL {
            let facts = arch.facts();
            assert_eq!(named(facts.name).collect::<Vec<_>>(), [arch]);
            assert!([32, 64].contains(&facts.bits), "{}", facts.name);
        }
    }
}
