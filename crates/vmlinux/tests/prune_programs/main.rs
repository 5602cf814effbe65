//! Small programs, compiled for the host as the kernel is, pruned, linked and
//! run: what is left does what it did, and what is gone says that it is.
//!
//! i386 has its addends in the sections (ELF32, REL), x86_64 in the relocations
//! (ELF64, RELA), as aarch64 has, where most addresses are made of two halves. The
//! programs need no C library, so that they run on any x86_64 host; those of aarch64
//! run in QEMU (the package qemu-user).

use proptest::prelude::*;
use vmlinux::prune::{
    EntrySizes, Fate, FunctionIndex, Input, Program, PruneError, Pruned, Role, TrapRecord, Verdict,
    Wish,
};

mod bench;
mod cold;
mod gaps;
mod names;
mod tables;

use bench::{Bench, MODES, fate, prune, without};

#[test]
fn a_pruned_program_says_what_it_said_and_a_pruned_function_says_its_name() {
    for mode in MODES {
        let bench = Bench::new("basic", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *);
               static __attribute__((noinline)) void used(void) { say("used\n"); }
               __attribute__((noinline)) void unused(void) { say("this string is nobody's\n"); }
               int wanted;
               int run(void) { used(); if (wanted) unused(); return 7; }"#,
        )]);
        let whole = prune(
            &program,
            &Wish {
                whole: true,
                ..Wish::default()
            },
        );
        assert_eq!(
            bench.execute(&whole),
            ("used\n".into(), Some(7)),
            "{mode}: nothing is left out"
        );
        let pruned = prune(&program, &without(&program, &["unused"]));
        assert_eq!(
            bench.execute(&pruned),
            ("used\n".into(), Some(7)),
            "{mode}: unused is gone"
        );
        assert_eq!(fate(&program, &pruned, "unused"), [Fate::Trapped]);
        let file = std::fs::read(bench.folder.join("program")).expect("linked");
        let gone = b"this string is nobody's";
        assert!(
            !file.windows(gone.len()).any(|w| w == gone),
            "{mode}: its string went with it"
        );
        let pruned = prune(&program, &without(&program, &["used"]));
        let (said, status) = bench.execute(&pruned);
        assert_eq!(status, Some(99), "{mode}: {said}");
        assert_eq!(
            bench.trap_of(&said).as_deref(),
            Some("used"),
            "{mode}: {said}"
        );
    }
}

#[test]
fn calls_of_what_is_gone_need_no_trap_of_their_own() {
    for mode in MODES {
        let bench = Bench::new("direct", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *);
               __attribute__((noinline)) void first(void) { say("first\n"); }
               __attribute__((noinline)) void second(void) { say("second\n"); }
               __attribute__((noinline)) void third(void) { say("third\n"); }
               static void (*volatile pointer)(void) = third;
               int wanted = 1;
               static __attribute__((noinline)) void caller(void)
               { say("caller\n"); if (!wanted) first(); second(); say("back\n"); }
               int run(void) { caller(); pointer(); return 0; }"#,
        )]);
        let direct = |names: &[&str]| Wish {
            direct: true,
            marks: true,
            ..without(&program, names)
        };
        let missed = |said: &str, pruned: &Pruned| {
            let address = said.lines().find_map(|l| l.strip_prefix("trap "));
            let address = address.expect("it trapped").parse().expect("a number");
            let file = std::fs::read(bench.folder.join("program")).expect("linked");
            let missed = program.missed(
                pruned,
                &file,
                TrapRecord {
                    trap: address,
                    caller: 0,
                },
            );
            let missed = missed.expect("an ELF file").expect("it is known");
            let name = |f: FunctionIndex| program.functions()[f.0 as usize].id.symbol.clone();
            (name(missed.function), missed.caller.map(name))
        };
        let pruned = prune(&program, &direct(&["first", "second"]));
        assert!(pruned.traps.is_empty(), "{mode}: {:?}", pruned.traps);
        assert_eq!(fate(&program, &pruned, "second"), [Fate::Trapped]);
        let (said, status) = bench.execute(&pruned);
        assert_eq!(status, Some(99), "{mode}: {said}");
        let by_caller = ("second".to_owned(), Some("caller".to_owned()));
        assert_eq!(missed(&said, &pruned), by_caller, "{mode}: {said}");
        // An address that is taken needs something that has it.
        let pruned = prune(&program, &direct(&["third"]));
        assert_eq!(pruned.traps.len(), 1, "{mode}");
        let (said, _) = bench.execute(&pruned);
        assert!(said.contains("back"), "{mode}: {said}");
        assert_eq!(missed(&said, &pruned).0, "third", "{mode}: {said}");
    }
}

#[test]
fn static_functions_of_one_name_are_told_apart() {
    let unit = |text: &str, name: &str| {
        format!(
            r#"void say(const char *);
               static __attribute__((noinline)) void same(void) {{ say("{text}\n"); }}
               void {name}(void) {{ same(); }}"#
        )
    };
    for mode in MODES {
        let bench = Bench::new("same", mode);
        let program = bench.load(&[
            ("one.c", &unit("one", "one")),
            ("two.c", &unit("two", "two")),
            (
                "main.c",
                "void one(void); void two(void); int run(void) { one(); two(); return 0; }",
            ),
        ]);
        let mut wish = without(&program, &[]);
        let second = program
            .named("same")
            .into_iter()
            .find(|f| program.functions()[f.0 as usize].id.object == "two.c.o");
        wish.verdicts[second.expect("there").0 as usize] = Verdict::Trap;
        let (said, status) = bench.execute(&prune(&program, &wish));
        assert!(
            said.starts_with("one\n"),
            "{mode}: the other one runs: {said}"
        );
        assert_eq!(
            (status, bench.trap_of(&said).as_deref()),
            (Some(99), Some("same")),
            "{mode}"
        );
    }
}

#[test]
fn pointers_to_pruned_functions_differ_and_trap_when_called() {
    for mode in MODES {
        let bench = Bench::new("pointers", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *); void say_number(unsigned long);
               static void a(void) { say("a\n"); } static void b(void) { say("b\n"); }
               void c(void) { say("c\n"); }
               static void (*const table[])(void) = { a, b, c, a };
               int run(void) {
                   volatile int i = 0, j = 1, k = 2, l = 3;
                   say_number(table[i] == table[j]); say_number(table[j] == table[k]);
                   say_number(table[i] == table[l]); say_number(table[k] == c);
                   table[k](); table[j](); return 0; }"#,
        )]);
        let (said, status) = bench.execute(&prune(&program, &without(&program, &["a", "b"])));
        assert!(said.starts_with("0\n0\n1\n1\nc\ntrap "), "{mode}: {said}");
        assert_eq!(
            (status, bench.trap_of(&said).as_deref()),
            (Some(99), Some("b")),
            "{mode}"
        );
    }
}

/// Has a cold part, jump tables, and pointers into the middle of data.
const COLD_AND_TABLES: &str = r#"void say(const char *); void say_number(unsigned long); void leave(int);
               __attribute__((cold, noinline)) void complain(int n) { say("cold "); say_number(n); }
               static int numbers[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };
               static struct { int first; const char *name; } pairs[3] = { { 1, "x\n" }, { 2, "y\n" }, { 3, "z\n" } };
               static int *volatile into = &numbers[5];
               static const char **volatile name = &pairs[2].name;
               __attribute__((noinline)) int work(int n) {
                   if (__builtin_expect(n > 90, 0)) { complain(n); return -1; }
                   switch (n) {
                   case 0: say("zero\n"); return 4; case 1: say("one\n"); return 8; case 2: say("two\n"); return 15;
                   case 3: say("three\n"); return 16; case 4: say("four\n"); return 23; case 5: say("five\n"); return 42;
                   default: say("many\n"); return 0; } }
               __attribute__((noinline)) int idle(int n) {
                   switch (n) {
                   case 0: complain(1); return 4; case 1: complain(3); return 8; case 2: complain(2); return 15;
                   case 3: say("3\n"); return 16; case 4: say("4\n"); return 23; case 5: say("5\n"); return 42;
                   default: return 0; } }
               volatile int never;
               int run(void) {
                   int i; for (i = 0; i < 7; i++) say_number(work(i));
                   say_number(*into); say(*name); if (never) idle(never); work(91); return 0; }"#;

#[test]
fn cold_parts_jump_tables_and_offsets_into_data_survive() {
    for mode in MODES {
        let bench = Bench::new("parts", mode);
        let program = bench.load(&[("main.c", COLD_AND_TABLES)]);
        let whole = bench.execute(&prune(
            &program,
            &Wish {
                whole: true,
                ..Wish::default()
            },
        ));
        let reached = bench.execute(&prune(&program, &without(&program, &[])));
        let pruned = prune(&program, &without(&program, &["idle"]));
        assert!(
            whole.0.ends_with("9\nz\ncold 91\n") && whole.1 == Some(0),
            "{mode}: {whole:?}"
        );
        assert_eq!(reached, whole, "{mode}");
        assert_eq!(
            bench.execute(&pruned),
            whole,
            "{mode}: without a function that had a jump table"
        );
        let cold: Vec<&str> = program
            .functions()
            .iter()
            .map(|f| f.id.symbol.as_str())
            .filter(|s| s.ends_with(".cold"))
            .collect();
        if !cold.is_empty() {
            let (said, status) = bench.execute(&prune(&program, &without(&program, &cold)));
            assert_eq!(status, Some(99), "{mode}: {said}");
            assert!(
                bench.trap_of(&said).is_some_and(|t| t.ends_with(".cold")),
                "{mode}: {said}"
            );
        }
    }
}

#[test]
fn what_only_pruned_functions_needed_goes_with_them() {
    for mode in MODES {
        let bench = Bench::new("needs", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *);
               static volatile char big[100000]; static const int primes[1000] = { 2, 3, 5 };
               volatile int at;
               void deepest(void) { big[at] = primes[at]; say("deepest\n"); }
               static void (*chain)(void) = deepest;
               void deeper(void) { chain(); }
               __attribute__((noinline)) void deep(void) { deeper(); }
               volatile int never;
               int run(void) { say("up\n"); if (never) deep(); return 0; }"#,
        )]);
        let before = prune(&program, &without(&program, &[]));
        assert_eq!(
            fate(&program, &before, "deepest"),
            [Fate::Reached],
            "{mode}: over data"
        );
        let after = prune(&program, &without(&program, &["deep"]));
        assert_eq!(fate(&program, &after, "deep"), [Fate::Trapped]);
        assert_eq!(fate(&program, &after, "deeper"), [Fate::Removed]);
        assert_eq!(fate(&program, &after, "deepest"), [Fate::Removed]);
        assert_eq!(after.report.kinds[".rodata"].after, 0, "{mode}");
        assert_eq!(before.report.kinds[".rodata"].after, 4000, "{mode}");
        assert!(before.report.kinds[".bss"].after - after.report.kinds[".bss"].after >= 100_000);
        assert_eq!(bench.execute(&after), ("up\n".into(), Some(0)), "{mode}");
    }
}

#[test]
fn functions_that_share_a_section_are_filled_in_place() {
    for mode in MODES {
        let bench = Bench::new("init", mode);
        let program = bench.load(&[(
            "main.c",
            r#"#define INIT __attribute__((section(".init.text"), noinline))
               void say(const char *);
               static const int needed_by_gone[500] = { 1 };
               static INIT void hidden(void) { say("hidden\n"); }
               static INIT void gone(void) { say("gone\n"); say((const char *)needed_by_gone); }
               INIT void outer(void) { say("outer\n"); hidden(); }
               volatile int never;
               INIT void other(void) { if (never) gone(); say("other\n"); }
               int run(void) { outer(); other(); if (never == 2) gone(); return 0; }"#,
        )]);
        let all = bench.execute(&prune(&program, &without(&program, &[])));
        assert_eq!(
            all,
            ("outer\nhidden\nother\n".into(), Some(0)),
            "{mode}: a call without a relocation counts"
        );
        let pruned = prune(&program, &without(&program, &["gone"]));
        assert_eq!(bench.execute(&pruned), all, "{mode}");
        assert!(pruned.traps.iter().any(|t| t.in_place), "{mode}");
        assert_eq!(
            pruned.report.kinds[".rodata"].after, 0,
            "{mode}: its data went"
        );
        let (said, status) = bench.execute(&prune(&program, &without(&program, &["hidden"])));
        assert!(said.starts_with("outer\ntrap "), "{mode}: {said}");
        assert_eq!(
            (status, bench.trap_of(&said).as_deref()),
            (Some(99), Some("hidden")),
            "{mode}"
        );
    }
}

#[test]
fn references_can_be_sent_elsewhere_and_weak_definitions_lose() {
    for mode in MODES {
        let bench = Bench::new("redirect", mode);
        let program = bench.load(&[
            ("weak.c", r#"void say(const char *); __attribute__((weak, noinline)) void choice(void) { say("weak\n"); }
                          void from_weak(void) { choice(); }"#),
            ("main.c", r#"void say(const char *); void from_weak(void); void choice(void) { say("strong\n"); }
                          __attribute__((noinline)) int call_one(void) { return 1; } __attribute__((noinline)) int none(void) { return 38; }
                          int (*const table[])(void) = { call_one, call_one };
                          volatile int at;
                          int run(void) { choice(); from_weak(); return table[at]() + call_one(); }"#),
        ]);
        let mut wish = without(&program, &["call_one"]);
        wish.redirects = vec![(program.named("call_one")[0], program.named("none")[0])];
        let pruned = prune(&program, &wish);
        assert_eq!(
            fate(&program, &pruned, "call_one"),
            [Fate::Removed],
            "{mode}"
        );
        let weak = program
            .named("choice")
            .into_iter()
            .map(|f| pruned.report.functions[f.0 as usize]);
        assert_eq!(
            weak.collect::<Vec<_>>(),
            [Fate::Removed, Fate::Reached],
            "{mode}"
        );
        let (said, status) = bench.execute(&pruned);
        assert_eq!(said, "strong\nstrong\n", "{mode}");
        assert!(matches!(status, Some(76 | 39)), "{mode}: {status:?}");
    }
}

#[test]
fn what_code_names_is_called_or_handed_over_and_data_is_neither() {
    for mode in MODES {
        let bench = Bench::new("graph", mode);
        let program = bench.load(&[(
            "main.c",
            r#"typedef void (*later_t)(void); later_t pending;
               __attribute__((noinline)) void callback(void) { pending = 0; }
               __attribute__((noinline)) void by_table(void) { pending = 0; }
               later_t const table[] = { by_table, by_table }; volatile int at;
               __attribute__((noinline)) void queue(later_t later) { pending = later; }
               __attribute__((noinline)) void old_call(void) { queue(callback); }
               __attribute__((noinline)) int new_call(void) { return 38; }
               int run(void) { table[at](); old_call(); return 0; }"#,
        )]);
        let graph = program.graph();
        let one = |name: &str| program.named(name)[0];
        assert_eq!(
            graph.handed_over(one("old_call")),
            [one("callback")],
            "{mode}"
        );
        let named = graph.named_closure([one("run")]);
        for (name, stays) in [("queue", true), ("callback", true), ("by_table", false)] {
            assert_eq!(named.contains(&one(name)), stays, "{mode}: {name}");
        }
        let closed = graph.redirected(&[one("old_call")].into(), one("new_call"));
        assert_eq!(
            closed.direct_callees(one("run")),
            [one("new_call")],
            "{mode}"
        );
        assert!(
            !closed
                .named_closure([one("run")])
                .contains(&one("callback"))
        );
    }
}

#[test]
fn a_loaded_section_of_an_unknown_kind_stops_and_is_named() {
    let bench = Bench::new("unknown", "-m64");
    let (name, bytes) = bench.compile(
        "odd.c",
        r#"int odd __attribute__((section("odd_table"))) = 3;"#,
    );
    let inputs = [Input {
        name: &name,
        bytes: &bytes,
        role: Role::Always,
    }];
    let stopped = Program::load(&inputs, "", &EntrySizes::default()).expect_err("unknown");
    assert_eq!(
        stopped,
        PruneError::Section {
            object: name.clone(),
            section: "odd_table".into()
        }
    );
    assert_eq!(
        stopped.to_string(),
        "odd.c.o: section odd_table is of no known kind"
    );
}

#[test]
fn a_table_whose_entries_have_no_known_size_stops_and_is_named() {
    let bench = Bench::new("table", "-m32");
    let (name, bytes) = bench.compile("ex.S", ".section __ex_table, \"a\"\n.long 1, 2, 3\n");
    let inputs = [Input {
        name: &name,
        bytes: &bytes,
        role: Role::Always,
    }];
    let stopped = Program::load(&inputs, "", &EntrySizes::default()).expect_err("unknown");
    let said = "ex.S.o: the size of struct exception_table_entry, the entry of section __ex_table, is not known";
    assert_eq!(stopped.to_string(), said);
}

/// A program of functions that call each other at random, by name, over
/// pointers and with strings, printing where they are.
fn random_program(calls: &[(u8, u8, u8)]) -> String {
    let count = calls.len();
    let mut text = String::from("void say(const char *);\n");
    let static_one = |i: usize| if i % 2 == 1 { "static " } else { "" };
    for i in 0..count {
        text += &format!("{}void f{i}(int depth);\n", static_one(i));
    }
    text += "static void (*const table[])(int) = {";
    (0..count).for_each(|i| text += &format!("f{i}, "));
    text += "};\nvolatile int zero;\n";
    for (i, (a, b, c)) in calls.iter().enumerate() {
        let (a, b) = (usize::from(*a) % count, usize::from(*b) % count);
        let last = match c % 3 {
            0 => format!("table[{b} + zero](depth - 1);"),
            1 => format!("f{b}(depth - 1);"),
            _ => String::new(),
        };
        text += &format!(
            "{}__attribute__((noinline)) void f{i}(int depth) {{ if (!depth) return; say(\"f{i}\\n\"); f{a}(depth - 1); {last} }}\n",
            static_one(i)
        );
    }
    text + "int run(void) { f0(4); say(\"end\\n\"); return 5; }"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_ran_is_enough_and_any_function_less_is_named(
        calls in proptest::collection::vec(any::<(u8, u8, u8)>(), 3..12),
        mode in prop::sample::select(&MODES[..]),
        victim in any::<usize>(),
    ) {
        let bench = Bench::new("random", mode);
        let program = bench.load(&[("main.c", &random_program(&calls))]);
        let whole = bench.execute(&prune(&program, &Wish { whole: true, ..Wish::default() }));
        prop_assert_eq!(whole.1, Some(5));
        let ran: Vec<String> = (0..calls.len()).map(|i| format!("f{i}")).filter(|f| whole.0.lines().any(|l| l == f)).collect();
        let idle: Vec<String> = (0..calls.len()).map(|i| format!("f{i}")).filter(|f| !ran.contains(f)).collect();
        let idle: Vec<&str> = idle.iter().map(String::as_str).filter(|f| !program.named(f).is_empty()).collect();
        let tight = bench.execute(&prune(&program, &without(&program, &idle)));
        // A function may return at once without a word.
        if tight.1 != Some(99) {
            prop_assert_eq!(&tight, &whole);
        }
        let victim = ran[victim % ran.len()].as_str();
        let (said, status) = bench.execute(&prune(&program, &without(&program, &[victim])));
        prop_assert_eq!(status, Some(99));
        let named = bench.trap_of(&said);
        prop_assert_eq!(named.as_deref(), Some(victim));
    }
}
