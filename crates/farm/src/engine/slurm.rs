//! Slurm, by its own commands: `sbatch --array`, `squeue`, `scancel`.
//!
//! `squeue` is read in the format that is asked for, not as JSON, which changes
//! with each release. A task whose node is lost is queued again by Slurm
//! (`--requeue`); one that ended without a result is the search's to repeat.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use host::error::Kind;
use host::process::{Cmd, Processes, shell_line};

use super::{Array, Engine, State, with_environment};
use crate::error::{Error, Result};

/// A controller that says nothing for so long isn't there.
const LIMIT: Duration = Duration::from_secs(60);

/// sbatch hands its environment on to the trials (sbatch(1), `--export`).
const ENVIRONMENT: &[&str] = &["SLURM_CONF", "TUXLING_CACHE"];

/// Job, task, state, reason, node.
const FORMAT: &str = "%F|%K|%T|%r|%N";

/// Slurm.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// How many tasks at once.
    pub width: usize,
    /// Further arguments of `sbatch`: a partition, an account, limits.
    pub arguments: Vec<String>,
}

impl Engine for Slurm {
    fn name(&self) -> &'static str {
        "slurm"
    }

    fn submit(&self, array: &Array, processes: &Processes) -> Result<String> {
        let script = array.folder.join("task.sh");
        let text = task_script(array);
        host::cache::write_whole(&script, text.as_bytes())?;
        let cmd = Cmd::new("sbatch")
            .args(["--parsable", "--requeue", "--job-name"])
            .arg(format!("tuxling-{}", array.name))
            .arg(format!(
                "--array=0-{}%{}",
                array.count.saturating_sub(1),
                self.width.max(1)
            ))
            .arg(format!("--output={}/%a.log", array.folder.display()))
            .arg("--open-mode=append")
            .args(&self.arguments)
            .arg(&script)
            .limit(LIMIT);
        let said = asked(processes, cmd, "hand trials to Slurm")?;
        // JOB, or JOB;CLUSTER.
        let job = said.trim().split(';').next().unwrap_or_default();
        let is_number = !job.is_empty() && job.bytes().all(|b| b.is_ascii_digit());
        match is_number.then(|| job.to_owned()) {
            Some(job) => Ok(job),
            None => Err(unreadable(&said)),
        }
    }

    fn poll(&self, job: &str, count: usize, processes: &Processes) -> Result<Vec<State>> {
        let cmd = Cmd::new("squeue")
            .args(["--noheader", "--states=all", "--array", "--jobs"])
            .args([job, "-o", FORMAT])
            .limit(LIMIT);
        // A job that is long over is an error to squeue.
        let cmd = with_environment(cmd, ENVIRONMENT);
        let output = match processes.run_any_status(&cmd) {
            Ok(output) => output,
            Err(e) => return Err(host::Error::command(Kind::Machine, "ask Slurm", e).into()),
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() && !said.contains("Invalid job id") {
            return Err(unreadable(&said));
        }
        states(&output.text(), count)
    }

    fn cancel(&self, job: &str, tasks: &[usize], processes: &Processes) -> Result<()> {
        let cmd = Cmd::new("scancel").args(ids(job, tasks)).limit(LIMIT);
        asked(processes, cmd, "cancel trials at Slurm").map(|_| ())
    }
}

/// What each task runs; its number is Slurm's, and a shell reads it.
fn task_script(array: &Array) -> String {
    let quoted = |path: &Path| shell_line(&[path.display().to_string()]);
    let (program, folder) = (quoted(&array.program), quoted(&array.folder));
    let store = quoted(&array.store);
    format!(
        "#!/bin/sh\nexec {program} trial {folder}/\"$SLURM_ARRAY_TASK_ID\".json --out {store}\n"
    )
}

fn ids(job: &str, tasks: &[usize]) -> Vec<String> {
    if tasks.is_empty() {
        return vec![job.to_owned()];
    }
    tasks.iter().map(|task| format!("{job}_{task}")).collect()
}

fn asked(processes: &Processes, cmd: Cmd, doing: &str) -> Result<String> {
    let output = processes.run(&with_environment(cmd, ENVIRONMENT));
    let output = output.map_err(|e| host::Error::command(Kind::Machine, doing, e))?;
    Ok(output.text())
}

fn unreadable(said: &str) -> Error {
    Error::Engine {
        engine: "Slurm",
        said: said.lines().last().unwrap_or_default().to_owned(),
    }
}

/// What `squeue` says of the tasks of an array. Who isn't named is over: Slurm
/// forgets jobs after a while (`MinJobAge`).
fn states(said: &str, count: usize) -> Result<Vec<State>> {
    let forgotten = State::Over {
        how: "Slurm no longer knows it".to_owned(),
    };
    let mut states = vec![forgotten; count];
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.trim().split('|').skip(1);
        let (Some(tasks), Some(state)) = (fields.next(), fields.next()) else {
            return Err(unreadable(line));
        };
        let (reason, node) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let state = match state {
            "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SUSPENDED" | "STOPPED"
            | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => State::Waiting,
            "RUNNING" | "CONFIGURING" | "COMPLETING" | "STAGE_OUT" | "SIGNALING" | "RESIZING" => {
                State::Running
            }
            over => State::Over {
                how: format!("{over} ({reason}) on {node}"),
            },
        };
        for number in numbers(tasks).ok_or_else(|| unreadable(line))? {
            if let Some(slot) = states.get_mut(number) {
                *slot = state.clone();
            }
        }
    }
    Ok(states)
}

/// Task numbers as Slurm writes them: `7`, `[3-5,9%2]`.
fn numbers(text: &str) -> Option<BTreeSet<usize>> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let text = text.split('%').next().unwrap_or_default();
    let mut all = BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        // As many as Slurm's largest array (slurm.conf(5), MaxArraySize).
        if to.saturating_sub(from) > 4_000_001 {
            return None;
        }
        all.extend(from..=to);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_squeue_says_is_read() {
        let said = "31|0|COMPLETED|None|n1\n31|1|RUNNING|None|n2\n\
                    31|2|NODE_FAIL|NodeDown|n1\n31|[3-4,6%2]|PENDING|Resources|\n";
        let over = |how: &str| State::Over { how: how.into() };
        assert_eq!(
            states(said, 8).expect("is read"),
            [
                over("COMPLETED (None) on n1"),
                State::Running,
                over("NODE_FAIL (NodeDown) on n1"),
                State::Waiting,
                State::Waiting,
                over("Slurm no longer knows it"),
                State::Waiting,
                over("Slurm no longer knows it"),
            ]
        );
        assert!(states("slurm_load_jobs error", 1).is_err());
        assert_eq!(ids("7", &[]), ["7"]);
        assert_eq!(ids("7", &[1, 3]), ["7_1", "7_3"]);
    }

    #[test]
    fn a_task_finds_its_trial_whatever_the_folder_is_called() {
        let array = Array {
            name: "ab".into(),
            folder: "/nfs/my trials/arrays/ab".into(),
            count: 1,
            store: "/nfs/my trials".into(),
            program: "/bin/echo".into(),
        };
        #[allow(clippy::disallowed_methods)] // the shell that Slurm would start
        let output = std::process::Command::new("sh")
            .args(["-c", &task_script(&array)])
            .env("SLURM_ARRAY_TASK_ID", "7")
            .output()
            .expect("a shell");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "trial /nfs/my trials/arrays/ab/7.json --out /nfs/my trials\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_states_or_an_error(said in "[0-9|A-Z,%\\[\\]\n-]{0,60}") {
            if let Ok(states) = states(&said, 4) {
                prop_assert_eq!(states.len(), 4);
            }
        }
    }
}
