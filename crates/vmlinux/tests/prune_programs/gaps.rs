//! Parts of functions: they go, and whoever comes to one is stopped.

use vmlinux::prune::{Fate, Parts, PruneError, TrapRecord, Verdict, Wish};

use crate::bench::{Bench, MODES, fate, prune};

/// Takes many ways, by a byte that it hears.
pub(crate) const MANY_WAYS: &str = r#"
void say(const char *); void say_number(unsigned long);
#ifdef __i386__
static long hear(char *c)
{ long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(3), "b"(0), "c"(c), "d"(1) : "memory"); return r; }
#elif defined(__aarch64__)
static long hear(char *c)
{ register long x8 __asm__("x8") = 63, x0 __asm__("x0") = 0, x2 __asm__("x2") = 1;
  register char *x1 __asm__("x1") = c;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory"); return x0; }
#else
static long hear(char *c)
{ long r; __asm__ volatile("syscall" : "=a"(r) : "a"(0), "D"(0), "S"(c), "d"(1) : "rcx", "r11", "memory"); return r; }
#endif
volatile unsigned sink;
__attribute__((noinline)) unsigned only_odd(unsigned n) { say("this string is for odd ones\n"); sink += n; return n * 3 + 1; }
__attribute__((noinline)) unsigned walk(unsigned n)
{
	unsigned steps = 0;
	while (n != 1 && steps < 40) {
		if (n & 1) n = only_odd(n); else n /= 2;
		if (n == 10) say("ten\n");
		if (n == 5) { sink++; steps += 2; }
		steps++;
	}
	return steps;
}
__attribute__((noinline)) const char *word(unsigned c)
{
	switch (c % 16) {
	case 0: sink = 1; return "zero\n";
	case 1: say("one at once\n"); return "one\n";
	case 2: if (c > 100) return "a large two\n"; return "two\n";
	case 3: sink += c; return "three\n";
	case 4: return sink > 3 ? "four\n" : "fore\n";
	case 5: walk(3); return "five\n";
	case 9: for (unsigned i = 0; i < c; i++) sink ^= i; return "nine\n";
	case 12: return c & 64 ? "twelve\n" : "a dozen\n";
	default: return "another\n";
	}
}
/* Its code refers to nothing. */
__attribute__((noinline)) unsigned count(unsigned n)
{
	unsigned all = 0;
	for (; n; n >>= 1) {
		if (n & 64) for (unsigned i = 0; i < n; i++) all ^= i * n;
		all += n & 1;
	}
	return all;
}
int run(void)
{
	char c = 0; hear(&c);
	unsigned n = (unsigned char)c;
	say_number(count(n));
	say(word(n)); say_number(walk(n + 1)); say_number(sink);
	return n & 7;
}
"#;

/// What runs in 4 and 8 steps, for words 3 and 7: no number is odd on the way
/// to 1.
pub(crate) fn without_odd_numbers(bench: &Bench) -> Parts {
    let mut ran = bench.trace(3);
    for (function, parts) in bench.trace(7) {
        ran.entry(function).or_default().extend(parts);
    }
    ran
}

#[test]
fn what_never_ran_of_a_function_goes_and_whoever_comes_to_it_is_stopped() {
    for mode in MODES {
        let bench = Bench::new("gaps", mode);
        let program = bench.load(&[("ways.c", MANY_WAYS)]);
        let marked = Wish {
            whole: true,
            marks: true,
            ..Wish::default()
        };
        bench.link(&prune(&program, &marked));
        let before: Vec<_> = (0..=255).map(|byte| bench.hears(byte)).collect();
        let gaps = program.gaps(&without_odd_numbers(&bench));
        assert!(gaps.contains_key(&program.named("count")[0]), "{mode}");
        let wish = Wish {
            verdicts: vec![Verdict::Allow; program.functions().len()],
            gaps,
            marks: true,
            direct: true,
            ..Wish::default()
        };
        let pruned = prune(&program, &wish);
        bench.link(&pruned);
        assert_eq!(
            fate(&program, &pruned, "only_odd"),
            [Fate::Removed],
            "{mode}"
        );
        let file = std::fs::read(bench.folder.join("program")).expect("linked");
        let gone = b"for odd ones";
        assert!(!file.windows(gone.len()).any(|w| w == gone), "{mode}");
        let mut stopped = 0;
        for (byte, whole) in before.iter().enumerate() {
            let now = bench.hears(byte as u8);
            if now == *whole {
                continue;
            }
            assert!(byte != 3 && byte != 7, "{mode}: {byte} ran before: {now:?}");
            // It may be stopped, but says nothing else than before.
            assert_eq!(now.1, Some(99), "{mode}, {byte}: {now:?}");
            let (said, trap) = now.0.split_once("trap ").expect("it says where");
            assert!(whole.0.starts_with(said), "{mode}, {byte}: {now:?}");
            let trap = trap.trim().parse().expect("a number");
            let missed = program.missed(&pruned, &file, TrapRecord { trap, caller: 0 });
            let missed = missed.expect("an ELF file").expect("it is known");
            let (from, to) = missed.part.expect("a part of a function");
            assert!(pruned.gaps[&missed.function].contains(&(from..to)));
            stopped += 1;
        }
        assert!((100..256).contains(&stopped), "{mode}: {stopped}");
        // A function that was missed is given back as a whole.
        let mut mended = wish.clone();
        for name in ["walk", "word", "count"] {
            mended.gaps.remove(&program.named(name)[0]);
        }
        bench.link(&prune(&program, &mended));
        for (byte, whole) in before.iter().enumerate() {
            assert_eq!(bench.hears(byte as u8), *whole, "{mode}, {byte}");
        }
    }
}

#[test]
fn parts_that_cant_go_are_refused() {
    let bench = Bench::new("refused", "-m32");
    let program = bench.load(&[("ways.c", MANY_WAYS)]);
    let refused = |name: &str, parts: &[(u64, u64)]| {
        let index = program.named(name)[0];
        let wish = Wish {
            gaps: Parts::from([(index, parts.iter().map(|(from, to)| *from..*to).collect())]),
            ..Wish::default()
        };
        let error = program.prune(&wish).expect_err("it can't be done");
        assert!(matches!(error, PruneError::Gap { .. }), "{error}");
        error.to_string()
    };
    assert!(refused("walk", &[(0, 4)]).contains("room for a trap"));
    assert!(refused("walk", &[(0, 10), (8, 20)]).contains("overlap"));
    assert!(refused("walk", &[(0, 100_000)]).contains("leave it"));
    assert!(refused("tuxling_trap", &[(0, 5)]).contains("as a whole"));
}
