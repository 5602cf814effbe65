//! Kernels that load what was pruned when something first needs it: the object
//! that loads, and a link in which what is loaded is known.

use builder::kernel::relink::{Bench, LinkedObject};
use host::session::Session;
use recipe::Plan;
use recipe::arch::{Loader, UNPACK};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmlinux::cold_store::{self, Dictionary, PAGE};
use vmlinux::prune::{
    COLD_STORE, Fate, FunctionIndex, LinkedCold, Output, Program, Pruned, Verdict, Wish,
    cold_output,
};

use crate::error::{Error, Result};

/// How often a kernel is linked until its store has the room it needs.
const LINKS: usize = 6;

/// What a kernel loads, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loaded {
    /// RAM for loaded pages, in KiB.
    pub reserve_kib: u64,
    /// Functions that are loaded when something first needs them.
    pub functions: u64,
    /// Bytes of code, and of what only that reads, that are loaded when something
    /// first needs them.
    pub cold_bytes: u64,
    /// The pages that they are.
    pub pages: u64,
    /// What they take in the image and in RAM, compressed.
    pub store_bytes: u64,
}

/// What loads the cold code of a subject.
#[derive(Debug)]
pub(crate) struct Pager {
    loader: &'static Loader,
    hooks: Vec<(FunctionIndex, FunctionIndex)>,
    reserve_kib: u64,
}

/// The object that loads, where the plan asks for one.
pub(crate) fn object(
    plan: &Plan,
    bench: &Bench,
    session: &Session,
) -> Result<Option<LinkedObject>> {
    let Some(load) = &plan.prune.load else {
        return Ok(None);
    };
    let loader = loader(plan)?;
    let source = format!(
        "#define TUXLING_COLD_START {:#x}UL\n#define TUXLING_COLD_END {:#x}UL\n\
         #define TUXLING_RESERVE {}\n{}",
        loader.start,
        loader.end,
        load.reserve.0.div_ceil(PAGE as u64),
        loader.source.replace("#include \"unpack.c\"", UNPACK)
    );
    Ok(Some(LinkedObject {
        name: "tuxling/pager.o".to_owned(),
        bytes: bench.compile("pager.c", &source, session)?,
        library: false,
    }))
}

/// Refuses a plan whose architecture has no loader.
pub(crate) fn refuse_unsupported_arch(plan: &Plan) -> Result<()> {
    plan.prune
        .load
        .as_ref()
        .map_or(Ok(()), |_| loader(plan).map(|_| ()))
}

/// Refuses a configuration with which nothing can be loaded.
pub(crate) fn refuse_unsupported(plan: &Plan, config: &str) -> Result<()> {
    if plan.prune.load.is_none() {
        return Ok(());
    }
    let loader = loader(plan)?;
    let values = kconfig::dotconfig::ConfigValues::parse(config);
    let on = |option: &&(&str, _)| values.stated(option.0) == Some("y");
    match loader.refused.iter().find(on) {
        Some((option, why)) => Err(Error::NoColdCode { option, why }),
        None => Ok(()),
    }
}

fn loader(plan: &Plan) -> Result<&'static Loader> {
    let facts = plan.board.arch.facts();
    let lacking = Error::NoLoader { name: facts.name };
    facts.loader.as_ref().ok_or(lacking)
}

impl Pager {
    /// Of a program that has the object.
    pub(crate) fn find(plan: &Plan, program: &Program) -> Result<Option<Pager>> {
        let Some(load) = &plan.prune.load else {
            return Ok(None);
        };
        let loader = loader(plan)?;
        let lacking = |name: &str| Error::NothingToHook {
            name: name.to_owned(),
        };
        Ok(Some(Pager {
            loader,
            hooks: program.hooks(loader.hooks).map_err(lacking)?,
            reserve_kib: load.reserve.as_kib(),
        }))
    }

    /// What a wish takes away is put aside in place of that.
    pub(crate) fn put_aside(&self, wish: &mut Wish, gone: impl Fn(FunctionIndex) -> bool) {
        for (index, verdict) in wish.verdicts.iter_mut().enumerate() {
            if *verdict == Verdict::Trap && !gone(FunctionIndex(index as u32)) {
                *verdict = Verdict::Cold;
            }
        }
        wish.gaps.clear();
        wish.hooks.clone_from(&self.hooks);
    }

    /// Lines for the linker's script.
    pub(crate) fn lines(&self) -> String {
        cold_output(self.loader.start, self.loader.end)
    }

    /// Links until it is known what the store holds, and adds it to the objects.
    pub(crate) fn fill(
        &self,
        (program, bench): (&Program, &Bench),
        pruned: &mut Pruned,
        session: &Session,
    ) -> Result<Stored> {
        let kinds = &pruned.report.kinds;
        let of_kind = |kind: &str| kinds.get(kind).map_or(0, |k| k.after);
        let cold = of_kind("cold code") + of_kind("cold data");
        let mut room = whole_pages(cold as usize * 5 / 8);
        let mut content = Vec::new();
        for _ in 0..LINKS {
            content.resize(room, 0);
            let before = pruned.objects.len();
            pruned.objects.push(store(program, content));
            let vmlinux = bench.link_alone(&pruned.archive(), &self.lines(), session)?;
            pruned.objects.truncate(before);
            let linked = LinkedCold::read(&vmlinux)?;
            let steady = steady(program, &linked, &vmlinux)?;
            let packed = self.pack(&linked, &steady);
            let bytes = packed.len();
            if bytes <= room && room - bytes < 2 * PAGE {
                content = packed;
                content.resize(room, 0);
                pruned.objects.push(store(program, content.clone()));
                let functions = pruned.report.functions.iter();
                let pages = linked.code.len().div_ceil(PAGE) as u64;
                return Ok(Stored {
                    linked,
                    steady,
                    content,
                    loaded: Loaded {
                        functions: functions.filter(|fate| **fate == Fate::Cold).count() as u64,
                        reserve_kib: self.reserve_kib,
                        cold_bytes: cold,
                        pages,
                        store_bytes: bytes as u64,
                    },
                });
            }
            // A little more than it takes now: addresses change with the room.
            room = whole_pages(bytes + PAGE / 8);
            content = packed;
        }
        Err(Error::StoreUnsettled)
    }

    fn pack(&self, linked: &LinkedCold, steady: &[bool]) -> Vec<u8> {
        let dictionary = Dictionary {
            bytes: &linked.beside,
            steady,
        };
        cold_store::pack(&linked.code, self.loader.start as u32, dictionary)
    }
}

/// Cold code, and what the kernel is given of it.
pub(crate) struct Stored {
    linked: LinkedCold,
    steady: Vec<bool>,
    content: Vec<u8>,
    pub(crate) loaded: Loaded,
}

impl Stored {
    /// Reads a linked kernel again: each of its pages must come out of its store.
    pub(crate) fn verify(&self, vmlinux: &[u8]) -> Result<()> {
        let linked = LinkedCold::read(vmlinux)?;
        if linked != self.linked {
            return Err(Error::OtherColdCode);
        }
        if !vmlinux::prune::has_bytes(vmlinux, COLD_STORE, &self.content) {
            return Err(Error::OtherColdCode);
        }
        // Whatever has become of what the kernel changes.
        let mut beside = linked.beside.clone();
        for (byte, _) in beside.iter_mut().zip(&self.steady).filter(|(_, s)| !**s) {
            *byte = !*byte;
        }
        for (index, page) in linked.code.chunks(PAGE).enumerate() {
            let address = linked.address as u32;
            let unpacked = cold_store::unpack(&self.content, index, address, &beside);
            if unpacked.as_deref().and_then(|p| p.get(..page.len())) != Some(page) {
                return Err(Error::OtherColdCode);
            }
        }
        Ok(())
    }
}

/// What of the code beside the cold code stays as it is.
fn steady(program: &Program, linked: &LinkedCold, vmlinux: &[u8]) -> Result<Vec<bool>> {
    let start = linked.beside_address;
    let range = start..start + linked.beside.len() as u64;
    Ok(program.steady(vmlinux, range)?)
}

fn store(program: &Program, content: Vec<u8>) -> Output {
    Output {
        name: "tuxling_store.o".to_owned(),
        bytes: program.store_object(content),
    }
}

fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE)
}
