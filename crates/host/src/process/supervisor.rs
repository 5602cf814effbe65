//! The supervisor: what stands between tuxling and every command that it runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The supervisor: runs the command given after the path of its standard input,
/// and kills everything below itself when its own standard input closes or the
/// command ends. Gives back the exit code for `main`.
pub fn supervise(args: &[OsString]) -> u8 {
    match try_supervise(args) {
        Ok(code) => code,
        Err(error) => {
            // The supervisor is a process of its own whose standard error is
            // the command's: this is the one message that it has to give.
            let _ = writeln!(io::stderr(), "tuxling: can't supervise {args:?}: {error}");
            126
        }
    }
}

fn try_supervise(args: &[OsString]) -> io::Result<u8> {
    let [stdin, program, args @ ..] = args else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "usage: STDIN PROGRAM [ARG…]",
        ));
    };
    // Handlers, not "ignore": a handler is reset in the child by exec.
    let ignored = Arc::new(std::sync::atomic::AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        signal_hook::flag::register(signal, ignored.clone())?;
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let lifeline = rustix::io::dup(rustix::stdio::stdin())?;
    #[allow(clippy::disallowed_methods)] // this file is where processes start
    let child = Command::new(program)
        .args(args)
        .stdin(File::open(stdin)?)
        .spawn()?;
    std::thread::spawn(move || {
        let mut byte = [0u8];
        while rustix::io::retry_on_intr(|| rustix::io::read(&lifeline, &mut byte))
            .is_ok_and(|n| n > 0)
        {}
        end_descendants();
        std::process::exit(137);
    });
    let code = wait_for(child.id());
    end_descendants();
    Ok(code.clamp(0, 255) as u8)
}

/// Waits for the command, and meanwhile for all that lost their parents: they are
/// this process's children now, and whoever waits until one is gone, as fakeroot(1)
/// does with its daemon, would wait for ever. Gives the command's exit code.
fn wait_for(child: u32) -> i32 {
    use rustix::process::{WaitOptions, wait};
    loop {
        match rustix::io::retry_on_intr(|| wait(WaitOptions::empty())) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().unsigned_abs() == child => {
                let signal = status.terminating_signal().unwrap_or(0);
                return status.exit_status().unwrap_or(128 + signal);
            }
            Ok(_) => {}
            // The lifeline is gone, and all that was here with it.
            Err(_) => return 137,
        }
    }
}

/// Kills all processes below this one, again and again until none is left:
/// those that forked in between become children of this process and are found
/// the next time.
fn end_descendants() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let below = descendants(std::process::id());
        if below.is_empty() {
            return;
        }
        for pid in below {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The processes below `root`, by /proc/PID/stat (proc(5)). Zombies count:
/// they go when they are reaped.
fn descendants(root: u32) -> Vec<u32> {
    let mut parents = BTreeMap::new();
    let Ok(proc) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    for entry in proc.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name in parentheses may hold anything: the fields follow its last ')'.
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            parents.insert(pid, parent);
        }
    }
    let is_below = |mut pid: u32| {
        for _ in 0..parents.len() {
            match parents.get(&pid) {
                Some(&parent) if parent == root => return true,
                Some(&parent) => pid = parent,
                None => return false,
            }
        }
        false
    };
    parents
        .keys()
        .copied()
        .filter(|pid| is_below(*pid))
        .collect()
}
