//! The two decoders of a store of cold code give the same pages: the one that is
//! linked into kernels, and the one that tuxling holds it against.

#![allow(
    clippy::disallowed_methods,
    reason = "tests run the compiler and what it makes"
)]

use std::path::Path;
use std::process::Command;

use vmlinux::cold_store::{Dictionary, PAGE, pack, unpack};

/// What is linked into kernels.
const UNPACK: &str = include_str!("../../recipe/trap/unpack.c");

/// Prints all pages of the store in the first file, with the dictionary in the
/// second.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdint.h>
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef int32_t s32;
#define noinstr
#undef __always_inline
#define __always_inline inline
#define COLD_PAGE 4096
UNPACK
static u8 packed[1 << 20], beside[1 << 20], page[COLD_PAGE];
static long read_all(const char *name, u8 *to)
{ FILE *f = fopen(name, "rb"); long n = fread(to, 1, 1 << 20, f); fclose(f); return n; }
int main(int argc, char **argv)
{
	const struct store *store = (const struct store *)packed;
	read_all(argv[1], packed);
	const u8 *end = beside + read_all(argv[2], beside);
	for (u32 n = 0; n < store->pages; n++) {
		unpack(store, end, page, n);
		turn(page, 0xfe000000 + n * COLD_PAGE);
		fwrite(page, 1, COLD_PAGE, stdout);
	}
	return 0;
}
"#;

#[test]
fn the_kernels_decoder_gives_the_same_pages() {
    // Compiled code: this test's own.
    let me = std::fs::read(std::env::current_exe().expect("it runs")).expect("readable");
    let (beside, code) = (&me[0x4000..0x24000], &me[0x30000..0x30000 + 20 * PAGE + 77]);
    let steady: Vec<bool> = (0..beside.len()).map(|at| at % 700 != 3).collect();
    let dictionary = Dictionary {
        bytes: beside,
        steady: &steady,
    };
    let store = pack(code, 0xfe00_0000, dictionary);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cold-store");
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes);
    write("program.c", PROGRAM.replace("UNPACK", UNPACK).as_bytes()).expect("written");
    write("store", &store).expect("written");
    write("beside", beside).expect("written");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(&folder).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        output.stdout
    };
    run(
        "gcc",
        &["-O2", "-Wall", "-Werror", "-o", "program", "program.c"],
    );
    let pages = run("./program", &["store", "beside"]);
    assert_eq!(pages.len(), 21 * PAGE);
    assert_eq!(&pages[..code.len()], code);
    for (index, page) in pages.chunks(PAGE).enumerate() {
        let ours = unpack(&store, index, 0xfe00_0000, beside).expect("a page");
        assert!(ours == page, "page {index}");
    }
}
