//! The configurations that are compared, and how each is made on both sides.

use std::path::Path;

use kconfig::{Answer, Configuration, DiskTree, Kconfig, SymbolType};

use crate::numbers::Numbers;
use crate::oracle::Oracle;

/// One configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Tiny,
    All(&'static str),
    Defconfig(String),
    /// `conf --randconfig` with this seed.
    Random(u32),
    /// A random configuration with lines changed at random.
    Edited(u32),
    /// The same on the architecture's default configuration.
    EditedDefault(u32),
}

/// What both sides made, by file.
pub(crate) struct Outcome {
    pub(crate) file: &'static str,
    pub(crate) ours: String,
    pub(crate) theirs: String,
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes a case on both sides.
pub(crate) fn compare(oracle: &Oracle, tree: &Kconfig, case: &Case, thread: &str) -> Vec<Outcome> {
    let scratch = oracle.scratch(thread);
    let mut outcomes = Vec::new();
    let (ours, theirs) = made(oracle, tree, case, &scratch, &mut outcomes);
    oracle.conf(&scratch, &["--savedefconfig=minimal"], &[]);
    let minimal = Configuration::defconfig(tree, &theirs).0.to_defconfig();
    let saved = read(&scratch.join("minimal"));
    outcomes.push(Outcome {
        file: ".config",
        ours,
        theirs,
    });
    outcomes.push(Outcome {
        file: "defconfig",
        ours: minimal,
        theirs: saved,
    });
    outcomes
}

/// A case's configuration on both sides; what comes on the way is noted.
fn made(
    oracle: &Oracle,
    tree: &Kconfig,
    case: &Case,
    scratch: &Path,
    outcomes: &mut Vec<Outcome>,
) -> (String, String) {
    let dotconfig = scratch.join(".config");
    match case {
        Case::Tiny => tiny(oracle, tree, scratch),
        Case::All(mode) => {
            oracle.conf(scratch, &[&format!("--{mode}")], &[]);
            (
                Configuration::all(tree, answer_of(mode), None).to_dotconfig(),
                read(&dotconfig),
            )
        }
        Case::Defconfig(file) => {
            oracle.conf(scratch, &[&format!("--defconfig={file}")], &[]);
            let (ours, _) = Configuration::defconfig(tree, &oracle.source_text(file));
            (ours.to_dotconfig(), read(&dotconfig))
        }
        Case::Random(seed) => {
            oracle.conf(
                scratch,
                &["--randconfig"],
                &[("KCONFIG_SEED", &seed.to_string())],
            );
            let random = read(&dotconfig);
            let ours = Configuration::randconfig(tree, *seed, None).to_dotconfig();
            outcomes.push(Outcome {
                file: "randconfig",
                ours,
                theirs: random.clone(),
            });
            oracle.conf(scratch, &["--olddefconfig"], &[]);
            (
                Configuration::olddefconfig(tree, &random).0.to_dotconfig(),
                read(&dotconfig),
            )
        }
        Case::Edited(seed) => {
            oracle.conf(
                scratch,
                &["--randconfig"],
                &[("KCONFIG_SEED", &seed.to_string())],
            );
            edited(oracle, tree, scratch, *seed)
        }
        Case::EditedDefault(seed) => {
            let file = format!(
                "arch/{}/configs/{}",
                oracle.target.srcarch, oracle.target.defconfig
            );
            oracle.conf(scratch, &[&format!("--defconfig={file}")], &[]);
            edited(oracle, tree, scratch, *seed)
        }
    }
}

fn answer_of(mode: &str) -> Answer {
    match mode {
        "allnoconfig" => Answer::No,
        "allyesconfig" => Answer::Yes,
        "allmodconfig" => Answer::Mod,
        _ => Answer::Default,
    }
}

fn tiny(oracle: &Oracle, tree: &Kconfig, scratch: &Path) -> (String, String) {
    let base = "kernel/configs/tiny-base.config";
    oracle.conf(scratch, &["--allnoconfig"], &[("KCONFIG_ALLCONFIG", base)]);
    let fragments = oracle.fragments("tiny.config");
    oracle.merge(scratch, &fragments);
    oracle.conf(scratch, &["--olddefconfig"], &[]);
    let files = DiskTree::new(&oracle.source);
    let ours = Configuration::kernel_tinyconfig(tree, &files, oracle.target.srcarch)
        .expect("the files of tinyconfig");
    (ours.to_dotconfig(), read(&scratch.join(".config")))
}

fn edited(oracle: &Oracle, tree: &Kconfig, scratch: &Path, seed: u32) -> (String, String) {
    let dotconfig = scratch.join(".config");
    let text = edit(tree, &read(&dotconfig), &mut Numbers(u64::from(seed)));
    std::fs::write(&dotconfig, &text).expect("write edited configuration");
    std::fs::write(scratch.join("edited"), &text).expect("write edited configuration");
    oracle.conf(scratch, &["--olddefconfig"], &[]);
    (
        Configuration::olddefconfig(tree, &text).0.to_dotconfig(),
        read(&dotconfig),
    )
}

/// Removes, changes, contradicts and spoils lines of a configuration.
fn edit(tree: &Kconfig, text: &str, numbers: &mut Numbers) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let names: Vec<(&str, SymbolType)> = tree
        .defined_options()
        .map(|(_, symbol)| (&*symbol.name, symbol.ty))
        .collect();
    for _ in 0..numbers.below(lines.len() / 10 + 1) {
        let at = numbers.below(lines.len());
        lines.swap_remove(at);
    }
    for _ in 0..numbers.below(400) {
        let (name, ty) = names[numbers.below(names.len())];
        let value = match ty {
            SymbolType::Bool | SymbolType::Tristate => {
                ["y", "m", "n", "yes", "x", ""][numbers.below(6)].to_owned()
            }
            SymbolType::Int => {
                ["0", "-1", "17", "4096", "99999999999", "007", "a"][numbers.below(7)].to_owned()
            }
            SymbolType::Hex => {
                ["0x0", "0x1000", "ff", "0xZZ", "0xffffffffff", "1"][numbers.below(6)].to_owned()
            }
            SymbolType::String | SymbolType::Unknown => {
                ["\"\"", "\"a \\\"b\\\" \\\\\"", "\"open", "bare"][numbers.below(4)].to_owned()
            }
        };
        let line = match numbers.below(4) {
            0 => format!("# CONFIG_{name} is not set"),
            _ => format!("CONFIG_{name}={value}"),
        };
        let at = numbers.below(lines.len() + 1);
        lines.insert(at, line);
    }
    for _ in 0..3 {
        let at = numbers.below(lines.len() + 1);
        let line = [
            "CONFIG_NO_SUCH_OPTION=y",
            "what",
            "# CONFIG_X86 is not set yet",
            "CONFIG_",
        ][numbers.below(4)];
        lines.insert(at, line.to_owned());
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}
