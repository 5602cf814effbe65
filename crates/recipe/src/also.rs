//! What a machine may be given later, or what no list of devices shows: asked
//! for by classes.

use crate::asker::Asker;
use crate::config::Request;

/// A class of devices or file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub name: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// What the symbols need that a small configuration may not have.
    pub needs: &'static [&'static str],
    /// The symbols, without `CONFIG_`, in the order in which they are asked for.
    pub symbols: &'static [&'static str],
}

/// All classes.
pub const CLASSES: &[Class] = &[
    Class {
        name: "usb-storage",
        what: "USB sticks and disks",
        needs: &["BLOCK", "SCSI", "USB_SUPPORT", "USB"],
        symbols: &["USB_STORAGE", "USB_UAS", "BLK_DEV_SD"],
    },
    Class {
        name: "hid",
        what: "USB keyboards and mice",
        needs: &["INPUT", "HID_SUPPORT", "HID", "USB_SUPPORT", "USB"],
        symbols: &["USB_HID", "HID_GENERIC", "INPUT_EVDEV"],
    },
    Class {
        name: "wifi",
        what: "what wireless cards need besides their driver",
        needs: &["NET", "NETDEVICES", "WIRELESS"],
        symbols: &["WLAN", "CFG80211", "MAC80211"],
    },
    Class {
        name: "bluetooth",
        what: "Bluetooth adapters at USB",
        needs: &["NET", "USB_SUPPORT", "USB"],
        symbols: &["BT", "BT_BREDR", "BT_HCIBTUSB"],
    },
    Class {
        name: "sound",
        what: "USB sound devices",
        needs: &["USB_SUPPORT", "USB", "SND_USB"],
        symbols: &["SOUND", "SND", "SND_USB_AUDIO"],
    },
    Class {
        name: "camera",
        what: "USB cameras",
        needs: &[
            "USB_SUPPORT",
            "USB",
            "MEDIA_USB_SUPPORT",
            "MEDIA_CAMERA_SUPPORT",
        ],
        symbols: &["MEDIA_SUPPORT", "USB_VIDEO_CLASS"],
    },
    Class {
        name: "printer",
        what: "USB printers",
        needs: &["USB_SUPPORT", "USB"],
        symbols: &["USB_PRINTER"],
    },
    Class {
        name: "usb-serial",
        what: "serial lines and modems at USB",
        needs: &["TTY", "USB_SUPPORT", "USB"],
        symbols: &[
            "USB_ACM",
            "USB_SERIAL",
            "USB_SERIAL_FTDI_SIO",
            "USB_SERIAL_CP210X",
            "USB_SERIAL_CH341",
        ],
    },
    Class {
        name: "usb-ethernet",
        what: "network cards at USB",
        needs: &["NET", "NETDEVICES", "USB_SUPPORT", "USB", "USB_NET_DRIVERS"],
        symbols: &[
            "USB_USBNET",
            "USB_NET_CDCETHER",
            "USB_RTL8152",
            "USB_NET_AX88179_178A",
        ],
    },
    Class {
        name: "cdrom",
        what: "CDs and DVDs",
        needs: &["BLOCK", "SCSI"],
        symbols: &["BLK_DEV_SR", "ISO9660_FS", "JOLIET"],
    },
    Class {
        name: "vfat",
        what: "file systems of USB sticks and of EFI",
        needs: &["BLOCK"],
        symbols: &["VFAT_FS", "NLS_CODEPAGE_437", "NLS_ISO8859_1"],
    },
    Class {
        name: "exfat",
        what: "file systems of large USB sticks",
        needs: &["BLOCK"],
        symbols: &["EXFAT_FS"],
    },
    Class {
        name: "ntfs",
        what: "file systems of Windows",
        needs: &["BLOCK"],
        symbols: &["NTFS3_FS"],
    },
    Class {
        name: "ext4",
        what: "the usual file systems of Linux",
        needs: &["BLOCK"],
        symbols: &["EXT4_FS"],
    },
    Class {
        name: "nfs",
        what: "file systems of other machines",
        needs: &["NET", "INET", "FILE_LOCKING"],
        symbols: &["NETWORK_FILESYSTEMS", "NFS_FS", "NFS_V4"],
    },
    Class {
        name: "virtio",
        what: "the devices of virtual machines",
        needs: &[
            "PCI",
            "VIRTIO_MENU",
            "BLOCK",
            "BLK_DEV",
            "NET",
            "NETDEVICES",
            "NET_CORE",
            "TTY",
            "HW_RANDOM",
        ],
        symbols: &[
            "VIRTIO_PCI",
            "VIRTIO_BLK",
            "VIRTIO_NET",
            "VIRTIO_CONSOLE",
            "HW_RANDOM_VIRTIO",
        ],
    },
];

/// The classes' symbols that are part of the kernel or nothing (`bool` in Kconfig).
const NO_MODULES: [&str; 4] = ["WLAN", "BT_BREDR", "JOLIET", "NETWORK_FILESYSTEMS"];

/// How the drivers of classes are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MadeAs {
    /// As parts of the kernel.
    #[default]
    BuiltIn,
    /// As modules, as far as the kernel has them as such.
    Module,
}

/// What a recipe's classes ask the kernel for, in order: what they need first, which
/// is always part of the kernel.
pub fn requests(classes: &[&Class], made: MadeAs) -> Vec<Request> {
    let of = |class: &&Class| {
        let by = format!("hardware.also: {}", class.name);
        let needs = class.needs.iter().map(|symbol| ask(symbol, "y", &by));
        let symbols = class.symbols.iter().map(|symbol| {
            let modular = made == MadeAs::Module && !NO_MODULES.contains(symbol);
            ask(symbol, if modular { "m" } else { "y" }, &by)
        });
        needs.chain(symbols).collect::<Vec<_>>()
    };
    classes.iter().flat_map(of).collect()
}

fn ask(symbol: &str, value: &str, by: &str) -> Request {
    Request {
        symbol: symbol.to_owned(),
        value: value.to_owned(),
        quoted: false,
        by: Asker::Implied(by.to_owned()),
        lenient: true,
        optional: false,
    }
}

/// A class by its name.
pub fn class(name: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_found_by_its_name_alone() {
        for own in CLASSES {
            assert_eq!(class(own.name), Some(own));
            let same = CLASSES.iter().filter(|other| other.name == own.name);
            assert_eq!(same.count(), 1, "{}", own.name);
            assert!(!own.symbols.is_empty() && !own.what.is_empty());
        }
        assert_eq!(class("usb"), None);
    }

    #[test]
    fn what_a_class_needs_is_asked_for_before_it_and_with_its_name() {
        let class = class("usb-storage").expect("a class");
        let all = requests(&[class], MadeAs::BuiltIn);
        let symbols: Vec<&str> = all.iter().map(|one| one.symbol.as_str()).collect();
        assert_eq!(
            symbols,
            [
                "BLOCK",
                "SCSI",
                "USB_SUPPORT",
                "USB",
                "USB_STORAGE",
                "USB_UAS",
                "BLK_DEV_SD"
            ]
        );
        assert!(all.iter().all(|one| one.value == "y"));
        assert_eq!(all[0].by.to_string(), "hardware.also: usb-storage");
    }

    #[test]
    fn drivers_are_modules_where_the_kernel_has_them_as_such() {
        let classes = [class("cdrom").expect("a class")];
        let all = requests(&classes, MadeAs::Module);
        let values: Vec<String> = all
            .iter()
            .map(|one| format!("{}={}", one.symbol, one.value))
            .collect();
        assert_eq!(
            values,
            [
                "BLOCK=y",
                "SCSI=y",
                "BLK_DEV_SR=m",
                "ISO9660_FS=m",
                "JOLIET=y"
            ]
        );
        let known = |name: &&str| CLASSES.iter().any(|class| class.symbols.contains(name));
        assert!(NO_MODULES.iter().all(known));
    }
}
