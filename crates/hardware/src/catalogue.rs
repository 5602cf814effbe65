//! Which options build the driver of a device.

use std::collections::{BTreeMap, BTreeSet};

use crate::alias::bus;
use crate::drivers::{Driver, Drivers};
use crate::inventory::Device;
use kbuild::Objects;
use kconfig::Configuration;

/// The drivers of a kernel and the options that build them.
pub struct Catalogue {
    drivers: Drivers,
    objects: Objects,
    /// Objects by the name of the module that they would be.
    modules: BTreeMap<String, String>,
    /// The options that can be modules: a driver's own is mostly one.
    tristate: BTreeSet<String>,
    /// The firmware files of all sources of an option.
    firmware: BTreeMap<String, BTreeSet<String>>,
}

/// A driver that a device could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its source file; its object where only the module's name is known.
    pub source: String,
    /// The pattern that matches the device; none where it is taken for its name.
    pub pattern: Option<String>,
    /// Its option.
    pub option: String,
    /// Options besides without which its object is not built; those of the
    /// folders around it are not among them: its option depends on them.
    pub besides: Vec<String>,
    /// The firmware files that it may ask for.
    pub firmware: Vec<String>,
}

impl Catalogue {
    /// Of an index, of the kernel's Makefiles with every option on, and of the
    /// options that can be modules.
    pub fn new(drivers: Drivers, objects: Objects, tristate: BTreeSet<String>) -> Catalogue {
        let name = |object: &String| {
            let file = object.rsplit('/').next().unwrap_or(object);
            let stem = file.strip_suffix(".o")?;
            Some((plain(stem), object.clone()))
        };
        let mut modules: BTreeMap<String, String> = BTreeMap::new();
        for (name, object) in objects.reasons.keys().filter_map(name) {
            // A module is what the fewest options name; a part of one rests on more.
            let options = |object: &str| objects.reasons.get(object).map_or(0, |r| r.options.len());
            let kept = modules.entry(name).or_insert_with(|| object.clone());
            if options(&object) < options(kept) {
                *kept = object;
            }
        }
        let mut catalogue = Catalogue {
            drivers,
            objects,
            modules,
            tristate,
            firmware: BTreeMap::new(),
        };
        catalogue.firmware = catalogue.firmware_by_option();
        catalogue
    }

    fn firmware_by_option(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for driver in self.drivers.all() {
            let options = self.reason(driver).unwrap_or_default();
            for option in options.iter().filter(|one| self.tristate.contains(*one)) {
                let files = found.entry(option.clone()).or_default();
                files.extend(driver.firmware.iter().cloned());
            }
        }
        found
    }

    /// The options of a configuration that can be modules.
    pub fn tristate(configuration: &Configuration<'_>) -> BTreeSet<String> {
        let options = configuration.tree().defined_options();
        let can = options.filter(|(_, option)| option.ty == kconfig::SymbolType::Tristate);
        can.map(|(_, option)| option.name.to_string()).collect()
    }

    /// A configuration with every option on, for the Makefiles.
    pub fn everything(configuration: &Configuration<'_>) -> String {
        let options = configuration.tree().defined_options();
        let line = |(id, option): (kconfig::SymbolId, &kconfig::Symbol)| {
            if option.ty.is_logical() {
                format!("CONFIG_{}=y\n", option.name)
            } else {
                configuration.line(id)
            }
        };
        options.map(line).collect()
    }

    /// The drivers that a device could have, the likeliest first.
    pub fn candidates(&self, device: &Device) -> Vec<Candidate> {
        let in_use: Vec<&str> = device.in_use.iter().map(String::as_str).collect();
        let matching = self.drivers.matching(&device.modalias, &in_use);
        let mut found: Vec<Candidate> = Vec::new();
        for one in matching {
            if let Some(options) = self.reason(one.driver) {
                let pattern = Some(one.pattern.to_owned());
                found.extend(self.candidate(&one.driver.source, pattern, &options));
            }
        }
        let named = in_use.iter().find_map(|name| self.of_module(name));
        let Some(named) = named else {
            return found;
        };
        match found.iter().position(|one| one.option == named.option) {
            Some(at) => {
                let first = found.remove(at);
                found.insert(0, first);
            }
            None if found.is_empty() || !is_named(&found[0], &in_use) => found.insert(0, named),
            None => {}
        }
        found
    }

    /// Why a device has no candidates.
    pub fn why_none(&self, device: &Device) -> String {
        let bus = bus(&device.modalias);
        let class = device.modalias.split_once("bc").map(|(_, class)| class);
        let is = |start: &str| class.is_some_and(|class| class.starts_with(start));
        match bus {
            "pci" if is("06sc00") || is("06sc01") || is("05") || is("08sc00") => {
                "it needs no driver".to_owned()
            }
            "pci" if is("13") => "it is there to be looked at by tools, not to be driven".to_owned(),
            "pci" if is("08sc06") => {
                "the firmware's tables announce it: AMD_IOMMU and INTEL_IOMMU need no table of devices".to_owned()
            }
            "usb" if device.modalias.contains("ic*") => {
                "no table names it, and the list doesn't say what it does: `lsusb -v` and `tuxling hw save` do".to_owned()
            }
            "cpu" | "dmi" => {
                "this is no device: it says what processor and board there are".to_owned()
            }
            "acpi"
                if device.modalias.starts_with("acpi:LNX")
                    || device.modalias.starts_with("acpi:ACPI0007") =>
            {
                "it needs no driver of its own".to_owned()
            }
            _ if !self.drivers.knows_bus(&device.modalias) => {
                format!("no tables of the bus `{bus}` are read")
            }
            _ => "no driver's table matches it".to_owned(),
        }
    }

    /// The options that a driver's object rests on.
    fn reason(&self, driver: &Driver) -> Option<Vec<String>> {
        let object = match driver.source.strip_suffix(".c") {
            Some(stem) => &format!("{stem}.o"),
            None => self.modules.get(&plain(&driver.source))?,
        };
        Some(self.objects.reasons.get(object)?.options.clone())
    }

    /// The driver that is the module of this name.
    fn of_module(&self, name: &str) -> Option<Candidate> {
        let object = self.modules.get(&plain(name))?;
        let reason = self.objects.reasons.get(object)?;
        self.candidate(object, None, &reason.options)
    }

    /// A driver by the options that its object rests on, those of outer folders
    /// first; none where it is always built.
    fn candidate(
        &self,
        source: &str,
        pattern: Option<String>,
        options: &[String],
    ) -> Option<Candidate> {
        let own = options
            .iter()
            .rposition(|option| self.tristate.contains(option));
        let own = own.or(options.len().checked_sub(1))?;
        let (option, besides) = options.get(own..)?.split_first()?;
        let firmware = self.firmware.get(option).into_iter().flatten();
        Some(Candidate {
            source: source.to_owned(),
            pattern,
            option: option.clone(),
            besides: besides.to_vec(),
            firmware: firmware.cloned().collect(),
        })
    }
}

/// Module names are written with either.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether a candidate is what has the device.
fn is_named(candidate: &Candidate, in_use: &[&str]) -> bool {
    let driver = Driver {
        source: candidate.source.clone(),
        ..Driver::default()
    };
    in_use.iter().any(|name| driver.is_called(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::DriverFile;
    use kbuild::Reason;

    fn catalogue() -> Catalogue {
        let mut drivers = Drivers::default();
        for (source, alias) in [
            (
                "drivers/net/e1000e/netdev.c",
                "pci:v00008086d000010D3sv*sd*bc*sc*i*",
            ),
            ("drivers/ata/ahci.c", "pci:v*d*sv*sd*bc01sc06i01*"),
            ("drivers/x/never.c", "pci:v*d*sv*sd*bc01sc06i*"),
        ] {
            let file = DriverFile {
                aliases: vec![alias.to_owned()],
                ..DriverFile::default()
            };
            drivers.add(source, file);
        }
        let mut objects = Objects::default();
        for (object, options) in [
            ("drivers/net/e1000e/netdev.o", &["ETHERNET", "E1000E"][..]),
            ("drivers/net/e1000e/e1000e.o", &["ETHERNET", "E1000E"]),
            ("drivers/ata/ahci.o", &["ATA", "SATA_AHCI", "PCI"]),
            ("drivers/ata/other-one.o", &["ATA", "OTHER"]),
        ] {
            let reason = Reason {
                options: options.iter().map(|o| (*o).to_owned()).collect(),
                ..Reason::default()
            };
            objects.reasons.insert(object.to_owned(), reason);
        }
        let tristate = ["E1000E", "SATA_AHCI", "OTHER"].map(str::to_owned);
        Catalogue::new(drivers, objects, tristate.into())
    }

    fn options(modalias: &str, in_use: &[&str]) -> Vec<String> {
        let device = Device {
            modalias: modalias.to_owned(),
            in_use: in_use.iter().map(|name| (*name).to_owned()).collect(),
            ..Device::default()
        };
        let candidates = catalogue().candidates(&device);
        candidates.into_iter().map(|one| one.option).collect()
    }

    const DISK: &str = "pci:v00001234d00000001sv*sd*bc01sc06i01";

    #[test]
    fn a_driver_is_built_by_the_options_of_its_file() {
        assert_eq!(
            options("pci:v00008086d000010D3sv*sd*bc02sc00i00", &[]),
            ["E1000E"]
        );
        assert_eq!(options(DISK, &[]), ["SATA_AHCI"]);
        let disk = Device {
            modalias: DISK.to_owned(),
            ..Device::default()
        };
        assert_eq!(catalogue().candidates(&disk)[0].besides, ["PCI"]);
    }

    #[test]
    fn the_module_in_use_comes_first_also_where_no_table_names_it() {
        assert_eq!(options(DISK, &["ahci"]), ["SATA_AHCI"]);
        assert_eq!(options(DISK, &["other_one"]), ["OTHER", "SATA_AHCI"]);
        assert_eq!(options("mei:1", &["e1000e"]), ["E1000E"]);
        assert_eq!(options(DISK, &["nobody"]), ["SATA_AHCI"]);
    }

    #[test]
    fn what_has_no_driver_is_told_why() {
        let why = |modalias: &str| {
            catalogue().why_none(&Device {
                modalias: modalias.to_owned(),
                ..Device::default()
            })
        };
        assert_eq!(why("pci:v1d1sv*sd*bc06sc00i00"), "it needs no driver");
        assert_eq!(
            why("pci:v1d1sv*sd*bc02sc00i00"),
            "no driver's table matches it"
        );
        assert_eq!(why("wmi:X"), "no tables of the bus `wmi` are read");
    }
}
