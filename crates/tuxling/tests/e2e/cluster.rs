//! What stands in for a Kubernetes cluster: a `kubectl` that leaves manifests in
//! a folder, and a thread that takes them for what they say.
//!
//! It starts what a job's container is to start, once for each index and once
//! more where that fails, and answers as `kubectl get job -o json` does. It
//! shows that tuxling's own part works, and nothing of a real cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::tuxling;

/// Where the claim is mounted in a pod (`engine/kubernetes.rs`).
const MOUNT: &str = "/store";

pub(crate) struct Cluster {
    folder: PathBuf,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cluster {
    /// A cluster whose claim is this store and whose pods have this cache.
    pub(crate) fn new(folder: &Path, store: &Path, cache: &Path) -> Cluster {
        let kubectl = format!(
            "cd '{}' || exit 1\n\
             case $1 in\n\
             apply) name=$(sed -n 's/.*\"name\": \"\\(tuxling-[^\"]*\\)\".*/\\1/p' \"$3\") &&\n\
             echo '{{\"status\":{{}}}}' >\"$name.status\" && cp \"$3\" \"$name.new\" &&\n\
             mv \"$name.new\" \"$name.job\" ;;\n\
             get) cat \"$3.status\" 2>/dev/null || true ;;\n\
             delete) rm -f \"$3.job\" \"$3.status\" ;;\n\
             *) echo \"error: unknown command $1\" >&2; exit 1 ;;\nesac\n",
            folder.display()
        );
        let program = folder.join("kubectl");
        crate::board::script(&program, &kubectl);
        let over = Arc::new(AtomicBool::new(false));
        let (place, told) = (folder.to_owned(), Arc::clone(&over));
        let (store, cache) = (store.to_owned(), cache.to_owned());
        let thread = std::thread::spawn(move || {
            let mut done = BTreeSet::new();
            while !told.load(Ordering::SeqCst) {
                for job in jobs(&place) {
                    if done.insert(job.clone()) {
                        carry_out(&job, &store, &cache);
                    }
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Cluster {
            folder: folder.to_owned(),
            over,
            thread: Some(thread),
        }
    }

    /// A PATH that finds its `kubectl` first.
    pub(crate) fn path(&self) -> std::ffi::OsString {
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.folder.clone()).chain(std::env::split_paths(&usual));
        std::env::join_paths(all).expect("no colon in a folder")
    }

    /// How many jobs it was given.
    pub(crate) fn jobs(&self) -> usize {
        jobs(&self.folder).len()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the cluster could not do what a manifest says");
        }
    }
}

fn jobs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let jobs = entries.map(|entry| entry.path());
    jobs.filter(|path| path.extension().is_some_and(|e| e == "job"))
        .collect()
}

/// A Job (batch/v1, Indexed), from what Kubernetes' reference says of its fields.
fn carry_out(job: &Path, store: &Path, cache: &Path) {
    let manifest = fs::read(job).expect("was moved there whole");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(
        [&manifest["apiVersion"], &manifest["kind"]],
        ["batch/v1", "Job"]
    );
    let spec = &manifest["spec"];
    assert_eq!(spec["completionMode"], "Indexed");
    let retries = spec["backoffLimitPerIndex"].as_u64().expect("a number");
    let container = &spec["template"]["spec"]["containers"][0];
    let words = container["command"].as_array().expect("a list");
    let (mut completed, mut failed) = (Vec::new(), Vec::new());
    for index in 0..spec["completions"].as_u64().expect("a number") {
        let filled = |word: &Value| {
            let word = word.as_str().expect("a text");
            let word = word.replace("$(JOB_COMPLETION_INDEX)", &index.to_string());
            match word.strip_prefix(MOUNT) {
                Some(inside) => format!("{}{inside}", store.display()),
                None => word,
            }
        };
        let words: Vec<String> = words.iter().map(filled).collect();
        assert_eq!(words[0], "tuxling");
        let runs = || {
            let mut pod: Command = tuxling();
            pod.args(&words[1..]).env("TUXLING_CACHE", cache);
            pod.stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            pod.status().expect("starts").success()
        };
        let ended = if (0..=retries).any(|_| runs()) {
            &mut completed
        } else {
            &mut failed
        };
        ended.push(index.to_string());
        let status = json!({ "status": {
            "completedIndexes": completed.join(","),
            "failedIndexes": failed.join(","),
        }});
        let aside = job.with_extension("aside");
        fs::write(&aside, status.to_string()).expect("writable");
        fs::rename(&aside, job.with_extension("status")).expect("writable");
    }
}
