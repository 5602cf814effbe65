//! The executor of a search whose trials are carried out by an engine.

use std::path::Path;
use std::sync::Arc;

use host::Id;
use host::session::Silent;
use shrink::{Answer, Executor, Identity, Outcome, Trial, Work};

use crate::dispatch::{Dispatcher, Wait};
use crate::error::Result;
use crate::outcome::TrialResult;
use crate::shard;
use crate::spec::{SPEC, Spec};
use crate::trials::{Trials, cancelled_with, folder_name, outcome_of};

/// Has trials carried out elsewhere. What a candidate resolves to is found out
/// here, as in any search: what comes to something known is nobody's work.
pub struct Farmed {
    /// What is asked of each, and what this machine has.
    pub trials: Trials,
    /// The object with what all of them have in common.
    pub base: Id,
    /// Who hands them over.
    pub dispatcher: Arc<Dispatcher>,
}

impl Executor for Farmed {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        // The system to begin with was built here.
        if trial.candidate().is_empty() {
            return self.trials.run(trial);
        }
        let folder = self.trials.means.folder.join(folder_name(trial));
        let answer = self.attempt(trial, &folder);
        let _ = std::fs::remove_dir_all(&folder);
        answer.unwrap_or_else(|error| outcome_of(&error).into())
    }
}

impl Farmed {
    fn attempt(&self, trial: &Trial<'_>, folder: &Path) -> Result<Answer> {
        let Trials {
            asked,
            changes,
            means,
        } = &self.trials;
        let edits = changes.edits(trial.candidate());
        let prepared = self.dispatcher.prepare(|| {
            cancelled_with(trial, |cancel| {
                let session = means.session(cancel, &Silent);
                asked.prepare(&edits, folder, &session)
            })
        })?;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return Ok(refused.into()),
        };
        if trial.becomes(prepared.identity.clone()) {
            return Ok(Answer::known());
        }
        let spec = Spec {
            schema: SPEC.to_owned(),
            base: self.base.clone(),
            edits,
            system: prepared.identity.as_str().to_owned(),
            attempt: trial.number(),
        };
        match self.result(&spec, trial)? {
            Ok(result) => Ok(answer(result, trial)),
            Err(why) => Ok(Outcome::Broken { why }.into()),
        }
    }

    /// What came of a trial; the inner error is why there is nothing.
    fn result(
        &self,
        spec: &Spec,
        trial: &Trial<'_>,
    ) -> Result<std::result::Result<TrialResult, String>> {
        let (id, store) = (spec.trial()?, self.dispatcher.store());
        if let Some(result) = store.result(&id)? {
            return Ok(Ok(result));
        }
        let path = store.put_spec(&id, &serde_json::to_vec(spec)?)?;
        self.dispatcher.ask(&id, path);
        loop {
            let stands = self.dispatcher.wait(&id);
            if let Some(result) = store.result(&id)? {
                return Ok(Ok(result));
            }
            match stands {
                Wait::Goes => {}
                Wait::Broke(how) => return Ok(Err(how)),
                Wait::Here => {
                    let means = &self.trials.means;
                    cancelled_with(trial, |cancel| {
                        shard::carry_out(spec, store, means, &cancel, &Silent)
                    })?;
                    self.dispatcher.is_made(&id);
                    continue;
                }
            }
            if trial.cancelled() {
                self.dispatcher.forget(&id);
                return Ok(Err("it is no longer wanted".to_owned()));
            }
        }
    }
}

/// What a result says to the search.
fn answer(result: TrialResult, trial: &Trial<'_>) -> Answer {
    if let Some(image) = result.image
        && trial.becomes(Identity::new(image))
    {
        return Answer::known().after(result.work);
    }
    Answer {
        outcome: Some(result.outcome),
        work: Work { ..result.work },
        took: Some(std::time::Duration::from_secs_f64(result.seconds.max(0.0))),
    }
}
