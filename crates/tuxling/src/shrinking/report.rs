//! What a search over real systems found, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use farm::trials::{cost, taken_kib};
use host::units::{about, grouped};
use recipe::Plan;
use record::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shrink::{Because, Cost, Event, Outcome, Progress, Rejection, Shrunk, Space, Stopped};

use passes::Ways;

/// The version of the format.
pub(crate) const SCHEMA: &str = "tuxling.shrink/1";

/// What a shrink found, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Report {
    /// Always `tuxling.shrink/1`.
    pub schema: String,
    /// The recipe that it began with.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// The system as it was given.
    pub before: Size,
    /// The system that the search found, before pruning.
    pub searched: Size,
    /// The result.
    pub after: Size,
    /// Each search, in order.
    pub stages: Vec<Stage>,
    /// What protects and stays, by symbol, with the payload of the files that it
    /// brings in; `null` where it acts inside others.
    pub security: BTreeMap<String, Option<u64>>,
    /// The smallest RAM with which the checks pass, where RAM was the goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_ram: Option<SmallestRam>,
    /// Wall-clock seconds of the call that ended it.
    pub seconds: f64,
}

/// The smallest RAM with which checks pass, KiB; `null` where it was not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SmallestRam {
    /// Of the system as it was given.
    pub before_kib: Option<u64>,
    /// Of the result.
    pub after_kib: Option<u64>,
}

/// What a system takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Size {
    /// The kernel's image file.
    pub kernel_bytes: u64,
    /// The compressed kernel and the ramdisk.
    pub payload_bytes: u64,
    /// The ramdisk's file.
    pub ramdisk_bytes: u64,
    /// RAM that isn't free after the last check, the kernel's own included, KiB.
    pub ram_kib: Option<u64>,
}

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Stage {
    /// What it searched.
    pub name: String,
    /// How many changes there were to try.
    pub changes: usize,
    /// Payload bytes before.
    pub before_bytes: u64,
    /// Payload bytes after.
    pub after_bytes: u64,
    /// What was taken, in the steps in which it was.
    pub taken: Vec<Taken>,
    /// What stays, and the reason.
    pub kept: Vec<Held>,
    /// How many of the changes that could still be taken alone were tried on
    /// top of the result.
    pub minimality: [usize; 2],
    /// What each pass did.
    pub passes: BTreeMap<String, PassDid>,
    /// Attempts in this call; trials that came to something known besides.
    pub attempts: u64,
    /// Attempts, of those, that were made ahead and that nothing asked for.
    #[serde(default)]
    pub wasted: u64,
    /// Trials whose answer was known.
    pub known: u64,
    /// Kernels that were compiled.
    pub builds: u32,
    /// Boots.
    pub boots: u32,
    /// Kernels that were there already.
    pub cache_hits: u32,
    /// Why the search ended.
    pub stopped: String,
    /// Whether it ended before its time, since something around it was broken.
    #[serde(default)]
    pub broke: bool,
}

/// One step of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Taken {
    /// The pass that found it.
    pub pass: String,
    /// The changes.
    pub changes: Vec<String>,
    /// Payload bytes that the step won.
    pub won_bytes: u64,
}

/// A change that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Held {
    /// The change.
    pub change: String,
    /// Why: the check that fails without it, or what else was seen.
    pub because: String,
    /// Predicted bytes of the payload that it would win.
    pub predicted_bytes: u64,
    /// Whether it was tried on top of the result itself.
    pub on_result: bool,
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PassDid {
    /// Candidates that it had decided.
    pub candidates: u64,
    /// Those that became the best.
    pub steps: u64,
    /// Payload bytes won.
    pub won_bytes: u64,
    /// Seconds of its attempts.
    pub seconds: f64,
}

impl Size {
    fn of(record: &Record) -> Size {
        Size {
            kernel_bytes: record.image.kernel_bytes,
            payload_bytes: cost(record).payload_bytes,
            ramdisk_bytes: record.image.ramdisk_bytes,
            ram_kib: taken_kib(record),
        }
    }
}

impl Report {
    /// Before pruning.
    pub(crate) fn new(
        plan: &Plan,
        before: &Record,
        searched: &Record,
        stages: Vec<Stage>,
    ) -> Report {
        Report {
            schema: SCHEMA.to_owned(),
            recipe: plan.name.clone(),
            board: plan.board.name.clone(),
            before: Size::of(before),
            searched: Size::of(searched),
            after: Size::of(searched),
            stages,
            security: BTreeMap::new(),
            smallest_ram: None,
            seconds: 0.0,
        }
    }

    /// With the result.
    pub(crate) fn end(&mut self, after: &Record, took: Duration) {
        self.after = Size::of(after);
        self.seconds = took.as_secs_f64();
    }
}

impl Stage {
    /// From what a search gave.
    pub(crate) fn of(name: &str, ways: &Ways, shrunk: &Shrunk) -> Stage {
        let space = &ways.space;
        let key = |id| space.change(id).key.clone();
        let mut taken = Vec::new();
        for pair in shrunk.steps.windows(2) {
            taken.push(Taken {
                pass: pair[1].pass.clone(),
                changes: pair[1].took.iter().map(|(id, _)| key(*id)).collect(),
                won_bytes: pair[0]
                    .cost
                    .payload_bytes
                    .saturating_sub(pair[1].cost.payload_bytes),
            });
        }
        let held = |kept: &shrink::Kept| Held {
            change: key(kept.change),
            because: because(&kept.because, ways),
            predicted_bytes: space.change(kept.change).gain_bytes(),
            on_result: kept.on_result,
        };
        let did = |p: &shrink::PassReport| PassDid {
            candidates: p.candidates,
            steps: p.steps,
            won_bytes: p.won_bytes,
            seconds: p.took.as_secs_f64(),
        };
        let effort = &shrunk.effort;
        Stage {
            name: name.to_owned(),
            changes: space.len(),
            before_bytes: shrunk.start.payload_bytes,
            after_bytes: shrunk.cost.payload_bytes,
            taken,
            kept: shrunk.kept.iter().map(held).collect(),
            minimality: [shrunk.minimality.tested, shrunk.minimality.of],
            passes: shrunk
                .passes
                .iter()
                .map(|p| (p.name.clone(), did(p)))
                .collect(),
            attempts: effort.attempts,
            wasted: effort.wasted + effort.dropped,
            known: effort.known,
            builds: effort.work.builds,
            boots: effort.work.boots,
            cache_hits: effort.work.cache_hits,
            stopped: stopped(&shrunk.stopped),
            broke: matches!(
                shrunk.stopped,
                Stopped::Infrastructure(_) | Stopped::Hangs | Stopped::Journal(_)
            ),
        }
    }
}

/// What a search believed of which candidate, a line each, in the order in which
/// it was decided: the same wherever its trials were carried out. RAM is not in
/// it: another boot of the same bytes may need a little more or less.
pub(crate) fn believed(shrunk: &Shrunk) -> String {
    let mut text = String::new();
    for one in &shrunk.believed {
        let verdict = match &one.verdict {
            shrink::Verdict::Passed(cost) => format!("passed, {} B", cost.payload_bytes),
            shrink::Verdict::Rejected(rejection) => rejection.to_string(),
            shrink::Verdict::Unknown => "unknown".to_owned(),
        };
        let _ = writeln!(text, "{} {} {verdict}", one.identity, one.came_to);
    }
    text
}

/// How many changes of a candidate are named.
const SHOWN: usize = 8;

/// What a search has before it, by groups.
pub(crate) fn to_try(space: &Space) -> String {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for change in space.ids().map(|id| space.change(id)) {
        match groups.iter_mut().find(|(name, _)| *name == change.group) {
            Some((_, count)) => *count += 1,
            None => groups.push((&change.group, 1)),
        }
    }
    let groups: Vec<String> = groups
        .iter()
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    format!("{} changes to try: {}", space.len(), groups.join(", "))
}

fn stopped(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Finished => "nothing more to try".to_owned(),
        Stopped::Time => "the time was over".to_owned(),
        Stopped::Attempts => "the number of attempts was reached".to_owned(),
        Stopped::Cancelled => "it was interrupted".to_owned(),
        Stopped::Infrastructure(why) => format!("the apparatus broke: {why}"),
        Stopped::Hangs => "too many trials hung".to_owned(),
        Stopped::Journal(why) => format!("the store can't be written: {why}"),
    }
}

fn because(because: &Because, ways: &Ways) -> String {
    match because {
        Because::Lesson(lesson) => rejection(&lesson.rejection),
        Because::Dependant(id) => format!("{} stays and needs it", ways.space.change(*id).key),
        Because::Untried => "it was not tried alone".to_owned(),
    }
}

fn rejection(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Inferred => "without it the rest of its group passed".to_owned(),
        Rejection::NoGain { cost } => {
            format!(
                "it wins nothing ({} bytes with it)",
                grouped(cost.payload_bytes)
            )
        }
        other => other.to_string(),
    }
}

/// An event in one line, where it is worth one.
pub(crate) fn words(event: &Event, progress: &Progress, space: &Space) -> Option<String> {
    let mut text = match event {
        Event::Started {
            cost,
            known_attempts,
        } => {
            let known = match known_attempts {
                0 => String::new(),
                n => format!("; the store has {n} attempts of earlier"),
            };
            format!("the system as it was given: {}{known}", bytes(cost))
        }
        Event::PassBegan { name, round } => format!("{name} (round {round})"),
        Event::PassEnded {
            name,
            share_used_up: true,
        } => format!("{name}: its share of the time brought nothing"),
        Event::PassEnded { .. } => return None,
        Event::Trying { beyond, .. } => {
            let labels = beyond.iter().map(|(id, _)| &*space.change(*id).label);
            let shown: Vec<&str> = labels.take(SHOWN).collect();
            let more = match beyond.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("trying: {}{more}", shown.join(", "))
        }
        Event::Attempted {
            pass,
            outcome,
            took,
        } => format!(
            "trial {} ({}): {} in {:.0} s",
            progress.attempts,
            pass.as_deref().unwrap_or("proof"),
            outcome_words(outcome),
            took.as_secs_f64()
        ),
        Event::Better {
            candidate, cost, ..
        } => format!("better: {}, {} changes", bytes(cost), candidate.len()),
        Event::FellBack { cost, .. } => {
            format!("the best had passed by luck; back to {}", bytes(cost))
        }
        Event::Proving { passed, of } => format!("proof: {passed} of {of}"),
    };
    if let (Some(left), true) = (progress.time_left, matches!(event, Event::Attempted { .. })) {
        let _ = write!(text, ", {} min left", left.as_secs() / 60);
    }
    Some(text)
}

/// Where a search stands: the best so far, and the time that it has left.
pub(crate) fn standing(progress: &Progress) -> String {
    let mut text = match (&progress.start, &progress.best) {
        (Some(start), Some(best)) if start != best => {
            format!("best {} of {}", bytes(best), bytes(start))
        }
        (Some(start), _) => format!("nothing better than {} yet", bytes(start)),
        (None, _) => "the system as it was given".to_owned(),
    };
    if let Some(left) = progress.time_left {
        let _ = write!(text, ", at most {} left", about(left));
    }
    text
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed { cost } => format!("passed, {}", bytes(cost)),
        Outcome::Failed { failure } => failure.to_string(),
        Outcome::Unresolved { why } => format!("can't be had: {why}"),
        Outcome::Broken { why } => format!("the apparatus broke: {why}"),
        Outcome::TimedOut => "took too long".to_owned(),
    }
}

fn bytes(cost: &Cost) -> String {
    let mut text = format!("{} B", grouped(cost.payload_bytes));
    if let Some(ram) = cost.ram_kib {
        let _ = write!(text, ", {} KiB of RAM", grouped(ram));
    }
    text
}
