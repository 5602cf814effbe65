//! What a wall is recognised by.

use host::units::grouped;
use kconfig::dotconfig::ConfigValues;
use measure::system_map::SystemMap;
use recipe::arch::RamdiskPlace;
use recipe::plan::Placement;
use record::Outcome;
use vm::machine::inspect::Inspection;

/// What was seen of a boot that failed, and what is known of the system.
#[derive(Clone, Copy, Debug)]
pub struct WallEvidence<'a> {
    /// The machine's RAM.
    pub kib: u64,
    /// How the boot ended.
    pub outcome: Option<Outcome>,
    /// What that rests on.
    pub reason: Option<&'a str>,
    /// What the console printed.
    pub console: &'a str,
    /// What the machine looked like when it had stopped.
    pub inspection: Option<&'a Inspection>,
    /// The kernel's symbols.
    pub symbols: &'a SystemMap,
    /// The kernel's configuration.
    pub config: &'a str,
    /// Where RAM begins.
    pub ram_base: u64,
    /// Where QEMU's loader puts the ramdisk.
    pub ramdisk_place: RamdiskPlace,
    /// What the kernel's decompressor needs besides itself and its output.
    pub decompressor_bytes: u64,
    /// The kernel's image.
    pub kernel_bytes: u64,
    /// The file that was loaded as the ramdisk, the agent's archive with it.
    pub initrd_bytes: u64,
    /// The ramdisk before compression.
    pub archive_bytes: u64,
    /// Whether it is a file of its own.
    pub placement: Placement,
}

/// Where 64-bit x86 maps its kernel (arch/x86/include/asm/page_64_types.h).
const X86_64_MAP: u64 = 0xffff_ffff_8000_0000;

impl<'a> WallEvidence<'a> {
    /// What was said: on the console, or, when that was silent, in the kernel's
    /// own memory.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let log = match self.inspection {
            Some(inspection) if self.console.trim().is_empty() => inspection.log.as_slice(),
            _ => &[],
        };
        let console = self.console.lines().map(str::trim_end);
        let lines = console.chain(log.iter().map(String::as_str));
        lines.filter(|line| !line.is_empty())
    }

    /// The first line that has one of these texts.
    pub fn line_with(&self, texts: &[&str]) -> Option<&'a str> {
        self.lines()
            .find(|line| texts.iter().any(|text| line.contains(text)))
    }

    /// Whether the console printed anything.
    pub fn printed(&self) -> bool {
        !self.console.trim().is_empty()
    }

    /// A number of the configuration's.
    fn number(&self, symbol: &str) -> Option<u64> {
        let values = ConfigValues::parse(self.config);
        let value = values.stated(symbol)?;
        match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        }
    }

    /// From where to where the kernel stands in RAM, bss and `.brk` included.
    pub fn kernel_place(&self) -> Option<(u64, u64)> {
        let map = if ConfigValues::parse(self.config).is_yes("X86_64") {
            X86_64_MAP
        } else {
            self.number("PAGE_OFFSET")?
        };
        let place = |name| {
            let address = self.symbols.address(name)?.checked_sub(map)?;
            address.checked_add(self.ram_base)
        };
        Some((place("_text")?, place("_end")?))
    }

    /// What the kernel's decompressor writes: all of the kernel but its bss.
    pub fn unpacked_kernel_bytes(&self) -> Option<u64> {
        self.symbols.span("_text", "_edata")
    }

    /// The function that the processor stood in.
    pub fn stands_in(&self) -> Option<String> {
        let pc = self.inspection?.pc?;
        let name = self.symbols.name_at(pc);
        Some(match name {
            Some(name) => format!("{name} (0x{pc:x})"),
            None => format!("0x{pc:x}, outside of the kernel's symbols"),
        })
    }

    /// What helps when the ramdisk's file is in the way.
    pub fn ramdisk_mend(&self) -> String {
        match self.placement {
            Placement::Separate => {
                "[ramdisk] placement = \"builtin\": the loader then has nothing to place (but the checks' agent)"
            }
            Placement::Builtin => "the ramdisk is linked into the kernel: what the loader places is the checks' agent alone",
            Placement::Disk => "the loader places nothing: the files stay on the disk",
            Placement::Flash => "the loader places nothing: the files stay in flash memory",
        }
        .to_owned()
    }

    /// A lower address for a kernel that begins above 1 MiB, where the
    /// configuration can set it.
    pub fn place_mend(&self, start: u64) -> Option<String> {
        let now = self.number("PHYSICAL_START").filter(|_| start > 1 << 20)?;
        Some(format!(
            "CONFIG_PHYSICAL_START lower than 0x{now:x}: below the kernel there are {} KiB of RAM",
            grouped(start / 1024)
        ))
    }

    /// A smaller log buffer.
    pub fn log_mend(&self) -> String {
        let size = [
            "__log_buf",
            "_printk_rb_static_infos",
            "_printk_rb_static_descs",
        ]
        .iter()
        .try_fold(0u64, |sum, name| sum.checked_add(self.symbols.size(name)?));
        match (size, self.number("LOG_BUF_SHIFT")) {
            (Some(size), Some(shift)) if shift > 12 => format!(
                "CONFIG_LOG_BUF_SHIFT=12: it is {shift}, and the log buffer with its index takes {} KiB",
                grouped(size.div_ceil(1024))
            ),
            _ => "a smaller kernel".to_owned(),
        }
    }
}
