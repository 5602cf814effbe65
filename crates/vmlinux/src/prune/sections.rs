//! The allow-list of sections: what each loaded section of a kernel's objects
//! is, how it is taken apart, and the name under which the kernel's linker
//! script expects it.
//!
//! The names are those of `include/asm-generic/vmlinux.lds.h`, of
//! `arch/x86/kernel/vmlinux.lds.S`, `arch/arm/include/asm/vmlinux.lds.h` and
//! `arch/arm64/kernel/vmlinux.lds.S`.

use object::elf;

use crate::relocatable::ObjectSection;

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Code of one function, by `-ffunction-sections`.
    Code,
    /// Code of several functions, in a section that their source names.
    SharedCode,
    /// Data.
    Data,
    /// What stays in any case: code that the machine enters by itself, data
    /// that the linker script puts at a place of its own.
    Root,
    /// Pieces that begin where something refers to them: parts of functions
    /// that stand elsewhere.
    Snippets,
    /// Constants that the linker merges, each of the section's entry size, or
    /// strings.
    Merged,
    /// A table.
    Table(Entry, Lives),
    /// It goes with the section that it is ordered with.
    Linked,
    /// The linker script throws it away.
    Discarded,
    /// It isn't loaded, but the linker asks for it.
    Attributes,
}

/// What an entry of a table is, which says how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// So many bytes.
    Bytes(u64),
    /// A structure of the kernel's.
    Structure(&'static str),
}

/// How long an entry of a table lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// As long as what its first field refers to: an entry that says
    /// something about an instruction.
    WithKey,
    /// In any case, but not longer than the functions it names.
    WithFunctions,
    /// As before, and if its first field names a parameter of the command
    /// line.
    WithParameter,
    /// As [`Lives::WithFunctions`], and if it is for a PCI device that the
    /// machine has.
    WithDevice,
}

use Entry::{Bytes, Structure};
use Lives::{WithDevice, WithFunctions, WithKey, WithParameter};

/// What static calls go through where they are not patched in line.
pub(super) const TRAMPOLINES: &str = ".static_call.text";

/// The places of static calls that are patched in line.
pub(super) const SITES: &str = ".static_call_sites";

/// Names, and what sections of that name are. A name that ends in `*` stands
/// for all that begin so. The first that matches counts.
const RULES: &[(&str, Kind)] = &[
    // Thrown away: DISCARDS, and NOTES.
    (".discard*", Kind::Discarded),
    (".export_symbol", Kind::Discarded),
    (".modinfo", Kind::Discarded),
    (".exitcall.exit", Kind::Discarded),
    (".note.gnu.property", Kind::Discarded),
    // Code.
    (".head.text", Kind::Root),
    (".entry.text", Kind::Root),
    (".idmap.text", Kind::Root),
    // The stub that arm64 leaves where a hypervisor would be (hyp-stub.S).
    (".hyp.text", Kind::Root),
    (".vectors*", Kind::Root),
    (".stubs", Kind::Root),
    (".init.text*", Kind::SharedCode),
    (".exit.text*", Kind::SharedCode),
    (".noinstr.text", Kind::SharedCode),
    (".cpuidle.text", Kind::SharedCode),
    (".sched.text", Kind::SharedCode),
    (".spinlock.text", Kind::SharedCode),
    (".irqentry.text", Kind::SharedCode),
    (".softirqentry.text", Kind::SharedCode),
    (".kprobes.text", Kind::SharedCode),
    (".ref.text", Kind::SharedCode),
    (TRAMPOLINES, Kind::Code),
    (".altinstr_aux", Kind::Snippets),
    (".altinstr_replacement", Kind::Snippets),
    (".text.fixup", Kind::Snippets),
    (".text", Kind::SharedCode),
    (".text..*", Kind::Code),
    (".text.*", Kind::Code),
    // Tables that say something about code.
    (
        "__ex_table",
        Kind::Table(Structure("exception_table_entry"), WithKey),
    ),
    ("__bug_table", Kind::Table(Structure("bug_entry"), WithKey)),
    (
        "__jump_table",
        Kind::Table(Structure("jump_entry"), WithKey),
    ),
    (
        ".altinstructions",
        Kind::Table(Structure("alt_instr"), WithKey),
    ),
    (SITES, Kind::Table(Structure("static_call_site"), WithKey)),
    (".static_call_tramp_key", Kind::Table(Bytes(8), WithKey)),
    (".smp_locks", Kind::Table(Bytes(4), WithKey)),
    (".retpoline_sites", Kind::Table(Bytes(4), WithKey)),
    (".return_sites", Kind::Table(Bytes(4), WithKey)),
    (".call_sites", Kind::Table(Bytes(4), WithKey)),
    ("runtime_*", Kind::Table(Bytes(4), WithKey)),
    (".pv_table", Kind::Table(Bytes(4), WithKey)),
    (".alt.smp.init", Kind::Table(Bytes(8), WithKey)),
    (".ARM.exidx*", Kind::Linked),
    (".ARM.extab*", Kind::Data),
    // Tables that make the kernel do something.
    (".initcall*", Kind::Table(Bytes(4), WithFunctions)),
    (".con_initcall.init", Kind::Table(Bytes(4), WithFunctions)),
    (
        ".init.setup",
        Kind::Table(Structure("obs_kernel_param"), WithParameter),
    ),
    (
        "__param",
        Kind::Table(Structure("kernel_param"), WithParameter),
    ),
    (
        "__earlycon_table",
        Kind::Table(Structure("earlycon_id"), WithFunctions),
    ),
    (
        ".pci_fixup*",
        Kind::Table(Structure("pci_fixup"), WithDevice),
    ),
    (
        ".taglist.init",
        Kind::Table(Structure("tagtable"), WithFunctions),
    ),
    (".x86_cpu_dev.init", Kind::Root),
    (".apicdrivers", Kind::Root),
    (".arch.info.init", Kind::Root),
    (".proc.info.init", Kind::Root),
    ("__irqchip_of_table*", Kind::Root),
    ("__timer_of_table*", Kind::Root),
    ("__clk_of_table*", Kind::Root),
    ("__reservedmem_of_table*", Kind::Root),
    ("__modver", Kind::Root),
    // Data at places of their own.
    (".data..init_task", Kind::Root),
    (".data..init_thread_info", Kind::Root),
    ("__*_sched_class", Kind::Root),
    (".vvar*", Kind::Root),
    (".bss..brk", Kind::Root),
    (".init.ramfs*", Kind::Root),
    (".builtin_fw", Kind::Root),
    (".dtb.init.rodata", Kind::Root),
    (".note.*", Kind::Root),
    // Data.
    (".data", Kind::Data),
    (".data.*", Kind::Data),
    (".rodata", Kind::Data),
    (".rodata.*", Kind::Data),
    (".bss", Kind::Data),
    (".bss.*", Kind::Data),
    (".init.data*", Kind::Data),
    // Of what arm64 runs before its page tables are made (arch/arm64/kernel/pi).
    (".init.bss*", Kind::Data),
    (".mmuoff.data.*", Kind::Data),
    (".init.rodata*", Kind::Data),
    (".exit.data*", Kind::Data),
    (".ref.data", Kind::Data),
    (".ref.rodata", Kind::Data),
    ("__tracepoint_str", Kind::Data),
];

/// Whether a name matches a pattern with at most one `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            let rest = name.strip_prefix(before);
            rest.is_some_and(|rest| rest.ends_with(after))
        }
    }
}

/// What a section is; `None` when it isn't known.
pub fn kind(section: &ObjectSection) -> Option<Kind> {
    if let Some(kind @ Kind::Attributes) = kind_by_name(&section.name) {
        return Some(kind);
    }
    if !section.has(elf::SHF_ALLOC) {
        return Some(Kind::Discarded);
    }
    let unknown = elf::SHF_TLS | elf::SHF_COMPRESSED | elf::SHF_GROUP;
    if section.has(unknown) {
        return None;
    }
    let known = RULES
        .iter()
        .find(|(pattern, _)| matches(pattern, &section.name));
    let kind = known.map(|(_, kind)| *kind);
    match kind {
        Some(Kind::Data) if section.has(elf::SHF_MERGE) => Some(Kind::Merged),
        Some(Kind::Code | Kind::SharedCode) if !section.has(elf::SHF_EXECINSTR) => None,
        // Nothing of a size of 0 can be of an unknown kind: assembler files
        // open sections and leave them.
        None if section.size == 0 => Some(Kind::Discarded),
        kind => kind,
    }
}

/// What a loaded section of a name is, as far as the name tells.
pub(crate) fn kind_by_name(name: &str) -> Option<Kind> {
    if name == ".ARM.attributes" || name == ".note.GNU-stack" {
        return Some(Kind::Attributes);
    }
    let known = RULES.iter().find(|(pattern, _)| matches(pattern, name));
    known.map(|(_, kind)| *kind)
}

/// The name under which the kernel's linker script expects a section.
///
/// Without CONFIG_LD_DEAD_CODE_DATA_ELIMINATION it doesn't fold what
/// `-ffunction-sections` and `-fdata-sections` make. Names with two dots, such
/// as `.data..read_mostly`, are the kernel's own.
pub fn output_name(section: &ObjectSection) -> &str {
    let name = section.name.as_str();
    if section.has(elf::SHF_MERGE) {
        return name;
    }
    if name == ".text.fixup" || name == ".text.startup" || name == ".text.exit" {
        return name;
    }
    for folded in [".text.unlikely", ".text.hot", ".text.unknown"] {
        if name
            .strip_prefix(folded)
            .is_some_and(|rest| rest.starts_with('.'))
        {
            return folded;
        }
    }
    for folded in [
        ".text",
        ".ARM.extab.text",
        ".data.rel.ro",
        ".data",
        ".rodata",
        ".bss",
        ".init.data",
    ] {
        let rest = name
            .strip_prefix(folded)
            .and_then(|rest| rest.strip_prefix('.'));
        if rest.is_some_and(|rest| !rest.starts_with('.')) {
            return folded;
        }
    }
    name
}
