//! The texts are those of a boot of pc-net: Linux 6.12.117 on QEMU's `pc`,
//! without the lines that the ledger doesn't read.

use proptest::prelude::*;

use super::*;

const MEMINFO: &str = "\
MemTotal:          28308 kB
MemFree:           26160 kB
Buffers:               0 kB
Cached:              356 kB
SwapCached:            0 kB
AnonPages:           116 kB
Slab:                428 kB
KernelStack:         144 kB
PageTables:           64 kB
VmallocUsed:          40 kB
Percpu:               32 kB
";

const ZONEINFO: &str = "\
Node 0, zone   Normal
  per-node stats
  pages free     6540
        boost    0
        min      167
        low      208
        high     249
        promo    290
        spanned  8159
        present  8062
        managed  7077
        cma      0
        protection: (0, 0)
  pagesets
    cpu: 0
              count: 28
              high:  219
              batch: 1
  node_unreclaimable:  0
  start_pfn:           1
Node 0, zone  Movable
  pages free     0
        boost    0
        min      32
        low      32
        high     32
        promo    32
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0)
";

const CONSOLE: &str = "\
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved
BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved
BIOS-e820: [mem 0x0000000000100000-0x0000000001fdffff] usable
BIOS-e820: [mem 0x0000000001fe0000-0x0000000001ffffff] reserved
BIOS-e820: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved
RAMDISK: [mem 0x01fb5000-0x01fdffff]
Dentry cache hash table entries: 4096 (order: 2, 16384 bytes, linear)
Inode-cache hash table entries: 2048 (order: 1, 8192 bytes, linear)
Mount-cache hash table entries: 1024 (order: 0, 4096 bytes, linear)
Mountpoint-cache hash table entries: 1024 (order: 0, 4096 bytes, linear)
Memory: 27684K/32248K available (1784K kernel code, 577K rwdata, 336K rodata, 216K init, 208K bss, 4328K reserved, 0K cma-reserved)
IP idents hash table entries: 2048 (order: 2, 16384 bytes, linear)
tcp_listen_portaddr_hash hash table entries: 1024 (order: 0, 4096 bytes, linear)
Table-perturb hash table entries: 65536 (order: 6, 262144 bytes, linear)
TCP established hash table entries: 1024 (order: 0, 4096 bytes, linear)
TCP bind hash table entries: 1024 (order: 1, 8192 bytes, linear)
UDP hash table entries: 256 (order: 0, 4096 bytes, linear)
UDP-Lite hash table entries: 256 (order: 0, 4096 bytes, linear)
Freeing initrd memory: 172K
Freeing unused kernel image (initmem) memory: 216K
";

const SYMBOLS: &str = "\
c1000000 T _stext
c1000000 T _text
c11be16d T _etext
c11bf000 D __start_rodata
c1213000 D __end_rodata
c1213000 D _sdata
c1231820 d _printk_rb_static_infos
c1289820 d _printk_rb_static_descs
c1295820 d printk_rb_static
c12a3660 D _edata
c12ac000 D __init_begin
c12e2000 B __bss_start
c12e2000 R __init_end
c12ee9ec b __log_buf
c130e9ec b syslog_lock
c1316000 B __bss_stop
c142c000 B _end
";

const CONFIG: &str = "# CONFIG_SMP is not set\nCONFIG_FLATMEM=y\n# CONFIG_MEMCG is not set\n";

fn guest() -> GuestMemory {
    GuestMemory {
        sysinfo_kib: Some((28308, 26160)),
        meminfo: MEMINFO.to_owned(),
        zoneinfo: ZONEINFO.to_owned(),
    }
}

fn of(guest: &GuestMemory, console: &str) -> Option<MemRecord> {
    with_config(guest, console, CONFIG)
}

fn with_config(guest: &GuestMemory, console: &str, config: &str) -> Option<MemRecord> {
    ledger(&MemoryEvidence {
        machine_kib: 32768,
        guest,
        console,
        symbols: &SystemMap::parse(SYMBOLS),
        config,
        device_tree_bytes: None,
        agent_kib: Some(92),
    })
}

#[track_caller]
fn value(record: &MemRecord, owner: MemOwner, name: &str) -> Option<i64> {
    let found = record
        .entries
        .iter()
        .find(|e| e.owner == owner && e.name == name);
    found.unwrap_or_else(|| panic!("no {name}")).kib
}

fn sum(record: &MemRecord) -> i64 {
    record.entries.iter().filter_map(|e| e.kib).sum()
}

#[test]
fn a_real_boots_entries_add_up_to_the_machine() {
    let record = of(&guest(), CONSOLE).expect("a ledger");
    assert_eq!(sum(&record), 32768);
    use MemOwner::{Firmware, Managed, Reserved};
    for (owner, name, kib) in [
        (Firmware, "kept from the kernel", 520),
        (Reserved, "kernel text", 1784),
        (Reserved, "page structures", 256),
        (Reserved, "first MiB", 632),
        (Reserved, "early hash tables", 24),
        (Reserved, UNACCOUNTED, 52),
        (Managed, "free", 26160),
        (Managed, "free, kept at hand", 112),
        (Managed, "slab", 428),
        (Managed, "late hash tables", 304),
        (Managed, UNACCOUNTED, 584),
    ] {
        assert_eq!(value(&record, owner, name), Some(kib), "{name}");
    }
    let within: Vec<_> = record.within.iter().map(|e| e.kib).collect();
    assert_eq!(within, [Some(528), Some(92), Some(216), Some(172)]);
}

#[test]
fn without_proc_what_is_not_told_is_null_and_the_rest_unaccounted() {
    let guest = GuestMemory {
        meminfo: String::new(),
        zoneinfo: String::new(),
        ..guest()
    };
    let record = of(&guest, CONSOLE).expect("a ledger");
    assert_eq!(sum(&record), 32768);
    assert_eq!(value(&record, MemOwner::Managed, "slab"), None);
    assert_eq!(value(&record, MemOwner::Reserved, "page structures"), None);
    // The console's own line tells what the kernel has.
    let kept = value(&record, MemOwner::Firmware, "kept from the kernel");
    assert_eq!(kept, Some(520));
}

#[test]
fn on_64_bits_pages_have_structures_by_the_section_and_each_cpu_an_area() {
    // Two lines of virt-aarch64's console, with a third CPU that isn't there yet.
    let console = "\
percpu: Embedded 17 pages/cpu s37656 r0 d31976 u69632
SLUB: HWalign=64, Order=0-1, MinObjects=0, CPUs=3, Nodes=1
";
    let config = "CONFIG_64BIT=y\nCONFIG_SMP=y\nCONFIG_SPARSEMEM_VMEMMAP=y\n\
                  CONFIG_HAVE_ALIGNED_STRUCT_PAGE=y\n";
    let record = with_config(&guest(), console, config).expect("a ledger");
    assert_eq!(sum(&record), 32768);
    let kept = |name| value(&record, MemOwner::Reserved, name);
    assert_eq!(kept("page structures"), Some(2048));
    assert_eq!(kept("per-CPU area"), Some(204));
    let record = with_config(&guest(), "", "CONFIG_64BIT=y\nCONFIG_SMP=y\n");
    let record = record.expect("a ledger");
    let kept = |name| value(&record, MemOwner::Reserved, name);
    assert_eq!(kept("page structures"), None);
    assert_eq!(kept("per-CPU area"), None);
}

#[test]
fn with_a_silent_console_too_the_two_sums_stay() {
    let guest = GuestMemory {
        sysinfo_kib: Some((28308, 26160)),
        ..GuestMemory::default()
    };
    let record = of(&guest, "").expect("a ledger");
    assert_eq!(sum(&record), 32768);
    assert!(record.entries.iter().all(|e| e.owner != MemOwner::Firmware));
    // It was not seen that init was freed: it counts as reserved.
    assert_eq!(value(&record, MemOwner::Reserved, "kernel init"), Some(216));
    assert_eq!(of(&GuestMemory::default(), CONSOLE), None);
}

proptest! {
    #[test]
    fn any_texts_give_a_ledger_that_adds_up(
        total in 0u64..40000,
        meminfo in "(MemTotal|Slab|Cached|Percpu): {1,3}[0-9]{0,22} kB\n|[ -~\n]{0,60}",
        zoneinfo in "( *(present|managed|count:) [0-9]{0,22}\n){0,4}",
        console in "Memory: [0-9]{0,9}K/[0-9]{0,9}K available \\([0-9]{0,9}K reserved\\)|[ -~\n]{0,60}",
    ) {
        let guest = GuestMemory {
            sysinfo_kib: Some((total, total / 2)),
            meminfo,
            zoneinfo,
        };
        if let Some(record) = of(&guest, &console) {
            prop_assert_eq!(sum(&record), 32768);
        }
    }
}
