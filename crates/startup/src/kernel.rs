//! Which init the kernel comes to: `kernel_init()` of its init/main.c.

use crate::files::Files;
use crate::program::{Abilities, Refusal, refusal};

/// What the kernel tries when the command line's init is none, in its order.
pub const FALLBACKS: [&str; 4] = ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"];

/// How the kernel comes to its init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The init that it was to start: `rdinit=`, or `/init`.
    pub wanted: String,
    /// Why that one isn't started.
    pub refused: Option<Refusal>,
    /// What is started in the end, as far as the ramdisk tells.
    pub started: Option<String>,
    /// Whether something that isn't in the ramdisk may be started instead: a
    /// root file system, or an init of the command line's.
    pub elsewhere: bool,
}

/// What follows a key in the kernel's part of a command line; the last one
/// counts.
pub fn parameter<'c>(cmdline: &'c str, key: &str) -> Option<&'c str> {
    let words = cmdline.split_whitespace().take_while(|word| *word != "--");
    words
        .filter_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        .last()
}

/// The init that a kernel with this command line comes to.
///
/// An init that isn't there at all makes the kernel look for a root file system
/// first (`init_eaccess()`); one that is there and refused does not.
pub fn start(files: &Files, abilities: &Abilities, cmdline: &str) -> Start {
    let wanted = parameter(cmdline, "rdinit").unwrap_or("/init").to_owned();
    let refused = refusal(files, &wanted, abilities);
    let Some(why) = &refused else {
        return Start {
            started: Some(wanted.clone()),
            wanted,
            refused,
            elsewhere: false,
        };
    };
    let gone = matches!(why, Refusal::Missing | Refusal::Dangling(_));
    let root = gone && parameter(cmdline, "root").is_some();
    let named = parameter(cmdline, "init");
    let works = |path: &&str| refusal(files, path, abilities).is_none();
    let started = match named {
        Some(init) => Some(init).filter(works),
        None => FALLBACKS.into_iter().find(works),
    };
    Start {
        wanted,
        refused,
        started: started.map(str::to_owned),
        elsewhere: root,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Node, NodeKind};

    fn files(list: &[(&str, &str)]) -> Files {
        let mut files = Files::default();
        for (path, text) in list {
            let kind = NodeKind::of_bytes(text.as_bytes());
            files.insert(path, Node { kind, mode: 0o755 });
        }
        files
    }

    fn started(list: &[(&str, &str)], cmdline: &str) -> Option<String> {
        let mut files = files(list);
        for folder in ["/sbin", "/bin"] {
            let kind = NodeKind::Directory;
            files.insert(folder, Node { kind, mode: 0o755 });
        }
        start(&files, &Abilities::default(), cmdline).started
    }

    const ELF: &str = "\x7fELF\x01\x01";

    #[test]
    fn a_refused_init_leaves_the_turn_to_the_next_one() {
        let text = ("/init", "mount -a\n");
        let sbin = ("/sbin/init", ELF);
        assert_eq!(started(&[text, sbin], "").as_deref(), Some("/sbin/init"));
        let shell = ("/bin/sh", ELF);
        assert_eq!(started(&[text, shell], "").as_deref(), Some("/bin/sh"));
        assert_eq!(started(&[text], ""), None);
    }

    #[test]
    fn the_command_line_names_the_init() {
        let list = [("/init", ELF), ("/other", "#!/init\n"), ("/sbin/init", ELF)];
        assert_eq!(started(&list, "rdinit=/other").as_deref(), Some("/other"));
        assert_eq!(started(&list, "a -- rdinit=/x").as_deref(), Some("/init"));
        let with = "rdinit=/none init=/gone";
        assert_eq!(started(&list, with), None, "init= is the kernel's last");
    }
}
