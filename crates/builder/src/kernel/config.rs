//! From a base configuration and what the recipe asks for to the `.config`
//! that the kernel's own tools make of it, and the requests that it doesn't
//! fulfil.

use std::fs;
use std::path::Path;

use ::kconfig::bytes::{bytes_of, text_of};
use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::session::{Cached, Session};
use recipe::Arch;
use recipe::config::{Request, RequestKey, Values, effective, lines, met};
use recipe::plan::{BaseConfig, KernelPlan};
use serde::Serialize;

use super::contract::{self, Broken};
use super::dropped::{self, Dropped};
use super::make::{kconfig_tree, make};
use super::remarks::{self, Remarks};
use super::toolchain::{Tools, Versions};
use super::{kconfig, objects};
use crate::configuration_error::ConfigurationError;
use crate::error::Result;
use crate::source::Source;

/// A configuration that the kernel's own tools have completed.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The whole text of `.config`.
    pub text: String,
    /// The requests that it doesn't fulfil.
    pub dropped: Vec<Dropped>,
    /// The terms of the recipe's contract that it breaks.
    pub broken: Vec<Broken>,
    /// What else is to be told of it.
    pub remarks: Remarks,
}

impl Resolved {
    /// The identity of the configuration: of its values, not of the comments
    /// around them.
    pub fn id(&self) -> Id {
        let values = Values::parse(&self.text);
        Id::of_bytes(
            values
                .iter()
                .map(|(k, v)| format!("{k}={v}\n"))
                .collect::<String>()
                .as_bytes(),
        )
    }
}

/// What a resolution depends on.
#[derive(Serialize)]
struct ConfigKey<'a> {
    source: &'a Id,
    arch: Arch,
    base: &'a BaseConfig,
    requests: Vec<RequestKey<'a>>,
    versions: &'a Versions,
}

/// Completes the base configuration and the requests, and compares.
pub fn resolve(
    plan: &KernelPlan,
    source: &Source,
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<Cached<Resolved>> {
    let key = ConfigKey {
        source: &source.digest,
        arch,
        base: source.base_of(plan),
        requests: plan.requests.iter().map(RequestKey::from).collect(),
        versions: &tools.versions,
    };
    let id = Id::of("config/1", &key)?;
    let kept = session
        .cache
        .folder("configs")?
        .join(format!("{}.config", id.short()));
    let (text, cached) = match fs::read(&kept) {
        Ok(bytes) => (text_of(&bytes), true),
        Err(_) => {
            let text = run_conf(plan, source, arch, tools, session)?;
            write_whole(&kept, &bytes_of(&text))?;
            (text, false)
        }
    };
    let value = compare(plan, source, arch, (tools, session), text)?;
    Ok(Cached { value, cached })
}

/// The resolved configuration, with what of the requests and of the contract it
/// doesn't hold, and what is to be said of it besides.
fn compare(
    plan: &KernelPlan,
    source: &Source,
    arch: Arch,
    (tools, session): (&Tools, &Session),
    text: String,
) -> Result<Resolved> {
    let values = Values::parse(&text);
    let doubtful: Vec<&Request> = effective(&plan.requests)
        .into_iter()
        .filter(|request| !request.optional)
        .filter(|request| !met(request, &values) || may_be_unknown(request, &values))
        .collect();
    let terms = contract::doubtful(plan, &values);
    let mut found = Resolved {
        dropped: Vec::new(),
        broken: Vec::new(),
        remarks: Remarks {
            modular: remarks::modular(plan, &values),
            ..Remarks::default()
        },
        text,
    };
    let is_file = matches!(source.base_of(plan), BaseConfig::File { .. });
    if doubtful.is_empty() && terms.is_empty() && !is_file {
        return Ok(found);
    }
    match kconfig::load(source, arch, tools, session) {
        Ok(tree) => {
            let configuration = tree.resolve(&found.text);
            (found.dropped, found.remarks.foreign) =
                dropped::explain(&doubtful, &values, &configuration, &|name| {
                    tree.elsewhere().get(name).cloned()
                });
            found.remarks.lost = remarks::lost(plan, &configuration, &tree);
            if !terms.is_empty() {
                found.broken = tree.broken(plan, &values, &tree.evaluate(plan)?);
            }
        }
        Err(error) if error.is_interrupted() => return Err(error),
        // What was dropped is known all the same.
        Err(error) => {
            found.dropped = dropped::unexplained(&doubtful, &values, &error);
            found.broken = contract::unexplained(&terms, &values, &error);
        }
    }
    Ok(found)
}

/// Whether a request that something be off may name what isn't there at all:
/// then the kernel's tools pass over it, and it looks as if it were met. A
/// symbol is left out also while something else that it depends on is off.
fn may_be_unknown(request: &Request, values: &Values) -> bool {
    request.value == "n" && !request.lenient && values.stated(&request.symbol).is_none()
}

/// Lets the kernel's own tools complete the configuration, in a folder of its
/// own that keeps the built `conf`.
fn run_conf(
    plan: &KernelPlan,
    source: &Source,
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<String> {
    let doing = "resolve the kernel's configuration";
    let tree = kconfig_tree(source, arch, session)?;
    let _lock = session
        .cache
        .lock(&tree, &|text| session.progress.note(text))?;
    objects::begin(&tree)?;
    let log = tree.join("tuxling.log");
    let run = |target: &str| {
        let cmd = make(source, &tree, arch, tools).arg(target);
        session
            .processes
            .run_logged(&cmd, &log, &|line| session.progress.tool_line(line))
            .map_err(|e| host::Error::command(Kind::Config, doing, e))
    };
    let config = tree.join(".config");
    match source.base_of(plan) {
        BaseConfig::Target(target) => run(target)?,
        BaseConfig::File { text, .. } => write_whole(&config, &bytes_of(text))?,
        BaseConfig::Distribution { .. } => return Err(ConfigurationError::NotObtained.into()),
    }
    let asked = format!("{}\n{}", read(&config)?, lines(&plan.requests));
    write_whole(&config, &bytes_of(&asked))?;
    run("olddefconfig")?;
    objects::end(&tree)?;
    read(&config)
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|e| host::Error::file("read", path, e))?;
    Ok(text_of(&bytes))
}
