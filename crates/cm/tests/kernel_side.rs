//! The decompressor and the compressor of the kernel's patch, compiled for this
//! machine, beside the crate: the same bytes in both directions.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cm::{Filter, Settings, Strength};

const PATCH: &str = include_str!("../../recipe/recipes/linux-cm.patch");

/// A file that the patch adds.
fn added(name: &str) -> String {
    let head = format!("+++ b/{name}\n");
    let at = PATCH.find(&head).expect("the patch adds it");
    let lines = PATCH[at..].lines().skip(2);
    let lines = lines.map_while(|line| line.strip_prefix('+'));
    // The next file's head begins with a plus as well, but behind a minus.
    lines.map(|line| format!("{line}\n")).collect()
}

// What is tested is what other people's compiler makes of it.
#[allow(clippy::disallowed_methods)]
fn command(program: &Path) -> Command {
    Command::new(program)
}

struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    fn new(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("this machine does that");
        let at = |name: &str| folder.path().join(name);
        for part in ["lib", "scripts"] {
            std::fs::create_dir(at(part)).expect("this machine does that");
        }
        for name in [
            "lib/cm_model.h",
            "lib/decompress_uncm.c",
            "scripts/cm_compress.c",
        ] {
            std::fs::write(at(name), added(name)).expect("this machine does that");
        }
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel_side.c");
        for (source, program) in [(own, "unpack"), (at("scripts/cm_compress.c"), "pack")] {
            let made = command(Path::new("cc"))
                .args(["-Os", "-Wall", "-Werror", "-Wno-unused-function"])
                .args(flags)
                .arg(format!("-I{}", at("lib").display()))
                .arg(source)
                .arg("-o")
                .arg(at(program))
                .output()
                .expect("this machine does that");
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        Self { folder }
    }

    fn run(&self, program: &str, args: &[&str], input: &[u8]) -> Output {
        let program: PathBuf = self.folder.path().join(program);
        let mut child = command(&program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this machine does that");
        let mut stdin = child.stdin.take().expect("it is piped");
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().expect("this machine does that")
        })
    }
}

/// Code, text and tables: this program, as far as it is short.
fn code(bytes: usize) -> Vec<u8> {
    let own = std::fs::read(std::env::current_exe().expect("this has a path"))
        .expect("this machine does that");
    own[4096..4096 + bytes].to_vec()
}

#[test]
fn both_sides_pack_and_unpack_the_same_bytes() {
    let programs = Programs::new(&[]);
    let input = code(40_000);
    for (strength, number) in Strength::ALL.into_iter().zip(["1", "2", "3"]) {
        for (filter, name) in [
            (Filter::None, "none"),
            (Filter::X86, "x86"),
            (Filter::Arm, "arm"),
        ] {
            let settings = Settings {
                strength,
                memory: 18,
                filter,
                block: 30,
            };
            let packed = cm::compress(&input, &settings).expect("this machine does that");
            let theirs = programs.run("pack", &[number, "18", name], &input);
            assert!(theirs.stdout == packed, "{strength:?} {filter:?}");
            let out = programs.run("unpack", &["kernel"], &packed);
            assert!(out.stdout == input, "{strength:?} {filter:?}");
        }
    }
}

#[test]
fn a_ramdisk_unpacks_block_by_block() {
    let programs = Programs::new(&[]);
    let input = code(60_000);
    let settings = Settings {
        memory: 16,
        filter: Filter::X86,
        block: 13,
        ..Settings::default()
    };
    let packed = cm::compress(&input, &settings).expect("this machine does that");
    let behind = [&packed[..], b"another archive"].concat();
    let out = programs.run("unpack", &["ramdisk"], &behind);
    assert!(out.stdout == input && out.status.success());
}

#[test]
fn truncated_and_damaged_streams_end_in_the_kernels_message() {
    let programs = Programs::new(&[]);
    let input = code(30_000);
    let settings = Settings {
        filter: Filter::X86,
        ..Settings::default()
    };
    let packed = cm::compress(&input, &settings).expect("this machine does that");
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 4;
    for (stream, message) in [
        (
            &packed[..packed.len() - 1],
            "CM-compressed data is corrupt\n",
        ),
        (&packed[..100], "CM-compressed data is corrupt\n"),
        (&damaged[..], "CM-compressed data is corrupt\n"),
        (&packed[..30], "Input is not in the CM format\n"),
        (&packed[1..], "Input is not in the CM format\n"),
        (&[][..], "Input is not in the CM format\n"),
    ] {
        for as_what in ["kernel", "ramdisk"] {
            let out = programs.run("unpack", &[as_what], stream);
            assert_eq!(String::from_utf8_lossy(&out.stderr), message);
            assert_eq!(out.status.code(), Some(1));
        }
    }
}

#[test]
fn sanitizers_find_nothing_in_damaged_streams() {
    let programs = Programs::new(&[
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover",
    ]);
    let inputs = std::env::var("CM_FUZZ_INPUTS").unwrap_or_else(|_| "300".to_owned());
    let settings = Settings {
        strength: Strength::Fast,
        memory: 16,
        filter: Filter::X86,
        block: 12,
    };
    let packed = cm::compress(&code(6_000)[..], &settings).expect("this machine does that");
    let out = programs.run("unpack", &["fuzz", &inputs, "7"], &packed);
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(said.starts_with(&format!("{inputs} inputs, ")), "{said}");
    println!("{said}");
}
