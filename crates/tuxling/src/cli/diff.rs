//! `tuxling diff`: two records side by side.

use std::fs;
use std::path::Path;

use host::Cache;
use host::error::Kind;
use recipe::builtin;
use record::{Database, Record, SCHEMA};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Diff;
use super::{cwd, diff_kernels, load, print, print_json, tree_diff};
use crate::failure::{Failure, Result};
use report::{diff, diff_markdown, kernel_diff};

/// Compares two records.
pub(super) fn run(args: &Diff) -> Result<()> {
    if args.tree {
        return tree_diff::run(args);
    }
    let (a, b) = (cwd()?.join(&args.a), cwd()?.join(&args.b));
    if diff_kernels::is_elf(&a) && diff_kernels::is_elf(&b) {
        return diff_kernels::files(args, &a, &b);
    }
    let (a, b) = (record(&args.a)?, record(&args.b)?);
    let plan = |name: &str| load(name).ok();
    let plans = [plan(&args.a), plan(&args.b)];
    let told = DiffJson {
        records: diff::diff(&a, &b),
        kernel: diff_kernels::of_records((plans[0].as_ref(), &a), (plans[1].as_ref(), &b))?,
    };
    if args.json {
        print_json(&told)?;
    } else {
        let text = if args.markdown {
            diff_markdown::markdown(&told.records, told.kernel.as_ref())
        } else {
            plain(&told)
        };
        print(&text)?;
    }
    let total = |record: &Record| i64::try_from(record.image.total_bytes).unwrap_or(i64::MAX);
    diff_kernels::within(args, total(&b) - total(&a))
}

fn plain(told: &DiffJson) -> String {
    let kernels = told.kernel.as_ref().map(kernel_diff::text);
    let kernels = kernels.map_or(String::new(), |text| format!("\n{text}"));
    diff::table(&told.records) + &kernels
}

/// What is printed as JSON: the records' difference, and under `kernel` that of
/// the kernels, when both are still in the cache.
#[derive(Serialize, JsonSchema)]
pub(super) struct DiffJson {
    #[serde(flatten)]
    records: diff::Diff,
    kernel: Option<kernel_diff::KernelDiff>,
}

/// A record's file or the folder that it is in, or the newest record of a
/// recipe. The name of a built-in recipe comes before a folder of that name.
pub(super) fn record(name: &str) -> Result<Record> {
    let path = cwd()?.join(name);
    if path.is_dir() && builtin::recipe(name).is_none() {
        return read(&path.join("record.json"));
    }
    if name.ends_with(".json") {
        return read(&path);
    }
    let plan = load(name)?;
    let beside = plan.base.join("build").join(&plan.name).join("record.json");
    if beside.exists() {
        return read(&beside);
    }
    let store = Database::open(&record::store_path(&Cache::of_user()?))?;
    let newest = store.newest(&plan.name)?;
    newest.map(|attempt| attempt.record).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("there is no record of {name} yet"))
            .help(format!("make one: tuxling check {name}"))
    })
}

fn read(path: &Path) -> Result<Record> {
    let text = fs::read_to_string(path).map_err(|e| {
        Failure::new(Kind::Usage, format!("can't read {}: {e}", path.display()))
            .help("make the record anew: tuxling check")
    })?;
    parse(&text, &path.display().to_string())
}

/// A record from its text; `shown` is the file's name.
fn parse(text: &str, shown: &str) -> Result<Record> {
    let no_record = |e: serde_json::Error| {
        Failure::new(Kind::Usage, format!("{shown} is not a record: {e}")).help(
            "a record is what tuxling writes to build/NAME/record.json or prints with --json; \
                 where that is damaged, make it anew: tuxling check",
        )
    };
    // Another schema may have other fields: it comes first.
    let value: serde_json::Value = serde_json::from_str(text).map_err(no_record)?;
    match value.get("schema").and_then(|schema| schema.as_str()) {
        Some(schema) if schema != SCHEMA => Err(Failure::new(
            Kind::Usage,
            format!("{shown} is of the schema `{schema}`, not of `{SCHEMA}`"),
        )
        .help("make the record anew with this tuxling: tuxling check")),
        _ => serde_json::from_value(value).map_err(no_record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_schema_is_refused_by_both_names() {
        let failure = parse(r#"{"schema": "tuxling.record/2"}"#, "a.json").expect_err("refused");
        assert_eq!(
            failure.message,
            "a.json is of the schema `tuxling.record/2`, not of `tuxling.record/1`"
        );
        let failure = parse("{}", "a.json").expect_err("refused");
        assert!(failure.message.starts_with("a.json is not a record: "));
    }
}
