//! Has candidates decided, from what is known or by trials.
//!
//! Attempts are *revealed* one after the other, whether they come from the
//! journal, were made ahead on a guess, or have yet to be made. So a search that
//! was killed takes the same way again up to where it was, at no cost, and the
//! number of jobs doesn't change the way either.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ahead::{Ahead, Forecast, Guess, Knowledge};
use crate::candidate::{Candidate, Identity};
use crate::clock::{Clock, HandClock, WallClock};
use crate::cost::Cost;
use crate::event::{Event, Progress};
use crate::executor::{CancelToken, Executor, Shared};
use crate::journal::{Journal, JournalError, Record};
use crate::outcome::Outcome;
use crate::pool::{Finished, Pool};
use crate::settings::Settings;
use crate::shrunk::{Believed, Effort, Stopped};
use crate::space::Space;
use crate::verdict::{Care, Policy, Tally, Verdict};

/// How many steps ahead of the running trial are looked at, for each job.
const STEPS: usize = 4;

/// No search is foreseen farther than so many steps: that takes time, too.
const FARTHEST: usize = 256;

/// From so many jobs on, one more attempt costs less than waiting for it.
const MANY: usize = 4;

type Listener<'s> = Box<dyn FnMut(&Event, &Progress) + 's>;

/// Runs attempts, keeps them in the journal, and judges.
pub(crate) struct Runner<'s> {
    space: &'s Space,
    shared: Arc<Shared>,
    journal: Box<dyn Journal>,
    pool: Pool,
    policy: Policy,
    jobs: usize,
    cancel: CancelToken,
    time: Option<Duration>,
    attempts: Option<u64>,
    clock: Box<dyn Clock + 's>,
    began: Duration,
    listener: Listener<'s>,
    progress: Progress,
    known_attempts: usize,
    /// How many attempts with evidence have been revealed.
    revealed: HashMap<Identity, usize>,
    asked_by: Option<String>,
    /// Candidates in a row that broke the apparatus each time.
    broken_in_row: u32,
    breakage: String,
    /// What attempts let expect of others.
    knowledge: Knowledge,
    best: Candidate,
    /// Attempts with evidence that were made in this call.
    made: HashMap<Identity, usize>,
    pub(crate) believed: Vec<Believed>,
    pub(crate) effort: Effort,
}

impl<'s> Runner<'s> {
    pub(crate) fn new(
        space: &'s Space,
        executor: Arc<dyn Executor>,
        mut journal: Box<dyn Journal>,
        settings: &Settings,
    ) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared::default());
        let records = journal.load()?;
        let is_attempt = |record: &&Record| matches!(record, Record::Attempt { .. });
        let known_attempts = records.iter().filter(is_attempt).count();
        for record in records {
            shared.lock().memory.learn(record);
        }
        let clock = WallClock::default();
        Ok(Self {
            space,
            pool: Pool::new(
                executor,
                Arc::clone(&shared),
                settings.trial_time,
                settings.grace,
            ),
            shared,
            journal,
            policy: settings.policy,
            jobs: settings.jobs.max(1),
            cancel: settings.cancel.clone(),
            time: settings.time,
            attempts: settings.attempts,
            began: clock.now(),
            clock: Box::new(clock),
            listener: Box::new(|_, _| {}),
            progress: Progress {
                start: None,
                best: None,
                attempts: 0,
                running: 0,
                saved: Vec::new(),
                time_left: settings.time,
            },
            known_attempts,
            revealed: HashMap::new(),
            asked_by: None,
            broken_in_row: 0,
            breakage: String::new(),
            knowledge: Knowledge::default(),
            best: Candidate::default(),
            made: HashMap::new(),
            believed: Vec::new(),
            effort: Effort::default(),
        })
    }

    pub(crate) fn set_clock(&mut self, clock: Box<dyn Clock + 's>) {
        self.began = clock.now();
        self.clock = clock;
    }

    pub(crate) fn simulate(&mut self, clock: &HandClock) {
        self.pool.simulate(clock.clone());
        self.set_clock(Box::new(clock.clone()));
    }

    pub(crate) fn listen(&mut self, listener: Listener<'s>) {
        self.listener = listener;
    }

    pub(crate) fn asked_by(&mut self, pass: Option<&str>) {
        self.asked_by = pass.map(Into::into);
    }

    pub(crate) fn last_breakage(&self) -> String {
        self.breakage.clone()
    }

    pub(crate) fn started(&mut self, cost: Cost) {
        self.progress.start = Some(cost);
        self.progress.best = Some(cost);
        self.tell(&Event::Started {
            cost,
            known_attempts: self.known_attempts,
        });
    }

    pub(crate) fn better(&mut self, best: &Candidate, cost: Cost, saved: Vec<(String, u64)>) {
        self.best.clone_from(best);
        self.progress.best = Some(cost);
        self.progress.saved = saved;
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        self.progress.attempts = self.effort.attempts;
        self.progress.running = self.pool.wanted();
        self.progress.time_left = self.time_left();
        (self.listener)(event, &self.progress);
    }

    /// What was revealed of an identity.
    pub(crate) fn tally(&self, identity: &Identity) -> Tally {
        let state = self.shared.lock();
        let revealed = self.revealed.get(state.memory.last(identity)).copied();
        Tally::of(state.memory.evidence(identity).take(revealed.unwrap_or(0)))
    }

    /// What an identity came to, and the time of the attempts revealed.
    pub(crate) fn time_of(&self, identity: &Identity) -> (Identity, Duration) {
        let state = self.shared.lock();
        let last = state.memory.last(identity).clone();
        let revealed = self.revealed.get(&last).copied().unwrap_or(0);
        let attempts = state.memory.evidence(identity).take(revealed);
        let took = attempts.map(|attempt| attempt.took).sum();
        (last, took)
    }

    /// Reveals one more attempt, if there is one.
    fn reveal(&mut self, identity: &Identity) -> bool {
        let state = self.shared.lock();
        let last = state.memory.last(identity).clone();
        let made = state.memory.evidence(identity).count();
        drop(state);
        let revealed = self.revealed.entry(last).or_default();
        let more = *revealed < made;
        *revealed += usize::from(more);
        more
    }

    /// What is believed of a candidate, after as many attempts as it takes.
    /// Jobs that it leaves free try what the pass would ask for next.
    pub(crate) fn decide(
        &mut self,
        candidate: &Candidate,
        identity: &Identity,
        care: Care,
        guess: Option<Guess<'_, 's>>,
    ) -> Result<Verdict, Stopped> {
        let mut patience = Patience::new(self.policy.retries);
        loop {
            if let Some(verdict) = self.tally(identity).judge(&self.policy, care) {
                self.broken_in_row = 0;
                self.believe(candidate, identity, &verdict);
                return Ok(verdict);
            }
            if self.reveal(identity) {
                continue;
            }
            if patience.is_over() {
                return self.unknown();
            }
            self.check_limits()?;
            self.pool.is_wanted(identity);
            if self.pool.flying(identity) == 0 && !patience.waits {
                self.launch(candidate, identity, false);
            }
            if let Some(guess) = guess {
                self.run_ahead(guess);
            }
            self.wait(identity, &mut patience)?;
        }
    }

    fn believe(&mut self, candidate: &Candidate, identity: &Identity, verdict: &Verdict) {
        let passed = matches!(verdict, Verdict::Passed(_));
        self.knowledge.learn(candidate, &self.best, passed);
        let came_to = self.shared.lock().memory.last(identity).clone();
        self.believed.push(Believed {
            identity: identity.clone(),
            came_to,
            verdict: verdict.clone(),
        });
    }

    /// Reveals one more attempt, whatever is known.
    pub(crate) fn repeat(
        &mut self,
        candidate: &Candidate,
        identity: &Identity,
    ) -> Result<(), Stopped> {
        let mut patience = Patience::new(self.policy.retries);
        while !self.reveal(identity) && !patience.is_over() {
            self.check_limits()?;
            if self.pool.flying(identity) == 0 && !patience.waits {
                self.launch(candidate, identity, false);
            }
            self.wait(identity, &mut patience)?;
        }
        Ok(())
    }

    /// Makes an attempt ahead that will soon be asked for, where workers are many.
    pub(crate) fn spare(&mut self, candidate: &Candidate, identity: &Identity) {
        let last = self.shared.lock().memory.last(identity).clone();
        let revealed = self.revealed.get(&last).copied().unwrap_or(0);
        let made = self.evidence(identity) + self.pool.flying(identity);
        if self.jobs >= MANY && made <= revealed {
            self.launch(candidate, identity, true);
        }
    }

    /// Attempts until a result is proven or can't be. The time is not looked
    /// at: a result without proof is none.
    pub(crate) fn prove(
        &mut self,
        candidate: &Candidate,
        identity: &Identity,
    ) -> Result<bool, Stopped> {
        let mut patience = Patience::new(self.policy.retries);
        loop {
            let tally = self.tally(identity);
            let of = self.policy.proof.max(1);
            self.tell(&Event::Proving {
                passed: tally.passed,
                of,
            });
            if let Some(proven) = tally.proven(&self.policy) {
                return Ok(proven);
            }
            if self.reveal(identity) {
                continue;
            }
            if patience.is_over() {
                return Err(Stopped::Infrastructure(self.breakage.clone()));
            }
            self.check_patience()?;
            let missing = (of.saturating_sub(tally.passed) as usize).max(1);
            while self.pool.flying(identity) < missing.min(self.jobs) && !patience.waits {
                self.launch(candidate, identity, false);
            }
            while !self.wait(identity, &mut patience)? {
                self.check_patience()?;
            }
        }
    }

    /// Tells all attempts to come back, and counts what nothing asked for.
    pub(crate) fn recall(&mut self) {
        self.pool.recall();
        let unasked = self.made.iter().map(|(of, made)| {
            let revealed = self.revealed.get(of).copied().unwrap_or(0);
            let all = self.evidence(of);
            made - (*made).min(revealed.saturating_sub(all - made))
        });
        self.effort.wasted = unasked.sum::<usize>() as u64;
    }

    fn evidence(&self, identity: &Identity) -> usize {
        self.shared.lock().memory.evidence(identity).count()
    }

    /// What would be believed if all were revealed.
    fn foresee(&self, identity: &Identity, care: Care) -> Option<Verdict> {
        let state = self.shared.lock();
        Tally::of(state.memory.evidence(identity)).judge(&self.policy, care)
    }

    fn unknown(&mut self) -> Result<Verdict, Stopped> {
        self.broken_in_row += 1;
        if self.broken_in_row > self.policy.retries {
            return Err(Stopped::Infrastructure(self.breakage.clone()));
        }
        Ok(Verdict::Unknown)
    }

    fn launch(&mut self, candidate: &Candidate, identity: &Identity, guess: bool) {
        if self.pool.wanted() >= self.jobs {
            self.pool.make_room(identity);
        }
        let number = self.evidence(identity) + self.pool.flying(identity) + 1;
        let (candidate, identity) = (candidate.clone(), identity.clone());
        self.pool.start(candidate, identity, number, guess);
    }

    /// Gives free jobs what will be asked for next, as far as that can be
    /// foreseen. Their results are kept either way.
    fn run_ahead(&mut self, guess: Guess<'_, 's>) {
        if self.pool.wanted() >= self.jobs {
            return;
        }
        let knowledge = std::mem::take(&mut self.knowledge);
        let mut forecast = Forecast::new(&knowledge, &guess);
        let mut at = self.place(&forecast);
        // The chain itself has half of the jobs as long as there is something to
        // scout: else it comes to what nobody knows yet again and again.
        let (mut chain, mut later) = (0, Vec::new());
        for _ in 0..(STEPS * self.jobs).min(FARTHEST) {
            if !forecast.step(at.0, at.1) {
                break;
            }
            at = self.place(&forecast);
            let ahead = forecast.trial(&at.0).filter(|_| at.1.is_none());
            if let Some(ahead) = ahead {
                let own = forecast.is_likely();
                chain += usize::from(own);
                if own && chain > self.jobs.div_ceil(2) {
                    later.push(ahead);
                } else {
                    self.launch_ahead(&ahead);
                }
            }
            if self.pool.wanted() >= self.jobs {
                break;
            }
        }
        for ahead in later {
            if self.pool.wanted() < self.jobs {
                self.launch_ahead(&ahead);
            }
        }
        self.knowledge = knowledge;
    }

    /// Who stands at this place of the chain, and what is known of it.
    fn place(&self, forecast: &Forecast<'_, '_>) -> (Identity, Option<Verdict>) {
        let proposal = forecast.proposal();
        let identity = proposal.candidate.identity(self.space);
        let known = self.foresee(&identity, proposal.care);
        (identity, known)
    }

    fn launch_ahead(&mut self, ahead: &Ahead) {
        if self.pool.flying(&ahead.identity) == 0 && self.evidence(&ahead.identity) == 0 {
            self.launch(&ahead.candidate, &ahead.identity, true);
        }
    }

    /// Waits a moment; whether a trial ended.
    fn wait(&mut self, identity: &Identity, patience: &mut Patience) -> Result<bool, Stopped> {
        let Some(finished) = self.pool.wait() else {
            patience.waits &= self.pool.wanted() > 0;
            return Ok(false);
        };
        let own = finished.identity == *identity && !finished.dropped;
        let broke = finished
            .attempt
            .as_ref()
            .is_some_and(|a| !a.outcome.is_evidence());
        let known = finished.attempt.is_none();
        let before = self.evidence(identity);
        self.keep(finished)?;
        patience.waits = false;
        if own && known && self.evidence(identity) <= before {
            // Another trial is at it; and if not, the executor is wrong.
            patience.waits = self.pool.wanted() > 0;
            if !patience.waits {
                patience.broken += 1;
                self.breakage = "the executor took for known what isn't".into();
            }
        }
        patience.broken += u32::from(own && broke);
        Ok(true)
    }

    /// Keeps what a trial came to: first in the journal, then in memory.
    fn keep(&mut self, finished: Finished) -> Result<(), Stopped> {
        let mut of = finished.identity;
        for came_to in finished.came_to {
            if of != came_to && !self.shared.lock().memory.knows_same(&of, &came_to) {
                let record = Record::Same {
                    of,
                    came_to: came_to.clone(),
                };
                self.append(record)?;
            }
            of = came_to;
        }
        let Some(attempt) = finished.attempt else {
            self.effort.known += 1;
            return Ok(());
        };
        if finished.dropped {
            self.effort.dropped += 1;
            return Ok(());
        }
        self.effort.attempts += 1;
        self.effort.work += attempt.work;
        self.effort.took += attempt.took;
        if attempt.outcome.is_evidence() {
            let passed = matches!(attempt.outcome, Outcome::Passed { .. });
            self.knowledge
                .learn(&finished.candidate, &self.best, passed);
            *self.made.entry(of.clone()).or_default() += 1;
        }
        if let Outcome::Broken { why } = &attempt.outcome {
            self.effort.broken += 1;
            self.breakage.clone_from(why);
        }
        let event = Event::Attempted {
            pass: self.asked_by.clone(),
            outcome: attempt.outcome.clone(),
            took: attempt.took,
        };
        self.append(Record::Attempt { of, attempt })?;
        self.tell(&event);
        Ok(())
    }

    fn append(&mut self, record: Record) -> Result<(), Stopped> {
        let kept = self.journal.append(&record);
        kept.map_err(|error| Stopped::Journal(error.to_string()))?;
        self.shared.lock().memory.learn(record);
        Ok(())
    }

    fn time_left(&self) -> Option<Duration> {
        let spent = self.clock.now().saturating_sub(self.began);
        self.time.map(|time| time.saturating_sub(spent))
    }

    fn check_limits(&self) -> Result<(), Stopped> {
        self.check_patience()?;
        if self
            .attempts
            .is_some_and(|limit| self.effort.attempts >= limit)
        {
            return Err(Stopped::Attempts);
        }
        match self.time_left() {
            Some(left) if left <= self.time_of_proof() => Err(Stopped::Time),
            _ => Ok(()),
        }
    }

    fn check_patience(&self) -> Result<(), Stopped> {
        if self.cancel.is_cancelled() {
            Err(Stopped::Cancelled)
        } else if self.pool.abandoned > self.policy.abandoned {
            Err(Stopped::Hangs)
        } else {
            Ok(())
        }
    }

    /// How long the proof will take, if its attempts are like those so far.
    fn time_of_proof(&self) -> Duration {
        let attempts = u32::try_from(self.effort.attempts).unwrap_or(u32::MAX);
        let mean = self.effort.took.checked_div(attempts).unwrap_or_default();
        mean.saturating_mul(self.policy.proof) / u32::try_from(self.jobs).unwrap_or(u32::MAX)
    }
}

/// How long to bear with one candidate.
struct Patience {
    broken: u32,
    retries: u32,
    /// Another trial is making the attempt that is wanted.
    waits: bool,
}

impl Patience {
    fn new(retries: u32) -> Self {
        Self {
            broken: 0,
            retries,
            waits: false,
        }
    }

    fn is_over(&self) -> bool {
        self.broken > self.retries
    }
}
