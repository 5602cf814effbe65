//! Packing a ramdisk of 2,000 files and 50 MB: tuxling against
//! `find | sort | cpio | xz` with the same settings of xz, in turns.
//!
//!     cargo bench -p initramfs --bench ramdisk
//!
//! `TUXLING_BENCH_ROUNDS` sets the number of rounds (3). Without `--bench`,
//! as `cargo test --all-targets` calls it, it runs once with little data.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use initramfs::compress::dictionary_bytes;
use initramfs::cpio::{CpioOptions, archive_bytes};
use initramfs::{Compression, FolderOptions, Settings, Tree, image, pack};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SETTINGS: Settings = Settings {
    machine_ram: 256 << 20,
    bcj: None,
};

fn main() -> Result<()> {
    let full = std::env::args().any(|argument| argument == "--bench");
    let (files, bytes, rounds) = if full {
        (2000, 50_000_000, rounds()?)
    } else {
        (40, 400_000, 1)
    };
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("root");
    make_folder(&folder, files, bytes)?;
    let tree = Tree::from_folder(&folder, FolderOptions::default())?;
    let dictionary = dictionary_bytes(archive_bytes(&tree)?, SETTINGS.machine_ram);
    println!(
        "{} entries, xz preset 9e, dictionary {dictionary} B",
        tree.len()
    );
    let (ours, theirs) = (
        scratch.path().join("ours.xz"),
        scratch.path().join("theirs.xz"),
    );
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let run_ours = || pack_with_tuxling(&folder, &ours);
        let run_theirs = || pack_with_pipeline(&folder, &theirs, dictionary);
        // Each goes first in every other round.
        if round % 2 == 1 {
            our_times.push(timed(run_ours)?);
            their_times.push(timed(run_theirs)?);
        } else {
            their_times.push(timed(run_theirs)?);
            our_times.push(timed(run_ours)?);
        }
        println!(
            "round {round}: tuxling {}, find|cpio|xz {}",
            our_times[our_times.len() - 1],
            their_times[their_times.len() - 1]
        );
    }
    same_content(&ours, &theirs)?;
    report("wall", &our_times, &their_times, |time| time.wall);
    report("CPU", &our_times, &their_times, |time| time.cpu);
    let sizes = (fs::metadata(&ours)?.len(), fs::metadata(&theirs)?.len());
    println!("image: tuxling {} B, find|cpio|xz {} B", sizes.0, sizes.1);
    Ok(())
}

fn rounds() -> Result<usize> {
    match std::env::var("TUXLING_BENCH_ROUNDS") {
        Ok(text) => Ok(text.parse::<usize>()?.max(1)),
        Err(_) => Ok(3),
    }
}

fn pack_with_tuxling(folder: &Path, image: &Path) -> Result<()> {
    let tree = Tree::from_folder(folder, FolderOptions::default())?;
    pack(
        &tree,
        Compression::Xz,
        &SETTINGS,
        &CpioOptions::default(),
        File::create(image)?,
    )?;
    Ok(())
}

fn pack_with_pipeline(folder: &Path, image: &Path, dictionary: u32) -> Result<()> {
    let lzma2 = format!("--lzma2=preset=9e,dict={dictionary}");
    let (find, names) = start(folder, Stdio::null(), "find", &[".", "-print0"])?;
    let (sort, sorted) = start(folder, names.into(), "sort", &["-z"])?;
    let arguments = [
        "--null",
        "-o",
        "-H",
        "newc",
        "--reproducible",
        "-R",
        "0:0",
        "--quiet",
    ];
    let (cpio, archive) = start(folder, sorted.into(), "cpio", &arguments)?;
    let arguments = ["-c", "-T1", "--check=crc32", &lzma2];
    let (xz, mut packed) = start(folder, archive.into(), "xz", &arguments)?;
    std::io::copy(&mut packed, &mut File::create(image)?)?;
    for mut child in [find, sort, cpio, xz] {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("a program of the pipeline: {status}").into());
        }
    }
    Ok(())
}

// What is compared with is a pipeline of programs; they end with their input,
// and the bench is no part of the tool.
#[allow(clippy::disallowed_methods)]
fn start(
    folder: &Path,
    input: Stdio,
    program: &str,
    arguments: &[&str],
) -> Result<(Child, ChildStdout)> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .current_dir(folder)
        .stdin(input)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the bench needs the program {program}: {error}"))?;
    let output = child.stdout.take().ok_or("no output")?;
    Ok((child, output))
}

/// Both images must hold the same, or the comparison means nothing.
fn same_content(ours: &Path, theirs: &Path) -> Result<()> {
    let read = |path: &Path| -> Result<Tree> {
        let mut tree = Tree::new();
        tree.extend(image::unpack(&fs::read(path)?, 1 << 30)?)?;
        Ok(tree)
    };
    if read(ours)? != read(theirs)? {
        return Err("the two images differ in content".into());
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Time {
    wall: Duration,
    /// Of this process and of the programs it waited for.
    cpu: Duration,
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} s ({:.2} s CPU)",
            self.wall.as_secs_f64(),
            self.cpu.as_secs_f64()
        )
    }
}

fn timed(run: impl FnOnce() -> Result<()>) -> Result<Time> {
    let (start, before) = (Instant::now(), cpu_time()?);
    run()?;
    Ok(Time {
        wall: start.elapsed(),
        cpu: cpu_time()?.saturating_sub(before),
    })
}

/// `utime + stime + cutime + cstime` of `/proc/self/stat` (proc(5)), which
/// Linux counts in hundredths of a second.
fn cpu_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(4);
    let ticks: u64 = ticks
        .map(str::parse::<u64>)
        .sum::<std::result::Result<_, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn report(what: &str, ours: &[Time], theirs: &[Time], pick: fn(&Time) -> Duration) {
    let median = |times: &[Time]| {
        let mut sorted: Vec<f64> = times.iter().map(|time| pick(time).as_secs_f64()).collect();
        sorted.sort_by(f64::total_cmp);
        (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
    };
    let (our_median, their_median) = (median(ours), median(theirs));
    println!(
        "median {what}: tuxling {our_median:.2} s, find|cpio|xz {their_median:.2} s, ratio {:.3}",
        our_median / their_median
    );
}

/// A small generator (xorshift64*), the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// Small numbers more often: as words and instructions are used.
    fn skewed(&mut self, end: usize) -> usize {
        let (one, two) = (self.below(end), self.below(end));
        one * two / end
    }
}

/// Sizes from a few bytes to hundreds of kilobytes, together `bytes`; a third
/// of the files is text, a third machine code, the others tables and packed
/// data.
fn make_folder(folder: &Path, files: usize, bytes: usize) -> Result<()> {
    let mut random = Random(0x7475_786c_696e_6701);
    let weights: Vec<usize> = (0..files).map(|_| 1 << random.below(11)).collect();
    let total: usize = weights.iter().sum();
    let words = with_phrases(&mut random, word);
    let code = with_phrases(&mut random, instruction);
    for (number, weight) in weights.iter().enumerate() {
        let size = weight * bytes / total + random.below(16);
        let content = match number % 12 {
            0..4 => pieces(&mut random, &words, size),
            4..8 => pieces(&mut random, &code, size),
            8..11 => table(&mut random, size),
            _ => (0..size).map(|_| random.next() as u8).collect(),
        };
        let directory = folder.join(format!("usr/d{:02}", number % 37));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(format!("file-{number:04}")), content)?;
    }
    Ok(())
}

/// 4,000 pieces and as many sequences of them, as the same phrases and the
/// same inlined functions come again in real files.
fn with_phrases(random: &mut Random, piece: fn(&mut Random) -> Vec<u8>) -> Vec<Vec<u8>> {
    let pieces: Vec<Vec<u8>> = (0..4000).map(|_| piece(random)).collect();
    let phrases: Vec<Vec<u8>> = (0..4000)
        .map(|_| {
            let count = 2 + random.skewed(40);
            (0..count)
                .flat_map(|_| pieces[random.skewed(4000)].clone())
                .collect()
        })
        .collect();
    pieces
        .into_iter()
        .zip(phrases)
        .flat_map(|(piece, phrase)| [piece, phrase])
        .collect()
}

fn word(random: &mut Random) -> Vec<u8> {
    let mut word: Vec<u8> = (0..2 + random.skewed(9))
        .map(|_| b'a' + random.skewed(26) as u8)
        .collect();
    word.push(if random.below(9) == 0 { b'\n' } else { b' ' });
    word
}

fn instruction(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![random.skewed(256) as u8, random.skewed(64) as u8 | 0x80];
    bytes.extend((0..random.skewed(5)).map(|_| random.below(256) as u8));
    bytes
}

fn pieces(random: &mut Random, from: &[Vec<u8>], size: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(size + 16);
    while content.len() < size {
        let at = random.skewed(from.len());
        content.extend_from_slice(&from[at]);
    }
    content.truncate(size);
    content
}

/// Records of 16 bytes: counting numbers, small values and zeros.
fn table(random: &mut Random, size: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(size + 16);
    let mut address = random.next() as u32;
    while content.len() < size {
        address = address.wrapping_add(random.skewed(400) as u32);
        content.extend_from_slice(&address.to_le_bytes());
        content.extend_from_slice(&(random.skewed(1000) as u32).to_le_bytes());
        content.extend_from_slice(&[0; 6]);
        content.extend_from_slice(&(random.skewed(30) as u16).to_le_bytes());
    }
    content.truncate(size);
    content
}
