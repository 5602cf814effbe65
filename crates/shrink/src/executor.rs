//! Who carries out trials.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::candidate::{Candidate, Identity};
use crate::journal::Memory;
use crate::outcome::Answer;

/// Makes a candidate real, tries it, and says what it came to.
///
/// One executor is asked from several threads at once. Its answer must depend
/// on the candidate (and on chance, where the system is flaky), not on what was
/// tried before: then a trial may be carried anywhere. When [`Trial::cancelled`]
/// turns true, it should come back soon; its answer no longer counts. One that
/// panics has broken.
///
/// ```
/// use shrink::{Answer, Cost, Executor, Failure, Identity, Outcome, Trial};
///
/// struct Kernels;
///
/// impl Executor for Kernels {
///     fn run(&self, trial: &Trial<'_>) -> Answer {
///         // Resolve the configuration; many candidates come to the same one.
///         let configuration = format!("config:{}", trial.candidate().len());
///         if trial.becomes(Identity::new(configuration)) {
///             return Answer::known();
///         }
///         // Build, ask once more with the image's identity, boot, check, measure.
///         match trial.candidate().len() {
///             0..3 => Outcome::Passed { cost: Cost::payload(1_000) }.into(),
///             _ => Outcome::Failed { failure: Failure::of_check("download") }.into(),
///         }
///     }
/// }
/// ```
pub trait Executor: Send + Sync + 'static {
    /// Carries out one attempt.
    fn run(&self, trial: &Trial<'_>) -> Answer;
}

/// Tells everybody who holds a copy to stop.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels. There is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What running trials and the search both look at.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<SharedState>);

#[derive(Debug, Default)]
pub(crate) struct SharedState {
    pub(crate) memory: Memory,
    /// Which trial makes which attempt at what.
    pub(crate) running: HashMap<(Identity, usize), u64>,
}

impl Shared {
    /// A panic elsewhere leaves the tables whole: each change of them is one
    /// insertion or removal.
    pub(crate) fn lock(&self) -> MutexGuard<'_, SharedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt at one candidate, as the executor sees it.
#[derive(Debug)]
pub struct Trial<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) identity: &'a Identity,
    pub(crate) number: usize,
    pub(crate) token: u64,
    pub(crate) cancel: &'a CancelToken,
    pub(crate) shared: &'a Shared,
    pub(crate) came_to: Mutex<Vec<Identity>>,
}

impl Trial<'_> {
    /// What to try.
    #[must_use]
    pub fn candidate(&self) -> &Candidate {
        self.candidate
    }

    /// The candidate's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.identity
    }

    /// Which attempt at it this is, from 1. Attempts after the first are made
    /// on purpose: what was built may be reused, what was booted must not.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether the answer is no longer wanted.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The token behind [`cancelled`](Self::cancelled), to be handed on.
    #[must_use]
    pub fn cancel_token(&self) -> &CancelToken {
        self.cancel
    }

    /// Says what the candidate has come to: first its resolved configuration,
    /// say, then its image. `true`: this attempt at it is known or under way,
    /// and the executor answers [`Answer::known`].
    pub fn becomes(&self, identity: Identity) -> bool {
        let mut state = self.shared.lock();
        self.came_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(identity.clone());
        if state.memory.evidence(&identity).count() >= self.number {
            return true;
        }
        let last = state.memory.last(&identity).clone();
        let key = (last, self.number);
        if state
            .running
            .get(&key)
            .is_some_and(|&token| token != self.token)
        {
            return true;
        }
        state.running.insert(key, self.token);
        false
    }
}
