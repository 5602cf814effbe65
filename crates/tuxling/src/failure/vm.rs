//! Failures of machines and of what is checked in them.

use record::Diagnosis;
use vm::boot::FailedBoot;

use super::Failure;

impl Failure {
    /// A boot that did not pass, with what is said of its causes.
    pub(crate) fn diagnosed(boot: FailedBoot, diagnoses: &[Diagnosis]) -> Failure {
        let mut failure = Failure::from(boot);
        if !diagnoses.is_empty() {
            let text = record::diagnoses_text(diagnoses);
            let detail = failure.detail.take().unwrap_or_default();
            failure.detail = Some(format!("{detail}\ndiagnosis:\n{text}"));
        }
        failure
    }
}

impl From<FailedBoot> for Failure {
    fn from(boot: FailedBoot) -> Failure {
        let failure = Failure::new(boot.kind(), boot.to_string());
        let console = match boot.console {
            lines if lines.is_empty() => "the console printed nothing".to_owned(),
            lines => format!("the console's last lines:\n{lines}"),
        };
        let mut detail = format!(
            "{console}\nthe whole console: {}",
            boot.console_log.display()
        );
        if let Some(command) = boot.command {
            detail.push_str(&format!("\nbooted by: {command}"));
        }
        failure.detail(detail)
    }
}
