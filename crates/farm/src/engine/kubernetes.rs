//! Kubernetes' Indexed Jobs (kubernetes.io/docs, "Indexed Job for Parallel
//! Processing with Static Work Assignment"), by `kubectl`.

use std::time::Duration;

use host::error::Kind;
use host::process::{Cmd, Processes};
use serde_json::{Value, json};

use super::{Array, Engine, State, task, with_environment};
use crate::error::{Error, Result};

/// An API server that says nothing for so long isn't there.
const LIMIT: Duration = Duration::from_secs(60);

/// Where the store stands in a container.
const STORE: &str = "/store";

/// What a cluster has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The container image with tuxling and a compiler.
    pub image: String,
    /// The claim of the volume that the store is on.
    pub claim: String,
    /// How many pods at once.
    pub width: usize,
}

/// Kubernetes.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    /// What the cluster is told.
    pub settings: Settings,
}

/// The job of an array.
#[must_use]
pub fn manifest(array: &Array, settings: &Settings) -> Value {
    let folder = array.folder.strip_prefix(&array.store);
    let inside = Array {
        folder: std::path::Path::new(STORE).join(folder.unwrap_or(&array.folder)),
        store: STORE.into(),
        program: "tuxling".into(),
        ..array.clone()
    };
    let container = json!({
        "name": "trial",
        "image": settings.image,
        "command": task(&inside, "$(JOB_COMPLETION_INDEX)"),
        "env": [{ "name": "TUXLING_CACHE", "value": "/cache" }],
        "volumeMounts": [
            { "name": "store", "mountPath": STORE },
            { "name": "cache", "mountPath": "/cache" },
        ],
    });
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": job_name(array) },
        "spec": {
            "completions": array.count,
            "parallelism": settings.width.min(array.count),
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 1,
            "maxFailedIndexes": array.count,
            "ttlSecondsAfterFinished": 86_400,
            "template": { "spec": {
                "restartPolicy": "Never",
                "containers": [container],
                "volumes": [
                    { "name": "store",
                      "persistentVolumeClaim": { "claimName": settings.claim } },
                    { "name": "cache", "emptyDir": {} },
                ],
            }},
        },
    })
}

fn job_name(array: &Array) -> String {
    format!("tuxling-{}", array.name)
}

impl Engine for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn submit(&self, array: &Array, processes: &Processes) -> Result<String> {
        let path = array.folder.join("job.manifest.json");
        let text = serde_json::to_vec_pretty(&manifest(array, &self.settings))?;
        host::cache::write_whole(&path, &text)?;
        let cmd = Cmd::new("kubectl").args(["apply", "-f"]).arg(&path);
        asked(processes, cmd, "hand trials to Kubernetes")?;
        Ok(job_name(array))
    }

    fn poll(&self, job: &str, count: usize, processes: &Processes) -> Result<Vec<State>> {
        let cmd = Cmd::new("kubectl").args(["get", "job", job, "--ignore-not-found", "-o", "json"]);
        let said = asked(processes, cmd, "ask Kubernetes")?;
        states(&said, count)
    }

    fn cancel(&self, job: &str, tasks: &[usize], processes: &Processes) -> Result<()> {
        // Single indexes of a job can't be taken back: they end by themselves.
        if !tasks.is_empty() {
            return Ok(());
        }
        let cmd = Cmd::new("kubectl").args(["delete", "job", job, "--ignore-not-found"]);
        let cmd = cmd.args(["--wait=false"]);
        asked(processes, cmd, "cancel trials at Kubernetes").map(|_| ())
    }
}

fn asked(processes: &Processes, cmd: Cmd, doing: &str) -> Result<String> {
    let cmd = with_environment(cmd.limit(LIMIT), &["KUBECONFIG"]);
    let output = processes.run(&cmd);
    let output = output.map_err(|e| host::Error::command(Kind::Machine, doing, e))?;
    Ok(output.text())
}

/// What the job's status says of its indexes.
fn states(said: &str, count: usize) -> Result<Vec<State>> {
    let over = |how: &str| State::Over { how: how.into() };
    if said.trim().is_empty() {
        return Ok(vec![over("Kubernetes no longer knows it"); count]);
    }
    let wrong = |_| Error::Engine {
        engine: "kubectl",
        said: said.lines().next().unwrap_or_default().to_owned(),
    };
    let job: Value = serde_json::from_str(said).map_err(wrong)?;
    let status = &job["status"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let ended = conditions
        .filter(|c| c["status"] == "True")
        .any(|c| c["type"] == "Complete" || c["type"] == "Failed");
    let mut states = vec![State::Running; count];
    for (key, how) in [
        ("completedIndexes", "Complete"),
        ("failedIndexes", "Failed"),
    ] {
        for number in indexes(status[key].as_str().unwrap_or_default()) {
            if let Some(state) = states.get_mut(number) {
                *state = over(how);
            }
        }
    }
    if ended {
        for state in &mut states {
            if *state == State::Running {
                *state = over("the job is over");
            }
        }
    }
    Ok(states)
}

/// Indexes as Kubernetes writes them: `1,3-5,7`.
fn indexes(text: &str) -> Vec<usize> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) {
            all.extend(from..=to.min(from.saturating_add(1_000_000)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_names_nothing_of_the_submitter() {
        let array = Array {
            name: "ab12".into(),
            folder: "/nfs/store/arrays/ab12".into(),
            count: 3,
            store: "/nfs/store".into(),
            program: "/home/user/bin/tuxling".into(),
        };
        let settings = Settings {
            image: "registry.example/tuxling:1".into(),
            claim: "trials".into(),
            width: 2,
        };
        let job = manifest(&array, &settings);
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["command"],
            json!([
                "tuxling",
                "trial",
                "/store/arrays/ab12/$(JOB_COMPLETION_INDEX).json",
                "--out",
                "/store"
            ])
        );
        assert_eq!(job["spec"]["completions"], 3);
        assert_eq!(job["spec"]["parallelism"], 2);
        assert!(!job.to_string().contains("/home") && !job.to_string().contains("/nfs"));
    }

    #[test]
    fn the_status_of_a_job_is_read() {
        let said = r#"{"status":{"active":1,"completedIndexes":"0,2-3","failedIndexes":"1"}}"#;
        let over = |how: &str| State::Over { how: how.into() };
        assert_eq!(
            states(said, 5).expect("is read"),
            [
                over("Complete"),
                over("Failed"),
                over("Complete"),
                over("Complete"),
                State::Running
            ]
        );
        assert_eq!(
            states("", 1).expect("is read"),
            [over("Kubernetes no longer knows it")]
        );
        assert!(states("error: x", 1).is_err());
    }
}
