//! Pruned kernels: that a missed function is seen wherever it is missed, that
//! what survives adversity before survives it after, and that the certificate
//! makes the same bytes again.

use std::path::Path;
use std::time::Duration;

use crate::bare_boot;
use crate::fixture::{Recipe, folder, outputs, run, tuxling};
use crate::planted::{FEW_RUNS, missed_is_seen, prune, tight};

/// The smallest kernel there is of a PC: it is compiled once more for these
/// tests, with a section for each function. The long tests prune `pc-net`.
fn recipe(name: &str, over: &str) -> Recipe {
    Recipe::built_in("pc-shell", name).with(over)
}

/// A function that no check calls.
const KEPT: &str = "kernel/sys.o:__ia32_sys_sethostname";

/// A program that nobody has read: it makes a call that no program of the system
/// can make, tells the answer, and restarts.
const STRANGER: &str = r#"
static long call(long number, long a, long b, long c)
{
	long answer;
	__asm__ volatile("int $0x80" : "=a"(answer)
		: "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return answer;
}
static void say(const char *text)
{
	long length = 0;
	while (text[length])
		length++;
	call(4, 1, (long)text, length);
}
void _start(void)
{
	say("setdomainname: ");
	say(call(121, (long)"x", 1, 0) == -38 ? "-38\n" : "something else\n");
	call(88, 0xfee1dead, 672274793, 0x1234567);
	for (;;)
		;
}
"#;

/// What the console of a pruned kernel prints when it is the init.
fn answer_to_a_stranger(kernel: &Path) -> String {
    let (work, root) = (folder(), folder());
    let source = work.path().join("stranger.c");
    std::fs::write(&source, STRANGER).expect("writable");
    let mut gcc = crate::fixture::command("gcc");
    gcc.args(["-m32", "-O1", "-static", "-nostdlib", "-ffreestanding"]);
    gcc.args(["-fno-pie", "-no-pie", "-fno-stack-protector", "-o"]);
    gcc.arg(root.path().join("stranger")).arg(&source);
    assert!(gcc.status().expect("gcc starts").success());
    let initrd = bare_boot::archive(root.path());
    bare_boot::boot(kernel, &initrd, "/stranger", Duration::from_secs(60)).replace('\r', "")
}

#[test]
fn a_missed_function_is_seen_wherever_it_is_missed() {
    let dir = folder();
    let over = "[prune]\nnames = true\non-trap = \"reset-after 1s\"";
    let recipe = recipe("planted", over).write(dir.path());
    for (function, where_it_runs) in [
        ("mk_early_pgtbl_32", "before paging is on"),
        ("timer_interrupt", "in an interrupt"),
        ("worker_thread", "in a kernel thread"),
        ("kernel_restart", "after the last check"),
    ] {
        missed_is_seen(&recipe, function, where_it_runs);
    }
}

#[test]
fn a_certificate_makes_the_same_bytes_again_with_the_same_tools_only() {
    let dir = folder();
    let recipe = recipe("certified", "").write(dir.path());
    let pruned = tight(&recipe, &["--boots", "2", "--keep", KEPT, "--json"]).ends_with(0);
    let certificate = pruned.json();
    assert_eq!(certificate["schema"], "tuxling.certificate/1");
    // Two ordinary ones, two that idle for ten minutes, two with somebody at the
    // console.
    let passed = &certificate["passed"];
    assert_eq!(passed["boots"], 6);
    assert_eq!(
        (&passed["idle"], &passed["console"]),
        (&2.into(), &2.into())
    );
    assert_eq!(passed["longest_idle_seconds"], 600);
    let proof = certificate["proof"].as_str().expect("a text");
    assert!(proof.starts_with("6 boots in a row"), "{proof}");
    let (object, name) = KEPT.split_once(':').expect("both");
    let kept = certificate["kept"][object].as_array().expect("a list");
    let asked = |f: &&serde_json::Value| f["symbol"] == name && f["reason"] == "asked";
    assert!(kept.iter().any(|f| asked(&f)), "{kept:?}");
    let whole = dir.path().join("build/certified/whole/kernel");
    let size = |path: &Path| std::fs::metadata(path).expect("an output").len();
    let kernel = dir.path().join("build/certified/pruned/kernel");
    assert!(size(&kernel) < size(&whole) * 6 / 10);

    let calls = &certificate["system_calls"];
    assert_eq!(calls["all_kept"], serde_json::Value::Null);
    let closed = calls["closed"].to_string();
    assert!(closed.contains("sys_setdomainname"), "{closed}");
    assert!(!closed.contains("sys_sethostname"), "{closed}");
    assert!(calls["programs"]["/bin/busybox"]["sites"].as_u64() > Some(50));
    // Parts of functions have gone, too, and the certificate says which.
    assert!(certificate["removed"]["gaps"].as_u64() > Some(500));

    let path = "build/certified/pruned/certified.cert.json";
    run(&mut prune(&recipe, &["--verify", path])).ends_with(0);

    the_pruned_system_is_a_system(&recipe, &certificate);

    let mut other = certificate.clone();
    other["bound"]["toolchain"]["ld"] = "GNU ld 1.0".into();
    let altered = dir.path().join("other.json");
    std::fs::write(&altered, other.to_string()).expect("writable");
    run(&mut prune(&recipe, &["--verify", "other.json"]))
        .ends_with(7)
        .says(&["ld: certified with GNU ld 1.0, here is "]);
}

/// `--pruned` means the very bytes of the certificate, for those who boot, those
/// who look, and those who ask what a stop means.
fn the_pruned_system_is_a_system(recipe: &Path, certificate: &serde_json::Value) {
    let told = |command: &str, arguments: &[&str]| {
        let mut tuxling = tuxling();
        tuxling.current_dir(recipe.parent().expect("it stands in a folder"));
        let run = run(tuxling.arg(command).arg(recipe).args(arguments));
        run.ends_with(0).json()
    };
    let checked = told("check", &["--pruned", "--no-boot-cost", "--json"]);
    assert_eq!(checked["outcome"], "passed");
    let outputs = outputs(recipe).join("pruned");
    let kernel = std::fs::metadata(outputs.join("kernel")).expect("an output");
    assert_eq!(checked["image"]["kernel_bytes"], kernel.len());

    let size = told("size", &["--pruned", "--json"]);
    assert_eq!(size["image_bytes"], kernel.len());

    // A boot loader that adds words to its command line begins it as well.
    let cd = told("image", &["--as", "iso", "--check", "--pruned", "--json"]);
    assert_eq!(cd["check"]["outcome"], "passed", "{}", cd["check"]);

    let map = std::fs::read_to_string(outputs.join("System.map")).expect("a map");
    let mut traps = map.lines().filter_map(|line| {
        let (place, name) = line.split_once(" T tuxling_trap.")?;
        Some((place, name.split_once('.')?.1))
    });
    let (place, name) = traps
        .next_back()
        .expect("something is called through pointers");
    let line = format!("tuxling: trap 0x{place} from 0x00200046");
    let stop = told("trap", &[&line, "--json"]);
    assert_eq!(stop["function"]["symbol"], name);
    assert_eq!(stop["level"], certificate["level"]);
}

#[test]
fn balanced_survives_what_the_whole_kernel_survives() {
    let dir = folder();
    let recipe = recipe("balanced", "[adversity]\nsurvive = [\"local\"]").write(dir.path());
    let arguments = ["--level", "balanced", "--runs", FEW_RUNS, "--boots", "2"];
    let pruned = run(prune(&recipe, &arguments).arg("--json")).ends_with(0);
    let certificate = pruned.json();
    let cases = certificate["adversity"].as_array().expect("a list");
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!(cases[0]["survived"], true, "{cases:?}");
    let boots = certificate["attempts"].as_array().expect("a list");
    let last = &boots[boots.len() - 3..];
    assert!(last.iter().all(|b| b["outcome"] == "passed"), "{last:?}");
    let kept = certificate["kept"].to_string();
    assert!(kept.contains(r#""survives":"local""#));
    // At `tight` nobody promises that a program of another making starts.
    let kernel = dir.path().join("build/balanced/pruned/kernel");
    let console = answer_to_a_stranger(&kernel);
    assert!(console.contains("setdomainname: -38\n"), "{console}");
}

#[test]
fn what_cant_be_pruned_is_refused_by_the_options_name() {
    let dir = folder();
    let recipe = recipe("many", "[kernel]\noptions = \"CONFIG_SMP=y\"").write(dir.path());
    run(&mut prune(&recipe, &[])).ends_with(3).says(&[
        "a kernel with CONFIG_SMP can't be pruned yet",
        "what is missing would stop one CPU, and the others would go on",
        "CONFIG_SMP=n",
    ]);
}
