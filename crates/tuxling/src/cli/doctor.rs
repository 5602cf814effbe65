//! `tuxling doctor`: what this machine lacks, and how to install it.

use std::fmt::Write;
use std::path::PathBuf;

use builder::source;
use host::Cache;
use host::error::Kind;
use host::packages::Distribution;
use recipe::Plan;
use recipe::package::Package;
use recipe::plan::SourceWish;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Doctor;
use super::{cwd, load, print, print_json, processes};
use crate::doctor::{self, Examination, Level, Subject};
use crate::failure::{Failure, Result};

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.doctor/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct DoctorJson<'a> {
    schema: &'static str,
    /// Whether something needed is lacking.
    lacking: bool,
    #[serde(flatten)]
    examination: &'a Examination,
}

/// Examines, and fails when something needed is lacking.
pub(super) fn run(args: &Doctor) -> Result<()> {
    let plan = args.recipe.as_deref().map(load).transpose()?;
    let cache = Cache::of_user()?;
    let processes = processes()?;
    let output = match &plan {
        Some(plan) => plan.base.join("build").join(&plan.name),
        None => cwd()?,
    };
    let tree = |package| plan.as_ref().and_then(|plan| tree(plan, package, &cache));
    let (linux, busybox) = (tree(Package::Linux), tree(Package::BusyBox));
    let subject = Subject {
        plan: plan.as_ref(),
        processes: &processes,
        cache: cache.root(),
        output: &output,
        linux: linux.as_deref(),
        busybox: busybox.as_deref(),
    };
    let examination = doctor::examine(&subject, Distribution::of_this_machine());
    if args.json {
        print_json(&DoctorJson {
            schema: SCHEMA,
            lacking: examination.lacking(),
            examination: &examination,
        })?;
    } else {
        print(&table(&examination))?;
    }
    if examination.lacking() {
        Err(lacking(&examination))
    } else {
        Ok(())
    }
}

/// A source tree that is there already: nothing is fetched to be examined.
fn tree(plan: &Plan, package: Package, cache: &Cache) -> Option<PathBuf> {
    let wish = match package {
        Package::Linux => &plan.kernel.source,
        Package::Musl => &plan.userland.libc.source,
        Package::BusyBox => &plan.userland.busybox.as_ref()?.source,
        Package::LinuxConfig { .. } => return None,
    };
    if let SourceWish::Path(path) = wish {
        return Some(path.clone());
    }
    let name = format!("{}.lock", plan.name);
    let lock = source::LockFile::read(&plan.base.join(name)).ok()?;
    source::unpacked(package, lock.get(package.name())?, cache)
}

fn table(examination: &Examination) -> String {
    let mut text = String::new();
    for finding in &examination.findings {
        let mark = match finding.level {
            Level::Fine => "ok     ",
            Level::Hint => "hint   ",
            Level::Lacking => "LACKING",
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "{mark}  {:<22} {}", finding.what, finding.found);
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "{:<9}{:<22} help: {help}", "", "");
        }
    }
    if let Some(install) = &examination.install {
        let _ = writeln!(text, "\nInstall what is missing:\n  {install}");
    }
    text
}

fn lacking(examination: &Examination) -> Failure {
    let names: Vec<&str> = examination
        .findings
        .iter()
        .filter(|f| f.level == Level::Lacking)
        .map(|f| f.what.as_str())
        .collect();
    let failure = Failure::new(
        Kind::Machine,
        format!("this machine lacks: {}", names.join(", ")),
    );
    match &examination.install {
        Some(install) => failure.help(install.clone()),
        None if examination.distribution == Distribution::Unknown => {
            failure.help("install them by this distribution's package manager")
        }
        None => failure,
    }
}
