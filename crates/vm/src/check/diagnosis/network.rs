//! Why there is no network.

use recipe::plan::NetworkMode;
use record::Diagnosis;

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
    ("virtio-net-pci", "VIRTIO_NET"),
    ("virtio-net-device", "VIRTIO_NET"),
    ("vmxnet3", "VMXNET3"),
];

/// What programs say of an interface that isn't there.
const NO_DEVICE: &[&str] = &[
    "No such device",
    "Cannot find device",
    "interface eth0 does not exist",
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

fn no_device(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.first_line(NO_DEVICE)?;
    let nic = known.network.nic.as_deref()?;
    let (_, driver) = DRIVERS.iter().find(|(card, _)| *card == nic)?;
    let evidence = [line, known.setting(driver)];
    match known.config.get(driver) {
        "y" => None,
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
