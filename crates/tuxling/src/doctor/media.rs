//! What boot media of a recipe's system are made with.

use recipe::Arch;
use recipe::medium::Form;

use super::{Finding, Level, Subject};

/// What is missing, each with the media that need it: only `tuxling image` does.
pub(super) fn media(subject: &Subject, arch: Arch) -> Vec<Finding> {
    let mut missing: Vec<(String, Vec<&str>)> = Vec::new();
    for form in Form::ALL.into_iter().filter(|form| form.fits(arch)) {
        for name in ::media::tools::lacking(form, subject.processes) {
            match missing.iter_mut().find(|(known, _)| *known == name) {
                Some((_, forms)) => forms.push(form.word()),
                None => missing.push((name, vec![form.word()])),
            }
        }
    }
    let findings = missing.into_iter().map(|(name, forms)| {
        let found = format!("is not installed: images need it ({})", forms.join(", "));
        let shown = name.trim_start_matches("file:").to_owned();
        Finding::new(Level::Hint, shown, found).install(&name)
    });
    findings.collect()
}
