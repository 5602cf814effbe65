//! `tuxling shrink RECIPE.tiny --update`: the same result on another kernel of
//! the series, traced and proven again.

use std::collections::BTreeSet;

use builder::source;
use builder::system::{self, BuildOptions};
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use prune::certificate::Certificate;
use prune::job::{PruneOptions, Whole, certificate_path};
use prune::{job as pruning, rebuild};
use recipe::Plan;
use record::Record;
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::{Failure, Result};

/// What an update changed.
/// The version of the format.
pub(crate) const SCHEMA: &str = "tuxling.update/1";

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Updated {
    /// Always `tuxling.update/1`.
    pub schema: &'static str,
    /// The recipe's name.
    pub recipe: String,
    /// The kernel's image before and now, in bytes; `null` where the outputs of
    /// the old one are gone.
    pub kernel_bytes: (Option<u64>, u64),
    /// Functions that are kept on purpose now and were not before.
    pub added: Vec<String>,
    /// Functions that were kept on purpose before and are not now.
    pub gone: Vec<String>,
    /// How many boots in a row passed.
    pub boots: u64,
    /// The record of the new system.
    pub record: Record,
}

/// Takes the newest sources of the series, and prunes and proves anew what the
/// recipe's certificate says was pruned.
pub(crate) fn update(
    plan: &Plan,
    build: &BuildOptions,
    options: impl FnOnce(&Certificate) -> Result<PruneOptions>,
    session: &Session,
) -> Result<Updated> {
    let Some(file) = &plan.prune.certificate else {
        return Err(Failure::new(
            Kind::Usage,
            format!("{} has no certificate that could be updated", plan.name),
        )
        .help("--update is for what `tuxling shrink` has written: NAME.tiny.toml"));
    };
    let old = rebuild::read(file)?;
    let output = system::output_folder(plan, build);
    let before = std::fs::metadata(output.join("kernel")).ok();
    let newest = BuildOptions {
        sources: source::Mode::Update,
        ..build.clone()
    };
    let whole = Whole::build(plan, &newest, session)?;
    let options = PruneOptions {
        taught_by: vec![old.clone()],
        ..options(&old)?
    };
    let pruned = pruning::prune(&whole, &options, session)?;
    let written = certificate_path(plan, &pruned.system.output);
    let text = std::fs::read(&written).map_err(|e| host::Error::file("read", &written, e))?;
    write_whole(&plan.base.join(&file.name), &text)?;
    let (was, is) = (functions(&old), functions(&pruned.certificate));
    Ok(Updated {
        schema: SCHEMA,
        recipe: plan.name.clone(),
        kernel_bytes: (before.map(|b| b.len()), pruned.record.image.kernel_bytes),
        added: is.difference(&was).cloned().collect(),
        gone: was.difference(&is).cloned().collect(),
        boots: pruned.certificate.passed.boots,
        record: pruned.record,
    })
}

fn functions(certificate: &Certificate) -> BTreeSet<String> {
    let all = certificate.kept.iter();
    all.flat_map(|(object, functions)| {
        functions
            .iter()
            .map(move |f| format!("{} ({object})", f.symbol))
    })
    .collect()
}
