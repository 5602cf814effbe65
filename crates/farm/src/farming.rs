//! A search whose trials are carried out by an engine.

use std::path::PathBuf;
use std::sync::Arc;

use host::process::Processes;
use host::session::Session;
use recipe::Plan;
use shrink::CancelToken;

use crate::dispatch::{Dispatcher, ForOthers, open_trials};
use crate::engine::{Engine, Kubernetes, KubernetesSettings, Local, Shards, Slurm};
use crate::error::{Error, Result};
use crate::farmed::Farmed;
use crate::spec::{Base, Origin, can_be_sent};
use crate::store::Store;
use crate::trials::Trials;

/// A wave of this part of the workers is not worth their coming.
const FEW: usize = 8;

/// Who carries trials out, in place of this process.
#[derive(Clone, Debug)]
pub enum EngineChoice {
    /// This machine, a process for each.
    Local,
    /// Slurm, with further arguments of sbatch.
    Slurm(Vec<String>),
    /// Kubernetes: the container image, and the claim of the store's volume.
    Kubernetes(String, String),
    /// Whoever calls `tuxling shrink --shard`.
    Shards,
}

/// How trials are carried out elsewhere.
#[derive(Clone, Debug)]
pub struct FarmOptions {
    /// By whom.
    pub engine: EngineChoice,
    /// The store that the machines share.
    pub store: PathBuf,
    /// How many at once.
    pub workers: usize,
}

/// A search's executor, for as long as the search lasts.
pub struct Farm {
    /// The executor.
    pub executor: Arc<Farmed>,
    dispatcher: Arc<Dispatcher>,
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.dispatcher.end();
    }
}

impl FarmOptions {
    /// Refuses what can't be carried out, before anything is built.
    ///
    /// # Errors
    /// When the recipe can't be sent along, or the engine's programs are missing.
    pub fn refuse(&self, plan: &Plan, processes: &Processes) -> Result<()> {
        can_be_sent(plan)?;
        let programs: &[&'static str] = match self.engine {
            EngineChoice::Slurm(_) => &["sbatch", "squeue", "scancel"],
            EngineChoice::Kubernetes(..) => &["kubectl"],
            EngineChoice::Local | EngineChoice::Shards => &[],
        };
        let missing = programs.iter().find(|p| processes.find(p).is_none());
        missing.map_or(Ok(()), |program| Err(Error::NoProgram { program }))
    }

    /// The executor of a search that wants these trials; `token` ends the search
    /// once all that it wants was written down for shards.
    ///
    /// # Errors
    /// When the recipe can't be sent along, or the store can't be used.
    pub fn farm(
        &self,
        origin: &Origin<'_>,
        trials: Trials,
        token: &CancelToken,
        session: &Session,
    ) -> Result<Farm> {
        let store = Store::open(&self.store)?;
        let base = Base::gather(origin, &trials.asked, &session.cache, &store)?;
        let base = base.keep(&store)?;
        let engine: Box<dyn Engine> = match &self.engine {
            EngineChoice::Local => Box::new(Local::new(self.workers, session.cache.root())),
            EngineChoice::Slurm(arguments) => Box::new(Slurm {
                width: self.workers,
                arguments: arguments.clone(),
            }),
            EngineChoice::Kubernetes(image, claim) => Box::new(Kubernetes {
                settings: KubernetesSettings {
                    image: image.clone(),
                    claim: claim.clone(),
                    width: self.workers,
                },
            }),
            EngineChoice::Shards => Box::new(Shards),
        };
        let for_others = matches!(self.engine, EngineChoice::Shards).then(|| ForOthers {
            written: token.clone(),
            few: (self.workers / FEW).max(1),
        });
        let program = session.processes.executable().to_owned();
        let processes = session.processes.clone();
        let dispatcher = Dispatcher::new(engine, store, program, processes, for_others)?;
        Ok(Farm {
            executor: Arc::new(Farmed {
                trials,
                base,
                dispatcher: Arc::clone(&dispatcher),
            }),
            dispatcher,
        })
    }

    /// How many trials wait for shards.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn waiting(&self) -> Result<usize> {
        match self.engine {
            EngineChoice::Shards => open_trials(&Store::open(&self.store)?),
            _ => Ok(0),
        }
    }
}
