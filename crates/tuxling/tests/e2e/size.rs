//! Where the bytes of a real kernel are: sums are exact, hardly anything is
//! unknown, and what differs between two kernels is what bloat-o-meter says.

use serde_json::Value;

use crate::fixture::{Recipe, folder, lock, pc_net, run, tuxling};

fn size(recipe: &str, args: &[&str]) -> Value {
    pc_net(); // built and checked once for all tests
    let dir = folder();
    lock(dir.path(), recipe);
    let mut command = tuxling();
    command
        .current_dir(dir.path())
        .args(["size", recipe, "--json"])
        .args(args);
    run(&mut command).ends_with(0).json()
}

fn sum(leaves: &[Value], figure: &str, which: impl Fn(&Value) -> bool) -> u64 {
    let which = leaves.iter().filter(|leaf| which(leaf));
    which.filter_map(|leaf| leaf[figure].as_u64()).sum()
}

/// Sums are exact, hardly anything is unknown, nearly all text has an option.
fn adds_up(recipe: &str) {
    let told = size(recipe, &["--leaves"]);
    let leaves = told["leaves"].as_array().expect("leaves");
    let all = |_: &Value| true;
    assert_eq!(sum(leaves, "share", all), told["image_bytes"]);
    assert_eq!(sum(leaves, "size", all), told["sections_bytes"]);
    assert_eq!(sum(leaves, "ram", all), told["ram_bytes"]);
    assert_eq!(told["share_by"], "xz");
    let image = told["image_bytes"].as_u64().expect("bytes");
    let payload = told["payload_bytes"].as_u64().expect("bytes");
    let boot = ["(setup)", "(decompressor)", "(image)"];
    let around = sum(leaves, "share", |l| boot.iter().any(|b| l["section"] == *b));
    assert_eq!(
        payload + around,
        image,
        "shares of the payload add up to it"
    );
    let unknown = sum(leaves, "share", |l| l["kind"] == "unknown");
    assert!(
        unknown * 100 <= image,
        "{unknown} of {image} bytes are unknown"
    );
    let text = sum(leaves, "size", |l| l["text"] == true);
    let no_option = sum(leaves, "size", |l| {
        l["text"] == true && (l["brought_by"] == "unknown" || l["brought_by"] == "none")
    });
    assert!(
        no_option * 10 <= text,
        "{no_option} of {text} bytes of text have no option"
    );
    println!(
        "{recipe}: {unknown} of {image} B unknown, {no_option} of {text} B of text without an option"
    );
    assert!(told["ram_bytes"].as_u64() >= told["sections_bytes"].as_u64());
    // The same along every axis.
    for axis in ["section", "dir", "object", "symbol"] {
        let other = size(recipe, &["--by", axis, "--depth", "9"]);
        assert_eq!(other["tree"]["share"], told["tree"]["share"], "{axis}");
        assert_whole(&other["tree"]);
    }
}

/// What stands below a node adds up to it, all the way down.
fn assert_whole(node: &Value) {
    let children = node["children"].as_array().expect("children");
    if children.is_empty() {
        return;
    }
    for figure in ["size", "share", "ram"] {
        let sum: u64 = children.iter().filter_map(|c| c[figure].as_u64()).sum();
        assert_eq!(node[figure].as_u64().unwrap_or(0), sum, "{}", node["name"]);
    }
    children.iter().for_each(assert_whole);
}

#[test]
fn every_byte_of_pc_nets_kernel_stands_in_one_place() {
    adds_up("pc-net");
}

#[test]
fn every_byte_of_versatilepbs_kernel_stands_in_one_place() {
    adds_up("versatilepb");
}

#[test]
fn the_ramdisk_is_told_by_file_and_by_applet() {
    let told = size("pc-net", &["--ramdisk", "--depth", "3"]);
    let record = &pc_net().record;
    assert_eq!(told["image_bytes"], record["image"]["ramdisk_bytes"]);
    assert_eq!(told["archive_bytes"], record["ramdisk"]["archive_bytes"]);
    assert_whole(&told["tree"]);
    let files = told["tree"]["children"].as_array().expect("files");
    let busybox = files
        .iter()
        .find(|f| f["name"] == "/bin/busybox")
        .expect("is there");
    let applets = busybox["children"].as_array().expect("applets");
    let share = |name: &str| {
        let applet = applets.iter().find(|a| a["name"] == name);
        applet
            .and_then(|a| a["share"].as_u64())
            .unwrap_or_else(|| panic!("{name}: {applets:?}"))
    };
    assert!(share("sh") > share("cat"), "a shell is dearer than cat");
    assert!(share("wget") > 0 && share("udhcpc") > 0);
}

#[test]
fn marginal_figures_are_real_compressions_of_the_largest_nodes() {
    let told = size(
        "pc-net",
        &["--by", "dir", "--depth", "1", "--marginal", "3"],
    );
    let nodes = told["tree"]["children"].as_array().expect("nodes");
    let tried = nodes.iter().filter(|n| n["marginal"].is_number());
    assert_eq!(tried.clone().count(), 3);
    for node in tried {
        let (share, marginal) = (node["share"].as_u64(), node["marginal"].as_u64());
        let (share, marginal) = (share.expect("bytes"), marginal.expect("bytes"));
        // They differ, since bytes help to compress others; not by half.
        assert!(marginal * 2 > share && marginal < share * 2, "{node}");
    }
}

#[test]
fn what_an_ifdef_takes_out_is_foretold_by_compiling_it() {
    // Its objects go, and with them what seven others have for it.
    let without = ["--without", "SERIAL_8250_CONSOLE"];
    let by_makefiles = &size("pc-net", &without)["options"][0];
    assert_eq!(by_makefiles["by"], "makefiles");
    assert_eq!(by_makefiles["compiled"], Value::Null);
    let compiled = &size("pc-net", &[&without[..], &["--compile"]].concat())["options"][0];
    assert_eq!(compiled["by"], "compiling", "{compiled}");
    assert_eq!(compiled["compiled"], 7);
    for figure in ["size", "compressed"] {
        let (less, more) = (&by_makefiles[figure], &compiled[figure]);
        assert!(less.as_i64() < more.as_i64(), "{figure}: {less} and {more}");
    }
}

#[test]
fn an_option_that_nothing_has_is_refused_with_the_nearest() {
    let dir = folder();
    lock(dir.path(), "pc-net");
    let mut command = tuxling();
    command
        .current_dir(dir.path())
        .args(["size", "pc-net", "--without", "UNIXX"]);
    run(&mut command).ends_with(1).says(&[
        "this kernel has no option UNIXX",
        "UNIX",
        "`all` stands for",
    ]);
}

#[test]
fn two_records_differ_in_files_and_kernels_in_objects() {
    let dir = folder();
    let text = "[[userland.file]]\nto = \"/etc/more\"\ntext = \"more\"\n";
    let recipe = Recipe::pc_net("more").with(text).write(dir.path());
    let mut build = tuxling();
    run(build.current_dir(dir.path()).arg("build").arg(&recipe)).ends_with(0);
    let diff = |args: &[&str]| {
        let mut command = tuxling();
        command.current_dir(dir.path()).arg("diff");
        run(command.arg(pc_net().outputs()).arg(&recipe).args(args))
    };
    let told = diff(&["--json"]).ends_with(0).json();
    assert_eq!(told["schema"], "tuxling.diff/1");
    assert_eq!(told["files"][0]["name"], "/etc/more");
    assert_eq!(told["kernel"]["total"][0], told["kernel"]["total"][1]);
    assert_eq!(told["kernel"]["objects"].as_array().map(Vec::len), Some(0));
    let markdown = diff(&["--markdown"]).ends_with(0).stdout;
    assert!(markdown.starts_with("### pc-net → more: "), "{markdown}");
    assert!(
        markdown.contains("| /etc/more | – | 4 | +4 |"),
        "{markdown}"
    );
    diff(&["--fail-over", "4KiB"]).ends_with(0);
    diff(&["--fail-over", "0"])
        .ends_with(6)
        .says(&["B larger than"]);
}

#[test]
fn more_growth_than_is_allowed_ends_with_6() {
    let kernel = pc_net().outputs().join("vmlinux");
    let program = std::env::current_exe().expect("a path");
    let diff = |a: &std::path::Path, b: &std::path::Path| {
        let mut command = tuxling();
        command
            .arg("diff")
            .args([a, b])
            .args(["--fail-over", "4KiB"]);
        run(&mut command)
    };
    diff(&kernel, &kernel).ends_with(0).says(&[]);
    // One of the two is the larger one.
    let (there, back) = (diff(&kernel, &program), diff(&program, &kernel));
    let (grew, shrank) = match there.code {
        Some(6) => (there, back),
        _ => (back, there),
    };
    shrank.ends_with(0);
    grew.ends_with(6)
        .says(&["B larger than", "4,096 B are allowed"]);
}
