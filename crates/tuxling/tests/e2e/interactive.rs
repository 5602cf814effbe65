//! `tuxling boot`: the system's console in a terminal.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use crate::fixture::{Started, cache, command, folder, lock, pc_net, processes_with, until};

#[test]
fn the_console_is_in_the_terminal_and_ctrl_a_x_leaves() {
    pc_net();
    let dir = folder();
    lock(dir.path(), "pc-net");
    let mark = format!(
        "guest=of-{}",
        dir.path().file_name().expect("a name").display()
    );
    let boot = format!(
        "'{}' boot pc-net --accel tcg --qemu-arg=-name --qemu-arg={mark}",
        env!("CARGO_BIN_EXE_tuxling")
    );
    // util-linux' `script` runs a command under a pseudo-terminal.
    let mut terminal = command("script");
    terminal
        .args(["--quiet", "--return", "--command", &boot, "/dev/null"])
        .current_dir(dir.path())
        .env("TUXLING_CACHE", cache())
        .stdin(Stdio::piped());
    let mut started = Started::new(&mut terminal);
    let mut keys = started.0.stdin.take().expect("is piped");
    let mut screen = started.0.stdout.take().expect("is piped");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let reader = std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut piece) {
            kept.lock().expect("no panic").extend(&piece[..count]);
        }
    });
    let shows = |text: &str| {
        until(text, || {
            let bytes = seen.lock().expect("no panic").clone();
            String::from_utf8_lossy(&bytes).contains(text).then_some(())
        });
    };
    shows("Ctrl-A X leaves");
    shows("Linux version");
    // The shell's prompt comes after rcS.
    shows("# ");
    // What is typed is echoed: only the shell takes the quotes away.
    keys.write_all(b"echo the shell \"\"answers\r")
        .expect("taken");
    shows("the shell answers");
    assert!(!processes_with(&mark).is_empty());
    keys.write_all(b"\x01x").expect("taken");
    let status = started.0.wait().expect("ends");
    reader.join().expect("no panic");
    let text = String::from_utf8_lossy(&seen.lock().expect("no panic")).into_owned();
    assert_eq!(status.code(), Some(0), "{text}");
    assert_eq!(processes_with(&mark), Vec::<String>::new());
}
