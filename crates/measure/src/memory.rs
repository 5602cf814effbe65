//! Where all of a machine's RAM is: a ledger whose entries add up to it.
//!
//! Three owners share it. The *firmware* keeps what the kernel was never given.
//! The kernel *reserves* a part at boot, for itself and for what it allocates
//! before its allocators run. It *manages* the rest, and tells in /proc where
//! that is. Each owner's sum is known from the kernel's own figures; what its
//! entries don't explain stands there as `unaccounted`. Nothing is estimated:
//! an entry without a source is `None`.

use kconfig::dotconfig::ConfigValues;
use record::{GuestMemory, MemEntry, MemOwner, MemRecord, meminfo_kib};

use super::system_map::SystemMap;

/// A section of sparse memory (`SECTION_SIZE_BITS` is 27).
const SECTION_KIB: u64 = 128 << 10;

/// What a ledger is made from.
#[derive(Clone, Copy, Debug)]
pub struct MemoryEvidence<'a> {
    /// What the machine has.
    pub machine_kib: u64,
    /// What the guest's files said, all at one moment.
    pub guest: &'a GuestMemory,
    /// What the console printed.
    pub console: &'a str,
    /// The kernel's symbols.
    pub symbols: &'a SystemMap,
    /// The kernel's configuration: its text.
    pub config: &'a str,
    /// The device tree that the kernel was given.
    pub device_tree_bytes: Option<u64>,
    /// The checks' own agent.
    pub agent_kib: Option<u64>,
}

/// The ledger; `None` when not even the kernel's own sum is known.
pub fn ledger(evidence: &MemoryEvidence<'_>) -> Option<MemRecord> {
    let (total, free) = evidence.guest.sysinfo_kib?;
    let total = evidence.meminfo("MemTotal").unwrap_or(total);
    let mut entries = Vec::new();
    let machine = signed(evidence.machine_kib);
    let present = evidence.present_kib();
    if let Some(present) = present {
        entries.push(entry(
            MemOwner::Firmware,
            "kept from the kernel",
            Some(machine.saturating_sub(signed(present))),
            "the machine's RAM less the pages that the kernel has",
        ));
    }
    let total = signed(total);
    let reserved = signed(present.unwrap_or(evidence.machine_kib)).saturating_sub(total);
    for (owner, sum, mut own) in [
        (MemOwner::Reserved, reserved, evidence.reserved()),
        (MemOwner::Managed, total, evidence.managed(free)),
    ] {
        for figure in &mut own {
            // More than there is: the text was no figure of this machine's.
            figure.kib = figure.kib.filter(|kib| *kib <= machine);
        }
        close(&mut entries, owner, sum, own);
    }
    Some(MemRecord {
        machine_kib: evidence.machine_kib,
        entries,
        within: evidence.within(),
    })
}

/// Adds an owner's entries, and what they leave of its sum.
fn close(entries: &mut Vec<MemEntry>, owner: MemOwner, sum: i64, own: Vec<MemEntry>) {
    let known: i64 = own.iter().filter_map(|e| e.kib).sum();
    entries.extend(own);
    let source = match owner {
        MemOwner::Firmware => "",
        MemOwner::Reserved => "what the kernel has less what it manages, less the above",
        MemOwner::Managed => "MemTotal less the above: pages that drivers and the network took",
    };
    entries.push(entry(
        owner,
        UNACCOUNTED,
        Some(sum.saturating_sub(known)),
        source,
    ));
}

/// The name of the pages that are free, but on the processors' own lists:
/// sysinfo(2) and MemFree don't count them.
pub const AT_HAND: &str = "free, kept at hand";

/// The name of what an owner's entries don't explain.
pub const UNACCOUNTED: &str = "unaccounted";

fn entry(owner: MemOwner, name: &str, kib: Option<i64>, source: &str) -> MemEntry {
    MemEntry {
        owner,
        name: name.to_owned(),
        kib,
        source: source.to_owned(),
    }
}

fn signed(kib: u64) -> i64 {
    i64::try_from(kib).unwrap_or(i64::MAX)
}

/// Whole KiB, to the nearest.
fn kib(bytes: u64) -> u64 {
    bytes.saturating_add(512) / 1024
}

/// Bytes that were reserved at boot.
fn reserved_row(name: &str, bytes: Option<u64>, source: &str) -> MemEntry {
    let kib = bytes.map(|bytes| signed(kib(bytes)));
    entry(MemOwner::Reserved, name, kib, source)
}

/// How many pages of this kind the kernel counts: `(key, page size)` of
/// /proc/zoneinfo summed over all zones.
fn zone_sum(zoneinfo: &str, key: &str) -> Option<u64> {
    let mut found = None;
    for line in zoneinfo.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some(key) {
            continue;
        }
        if let (Some(Ok(pages)), None) = (words.next().map(str::parse::<u64>), words.next()) {
            found = Some(found.unwrap_or(0u64).saturating_add(pages));
        }
    }
    found
}

impl MemoryEvidence<'_> {
    fn meminfo(&self, key: &str) -> Option<u64> {
        meminfo_kib(&self.guest.meminfo, key)
    }

    fn option(&self, symbol: &str) -> bool {
        ConfigValues::parse(self.config).is_yes(symbol)
    }

    /// KiB of a page: what the kernel manages, in KiB and in pages.
    fn page_kib(&self) -> Option<u64> {
        let pages = zone_sum(&self.guest.zoneinfo, "managed").filter(|pages| *pages > 0)?;
        let page = self.meminfo("MemTotal")?.checked_div(pages)?;
        page.is_power_of_two().then_some(page)
    }

    fn zone_kib(&self, key: &str) -> Option<u64> {
        zone_sum(&self.guest.zoneinfo, key)?.checked_mul(self.page_kib()?)
    }

    /// All pages that the kernel has, reserved ones included.
    fn present_kib(&self) -> Option<u64> {
        let said = || memory_line(self.console).map(|(present, _)| present);
        self.zone_kib("present")
            .or_else(said)
            .filter(|present| *present <= self.machine_kib)
    }

    /// What was reserved at boot and is still.
    fn reserved(&self) -> Vec<MemEntry> {
        let mut rows = self.kernel_image();
        rows.extend(self.early_tables());
        rows.extend(self.machines_own());
        rows
    }

    /// The kernel's own sections.
    fn kernel_image(&self) -> Vec<MemEntry> {
        let symbols = self.symbols;
        let row = reserved_row;
        let text = symbols.span("_stext", "_etext");
        let rodata = symbols.span("__start_rodata", "__end_rodata");
        let data = symbols.span("_sdata", "_edata");
        let bss = symbols.span("__bss_start", "__bss_stop");
        let init = symbols.span("__init_begin", "__init_end");
        let all = symbols.span("_text", "__bss_stop");
        let parts = [text, rodata, data, bss, init].into_iter().flatten();
        let parts = parts.fold(0, u64::saturating_add);
        let gaps = all.and_then(|all| all.checked_sub(parts));
        let mut rows = vec![
            row("kernel text", text, "System.map: _stext to _etext"),
            row(
                "kernel read-only data",
                rodata,
                "System.map: __start_rodata to __end_rodata",
            ),
            row("kernel data", data, "System.map: _sdata to _edata"),
            row("kernel bss", bss, "System.map: __bss_start to __bss_stop"),
            row(
                "kernel, between sections",
                gaps,
                "System.map: _text to __bss_stop, less the above and init",
            ),
        ];
        if !self.init_was_freed() {
            rows.push(row(
                "kernel init",
                init,
                "System.map: __init_begin to __init_end; never freed",
            ));
        }
        rows
    }

    /// What the kernel takes for itself before it manages memory.
    fn early_tables(&self) -> Vec<MemEntry> {
        vec![
            reserved_row(
                "page structures",
                self.memmap_bytes(),
                "32 B for each page, in blocks of 1,024 pages (32 bits, FLATMEM, no MEMCG); \
                 64 B, in sections of 128 MiB (64 bits, SPARSEMEM_VMEMMAP, pages of 4 KiB)",
            ),
            reserved_row(
                "early hash tables",
                early_tables(self.console),
                "the console: dentry and inode caches",
            ),
            entry(
                MemOwner::Reserved,
                "per-CPU area",
                self.early_percpu_kib().map(signed),
                "meminfo: Percpu (without SMP its first area is reserved), or the console",
            ),
        ]
    }

    /// What an architecture or a board keeps besides.
    fn machines_own(&self) -> Vec<MemEntry> {
        let mut rows = Vec::new();
        if let Some(low) = low_megabyte(self.console) {
            rows.push(reserved_row(
                "first MiB",
                Some(low),
                "the console: usable by e820; x86 keeps off it",
            ));
        }
        if let Some(tables) = self
            .symbols
            .span("swapper_pg_dir", "_text")
            .filter(|b| *b <= 1 << 15)
        {
            rows.push(reserved_row(
                "kernel page directory",
                Some(tables),
                "System.map: swapper_pg_dir, in front of the kernel",
            ));
        }
        if let Some(bytes) = self.device_tree_bytes {
            let pages = bytes.next_multiple_of(4096);
            rows.push(reserved_row(
                "device tree",
                Some(pages),
                "the file, in whole pages",
            ));
        }
        rows
    }

    /// What the kernel manages.
    fn managed(&self, free: u64) -> Vec<MemEntry> {
        let row = |name: &str, kib: Option<u64>, source: &str| {
            entry(MemOwner::Managed, name, kib.map(signed), source)
        };
        let meminfo =
            |name: &str, key: &str| row(name, self.meminfo(key), &format!("meminfo: {key}"));
        // With VMAP_STACK the stacks' pages are counted twice.
        let vmalloc = self.meminfo("VmallocUsed").map(|used| {
            let stacks = self
                .option("VMAP_STACK")
                .then(|| self.meminfo("KernelStack"));
            used.saturating_sub(stacks.flatten().unwrap_or(0))
        });
        let own_lists = self
            .page_kib()
            .and_then(|page| zone_sum(&self.guest.zoneinfo, "count:")?.checked_mul(page));
        vec![
            row(
                "free",
                Some(self.meminfo("MemFree").unwrap_or(free)),
                "meminfo: MemFree, else sysinfo(2)",
            ),
            row(AT_HAND, own_lists, "zoneinfo: the processors' own lists"),
            row(
                "page cache",
                self.meminfo("Cached"),
                "meminfo: Cached; the unpacked ramdisk is in it",
            ),
            meminfo("buffers", "Buffers"),
            meminfo("programs' own memory", "AnonPages"),
            meminfo("programs' page tables", "PageTables"),
            meminfo("slab", "Slab"),
            meminfo("kernel stacks", "KernelStack"),
            row("vmalloc", vmalloc, "meminfo: VmallocUsed"),
            row(
                "late hash tables",
                late_tables(self.console).map(kib),
                "the console",
            ),
        ]
    }

    /// Parts of entries, and what is gone again: none of these counts.
    fn within(&self) -> Vec<MemEntry> {
        let symbols = self.symbols;
        let log = sum_of_all(
            [
                "__log_buf",
                "_printk_rb_static_infos",
                "_printk_rb_static_descs",
            ]
            .map(|name| symbols.size(name)),
        );
        let row = |owner, name: &str, kib: Option<u64>, source: &str| {
            entry(owner, name, kib.map(signed), source)
        };
        vec![
            row(
                MemOwner::Reserved,
                "log buffer",
                log.map(kib),
                "System.map: __log_buf and its index, part of data and bss",
            ),
            row(
                MemOwner::Managed,
                "the checks' agent",
                self.agent_kib,
                "its files and its own memory, part of page cache and programs",
            ),
            row(
                MemOwner::Managed,
                "init, freed",
                freed(self.console, "Freeing unused kernel"),
                "the console; free since",
            ),
            row(
                MemOwner::Managed,
                "ramdisk's copy, freed",
                freed(self.console, "Freeing initrd memory"),
                "the console; free since",
            ),
        ]
    }

    fn init_was_freed(&self) -> bool {
        freed(self.console, "Freeing unused kernel").is_some()
    }

    /// mm/mm_init.c: alloc_node_mem_map(); struct page is eight words where
    /// nothing is added to it (include/linux/mm_types.h). mm/sparse.c: memory that is
    /// sparse has them for whole sections, which on arm64 with pages of 4 KiB and on
    /// x86_64 are of 128 MiB (arch/*/include/asm/sparsemem.h); RAM begins with one.
    fn memmap_bytes(&self) -> Option<u64> {
        let page = self.page_kib()?;
        if self.option("KMSAN") {
            None
        } else if self.option("64BIT") {
            let sparse = self.option("SPARSEMEM_VMEMMAP") && page == 4;
            let known = sparse && self.option("HAVE_ALIGNED_STRUCT_PAGE");
            let sections = self.machine_kib.div_ceil(SECTION_KIB);
            known.then_some(sections * (SECTION_KIB / page) * 64)
        } else {
            let plain = self.option("FLATMEM") && !self.option("MEMCG");
            let pages = self.machine_kib / page;
            plain.then(|| pages.next_multiple_of(1024) * 32)
        }
    }

    /// mm/percpu.c: without SMP one area is allocated before the allocators
    /// run; later ones, if any, are in whole areas of the same size. With SMP the
    /// console says how large that of each CPU is, and how many there may be.
    fn early_percpu_kib(&self) -> Option<u64> {
        if !self.option("SMP") {
            return self.meminfo("Percpu");
        }
        let pages = number_behind(self.console, "percpu: Embedded ")?;
        let cpus = number_behind(self.console, ", CPUs=")?;
        pages.checked_mul(cpus)?.checked_mul(self.page_kib()?)
    }
}

/// The number that stands behind some words of the console.
fn number_behind(console: &str, words: &str) -> Option<u64> {
    let (_, rest) = console.split_once(words)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What the kernel said of its pages (mm/mm_init.c: mem_init_print_info()):
/// all, and those that were reserved at that time, in KiB.
fn memory_line(console: &str) -> Option<(u64, u64)> {
    let (_, rest) = console.split_once("Memory: ")?;
    let line = rest.lines().next()?;
    let kib = |text: &str| text.trim().strip_suffix('K')?.parse::<u64>().ok();
    let (_, rest) = line.split_once('/')?;
    let (present, rest) = rest.split_once(" available (")?;
    let reserved = rest
        .split(',')
        .find_map(|part| part.strip_suffix(" reserved"))?;
    Some((kib(present)?, kib(reserved)?))
}

/// `Freeing initrd memory: 172K` (mm/page_alloc.c: free_reserved_area()).
fn freed(console: &str, what: &str) -> Option<u64> {
    console.lines().find_map(|line| {
        let (_, rest) = line.split_once(what)?;
        let (_, rest) = rest.rsplit_once(": ")?;
        rest.trim().strip_suffix('K')?.parse().ok()
    })
}

/// `… hash table entries: 4096 (order: 2, 16384 bytes, linear)`
/// (mm/mm_init.c: alloc_large_system_hash()), with the table's name.
fn tables(console: &str) -> impl Iterator<Item = (&str, u64)> {
    console.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" hash table entries: ")?;
        let (_, rest) = rest.split_once(", ")?;
        let (bytes, _) = rest.split_once(" bytes")?;
        Some((name, bytes.parse().ok()?))
    })
}

/// These are allocated before the allocators run (fs/dcache.c, fs/inode.c,
/// kernel/pid.c: HASH_EARLY).
fn is_early(name: &str) -> bool {
    ["Dentry cache", "Inode-cache", "PID"]
        .iter()
        .any(|early| name.ends_with(early))
}

/// The sum of values that are all there.
fn sum_of_all<const N: usize>(values: [Option<u64>; N]) -> Option<u64> {
    let add = |sum: u64, value: Option<u64>| sum.checked_add(value?);
    values.into_iter().try_fold(0, add)
}

fn sum_of(mut found: impl Iterator<Item = u64>) -> Option<u64> {
    let first = found.next()?;
    Some(found.fold(first, u64::saturating_add))
}

fn early_tables(console: &str) -> Option<u64> {
    sum_of(
        tables(console)
            .filter(|(name, _)| is_early(name))
            .map(|(_, bytes)| bytes),
    )
}

fn late_tables(console: &str) -> Option<u64> {
    sum_of(
        tables(console)
            .filter(|(name, _)| !is_early(name))
            .map(|(_, bytes)| bytes),
    )
}

/// Usable RAM below 1 MiB in whole pages without the first one, as e820 told
/// it. x86 reserves it (arch/x86/kernel/setup.c, reserve_real_mode()).
fn low_megabyte(console: &str) -> Option<u64> {
    sum_of(console.lines().filter_map(|line| {
        let (_, rest) = line.split_once("BIOS-e820: [mem 0x")?;
        let (range, kind) = rest.split_once("] ")?;
        let (from, to) = range.split_once("-0x")?;
        let from = u64::from_str_radix(from, 16).ok()?.max(0x1000);
        let to = u64::from_str_radix(to, 16).ok()?.checked_add(1)?;
        let low = to <= 1 << 20 && kind.trim() == "usable";
        let bytes = (to & !0xfff).checked_sub(from.next_multiple_of(0x1000));
        bytes.filter(|_| low)
    }))
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
