//! Executors with every vice: hung, lying, flaky, broken, not monotone.
//! Whatever they do, a search ends, and what it gives has passed.
#![allow(clippy::unwrap_used)] // in a test, a panic is a failure

mod simulated;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shrink::{
    Alternative, Answer, Because, CancelToken, Candidate, Change, ChangeId, Cost, Event, Executor,
    Failure, Goal, HandClock, Identity, MemoryJournal, Outcome, Policy, Rejection, Search,
    SearchError, Settings, Shrunk, Space, Stopped, Trial, passes,
};

/// An executor from a function.
struct Made<F>(F);

impl<F: Fn(&Trial<'_>) -> Answer + Send + Sync + 'static> Executor for Made<F> {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        (self.0)(trial)
    }
}

fn space(count: usize) -> Space {
    let mut space = Space::new("test");
    for number in 0..count {
        space
            .add(Change::removal(format!("change {number}"), 100))
            .unwrap();
    }
    space
}

fn cost(candidate: &Candidate) -> Cost {
    Cost::payload(100_000 - 100 * candidate.len() as u64)
}

fn passed(candidate: &Candidate) -> Answer {
    let cost = cost(candidate);
    Outcome::Passed { cost }.into()
}

fn failed(check: &str) -> Answer {
    let failure = Failure::of_check(check);
    Outcome::Failed { failure }.into()
}

fn takes(candidate: &Candidate, number: usize) -> bool {
    candidate.taken().any(|(id, _)| id.index() == number)
}

fn run(
    space: &Space,
    settings: Settings,
    executor: impl Fn(&Trial<'_>) -> Answer + Send + Sync + 'static,
) -> Result<Shrunk, SearchError> {
    let journal = Box::new(MemoryJournal::default());
    Search::new(space, Arc::new(Made(executor)), journal, settings)?.run(&mut passes::standard())
}

fn quick() -> Settings {
    Settings {
        policy: Policy {
            proof: 3,
            ..Policy::default()
        },
        grace: Duration::from_millis(100),
        ..Settings::default()
    }
}

fn kept(shrunk: &Shrunk) -> Vec<usize> {
    shrunk.kept.iter().map(|kept| kept.change.index()).collect()
}

#[test]
fn what_a_check_needs_is_kept_with_the_check_as_its_reason() {
    let space = space(60);
    let shrunk = run(&space, quick(), |trial| match trial.candidate() {
        candidate if takes(candidate, 17) => failed("download"),
        candidate if takes(candidate, 42) => failed("shell"),
        candidate => passed(candidate),
    })
    .unwrap();
    assert_eq!(kept(&shrunk), [17, 42]);
    assert!(shrunk.proof.proven && shrunk.proof.passed >= 3);
    assert_eq!(shrunk.minimality.tested, 2);
    let reasons: Vec<String> = shrunk
        .kept
        .iter()
        .map(|kept| match &kept.because {
            Because::Lesson(lesson) if kept.on_result => lesson.rejection.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons, ["check failed: download", "check failed: shell"]);
    assert_eq!(shrunk.cost, Cost::payload(100_000 - 58 * 100));
}

#[test]
fn a_hung_executor_is_cut_and_left_behind() {
    let space = space(12);
    let settings = Settings {
        trial_time: Some(Duration::from_millis(200)),
        ..quick()
    };
    let shrunk = run(&space, settings, |trial| {
        if takes(trial.candidate(), 5) {
            std::thread::sleep(Duration::from_secs(3_600)); // deaf to its token
        }
        passed(trial.candidate())
    })
    .unwrap();
    assert_eq!(kept(&shrunk), [5]);
    let because = &shrunk.kept[0].because;
    assert!(
        matches!(because, Because::Lesson(lesson) if lesson.rejection == Rejection::TimedOut),
        "{because:?}"
    );
}

#[test]
fn a_search_gives_up_when_no_executor_comes_back_and_keeps_its_best() {
    let space = space(200);
    let mut settings = Settings {
        trial_time: Some(Duration::from_millis(20)),
        grace: Duration::from_millis(5),
        ..quick()
    };
    settings.policy.abandoned = 3;
    let shrunk = run(&space, settings, |trial| {
        if trial.candidate().len() > 20 {
            std::thread::sleep(Duration::from_secs(3_600));
        }
        passed(trial.candidate())
    })
    .unwrap();
    assert_eq!(shrunk.stopped, Stopped::Hangs);
    assert!(!shrunk.proof.proven && shrunk.best.len() <= 20);
}

#[test]
fn an_executor_that_lies_at_first_is_found_out_by_the_proof() {
    let space = space(40);
    let shrunk = run(&space, quick(), |trial| {
        if takes(trial.candidate(), 9) && trial.number() > 1 {
            failed("shell")
        } else {
            passed(trial.candidate())
        }
    })
    .unwrap();
    assert!(shrunk.proof.proven);
    assert_eq!(kept(&shrunk), [9]);
}

#[test]
fn an_executor_that_passes_everything_once_leaves_the_start() {
    let space = space(30);
    let shrunk = run(&space, quick(), |trial| {
        if trial.number() > 1 && !trial.candidate().is_empty() {
            failed("shell")
        } else {
            passed(trial.candidate())
        }
    })
    .unwrap();
    assert!(shrunk.proof.proven && shrunk.best.is_empty());
}

#[test]
fn a_flaky_change_is_no_part_of_a_result() {
    let space = space(20);
    let mut settings = quick();
    settings.policy.proof = 20;
    let shrunk = run(&space, settings, |trial| {
        let luck = simulated::dice(5, (trial.identity(), trial.number())) % 2 == 0;
        if takes(trial.candidate(), 3) && luck {
            failed("download")
        } else {
            passed(trial.candidate())
        }
    })
    .unwrap();
    assert!(shrunk.proof.proven && shrunk.proof.failed == 0);
    assert!(kept(&shrunk).contains(&3));
}

#[test]
fn broken_infrastructure_is_repeated_and_never_learnt_from() {
    let space = space(30);
    let tries = AtomicU32::new(0);
    let shrunk = run(&space, quick(), move |trial| {
        if tries.fetch_add(1, Ordering::Relaxed) % 3 == 1 {
            let why = "the disk is full".into();
            Outcome::Broken { why }.into()
        } else if takes(trial.candidate(), 8) {
            failed("shell")
        } else {
            passed(trial.candidate())
        }
    })
    .unwrap();
    assert_eq!(kept(&shrunk), [8]);
    assert!(shrunk.effort.broken > 0);
}

#[test]
fn infrastructure_that_stays_broken_ends_the_search_with_its_reason() {
    let space = space(30);
    let shrunk = run(&space, quick(), |trial| {
        if trial.candidate().is_empty() {
            return passed(trial.candidate());
        }
        panic!("no QEMU");
    })
    .unwrap();
    let why = "the executor panicked: no QEMU".to_owned();
    assert_eq!(shrunk.stopped, Stopped::Infrastructure(why));
    assert!(shrunk.best.is_empty());
}

#[test]
fn two_changes_that_only_go_together_go_together() {
    let space = space(2);
    let shrunk = run(&space, quick(), |trial| {
        let candidate = trial.candidate();
        if takes(candidate, 0) == takes(candidate, 1) {
            passed(candidate)
        } else {
            failed("shell")
        }
    })
    .unwrap();
    assert_eq!(shrunk.best.len(), 2);
}

#[test]
fn a_start_that_fails_is_an_error_that_names_the_check() {
    let error = run(&space(3), quick(), |_| failed("lease")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the system as it was given doesn't pass its checks: check failed: lease"
    );
}

#[test]
fn what_comes_to_the_same_is_not_tried_again() {
    let space = space(40);
    let booted: Arc<Mutex<HashMap<(usize, usize), u32>>> = Arc::default();
    let seen = Arc::clone(&booted);
    // Only the first ten make a difference.
    let shrunk = run(&space, quick(), move |trial| {
        let real = trial
            .candidate()
            .taken()
            .filter(|(id, _)| id.index() < 10)
            .count();
        let first = takes(trial.candidate(), 4);
        let image = real + 100 * usize::from(first);
        if trial.becomes(Identity::new(format!("image:{image}"))) {
            return Answer::known();
        }
        *seen
            .lock()
            .unwrap()
            .entry((image, trial.number()))
            .or_default() += 1;
        if first {
            return failed("shell");
        }
        let cost = Cost::payload(10_000 - real as u64);
        Outcome::Passed { cost }.into()
    })
    .unwrap();
    assert_eq!(kept(&shrunk), [4]);
    assert!(booted.lock().unwrap().values().all(|&times| times == 1));
    assert!(shrunk.effort.known > 0);
}

#[test]
fn a_number_is_made_as_small_as_it_passes() {
    let mut space = Space::new("numbers");
    let alternatives = (1..=16).map(|number| Alternative {
        key: (20 - number).to_string(),
        gain_bytes: 1 << number,
    });
    let number = Change {
        alternatives: alternatives.collect(),
        ordered: true,
        ..Change::removal("LOG_BUF_SHIFT", 0)
    };
    let id = space.add(number).unwrap();
    let shrunk = run(&space, quick(), move |trial| {
        let taken = u64::from(trial.candidate().alternative(id));
        if taken > 11 {
            return failed("shell");
        }
        let cost = Cost::payload(100_000 - taken);
        Outcome::Passed { cost }.into()
    })
    .unwrap();
    assert_eq!(shrunk.best.alternative(id), 11);
    assert!(shrunk.effort.attempts < 16, "{:?}", shrunk.effort);
}

#[test]
fn a_choice_takes_the_best_of_its_alternatives_that_passes() {
    let mut space = Space::new("choices");
    let alternatives = ["gzip", "lzma", "xz"].map(|key| Alternative {
        key: key.into(),
        gain_bytes: 10,
    });
    let choice = Change {
        alternatives: alternatives.into(),
        ..Change::removal("compression", 0)
    };
    let id = space.add(choice).unwrap();
    let shrunk = run(&space, quick(), move |trial| {
        match trial.candidate().alternative(id) {
            3 => {
                let why = "xz is not there".into();
                Outcome::Unresolved { why }.into()
            }
            number => {
                let cost = Cost::payload(1_000 - u64::from(number));
                Outcome::Passed { cost }.into()
            }
        }
    })
    .unwrap();
    assert_eq!(shrunk.best.alternative(id), 2);
}

#[test]
fn ram_is_what_counts_when_it_is_the_goal() {
    let space = space(2);
    let settings = Settings {
        goal: Goal::Ram,
        ..quick()
    };
    // The first change saves RAM and costs bytes, the second the other way.
    let shrunk = run(&space, settings, |trial| {
        let (first, second) = (takes(trial.candidate(), 0), takes(trial.candidate(), 1));
        let cost = Cost {
            payload_bytes: 1_000 + 50 * u64::from(first) - 100 * u64::from(second),
            ram_kib: Some(5_000 - 500 * u64::from(first) + 800 * u64::from(second)),
            boot_instructions: None,
        };
        Outcome::Passed { cost }.into()
    })
    .unwrap();
    assert_eq!(shrunk.cost.ram_kib, Some(4_500));
    assert_eq!(kept(&shrunk), [1]);
}

#[test]
fn the_time_budget_ends_a_search_with_a_proven_best() {
    let space = space(500);
    let clock = HandClock::default();
    let hands = clock.clone();
    let needed = |candidate: &Candidate| candidate.taken().any(|(id, _)| id.index() % 9 == 0);
    let executor = Made(move |trial: &Trial<'_>| {
        hands.advance(Duration::from_secs(20));
        let mut answer = if needed(trial.candidate()) {
            failed("shell")
        } else {
            passed(trial.candidate())
        };
        answer.took = Some(Duration::from_secs(20));
        answer
    });
    let settings = Settings {
        time: Some(Duration::from_secs(1_800)),
        ..quick()
    };
    let mut left = Vec::new();
    let shrunk = Search::new(
        &space,
        Arc::new(executor),
        Box::new(MemoryJournal::default()),
        settings,
    )
    .unwrap()
    .with_clock(clock)
    .on_event(|event, progress| {
        if let Event::Attempted { .. } = event {
            left.push(progress.time_left.unwrap());
        }
    })
    .run(&mut passes::standard())
    .unwrap();
    assert_eq!(shrunk.stopped, Stopped::Time);
    assert!(shrunk.proof.proven && !shrunk.best.is_empty());
    assert!(
        shrunk.effort.attempts <= 1_800 / 20 + 1,
        "{:?}",
        shrunk.effort
    );
    assert!(left.is_sorted_by(|a, b| a >= b));
}

#[test]
fn a_cancelled_search_keeps_its_best() {
    let space = space(100);
    let cancel = CancelToken::new();
    let settings = Settings {
        cancel: cancel.clone(),
        ..quick()
    };
    let executor = Made(|trial: &Trial<'_>| passed(trial.candidate()));
    let journal = Box::new(MemoryJournal::default());
    let shrunk = Search::new(&space, Arc::new(executor), journal, settings)
        .unwrap()
        .on_event(move |event, _| {
            if matches!(event, Event::Better { .. }) {
                cancel.cancel();
            }
        })
        .run(&mut passes::standard())
        .unwrap();
    assert_eq!(shrunk.stopped, Stopped::Cancelled);
    assert!(!shrunk.best.is_empty() && !shrunk.proof.proven);
}

#[test]
fn what_something_needed_falls_with_stays_without_a_trial() {
    let mut space = space(3);
    let ids: Vec<ChangeId> = space.ids().collect();
    space.falls_with(ids[0], ids[1]);
    space.falls_with(ids[1], ids[2]);
    let shrunk = run(&space, quick(), |trial| {
        if takes(trial.candidate(), 0) {
            failed("shell")
        } else {
            passed(trial.candidate())
        }
    })
    .unwrap();
    assert!(shrunk.best.is_empty());
    let held = shrunk
        .kept
        .iter()
        .filter(|k| matches!(k.because, Because::Dependant(_)));
    assert_eq!(held.count(), 2);
}
