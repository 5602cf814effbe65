//! Reads pruned objects again, by another reader than the one that pruned
//! them, and holds them against what must be true of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionFlags, elf};

use super::function::FunctionIndex;
use super::handler::{TRAP_HANDLER, TRAPS_END, TRAPS_START};
use super::program::Program;
use super::pruned::{Output, Pruned};
use super::sections::{self, Entry, Kind, Lives};
use super::traps::PART;

/// What was found to be true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Relocations that point at something that is there.
    pub relocations: u64,
    /// Traps that stand together.
    pub traps: u64,
    /// Traps in place.
    pub in_place: u64,
    /// Names that no object defines: the linker script has to.
    pub left_to_script: BTreeSet<String>,
    /// Parts of functions that are filled, as far as the functions are marked.
    pub gaps: u64,
    /// Loaded bytes, without zeros that take no room in the file.
    pub bytes: u64,
}

/// What isn't as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// An output can't be read.
    #[error("{object}: {why}")]
    Read {
        /// Its name.
        object: String,
        /// Why.
        why: String,
    },
    /// Something refers to what is gone.
    #[error("{object}: section {section} at {offset:#x} refers to {symbol}, which is gone")]
    Gone {
        /// The object.
        object: String,
        /// The section.
        section: String,
        /// Where.
        offset: u64,
        /// The symbol.
        symbol: String,
    },
    /// A statement that doesn't hold.
    #[error("{object}: {what}")]
    Broken {
        /// The object.
        object: String,
        /// The statement.
        what: String,
    },
}

/// Checks the outputs of pruning a program.
///
/// Every relocation points into something that is there, or at a name that
/// none of the inputs defines: the linker script has to. Tables are made of
/// whole entries, each of which names code that stays. Every trap calls the
/// handler. The bytes add up to what the report says.
pub fn check(program: &Program, pruned: &Pruned) -> Result<Verified, VerifyError> {
    let defined_before = &program.globals;
    let mut verified = Verified::default();
    let mut defined = BTreeMap::new();
    let mut files = Vec::new();
    for output in &pruned.objects {
        let file = object::File::parse(output.bytes.as_slice()).map_err(|e| read(output, &e))?;
        files.push((output, file));
    }
    for (output, file) in &files {
        for symbol in file
            .symbols()
            // Also absolute ones: an assembler file's `.set`.
            .filter(|s| s.is_global() && !s.is_undefined())
        {
            let name = symbol.name().map_err(|e| read(output, &e))?.to_owned();
            let strong = !symbol.is_weak() && !symbol.is_common();
            if defined.insert(name.clone(), strong) == Some(true) && strong {
                return Err(broken(output, format!("{name} is defined twice")));
            }
        }
    }
    for (output, file) in &files {
        symbols_lie_in_sections(output, file)?;
        relocations_point_at_something(output, file, &defined, defined_before, &mut verified)?;
    }
    for (output, file) in &files {
        tables_are_whole(program, output, file)?;
    }
    traps_call_the_handler(program, pruned, &files, &mut verified)?;
    gaps_call_the_handler(program, pruned, &files, &mut verified)?;
    bytes_add_up(pruned, &files)?;
    Ok(verified)
}

/// Tables that say something about code: each entry begins with a relocation.
fn tables_are_whole(
    program: &Program,
    output: &Output,
    file: &object::File,
) -> Result<(), VerifyError> {
    for section in file.sections() {
        let name = section.name().map_err(|e| read(output, &e))?;
        let Some(Kind::Table(entry, lives)) = sections::kind_by_name(name) else {
            continue;
        };
        let bytes = match entry {
            Entry::Bytes(bytes) => bytes,
            Entry::Structure(structure) => program.sizes.0.get(structure).copied().unwrap_or(0),
        };
        if bytes == 0
            || !section
                .size()
                .next_multiple_of(section.align().max(1))
                .is_multiple_of(bytes)
        {
            return Err(broken(
                output,
                format!("{name} is not made of whole entries"),
            ));
        }
        let places: BTreeSet<u64> = section.relocations().map(|(offset, _)| offset).collect();
        let mut starts = (0..section.size()).step_by(bytes as usize);
        if lives == Lives::WithKey && !starts.all(|start| places.contains(&start)) {
            return Err(broken(
                output,
                format!("{name} has an entry that names no code"),
            ));
        }
    }
    Ok(())
}

/// What is loaded is what the report says, and the traps.
fn bytes_add_up(pruned: &Pruned, files: &[(&Output, object::File)]) -> Result<(), VerifyError> {
    let said: u64 = pruned
        .report
        .kinds
        .values()
        .map(|k| k.after + k.filled)
        .sum();
    let mut found = 0;
    for (output, file) in files {
        let traps = file
            .symbols()
            .any(|s| s.name() == Ok(TRAPS_START) && s.is_definition());
        for section in file.sections().filter(|_| !traps) {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            let name = section.name().map_err(|e| read(output, &e))?;
            if sh_flags.0 & elf::SHF_ALLOC.0 != 0
                && sections::kind_by_name(name) != Some(Kind::Attributes)
            {
                found += section.size();
            }
        }
    }
    if found == said {
        return Ok(());
    }
    Err(VerifyError::Broken {
        object: "the output".to_owned(),
        what: format!("{found} bytes are loaded, and the report says {said}"),
    })
}

fn read(output: &Output, error: &object::Error) -> VerifyError {
    VerifyError::Read {
        object: output.name.clone(),
        why: error.to_string(),
    }
}

fn broken(output: &Output, what: String) -> VerifyError {
    VerifyError::Broken {
        object: output.name.clone(),
        what,
    }
}

fn symbols_lie_in_sections(output: &Output, file: &object::File) -> Result<(), VerifyError> {
    for symbol in file.symbols() {
        let Some(index) = symbol.section_index() else {
            continue;
        };
        let section = file.section_by_index(index).map_err(|e| read(output, &e))?;
        let end = symbol.address().checked_add(symbol.size());
        if end.is_none_or(|end| end > section.size()) {
            let name = symbol.name().unwrap_or_default();
            return Err(broken(output, format!("{name} ends behind its section")));
        }
    }
    Ok(())
}

fn relocations_point_at_something(
    output: &Output,
    file: &object::File,
    defined: &BTreeMap<String, bool>,
    defined_before: &HashMap<String, (u32, u32)>,
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, sh_type } = section.flags() else {
            continue;
        };
        if sh_flags.0 & elf::SHF_ALLOC.0 != 0 && sh_type != elf::SHT_NOBITS {
            verified.bytes += section.size();
        }
        let name = || section.name().unwrap_or_default().to_owned();
        for (offset, relocation) in section.relocations() {
            if offset >= section.size() {
                return Err(broken(
                    output,
                    format!("{} has a relocation behind its end", name()),
                ));
            }
            let RelocationTarget::Symbol(index) = relocation.target() else {
                continue;
            };
            let symbol = file.symbol_by_index(index).map_err(|e| read(output, &e))?;
            let symbol_name = symbol.name().map_err(|e| read(output, &e))?;
            verified.relocations += 1;
            if !symbol.is_undefined() || defined.contains_key(symbol_name) {
                continue;
            }
            let ours = symbol_name.starts_with("tuxling_") || symbol_name.is_empty();
            // The handler of traps without names does without them.
            let ours = ours && !symbol.is_weak();
            if ours || defined_before.contains_key(symbol_name) {
                return Err(VerifyError::Gone {
                    object: output.name.clone(),
                    section: name(),
                    offset,
                    symbol: symbol_name.to_owned(),
                });
            }
            verified.left_to_script.insert(symbol_name.to_owned());
        }
    }
    Ok(())
}

/// Every trap has its symbol and a relocation against the handler in its
/// range; those that stand together fill their range without a gap.
fn traps_call_the_handler(
    program: &Program,
    pruned: &Pruned,
    files: &[(&Output, object::File)],
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    let mut seen = BTreeSet::new();
    for (output, file) in files {
        let calls = calls_of_handler(program, file);
        let direct = calls_of(program, file, |name| name == TRAP_HANDLER);
        let mut together = 0;
        let mut bounds = (None, None);
        for symbol in file.symbols().filter(|s| s.is_definition()) {
            let name = symbol.name().map_err(|e| read(output, &e))?;
            match name {
                TRAPS_START => bounds.0 = Some(symbol.address()),
                TRAPS_END => bounds.1 = Some(symbol.address()),
                _ => {}
            }
            let calls_none = || broken(output, format!("{name} doesn't call {TRAP_HANDLER}"));
            if name.starts_with(PART) {
                together += symbol.size();
                calls_handler(&direct, &symbol).ok_or_else(calls_none)?;
            }
            let Some(rest) = name.strip_prefix("tuxling_trap.") else {
                continue;
            };
            let index = rest.split('.').next().and_then(|n| n.parse::<usize>().ok());
            let trap = index.and_then(|index| pruned.traps.get(index));
            let Some((trap, index)) = trap.zip(index) else {
                return Err(broken(output, format!("{name} is no trap that is known")));
            };
            let calls = if trap.in_place { &calls } else { &direct };
            calls_handler(calls, &symbol).ok_or_else(calls_none)?;
            seen.insert(index);
            if trap.in_place {
                verified.in_place += 1;
            } else {
                verified.traps += 1;
                together += symbol.size();
            }
        }
        if let (Some(start), Some(end)) = bounds
            && end.checked_sub(start) != Some(together)
        {
            return Err(broken(output, "there are gaps between traps".to_owned()));
        }
    }
    match (0..pruned.traps.len()).find(|index| !seen.contains(index)) {
        None => Ok(()),
        Some(index) => Err(VerifyError::Broken {
            object: "the output".to_owned(),
            what: format!("trap {index} has no symbol"),
        }),
    }
}

/// Parts that went hold no-operations, one relocation, the call of the handler
/// at their end, and nothing else.
fn gaps_call_the_handler(
    program: &Program,
    pruned: &Pruned,
    files: &[(&Output, object::File)],
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    let trap = &program.machine.trap;
    for (output, file) in files {
        let calls = calls_of_handler(program, file);
        let mut related: BTreeSet<(usize, u64)> = BTreeSet::new();
        for section in file.sections() {
            related.extend(section.relocations().map(|(at, _)| (section.index().0, at)));
        }
        for symbol in file.symbols().filter(|s| s.is_definition()) {
            let name = symbol.name().map_err(|e| read(output, &e))?;
            let index = name
                .strip_prefix("tuxling_fn.")
                .and_then(|n| n.parse().ok());
            let gaps = index.and_then(|index| pruned.gaps.get(&FunctionIndex(index)));
            for gap in gaps.into_iter().flatten() {
                let wrong = || {
                    let what = format!("{name} at {:#x} isn't filled as it should be", gap.start);
                    broken(output, what)
                };
                let Some(index) = symbol.section_index() else {
                    return Err(wrong());
                };
                let section = file.section_by_index(index).map_err(|e| read(output, &e))?;
                let data = section.data().map_err(|e| read(output, &e))?;
                let (from, to) = (symbol.address() + gap.start, symbol.address() + gap.end);
                let call = to.saturating_sub(trap.code.len() as u64);
                let nothing = data.get(from as usize..call as usize).ok_or_else(wrong)?;
                let here = related.range((index.0, from)..(index.0, to));
                let here: Vec<u64> = here.map(|(_, at)| *at).collect();
                let does_nothing = nothing
                    .chunks(trap.nothing.len())
                    .all(|c| c == trap.nothing);
                if !does_nothing
                    || here != [call + trap.relocation]
                    || !calls.contains(&(index.0, call + trap.relocation))
                {
                    return Err(wrong());
                }
                verified.gaps += 1;
            }
        }
    }
    Ok(())
}

/// Where a file's sections call the handler, or a trap that does, by section and
/// offset.
fn calls_of_handler(program: &Program, file: &object::File) -> BTreeSet<(usize, u64)> {
    calls_of(program, file, |name| {
        name == TRAP_HANDLER || name.starts_with(PART)
    })
}

/// Where a file's sections call symbols of some names, at their beginning.
fn calls_of(
    program: &Program,
    file: &object::File,
    is: impl Fn(&str) -> bool,
) -> BTreeSet<(usize, u64)> {
    let mut calls = BTreeSet::new();
    let (base, explicit) = (program.machine.branch_addend, program.target.is_64);
    for section in file.sections() {
        for (offset, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else {
                continue;
            };
            if explicit && (relocation.has_implicit_addend() || relocation.addend() != base) {
                continue;
            }
            let name = file.symbol_by_index(index).and_then(|s| s.name());
            if name.is_ok_and(&is) {
                calls.insert((section.index().0, offset));
            }
        }
    }
    calls
}

/// A trap's call of the handler.
fn calls_handler(calls: &BTreeSet<(usize, u64)>, trap: &object::Symbol) -> Option<(usize, u64)> {
    let section = trap.section_index()?;
    let end = trap.address().saturating_add(trap.size());
    calls
        .range((section.0, trap.address())..(section.0, end))
        .next()
        .copied()
}
