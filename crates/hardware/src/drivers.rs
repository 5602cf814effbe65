//! Which drivers match a device: an index over the tables of a kernel's sources,
//! or over the `modules.alias` of a distribution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alias::{bus, may_match, precision, says_nothing};
use crate::tables::DriverFile;

/// All drivers, by what they match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drivers {
    all: Vec<Driver>,
    /// By bus: the pattern and the number of the driver.
    by_bus: BTreeMap<String, Vec<(String, usize)>>,
    /// How many entries of tables could not be read.
    pub unread: usize,
}

/// One driver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// The source file, or the module where that is all that is known.
    pub source: String,
    /// What it calls itself.
    pub names: Vec<String>,
    /// The firmware files that it may ask for.
    pub firmware: Vec<String>,
}

/// A driver that matches a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The driver.
    pub driver: &'a Driver,
    /// The pattern that matches; of several, the one that asks for most.
    pub pattern: &'a str,
}

/// Folders whose drivers are taken only where no other one matches: what is not
/// finished, what another folder replaces, what only boards without PCI have.
const LATER: &[&str] = &[
    "drivers/staging/",
    "drivers/video/fbdev/",
    "sound/soc/",
    "drivers/pci/hotplug/",
    "drivers/usb/storage/uas",
    "drivers/vdpa/",
    "drivers/ata/pata_acpi",
    "drivers/ata/ata_generic",
];

impl Drivers {
    /// Adds what a source file says.
    pub fn add(&mut self, source: &str, file: DriverFile) {
        self.unread += file.unread;
        let number = self.all.len();
        for pattern in file.aliases {
            let bus = bus(&pattern).to_owned();
            self.by_bus.entry(bus).or_default().push((pattern, number));
        }
        self.all.push(Driver {
            source: source.to_owned(),
            names: file.names,
            firmware: file.firmware,
        });
    }

    /// Reads a `modules.alias` (`alias PATTERN MODULE`, kmod's modules.alias(5)).
    /// Lines that are none are passed over.
    pub fn of_modules_alias(text: &str) -> Drivers {
        let mut files: BTreeMap<&str, DriverFile> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some("alias"), Some(pattern), Some(module)) =
                (words.next(), words.next(), words.next())
            {
                let file = files.entry(module).or_default();
                file.aliases.push(pattern.to_owned());
            }
        }
        let mut drivers = Drivers::default();
        for (module, mut file) in files {
            file.names = vec![module.to_owned()];
            drivers.add(module, file);
        }
        drivers
    }

    /// All drivers.
    pub fn all(&self) -> &[Driver] {
        &self.all
    }

    /// How many patterns there are.
    pub fn patterns(&self) -> usize {
        self.by_bus.values().map(Vec::len).sum()
    }

    /// Whether any driver's table is about this bus.
    pub fn knows_bus(&self, modalias: &str) -> bool {
        self.by_bus.contains_key(bus(modalias))
    }

    /// The drivers that match a modalias, the likeliest first: the one that is
    /// in use, then those that ask for most.
    pub fn matching(&self, modalias: &str, in_use: &[&str]) -> Vec<Match<'_>> {
        let patterns = self.by_bus.get(bus(modalias)).into_iter().flatten();
        let mut best: BTreeMap<usize, &str> = BTreeMap::new();
        for (pattern, number) in patterns {
            if may_match(pattern, modalias) && !says_nothing(pattern) {
                let kept = best.entry(*number).or_insert(pattern);
                if precision(pattern) > precision(kept) {
                    *kept = pattern;
                }
            }
        }
        let mut found: Vec<Match<'_>> = best
            .into_iter()
            .filter_map(|(number, pattern)| {
                let driver = self.all.get(number)?;
                Some(Match { driver, pattern })
            })
            .collect();
        found.sort_by_key(|one| {
            let used = in_use.iter().any(|name| one.driver.is_called(name));
            let later = LATER
                .iter()
                .any(|start| one.driver.source.starts_with(start));
            (!used, later, std::cmp::Reverse(precision(one.pattern)))
        });
        found
    }
}

impl Driver {
    /// Whether this is the driver or the module of that name: by its own names,
    /// by its file or by its folder, since a module is mostly called after one.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |text: &str| text.replace('-', "_").to_lowercase();
        let name = plain(name);
        if self.names.iter().any(|own| plain(own) == name) {
            return true;
        }
        let mut parts = self.source.rsplit('/');
        let file = parts.next().unwrap_or_default();
        let stem = plain(file.split('.').next().unwrap_or_default());
        let folder = parts.next().map(plain).unwrap_or_default();
        let ends = |part: &str| part.len() > 2 && name.ends_with(&format!("_{part}"));
        stem == name || folder == name || ends(&stem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drivers() -> Drivers {
        let mut drivers = Drivers::default();
        for (source, aliases, names) in [
            (
                "drivers/ata/ahci.c",
                &[
                    "pci:v00008086d00002922sv*sd*bc*sc*i*",
                    "pci:v*d*sv*sd*bc01sc06i01*",
                ][..],
                &["ahci"][..],
            ),
            (
                "drivers/ata/ata_generic.c",
                &["pci:v*d*sv*sd*bc01sc*i*"],
                &[],
            ),
            (
                "sound/pci/hda/hda_intel.c",
                &["pci:v00008086d*sv*sd*bc04sc03i00*"],
                &[],
            ),
            (
                "sound/soc/sof/sof-pci-dev.c",
                &["pci:v00008086d0000A348sv*sd*bc*sc*i*"],
                &[],
            ),
        ] {
            let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
            drivers.add(
                source,
                DriverFile {
                    aliases: texts(aliases),
                    names: texts(names),
                    ..DriverFile::default()
                },
            );
        }
        drivers
    }

    fn sources(modalias: &str, in_use: &[&str]) -> Vec<String> {
        let drivers = drivers();
        let found = drivers.matching(modalias, in_use);
        found.iter().map(|one| one.driver.source.clone()).collect()
    }

    #[test]
    fn the_driver_that_asks_for_most_comes_first() {
        let disk = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01";
        assert_eq!(
            sources(disk, &[]),
            ["drivers/ata/ahci.c", "drivers/ata/ata_generic.c"]
        );
        let drivers = drivers();
        let found = drivers.matching(disk, &[]);
        assert_eq!(found[0].pattern, "pci:v00008086d00002922sv*sd*bc*sc*i*");
    }

    #[test]
    fn the_driver_in_use_comes_before_all_others() {
        let sound = "pci:v00008086d0000A348sv00001028sd00000000bc04sc03i00";
        assert_eq!(sources(sound, &[])[0], "sound/pci/hda/hda_intel.c");
        assert_eq!(
            sources(sound, &["sof-pci-dev"])[0],
            "sound/soc/sof/sof-pci-dev.c"
        );
        assert_eq!(
            sources(sound, &["snd_hda_intel"])[0],
            "sound/pci/hda/hda_intel.c"
        );
    }

    #[test]
    fn a_distributions_list_says_the_same_by_modules() {
        let text = "# Aliases\nalias pci:v00008086d00002922sv*sd*bc*sc*i* ahci\nnonsense\n\
                    alias fs-ext4 ext4\n";
        let drivers = Drivers::of_modules_alias(text);
        assert_eq!(drivers.patterns(), 2);
        let found = drivers.matching("fs-ext4", &[]);
        assert_eq!(found[0].driver.source, "ext4");
        assert!(!drivers.knows_bus("usb:v1"));
    }
}
