//! Cold code as it is linked: what stands before the kernel's functions, the object
//! of the store, and what a linked kernel says.

use std::ops::Range;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, elf};

use super::cold::{COLD_OUTPUT, COLD_STORE, patched};
use super::function::FunctionIndex;
use super::names::function_addresses;
use super::program::Program;
use super::traps::defined;
use crate::code::address_of;
use crate::elf::ElfError;
use crate::relocatable::{Object, ObjectSection};

/// Cold code of a linked kernel, and the code beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkedCold {
    /// Where it begins.
    pub address: u64,
    /// Its bytes; none where the kernel has no cold code.
    pub code: Vec<u8>,
    /// What is in memory whenever cold code is loaded: the code that stays, from
    /// `_stext` to `_etext`.
    pub beside: Vec<u8>,
    /// Where that begins.
    pub beside_address: u64,
}

impl LinkedCold {
    /// Of a kernel's ELF file.
    pub fn read(vmlinux: &[u8]) -> Result<LinkedCold, ElfError> {
        let wrong = |e: object::Error| ElfError(e.to_string());
        let file = object::File::parse(vmlinux).map_err(wrong)?;
        let Some(section) = file.section_by_name(COLD_OUTPUT) else {
            return Ok(LinkedCold::default());
        };
        let bound = |name| address_of(vmlinux, name).unwrap_or(0);
        let (start, end) = (bound("_stext"), bound("_etext"));
        let text = file.section_by_name(".text");
        let beside = text.map(|text| text.data_range(start, end.saturating_sub(start)));
        let beside = beside.transpose().map_err(wrong)?.flatten();
        Ok(LinkedCold {
            address: section.address(),
            code: section.data().map_err(wrong)?.to_vec(),
            beside: beside.unwrap_or_default().to_vec(),
            beside_address: start,
        })
    }
}

impl Program {
    /// Pairs of functions, by their names: the second is called in the place of
    /// the first, but for calls of its own object. `Err` names the one that isn't
    /// there.
    pub fn hooks<'n>(
        &self,
        names: &[(&'n str, &'n str)],
    ) -> Result<Vec<(FunctionIndex, FunctionIndex)>, &'n str> {
        let global = |name: &'n str| {
            let (unit, _) = self.globals.get(name).ok_or(name)?;
            let of_unit = |f: &FunctionIndex| self.places[f.0 as usize].unit == *unit;
            self.named(name).into_iter().find(of_unit).ok_or(name)
        };
        let pair = |(of, to): &(&'n str, &'n str)| Ok((global(of)?, global(to)?));
        names.iter().map(pair).collect()
    }

    /// Of each byte of a range of addresses of a linked kernel, whether it is the
    /// same as long as the kernel runs: those of compiled functions that it never
    /// changes. Their marks ([`Wish::marks`]) tell where they are.
    pub fn steady(&self, vmlinux: &[u8], range: Range<u64>) -> Result<Vec<bool>, ElfError> {
        let patched = patched(self);
        let mut steady = vec![false; (range.end - range.start) as usize];
        for function in function_addresses(vmlinux)? {
            let Some(spot) = self.places.get(function.function.0 as usize) else {
                continue;
            };
            let unit = &self.units[spot.unit as usize];
            let name = &unit.object.sections[spot.section as usize].name;
            // Trampolines of static calls are patched, and no table says so.
            let known = unit.compiled && !name.starts_with(".static_call");
            if !known || patched.contains(&spot.piece) {
                continue;
            }
            let offset =
                |address: u64| (address.clamp(range.start, range.end) - range.start) as usize;
            let end = function.address.saturating_add(function.bytes);
            steady[offset(function.address)..offset(end)].fill(true);
        }
        Ok(steady)
    }

    /// The object that defines [`COLD_STORE`] as these bytes.
    pub fn store_object(&self, store: Vec<u8>) -> Vec<u8> {
        let section = ObjectSection {
            name: ".rodata".to_owned(),
            kind: elf::SHT_PROGBITS,
            flags: elf::SHF_ALLOC,
            align: 4,
            entry_size: 0,
            linked: None,
            size: store.len() as u64,
            data: store,
            relocations: Vec::new(),
            explicit_addends: self.target.is_64,
        };
        let mut symbol = defined(COLD_STORE, 0, section.size);
        symbol.kind = elf::STT_OBJECT;
        let object = Object {
            target: self.target,
            sections: vec![section],
            symbols: vec![symbol],
        };
        object.write()
    }
}

/// Whether a linked kernel has these bytes where a symbol stands.
pub fn has_bytes(vmlinux: &[u8], symbol: &str, bytes: &[u8]) -> bool {
    let Ok(file) = object::File::parse(vmlinux) else {
        return false;
    };
    let mut symbols = file.symbols().filter(|s| s.is_definition());
    let Some(symbol) = symbols.find(|s| s.name() == Ok(symbol)) else {
        return false;
    };
    let section = symbol.section_index().map(|i| file.section_by_index(i));
    let Some(Ok(section)) = section else {
        return false;
    };
    let range = section.data_range(symbol.address(), bytes.len() as u64);
    matches!(range, Ok(Some(there)) if there == bytes)
}

/// The name of what an address of a linked kernel lies in, cold code included.
pub fn symbol_at(vmlinux: &[u8], address: u64) -> Option<String> {
    let file = object::File::parse(vmlinux).ok()?;
    let named = file.symbols().filter(|s| {
        let ours = s.name().is_ok_and(|name| name.starts_with("tuxling_fn."));
        let offset = address.checked_sub(s.address());
        s.is_definition() && !ours && offset.is_some_and(|offset| offset < s.size())
    });
    let nearest = named.max_by_key(object::ObjectSymbol::address)?;
    nearest.name().ok().map(str::to_owned)
}
