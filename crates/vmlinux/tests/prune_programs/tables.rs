//! Tables of distances, as x86's and arm64's kernels have them: entries that say something
//! about code go with it, and those that stay still say it. And trampolines of
//! static calls, which are compared though they never run.

use vmlinux::prune::{EntrySizes, Fate, Parts, Verdict, Wish, verify};

use crate::bench::{Bench, MODES, X86, fate, prune, without};

/// Every function notes its own places in two tables, by their distance from the
/// entry, as `_ASM_EXTABLE()` and `__BUG_ENTRY()` do. `run` says for each entry
/// what it finds at the place, and what the second field leads to: which table's
/// entries are gone shows by their numbers.
const NOTED: &str = r#"
	void say(const char *); void say_number(unsigned long);
	#ifdef __aarch64__
	#define NOTE(n) __asm__ volatile( \
		"1: mov w0, #" #n "\n" \
		".pushsection __ex_table, \"a\"\n.balign 4\n.long 1b - ., 2f - ., " #n "\n.popsection\n" \
		".subsection 1\n2: mov w0, #(" #n " + 100)\n b 3f\n.previous\n3:\n" \
		".pushsection __bug_table, \"aw\"\n.balign 4\n.long 1b - ., " #n "\n.popsection\n" ::: "x0")
	#define NUMBER(code) (*(const unsigned *)(code) >> 5 & 0xffff)
	#else
	#define NOTE(n) __asm__ volatile( \
		"1: mov $" #n ", %%eax\n" \
		".pushsection __ex_table, \"a\"\n.balign 4\n.long 1b - ., 2f - ., " #n "\n.popsection\n" \
		".pushsection .text.fixup, \"ax\"\n2: mov $(" #n " + 100), %%eax\n jmp 3f\n.popsection\n3:\n" \
		".pushsection __bug_table, \"aw\"\n.balign 4\n.long 1b - ., " #n "\n.popsection\n" ::: "eax")
	/* The number behind the code of `mov $n, %eax`. */
	#define NUMBER(code) *(const unsigned *)((code) + 1)
	#endif
	struct entry { int at, fixup, number; };
	struct bug { int at, number; };
	extern struct entry __start___ex_table[], __stop___ex_table[];
	extern struct bug __start___bug_table[], __stop___bug_table[];
	volatile int never, seen = 4;
	static volatile int written[4] = { 1, 2, 3, 4 };
	__attribute__((noinline)) void first(void) { NOTE(7); say("first\n"); }
	__attribute__((noinline)) void idle(void) { NOTE(8); say("idle\n"); }
	__attribute__((noinline)) void last(void) { NOTE(9); if (never) { NOTE(10); idle(); } say("last\n"); }
	static unsigned number(const char *code) { return NUMBER(code); }
	int run(void)
	{
		struct entry *e; struct bug *b;
		first(); last();
		if (never) idle();
		/* Numbers stand behind the distance. */
		written[2] = 0x12345678; seen &= 0x7f;
		if (written[3] == 4 && written[1] == 2) say_number(written[2]);
		for (e = __start___ex_table; e < __stop___ex_table; e++) {
			say_number(number((char *)&e->at + e->at));
			say_number(number((char *)&e->fixup + e->fixup));
			say_number(e->number);
		}
		for (b = __start___bug_table; b < __stop___bug_table; b++) {
			say_number(number((char *)&b->at + b->at));
			say_number(b->number);
		}
		return 0;
	}
"#;

/// The numbers of the entries that a run says are there, of both tables.
fn entries(said: &str) -> (Vec<u64>, Vec<u64>) {
    let mut numbers = said.lines().filter_map(|line| line.parse::<u64>().ok());
    assert_eq!(numbers.next(), Some(0x1234_5678), "{said}");
    let numbers: Vec<u64> = numbers.collect();
    let (mut at, mut exceptions, mut bugs) = (0, Vec::new(), Vec::new());
    while let [code, fixup, number] = numbers[at..(at + 3).min(numbers.len())]
        && fixup == number + 100
    {
        assert_eq!(code, number, "{said}");
        exceptions.push(number);
        at += 3;
    }
    for pair in numbers[at..].chunks(2) {
        assert_eq!(pair[0], pair[1], "{said}");
        bugs.push(pair[0]);
    }
    (exceptions, bugs)
}

fn sizes() -> EntrySizes {
    let sizes = [("exception_table_entry", 12), ("bug_entry", 8)];
    let named = sizes.map(|(name, bytes)| (name.to_owned(), bytes));
    EntrySizes(named.into_iter().collect())
}

#[test]
fn entries_of_distances_go_with_the_code_that_they_are_about() {
    let script = "ENTRY(_start) __start___ex_table __start___bug_table";
    for mode in MODES {
        let bench = Bench::new("tables", mode);
        let program = bench.load_as(script, &sizes(), &[("main.c", NOTED)]);
        let whole = Wish {
            whole: true,
            ..Wish::default()
        };
        let (said, status) = bench.execute(&prune(&program, &whole));
        assert_eq!(status, Some(0), "{mode}: {said}");
        let all = vec![7, 8, 9, 10];
        assert_eq!(entries(&said), (all.clone(), all), "{mode}");

        let pruned = prune(&program, &without(&program, &["idle"]));
        let (said, status) = bench.execute(&pruned);
        assert_eq!(status, Some(0), "{mode}: {said}");
        let left = vec![7, 9, 10];
        assert_eq!(entries(&said), (left.clone(), left), "{mode}");
    }
}

#[test]
fn entries_go_with_the_part_of_a_function_that_they_are_about() {
    let script = "ENTRY(_start) __start___ex_table __start___bug_table";
    for mode in MODES {
        let bench = Bench::new("parts-tables", mode);
        let program = bench.load_as(script, &sizes(), &[("main.c", NOTED)]);
        let marked = Wish {
            whole: true,
            marks: true,
            ..Wish::default()
        };
        bench.link(&prune(&program, &marked));
        let ran: Parts = bench.trace(0);
        let gaps = program.gaps(&ran);
        let last = program.named("last")[0];
        assert!(gaps.contains_key(&last), "{mode}: {gaps:?}");
        let wish = Wish {
            gaps,
            verdicts: vec![Verdict::Allow; program.functions().len()],
            ..Wish::default()
        };
        let pruned = prune(&program, &wish);
        let (said, status) = bench.execute(&pruned);
        assert_eq!(status, Some(0), "{mode}: {said}");
        let left = vec![7, 9];
        assert_eq!(entries(&said), (left.clone(), left), "{mode}");
    }
}

/// A static call by a trampoline, and its site's entry, as x86_64 has both; `run`
/// compares the trampoline and has the site call what it would.
const STATIC_CALL: &str = r#"
	void say(const char *);
	__asm__(".pushsection .static_call.text, \"ax\"\n.globl __SCT__one\n.type __SCT__one, @function\n"
		"__SCT__one: jmp chosen\n.byte 0x0f, 0xb9, 0xcc\n.size __SCT__one, . - __SCT__one\n"
		".globl __SCT__two\n.type __SCT__two, @function\n"
		"__SCT__two: jmp other\n.byte 0x0f, 0xb9, 0xcc\n.size __SCT__two, . - __SCT__two\n.popsection");
	__attribute__((noinline)) void chosen(void) { say("chosen\n"); }
	__attribute__((noinline)) void other(void) { say("other\n"); }
	extern const unsigned char __SCT__one[];
	volatile int never;
	static __attribute__((noinline)) void site(void)
	{
		__asm__ volatile("1: call __SCT__one\n"
			".pushsection .static_call_sites, \"a\"\n.balign 4\n.long 1b - ., __SCT__one - .\n.popsection");
	}
	int run(void)
	{
		if (__SCT__one[0] != 0xe9 || __SCT__one[5] != 0x0f || __SCT__one[6] != 0xb9) return 1;
		say("compared\n");
		if (never) site();
		return 0;
	}
"#;

#[test]
fn trampolines_of_calls_that_are_patched_in_line_stay_where_they_are_compared() {
    let sizes = EntrySizes([("static_call_site".to_owned(), 8)].into());
    for mode in X86 {
        let bench = Bench::new("calls", mode);
        let program = bench.load_as("ENTRY(_start)", &sizes, &[("main.c", STATIC_CALL)]);
        let wish = without(&program, &["__SCT__one", "__SCT__two", "chosen", "other"]);
        let pruned = program.prune(&wish).expect("prunes");
        verify::check(&program, &pruned).expect("another reader finds it right");
        assert_eq!(
            bench.execute(&pruned),
            ("compared\n".into(), Some(0)),
            "{mode}"
        );
        assert_eq!(fate(&program, &pruned, "__SCT__one"), [Fate::Forced]);
        assert_eq!(fate(&program, &pruned, "chosen"), [Fate::Trapped]);

        // Where nothing is patched in line they run, and are gone like any other.
        let text = STATIC_CALL.replace(".static_call_sites", "__bug_table");
        let sizes = EntrySizes([("bug_entry".to_owned(), 8)].into());
        let bench = Bench::new("calls-out", mode);
        let program = bench.load_as("ENTRY(_start)", &sizes, &[("main.c", &text)]);
        let wish = without(&program, &["__SCT__one", "__SCT__two", "chosen", "other"]);
        let pruned = program.prune(&wish).expect("prunes");
        assert_eq!(fate(&program, &pruned, "__SCT__one"), [Fate::Trapped]);
    }
}
