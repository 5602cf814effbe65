//! Traps with names: the handler says which function was missed.

use vmlinux::prune::{Verdict, Wish, verify};

use crate::bench::{Bench, MODES, prune, without};
use crate::gaps::{MANY_WAYS, without_odd_numbers};

/// What the handler calls: it says the trap's name, as the kernel's handler does.
const TRAPPED: &str = r#"
extern const unsigned char tuxling_trap_names[] __attribute__((weak));
extern const char tuxling_traps_start[] __attribute__((weak)), tuxling_parts_start[] __attribute__((weak));
void trapped(unsigned long behind)
{
	unsigned long trap = behind - TRAP_BYTES, number = (trap - (unsigned long)tuxling_traps_start) / TRAP_BYTES;
	const unsigned char *at = tuxling_trap_names;
	char name[128];
	do {
		char *to = name + *at++;
		while ((*to++ = *at++));
	} while (number--);
	say("trap ");
	say(trap >= (unsigned long)tuxling_parts_start ? "in " : "");
	say(name);
	leave(99);
}
"#;

#[test]
fn traps_of_functions_and_of_parts_say_their_names() {
    for mode in MODES {
        let bench = Bench::new("names", mode);
        let program = bench.load_with(TRAPPED, &[("ways.c", MANY_WAYS)]);
        // Without traps there is nothing to name: such a kernel is traced.
        let whole = Wish {
            whole: true,
            marks: true,
            names: false,
            ..Wish::default()
        };
        bench.link(&prune(&program, &whole));
        let before: Vec<_> = (0..=255).map(|byte| bench.hears(byte)).collect();
        let named = Wish {
            marks: true,
            direct: true,
            names: true,
            ..without(&program, &["only_odd"])
        };
        bench.link(&prune(&program, &named));
        let (said, status) = bench.hears(2);
        assert_eq!(status, Some(99), "{mode}: {said}");
        assert!(said.ends_with("trap only_odd"), "{mode}: {said}");

        bench.link(&prune(&program, &whole));
        let parts = Wish {
            verdicts: vec![Verdict::Allow; program.functions().len()],
            gaps: program.gaps(&without_odd_numbers(&bench)),
            ..named
        };
        let pruned = prune(&program, &parts);
        verify::check(&program, &pruned).expect("another reader finds it right");
        bench.link(&pruned);
        let mut named = 0;
        for (byte, whole) in before.iter().enumerate() {
            let now = bench.hears(byte as u8);
            if now != *whole {
                let (_, name) = now.0.split_once("trap in ").expect("it says where");
                assert!(
                    ["walk", "word", "run", "count"].contains(&name),
                    "{mode}: {now:?}"
                );
                named += 1;
            }
        }
        assert!((100..256).contains(&named), "{mode}: {named}");
    }
}
