//! Checks of the network without applets, and checks that are typed.

use std::fs;

use crate::fixture::{Recipe, check, command, folder, outputs, pc_net, run};

/// The kernel of pc-net, with a fixed address in a network of its own.
fn fixed(name: &str) -> Recipe {
    pc_net();
    Recipe::pc_net(name)
        .without("check")
        .without("budget")
        .with(
            r#"
        kernel.options = "CONFIG_PACKET=y\n"
        [network]
        mode    = "static"
        address = "192.168.7.20/24"
        gateway = "192.168.7.1"
        "#,
        )
}

#[test]
fn a_fixed_address_carries_echoes_downloads_and_pings_and_the_console_takes_checks() {
    let dir = folder();
    let recipe = fixed("fixed")
        .with(
            r#"
            [[check]]
            name = "typed"
            run = "cat /proc/version"
            match = "^Linux version 6"
            via = "console"

            [[check]]
            name = "tcp"
            echo = { tcp = true, size = "64KiB" }

            [[check]]
            name = "udp"
            echo = { udp = true, size = "2000" }

            [[check]]
            name = "download"
            fetch = { size = "4KiB" }

            [[check]]
            name = "typed ping"
            ping = true
            via = "console"

            [[check]]
            name = "typed words"
            run = ["echo", "it's", "\"fine\""]
            expect = "it's \"fine\"\n"
            via = "console"

            [[check]]
            name = "typed sleep"
            sleep = true
            via = "console"
            "#,
        )
        .write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    let checks = record["checks"].as_array().expect("checks");
    assert_eq!(checks.len(), 7);
    for check in checks {
        assert_eq!(check["outcome"], "passed", "{check}");
        let typed = check["name"].as_str().expect("a name").starts_with("typed");
        assert_eq!(check["via"], if typed { "console" } else { "channel" });
    }
    let told = checks[1]["detail"].as_str().expect("a text");
    let expected = "65,536 B came back as they were sent, over the wire";
    assert!(told.starts_with(expected), "{told}");
    let qemu = record["qemu"].to_string();
    assert!(
        qemu.contains("net=192.168.7.0/24,host=192.168.7.1"),
        "{qemu}"
    );
    let console = std::fs::read_to_string(outputs(&recipe).join("boot/console.log"));
    assert!(
        console
            .expect("a log")
            .contains("(eval 'cat /proc/version')")
    );
}

#[test]
fn typed_checks_fail_as_they_should_and_so_does_an_echo_over_a_dead_wire() {
    let dir = folder();
    let recipe = fixed("typed-fails")
        .with(
            r#"
            [[check]]
            name = "echo"
            echo = { tcp = true, size = "1KiB" }
            timeout = "20s"

            [[check]]
            name = "status"
            run = "exit 7"
            via = "console"

            [[check]]
            name = "syntax"
            run = "echo ("
            via = "console"

            [[check]]
            name = "slow"
            run = "sleep 30"
            timeout = "1s"
            via = "console"

            [[check]]
            name = "ping"
            ping = { command = "echo {to} {count}" }
            via = "console"

            [[check]]
            name = "last"
            run = "true"
            via = "console"
            "#,
        )
        .write(dir.path());
    let mut check = check(&recipe);
    for argument in [
        "-chardev",
        "null,id=nowhere",
        "-object",
        "filter-redirector,id=dead,netdev=net0,queue=tx,outdev=nowhere",
    ] {
        check.arg(format!("--qemu-arg={argument}"));
    }
    let record = run(&mut check).ends_with(5).json();
    let expected = [
        ("failed", "could not be sent: No route to host"),
        ("failed", "ended with status 7"),
        ("failed", "syntax error"),
        ("timed_out", "took longer than 1"),
        ("failed", "0 of 0 echo requests"),
        ("passed", "status 0"),
    ];
    let checks = record["checks"].as_array().expect("checks");
    for (check, (outcome, detail)) in checks.iter().zip(expected) {
        assert_eq!(check["outcome"], outcome, "{check}");
        let told = check["detail"].as_str().expect("a text");
        assert!(told.contains(detail), "{check}");
    }
}

/// A page of the guest's own web server, asked from this host.
const SERVED: &str = r#"
[userland]
busybox = [
    "sh", "init", "mount", "reboot", "ifconfig", "route", "udhcpc", "httpd", "wget", "cat", "sleep",
]

[[userland.file]]
to   = "/www/index.html"
text = "a page of the guest's\n"

[[check]]
name = "address"
dhcp = true
timeout = "20s"

[[check]]
name = "server"
run  = "httpd -h /www"

[[check]]
name = "page"
http = { path = "/index.html", match = "^a page", at-once = 3 }

[[check]]
name = "digest"
http = { path = "/index.html", sha256 = "DIGEST" }

[[check]]
name = "missing"
http = { path = "/nothing", status = 404, call = "wget -q -O {file} {url}" }

[[check]]
name  = "raw"
serve = { tcp = 80, send = "GET /index.html HTTP/1.0\r\n\r\n", expect = "a page of the guest's\n" }
"#;

#[test]
fn services_are_asked_from_this_host_and_told_with_what_they_said() {
    pc_net();
    let dir = folder();
    let mut sum = command("sha256sum");
    let text = dir.path().join("page");
    fs::write(&text, "a page of the guest's\n").expect("writable");
    let digest = run(sum.arg(&text)).ends_with(0).stdout;
    let digest = digest.split(' ').next().expect("a digest");
    let served = SERVED.replace("DIGEST", digest);
    let recipe = |name: &str| {
        let recipe = Recipe::pc_net(name).without("check").without("budget");
        recipe.without("userland").with(&served)
    };
    let path = recipe("serves").write(dir.path());
    let record = run(&mut check(&path)).ends_with(0).json();
    let detail = |at: usize| record["checks"][at]["detail"].as_str().expect("a text");
    assert!(
        detail(2).starts_with("port 80 answered \"a page\""),
        "{}",
        detail(2)
    );
    assert!(
        detail(3).contains("status 200, 22 B, SHA-256 right"),
        "{}",
        detail(3)
    );
    assert!(detail(4).contains("status 404"), "{}", detail(4));

    let wrong = "[[check]]\nname = \"closed\"\nserve = { tcp = 81 }\ntimeout = \"3s\"\n\
        [[check]]\nname = \"other\"\nhttp = { path = \"/index.html\", status = 500 }\n\
        timeout = \"3s\"\n";
    let checks = served
        .split("[[check]]")
        .take(3)
        .collect::<Vec<_>>()
        .join("[[check]]");
    let path = Recipe::pc_net("serves-not")
        .without("check")
        .without("budget")
        .without("userland")
        .with(&format!("{checks}\n{wrong}"))
        .write(dir.path());
    let record = run(&mut check(&path)).ends_with(5).json();
    let told = |at: usize| {
        let check = &record["checks"][at];
        (
            check["outcome"].clone(),
            check["detail"].as_str().expect("a text").to_owned(),
        )
    };
    let (outcome, detail) = told(2);
    assert_eq!(outcome, "timed_out");
    assert!(
        detail.starts_with("within 3.00 s port 81 gave "),
        "{detail}"
    );
    let (outcome, detail) = told(3);
    assert_eq!(outcome, "timed_out");
    assert!(
        detail.contains("port 80 answered status 200, 22 B (asked "),
        "{detail}"
    );
}
