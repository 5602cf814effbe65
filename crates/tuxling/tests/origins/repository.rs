//! Commits of git repositories.

use std::fs;
use std::path::{Path, PathBuf};

use builder::source::Mode;
use host::error::Kind;
use host::process::Cmd;
use recipe::plan::OriginWish;

use crate::bench::{Bench, lock_of, nothing, write_musl};
use crate::server::{Server, head, whole};

fn git(bench: &Bench, dir: &Path, args: &[&str]) -> String {
    let cmd = Cmd::new("git")
        .args([
            "-c",
            "user.name=Nobody",
            "-c",
            "user.email=nobody@example.org",
        ])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .dir(dir);
    bench.run(cmd)
}

/// A repository with two commits; gives back both.
fn repository(bench: &Bench) -> (PathBuf, [String; 2]) {
    let dir = bench.dir.path().join("repository");
    fs::create_dir(&dir).unwrap();
    git(bench, &dir, &["init", "--quiet", "--initial-branch=main"]);
    let commits = ["1.2.4", "1.2.5"].map(|version| {
        write_musl(&dir, version);
        git(bench, &dir, &["add", "."]);
        git(bench, &dir, &["commit", "--quiet", "-m", version]);
        git(bench, &dir, &["rev-parse", "HEAD"])
    });
    (dir, commits)
}

fn at(url: &str, commit: &str) -> OriginWish {
    OriginWish::Git {
        url: url.to_owned(),
        commit: commit.to_owned(),
    }
}

#[test]
fn a_commit_becomes_a_tree_without_history() {
    let bench = Bench::new();
    let (dir, [first, second]) = repository(&bench);
    let url = format!("file://{}", dir.display());
    let source = bench
        .obtain(&[at(&url, &first)], Mode::Normal, &nothing())
        .unwrap();
    assert_eq!(source.version, "1.2.4");
    assert_eq!(source.origin, format!("git:{url}@{first}"));
    assert!(source.tree.join("configure").exists() && !source.tree.join(".git").exists());
    let newer = bench
        .obtain(&[at(&url, &second)], Mode::Normal, &nothing())
        .unwrap();
    assert_eq!(newer.version, "1.2.5");
    assert_ne!(newer.digest, source.digest);
    // With the repository gone the lock file and the cache are enough.
    let lock = lock_of(&source);
    fs::remove_dir_all(&dir).unwrap();
    let again = bench
        .obtain(&[at(&url, &first)], Mode::Locked, &lock)
        .unwrap();
    assert!(again.cached);
    assert_eq!(
        (again.tree, again.digest),
        (source.tree.clone(), source.digest)
    );
    let failure = bench
        .obtain(&[at(&url, &second)], Mode::Locked, &lock)
        .unwrap_err();
    assert!(failure.message.starts_with("--locked"), "{failure}");
    // The tree is made again from the repository in the cache, to the bit.
    fs::remove_dir_all(bench.cache.root().join("sources")).unwrap();
    let again = bench
        .obtain(&[at(&url, &first)], Mode::Locked, &lock)
        .unwrap();
    assert_eq!(lock_of(&again), lock);
}

#[test]
fn a_repository_of_plain_files_over_http_will_do() {
    let bench = Bench::new();
    let (dir, [first, _]) = repository(&bench);
    git(&bench, &dir, &["update-server-info"]);
    let root = dir.join(".git");
    let server = Server::start(move |request, stream| {
        let path = request.target().split('?').next().unwrap_or_default();
        match fs::read(root.join(path.trim_start_matches('/'))) {
            Ok(bytes) => whole(stream, &bytes),
            Err(_) => head(
                stream,
                "404 Not Found",
                &[("Content-Length", "0".to_owned())],
            ),
        }
    });
    let url = format!("http://{}", server.address());
    let source = bench
        .obtain(&[at(&url, &first)], Mode::Normal, &nothing())
        .unwrap();
    assert_eq!(source.version, "1.2.4");
    assert!(bench.said("doesn't give a single commit"));
}

#[test]
fn a_commit_that_is_not_there_is_told() {
    let bench = Bench::new();
    let (dir, _) = repository(&bench);
    let url = format!("file://{}", dir.display());
    let missing = "0123456789".repeat(4);
    let failure = bench
        .obtain(&[at(&url, &missing)], Mode::Normal, &nothing())
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    assert!(failure.message.contains(&missing), "{failure}");
}

#[test]
fn a_repository_that_wants_a_password_is_not_waited_for() {
    let bench = Bench::new();
    let server = Server::start(|_, stream| {
        let realm = ("WWW-Authenticate", "Basic realm=\"x\"".to_owned());
        head(
            stream,
            "401 Unauthorized",
            &[realm, ("Content-Length", "0".to_owned())],
        )
    });
    let url = format!("http://{}/r.git", server.address());
    let origins = [at(&url, &"a".repeat(40))];
    let failure = bench
        .obtain(&origins, Mode::Normal, &nothing())
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Source, "{failure}");
}

#[test]
fn a_link_that_leads_outside_is_refused() {
    let bench = Bench::new();
    let (dir, _) = repository(&bench);
    std::os::unix::fs::symlink("../../../etc/passwd", dir.join("link")).unwrap();
    git(&bench, &dir, &["add", "."]);
    git(&bench, &dir, &["commit", "--quiet", "-m", "evil"]);
    let commit = git(&bench, &dir, &["rev-parse", "HEAD"]);
    let url = format!("file://{}", dir.display());
    let failure = bench
        .obtain(&[at(&url, &commit)], Mode::Normal, &nothing())
        .unwrap_err();
    assert!(failure.message.contains("refused"), "{failure}");
    assert!(bench.there("sources").is_empty());
}
