//! The corpus that nothing may be refused of, booted as it is shipped: without the
//! checks' agent, by the kernel alone.

#[path = "../../../builder/tests/userlands/corpus.rs"]
mod corpus;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use corpus::{Content, HEAD, USER_LANDS, UserLand};

use crate::fixture::{LONG, Started, command, folder, lock, outputs, run, tuxling};

/// So long a user land stays up, to be one that boots.
const STAYS: Duration = Duration::from_secs(3);

/// Writes a recipe and its folder; `own` is a program that never ends.
fn write(folder: &Path, land: &UserLand, own: &Path) {
    let text = format!("name = \"{}\"\n{HEAD}{}", land.name, land.recipe);
    fs::write(folder.join(format!("{}.toml", land.name)), text).expect("writable");
    lock(folder, land.name);
    for (path, content) in land.folder {
        let path = folder.join("root").join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        match content {
            Content::Link(to) => {
                symlink(to, &path).expect("writable");
                continue;
            }
            Content::Text(text) => fs::write(&path, text).expect("writable"),
            Content::Program => drop(fs::copy(own, &path).expect("writable")),
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
}

fn compile(folder: &Path) -> std::path::PathBuf {
    fs::write(folder.join("own.c"), "void _start(void) { for (;;) ; }\n").expect("writable");
    let mut gcc = command("gcc");
    gcc.current_dir(folder);
    gcc.args(["-m32", "-static", "-nostdlib", "-o", "own", "own.c"]);
    run(&mut gcc).ends_with(0);
    folder.join("own")
}

/// Boots, and waits until init was started and stayed.
fn comes_up(name: &str, cmdline: &str, built: &Path, console: &Path) {
    let mut qemu = command("qemu-system-i386");
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
    qemu.args([
        "-machine", "pc", "-accel", "tcg", "-m", "32M", "-display", "none",
    ]);
    qemu.arg("-kernel").arg(built.join("kernel"));
    qemu.arg("-initrd").arg(built.join("ramdisk"));
    qemu.arg("-append").arg(cmdline);
    qemu.arg("-serial")
        .arg(format!("file:{}", console.display()));
    let mut started = Started::new(&mut qemu);
    let begun = Instant::now();
    let mut up = None;
    while up.is_none_or(|up: Instant| up.elapsed() < STAYS) {
        let text = String::from_utf8_lossy(&fs::read(console).unwrap_or_default()).into_owned();
        let ended = started.0.try_wait().expect("ours").is_some();
        assert!(
            !ended && !text.contains("Kernel panic"),
            "{name} doesn't boot:\n{text}"
        );
        assert!(begun.elapsed() < LONG, "{name} never starts:\n{text}");
        if text.contains(" as init process") {
            up.get_or_insert_with(Instant::now);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_user_land_of_the_corpus_boots() {
    let dir = folder();
    let own = compile(dir.path());
    for land in USER_LANDS {
        let dir = folder();
        write(dir.path(), land, &own);
        let recipe = dir.path().join(format!("{}.toml", land.name));
        let mut build = tuxling();
        build.current_dir(dir.path()).arg("build").arg(&recipe);
        run(&mut build).ends_with(0);
        let plan = ::recipe::load(&recipe.display().to_string(), dir.path()).expect("a recipe");
        let console = dir.path().join("console");
        comes_up(land.name, &plan.kernel.cmdline, &outputs(&recipe), &console);
    }
}
