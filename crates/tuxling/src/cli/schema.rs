//! `tuxling schema`: the JSON schema of everything that `--json` prints, made of
//! the types that are printed.

use hardware::survey::{self, Survey};
use prune::adversity::{self, Adversity};
use prune::certificate::{self, Certificate};
use prune::soak::{self, Soak};
use prune::trace::coverage::{self, Coverage};
use record::Record;
use record::matrix::{self, Matrix};
use report::history;
use report::kernel_diff::{self, KernelDiff};
use report::medium::{self, MediumReport};
use report::ram::{self, RamReport};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use host::error::Kind;

use crate::failure::{Failure, Result};

use super::args::SchemaArgs;
use super::config::{self, change, check, look, merge, minimize};
use super::{ERROR, ToldError};
use super::{cache, diff, doctor, dry_run, fetch, hw, print, store, trap, tree_diff, why, without};

use super::{prune as pruning, report as page, size};
use crate::shrinking::{report as shrinking, update};

/// One format of what is printed.
struct Format {
    /// What stands in `schema`: `tuxling.NAME/VERSION`.
    word: &'static str,
    /// What prints it.
    by: &'static str,
    schema: fn() -> Value,
}

/// Every format, in the order of their names.
const FORMATS: &[Format] = &[
    of::<trial::ab::Compared>(trial::ab::SCHEMA, "ab"),
    of::<Adversity>(adversity::SCHEMA, "check --adversity"),
    of::<cache::Gone<'static>>(cache::GC, "cache gc"),
    of::<cache::Listed<'static>>(cache::LIST, "cache list"),
    of::<Certificate>(certificate::SCHEMA, "prune; NAME.cert.json"),
    of::<check::CheckJson>(check::SCHEMA, "config check"),
    of::<config::diff::Differences<'static>>(config::diff::SCHEMA, "config diff"),
    of::<look::ToldValues<'static>>(look::GET, "config get"),
    of::<merge::MergeJson<'static>>(merge::SCHEMA, "config merge"),
    of::<minimize::MinimizeJson>(minimize::SCHEMA, "config minimize"),
    of::<config::Saved<'static>>(config::SAVE, "config save"),
    of::<look::ToldHits<'static>>(look::SEARCH, "config search"),
    of::<config::told::ChangesJson<'static>>(change::SET, "config set"),
    of::<config::told::ChangesJson<'static>>(change::TRY, "config try"),
    of::<config::told::ChangesJson<'static>>(change::WANT, "config want"),
    of::<look::ToldWhy>(look::WHY, "config why"),
    of::<Coverage>(coverage::SCHEMA, "trace"),
    of::<trial::device_tree::Reduced>(trial::device_tree::SCHEMA, "device-tree"),
    of::<diff::DiffJson>(report::diff::SCHEMA, "diff of two records"),
    of::<tree_diff::TreeDiffJson<'static>>(tree_diff::SCHEMA, "diff --tree"),
    of::<doctor::DoctorJson<'static>>(doctor::SCHEMA, "doctor"),
    of::<dry_run::ListJson<'static>>(dry_run::SCHEMA, "every command with --dry-run"),
    of::<ToldError<'static>>(ERROR, "every command that fails"),
    of::<fetch::FetchJson<'static>>(fetch::SCHEMA, "fetch"),
    of::<history::History>(history::SCHEMA, "history"),
    of::<Survey>(survey::SCHEMA, "hw save"),
    of::<hw::ImportJson<'static>>(hw::SCHEMA, "hw import"),
    of::<MediumReport>(medium::SCHEMA, "image"),
    of::<KernelDiff>(kernel_diff::SCHEMA, "diff of two vmlinux"),
    of::<Matrix>(matrix::SCHEMA, "matrix; matrix.json"),
    of::<RamReport>(ram::SCHEMA, "ram"),
    of::<trial::connections::Connections>(trial::connections::SCHEMA, "ram --connections"),
    of::<trial::stacks::Stacks>(trial::stacks::SCHEMA, "ram --stacks"),
    of::<Record>(record::SCHEMA, "build, check; record.json"),
    of::<page::Written<'static>>(page::SCHEMA, "report"),
    of::<page::WrittenSearch<'static>>(page::SEARCH, "report of a search"),
    of::<shrinking::Report>(shrinking::SCHEMA, "shrink; NAME.shrink.json"),
    of::<size::SizeJson<'static>>(report::size::SCHEMA, "size"),
    of::<size::ToldRamdisk<'static>>(size::RAMDISK, "size --ramdisk"),
    of::<without::WithoutJson<'static>>(without::SCHEMA, "size --without"),
    of::<Soak>(soak::SCHEMA, "soak"),
    of::<store::ToldMerge>(store::MERGE, "store merge"),
    of::<store::ToldStats>(store::STATS, "store stats"),
    of::<trap::TrapJson<'static>>(trap::SCHEMA, "trap"),
    of::<update::Updated>(update::SCHEMA, "shrink --update"),
    of::<pruning::Verified<'static>>(pruning::VERIFICATION, "prune --verify"),
    of::<why::WhyJson<'static>>(measure::answer::SCHEMA, "why"),
];

const fn of<T: JsonSchema>(word: &'static str, by: &'static str) -> Format {
    Format {
        word,
        by,
        schema: schema::<T>,
    }
}

/// The schema of a type as it is printed.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

impl Format {
    /// `config.get` of `tuxling.config.get/1`.
    fn name(&self) -> &'static str {
        let bare = self.word.split('/').next().unwrap_or_default();
        bare.strip_prefix("tuxling.").unwrap_or(bare)
    }

    /// The schema, which allows no other word than the format's own.
    fn told(&self) -> Value {
        let mut schema = (self.schema)();
        schema["title"] = json!(self.word);
        schema["properties"]["schema"] = json!({
            "description": "The format and its version.",
            "const": self.word,
        });
        schema
    }

    fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(&self.told())
            .map(|text| text + "\n")
            .map_err(|e| Failure::new(Kind::Machine, format!("can't write JSON: {e}")))
    }
}

/// Whether a printed value is of a format that is listed here.
pub(super) fn knows(printed: &str) -> bool {
    let value: Option<Value> = serde_json::from_str(printed).ok();
    let word = value.as_ref().and_then(|value| value["schema"].as_str());
    FORMATS.iter().any(|format| Some(format.word) == word)
}

/// Prints one schema, or the list of all.
pub(super) fn run(args: &SchemaArgs) -> Result<()> {
    if args.list {
        let row = |format: &Format| format!("{:<18} {}\n", format.name(), format.by);
        return print(&FORMATS.iter().map(row).collect::<String>());
    }
    let found = FORMATS.iter().find(|format| format.name() == args.name);
    let unknown = || {
        let message = format!("nothing is printed of the schema `{}`", args.name);
        Failure::new(Kind::Usage, message).help("`tuxling schema --list` names all")
    };
    print(&found.ok_or_else(unknown)?.text()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_documented_schemas_are_those_of_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
        let write = std::env::var_os("SCHEMAS").is_some_and(|word| word == "write");
        let mut files = BTreeSet::new();
        for format in FORMATS {
            let (file, text) = (format!("{}.json", format.name()), format.text());
            let (path, text) = (folder.join(&file), text.expect("is JSON"));
            if write {
                fs::create_dir_all(&folder).expect("a folder");
                fs::write(&path, &text).expect("written");
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == text,
                "{file} is of other types, run: SCHEMAS=write cargo test -p tuxling --lib schema"
            );
            files.insert(file);
        }
        let there: BTreeSet<String> = fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(files, there);
    }

    #[test]
    fn formats_stand_in_order_and_say_their_own_word() {
        let names: Vec<_> = FORMATS.iter().map(Format::name).collect();
        let ordered: BTreeSet<_> = names.iter().copied().collect();
        assert!(names.iter().copied().eq(ordered));
        for format in FORMATS {
            let told = format.told();
            assert_eq!(told["properties"]["schema"]["const"], format.word);
            let required = told["required"].as_array().expect("a list");
            assert!(required.contains(&json!("schema")), "{}", format.word);
        }
    }

    #[test]
    fn only_what_is_listed_is_known() {
        assert!(knows(r#"{"schema": "tuxling.size/1"}"#));
        assert!(!knows(r#"{"schema": "tuxling.size/2"}"#) && !knows("[]"));
    }
}
