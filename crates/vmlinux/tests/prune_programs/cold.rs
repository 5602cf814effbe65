//! Code that is loaded when something first needs it.

use object::{Object, ObjectSection};
use vmlinux::prune::{Fate, Verdict};

use crate::bench::{Bench, MODES, fate, prune, without};

/// Has a function that is seldom called, and a text that only that says.
const SELDOM: &str = r#"
void say(const char *);
static const char *const own[] = { "a table, ", "of two, " };
__attribute__((noinline)) void before(void) { say("before\n"); }
__attribute__((noinline)) void seldom(int n) { say(own[n & 1]); say("only seldom, "); say("and often\n"); }
__attribute__((noinline)) int often(int n) { say("often, "); say("and often\n"); return n + 5; }
int run(void) { before(); seldom(1); return often(2); }
"#;

/// Stands before a function of another object.
const INSTEAD: &str = r#"
void say(const char *); void before(void);
void instead(void) { say("instead, then "); before(); }
"#;

#[test]
fn what_is_cold_is_put_aside_and_hooks_stand_before_functions() {
    for mode in MODES {
        let bench = Bench::new("cold", mode);
        let program = bench.load(&[("seldom.c", SELDOM), ("instead.c", INSTEAD)]);
        let mut wish = without(&program, &[]);
        wish.hooks = program.hooks(&[("before", "instead")]).expect("both");
        assert_eq!(program.hooks(&[("before", "nobody")]), Err("nobody"));
        for function in program.named("seldom") {
            wish.verdicts[function.0 as usize] = Verdict::Cold;
        }
        let pruned = prune(&program, &wish);
        let said = "instead, then before\nof two, only seldom, and often\noften, and often\n";
        assert_eq!(bench.execute(&pruned), (said.to_owned(), Some(7)), "{mode}");
        assert_eq!(fate(&program, &pruned, "seldom"), [Fate::Cold]);
        assert_eq!(fate(&program, &pruned, "often"), [Fate::Reached]);
        let bytes_in = |wanted: &str| {
            let mut all = Vec::new();
            for output in &pruned.objects {
                let file = object::File::parse(output.bytes.as_slice()).expect("an object");
                let sections = file.sections().filter(|s| s.name() == Ok(wanted));
                all.extend(sections.flat_map(|s| s.data().expect("readable").to_vec()));
            }
            String::from_utf8_lossy(&all).into_owned()
        };
        let cold = bytes_in(".tuxling.cold.data");
        assert!(
            cold.contains("only seldom") && cold.contains("of two"),
            "{mode}: {cold}"
        );
        assert!(!cold.contains("often"), "{mode}: {cold}");
        assert!(!bytes_in(".rodata.str1.1").contains("seldom"), "{mode}");
        // Where nothing loads it, nothing is cold.
        wish.hooks.clear();
        let pruned = prune(&program, &wish);
        assert_eq!(fate(&program, &pruned, "seldom"), [Fate::Reached]);
    }
}
