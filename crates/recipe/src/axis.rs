//! The axes of a matrix: what of a recipe is varied, the values that it takes,
//! and the recipe's text with some of them in place.
//!
//! An axis is one of the names in [`NAMED`], a symbol of the kernel's
//! configuration (`CONFIG_HZ_100`), or a key of a recipe's table
//! (`machine.memory`). What a value means stands in the recipe that comes out,
//! so a cell of a matrix is a recipe like any other.

use std::collections::BTreeSet;
use std::fmt;

use toml_edit::{Array, DocumentMut, Item, Value};

use crate::asker::Asker;
use crate::config::Request;
use crate::diagnostic::Wrong;
use crate::edit;
use crate::words;

/// What is varied, and the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its name, as it was typed.
    pub name: String,
    /// Its values, each once, in the order in which they were typed.
    pub values: Vec<String>,
    kind: AxisKind,
}

/// One value of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The axis.
    pub axis: String,
    /// The value.
    pub value: String,
    kind: AxisKind,
}

/// What an axis changes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AxisKind {
    /// A key of the recipe.
    Key(Vec<String>),
    /// A symbol of the kernel's configuration.
    Symbol(String),
    /// What the compiler optimises for.
    Optimise,
    /// Optimisation at link time.
    Lto,
    /// The ARM kernel in Thumb-2 instructions.
    Thumb,
}

/// The axes with names of their own: what each is, and an example.
pub const NAMED: &[(&str, &str)] = &[
    (
        "toolchain",
        "the kernel's compiler: gcc-11, gcc-12, llvm-16",
    ),
    ("optimise", "what it optimises for: s, 2, z, or 1 and 3"),
    (
        "lto",
        "optimisation at link time, by LLVM: none, thin, full",
    ),
    ("compress", "of the kernel's image: xz, zstd, cm"),
    ("ramdisk", "compression of the ramdisk: xz, none"),
    ("kernel", "the kernel's series or release: 6.1, 6.12"),
    ("libc", "what BusyBox is linked with: musl, glibc"),
    ("busybox", "BusyBox's series: 1.35"),
    ("thumb", "an ARM kernel in Thumb-2: no, yes"),
    ("memory", "the machine's RAM: 16MiB, 32MiB"),
    ("cpus", "how many CPUs: 1, 2"),
];

impl Axis {
    /// Reads `NAME=VALUE,VALUE,…`.
    pub fn parse(typed: &str) -> Result<Axis, Wrong> {
        let Some((name, values)) = typed.split_once('=') else {
            return Err(Wrong::new(format!("`{typed}` is no axis"))
                .help("write its name and its values, such as toolchain=gcc-11,gcc-12"));
        };
        let kind = kind_of(name)?;
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        if values.iter().any(String::is_empty) {
            return Err(Wrong::new(format!("a value of `{name}` is empty"))
                .help("separate values by one comma each"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = values.iter().find(|value| !seen.insert(value.as_str())) {
            return Err(Wrong::new(format!("`{name}` has the value {twice} twice")));
        }
        let axis = Axis {
            name: name.to_owned(),
            values,
            kind,
        };
        for setting in axis.settings() {
            setting.words()?;
        }
        Ok(axis)
    }

    /// Each of its values.
    pub fn settings(&self) -> impl Iterator<Item = Setting> + '_ {
        self.values.iter().map(|value| Setting {
            axis: self.name.clone(),
            value: value.clone(),
            kind: self.kind.clone(),
        })
    }
}

fn kind_of(name: &str) -> Result<AxisKind, Wrong> {
    let key = |table: &str, key: &str| AxisKind::Key(vec![table.to_owned(), key.to_owned()]);
    Ok(match name {
        "toolchain" | "compress" => key("kernel", name),
        "kernel" => key("kernel", "version"),
        "libc" => key("userland", "libc"),
        "busybox" => key("userland", "busybox-version"),
        "ramdisk" => key("ramdisk", "compress"),
        "memory" | "cpus" => key("machine", name),
        "optimise" => AxisKind::Optimise,
        "lto" => AxisKind::Lto,
        "thumb" => AxisKind::Thumb,
        _ => {
            if let Some(symbol) = name.strip_prefix("CONFIG_") {
                return Ok(AxisKind::Symbol(symbol.to_owned()));
            }
            let plain = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            match name.split_once('.') {
                Some((table, inner)) if plain(table) && plain(inner) => key(table, inner),
                _ => {
                    let known: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
                    let wrong = Wrong::new(format!("there is no axis `{name}`"));
                    return Err(wrong.help(format!(
                        "{}; also a symbol (CONFIG_HZ_100=y,n) or a key of a recipe \
                         (machine.memory=16MiB,32MiB)",
                        words::suggestion(name, &known)
                    )));
                }
            }
        }
    })
}

impl Setting {
    /// What it asks for in the kernel's configuration, and the compiler's flags
    /// that it adds.
    fn words(&self) -> Result<(Vec<Request>, Vec<&'static str>), Wrong> {
        let ask = |symbols: &[(&str, bool)]| {
            let requests = symbols
                .iter()
                .map(|&(symbol, on)| request(symbol, if on { "y" } else { "n" }));
            requests.collect::<Vec<_>>()
        };
        let size = [("CC_OPTIMIZE_FOR_SIZE", true)];
        let speed = [("CC_OPTIMIZE_FOR_PERFORMANCE", true)];
        Ok(match (&self.kind, self.value.as_str()) {
            (AxisKind::Key(_), _) => (Vec::new(), Vec::new()),
            (AxisKind::Symbol(symbol), value) => (vec![request(symbol, value)], Vec::new()),
            (AxisKind::Optimise, "s") => (ask(&size), Vec::new()),
            (AxisKind::Optimise, "2") => (ask(&speed), Vec::new()),
            (AxisKind::Optimise, "1") => (ask(&size), vec!["-O1"]),
            (AxisKind::Optimise, "3") => (ask(&speed), vec!["-O3"]),
            (AxisKind::Optimise, "z") => (ask(&size), vec!["-Oz"]),
            (AxisKind::Lto, "none") => (Vec::new(), Vec::new()),
            (AxisKind::Lto, "thin") => (ask(&[("LTO_CLANG_THIN", true)]), Vec::new()),
            (AxisKind::Lto, "full") => (ask(&[("LTO_CLANG_FULL", true)]), Vec::new()),
            (AxisKind::Thumb, "no") => (ask(&[("THUMB2_KERNEL", false)]), Vec::new()),
            (AxisKind::Thumb, "yes") => (ask(&[("THUMB2_KERNEL", true)]), Vec::new()),
            (kind, value) => {
                let values: &[&str] = match kind {
                    AxisKind::Optimise => &["s", "2", "z", "1", "3"],
                    AxisKind::Lto => &["none", "thin", "full"],
                    _ => &["no", "yes"],
                };
                let wrong = Wrong::new(format!("`{value}` is no value of `{}`", self.axis));
                return Err(wrong.help(format!("its values are {}", words::list(values))));
            }
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.axis, self.value)
    }
}

fn request(symbol: &str, value: &str) -> Request {
    Request {
        symbol: symbol.to_owned(),
        value: value.to_owned(),
        quoted: false,
        by: Asker::KernelOptions,
        lenient: false,
        optional: false,
    }
}

/// The cells of each axis by itself: the recipe with one value changed.
pub fn singles(axes: &[Axis]) -> Vec<Vec<Setting>> {
    axes.iter()
        .flat_map(Axis::settings)
        .map(|setting| vec![setting])
        .collect()
}

/// Every combination of the axes' values.
pub fn product(axes: &[Axis]) -> Vec<Vec<Setting>> {
    axes.iter().fold(vec![Vec::new()], |cells, axis| {
        let with = |cell: &Vec<Setting>, setting: Setting| {
            cell.iter().cloned().chain([setting]).collect::<Vec<_>>()
        };
        cells
            .iter()
            .flat_map(|cell| axis.settings().map(move |setting| with(cell, setting)))
            .collect()
    })
}

/// The recipe's text with these settings. Comments and layout stay. What it
/// can't be is told in one sentence.
pub fn apply(recipe: &str, settings: &[Setting]) -> Result<String, String> {
    let mut text = recipe.to_owned();
    for setting in settings {
        let (requests, flags) = setting.words().map_err(|wrong| wrong.message)?;
        if let AxisKind::Key(path) = &setting.kind {
            let mut document: DocumentMut = text.parse().map_err(|e| format!("{e}"))?;
            edit::set(&mut document, path, value(path, &setting.value))?;
            text = document.to_string();
        }
        if !requests.is_empty() {
            text = edit::set_options(&text, &requests)?;
        }
        if !flags.is_empty() {
            text = with_flags(&text, &flags)?;
        }
    }
    Ok(text)
}

/// The keys of a recipe's tables whose values are whole numbers.
const NUMBERS: &[&str] = &["cpus", "partition"];

/// A number where the key takes one, a truth where it looks like one; all else is
/// a text, versions and quantities too.
fn value(path: &[String], typed: &str) -> Value {
    let takes_number = path
        .last()
        .is_some_and(|key| NUMBERS.contains(&key.as_str()));
    match (typed, typed.parse::<i64>()) {
        ("true", _) => Value::from(true),
        ("false", _) => Value::from(false),
        (_, Ok(number)) if takes_number => Value::from(number),
        _ => Value::from(typed),
    }
}

/// The recipe's text with more flags of the compiler.
fn with_flags(recipe: &str, flags: &[&str]) -> Result<String, String> {
    let mut document: DocumentMut = recipe.parse().map_err(|e| format!("{e}"))?;
    let old = document
        .get("kernel")
        .and_then(|kernel| kernel.as_table_like()?.get("cflags"));
    let mut all = Array::new();
    match old.and_then(Item::as_value) {
        Some(Value::Array(old)) => all = old.clone(),
        Some(Value::String(old)) => all.extend(old.value().split_whitespace()),
        _ => {}
    }
    all.extend(flags.iter().copied());
    edit::set(&mut document, &["kernel", "cflags"], Value::Array(all))?;
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axis(typed: &str) -> Axis {
        Axis::parse(typed).unwrap_or_else(|wrong| panic!("{typed}: {wrong:?}"))
    }

    const RECIPE: &str = "# Mine.\nboard = \"pc\"\n[kernel]\ncflags = \"-g\"\noptions = \"\"\"\n\
                          CONFIG_BUG=y\n\"\"\"\n";

    #[test]
    fn a_cell_is_a_recipe_with_its_settings_in_it() {
        let axes = [
            axis("toolchain=gcc-11"),
            axis("optimise=z"),
            axis("CONFIG_BUG=n"),
            axis("machine.memory=16MiB"),
        ];
        let cell = &product(&axes)[0];
        assert_eq!(
            apply(RECIPE, cell).unwrap(),
            "# Mine.\nboard = \"pc\"\n[kernel]\ncflags = [\"-g\", \"-Oz\"]\noptions = \"\"\"\n\
             # CONFIG_BUG is not set\nCONFIG_CC_OPTIMIZE_FOR_SIZE=y\n\"\"\"\n\
             toolchain = \"gcc-11\"\n\n[machine]\nmemory = \"16MiB\"\n"
        );
    }

    #[test]
    fn numbers_are_numbers_where_a_key_takes_one() {
        let axes = [axis("cpus=2"), axis("machine.cpu=486"), axis("kernel=6")];
        let text = apply("board = \"pc\"\n", &product(&axes)[0]).unwrap();
        for line in ["cpus = 2\n", "cpu = \"486\"\n", "version = \"6\"\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn axes_are_taken_one_by_one_or_all_with_all() {
        let axes = [axis("optimise=s,2,z"), axis("lto=none,full")];
        let told = |cells: &[Vec<Setting>]| -> Vec<String> {
            let cell = |cell: &Vec<Setting>| {
                let each: Vec<String> = cell.iter().map(Setting::to_string).collect();
                each.join(" ")
            };
            cells.iter().map(cell).collect()
        };
        assert_eq!(
            told(&singles(&axes)),
            [
                "optimise=s",
                "optimise=2",
                "optimise=z",
                "lto=none",
                "lto=full"
            ]
        );
        assert_eq!(product(&axes).len(), 6);
        assert_eq!(told(&product(&axes))[5], "optimise=z lto=full");
    }

    #[test]
    fn what_is_no_axis_is_told_with_what_there_is() {
        for (typed, message) in [
            ("toolchain", "`toolchain` is no axis"),
            ("tolchain=gcc", "there is no axis `tolchain`"),
            ("optimise=9", "`9` is no value of `optimise`"),
            ("lto=", "a value of `lto` is empty"),
            ("lto=thin,thin", "`lto` has the value thin twice"),
        ] {
            let wrong = Axis::parse(typed).unwrap_err();
            assert_eq!(wrong.message, message);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_an_axis_or_an_error(typed in "[A-Za-z_.=,0-9-]{0,24}") {
            if let Ok(axis) = Axis::parse(&typed) {
                for cell in singles(&[axis]) {
                    let _ = apply(RECIPE, &cell);
                }
            }
        }
    }
}
