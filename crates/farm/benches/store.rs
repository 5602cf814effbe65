//! A store of a million trials: import, index, lookup, and the merge of two
//! halves that overlap. `cargo bench -p farm --bench store`; a number of trials
//! and a folder follow `--`.
//!
//! Fails if the import takes more than two minutes, a lookup more than a
//! millisecond, or if the merged store isn't exactly the union.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use farm::index::Index;
use farm::outcome::fixture;
use farm::store::Store;
use host::Id;

/// Every so many trials are in both halves.
const BOTH: usize = 1_000;

/// Writes results as a store has them, without waiting for the disk each time.
fn half(store: &Store, numbers: impl Iterator<Item = usize>) {
    for number in numbers {
        let result = fixture(number);
        let bytes = serde_json::to_vec(&result).expect("is written");
        let hash = Id::of_bytes(&bytes);
        let id = result.trial.as_str();
        let folder = store.root().join("results").join(&id[..2]).join(&id[2..4]);
        let path = folder.join(format!("{}.{}.json", &id[4..], hash.short()));
        if fs::write(&path, &bytes).is_err() {
            fs::create_dir_all(&folder).expect("makes the folder");
            fs::write(&path, &bytes).expect("writes");
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let count: usize = arguments
        .first()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let parent = arguments
        .get(1)
        .map_or_else(std::env::temp_dir, |path| path.into());
    let dir = tempfile::tempdir_in(parent).expect("a folder");
    let open = |name: &str| Store::open(&dir.path().join(name)).expect("opens");
    let (one, two, all) = (open("one"), open("two"), open("all"));
    half(&one, (0..count).filter(|n| n % 2 == 0 || n % BOTH == 1));
    half(&two, (0..count).filter(|n| n % 2 == 1));

    let began = Instant::now();
    let (first, second) = (
        all.merge(&one).expect("merges"),
        all.merge(&two).expect("merges"),
    );
    let import = began.elapsed();
    println!(
        "import of {count} trials from two halves: {:.1} s",
        import.as_secs_f64()
    );
    assert_eq!(first.added + second.added, count as u64, "each once");
    assert_eq!(second.known, (count.div_ceil(BOTH)) as u64, "what both had");
    let mut names = HashSet::new();
    all.each_result(&mut |path: &Path| {
        let name = path.iter().skip(all.root().iter().count());
        names.insert(name.collect::<std::path::PathBuf>());
        Ok(())
    })
    .expect("walks");
    assert_eq!(names.len(), count, "exactly the union");

    let began = Instant::now();
    let mut index = Index::open(&dir.path().join("index.sqlite")).expect("opens");
    let new = index.update(&all).expect("reads");
    println!(
        "index built from files: {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(new, count as u64);
    let began = Instant::now();
    let stats = index.stats().expect("counts");
    println!("stats: {:.2} s", began.elapsed().as_secs_f64());
    assert_eq!(stats.trials, count as u64);

    let mut longest = Duration::ZERO;
    let began = Instant::now();
    let asked: Vec<usize> = (0..2_000).map(|n| n * 7_919 % count).collect();
    for &number in &asked {
        let since = Instant::now();
        let trial = fixture(number).trial;
        let found = all.result(&trial).expect("is read").expect("is there");
        assert_eq!(found, fixture(number));
        longest = longest.max(since.elapsed());
    }
    let mean = began.elapsed() / asked.len() as u32;
    println!(
        "lookup: {:.3} ms in the mean, {:.3} ms at most",
        mean.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3
    );
    assert!(
        count != 1_000_000 || import < Duration::from_secs(120),
        "the import is too slow"
    );
    assert!(mean < Duration::from_millis(1), "lookups are too slow");
}
