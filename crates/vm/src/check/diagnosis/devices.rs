//! Devices that a program or the command line names, and the kernel has not got:
//! no driver, or nothing that tells the kernel of them.

use record::Diagnosis;

use super::{Known, diagnosis};

/// What announces the devices of a bus: one of these must be on.
#[derive(Debug)]
pub(super) struct Bus {
    /// The symbol of the bus.
    pub symbol: &'static str,
    /// How people call it.
    pub name: &'static str,
    /// What finds its devices: any of them will do.
    pub finders: &'static [&'static str],
}

/// virtio over memory: drivers/virtio/virtio_mmio.c.
pub(super) const VIRTIO_MMIO: Bus = Bus {
    symbol: "VIRTIO_MMIO",
    name: "virtio over memory (virtio-mmio)",
    finders: &["VIRTIO_MMIO_CMDLINE_DEVICES", "OF", "ACPI"],
};

/// virtio over PCI: drivers/virtio/virtio_pci_common.c.
pub(super) const VIRTIO_PCI: Bus = Bus {
    symbol: "VIRTIO_PCI",
    name: "virtio over PCI",
    finders: PCI.finders,
};

/// PCI: what reads the configuration of its devices (arch/x86/pci,
/// drivers/pci/controller).
pub(super) const PCI: Bus = Bus {
    symbol: "PCI",
    name: "PCI",
    finders: &[
        "PCI_DIRECT",
        "PCI_BIOS",
        "PCI_MMCONFIG",
        "PCI_VERSATILE",
        "PCI_HOST_GENERIC",
        "PCI_INTEGRATOR",
        "PCI_V3_SEMI",
    ],
};

impl Bus {
    /// The symbols that are missing for the bus's devices to be found; any of
    /// them will do. `None` when they are found.
    pub(super) fn lacks(&self, known: &Known<'_>) -> Option<Vec<&'static str>> {
        if !known.on(self.symbol) {
            return Some(vec![self.symbol]);
        }
        let found = self.finders.iter().any(|finder| known.on(finder));
        (!found).then(|| self.finders.to_vec())
    }

    /// A device on a bus whose devices nobody finds.
    pub(super) fn diagnose(&self, known: &Known<'_>, what: &str, line: &str) -> Option<Diagnosis> {
        let lacking = self.lacks(known)?;
        let mut evidence = vec![line.to_owned()];
        evidence.extend(lacking.iter().take(3).map(|symbol| known.setting(symbol)));
        let first = lacking.first()?;
        let (id, cause) = if *first == self.symbol {
            (
                "bus-not-configured",
                format!(
                    "{what} stands on {}, which the kernel doesn't have",
                    self.name
                ),
            )
        } else {
            (
                "bus-not-enumerated",
                format!(
                    "{what} is never announced: the kernel has {} and nothing that finds its devices",
                    self.name
                ),
            )
        };
        let first = if self.symbol == "VIRTIO_MMIO" && known.on("OF") {
            "OF"
        } else {
            first
        };
        Some(diagnosis(
            id,
            cause,
            evidence,
            format!("ask for CONFIG_{first}=y in [kernel]"),
        ))
    }
}

/// Names below `/dev` and the drivers that make them: the first that is off is
/// told.
const DRIVERS: &[(&str, &[&str])] = &[
    ("vd", &["VIRTIO_BLK"]),
    ("sd", &["BLK_DEV_SD"]),
    ("sr", &["BLK_DEV_SR"]),
    ("nvme", &["BLK_DEV_NVME"]),
    ("mmcblk", &["MMC_BLOCK"]),
    ("mtdblock", &["MTD_BLOCK"]),
    ("mtd", &["MTD"]),
    ("ubi", &["MTD_UBI"]),
    ("ram", &["BLK_DEV_RAM"]),
    ("loop", &["BLK_DEV_LOOP"]),
    ("zram", &["ZRAM"]),
    ("md", &["BLK_DEV_MD"]),
    ("mapper/", &["BLK_DEV_DM"]),
    ("dm-", &["BLK_DEV_DM"]),
    ("nbd", &["BLK_DEV_NBD"]),
    ("nfs", &["ROOT_NFS"]),
    ("net/tun", &["TUN"]),
    ("fuse", &["FUSE_FS"]),
    ("rtc", &["RTC_CLASS"]),
    ("watchdog", &["WATCHDOG"]),
    ("hwrng", &["HW_RANDOM"]),
    ("fb0", &["FB"]),
    ("mem", &["DEVMEM"]),
    ("kvm", &["KVM"]),
    ("ptmx", &["UNIX98_PTYS"]),
    ("tty1", &["VT"]),
    ("tty2", &["VT"]),
    ("tty0", &["VT"]),
    ("ttyS", &["SERIAL_8250"]),
    ("ttyAMA", &["SERIAL_AMBA_PL011"]),
    ("hvc", &["VIRTIO_CONSOLE"]),
    ("ttyUSB", &["USB_SERIAL"]),
    ("ttyACM", &["USB_ACM"]),
    ("input/", &["INPUT_EVDEV"]),
    ("i2c-", &["I2C_CHARDEV"]),
    ("spidev", &["SPI_SPIDEV"]),
    ("gpiochip", &["GPIO_CDEV"]),
    ("snd/", &["SND"]),
];

/// The driver of a device by its name below `/dev`.
fn driver(name: &str) -> Option<&'static str> {
    let found = DRIVERS.iter().find(|(start, _)| {
        let rest = name.strip_prefix(start);
        // "sda" is one, "sdio" none of these.
        rest.is_some_and(|rest| rest.len() <= 4 || start.ends_with('/') || start.len() > 3)
    })?;
    found.1.first().copied()
}

/// What programs say of a device node that isn't there or has nothing behind it.
const MISSING: &[&str] = &[
    "No such file or directory",
    "No such device",
    "No such device or address",
];

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let lines = known.printed();
    let mut all: Vec<Diagnosis> = Vec::new();
    for (who, line) in &lines {
        if !MISSING.iter().any(|text| line.contains(text)) {
            continue;
        }
        for name in names(line) {
            if let Some(told) = without_driver(known, name, &format!("{who}: {}", line.trim()))
                && all.iter().all(|one| one.cause != told.cause)
            {
                all.push(told);
            }
        }
    }
    all
}

/// The names below `/dev` in a line.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("/dev/").map(|(at, _)| {
        let rest = &line[at + 5..];
        let fits = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
        let end = rest.find(|c: char| !fits(c)).unwrap_or(rest.len());
        &rest[..end]
    })
}

fn without_driver(known: &Known<'_>, name: &str, line: &str) -> Option<Diagnosis> {
    let symbol = driver(name)?;
    if known.on(symbol) {
        let virtio = name.starts_with("vd") || name.starts_with("hvc");
        return virtio.then(|| virtio_bus(known, name, line)).flatten();
    }
    Some(diagnosis(
        "device-without-driver",
        format!("there is no /dev/{name}: the kernel has no driver for it"),
        [line.to_owned(), known.setting(symbol)],
        format!(
            "ask for CONFIG_{symbol}=y in [kernel] (tuxling config RECIPE want {symbol}=y says \
             what else it needs)"
        ),
    ))
}

/// A virtio device that no bus announces.
fn virtio_bus(known: &Known<'_>, name: &str, line: &str) -> Option<Diagnosis> {
    let what = format!("the device /dev/{name}");
    let pci = VIRTIO_PCI.lacks(known);
    let mmio = VIRTIO_MMIO.lacks(known);
    match (pci, mmio) {
        (Some(_), Some(_)) if known.on("VIRTIO_MMIO") => VIRTIO_MMIO.diagnose(known, &what, line),
        (Some(_), Some(_)) => VIRTIO_PCI.diagnose(known, &what, line),
        _ => None,
    }
}

/// A root device that the kernel has no driver or no bus for, or no way to mount.
pub(super) fn root(known: &Known<'_>, root: &str, line: &str) -> Option<Diagnosis> {
    let name = root.strip_prefix("/dev/").unwrap_or(root);
    let line = format!("{line}, by root={root}");
    if !known.on("BLOCK") && name != "nfs" {
        return Some(diagnosis(
            "device-without-driver",
            format!("the kernel can't use root={root}: it has no block devices"),
            [line, known.setting("BLOCK")],
            "ask for CONFIG_BLOCK=y in [kernel], and for the driver of the device",
        ));
    }
    without_driver(known, name, &line)
}
