//! Why something is in pc-net's kernel: by references and by options.

use serde_json::Value;

use crate::fixture::{Run, pc_net, run, tuxling};

fn why(subject: &str, json: bool) -> Run {
    let mut command = tuxling();
    command
        .current_dir(&pc_net().dir)
        .args(["why", "pc-net", subject])
        .args(json.then_some("--json"));
    run(&mut command)
}

fn names(steps: &Value) -> Vec<&str> {
    let steps = steps.as_array().expect("a list");
    steps.iter().filter_map(|s| s["name"].as_str()).collect()
}

#[test]
fn a_function_is_reached_from_an_initcall_over_the_structure_that_names_it() {
    let told = why("tcp_sendmsg", true).ends_with(0).json();
    assert_eq!(told["schema"], "tuxling.why/1");
    let answer = &told["answers"][0];
    let way = names(&answer["way"]);
    assert_eq!(way.last(), Some(&"tcp_sendmsg"));
    assert!(
        way.contains(&"tcp_prot"),
        "net/ipv4/tcp_ipv4.c names it: {way:?}"
    );
    assert_eq!(names(&answer["through"]), ["tcp_prot"]);
    let options = answer["options"].as_array().expect("options");
    let options: Vec<_> = options
        .iter()
        .filter_map(|o| o["option"].as_str())
        .collect();
    assert_eq!(options, ["NET", "INET"]);
    assert_eq!(answer["makefile"], "net/ipv4/Makefile");
}

#[test]
fn what_the_assembler_resolved_counts_as_a_reference() {
    // A static function that is called in its own file alone has no relocation.
    let told = why("init/initramfs.o:do_populate_rootfs", true)
        .ends_with(0)
        .json();
    let answer = &told["answers"][0];
    assert!(
        names(&answer["referrers"]).contains(&"populate_rootfs"),
        "{answer}"
    );
    let told = why("init/main.o:do_basic_setup", true);
    // Inlined by some compilers; where it is there, something calls it.
    if told.code == Some(0) {
        assert!(told.json()["answers"][0]["referrer_count"].as_u64() > Some(0));
    }
}

#[test]
fn nearly_all_code_is_reached_and_an_option_retains_its_objects() {
    let told = why("UNIX", true).ends_with(0).json();
    let answer = &told["answers"][0];
    assert_eq!(answer["kind"], "option");
    let (size, retained) = (&answer["size"], &answer["retained"]["size"]);
    let (size, retained) = (
        size.as_u64().expect("bytes"),
        retained.as_u64().expect("bytes"),
    );
    assert!(
        retained * 10 >= size * 9,
        "{retained} of {size} bytes go with it"
    );
    assert!(
        retained <= size * 2,
        "{retained} of {size} bytes go with it"
    );
}

#[test]
fn an_object_of_a_library_says_so_and_a_wrong_name_has_a_neighbour() {
    let told = why("lib/crc32.o", false).ends_with(0);
    assert!(told.stdout.contains("CRC32=y"), "{}", told.stdout);
    assert!(
        told.stdout.contains("The shortest way to it"),
        "{}",
        told.stdout
    );
    why("tcp_sendmessage", false)
        .ends_with(1)
        .says(&["pc-net has no symbol, object or option tcp_sendmessage"]);
}
