//! What a search found, as its page has it.

use prune::certificate::Certificate;
use prune::repair::Attempt;
use record::Outcome;
use report::search::{
    ConditionRow, KeptChange, Pruning, PutBack, Round, SearchPage, State, Stop, SystemSize,
    TakenStep,
};

use super::report::{Report, Size, Stage};

/// The page of what was found, with the evidence of the pruning where there is
/// any.
pub(crate) fn page(report: &Report, certificate: Option<&Certificate>) -> SearchPage {
    SearchPage {
        recipe: report.recipe.clone(),
        board: report.board.clone(),
        state: State::Ended,
        before: size(&report.before),
        searched: size(&report.searched),
        after: size(&report.after),
        rounds: report.stages.iter().map(round).collect(),
        security: report.security.clone().into_iter().collect(),
        smallest_ram: report
            .smallest_ram
            .map(|ram| (ram.before_kib, ram.after_kib)),
        pruned: certificate.map(pruning),
        seconds: report.seconds,
    }
}

fn size(size: &Size) -> SystemSize {
    SystemSize {
        kernel_bytes: size.kernel_bytes,
        payload_bytes: size.payload_bytes,
        ramdisk_bytes: size.ramdisk_bytes,
        ram_kib: size.ram_kib,
    }
}

/// A round that has ended.
pub(crate) fn round(stage: &Stage) -> Round {
    let steps = stage.taken.iter().map(|taken| TakenStep {
        pass: taken.pass.clone(),
        changes: taken.changes.clone(),
        won_bytes: taken.won_bytes,
    });
    let kept = stage.kept.iter().map(|held| KeptChange {
        change: held.change.clone(),
        because: held.because.clone(),
        predicted_bytes: held.predicted_bytes,
        on_result: held.on_result,
    });
    let [tested, of] = stage.minimality;
    Round {
        name: stage.name.clone(),
        before_bytes: stage.before_bytes,
        steps: steps.collect(),
        kept: kept.collect(),
        effort: format!(
            "{} changes, {} attempts, {} kernels compiled, {} boots; of {of} changes that could \
             still go alone {tested} were tried on the result; it ended since {}",
            stage.changes, stage.attempts, stage.builds, stage.boots, stage.stopped
        ),
    }
}

fn pruning(certificate: &Certificate) -> Pruning {
    let code = certificate.removed.kinds.get("code").copied();
    let mut price: Vec<(String, u64)> = certificate.price.clone().into_iter().collect();
    price.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let failed = certificate.attempts.iter().filter(|a| !passed(a));
    let stops = failed.map(|attempt| Stop {
        boot: attempt.number,
        condition: condition(attempt),
        why: attempt
            .missed
            .clone()
            .or_else(|| attempt.reason.clone())
            .unwrap_or_else(|| attempt.outcome.words().to_owned()),
        added: attempt.added.clone(),
    });
    let fixes = certificate.fixes.iter().map(|fix| PutBack {
        symbol: fix.symbol.clone(),
        object: fix.object.clone(),
        missed_in: fix.missed_in.clone(),
    });
    let cases = certificate.adversity.iter();
    Pruning {
        level: certificate.level.clone(),
        proof: certificate.proof.clone(),
        code: code.unwrap_or_default(),
        price,
        levels: certificate.levels.clone().into_iter().collect(),
        stops: stops.collect(),
        fixes: fixes.collect(),
        conditions: conditions(&certificate.attempts),
        cases: cases
            .map(|case| (case.name.clone(), case.survived, case.detail.clone()))
            .collect(),
    }
}

fn passed(attempt: &Attempt) -> bool {
    attempt.outcome == Outcome::Passed
}

fn condition(attempt: &Attempt) -> String {
    match &attempt.case {
        Some(case) => format!("adversity: {case}"),
        None => attempt.condition.words(),
    }
}

/// The boots under each condition, in the order in which they came first.
fn conditions(attempts: &[Attempt]) -> Vec<ConditionRow> {
    let mut rows: Vec<ConditionRow> = Vec::new();
    for attempt in attempts {
        let condition = condition(attempt);
        let at = rows.iter().position(|row| row.condition == condition);
        let at = at.unwrap_or_else(|| {
            rows.push(ConditionRow {
                condition,
                ..ConditionRow::default()
            });
            rows.len() - 1
        });
        if passed(attempt) {
            rows[at].passed += 1
        } else {
            rows[at].failed += 1
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::builtin;

    #[test]
    fn the_built_in_search_is_shown_with_all_that_its_files_say() {
        let text = |ending: &str| builtin::file(&format!("pc-net.tiny.{ending}.json"));
        let read = |ending: &str| text(ending).expect("is built in");
        let report: Report = serde_json::from_str(read("shrink")).expect("is a report");
        let certificate: Certificate = serde_json::from_str(read("cert")).expect("is one");
        let page = page(&report, Some(&certificate));
        let steps: usize = page.rounds.iter().map(|round| round.steps.len()).sum();
        let taken: usize = report.stages.iter().map(|stage| stage.taken.len()).sum();
        assert_eq!(steps, taken);
        let pruned = page.pruned.as_ref().expect("it is pruned");
        let boots: usize = pruned.conditions.iter().map(|c| c.passed + c.failed).sum();
        assert_eq!(boots, certificate.attempts.len());
        assert_eq!(pruned.fixes.len(), certificate.fixes.len());
        let html = report::search::html(&page);
        for shown in [
            "pruned at the level tight",
            "CONFIG_POSIX_TIMERS",
            "__inode_add_lru",
        ] {
            assert!(html.contains(shown), "{shown}");
        }
    }
}
