//! Shrinking: that a search that was killed goes on where it was, that what it
//! found is a recipe like any other, and that its evidence answers.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::fixture::{Recipe, Started, cache_with, check, folder, run, tuxling};

/// A small system with something to take away.
fn recipe(folder: &Path) -> std::path::PathBuf {
    let text = "awake";
    let editing = "CONFIG_FEATURE_EDITING=y\\nCONFIG_FEATURE_EDITING_MAX_LEN=1024";
    let over = format!(
        "[userland]\nbusybox = [\"sh\", \"init\", \"mount\", \"ps\"]\nbusybox-options = \"{editing}\"\n[[check]]\nname = \"own\"\nrun = \"echo {text}\"\nmatch = \"^{text}\"\n"
    );
    Recipe::pc_shell("fat").with(&over).write(folder)
}

/// The cache of a folder, made at the first call.
fn own_cache(folder: &Path, topics: &[&str]) -> std::path::PathBuf {
    match folder.join("cache") {
        there if there.exists() => there,
        _ => cache_with(folder, topics),
    }
}

/// What the attempts were at that the store has, the oldest first.
fn attempts(folder: &Path) -> Vec<String> {
    let store = rusqlite::Connection::open(folder.join("cache/store.sqlite"));
    let store = store.expect("the store");
    let mut query = store
        .prepare("SELECT record ->> '$.attempt.of' FROM shrink_record ORDER BY number")
        .expect("it has a journal");
    let rows = query.query_map([], |row| row.get::<_, Option<String>>(0));
    let rows = rows.expect("readable").map(|row| row.expect("a text"));
    rows.flatten().collect()
}

fn shrink(recipe: &Path) -> Command {
    let folder = recipe.parent().expect("it stands in a folder");
    // A store of its own, over the kernels and programs of all tests.
    let topics = [
        "archives", "sources", "musl", "headers", "busybox", "kernels",
    ];
    let more = ["objects", "configs", "probes", "ramdisks", "agent"];
    let mut command = tuxling();
    command
        .env(
            "TUXLING_CACHE",
            own_cache(folder, &[&topics[..], &more].concat()),
        )
        .current_dir(folder)
        .arg("shrink")
        .arg(recipe)
        .args(["--only", "user-land", "--level", "none", "--boots", "2"])
        .args(["--accel", "tcg", "--json"]);
    command
}

/// Kills a search when so many of its trials have ended, and a moment later.
fn kill(recipe: &Path, trials: usize, moment: Duration) {
    let mut killed = Started::new(&mut shrink(recipe));
    let stderr = killed.0.stderr.take().expect("is piped");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let ended = lines
        .by_ref()
        .filter(|line| line.contains("note: trial "))
        .take(trials);
    assert_eq!(ended.count(), trials, "they end before the search does");
    std::thread::sleep(moment);
    killed.signal(rustix::process::Signal::KILL);
    killed.0.wait().expect("it was killed");
}

/// The same search with trials that are files, each carried out by a process of
/// its own, two at once, or by what stands in for a cluster: what it finds and all
/// that it believes is the same, to the byte.
fn same_elsewhere(reference: &Path, engine: &str) {
    let other = folder();
    let recipe = recipe(other.path());
    let store = other.path().join("store");
    let mut search = shrink(&recipe);
    search.args(["--engine", engine, "--workers", "2", "--store"]);
    search.arg(&store);
    let kubectl = folder();
    let cluster = (engine == "kubernetes").then(|| {
        search.args(["--image", "tuxling:1", "--claim", "trials"]);
        Cluster::new(kubectl.path(), &store, &other.path().join("cache"))
    });
    if let Some(cluster) = &cluster {
        search.env("PATH", cluster.path());
    }
    run(&mut search).ends_with(0);
    assert!(cluster.is_none_or(|cluster| cluster.jobs() > 0));
    let read = |folder: Option<&Path>, file: &str| {
        let path = folder.expect("a folder").join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let believed = "build/fat/shrink/believed-round-1.txt";
    for file in ["fat.tiny.toml", "fat.tiny.config", believed] {
        let [here, there] = [&recipe, reference].map(|recipe| read(recipe.parent(), file));
        assert_eq!(here, there, "{file}");
    }
    assert!(read(recipe.parent(), believed).lines().count() >= 2);
    let arrays = std::fs::read_dir(store.join("arrays")).expect("a store");
    assert_eq!(arrays.count(), 0, "what is over was cleared away");
}

#[test]
fn a_killed_search_goes_on_and_its_result_is_a_recipe() {
    let dir = folder();
    let recipe = recipe(dir.path());
    // Three times: while the second trial boots, when the third has just ended,
    // and while another one is being built.
    kill(&recipe, 1, Duration::from_secs(2));
    kill(&recipe, 1, Duration::ZERO);
    kill(&recipe, 1, Duration::from_millis(500));
    let whole = run(&mut shrink(&recipe)).ends_with(0);
    let report = whole.json();
    // Nothing that had ended was made again: all four runs together made the
    // attempts of one that nobody kills, and come to the same result.
    let kept = attempts(dir.path());
    let other = folder();
    let undisturbed = self::recipe(other.path());
    let reference = run(&mut shrink(&undisturbed)).ends_with(0).json();
    assert_eq!(kept, attempts(other.path()));
    let [killed, calm] = [&report, &reference].map(|r| &r["stages"][0]);
    assert_eq!(killed["taken"], calm["taken"]);
    for bytes in ["kernel_bytes", "ramdisk_bytes", "payload_bytes"] {
        assert_eq!(report["after"][bytes], reference["after"][bytes]);
    }
    same_elsewhere(&undisturbed, "local");
    same_elsewhere(&undisturbed, "kubernetes");
    let made = killed["attempts"].as_u64().expect("a number");
    assert!(made as usize + 3 <= kept.len(), "{made} of {kept:?}");
    assert_eq!(report["schema"], "tuxling.shrink/1");
    let bytes = |which: &str| report[which]["payload_bytes"].as_u64().expect("a number");
    assert!(bytes("after") + 3_000 < bytes("before"), "{report}");
    let stage = &report["stages"][0];
    assert_eq!(stage["stopped"], "nothing more to try");

    // Once more: all is known, and comes out the same.
    let again = run(&mut shrink(&recipe)).ends_with(0).json();
    let [first, second] = [&report, &again].map(|r| &r["stages"][0]);
    assert_eq!(second["attempts"], 0, "{second}");
    assert_eq!(first["taken"], second["taken"]);
    assert_eq!(
        again["after"]["kernel_bytes"],
        report["after"]["kernel_bytes"]
    );

    let tiny = dir.path().join("fat.tiny.toml");
    let record = run(&mut check(&tiny)).ends_with(0).json();
    assert_eq!(
        record["image"]["ramdisk_bytes"],
        report["after"]["ramdisk_bytes"]
    );
    let mut why = tuxling();
    why.current_dir(dir.path()).arg("why").arg(&tiny);
    let said = run(why.arg("FEATURE_EDITING")).ends_with(0).stdout;
    assert!(said.contains("FEATURE_EDITING: removed"), "{said}");
}

#[test]
fn what_does_not_pass_is_not_shrunk() {
    let dir = folder();
    let over = "[[check]]\nname = \"never\"\nrun = \"false\"\n";
    let recipe = Recipe::pc_shell("broken").with(over).write(dir.path());
    run(&mut shrink(&recipe))
        .ends_with(5)
        .says(&["must pass its checks as it is"]);
    assert!(!dir.path().join("broken.tiny.toml").exists());
}
