//! The outcome of a boot: from how it ended, what the console said and what the
//! checks gave. Pure.

use std::time::Duration;

use host::units::{grouped, show_duration};
use recipe::plan::Via;
use record::{CheckOutcome, CheckRecord, Outcome};

use super::verdict::errno_text;
use crate::machine::console::{Scanner, Trouble, telling_line};

const ENOENT: i32 = 2;

/// How the boot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootEnd {
    /// The agent said all, and the machine was stopped.
    Finished,
    /// QEMU ended by itself with status 0: a reset or a power-off.
    MachineStopped,
    /// The wall-clock limit was reached.
    WallLimit(Duration),
    /// Nothing was printed or said for so long.
    Silent(Duration),
    /// More was printed than anybody reads.
    Flooded(u64),
    /// The kernel or the agent said that it is of no use to go on.
    Hopeless,
    /// Code ran that had been removed; what and called from where.
    Trapped(String),
    /// The system was told to restart the machine, and did not for so long.
    Stayed(Duration),
    /// QEMU itself failed; what it said.
    QemuFailed(String),
    /// The serial line to the board was lost; why.
    LineLost(String),
}

/// What the outcome is computed from.
#[derive(Debug)]
pub(crate) struct BootFacts<'a> {
    /// How the boot ended.
    pub end: BootEnd,
    /// All checks.
    pub checks: &'a [CheckRecord],
    /// The console.
    pub console: &'a Scanner,
    /// Whether anything was printed at all.
    pub printed: bool,
    /// Whether the agent said anything.
    pub agent: bool,
    /// Whether there is none: the machine has no channel.
    pub mute: bool,
    /// Whether it is a board at the other end of a serial line, on which not
    /// every check can be run.
    pub board: bool,
    /// The system's init, and why it could not be executed.
    pub init: (&'a str, Option<i32>),
}

/// The outcome of a boot and what it rests on. What the kernel says of itself
/// comes before what the checks say.
pub(crate) fn outcome(facts: &BootFacts<'_>) -> (Outcome, String) {
    if let BootEnd::QemuFailed(said) = &facts.end {
        return (Outcome::InfrastructureBroke, format!("QEMU failed: {said}"));
    }
    if let BootEnd::LineLost(why) = &facts.end {
        let reason = format!("the serial line to the board was lost: {why}");
        return (Outcome::InfrastructureBroke, reason);
    }
    if let BootEnd::Trapped(words) = &facts.end {
        return (Outcome::Trapped, words.clone());
    }
    let panic = telling_line(facts.console, Trouble::Panic);
    if let (init, Some(errno)) = facts.init {
        // What is there and refused is not missing.
        let what = match errno {
            ENOENT => "the system has no init",
            _ => "the system's init can't be started",
        };
        let reason = format!("{what}: can't execute {init}: {}", errno_text(errno));
        return (Outcome::Panicked, explained(reason, facts));
    }
    if let Some(line) = panic {
        return (Outcome::Panicked, explained(line.to_owned(), facts));
    }
    if let Some(line) = telling_line(facts.console, Trouble::Oops) {
        return (Outcome::Oopsed, explained(line.to_owned(), facts));
    }
    match &facts.end {
        BootEnd::WallLimit(limit) => return (Outcome::BootHung, hung(facts, *limit, "was done")),
        BootEnd::Silent(limit) => return (Outcome::BootHung, hung(facts, *limit, "moved")),
        BootEnd::Stayed(limit) => {
            let reason = format!(
                "all is done, but the machine was not restarted within {}",
                show_duration(*limit)
            );
            return (Outcome::BootHung, explained(reason, facts));
        }
        BootEnd::Flooded(bytes) => {
            let reason = format!("printed without end ({} B)", grouped(*bytes));
            return (Outcome::BootHung, explained(reason, facts));
        }
        _ => {}
    }
    by_checks(facts)
}

fn by_checks(facts: &BootFacts<'_>) -> (Outcome, String) {
    // A check without a time has not ended.
    let done = facts.checks.iter().filter(|c| c.seconds.is_some()).count();
    if facts.end == BootEnd::MachineStopped && done < facts.checks.len() {
        let reason = format!(
            "the machine was switched off or restarted when {done} of {} checks were done, without a panic",
            facts.checks.len()
        );
        return (Outcome::ExitedEarly, explained(reason, facts));
    }
    let on_board = |check: &&CheckRecord| facts.board && check.outcome == CheckOutcome::Skipped;
    let skipped = facts.checks.iter().filter(on_board).count();
    let failed = facts
        .checks
        .iter()
        .find(|check| check.outcome != CheckOutcome::Passed && !on_board(check));
    match failed {
        None if skipped > 0 && skipped == facts.checks.len() => {
            let reason = "no check could be run on the board";
            (Outcome::CheckFailed, reason.to_owned())
        }
        None if skipped > 0 => {
            let passed = facts.checks.len() - skipped;
            let reason = format!("{passed} checks passed, {skipped} can't be run on a board");
            (Outcome::Passed, reason)
        }
        Some(check) if facts.agent || check.via == Via::Console => {
            let reason = format!("{} {}: {}", check.name, check.outcome.words(), check.detail);
            (Outcome::CheckFailed, reason)
        }
        Some(_) => {
            let reason = "the agent could not run the checks".to_owned();
            (Outcome::CheckFailed, explained(reason, facts))
        }
        None => (
            Outcome::Passed,
            format!("all {} checks passed", facts.checks.len()),
        ),
    }
}

fn hung(facts: &BootFacts<'_>, limit: Duration, what: &str) -> String {
    let stage = if !facts.printed && !facts.agent {
        "the machine printed nothing at all"
    } else if !facts.agent && !facts.board && !facts.mute {
        "the checks' agent was never started"
    } else if let Some(check) = facts.checks.iter().find(|check| check.seconds.is_none()) {
        return explained(
            format!(
                "nothing more {what} within {} before {:?} ended",
                show_duration(limit),
                check.name
            ),
            facts,
        );
    } else {
        "all checks had ended"
    };
    explained(
        format!(
            "nothing more {what} within {}; {stage}",
            show_duration(limit)
        ),
        facts,
    )
}

/// The reason with the console's first hint, where there is one.
fn explained(reason: String, facts: &BootFacts<'_>) -> String {
    match facts.console.hints().next() {
        Some(hint) => format!("{reason} (before that: {hint})"),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::verdict::not_ended;
    use recipe::plan::{CheckKind, CheckPlan, Expectation, GuestCommand};

    #[test]
    fn what_a_board_cannot_run_is_no_failure_but_no_pass_by_itself() {
        let console = Scanner::default();
        let skipped = record(CheckOutcome::Skipped);
        let board = |checks: &[CheckRecord]| {
            outcome(&BootFacts {
                board: true,
                ..facts(BootEnd::Finished, checks, &console)
            })
        };
        let (judged, reason) = board(&[record(CheckOutcome::Passed), skipped.clone()]);
        assert_eq!(judged, Outcome::Passed);
        assert_eq!(reason, "1 checks passed, 1 can't be run on a board");
        assert_eq!(board(&[skipped]).0, Outcome::CheckFailed);
    }

    fn record(outcome: CheckOutcome) -> CheckRecord {
        let kind = CheckKind::Run {
            command: GuestCommand::Shell("x".to_owned()),
            expect: Some(Expectation::Contains(String::new())),
        };
        let plan = CheckPlan::on_channel("it", kind);
        CheckRecord {
            seconds: (outcome != CheckOutcome::Skipped).then_some(1.0),
            ..not_ended(&plan, outcome, "so")
        }
    }

    fn facts<'a>(end: BootEnd, checks: &'a [CheckRecord], console: &'a Scanner) -> BootFacts<'a> {
        BootFacts {
            end,
            checks,
            console,
            printed: true,
            agent: true,
            mute: false,
            board: false,
            init: ("/init", None),
        }
    }

    #[test]
    fn an_oops_ends_a_pass_whatever_the_checks_say() {
        let checks = [record(CheckOutcome::Passed)];
        let mut console = Scanner::default();
        assert_eq!(
            outcome(&facts(BootEnd::Finished, &checks, &console)),
            (Outcome::Passed, "all 1 checks passed".to_owned())
        );
        console.push(b"BUG: kernel NULL pointer dereference, address: 0\n");
        let (found, reason) = outcome(&facts(BootEnd::Finished, &checks, &console));
        assert_eq!(found, Outcome::Oopsed);
        assert!(reason.starts_with("BUG: kernel NULL"));
        console.push(b"Kernel panic - not syncing: x\n");
        let (found, _) = outcome(&facts(BootEnd::MachineStopped, &checks, &console));
        assert_eq!(found, Outcome::Panicked);
    }

    #[test]
    fn a_stop_before_the_last_check_is_an_early_exit_and_after_it_is_none() {
        let console = Scanner::default();
        let checks = [record(CheckOutcome::Passed), record(CheckOutcome::Skipped)];
        let (found, reason) = outcome(&facts(BootEnd::MachineStopped, &checks, &console));
        assert_eq!(found, Outcome::ExitedEarly);
        assert!(reason.contains("when 1 of 2 checks were done"));
        let (found, _) = outcome(&facts(BootEnd::MachineStopped, &checks[..1], &console));
        assert_eq!(found, Outcome::Passed);
    }

    #[test]
    fn a_missing_init_is_named() {
        let checks = [record(CheckOutcome::Skipped)];
        let mut console = Scanner::default();
        console.push(b"Initramfs unpacking failed: junk\n");
        console.push(b"Kernel panic - not syncing: Attempted to kill init!\n");
        let mut facts = facts(BootEnd::Hopeless, &checks, &console);
        facts.init = ("/init", Some(2));
        let (found, reason) = outcome(&facts);
        assert_eq!(found, Outcome::Panicked);
        assert_eq!(
            reason,
            "the system has no init: can't execute /init: No such file or directory (os error 2) \
             (before that: Initramfs unpacking failed: junk)"
        );
    }

    #[test]
    fn silence_and_limits_are_hangs_and_qemus_failure_is_no_verdict() {
        let checks = [record(CheckOutcome::Skipped)];
        let console = Scanner::default();
        let limit = Duration::from_secs(60);
        for end in [BootEnd::WallLimit(limit), BootEnd::Silent(limit)] {
            let (found, reason) = outcome(&facts(end, &checks, &console));
            assert_eq!(found, Outcome::BootHung);
            assert!(reason.contains("\"it\""), "{reason}");
        }
        let end = BootEnd::QemuFailed("no such machine".to_owned());
        assert_eq!(
            outcome(&facts(end, &checks, &console)).0,
            Outcome::InfrastructureBroke
        );
    }

    #[test]
    fn a_failed_check_is_named_with_what_was_seen() {
        let checks = [record(CheckOutcome::Passed), record(CheckOutcome::TimedOut)];
        let console = Scanner::default();
        assert_eq!(
            outcome(&facts(BootEnd::Finished, &checks, &console)),
            (Outcome::CheckFailed, "it timed out: so".to_owned())
        );
    }
}
