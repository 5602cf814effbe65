//! The page of a search while it runs: written anew at every better state, so
//! that somebody can look on.

use std::cell::RefCell;
use std::path::PathBuf;

use host::cache::write_whole;
use prune::certificate::Certificate;
use recipe::Plan;
use record::Record;
use report::search::{self, Round, SearchPage, State, TakenStep};
use shrink::{Candidate, Cost, Event, Progress, Space};

use super::page;
use super::report::{Report, Stage, standing};

/// The page of one search.
pub(crate) struct Live {
    file: PathBuf,
    shown: RefCell<Shown>,
}

#[derive(Default)]
struct Shown {
    page: SearchPage,
    /// The states that the round has come through, the best last.
    best: Vec<(Candidate, Cost)>,
}

impl Live {
    /// Of a search that begins with this record, in a file.
    pub(crate) fn new(original: &Plan, before: &Record, file: PathBuf) -> Live {
        let report = Report::new(original, before, before, Vec::new());
        let mut page = page::page(&report, None);
        page.state = State::Running("nothing is tried yet".to_owned());
        let live = Live {
            file,
            shown: RefCell::new(Shown {
                page,
                best: Vec::new(),
            }),
        };
        live.write();
        live
    }

    /// A round begins.
    pub(crate) fn begin(&self, name: &str) {
        let mut shown = self.shown.borrow_mut();
        shown.best.clear();
        let before_bytes = shown.page.searched.payload_bytes;
        shown.page.rounds.push(Round {
            name: name.to_owned(),
            before_bytes,
            ..Round::default()
        });
    }

    /// Something happened.
    pub(crate) fn event(&self, event: &Event, progress: &Progress, space: &Space) {
        let mut shown = self.shown.borrow_mut();
        shown.page.state = State::Running(standing(progress));
        match event {
            Event::Started { cost, .. } => {
                if let Some(round) = shown.page.rounds.last_mut() {
                    round.before_bytes = cost.payload_bytes;
                }
                shown.best = vec![(Candidate::default(), *cost)];
            }
            Event::Better {
                candidate,
                cost,
                pass,
            } => shown.better(candidate, *cost, pass, space),
            Event::FellBack { candidate, cost } => shown.fell_back(candidate, *cost),
            Event::PassBegan { .. } => {}
            _ => return,
        }
        drop(shown);
        self.write();
    }

    /// A round has ended.
    pub(crate) fn end_round(&self, stage: &Stage) {
        let mut shown = self.shown.borrow_mut();
        shown.page.rounds.pop();
        shown.page.rounds.push(page::round(stage));
        drop(shown);
        self.write();
    }

    /// What is done now that isn't a search.
    pub(crate) fn doing(&self, what: &str) {
        self.shown.borrow_mut().page.state = State::Running(what.to_owned());
        self.write();
    }

    /// The search has come to its end.
    pub(crate) fn end(&self, report: &Report, certificate: Option<&Certificate>) {
        self.shown.borrow_mut().page = page::page(report, certificate);
        self.write();
    }

    /// The page is there to be looked at: where it can't be written, the search
    /// goes on all the same.
    fn write(&self) {
        let html = search::html(&self.shown.borrow().page);
        let _ = write_whole(&self.file, html.as_bytes());
    }
}

impl Drop for Live {
    /// A page that nobody writes any more must not wait for the next state.
    fn drop(&mut self) {
        let shown = self.shown.get_mut();
        if let State::Running(last) = &shown.page.state {
            let words = format!("{last}; the search was cut off, and the same command goes on");
            shown.page.state = State::CutOff(words);
            self.write();
        }
    }
}

impl Shown {
    fn better(&mut self, candidate: &Candidate, cost: Cost, pass: &str, space: &Space) {
        let last = self.best.last();
        let (changes, before) = match last {
            Some((last, before)) => (candidate.beyond(last), before.payload_bytes),
            None => (candidate.taken().collect(), cost.payload_bytes),
        };
        let changes = changes.iter().map(|(id, _)| space.change(*id).key.clone());
        let step = TakenStep {
            pass: pass.to_owned(),
            changes: changes.collect(),
            won_bytes: before.saturating_sub(cost.payload_bytes),
        };
        if let Some(round) = self.page.rounds.last_mut() {
            round.steps.push(step);
        }
        self.best.push((candidate.clone(), cost));
        self.now(cost);
    }

    /// The best had passed by luck: the steps behind the older one are none.
    fn fell_back(&mut self, candidate: &Candidate, cost: Cost) {
        while self.best.len() > 1 && self.best.last().is_some_and(|(best, _)| best != candidate) {
            self.best.pop();
            if let Some(round) = self.page.rounds.last_mut() {
                round.steps.pop();
            }
        }
        self.now(cost);
    }

    /// The sizes of the best so far; which part of them the ramdisk has, its
    /// record will tell.
    fn now(&mut self, cost: Cost) {
        for size in [&mut self.page.searched, &mut self.page.after] {
            size.payload_bytes = cost.payload_bytes;
            size.ram_kib = cost.ram_kib.or(size.ram_kib);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::fixture::record;
    use shrink::Change;

    fn now(best: u64) -> Progress {
        Progress {
            start: Some(Cost::payload(950)),
            best: Some(Cost::payload(best)),
            attempts: 3,
            running: 0,
            saved: Vec::new(),
            time_left: None,
        }
    }

    fn better(candidate: &Candidate, bytes: u64) -> Event {
        Event::Better {
            candidate: candidate.clone(),
            cost: Cost::payload(bytes),
            pass: "groups".to_owned(),
        }
    }

    #[test]
    fn the_page_follows_the_search_and_forgets_what_had_passed_by_luck() {
        let dir = tempfile::tempdir().expect("a folder");
        let plan = recipe::load("pc-shell", dir.path()).expect("is built in");
        let file = dir.path().join("pc-shell.tiny.html");
        let shown = || std::fs::read_to_string(&file).expect("is written");
        let mut space = Space::new("test");
        let mut add = |key| space.add(Change::removal(key, 10)).expect("is new");
        let (net, smp) = (add("CONFIG_NET"), add("CONFIG_SMP"));
        let live = Live::new(&plan, &record(), file.clone());
        assert!(shown().contains("is running"));
        live.begin("round 1");
        let started = Event::Started {
            cost: Cost::payload(950),
            known_attempts: 0,
        };
        live.event(&started, &now(950), &space);
        let first = space.with(&Candidate::default(), &[net]);
        live.event(&better(&first, 900), &now(900), &space);
        let second = space.with(&first, &[smp]);
        live.event(&better(&second, 800), &now(800), &space);
        let page = shown();
        assert!(page.contains("round 1, groups: CONFIG_NET") && page.contains("−50 B"));
        assert!(page.contains("round 1, groups: CONFIG_SMP") && page.contains("−100 B"));
        let fell = Event::FellBack {
            candidate: first,
            cost: Cost::payload(900),
        };
        live.event(&fell, &now(900), &space);
        assert!(!shown().contains("CONFIG_SMP"));
        drop(live);
        let page = shown();
        assert!(page.contains("cut off") && !page.contains("http-equiv=\"refresh\""));
    }
}
