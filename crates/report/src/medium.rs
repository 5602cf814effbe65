//! What is shown of a boot medium: its size, what is free on it, and whether the
//! system passes its checks when firmware boots it from there.

use std::fmt::Write;

use host::id::Id;
use host::units::grouped;
use record::{CheckOutcome, CheckRecord, Diagnosis, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

/// The version of the format.
pub const SCHEMA: &str = "tuxling.image/1";

/// A boot medium.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MediumReport {
    /// The format and its version.
    pub schema: &'static str,
    /// The recipe's name.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// The kind of medium: `floppy`.
    pub form: String,
    /// The file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// What it is.
    pub sha256: Id,
    /// What is free on it; `null` where nothing can be added to it.
    pub free_bytes: Option<u64>,
    /// The kernel's size.
    pub kernel_bytes: u64,
    /// The ramdisk's size, where it isn't in the kernel.
    pub ramdisk_bytes: u64,
    /// What came of its boot; `null` where it was not booted.
    pub check: Option<MediumCheck>,
}

/// The boot of a medium by its own firmware.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MediumCheck {
    /// What booted it.
    pub firmware: String,
    /// How the boot ended.
    pub outcome: Outcome,
    /// What that rests on.
    pub reason: Option<String>,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// What explains a boot that went wrong.
    pub diagnoses: Vec<Diagnosis>,
    /// The command that booted it, as a list of words.
    pub qemu: Vec<String>,
}

/// The report as text.
pub fn text(report: &MediumReport) -> String {
    let mut out = format!("{} on {}\n", report.recipe, report.form);
    let mut row = |name: &str, bytes: u64| {
        // Writing to a String can't fail.
        let _ = writeln!(out, "  {name:<26}{:>13} B", grouped(bytes));
    };
    row("image", report.bytes);
    row("  kernel", report.kernel_bytes);
    if report.ramdisk_bytes > 0 {
        row("  ramdisk", report.ramdisk_bytes);
    }
    if let Some(free) = report.free_bytes {
        row("  free", free);
    }
    let parts = report.kernel_bytes + report.ramdisk_bytes + report.free_bytes.unwrap_or_default();
    if let Some(rest) = report.bytes.checked_sub(parts) {
        row("  loader, file system", rest);
    }
    let _ = writeln!(out, "  SHA-256 {}\n  {}", report.sha256, report.file);
    if let Some(check) = &report.check {
        booted(&mut out, check);
    }
    out
}

fn booted(out: &mut String, check: &MediumCheck) {
    let words = check.outcome.words();
    let _ = writeln!(out, "\nBooted by {}: {words}", check.firmware);
    if let Some(reason) = check.reason.as_deref().filter(|text| !text.is_empty()) {
        let _ = writeln!(out, "  {}", reason.trim().replace('\n', "\n  "));
    }
    for one in &check.checks {
        let mark = match one.outcome {
            CheckOutcome::Passed => "ok",
            CheckOutcome::Skipped => "--",
            CheckOutcome::Failed | CheckOutcome::TimedOut => "!!",
        };
        let detail = one.detail.lines().next().unwrap_or_default();
        let line = format!(
            "  {mark} {:<14}{:<11}{detail}",
            one.name,
            one.outcome.words()
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if !check.diagnoses.is_empty() {
        let _ = writeln!(out, "{}", record::diagnoses_text(&check.diagnoses));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_floppy_is_told() {
        let report = MediumReport {
            schema: SCHEMA,
            recipe: "pc-net.tiny".to_owned(),
            board: "pc".to_owned(),
            form: "floppy".to_owned(),
            file: "/b/floppy.img".to_owned(),
            bytes: 1_474_560,
            sha256: Id::of_bytes(b""),
            free_bytes: Some(860_000),
            kernel_bytes: 483_840,
            ramdisk_bytes: 111_000,
            check: Some(MediumCheck {
                firmware: "SeaBIOS".to_owned(),
                outcome: Outcome::CheckFailed,
                reason: Some("dhcp failed".to_owned()),
                checks: vec![CheckRecord {
                    name: "dhcp".to_owned(),
                    via: recipe::plan::Via::Channel,
                    outcome: CheckOutcome::Failed,
                    seconds: None,
                    detail: "no lease".to_owned(),
                }],
                diagnoses: Vec::new(),
                qemu: Vec::new(),
            }),
        };
        let sha = Id::of_bytes(b"");
        let expected = format!(
            "pc-net.tiny on floppy\n  \
             image                         1,474,560 B\n    \
             kernel                        483,840 B\n    \
             ramdisk                       111,000 B\n    \
             free                          860,000 B\n    \
             loader, file system            19,720 B\n  \
             SHA-256 {sha}\n  /b/floppy.img\n\n\
             Booted by SeaBIOS: check failed\n  dhcp failed\n  \
             !! dhcp          failed     no lease\n"
        );
        assert_eq!(text(&report), expected);
    }
}
