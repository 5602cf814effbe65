//! Trials that are under way: a thread each, with a time limit.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::candidate::{Candidate, Identity};
use crate::executor::{CancelToken, Executor, Shared, Trial};
use crate::outcome::{Answer, Attempt, Outcome, Work};

/// How long the pool sleeps at most: so soon is a cancellation seen.
const TICK: Duration = Duration::from_millis(50);

/// A trial that has ended.
pub(crate) struct Finished {
    pub(crate) identity: Identity,
    /// What it came to on the way, in order.
    pub(crate) came_to: Vec<Identity>,
    /// `None`: it is known under the last identity.
    pub(crate) attempt: Option<Attempt>,
    /// Nobody waits for it any longer; it is no evidence.
    pub(crate) dropped: bool,
}

struct Flight {
    identity: Identity,
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
            abandoned: 0,
        }
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
        self.flights
            .values()
            .filter(|flight| flight.told.is_none() && flight.identity == *identity)
            .count()
    }

    /// Starts an attempt; the `number` says which one it is.
    pub(crate) fn start(&mut self, candidate: Candidate, identity: Identity, number: usize) {
        let token = self.next_token;
        self.next_token += 1;
        let cancel = CancelToken::new();
        self.shared
            .lock()
            .running
            .insert((identity.clone(), number), token);
        let flight = Flight {
            identity: identity.clone(),
            started: Instant::now(),
            cancel: cancel.clone(),
            told: None,
        };
        self.flights.insert(token, flight);
        let (executor, shared) = (Arc::clone(&self.executor), Arc::clone(&self.shared));
        let sender = self.sender.clone();
        std::thread::spawn(move || {
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
            // Nobody listens when the search is over.
            let _ = sender.send(Landing {
                token,
                answer,
                came_to: came_to.unwrap_or_else(PoisonError::into_inner),
            });
        });
    }

    /// Tells the oldest trial that isn't about one of `but` to come back.
    pub(crate) fn make_room(&mut self, but: &Identity) {
        let mut flights = self.flights.values_mut();
        let oldest = flights.find(|flight| flight.told.is_none() && flight.identity != *but);
        if let Some(flight) = oldest {
            flight.told = Some((Instant::now(), Told::NotWanted));
            flight.cancel.cancel();
        }
    }

    /// Waits a moment for a trial to end, and cuts those whose time is up.
    pub(crate) fn wait(&mut self) -> Option<Finished> {
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

    fn landed(&mut self, landing: Landing) -> Option<Finished> {
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
        Some(Finished {
            identity: flight.identity,
            came_to: landing.came_to,
            attempt: outcome.map(|outcome| Attempt {
                outcome,
                took,
                work,
            }),
            dropped: told == Some(Told::NotWanted),
        })
    }

    /// Cuts what is over its limit, and gives up what is over its grace.
    fn cut(&mut self) -> Option<Finished> {
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
        Some(Finished {
            identity: flight.identity,
            came_to: Vec::new(),
            attempt: Some(Attempt {
                outcome: Outcome::TimedOut,
                took: flight.started.elapsed(),
                work: Work::default(),
            }),
            dropped: why == Told::NotWanted,
        })
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
