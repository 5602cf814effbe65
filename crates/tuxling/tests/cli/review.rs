//! `packaging/size-review.sh`, which the GitHub action and the GitLab template
//! call: on two records, on two commits, and against a server in the forges'
//! place. No kernel is built: a stub answers `tuxling build`.

#![allow(clippy::unwrap_used)] // a failed set-up ends the test

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use record::Record;
use serde_json::{Value, json};

struct Bench {
    dir: tempfile::TempDir,
}

#[allow(clippy::disallowed_methods)] // the tests stand outside, as the forges do
fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(name)
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        for name in ["bin", "repository"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let bench = Bench { dir };
        let (before, mut after) = (record::fixture::record(), record::fixture::record());
        after.image.kernel_bytes += 9000;
        after.image.total_bytes += 9000;
        bench.keep("before.json", &before);
        bench.keep("after.json", &after);
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn keep(&self, name: &str, record: &Record) {
        fs::write(self.at(name), serde_json::to_string(record).unwrap()).unwrap();
    }

    /// The script; tuxling is the real one unless a stub stands in `bin`.
    fn script(&self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let real = Path::new(env!("CARGO_BIN_EXE_tuxling")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = program(root.join("packaging/size-review.sh"));
        command
            .current_dir(self.at("repository"))
            .env(
                "PATH",
                format!("{}:{}:{path}", self.at("bin").display(), real.display()),
            )
            .env("WORK", self.at("work"))
            .env("TUXLING_CACHE", self.at("cache"))
            .env_remove("GITHUB_STEP_SUMMARY");
        command
    }

    fn compare(&self) -> Command {
        let mut command = self.script();
        command.arg("compare").arg(self.at("before.json"));
        command
            .arg(self.at("after.json"))
            .env("RECIPE", "tiny.toml");
        command
    }

    fn comment(&self) -> String {
        fs::read_to_string(self.at("work/comment.md")).unwrap()
    }

    /// A repository with a recipe in two commits, and a tuxling that builds it
    /// with these exit codes, at the head and at the base.
    fn repository(&self, head: u8, base: u8) {
        let git = |args: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
            let mut command = program("git");
            command.args(identity).args(args);
            let output = command.current_dir(self.at("repository")).output().unwrap();
            assert!(output.status.success(), "{}", text(&output));
        };
        git(&["init", "--quiet"]);
        for commit in ["before", "after"] {
            fs::write(self.at("repository/tiny.toml"), commit).unwrap();
            git(&["add", "tiny.toml"]);
            git(&["commit", "--quiet", "-m", commit]);
        }
        let stub = format!(
            "#!/bin/sh\n\
             case $1 in\n\
             build)\n\
               grep -q before \"$2\" && exit {base}\n\
               [ {head} = 0 ] || printf 'error: no room\\nsaid in full\\n' >&2\n\
               exit {head} ;;\n\
             diff)\n\
               grep -q before \"$2\" && grep -q after \"$3\" || exit 9\n\
               shift 3; exec {} diff {} {} \"$@\" ;;\n\
             esac\n",
            env!("CARGO_BIN_EXE_tuxling"),
            self.at("before.json").display(),
            self.at("after.json").display(),
        );
        fs::write(self.at("bin/tuxling"), stub).unwrap();
        fs::set_permissions(self.at("bin/tuxling"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn review(&self) -> Output {
        let mut command = self.script();
        command.env("RECIPE", "tiny.toml").env("BASE", "HEAD^");
        command.output().unwrap()
    }
}

#[test]
fn two_records_make_a_comment_and_growth_beyond_the_limit_fails() {
    let bench = Bench::new();
    let output = bench.compare().output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let comment = bench.comment();
    assert!(
        comment.starts_with("<!-- tuxling: tiny.toml -->\n### tiny: 1,050 → 10,050 B, +9,000\n"),
        "{comment}"
    );
    assert!(!comment.contains("budget"), "{comment}");

    let output = bench.compare().env("MAX_GROWTH", "4KiB").output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text(&output));
    let comment = bench.comment();
    assert!(comment.contains("**Over the budget.**"), "{comment}");
    assert!(comment.contains("4,096 B are allowed"), "{comment}");

    let mut allowed = bench.compare();
    allowed.env("MAX_GROWTH", "4KiB").env("OVERRIDE", "true");
    let output = allowed.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let comment = bench.comment();
    assert!(
        comment.contains("the label `size-budget-override` allows it"),
        "{comment}"
    );
}

#[test]
fn what_is_no_record_is_an_error_and_no_verdict() {
    let bench = Bench::new();
    fs::write(bench.at("after.json"), "{}").unwrap();
    let output = bench.compare().output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("after.json is not a record"));
}

#[test]
fn base_and_head_are_built_and_a_budget_of_the_recipe_counts() {
    let bench = Bench::new();
    bench.repository(0, 0);
    let output = bench.review();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        bench
            .comment()
            .contains("| kernel | 1,000 | 10,000 | +9,000 |")
    );

    bench.repository(6, 6);
    let output = bench.review();
    assert_eq!(output.status.code(), Some(6), "{}", text(&output));
    let comment = bench.comment();
    assert!(comment.contains("+9,000"), "{comment}");
    assert!(
        comment.contains("```\nerror: no room\nsaid in full\n```"),
        "{comment}"
    );
}

#[test]
fn a_head_that_does_not_build_fails_and_a_base_that_does_not_is_told() {
    let bench = Bench::new();
    bench.repository(4, 0);
    let output = bench.review();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    let comment = bench.comment();
    assert!(
        comment.contains("### tiny.toml does not build\n\n```\nerror: no room"),
        "{comment}"
    );

    bench.repository(0, 4);
    let output = bench.review();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(bench.comment().contains("there is nothing to compare with"));
}

/// What a forge was asked: method and path, the token's header, the body.
type Asked = Arc<Mutex<Vec<(String, String, String)>>>;

/// A forge that lists these comments; gives its address back.
fn forge(comments: Value) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut token, mut length) = (String::new(), String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else {
                    break;
                };
                match name.to_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "authorization" | "private-token" => token = line.trim().to_owned(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let first = first.trim_end_matches(" HTTP/1.1\r\n").to_owned();
            let answer = if first.starts_with("GET") {
                comments.to_string()
            } else {
                "{}".to_owned()
            };
            let body = String::from_utf8(body).unwrap();
            seen.lock().unwrap().push((first, token, body));
            write!(
                stream.get_mut(),
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
        }
    });
    (address, asked)
}

#[test]
fn github_gets_one_comment_that_later_runs_write_anew() {
    let marker = "<!-- tuxling: tiny.toml -->";
    for (comments, expected) in [
        (json!([]), "POST /repos/a/b/issues/7/comments"),
        (
            json!([{"id": 1, "body": "nice"}, {"id": 42, "body": format!("{marker}\n### old")}]),
            "PATCH /repos/a/b/issues/comments/42",
        ),
    ] {
        let (address, asked) = forge(comments);
        let bench = Bench::new();
        let mut compare = bench.compare();
        compare
            .envs([("FORGE", "github"), ("REVIEW", "7"), ("GITHUB_TOKEN", "t")])
            .envs([("GITHUB_REPOSITORY", "a/b"), ("GITHUB_API_URL", &address)])
            .env("GITHUB_STEP_SUMMARY", bench.at("summary.md"));
        let output = compare.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let asked = asked.lock().unwrap();
        let [list, write] = &asked[..] else {
            panic!("{asked:?}")
        };
        assert_eq!(list.0, "GET /repos/a/b/issues/7/comments?per_page=100");
        assert_eq!(write.0, expected);
        assert_eq!(write.1, "Authorization: Bearer t");
        let body: Value = serde_json::from_str(&write.2).unwrap();
        assert_eq!(body["body"], bench.comment());
        let summary = fs::read_to_string(bench.at("summary.md")).unwrap();
        assert_eq!(summary, bench.comment());
    }
}

#[test]
fn gitlab_gets_its_note_and_one_that_cannot_be_written_is_no_verdict() {
    let (address, asked) = forge(json!([{"id": 5, "body": "<!-- tuxling: tiny.toml -->"}]));
    let bench = Bench::new();
    let to = |address: &str| {
        let mut compare = bench.compare();
        compare
            .envs([("FORGE", "gitlab"), ("REVIEW", "3"), ("GITLAB_TOKEN", "t")])
            .envs([("CI_PROJECT_ID", "9"), ("CI_API_V4_URL", address)]);
        compare.output().unwrap()
    };
    assert_eq!(to(&address).status.code(), Some(0));
    let (first, token, _) = asked.lock().unwrap()[1].clone();
    assert_eq!(first, "PUT /projects/9/merge_requests/3/notes/5");
    assert_eq!(token.to_lowercase(), "private-token: t");

    let away = to("http://127.0.0.1:1");
    assert_eq!(away.status.code(), Some(0), "{}", text(&away));
    assert!(text(&away).contains("the comment could not be written"));
}
