//! The kinds of disks that can be plugged into a board, and what the kernel calls
//! them.

use serde::Serialize;

/// A kind of disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drive {
    /// Its name in recipes: `virtio-blk`.
    pub model: String,
    /// How QEMU gets it, by `-device`: `{drive}` stands for the drive's identifier,
    /// `{number}` for its number, from 0, and where a bus has two of them `{pair}` for
    /// the bus's and `{unit}` for its place there.
    pub device: String,
    /// What the kernel calls the first of them: `/dev/vda`, `/dev/mmcblk0`.
    pub name: String,
    /// By how much the minor numbers of one and the next differ.
    pub minors: u32,
    /// A word of the kernel's command line where it turns up late: `rootwait`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cmdline: String,
    /// Kconfig symbols that drive it, as fragment lines.
    #[serde(skip)]
    pub options: String,
}

impl Drive {
    /// QEMU's `-device` for disk `number`, from 0, which is the drive `id`.
    pub fn plugged(&self, id: &str, number: usize) -> String {
        let device = self.device.replace("{drive}", id);
        device
            .replace("{number}", &number.to_string())
            .replace("{pair}", &(number / 2).to_string())
            .replace("{unit}", &(number % 2).to_string())
    }

    /// What the kernel calls disk `number`, from 0, or a partition of it, from 1.
    /// The kernel counts with letters where a name ends in one, else with
    /// digits, and then puts a `p` before a partition (block/genhd.c, disk_name()).
    pub fn device(&self, number: u32, partition: Option<u32>) -> String {
        let digits = self.name.trim_end_matches(|c: char| c.is_ascii_digit());
        let (name, between) = match self.name[digits.len()..].parse::<u32>() {
            Ok(first) => (format!("{digits}{}", first + number), "p"),
            Err(_) => {
                let mut letters = self.name.clone().into_bytes();
                if let Some(last) = letters.last_mut() {
                    *last = last.saturating_add(u8::try_from(number).unwrap_or(u8::MAX));
                }
                (String::from_utf8_lossy(&letters).into_owned(), "")
            }
        };
        match partition {
            Some(partition) => format!("{name}{between}{partition}"),
            None => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_counted_as_the_kernel_counts_them() {
        let drive = |name: &str| Drive {
            model: "x".to_owned(),
            device: "x,drive={drive},bus=y.{number}".to_owned(),
            name: name.to_owned(),
            minors: 16,
            cmdline: String::new(),
            options: String::new(),
        };
        let letters = drive("/dev/vda");
        assert_eq!(letters.device(0, None), "/dev/vda");
        assert_eq!(letters.device(2, Some(1)), "/dev/vdc1");
        let digits = drive("/dev/mmcblk0");
        assert_eq!(digits.plugged("d", 1), "x,drive=d,bus=y.1");
        let pairs = Drive {
            device: "x,bus=y.{pair},unit={unit}".to_owned(),
            ..letters
        };
        assert_eq!(pairs.plugged("d", 1), "x,bus=y.0,unit=1");
        assert_eq!(pairs.plugged("d", 2), "x,bus=y.1,unit=0");
        assert_eq!(digits.device(1, None), "/dev/mmcblk1");
        assert_eq!(digits.device(0, Some(2)), "/dev/mmcblk0p2");
    }
}
