//! What a built kernel would be without an option: by its Makefiles, or by
//! compiling what names the option and linking once more.

use std::collections::BTreeSet;
use std::ops::Range;

use ::kconfig::{Configuration, SymbolId, Tristate};
use builder::kernel::Tools;
use builder::kernel::kconfig::{self, Tree};
use builder::kernel::makefiles;
use builder::kernel::relink::Bench;
use builder::kernel::what_if::{Change, Form, WhatIf};
use builder::source::Source;
use host::error::Kind;
use host::session::{Cached, Session};
use kbuild::Objects;
use recipe::Plan;
use recipe::asker::Asker;
use recipe::config::{Request, Values};
use schemars::JsonSchema;
use serde::Serialize;
use vmlinux::Elf;

use crate::built as of;
use crate::bytes::{self, Stream, marginal};
use crate::error::{Error, Result};

/// The name that stands for every option that can be turned off.
pub const ALL: &str = "all";

/// So many objects take long enough to be told.
const MANY: usize = 100;

/// The kernel that options are thought away from.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its recipe.
    pub plan: &'a Plan,
    /// Its sources.
    pub linux: &'a Source,
    /// What was read of it.
    pub kernel: &'a bytes::Kernel,
    /// What its Makefiles build.
    pub objects: &'a Objects,
    /// What compiles.
    pub tools: &'a Tools,
    /// Says why a kernel without an option could not be made.
    pub in_words: fn(Error) -> String,
}

/// How a figure was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// By the objects that no Makefile would build.
    Makefiles,
    /// By a kernel that was compiled where it changes, and linked.
    Compiling,
}

/// One option that is thought away.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Without {
    /// Its name, without `CONFIG_`.
    pub option: String,
    /// All options whose values change with it: name, value now, value then.
    pub changes: Vec<[String; 3]>,
    /// Why it can't be turned off; `null` when it can.
    pub stays: Option<String>,
    /// How many objects go.
    pub objects: usize,
    /// How many objects were compiled; `null` when none was to be.
    pub compiled: Option<usize>,
    /// How the figures were found.
    pub by: By,
    /// Why it could not be compiled as asked.
    pub not_compiled: Option<String>,
    /// Bytes of vmlinux's loaded sections that go.
    pub size: i64,
    /// What the compressed kernel loses.
    pub compressed: i64,
}

/// What goes, before anything is compressed.
struct Thought {
    row: Without,
    /// What of the stream goes, by the Makefiles.
    places: Vec<Range<usize>>,
    values: Values,
    built: Objects,
}

/// Says it of each option, the dearest first. With a bench, what names the
/// options is compiled.
pub fn foretell(
    subject: &Subject,
    options: &[String],
    bench: Option<&Bench>,
    session: &Session,
) -> Result<Vec<Without>> {
    let arch = subject.plan.board.arch;
    let tree = kconfig::load(subject.linux, arch, subject.tools, session)?;
    let now = tree.evaluate(&subject.plan.kernel)?;
    let before = Values::parse(&now.to_dotconfig());
    let mut thoughts = Vec::new();
    for option in named(options, &tree, &now)? {
        thoughts.push(think(&option, subject, &tree, &before)?);
    }
    let filter = marginal::filter_of(&subject.kernel.elf);
    match bench {
        None => {
            let places: Vec<_> = thoughts.iter().map(|t| t.places.clone()).collect();
            let stream = &subject.kernel.stream.bytes;
            let found = marginal::marginals(stream, &places, filter, session.jobs)?;
            for (thought, bytes) in thoughts.iter_mut().zip(found) {
                thought.row.compressed = bytes;
            }
        }
        Some(bench) => compile_all(subject, &before, &mut thoughts, bench, session)?,
    }
    let mut rows: Vec<Without> = thoughts.into_iter().map(|t| t.row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.compressed));
    Ok(rows)
}

/// The options that were asked for.
fn named(options: &[String], tree: &Tree, now: &Configuration) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for option in options {
        if option == ALL {
            names.extend(can_be_turned_off(tree, now));
            continue;
        }
        let name = option.strip_prefix("CONFIG_").unwrap_or(option);
        if tree.kconfig.find(name).is_none() {
            return Err(Error::NoSuchOption {
                name: name.to_owned(),
                nearest: tree.kconfig.nearest_names(name, 3),
            });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Options that are on, that a user sees, and that nothing selects. Members of
/// choices can only be exchanged.
fn can_be_turned_off(tree: &Tree, now: &Configuration) -> Vec<String> {
    let is_off_able = |id: SymbolId, symbol: &::kconfig::Symbol| {
        symbol.ty.is_logical()
            && !symbol.is_choice()
            && !symbol.in_choice
            && now.tristate(id) != Tristate::No
            && now.visibility(id) != Tristate::No
            && now.lower_bound(id) == Tristate::No
    };
    let options = tree.kconfig.defined_options();
    options
        .filter(|(id, symbol)| is_off_able(*id, symbol))
        .map(|(_, symbol)| symbol.name.to_string())
        .collect()
}

/// What goes with one option: as a recipe that asks for `n` last would have it.
fn think(name: &str, subject: &Subject, tree: &Tree, before: &Values) -> Result<Thought> {
    let mut plan = subject.plan.kernel.clone();
    plan.requests.push(Request {
        symbol: name.to_owned(),
        value: "n".to_owned(),
        quoted: false,
        by: Asker::Without,
        lenient: false,
        optional: false,
    });
    let configuration = tree.evaluate(&plan)?;
    let stays = tree.kconfig.find(name).and_then(|symbol| {
        let on = matches!(configuration.value(symbol), "y" | "m");
        on.then(|| configuration.because(symbol))
    });
    let text = configuration.to_dotconfig();
    let values = Values::parse(&text);
    let changes = before
        .names_with(&values)
        .filter(|n| before.get(n) != values.get(n))
        .map(|n| [n, before.get(n), values.get(n)].map(str::to_owned))
        .collect();
    let built = makefiles::objects(&subject.linux.tree, subject.plan.board.arch, &text);
    let gone = of::gone(subject.objects, &built);
    let attribution = &subject.kernel.attribution;
    let objects = attribution.objects.iter().filter(|o| gone(o)).count();
    let places = of::places_of(subject.kernel, &gone);
    let size: usize = places.iter().map(Range::len).sum();
    drop(gone);
    Ok(Thought {
        row: Without {
            option: name.to_owned(),
            changes,
            stays,
            objects,
            compiled: None,
            by: By::Makefiles,
            not_compiled: None,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            compressed: 0,
        },
        places,
        values,
        built,
    })
}

/// The compressed size and the loaded bytes of a linked kernel.
fn measured(vmlinux: &[u8], payload: &[u8]) -> Result<(i64, i64)> {
    let elf = Elf::parse(vmlinux).map_err(Error::Linked)?;
    let packed = marginal::compress(payload, marginal::filter_of(&elf))?.len();
    let loaded: u64 = elf.loaded().map(|(_, section)| section.bytes).sum();
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok((signed(packed as u64), signed(loaded)))
}

/// The form of what a kernel's build compresses.
fn form(stream: &Stream) -> Form {
    match Elf::parse(&stream.bytes) {
        Ok(_) => Form::Elf,
        Err(_) => Form::Flat,
    }
}

fn compile_all(
    subject: &Subject,
    before: &Values,
    thoughts: &mut [Thought],
    bench: &Bench,
    session: &Session,
) -> Result<()> {
    let what_if = WhatIf::new(bench)?;
    // Linked alike, not taken as it was built: what a build does besides is in
    // neither of the two.
    let unchanged = Change {
        options: &BTreeSet::new(),
        values: before,
        gone: &|_| false,
        added: &[],
    };
    let form = form(&subject.kernel.stream);
    let whole = what_if.link(&unchanged, form, subject.tools, session)?;
    let whole = measured(&whole.vmlinux, &whole.payload)?;
    for thought in thoughts.iter_mut().filter(|t| t.row.stays.is_none()) {
        let found = session.phase(&format!("without {}", thought.row.option), || {
            compile(subject, thought, &what_if, form, session).map(Cached::fresh)
        });
        match found {
            Ok((compiled, (compressed, loaded))) => {
                thought.row.by = By::Compiling;
                thought.row.compiled = Some(compiled);
                thought.row.compressed = whole.0 - compressed;
                thought.row.size = whole.1 - loaded;
            }
            // A kernel that can't be compiled without the option: the
            // Makefiles' figure is told, and that it is no more than that.
            Err(error) if matches!(error.kind(), Kind::Build) => {
                let filter = marginal::filter_of(&subject.kernel.elf);
                let stream = &subject.kernel.stream.bytes;
                let places = std::slice::from_ref(&thought.places);
                let found = marginal::marginals(stream, places, filter, 1)?;
                thought.row.compressed = found.first().copied().unwrap_or(0);
                thought.row.not_compiled = Some((subject.in_words)(error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Compiles, links and measures one kernel: how many objects, and the sizes.
fn compile(
    subject: &Subject,
    thought: &Thought,
    what_if: &WhatIf,
    form: Form,
    session: &Session,
) -> Result<(usize, (i64, i64))> {
    let gone = of::gone(subject.objects, &thought.built);
    let options = thought.row.changes.iter().map(|[name, ..]| name.clone());
    let built = thought.built.reasons.iter();
    let added: Vec<(String, bool)> = built
        .filter(|(object, _)| subject.objects.reason(object).is_none())
        .map(|(object, reason)| (object.clone(), reason.library))
        .collect();
    let change = Change {
        options: &options.collect(),
        values: &thought.values,
        gone: &gone,
        added: &added,
    };
    let affected = what_if.affected(&change);
    if affected >= MANY {
        session.progress.note(&format!(
            "{} is named where {affected} objects see it: all of them are compiled",
            thought.row.option
        ));
    }
    let linked = what_if.link(&change, form, subject.tools, session)?;
    let sizes = measured(&linked.vmlinux, &linked.payload)?;
    Ok((linked.compiled, sizes))
}
