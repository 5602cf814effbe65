//! Trials that are under way: a thread each, with a time limit; or none, where
//! time is only simulated.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::candidate::{Candidate, Identity};
use crate::clock::{Clock, HandClock};
use crate::executor::{CancelToken, Executor, Shared, Trial};
use crate::outcome::{Answer, Attempt, Outcome, Work};

/// How long the pool sleeps at most: so soon is a cancellation seen.
const TICK: Duration = Duration::from_millis(50);

/// A trial that has ended.
pub(crate) struct Finished {
    pub(crate) candidate: Candidate,
    pub(crate) identity: Identity,
    /// What it came to on the way, in order.
    pub(crate) came_to: Vec<Identity>,
    /// `None`: it is known under the last identity.
    pub(crate) attempt: Option<Attempt>,
    /// Nobody waits for it any longer; it is no evidence.
    pub(crate) dropped: bool,
}

struct Flight {
    candidate: Candidate,
    identity: Identity,
    /// Which attempt at it this is.
    number: usize,
    /// Whether it is made on a guess, and no longer wanted when that is wrong.
    guess: bool,
    started: Instant,
    cancel: CancelToken,
    /// When it was told to come back, and whether for its time limit.
    told: Option<(Instant, Told)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    TimeIsUp,
    NotWanted,
}

struct Landing {
    token: u64,
    answer: Answer,
    came_to: Vec<Identity>,
}

/// Trials of which only the time is simulated: each answers at once, and counts
/// when the clock has come to its end.
struct Simulation {
    clock: HandClock,
    /// By the time of the end, and the token.
    landings: BTreeMap<(Duration, u64), Landing>,
}

/// Runs trials. A thread that doesn't come back when told is left behind.
pub(crate) struct Pool {
    executor: Arc<dyn Executor>,
    shared: Arc<Shared>,
    limit: Option<Duration>,
    grace: Duration,
    flights: BTreeMap<u64, Flight>,
    next_token: u64,
    sender: Sender<Landing>,
    receiver: Receiver<Landing>,
    simulation: Option<Simulation>,
    /// Ended, but an earlier attempt at the same thing has not: attempts count
    /// in the order of their numbers, however long each takes.
    early: Vec<(usize, Finished)>,
    /// How many threads were left behind.
    pub(crate) abandoned: u32,
}

impl Pool {
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        shared: Arc<Shared>,
        limit: Option<Duration>,
        grace: Duration,
    ) -> Self {
        let (sender, receiver) = channel();
        Self {
            executor,
            shared,
            limit,
            grace,
            flights: BTreeMap::new(),
            next_token: 0,
            sender,
            receiver,
            simulation: None,
            early: Vec::new(),
            abandoned: 0,
        }
    }

    /// From now on trials take no time but on this clock.
    pub(crate) fn simulate(&mut self, clock: HandClock) {
        self.simulation = Some(Simulation {
            clock,
            landings: BTreeMap::new(),
        });
    }

    /// Trials under way that somebody waits for.
    pub(crate) fn wanted(&self) -> usize {
        self.flights
            .values()
            .filter(|flight| flight.told.is_none())
            .count()
    }

    /// Attempts at this candidate that are under way.
    pub(crate) fn flying(&self, identity: &Identity) -> usize {
        let flying = self.flights.values();
        let flying = flying.filter(|f| f.told.is_none() && f.identity == *identity);
        let early = self.early.iter().filter(|(_, f)| f.identity == *identity);
        flying.count() + early.count()
    }

    /// Somebody waits for what was begun on a guess.
    pub(crate) fn is_wanted(&mut self, identity: &Identity) {
        for flight in self.flights.values_mut() {
            flight.guess &= flight.identity != *identity;
        }
    }

    /// Starts an attempt; the `number` says which one it is.
    pub(crate) fn start(
        &mut self,
        candidate: Candidate,
        identity: Identity,
        number: usize,
        guess: bool,
    ) {
        let token = self.next_token;
        self.next_token += 1;
        let cancel = CancelToken::new();
        self.shared
            .lock()
            .running
            .insert((identity.clone(), number), token);
        let flight = Flight {
            candidate: candidate.clone(),
            identity: identity.clone(),
            number,
            guess,
            started: Instant::now(),
            cancel: cancel.clone(),
            told: None,
        };
        self.flights.insert(token, flight);
        let (executor, shared) = (Arc::clone(&self.executor), Arc::clone(&self.shared));
        let fly = move || {
            let trial = Trial {
                candidate: &candidate,
                identity: &identity,
                number,
                token,
                cancel: &cancel,
                shared: &shared,
                came_to: Mutex::new(Vec::new()),
            };
            let answer = catch_unwind(AssertUnwindSafe(|| executor.run(&trial)));
            let answer = answer.unwrap_or_else(|panic| broken(panic.as_ref()));
            let came_to = trial.came_to.into_inner();
            Landing {
                token,
                answer,
                came_to: came_to.unwrap_or_else(PoisonError::into_inner),
            }
        };
        if let Some(simulation) = &mut self.simulation {
            let landing = fly();
            let end = simulation.clock.now() + landing.answer.took.unwrap_or_default();
            simulation.landings.insert((end, token), landing);
            return;
        }
        let sender = self.sender.clone();
        // Nobody listens when the search is over.
        std::thread::spawn(move || drop(sender.send(fly())));
    }

    /// Tells a trial that isn't about `but` to come back: the newest that was
    /// begun on a guess, as it has cost the least.
    pub(crate) fn make_room(&mut self, but: &Identity) {
        let flights = self.flights.values_mut();
        let others = flights.filter(|flight| flight.told.is_none() && flight.identity != *but);
        let newest = others.max_by_key(|flight| (flight.guess, flight.started));
        if let Some(flight) = newest {
            flight.told = Some((Instant::now(), Told::NotWanted));
            flight.cancel.cancel();
        }
    }

    /// Waits a moment for a trial to end, and cuts those whose time is up.
    pub(crate) fn wait(&mut self) -> Option<Finished> {
        if let Some(ready) = self.in_turn() {
            return Some(ready);
        }
        let finished = self.next()?;
        if finished.1.dropped || !self.is_early(&finished.1.identity, finished.0) {
            return Some(finished.1);
        }
        self.early.push(finished);
        None
    }

    /// Whether another attempt at the same thing comes before this one.
    fn is_early(&self, identity: &Identity, number: usize) -> bool {
        let mut flights = self.flights.values();
        flights.any(|f| f.told.is_none() && f.identity == *identity && f.number < number)
    }

    /// What had ended early and is in turn now.
    fn in_turn(&mut self) -> Option<Finished> {
        let ready =
            |(number, finished): &(usize, Finished)| !self.is_early(&finished.identity, *number);
        let of = self
            .early
            .iter()
            .enumerate()
            .filter(|(_, early)| ready(early));
        let (at, _) = of.min_by_key(|(_, (number, _))| *number)?;
        Some(self.early.remove(at).1)
    }

    fn next(&mut self) -> Option<(usize, Finished)> {
        if let Some(simulation) = &mut self.simulation {
            let ((end, _), landing) = simulation.landings.pop_first()?;
            simulation.clock.set(end);
            return self.landed(landing);
        }
        match self.receiver.recv_timeout(self.until_next_limit()) {
            Ok(landing) => self.landed(landing),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.cut(),
        }
    }

    /// Tells all to come back, and waits for them as long as the grace lasts.
    pub(crate) fn recall(&mut self) {
        for flight in self.flights.values_mut() {
            flight.cancel.cancel();
            flight.told = Some((Instant::now(), Told::NotWanted));
        }
        if self.simulation.is_some() {
            self.flights.clear();
        }
        while !self.flights.is_empty() {
            let _ = self.wait();
        }
    }

    fn until_next_limit(&self) -> Duration {
        let now = Instant::now();
        let ends = self
            .flights
            .values()
            .filter_map(|flight| match flight.told {
                Some((since, _)) => Some(since + self.grace),
                None => self.limit.map(|limit| flight.started + limit),
            });
        ends.map(|end| end.saturating_duration_since(now))
            .min()
            .unwrap_or(TICK)
            .min(TICK)
    }

    fn landed(&mut self, landing: Landing) -> Option<(usize, Finished)> {
        let flight = self.remove(landing.token)?;
        let told = flight.told.map(|(_, why)| why);
        let took = landing
            .answer
            .took
            .unwrap_or_else(|| flight.started.elapsed());
        let outcome = match told {
            Some(Told::TimeIsUp) => Some(Outcome::TimedOut),
            _ => landing.answer.outcome,
        };
        let work = landing.answer.work;
        let finished = Finished {
            candidate: flight.candidate,
            identity: flight.identity,
            came_to: landing.came_to,
            attempt: outcome.map(|outcome| Attempt {
                outcome,
                took,
                work,
            }),
            dropped: told == Some(Told::NotWanted),
        };
        Some((flight.number, finished))
    }

    /// Cuts what is over its limit, and gives up what is over its grace.
    fn cut(&mut self) -> Option<(usize, Finished)> {
        let now = Instant::now();
        for flight in self.flights.values_mut() {
            let over = self
                .limit
                .is_some_and(|limit| now >= flight.started + limit);
            if over && flight.told.is_none() {
                flight.told = Some((now, Told::TimeIsUp));
                flight.cancel.cancel();
            }
        }
        let lost = self.flights.iter().find_map(|(&token, flight)| {
            let (since, why) = flight.told?;
            (now >= since + self.grace).then_some((token, why))
        });
        let (token, why) = lost?;
        let flight = self.remove(token)?;
        self.abandoned += 1;
        let finished = Finished {
            candidate: flight.candidate,
            identity: flight.identity,
            came_to: Vec::new(),
            attempt: Some(Attempt {
                outcome: Outcome::TimedOut,
                took: flight.started.elapsed(),
                work: Work::default(),
            }),
            dropped: why == Told::NotWanted,
        };
        Some((flight.number, finished))
    }

    fn remove(&mut self, token: u64) -> Option<Flight> {
        let flight = self.flights.remove(&token)?;
        self.shared
            .lock()
            .running
            .retain(|_, other| *other != token);
        Some(flight)
    }
}

fn broken(panic: &(dyn std::any::Any + Send)) -> Answer {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let why = format!("the executor panicked: {text}");
    Outcome::Broken { why }.into()
}
