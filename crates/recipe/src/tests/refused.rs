//! What is refused with the recipe, before anything is built.

use super::*;

/// The titles of all errors of a recipe, and how each is mended.
fn told_of(text: &str) -> Vec<(String, String)> {
    let shown = errors_of(text);
    let after = |line: &str, start: &str| line.strip_prefix(start).map(str::to_owned);
    let titles = shown.lines().filter_map(|line| after(line, "error: "));
    let helps = shown.lines().filter_map(|line| after(line, "  = help: "));
    titles.zip(helps).collect()
}

#[test]
fn what_the_ramdisk_cannot_hold_is_refused_with_the_recipe() {
    let long = "n".repeat(256);
    let deep = "/d".repeat(2048);
    let file = |to: &str, what: &str| format!("[[userland.file]]\nto = \"{to}\"\n{what}\n");
    let text = "text = \"x\"";
    for (recipe, title) in [
        (
            file(&format!("/{long}"), text),
            format!(
                "the name \"{}…\" has 256 bytes; a file name can have 255",
                &long[..80]
            ),
        ),
        (
            file(&deep, text),
            format!(
                "the path \"{}…\" has 4095 bytes; the kernel takes 4095",
                &deep[..80]
            ),
        ),
        (
            file("/.tuxling/plan", text),
            "`/.tuxling/plan` is tuxling's own".to_owned(),
        ),
        (
            file("/.tuxling", "directory = true"),
            "`/.tuxling` is tuxling's own".to_owned(),
        ),
        (
            file("/l", "symlink = \"\""),
            "a symbolic link has an empty target".to_owned(),
        ),
        (
            file("/a", text) + &file("/a/b", text),
            "/a/b can't be there: /a is no folder here".to_owned(),
        ),
        (
            file("/l", "symlink = \"/bin\"") + &file("/l/x", text),
            "/l/x can't be there: /l is no folder here".to_owned(),
        ),
        (
            file("/bin/sh/x", text),
            "/bin/sh/x can't be there: /bin/sh is a program of BusyBox's".to_owned(),
        ),
        (
            file("/etc/inittab/x", text),
            "/etc/inittab/x can't be there: /etc/inittab is a file that tuxling writes".to_owned(),
        ),
    ] {
        let result = parse(
            "job.toml",
            &format!("{LEAST}{recipe}"),
            home(Path::new("/")),
        );
        if recipe.contains(&deep) {
            // Without its first slash it is as long as can be.
            assert!(result.is_ok());
            continue;
        }
        let shown = result.expect_err(&title).render(false);
        assert!(shown.starts_with(&format!("error: {title}\n")), "{shown}");
    }
    let good = file("/.tuxlings", text) + &file("/a", "directory = true") + &file("/a/b", text);
    assert!(parse("job.toml", &format!("{LEAST}{good}"), home(Path::new("/"))).is_ok());
}

#[test]
fn a_file_below_a_file_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("full/x")).expect("made");
    std::fs::write(root.join("init"), "#!/bin/sh\n").expect("writes");
    std::os::unix::fs::symlink("/usr", root.join("link")).expect("made");
    for (to, told) in [
        (
            "/init/x",
            "/init/x can't be there: /init is a file in the folder",
        ),
        (
            "/link/x",
            "/link/x can't be there: /link is a symbolic link in the folder",
        ),
        ("/full", "/full is a folder with something in it"),
    ] {
        let text = format!(
            "board = \"pc\"\n[userland]\nfolder = \"root\"\n\
             [[userland.file]]\nto = \"{to}\"\ntext = \"x\"\n"
        );
        let shown = parse("job.toml", &text, home(folder.path()))
            .expect_err(to)
            .render(false);
        assert!(shown.starts_with(&format!("error: {told}\n")), "{shown}");
    }
}

#[test]
fn a_board_with_one_cpu_says_so() {
    let text =
        errors("board = \"versatilepb\"\n[userland]\nbusybox = [\"sh\"]\n[machine]\ncpus = 2\n");
    assert!(text.contains("the machine can't have 2 CPUs"), "{text}");
    assert!(
        text.contains("`cpus-most` in a board's file says otherwise"),
        "{text}"
    );
}

#[test]
fn what_no_machine_takes_is_refused_with_the_recipe() {
    let words: Vec<String> = (0..61).map(|n| format!("\"{n}\"")).collect();
    let words = words.join(", ");
    let long = "x".repeat(70_000);
    for (text, title, help) in [
        (
            "[machine]\nmemory = \"1KiB\"\n".to_owned(),
            "the machine can't have 1,024 B of RAM",
            "from \"1MiB\" to \"4096MiB\"",
        ),
        (
            "[machine]\nmemory = \"18446744073709551615\"\n".to_owned(),
            "the machine can't have 18,446,744,073,709,551,615 B of RAM",
            "from \"1MiB\" to \"4096MiB\"",
        ),
        (
            "[machine]\ncpus = 9\n".to_owned(),
            "the machine can't have 9 CPUs",
            "from 1 to 8",
        ),
        (
            format!("[kernel]\ncmdline = \"{}\"\n", &long[..1793]),
            "the command line has 1793 bytes",
            "1792 at most: the kernel cuts off what is longer",
        ),
        (
            format!("[[check]]\nname = \"a\"\nrun = [{words}]\n"),
            "the command has 61 words",
            "60 at most; put more into a file of the user land",
        ),
        (
            format!("[[check]]\nname = \"a\"\nrun = \"{long}\"\n"),
            "the checks and exercises are too long from here on",
            "their commands have 63 KiB in all, blanks and non-ASCII counted three times; \
             put them into a file of the user land",
        ),
        (
            "[kernel]\ncflags = [\"-O2\", \"-o/tmp/x\"]\n".to_owned(),
            "`-o/tmp/x` is not a flag that a recipe may give the compiler",
            "flags that name files to be written, load code or end a compilation early have no \
             place here",
        ),
    ] {
        let told = told_of(&text);
        assert_eq!(told, [(title.to_owned(), help.to_owned())]);
    }
}

#[test]
fn a_bad_regular_expression_says_why() {
    let shown = errors_of("[[check]]\nname = \"a\"\nrun = \"true\"\nmatch = \"(x\"\n");
    assert_eq!(
        shown,
        "\
error: this is no regular expression: unclosed group
 --> job.toml:7:9
  |
7 | match = \"(x\"
  |         ^^^^
  |
  = help: for a literal text use `expect` instead of `match`"
    );
}

#[test]
fn contradictions_are_errors_with_their_mend() {
    let check = "[[check]]\nname = \"a\"\n";
    let file = "[[userland.file]]\nto = \"/a\"\ntext = \"\"\n";
    for (added, message, help) in [
        (
            format!("{check}ping = true\n"),
            "a `ping` check without a network",
            "set mode = \"dhcp\"",
        ),
        (
            format!("{check}run = \"true\"\n{check}run = \"true\"\n"),
            "another check named `a`",
            "name of its own",
        ),
        (
            format!("{check}sleep = true\n"),
            "calls `sleep`, which the system lacks",
            "add \"sleep\"",
        ),
        (
            format!("{check}run = \"a\"\nsleep = true\n"),
            "several things: `run` and `sleep`",
            "give one of",
        ),
        (check.to_owned(), "the check does nothing", "give one of"),
        (
            format!("{check}dhcp = false\n"),
            "can't be `dhcp = false`",
            "leave the check out",
        ),
        (
            format!("{check}run = \"a\"\nexpect = \"x\"\nmatch = \"y\"\n"),
            "both `expect` and `match`",
            "keep one",
        ),
        (
            format!("{check}run = \"\"\n"),
            "`run` is empty",
            "name a command",
        ),
        (
            format!("{check}sleep = {{ run = \"true\", at-least = \"3s\" }}\n"),
            "so long and so short",
            "at-most",
        ),
        (
            format!("{file}symlink = \"b\"\n"),
            "several things at once",
            "give one of",
        ),
        (format!("{file}{file}"), "/a is given twice", "remove one"),
        (
            "[[userland.file]]\nto = \"a\"\ntext = \"\"\n".to_owned(),
            "not an absolute path",
            "write \"/a\"",
        ),
        (
            "[network]\nnic = \"e1000\"\n".to_owned(),
            "a network card without a network",
            "remove `nic`",
        ),
        (
            "[network]\nmode = \"dhcp\"\nnic = \"e100\"\n".to_owned(),
            "no network card `e100`",
            "did you mean `e1000`?",
        ),
        (
            "[network]\nmode = \"dchp\"\n".to_owned(),
            "`dchp` is not possible here",
            "did you mean `dhcp`?",
        ),
        (
            "[network]\nmode = \"dhcp\"\naddress = \"10.0.2.9\"\n".to_owned(),
            "`address` belongs to a fixed address",
            "mode = \"static\"",
        ),
        (
            "[network]\nmode = \"static\"\naddress = \"10.0.2.9/33\"\n".to_owned(),
            "not an IPv4 address with its network",
            "10.0.2.15/24",
        ),
        (
            "[network]\nmode = \"static\"\ngateway = \"10.0.3.2\"\naddress = \"10.0.2.9\"\n"
                .to_owned(),
            "the gateway 10.0.3.2 is not in 10.0.2.0/24",
            "of the same network",
        ),
        (
            "[machine]\nchannel = \"serial:/dev/ttyUSB1\"\n".to_owned(),
            "but none for the console",
            "add console",
        ),
        (
            "[machine]\nconsole = \"ttyUSB0\"\n".to_owned(),
            "is not a serial line",
            "serial:/dev/ttyUSB0,115200",
        ),
        (
            format!("{check}echo = {{ size = \"1KiB\" }}\n"),
            "either by TCP or by UDP",
            "echo = { udp = true }",
        ),
        (
            "[kernel]\nversion = \"6.12\"\npath = \"/\"\n".to_owned(),
            "both a version and a path",
            "keep one",
        ),
        (
            "[kernel]\nconfig = \"tinyconfg\"\n".to_owned(),
            "not a base configuration",
            "did you mean \"tinyconfig\"?",
        ),
        (
            "[kernel]\nfragments = \"a.config\"\n".to_owned(),
            "expected a list of texts, found a text",
            "write [\"a.config\"]",
        ),
        (
            "[check]\nname = \"a\"\n".to_owned(),
            "expected a list of tables, found a table",
            "write [[check]]",
        ),
        (
            "[prune]\nlevel = \"tigth\"\n".to_owned(),
            "`tigth` is not possible here",
            "did you mean `tight`?",
        ),
    ] {
        let shown = errors_of(&added);
        assert!(shown.contains(message), "{added}\n{shown}");
        assert!(shown.contains(help), "{added}\n{shown}");
        assert_eq!(shown.matches("error: ").count(), 1, "{added}\n{shown}");
    }
}

#[test]
fn contradictions_of_init_and_busybox_are_errors() {
    for (userland, message) in [
        (
            "busybox = [\"sh\", \"ls\", \"sh\"]",
            "the applet `sh` is named twice",
        ),
        ("busybox = []", "no applet is named"),
        ("", "the system has no /init"),
        (
            "busybox = [\"sh\"]\ninit = { path = \"/bin/sh\", rcS = { text = \"\" } }",
            "reads no inittab, rcS or fstab",
        ),
        (
            "busybox = [\"sh\"]\ninit = { rcs = { text = \"\" } }",
            "unknown key `rcs`",
        ),
        (
            "busybox = [\"sh\"]\ninit = { rcS = { txt = \"\" } }",
            "unknown key `txt`",
        ),
        (
            "busybox-path = \"/\"\n[[userland.file]]\nto = \"/init\"\nsymlink = \"x\"",
            "`busybox-path` without `busybox`",
        ),
        (
            "busybox = [\"sh\"]\nlibc = \"newlib\"",
            "`newlib` is not possible here",
        ),
    ] {
        let shown = errors(&format!("board = \"pc\"\n[userland]\n{userland}\n"));
        assert!(shown.contains(message), "{userland}\n{shown}");
    }
}

#[test]
fn all_errors_of_a_file_are_told_in_its_order() {
    let text = "nme = \"x\"\n[kernel]\ntoolchain = \"icc\"\nversion = \"latest\"\n[budget]\nimage = \"big\"\n";
    let errors = parse("job.toml", text, home(Path::new("/nowhere"))).expect_err("errors");
    assert_eq!(errors.count(), 6);
    let shown = errors.render(false);
    let places: Vec<&str> = shown.lines().filter(|l| l.contains("-->")).collect();
    let lines = |place: &str| place.trim_start().starts_with("--> job.toml:");
    assert!(places.iter().all(|place| lines(place)), "{shown}");
    for message in [
        "unknown key `nme`",
        "`board` is missing",
        "`icc`",
        "`latest`",
        "`big`",
        "no /init",
    ] {
        assert!(shown.contains(message), "{message}\n{shown}");
    }
}

#[test]
fn what_is_not_toml_is_an_error_at_its_place() {
    let shown = errors("board = pc\n");
    assert!(shown.starts_with("error: "), "{shown}");
    assert!(shown.contains(" --> job.toml:1:9"), "{shown}");
    assert!(shown.contains("this is not TOML"), "{shown}");
}

#[test]
fn colours_are_for_those_who_ask() {
    let errors = parse("job.toml", "nme = 1\n", home(Path::new("/nowhere"))).expect_err("errors");
    assert!(!errors.render(false).contains('\u{1b}'));
    assert!(errors.render(true).contains('\u{1b}'));
}

#[test]
fn a_name_that_is_nearly_a_built_in_one_is_suggested() {
    let errors = load("pc-nett", Path::new("/")).expect_err("none");
    let there = words::list(&builtin::names());
    let wrong = errors.without_place().expect("it is about the name");
    assert_eq!(wrong.message, "there is no recipe `pc-nett`");
    let help = format!("did you mean `pc-net`? Built in are {there}");
    assert_eq!(wrong.help, Some(help));
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("latin.toml"), b"name = \"\xe4\"").expect("writes");
    std::fs::create_dir(folder.path().join("dir.toml")).expect("makes");
    for (name, reason) in [
        ("gone.toml", "No such file"),
        ("latin.toml", "not UTF-8"),
        ("dir.toml", "it is not a file"),
    ] {
        let errors = load(name, folder.path()).expect_err(name);
        let wrong = errors.without_place().expect("it is about the file");
        assert!(wrong.message.contains(reason), "{}", wrong.message);
    }
}

#[test]
fn a_board_of_the_users_is_read_and_its_errors_are_shown_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let board = "arch = \"i368\"\nmachine = \"pc\"\nconsole = \"ttyS0\"\nmemory = \"16MiB\"\n\
                 [channel]\nserial = 1\nmajor = 4\nminor = 65\n";
    std::fs::write(folder.path().join("my.toml"), board).expect("writes");
    let text = LEAST.replace("\"pc\"", "\"./my.toml\"");
    let shown = parse("job.toml", &text, home(folder.path()))
        .expect_err("an error")
        .render(false);
    assert_eq!(
        shown,
        "\
error: `i368` is not possible here
 --> ./my.toml:1:8
  |
1 | arch = \"i368\"
  |        ^^^^^^
  |
  = help: did you mean `i386`?"
    );
    std::fs::write(folder.path().join("my.toml"), board.replace("i368", "i386")).expect("writes");
    let plan = parse("job.toml", &text, home(folder.path())).expect("loads");
    assert_eq!(plan.board.name, "my");
    assert_eq!(plan.machine.memory, Bytes::mib(16));
}

#[test]
fn what_a_board_without_a_console_cannot_have_is_refused() {
    let text = "name = \"x\"\nboard = \"pc-no-console\"\n[userland]\nbusybox = [\"sh\"]\n\
                [[check]]\nname = \"c\"\nrun = \"true\"\nvia = \"console\"\n";
    assert!(
        errors(text).contains("the board has no console"),
        "{}",
        errors(text)
    );
}

#[test]
fn what_a_board_in_flash_cannot_have_is_refused() {
    let told = |text: &str| {
        let whole = format!(
            "name = \"x\"\nboard = \"mps2-an385\"\n\
             [[userland.file]]\nto = \"/init\"\ncompile = \"builtin:armv7m-shell.c\"\n{text}"
        );
        errors(&whole)
    };
    for (text, expected) in [
        (
            "[ramdisk]\nplacement = \"separate\"\n",
            "starts from flash memory alone",
        ),
        (
            "[ramdisk]\ncompress = \"xz\"\n",
            "what is used where it is stored can't be compressed",
        ),
        (
            "[userland]\nbusybox = [\"sh\"]\n",
            "there is no C library for armv7m",
        ),
        (
            "[[check]]\nname = \"c\"\nrun = \"true\"\nvia = \"channel\"\n",
            "no channel for the checks' agent",
        ),
        (
            "[[exercise]]\nrun = \"true\"\n",
            "exercises are run by the checks' agent",
        ),
        (
            "[machine]\nmemory = \"8KiB\"\n",
            "from \"16KiB\" to \"4MiB\"",
        ),
    ] {
        let errors = told(text);
        assert!(errors.contains(expected), "{text}\n{errors}");
    }
    let pc = "name = \"x\"\nboard = \"pc\"\n[userland]\nbusybox = [\"sh\"]\n\
              [ramdisk]\nplacement = \"flash\"\n";
    assert!(errors(pc).contains("the board pc has no flash memory"));
}

#[test]
fn the_distributions_configuration_is_named_by_its_kernels_flavour() {
    let refused = |board: &str, config: &str, title: &str| {
        let kernel = format!("[kernel]\nconfig = \"{config}\"\n");
        let text = format!("{LEAST}{kernel}").replace("\"pc\"", &format!("\"{board}\""));
        let told = errors(&text);
        assert!(told.contains(&format!("error: {title}\n")), "{told}");
    };
    refused(
        "mps2-an385",
        "distribution",
        "Debian makes no kernels for armv7m",
    );
    refused("pc", "distribution:", "`` is not the flavour of a kernel");
    refused(
        "pc",
        "distributed",
        "`distributed` is not a base configuration",
    );
    for (board, config, flavour) in [
        ("pc", "distribution", "686"),
        ("pc", "distribution:686-pae", "686-pae"),
        ("pc64", "distribution", "amd64"),
    ] {
        let text = format!("{LEAST}[kernel]\nconfig = \"{config}\"\n");
        let plan = plan(&text.replace("\"pc\"", &format!("\"{board}\"")));
        let flavour = flavour.to_owned();
        assert_eq!(plan.kernel.base, plan::BaseConfig::Distribution { flavour });
    }
}

#[test]
fn a_class_of_devices_that_is_not_known_is_refused_with_the_nearest() {
    let told = told_of("[hardware]\nalso = [\"usb-storag\", \"vfat\"]\n");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "there is no class `usb-storag`");
    assert!(told[0].1.contains("usb-storage"), "{}", told[0].1);
}

#[test]
fn modules_have_names_and_a_place_and_somebody_who_gets_them() {
    for (text, message) in [
        (
            "[kernel]\nmodules = [\"fs/vfat.ko\"]\n",
            "`fs/vfat.ko` can't name a module",
        ),
        (
            "[kernel]\nmodules = \"all\"\n[ramdisk]\nplacement = \"builtin\"\n",
            "modules are made when their kernel is, and can't be in a ramdisk that is linked into it",
        ),
        (
            "[hardware]\nalso = [\"vfat\"]\nas = \"module\"\n",
            "nobody gets these modules",
        ),
    ] {
        let told = told_of(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, message);
    }
}
