//! The traps of a pruned kernel, known from its file alone: where its handler
//! stops, and what stands around the place that came to it.

use std::path::Path;

use recipe::arch::KernelPlace;
use vmlinux::Code;
use vmlinux::code::address_of;
use vmlinux::prune::{
    COLD_LOADED, COLD_NO_ROOM, COLD_PAGES, COLD_TWICE, COLD_USED_UP, TRAP_MAGIC, TRAP_RECORD,
    TRAP_STOPPED, find_trap, symbol_at,
};

use super::gdb::{TrapPoints, TrapSeen};
use crate::error::{Error, Result};

/// The traps of a pruned kernel.
#[derive(Clone, Copy, Debug)]
pub struct Traps<'a> {
    /// Where they show.
    pub points: &'a TrapPoints,
    /// What their addresses mean, for people.
    pub words: &'a dyn TrapWords,
}

/// Says what the addresses of a trap mean.
pub trait TrapWords: std::fmt::Debug {
    /// Which function was missed, and who called it.
    fn words(&self, seen: &TrapSeen) -> String;
}

/// A linked kernel that has traps.
#[derive(Debug)]
pub struct KernelTraps {
    vmlinux: Vec<u8>,
    code: Code,
    points: TrapPoints,
}

/// What virtual addresses are above the physical ones: by the file, or, where
/// the file doesn't know, what the architecture has.
pub fn offset(code: &Code, place: KernelPlace) -> u64 {
    match (code.offset, place) {
        (0, KernelPlace::Above(offset)) => offset,
        (0, KernelPlace::LoadedAt(first)) => code.image.start.wrapping_sub(first),
        (offset, _) => offset,
    }
}

impl KernelTraps {
    /// Of a file; `None` where it has no traps.
    pub fn of_file(path: &Path, place: KernelPlace) -> Result<Option<KernelTraps>> {
        let bytes = std::fs::read(path).map_err(|e| host::Error::file("read", path, e))?;
        KernelTraps::of(bytes, place).map_err(|error| Error::Unreadable {
            path: path.to_owned(),
            error,
        })
    }

    /// Of a file's bytes.
    ///
    /// # Errors
    /// When they are no readable ELF file.
    pub fn of(
        vmlinux: Vec<u8>,
        place: KernelPlace,
    ) -> std::result::Result<Option<KernelTraps>, vmlinux::elf::ElfError> {
        let code = Code::parse(&vmlinux)?;
        let record = address_of(&vmlinux, TRAP_RECORD);
        let (Some(record), Some(stopped)) = (record, code.address_of(TRAP_STOPPED)) else {
            return Ok(None);
        };
        let points = TrapPoints {
            stopped,
            record,
            magic: u64::from(TRAP_MAGIC),
            word: code.word,
            offset: offset(&code, place),
            loaded: address_of(&vmlinux, COLD_LOADED).zip(address_of(&vmlinux, COLD_PAGES)),
        };
        Ok(Some(KernelTraps {
            vmlinux,
            code,
            points,
        }))
    }

    /// The file.
    pub fn vmlinux(&self) -> &[u8] {
        &self.vmlinux
    }

    /// What a boot looks for.
    pub fn watched<'a>(&'a self, words: &'a dyn TrapWords) -> Traps<'a> {
        Traps {
            points: &self.points,
            words,
        }
    }

    /// The virtual address of one that may be from before paging.
    pub fn virtual_address(&self, address: u64) -> u64 {
        if self.code.image.contains(&address) {
            address
        } else {
            address.wrapping_add(self.points.offset)
        }
    }

    /// What could not be loaded and why, where a stop means that.
    pub fn not_loaded(&self, seen: &TrapSeen) -> Option<String> {
        let stop = symbol_at(&self.vmlinux, self.virtual_address(seen.trap))?;
        let needed = || {
            let symbol = symbol_at(&self.vmlinux, seen.caller);
            symbol.unwrap_or_else(|| format!("{:#x}", seen.caller))
        };
        match stop.as_str() {
            COLD_USED_UP => Some(format!(
                "no page of the reserve was left for {}: reserve under [prune]",
                needed()
            )),
            COLD_TWICE => Some(format!("{} was needed while a page was loaded", needed())),
            COLD_NO_ROOM => Some("RAM or vmalloc= leaves no addresses for cold code".to_owned()),
            _ => None,
        }
    }

    /// `NAME+0xOFFSET`, or the bare address.
    fn place(&self, address: u64) -> String {
        match self.code.at(address) {
            Some(symbol) => format!("{}+{:#x}", symbol.name, address - symbol.address),
            None => format!("{address:#x}"),
        }
    }
}

impl TrapWords for KernelTraps {
    fn words(&self, seen: &TrapSeen) -> String {
        if let Some(words) = self.not_loaded(seen) {
            return words;
        }
        let trap = self.virtual_address(seen.trap);
        let caller = self.virtual_address(seen.caller);
        match find_trap(&self.vmlinux, trap) {
            Ok(Some(named)) => {
                let caller = self.place(caller);
                format!("{} was removed, and called from {caller}", named.symbol)
            }
            _ => format!("{} came to what was removed", self.place(trap)),
        }
    }
}
