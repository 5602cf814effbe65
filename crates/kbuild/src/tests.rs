//! Which options objects rest on, by Makefiles made up for it.

use proptest::prelude::*;

use super::*;

struct Fake(BTreeMap<&'static str, String>);

impl Tree for Fake {
    fn read(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }
}

fn read(files: &[(&'static str, &str)], config: &[(&str, &str)]) -> Objects {
    let tree = Fake(files.iter().map(|(p, t)| (*p, (*t).to_owned())).collect());
    let config = config
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Objects::read(&tree, "x86", &config)
}

fn options(objects: &Objects, path: &str) -> Vec<String> {
    objects
        .reasons
        .get(path)
        .map_or_else(|| vec!["not built".to_owned()], |r| r.options.clone())
}

#[test]
fn an_object_rests_on_the_options_of_its_folders_and_its_own() {
    let objects = read(
        &[
            ("Kbuild", "obj-y += kernel/\nobj-$(CONFIG_NET) += net/\n"),
            (
                "kernel/Makefile",
                "obj-y := fork.o \\\n  exit.o # both\nobj-$(CONFIG_SMP) += smp.o\n",
            ),
            (
                "net/Makefile",
                "obj-y += socket.o\nobj-$(CONFIG_INET) += ipv4/\n",
            ),
            (
                "net/ipv4/Makefile",
                "obj-y := tcp.o\ninet-y := a.o\ninet-$(CONFIG_B) += b.o\nobj-$(CONFIG_I) += inet.o\n",
            ),
        ],
        &[("NET", "y"), ("INET", "y"), ("I", "y"), ("B", "y")],
    );
    assert_eq!(options(&objects, "kernel/exit.o"), [""; 0]);
    assert_eq!(options(&objects, "kernel/smp.o"), ["not built"]);
    assert_eq!(options(&objects, "net/ipv4/tcp.o"), ["NET", "INET"]);
    assert_eq!(options(&objects, "net/ipv4/a.o"), ["NET", "INET", "I"]);
    assert_eq!(options(&objects, "net/ipv4/b.o"), ["NET", "INET", "I", "B"]);
}

#[test]
fn conditions_functions_and_the_architectures_variables_are_followed() {
    let objects = read(
        &[
            (
                "arch/x86/Makefile",
                "ifeq ($(CONFIG_X86_32),y)\n  BITS := 32\nelse\n  BITS := 64\nendif\nlibs-y += arch/x86/lib/\n",
            ),
            (
                "arch/x86/lib/Makefile",
                "lib-y := delay.o\nlib-y += memcpy_$(BITS).o\nifndef CONFIG_A\nobj-y += other.o\nendif\n",
            ),
            (
                "Kbuild",
                "ifdef CONFIG_A\nobj-y += a.o\nelse\nobj-y += not_a.o\nendif\nobj-$(subst m,y,$(CONFIG_M)) += m.o\nobj-y += $(if $(CONFIG_A),chosen.o,left.o)\nobj-$(or $(CONFIG_NONE),$(CONFIG_A)) += or.o\nlist := l1.o l2.o\nobj-$(CONFIG_A) += $(list)\n",
            ),
        ],
        &[("X86_32", "y"), ("A", "y"), ("M", "m")],
    );
    assert_eq!(options(&objects, "a.o"), ["A"]);
    assert_eq!(options(&objects, "not_a.o"), ["not built"]);
    assert_eq!(options(&objects, "m.o"), ["M"]);
    assert_eq!(options(&objects, "chosen.o"), ["A"]);
    assert_eq!(options(&objects, "left.o"), ["not built"]);
    assert_eq!(options(&objects, "or.o"), ["A"]);
    assert_eq!(options(&objects, "l2.o"), ["A"]);
    assert_eq!(options(&objects, "arch/x86/lib/memcpy_32.o"), [""; 0]);
    assert!(objects.reasons["arch/x86/lib/delay.o"].library);
    assert_eq!(options(&objects, "arch/x86/lib/other.o"), ["not built"]);
}

proptest! {
    #[test]
    fn no_makefile_makes_it_panic_or_run_away(
        lines in proptest::collection::vec(
            r"(obj-y|obj-\$\(CONFIG_A\)|x|ifeq|ifdef|else|endif|include|a-objs)[ :+?]{0,2}=?[ ]?(\$\(|\$\{|\)|\}|,|\$|x|a\.o|b/|\.\./|if |subst |é|\\|#|\t| ){0,8}", 0..24),
        any in "(?s).{0,200}",
    ) {
        let _ = read(&[("Kbuild", &lines.join("\n")), ("b/Makefile", &lines.join("\n"))], &[("A", "y")]);
        let _ = read(&[("Kbuild", &any), ("arch/x86/Makefile", &any)], &[]);
    }
}
