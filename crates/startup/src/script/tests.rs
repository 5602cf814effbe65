//! Scripts and what is read out of them.

use proptest::prelude::*;

use super::*;

fn names(text: &str) -> Vec<String> {
    let script = Script::read(text.as_bytes());
    script.calls.into_iter().map(|call| call.name).collect()
}

#[track_caller]
fn calls(text: &str, expected: &str) {
    assert_eq!(names(text).join(" "), expected, "{text}");
}

#[test]
fn simple_commands_are_found_in_every_place() {
    calls(
        "mount -a\n# umount\nls; ps & cat x|wc\n",
        "mount ls ps cat wc",
    );
    calls("a=1 b=2 env x\nPATH=/x\n", "env");
    calls("if grep -q x /y; then mdev -s; else ls; fi", "grep mdev ls");
    calls("while read -r x; do echo $x; done </etc/x", "read echo");
    calls("for i in a b $(seq 3); do sleep $i; done", "seq sleep");
    calls("( cd /x && ls ) || exit 1", "cd ls exit");
    calls("{ one; two; } >/dev/null 2>&1", "one two");
    calls("! grep x y && \"quoted\" 'too'", "grep quoted");
    calls("ls \\\n -l\ncat", "ls cat");
    calls("exec /bin/sh\nnever\n", "/bin/sh");
    calls("[ -x /x ] && exec /x\nafter\n", "[ /x after");
}

#[test]
fn commands_inside_of_words_are_found_too() {
    calls("x=$(uname -r)", "uname");
    calls("echo \"at $(date +%s) `hostname`\"", "date hostname echo");
    calls("echo $(cat $(ls x))", "ls cat echo");
    calls("echo $((1 + 2)) ${x:-none}", "echo");
    assert_eq!(Script::read(b"\n\necho $((6*7))").arithmetic, Some(3));
}

#[test]
fn the_arms_of_a_case_are_commands_and_its_patterns_none() {
    let text =
        "case \"$1\" in\n start|restart) one ;;\n (stop)\n two\n three;;\n *) ;;\nesac\nfour\n";
    calls(text, "one two three four");
    calls(
        "case $x in a) case $y in b) in2;; esac;; esac\nlast",
        "in2 last",
    );
}

#[test]
fn texts_of_here_documents_are_no_commands() {
    calls("cat <<EOF >/x\nmount\nEOF\nls\n", "cat ls");
    calls("cat <<-'E' | wc\n\trm\n\tE\nls\n", "cat wc ls");
}

#[test]
fn functions_are_defined_and_what_is_looked_for_is_kept() {
    let text = "start() {\n mount -a\n}\nfunction stop { umount -a; }\nalias ll='ls -l'\nstart\n\
                command -v mdev >/dev/null && mdev -s\n[ -x /sbin/udevd ] && /sbin/udevd\n. /lib/x\n";
    let script = Script::read(text.as_bytes());
    let functions: Vec<_> = script.functions.iter().map(String::as_str).collect();
    assert_eq!(functions, ["ll", "start", "stop"]);
    assert!(script.looked_for.contains("mdev") && script.looked_for.contains("udevd"));
    assert_eq!(script.sourced, [Some("/lib/x".to_owned())]);
}

#[test]
fn a_failure_that_the_script_deals_with_is_marked() {
    let text = "one || true\ntwo 2>/dev/null\nthree >/dev/null 2>&1\nfour\n";
    let script = Script::read(text.as_bytes());
    let handled: Vec<_> = script.calls.iter().map(|c| (&*c.name, c.handled)).collect();
    let expected = [
        ("one", true),
        ("true", false),
        ("two", true),
        ("three", true),
        ("four", false),
    ];
    assert_eq!(handled, expected);
    assert_eq!(script.calls[4].line, 4);
}

#[test]
fn what_is_expanded_is_not_guessed() {
    calls("$x -l\n\"$y\"/bin/z\n/etc/init.d/S* start\n", "");
    let script =
        Script::read(b"for i in /etc/init.d/S??*; do $i start; done\neval x\nexport PATH=/x\n");
    assert!(script.patterns.contains("/etc/init.d/S??*"));
    assert!(script.evaluates && script.sets_path);
}

proptest! {
    #[test]
    fn any_bytes_are_a_script(bytes: Vec<u8>) {
        Script::read(&bytes);
    }

    #[test]
    fn any_shell_words_are_a_script(words in proptest::collection::vec(
        prop_oneof![
            Just("$("), Just("`"), Just("\""), Just("'"), Just("case x in"), Just("esac"), Just(")"),
            Just("("), Just("\n"), Just("<<E"), Just("E\n"), Just("if"), Just("fi"), Just("${"),
            Just("}"), Just("$(("), Just("))"), Just("\\"), Just("a"), Just("exec"), Just(";;"),
        ], 0..60)) {
        Script::read(words.join(" ").as_bytes());
    }
}
