//! The search: gives each pass its turn, and keeps the best so far.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::ahead::Guess;
use crate::candidate::{Candidate, Identity};
use crate::clock::{Clock, HandClock};
use crate::cost::Cost;
use crate::event::{Event, Progress};
use crate::executor::Executor;
use crate::journal::{Journal, JournalError};
use crate::pass::{Pass, Proposal, Turn, View};
use crate::runner::Runner;
use crate::settings::Settings;
use crate::shrunk::{PassReport, Proof, Shrunk, Step, Stopped, kept};
use crate::space::{ChangeId, Space};
use crate::verdict::{Care, Rejection, Verdict};

/// How often a result that can't be proven is searched anew.
const NEW_SEARCHES: u32 = 16;

/// Why there is no result at all.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system as it was given doesn't pass, so nothing can be proven.
    #[error("the system as it was given doesn't pass its checks: {0}")]
    StartFails(Rejection),
    /// It passes at times.
    #[error(
        "the system as it was given passed only {passed} of {} attempts: its checks can't prove anything",
        passed + failed
    )]
    StartIsFlaky {
        /// Attempts that passed.
        passed: u32,
        /// Attempts that did not.
        failed: u32,
    },
    /// The search had to end before the start was tried.
    #[error("ended before the system as it was given could be tried: {0:?}")]
    Stopped(Stopped),
}

/// A search over one space.
pub struct Search<'s> {
    space: &'s Space,
    settings: Settings,
    runner: Runner<'s>,
    /// All bests; the first is the start, the last is the best so far.
    chain: Vec<Step>,
    from: Option<Candidate>,
    reports: Vec<PassReport>,
    /// Whose time a pass has been charged with.
    charged: HashSet<Identity>,
    /// For each of the chain, how many candidates were rejected on top of it.
    rejections: Vec<u32>,
}

impl<'s> Search<'s> {
    /// A search that knows what the journal holds.
    ///
    /// # Errors
    ///
    /// When the journal can't be read.
    pub fn new(
        space: &'s Space,
        executor: Arc<dyn Executor>,
        journal: Box<dyn Journal>,
        settings: Settings,
    ) -> Result<Self, SearchError> {
        Ok(Self {
            space,
            runner: Runner::new(space, executor, journal, &settings)?,
            settings,
            chain: Vec::new(),
            from: None,
            reports: Vec::new(),
            charged: HashSet::new(),
            rejections: Vec::new(),
        })
    }

    /// Takes the time from another clock than the one on the wall.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 's) -> Self {
        self.runner.set_clock(Box::new(clock));
        self
    }

    /// Only pretends that trials take time: each is made at once, in this
    /// thread, and counts when this clock has come to its end. What a search on
    /// many machines would take is known in moments.
    #[must_use]
    pub fn simulated(mut self, clock: &HandClock) -> Self {
        self.runner.simulate(clock);
        self
    }

    /// Is told what happens.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(&Event, &Progress) + 's) -> Self {
        self.runner.listen(Box::new(listener));
        self
    }

    /// Begins with this candidate where it passes, such as the result of an
    /// earlier search in another context.
    #[must_use]
    pub fn begin_with(mut self, candidate: Candidate) -> Self {
        self.from = Some(candidate);
        self
    }

    /// Searches until nothing more is won, or time, attempts or patience end,
    /// then proves the result.
    ///
    /// With the same space, executor, journal and passes the result is the
    /// same, however often the process was killed in between and however many
    /// attempts run at once; a limit of time or attempts ends it earlier.
    ///
    /// # Errors
    ///
    /// When the system as it was given doesn't pass. Once it has, there is
    /// always a result; [`Shrunk::stopped`] says what ended the search.
    pub fn run(mut self, turns: &mut [Turn]) -> Result<Shrunk, SearchError> {
        let start = self.start()?;
        let mut view = View::new(self.space, self.settings.goal, start);
        let mut stopped = self.rounds(&mut view, turns).err();
        let mut again = NEW_SEARCHES;
        let proven = loop {
            match self.prove_best(&mut view) {
                Ok(true) => break true,
                Ok(false) if self.start_fails_proof() => return Err(self.start_is_flaky()),
                Ok(false) => {}
                Err(stop) => {
                    stopped = Some(stop);
                    break false;
                }
            }
            if stopped.is_none() && again > 0 {
                again -= 1;
                stopped = self.rounds(&mut view, turns).err();
            }
        };
        self.runner.recall();
        Ok(self.shrunk(&view, proven, stopped.unwrap_or(Stopped::Finished)))
    }

    /// Tries the system as it was given.
    fn start(&mut self) -> Result<Cost, SearchError> {
        let candidate = Candidate::default();
        let identity = candidate.identity(self.space);
        let verdict = self
            .runner
            .decide(&candidate, &identity, self.start_care(), None);
        match verdict.map_err(SearchError::Stopped)? {
            Verdict::Passed(cost) => {
                self.runner.started(cost);
                self.rejections.push(0);
                self.chain.push(Step {
                    candidate,
                    identity,
                    cost,
                    took: Vec::new(),
                    pass: String::new(),
                });
                Ok(cost)
            }
            Verdict::Rejected(Rejection::Flaky { passed, failed }) => {
                Err(SearchError::StartIsFlaky { passed, failed })
            }
            Verdict::Rejected(rejection) => Err(SearchError::StartFails(rejection)),
            Verdict::Unknown => Err(SearchError::Stopped(Stopped::Infrastructure(
                self.runner.last_breakage(),
            ))),
        }
    }

    /// The start is believed to fail only when it does so again and again.
    fn start_care(&self) -> Care {
        Care {
            passes: 1,
            failures: self.settings.policy.evidence.max(2),
        }
    }

    fn start_fails_proof(&self) -> bool {
        let tally = self.runner.tally(&self.chain[0].identity);
        tally.proven(&self.settings.policy) == Some(false)
    }

    fn start_is_flaky(&self) -> SearchError {
        let tally = self.runner.tally(&self.chain[0].identity);
        SearchError::StartIsFlaky {
            passed: tally.passed,
            failed: tally.failed,
        }
    }

    /// All passes in turn, until a round wins nothing.
    fn rounds(&mut self, view: &mut View<'s>, turns: &mut [Turn]) -> Result<(), Stopped> {
        if let Some(candidate) = self.from.take() {
            let proposal = Proposal {
                candidate,
                hopeful: true,
                care: self.start_care(),
            };
            self.attempt(view, "begin", &proposal, None)?;
        }
        let weights: u32 = turns.iter().map(|turn| turn.weight).sum();
        for round in 1.. {
            let before = view.best().clone();
            for at in 0..turns.len() {
                let (until, rest) = turns.split_at_mut(at + 1);
                let turn = &mut until[at];
                let share = self
                    .settings
                    .time
                    .map(|time| time.mul_f64(f64::from(turn.weight) / f64::from(weights.max(1))));
                self.turn(view, (turn.pass.as_mut(), &*rest), round, share)?;
            }
            if *view.best() == before {
                break;
            }
        }
        Ok(())
    }

    fn turn(
        &mut self,
        view: &mut View<'s>,
        (pass, rest): (&mut dyn Pass, &[Turn]),
        round: u32,
        share: Option<Duration>,
    ) -> Result<(), Stopped> {
        let name = pass.name().to_owned();
        self.runner.tell(&Event::PassBegan {
            name: name.clone(),
            round,
        });
        pass.begin(view);
        let mut since_win = Duration::ZERO;
        let mut share_used_up = false;
        while let Some(proposal) = pass.next(view) {
            self.doubt_best_ahead();
            let attempted = self.attempt(view, &name, &proposal, Some((&mut *pass, rest)))?;
            since_win = if attempted.better {
                Duration::ZERO
            } else {
                since_win + attempted.took
            };
            if share.is_some_and(|share| since_win > share) {
                share_used_up = true;
                break;
            }
            if self.best_is_suspect() && !self.confirm_best(view)? {
                pass.fell_back(view);
            }
        }
        self.runner.tell(&Event::PassEnded {
            name,
            share_used_up,
        });
        Ok(())
    }

    /// Has one proposal decided and takes in what came of it.
    fn attempt(
        &mut self,
        view: &mut View<'s>,
        name: &str,
        proposal: &Proposal,
        pass: Option<(&mut dyn Pass, &[Turn])>,
    ) -> Result<Attempted, Stopped> {
        let identity = proposal.candidate.identity(self.space);
        let known = self.runner.tally(&identity);
        if known.passed + known.failed == 0 {
            self.runner.tell(&Event::Trying {
                pass: name.into(),
                beyond: proposal.candidate.beyond(view.best()),
            });
        }
        self.runner.asked_by(Some(name));
        let verdict = {
            let guess = pass.as_ref().map(|(pass, rest)| Guess {
                pass: &**pass,
                rest,
                view,
                proposal,
            });
            self.runner
                .decide(&proposal.candidate, &identity, proposal.care, guess)
        };
        self.runner.asked_by(None);
        let before = *view.cost();
        let tried = view.apply(&proposal.candidate, Some(identity.clone()), verdict?);
        if let Some((pass, _)) = pass {
            let inferred = pass.learn(view, &tried);
            view.infer(&inferred);
        }
        let took = self.charge(&identity);
        let report = self.report(name);
        report.candidates += 1;
        report.took += took;
        if tried.better {
            report.steps += 1;
            report.won_bytes += before
                .payload_bytes
                .saturating_sub(view.cost().payload_bytes);
            self.adopt(view, identity, tried.beyond, name);
        } else if matches!(tried.verdict, Verdict::Rejected(_))
            && let Some(rejections) = self.rejections.last_mut()
        {
            *rejections += 1;
        }
        Ok(Attempted {
            better: tried.better,
            took,
        })
    }

    fn adopt(
        &mut self,
        view: &View<'s>,
        identity: Identity,
        took: Vec<(ChangeId, u16)>,
        pass: &str,
    ) {
        let (candidate, cost) = (view.best().clone(), *view.cost());
        self.rejections.push(0);
        self.chain.push(Step {
            candidate: candidate.clone(),
            identity,
            cost,
            took,
            pass: pass.into(),
        });
        let saved = self
            .reports
            .iter()
            .map(|report| (report.name.clone(), report.won_bytes));
        self.runner.better(&candidate, cost, saved.collect());
        self.runner.tell(&Event::Better {
            candidate,
            cost,
            pass: pass.into(),
        });
    }

    /// The time of all attempts at this, once.
    fn charge(&mut self, identity: &Identity) -> Duration {
        let (last, took) = self.runner.time_of(identity);
        if self.charged.insert(last) {
            took
        } else {
            Duration::ZERO
        }
    }

    fn report(&mut self, name: &str) -> &mut PassReport {
        let at = self.reports.iter().position(|report| report.name == name);
        let at = at.unwrap_or_else(|| {
            self.reports.push(PassReport {
                name: name.into(),
                ..PassReport::default()
            });
            self.reports.len() - 1
        });
        &mut self.reports[at]
    }

    /// Whether so many candidates failed on top of the best that it may be the
    /// best itself that fails: the more, the more often it must have passed.
    fn best_is_suspect(&self) -> bool {
        let rejections = self.rejections.last().copied().unwrap_or(0);
        self.chain.len() > 1 && rejections >= self.rejections_borne()
    }

    /// How many rejections on top of it the best bears before it is run again.
    fn rejections_borne(&self) -> u32 {
        let best = self.chain.last().map(|best| &best.identity);
        let passed = best.map_or(0, |best| self.runner.tally(best).passed);
        let patience = 3_u32.saturating_pow(passed.saturating_sub(1));
        let suspicion = self.settings.policy.suspicion.max(1);
        suspicion.saturating_mul(patience)
    }

    /// Where the best will soon be suspected, has it run again ahead: else all
    /// workers wait for that one trial.
    fn doubt_best_ahead(&mut self) {
        let rejections = self.rejections.last().copied().unwrap_or(0);
        if self.chain.len() > 1
            && rejections.saturating_mul(2) >= self.rejections_borne()
            && let Some(best) = self.chain.last()
        {
            self.runner.spare(&best.candidate, &best.identity);
        }
    }

    /// Runs the best again; `false`: it failed, and an older one is the best.
    fn confirm_best(&mut self, view: &mut View<'s>) -> Result<bool, Stopped> {
        let Some(best) = self.chain.last().cloned() else {
            return Ok(true);
        };
        self.runner.repeat(&best.candidate, &best.identity)?;
        if self.passes(&best)? {
            return Ok(true);
        }
        let mut at = self.chain.len() - 1;
        while at > 0 {
            let step = self.chain[at].clone();
            if self.passes(&step)? {
                break;
            }
            at -= 1;
        }
        self.fall_back(view, at);
        Ok(false)
    }

    fn passes(&mut self, step: &Step) -> Result<bool, Stopped> {
        let verdict = self
            .runner
            .decide(&step.candidate, &step.identity, Care::ONCE, None)?;
        Ok(matches!(verdict, Verdict::Passed(_)))
    }

    fn fall_back(&mut self, view: &mut View<'s>, at: usize) {
        self.chain.truncate(at + 1);
        self.rejections.truncate(at + 1);
        let step = &self.chain[at];
        view.fall_back(step.candidate.clone(), step.cost, at);
        let event = Event::FellBack {
            candidate: step.candidate.clone(),
            cost: step.cost,
        };
        self.recount();
        let saved = self
            .reports
            .iter()
            .map(|report| (report.name.clone(), report.won_bytes));
        self.runner
            .better(view.best(), *view.cost(), saved.collect());
        self.runner.tell(&event);
    }

    /// What each pass has won, from the steps that are left.
    fn recount(&mut self) {
        for report in &mut self.reports {
            report.won_bytes = 0;
            report.steps = 0;
        }
        let won: Vec<(String, u64)> = self
            .chain
            .windows(2)
            .map(|pair| {
                let bytes = pair[0]
                    .cost
                    .payload_bytes
                    .saturating_sub(pair[1].cost.payload_bytes);
                (pair[1].pass.clone(), bytes)
            })
            .collect();
        for (pass, bytes) in won {
            let report = self.report(&pass);
            report.won_bytes += bytes;
            report.steps += 1;
        }
    }

    /// Proves the best. Where it can't be proven, goes back to the newest best
    /// that can, as far as halving finds it, and says `false`.
    fn prove_best(&mut self, view: &mut View<'s>) -> Result<bool, Stopped> {
        let newest = self.chain.len() - 1;
        if self.prove(newest)? {
            return Ok(true);
        }
        let (mut fails, mut back) = (newest, 1);
        let mut holds = 0;
        while fails > 0 {
            let at = fails.saturating_sub(back);
            if self.prove(at)? {
                holds = at;
                break;
            }
            fails = at;
            back *= 2;
        }
        while fails > holds + 1 {
            let middle = holds + (fails - holds) / 2;
            if self.prove(middle)? {
                holds = middle;
            } else {
                fails = middle;
            }
        }
        self.fall_back(view, holds);
        Ok(false)
    }

    fn prove(&mut self, at: usize) -> Result<bool, Stopped> {
        let step = self.chain[at].clone();
        self.runner.prove(&step.candidate, &step.identity)
    }

    fn shrunk(self, view: &View<'s>, proven: bool, stopped: Stopped) -> Shrunk {
        let best = &self.chain[self.chain.len() - 1];
        let tally = self.runner.tally(&best.identity);
        let (kept, minimality) = kept(view);
        Shrunk {
            best: best.candidate.clone(),
            identity: best.identity.clone(),
            start: self.chain[0].cost,
            cost: best.cost,
            proof: Proof {
                passed: tally.passed,
                failed: tally.failed,
                proven,
            },
            kept,
            minimality,
            passes: self.reports,
            believed: self.runner.believed,
            effort: self.runner.effort,
            stopped,
            steps: self.chain,
        }
    }
}

/// What came of a proposal, for the accounts.
struct Attempted {
    better: bool,
    took: Duration,
}
