//! The kernel that is pruned: compiled with a section for each function, read
//! into the engine, and linked again and again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use vmlinux::Code;
use vmlinux::prune::{EntrySizes, FunctionIndex, Input, Program, Pruned, Role, Wish};

use crate::error::{Failure, Kind, Result};
use crate::kernel::build::{DATA_SECTIONS, FUNCTION_SECTIONS};
use crate::kernel::relink::{Bench, LinkedObject};
use crate::recipe::Plan;
use crate::session::Session;
use crate::trial::system::Ingredients;

/// The symbols that mark functions in a kernel linked for a trace.
const MARK: &str = "tuxling_fn.";

/// A kernel that can be pruned.
#[derive(Debug)]
pub struct Subject<'a> {
    bench: Bench<'a>,
    /// Its objects, resolved.
    pub program: Program,
}

/// The plan of the kernel that is pruned: each function and each variable has a
/// section of its own.
pub fn sectioned(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for flag in [FUNCTION_SECTIONS, DATA_SECTIONS] {
        if !plan.kernel.cflags.iter().any(|f| f == flag) {
            plan.kernel.cflags.push(flag.to_owned());
        }
    }
    plan
}

impl<'a> Subject<'a> {
    /// Compiles the kernel of a [`sectioned`] plan and reads its objects.
    pub fn open(
        plan: &'a Plan,
        ingredients: &'a Ingredients,
        session: &Session,
    ) -> Result<Subject<'a>> {
        let bench = Bench::open(ingredients.kernel_input(plan), session)?;
        let mut objects = bench.objects()?;
        objects.push(handler(plan, &bench, session)?);
        let sizes = entry_sizes(&bench, session)?;
        let inputs: Vec<Input> = objects.iter().map(input).collect();
        let program = Program::load(&inputs, &bench.script()?, &sizes).map_err(not_pruned)?;
        Ok(Subject { bench, program })
    }

    /// Prunes, links, and fills `dir` with what a kernel's folder holds.
    pub fn link(&self, wish: &Wish, dir: &Path, session: &Session) -> Result<Pruned> {
        let pruned = self.program.prune(wish).map_err(not_pruned)?;
        std::fs::create_dir_all(dir).map_err(|e| Failure::io("make the folder", dir, &e))?;
        self.bench.link(&pruned.archive(), dir, session)?;
        Ok(pruned)
    }

    /// Where each function lies in a kernel that was linked with marks, by
    /// address.
    pub fn marked(&self, code: &Code) -> Vec<(Range<u64>, FunctionIndex)> {
        let functions = self.program.functions();
        let mut marked: Vec<_> = code
            .symbols
            .iter()
            .filter_map(|symbol| {
                let index: u32 = symbol.name.strip_prefix(MARK)?.parse().ok()?;
                let bytes = functions.get(index as usize)?.bytes.max(1);
                let end = symbol.address.saturating_add(bytes);
                Some((symbol.address..end, FunctionIndex(index)))
            })
            .collect();
        marked.sort_by_key(|(range, index)| (range.start, *index));
        marked
    }
}

/// The function behind the address of a trap in a pruned kernel.
pub fn trapped_at(code: &Code, pruned: &Pruned, address: u64) -> Option<FunctionIndex> {
    let symbol = code.at(address)?;
    let rest = symbol.name.strip_prefix("tuxling_trap.")?;
    let number: usize = rest.split('.').next()?.parse().ok()?;
    Some(pruned.traps.get(number)?.function)
}

fn input(object: &LinkedObject) -> Input<'_> {
    Input {
        name: &object.name,
        bytes: &object.bytes,
        role: match object.library {
            true => Role::Library,
            false => Role::Always,
        },
    }
}

fn not_pruned(error: vmlinux::prune::PruneError) -> Failure {
    Failure::new(
        Kind::Build,
        format!("this kernel can't be pruned: {error}"),
    )
    .help("a configuration without the option that makes this section can be pruned; see docs/prune.md")
}

/// What every trap ends in.
fn handler(plan: &Plan, bench: &Bench, session: &Session) -> Result<LinkedObject> {
    let facts = plan.board.arch.facts();
    let source = facts.trap_handler.ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            format!("kernels for {} can't be pruned yet", facts.name),
        )
    })?;
    Ok(LinkedObject {
        name: "tuxling/trap.o".to_owned(),
        bytes: bench.compile("trap.S", source, session)?,
        library: false,
    })
}

/// The structures whose arrays the linker gathers from all objects, with the
/// header and the condition under which the tree has them.
const TABLES: &[(&str, &str, &str)] = &[
    ("exception_table_entry", "asm/extable.h", "1"),
    ("bug_entry", "linux/bug.h", "defined(CONFIG_GENERIC_BUG)"),
    (
        "jump_entry",
        "linux/jump_label.h",
        "defined(CONFIG_JUMP_LABEL)",
    ),
    (
        "alt_instr",
        "asm/alternative.h",
        "defined(CONFIG_X86) || defined(CONFIG_ARM64)",
    ),
    (
        "static_call_site",
        "linux/static_call_types.h",
        "defined(CONFIG_HAVE_STATIC_CALL_INLINE)",
    ),
    ("obs_kernel_param", "linux/init.h", "1"),
    ("kernel_param", "linux/moduleparam.h", "1"),
    (
        "earlycon_id",
        "linux/serial_core.h",
        "defined(CONFIG_SERIAL_EARLYCON)",
    ),
    ("pci_fixup", "linux/pci.h", "defined(CONFIG_PCI)"),
    ("tagtable", "asm/setup.h", "defined(CONFIG_ARM)"),
    ("of_device_id", "linux/mod_devicetable.h", "1"),
    ("machine_desc", "asm/mach/arch.h", "defined(CONFIG_ARM)"),
    ("proc_info_list", "asm/procinfo.h", "defined(CONFIG_ARM)"),
];

/// Asks the tree itself, by a file that is compiled with its headers: the size
/// of a structure is the size of a variable.
fn entry_sizes(bench: &Bench, session: &Session) -> Result<EntrySizes> {
    let mut source = String::from("#include <linux/module.h>\n#include <linux/uaccess.h>\n");
    for (structure, header, condition) in TABLES {
        source.push_str(&format!(
            "#if {condition}\n#include <{header}>\n\
             char tuxling_size_{structure}[sizeof(struct {structure})] = {{ 1 }};\n#endif\n"
        ));
    }
    let object = bench.compile("sizes.c", &source, session)?;
    let sizes = vmlinux::sections::symbol_sizes(&object, "tuxling_size_").map_err(|e| {
        Failure::new(
            Kind::Build,
            format!("can't read the sizes of the tables' entries: {e}"),
        )
    })?;
    Ok(EntrySizes(sizes.into_iter().collect::<BTreeMap<_, _>>()))
}
