//! Why there is no network.

use recipe::plan::NetworkMode;
use record::Diagnosis;

use super::devices::{Bus, PCI, VIRTIO_MMIO, VIRTIO_PCI};
use super::{Known, diagnosis};

/// The drivers of QEMU's network cards, by the cards' names there.
const DRIVERS: &[(&str, &str)] = &[
    ("e1000", "E1000"),
    ("e1000-82544gc", "E1000"),
    ("e1000-82545em", "E1000"),
    ("e1000e", "E1000E"),
    ("igb", "IGB"),
    ("i82550", "E100"),
    ("i82551", "E100"),
    ("i82557b", "E100"),
    ("i82559er", "E100"),
    ("ne2k_isa", "NE2000"),
    ("ne2k_pci", "NE2K_PCI"),
    ("pcnet", "PCNET32"),
    ("rtl8139", "8139CP"),
    ("smc91c111", "SMC91X"),
    ("lan9118", "SMSC911X"),
    ("tulip", "TULIP"),
    ("virtio", "VIRTIO_NET"),
    ("virtio-net", "VIRTIO_NET"),
    ("virtio-net-pci", "VIRTIO_NET"),
    ("virtio-net-device", "VIRTIO_NET"),
    ("vmxnet3", "VMXNET3"),
];

/// The buses of cards, by QEMU's devices.
const BUSES: &[(&str, &Bus)] = &[
    ("e1000", &PCI),
    ("e1000-82544gc", &PCI),
    ("e1000-82545em", &PCI),
    ("e1000e", &PCI),
    ("igb", &PCI),
    ("i82550", &PCI),
    ("i82551", &PCI),
    ("i82557b", &PCI),
    ("i82559er", &PCI),
    ("ne2k_pci", &PCI),
    ("pcnet", &PCI),
    ("rtl8139", &PCI),
    ("tulip", &PCI),
    ("virtio-net-pci", &VIRTIO_PCI),
    ("virtio-net-device", &VIRTIO_MMIO),
    ("vmxnet3", &PCI),
];

/// What programs say of an interface that isn't there, and of what else this
/// may be said.
const NO_DEVICE: &[&str] = &[
    "No such device",
    "Cannot find device",
    "interface eth0 does not exist",
];

/// Who talks of interfaces.
const OF_INTERFACES: &[&str] = &[
    "ifconfig",
    "udhcpc",
    "ip: ",
    "route",
    "eth",
    "ioctl 0x89",
    "got no address",
    "Cannot find device",
];

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    if !known.has_network() {
        return Vec::new();
    }
    let no_device = no_device(known);
    if no_device.is_some() {
        return no_device.into_iter().collect();
    }
    let packet = packet(known);
    packet.or_else(|| dead_server(known)).into_iter().collect()
}

/// A line that says of an interface that it isn't there. A mount without its
/// file system, a device node without its driver have the same errno.
fn interface_line(known: &Known<'_>) -> Option<String> {
    let printed = known.printed();
    let of_interface = |line: &str| {
        NO_DEVICE.iter().any(|text| line.contains(text))
            && OF_INTERFACES.iter().any(|text| line.contains(text))
            && !line.contains("mounting ")
            && !line.contains("/dev/")
    };
    let (who, line) = printed.iter().find(|(_, line)| of_interface(line))?;
    Some(format!("{who}: {line}"))
}

fn no_device(known: &Known<'_>) -> Option<Diagnosis> {
    let line = interface_line(known)?;
    // Its driver has found it: another name, or another time.
    if known.console.contains(" eth0: ") {
        return None;
    }
    let nic = known.network.nic.as_deref()?;
    let (_, driver) = DRIVERS.iter().find(|(card, _)| *card == nic)?;
    let evidence = [line, known.setting(driver)];
    match known.config.get(driver) {
        "y" => {
            let device = known.nic_device.unwrap_or(nic);
            let (_, bus) = BUSES.iter().find(|(card, _)| *card == device)?;
            bus.diagnose(known, &format!("the network card {nic}"), &evidence[0])
        }
        "m" => Some(diagnosis(
            "network-driver-not-loaded",
            format!("the driver of the network card {nic} is a module, and nothing loaded it"),
            evidence,
            format!("ask for CONFIG_{driver}=y in [kernel]; or pack the module and load it in rcS"),
        )),
        _ => Some(diagnosis(
            "no-network-driver",
            format!("the kernel has no driver for the network card {nic}"),
            evidence,
            format!(
                "ask for CONFIG_{driver}=y in [kernel] (tuxling config RECIPE want {driver}=y says \
                 what else it needs), or take a card whose driver is there"
            ),
        )),
    }
}

/// Without an address yet, a DHCP client speaks through a packet socket.
fn packet(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("Address family not supported by protocol")?;
    (known.config.get("PACKET") == "n" && known.network.mode == NetworkMode::Dhcp).then(|| {
        diagnosis(
            "dhcp-without-packet",
            "the DHCP client needs packet sockets, which the kernel doesn't have",
            [line, known.setting("PACKET")],
            "ask for CONFIG_PACKET=y in [kernel]",
        )
    })
}

fn dead_server(known: &Known<'_>) -> Option<Diagnosis> {
    let dhcp = known.dhcp;
    if known.network.mode != NetworkMode::Dhcp || !dhcp.wanted || dhcp.given {
        return None;
    }
    let line = known.first_line(&["was given nothing", "no lease"])?;
    Some(diagnosis(
        "no-dhcp-answer",
        "no DHCP server answers",
        [
            "on the wire the card asked for a lease, and was given none".to_owned(),
            line,
        ],
        "check the network's server (QEMU's own is off with dhcp=off or restrict, or when other \
         arguments replace the network); or set network.mode = \"static\"",
    ))
}
