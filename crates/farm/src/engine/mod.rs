//! Engines that people have: they start what they are given on some machine and
//! say how it stands. Nothing here schedules, queues or watches over hosts.

mod kubernetes;
mod local;
mod shards;
mod slurm;

use std::path::{Path, PathBuf};

use host::process::{Cmd, Processes};

use crate::error::Result;

pub use kubernetes::{Kubernetes, Settings as KubernetesSettings, manifest};
pub use local::Local;
pub use shards::Shards;
pub use slurm::Slurm;

/// Trials that are handed over together; each is the file `NUMBER.json` in the
/// folder, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Its name: letters, digits and dashes.
    pub name: String,
    /// Its folder in the store. Absolute.
    pub folder: PathBuf,
    /// How many trials there are.
    pub count: usize,
    /// The store that results go to. Absolute.
    pub store: PathBuf,
    /// tuxling, as the machines find it.
    pub program: PathBuf,
}

/// How one task of an array stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a machine, or for its turn again.
    Waiting,
    /// It runs.
    Running,
    /// It is over, in whatever way: the store says whether there is a result.
    Over {
        /// What the engine says of it.
        how: String,
    },
}

/// An engine.
pub trait Engine: Send + Sync {
    /// Its name, as it is typed.
    fn name(&self) -> &'static str;

    /// Hands an array over; gives the name under which it is known from then on.
    ///
    /// # Errors
    /// When the engine can't be asked, or refuses.
    fn submit(&self, array: &Array, processes: &Processes) -> Result<String>;

    /// How the tasks of an array stand. A job that the engine has forgotten is
    /// over.
    ///
    /// # Errors
    /// When the engine can't be asked: nothing is known then.
    fn poll(&self, job: &str, count: usize, processes: &Processes) -> Result<Vec<State>>;

    /// Whether what it was given ends with the search that gave it, which alone
    /// can say how that stands.
    fn ends_with_its_search(&self) -> bool {
        false
    }

    /// Ends tasks of an array; all of them when `tasks` is empty.
    ///
    /// # Errors
    /// When the engine can't be asked.
    fn cancel(&self, job: &str, tasks: &[usize], processes: &Processes) -> Result<()>;
}

/// What else of the user's environment an engine's commands see: where its
/// configuration is, and where the machines that it starts trials on keep theirs.
fn with_environment(cmd: Cmd, names: &[&str]) -> Cmd {
    names
        .iter()
        .fold(cmd, |cmd, name| match std::env::var_os(name) {
            Some(value) => cmd.env(name, value),
            None => cmd,
        })
}

/// The words that start one task; `number` is a shell's or a kubelet's variable.
fn task(array: &Array, number: &str) -> [String; 5] {
    let shown = |path: &Path| path.display().to_string();
    [
        shown(&array.program),
        "trial".to_owned(),
        format!("{}/{number}.json", shown(&array.folder)),
        "--out".to_owned(),
        shown(&array.store),
    ]
}
