//! The map of a report's page: from where the bytes are to units and leaves.

use std::collections::HashMap;

use measure::bytes::ramdisk::Part;
use measure::bytes::{BroughtBy, Bytes, LeafKind};
use record::MemRecord;

use super::html::{Leaf, LedgerRow, Unit};
use super::size::{ALWAYS, NO_OBJECT, SHARED, UNKNOWN};

/// What the bytes of an image belong to, as the page has it.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// What bytes belong to.
    pub units: Vec<Unit>,
    /// The bytes.
    pub leaves: Vec<Leaf>,
    index: HashMap<Unit, usize>,
}

/// What surrounds the kernel in its image.
const BOOT: &str = "(setup and decompressor)";

impl Map {
    /// Adds a kernel.
    pub fn kernel(&mut self, bytes: &Bytes) {
        for leaf in &bytes.leaves {
            let path = match &leaf.object {
                Some(object) => object.clone(),
                None => format!("{NO_OBJECT}/{}", leaf.section),
            };
            let option = match (&leaf.brought_by, leaf.kind) {
                (BroughtBy::Options(options), _) => options.join("/"),
                (BroughtBy::Always, _) => ALWAYS.to_owned(),
                (BroughtBy::None, LeafKind::Boot) => BOOT.to_owned(),
                (BroughtBy::None, _) => NO_OBJECT.to_owned(),
                (BroughtBy::Unknown, _) => UNKNOWN.to_owned(),
            };
            let unit = Unit("kernel".to_owned(), path, Some(option));
            let ram = if leaf.freed { 0 } else { leaf.ram };
            self.add(unit, &leaf.name, [leaf.size, leaf.share.unwrap_or(0), ram]);
        }
    }

    /// Adds a ramdisk.
    pub fn ramdisk(&mut self, parts: &[Part]) {
        let divided = |part: &Part| {
            parts
                .iter()
                .any(|p| p.file == part.file && p.object.is_some())
        };
        for part in parts {
            let file = part.file.trim_start_matches('/');
            let path = match (&part.object, &part.applet) {
                (Some(_), Some(applet)) => format!("{file}/{applet}"),
                (Some(object), None) => format!("{file}/{SHARED}/{object}"),
                (None, _) if divided(part) => format!("{file}/{NO_OBJECT}"),
                (None, _) => file.to_owned(),
            };
            let name = match (&part.object, &part.applet) {
                (Some(object), Some(_)) => object.as_str(),
                _ => "",
            };
            let unit = Unit("ramdisk".to_owned(), path, None);
            self.add(unit, name, [part.size, part.share, part.ram]);
        }
    }

    /// Adds a file that is loaded as it is.
    pub fn file(&mut self, image: &str, bytes: u64) {
        let unit = Unit(image.to_owned(), image.to_owned(), None);
        self.add(unit, "", [bytes, bytes, bytes]);
    }

    fn add(&mut self, unit: Unit, name: &str, [size, share, ram]: [u64; 3]) {
        if size == 0 && share == 0 && ram == 0 {
            return;
        }
        let next = self.units.len();
        let index = *self.index.entry(unit).or_insert_with_key(|unit| {
            self.units.push(unit.clone());
            next
        });
        self.leaves
            .push(Leaf(index, name.to_owned(), size, share, ram));
    }
}

/// The rows of the ledger: what is known and takes room, the largest first
/// within each owner.
pub fn ledger(mem: &MemRecord) -> Vec<LedgerRow> {
    let rows = mem.entries.iter().filter_map(|entry| {
        let kib = u64::try_from(entry.kib?).ok().filter(|kib| *kib > 0)?;
        Some((entry.owner, kib, &entry.name))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(owner, kib, _)| (*owner, std::cmp::Reverse(*kib)));
    rows.into_iter()
        .map(|(owner, kib, name)| LedgerRow {
            name: format!("{}: {name}", owner.words()),
            kib,
        })
        .collect()
}

/// How the compressed figures were found, in a sentence.
pub fn share_note(bytes: &Bytes) -> &'static str {
    match bytes.share_by.as_deref() {
        Some("xz") => {
            "The compressed size of a part is what its bytes cost in the packed file as it is: \
             the price that the decoder pays for each literal and each match. The parts add up \
             to the file."
        }
        Some("cm") => {
            "The compressed size of a part is what its bytes cost in the packed file as it is: \
             what the decoder's predictions left of each bit. The parts add up to the file."
        }
        Some(_) => {
            "Compressed sizes are estimated: the parts are priced in an xz stream and scaled to \
             the file, so that they add up to it."
        }
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{MemEntry, MemOwner};

    #[test]
    fn applets_stand_under_their_program() {
        let part = |object: Option<&str>, applet: Option<&str>| Part {
            file: "/bin/busybox".to_owned(),
            object: object.map(str::to_owned),
            applet: applet.map(str::to_owned),
            size: 10,
            share: 5,
            ram: 0,
        };
        let mut map = Map::default();
        map.ramdisk(&[
            part(Some("networking/wget.o"), Some("wget")),
            part(Some("libbb/copyfd.o"), None),
            part(None, None),
        ]);
        let paths: Vec<&str> = map.units.iter().map(|u| u.1.as_str()).collect();
        assert_eq!(
            paths,
            [
                "bin/busybox/wget",
                "bin/busybox/(shared)/libbb/copyfd.o",
                "bin/busybox/(no object)"
            ]
        );
        assert_eq!(map.leaves.iter().map(|l| l.3).sum::<u64>(), 15);
    }

    #[test]
    fn what_is_not_known_takes_no_room_in_the_ledger() {
        let entry = |name: &str, kib| MemEntry {
            owner: MemOwner::Managed,
            name: name.to_owned(),
            kib,
            source: String::new(),
        };
        let rows = ledger(&MemRecord {
            machine_kib: 3,
            entries: vec![
                entry("slab", Some(1)),
                entry("stacks", None),
                entry("free", Some(2)),
            ],
            within: Vec::new(),
        });
        let told: Vec<_> = rows.iter().map(|r| (r.name.as_str(), r.kib)).collect();
        assert_eq!(told, [("managed: free", 2), ("managed: slab", 1)]);
    }
}
