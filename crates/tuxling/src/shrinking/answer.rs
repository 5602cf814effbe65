//! What the evidence of a shrunk system says of one thing: an option, an
//! applet, a function.

use std::path::PathBuf;

use host::error::Kind;
use prune::certificate::Certificate;
use prune::rebuild;
use recipe::builtin;
use recipe::plan::{Plan, RecipeOrigin};
use schemars::JsonSchema;
use serde::Serialize;

use ::report::search::SearchPage;

use super::page;
use super::report::{Report, SCHEMA};
use crate::failure::{Failure, Result};

/// The evidence that stands beside a recipe.
#[derive(Debug)]
pub(crate) struct KeptEvidence {
    report: Report,
    certificate: Option<Certificate>,
}

/// One thing that the evidence says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Said {
    /// What it is about.
    pub subject: String,
    /// `kept` or `removed`.
    pub fate: &'static str,
    /// The reason: the check that fails without it, the pass that took it.
    pub because: String,
    /// Bytes of the payload: won by the step that took it, or predicted.
    pub bytes: Option<u64>,
}

impl KeptEvidence {
    /// What stands beside a plan's recipe; nothing where it isn't the result
    /// of a shrink.
    pub(crate) fn beside(plan: &Plan) -> Result<Option<KeptEvidence>> {
        let name = format!("{}.shrink.json", plan.name);
        let (text, path) = match &plan.origin {
            RecipeOrigin::BuiltIn => (builtin::file(&name).map(str::to_owned), PathBuf::new()),
            RecipeOrigin::File(_) => {
                let path = plan.base.join(&name);
                match std::fs::read_to_string(&path) {
                    Ok(text) => (Some(text), path),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => (None, path),
                    Err(e) => return Err(host::Error::file("read", &path, e).into()),
                }
            }
        };
        let Some(text) = text else {
            return Ok(None);
        };
        let wrong = |why: String| {
            Failure::new(
                Kind::Usage,
                format!("{} is no report of a shrink: {why}", path.display()),
            )
            .help(format!(
                "restore it from version control, or remove it: `tuxling shrink` writes it anew, \
                 and {} is a recipe without it",
                plan.name
            ))
        };
        let report: Report = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        if report.schema != SCHEMA {
            return Err(wrong(format!("its schema is {:?}", report.schema)));
        }
        let certificate = plan.prune.certificate.as_ref().map(rebuild::read);
        Ok(Some(KeptEvidence {
            report,
            certificate: certificate.transpose()?,
        }))
    }

    /// The page of the search.
    pub(crate) fn page(&self) -> SearchPage {
        page::page(&self.report, self.certificate.as_ref())
    }

    /// What it says of a subject; nothing where it doesn't know it.
    pub(crate) fn of(&self, subject: &str) -> Vec<Said> {
        let option = format!("CONFIG_{}", subject.trim_start_matches("CONFIG_"));
        let applet = format!("applet {subject}");
        let busybox = format!("busybox {}", subject.trim_start_matches("CONFIG_"));
        let is = |change: &String| [&option, &applet, &busybox].contains(&change);
        let mut said = Vec::new();
        for stage in &self.report.stages {
            for step in stage
                .taken
                .iter()
                .filter(|step| step.changes.iter().any(is))
            {
                let others = step.changes.len().saturating_sub(1);
                let with = match others {
                    0 => String::new(),
                    1 => ", with one other change".to_owned(),
                    n => format!(", with {n} other changes"),
                };
                said.push(Said {
                    subject: subject.to_owned(),
                    fate: "removed",
                    because: format!(
                        "the pass \"{}\" took it{with}; all checks passed",
                        step.pass
                    ),
                    bytes: Some(step.won_bytes),
                });
            }
            for held in stage.kept.iter().filter(|held| is(&held.change)) {
                said.push(Said {
                    subject: subject.to_owned(),
                    fate: "kept",
                    because: held.because.clone(),
                    bytes: Some(held.predicted_bytes),
                });
            }
        }
        let functions = self.certificate.iter().flat_map(|c| &c.kept);
        for (object, functions) in functions {
            for function in functions.iter().filter(|f| f.symbol == subject) {
                said.push(Said {
                    subject: format!("{subject} ({object})"),
                    fate: "kept",
                    because: function.reason.words(),
                    bytes: None,
                });
            }
        }
        said
    }
}

/// The answers for people.
pub(crate) fn text(all: &[Said]) -> String {
    let line = |said: &Said| {
        let bytes = said.bytes.map_or_else(String::new, |n| {
            let n = host::units::grouped(n);
            match said.fate {
                "removed" => format!(" ({n} B won)"),
                _ => format!(" (predicted: {n} B)"),
            }
        });
        format!("{}: {}{bytes}: {}\n", said.subject, said.fate, said.because)
    };
    all.iter().map(line).collect()
}
