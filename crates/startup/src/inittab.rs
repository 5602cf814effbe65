//! BusyBox's `/etc/inittab`: how its init reads it (init/init.c,
//! `parse_inittab()`; libbb/parse_config.c), and what is wrong with lines.

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Once, at the start, waited for.
    Sysinit,
    /// Once, behind that, waited for.
    Wait,
    /// Once, not waited for.
    Once,
    /// Again whenever it ends.
    Respawn,
    /// The same, when somebody presses Enter.
    Askfirst,
    /// On Ctrl-Alt-Del.
    CtrlAltDel,
    /// Before the machine goes down.
    Shutdown,
    /// When init is told to start itself anew.
    Restart,
}

/// The names of the actions.
const ACTIONS: &[(&str, Action)] = &[
    ("sysinit", Action::Sysinit),
    ("wait", Action::Wait),
    ("once", Action::Once),
    ("respawn", Action::Respawn),
    ("askfirst", Action::Askfirst),
    ("ctrlaltdel", Action::CtrlAltDel),
    ("shutdown", Action::Shutdown),
    ("restart", Action::Restart),
];

/// Actions that only System V's init knows (inittab(5)).
const SYSTEM_V: &[&str] = &[
    "initdefault",
    "boot",
    "bootwait",
    "off",
    "ondemand",
    "powerwait",
    "powerfail",
    "powerokwait",
    "powerfailnow",
    "kbrequest",
];

/// What the names of Linux's terminals begin with.
const TERMINALS: &[&str] = &[
    "tty", "console", "hvc", "pts/", "vc/", "null", "ptmx", "xvc", "sclp", "vport", "virtio",
    "rfcomm", "input",
];

/// An entry that init takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its line, from 1.
    pub line: usize,
    /// The terminal, without `/dev/`; init's own when empty.
    pub terminal: String,
    /// What it is for.
    pub action: Action,
    /// What is run.
    pub command: String,
}

/// Something wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1.
    pub line: usize,
    /// What.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has fewer than four fields, or no command.
    Short,
    /// The action is none of BusyBox's, but one of System V's.
    SystemV(String),
    /// The action is none at all.
    Action(String),
    /// The first field is not the name of a terminal.
    Terminal(String),
    /// A byte or character that nobody sees stands in it: how it is called, and
    /// how the field reads.
    Unseen(&'static str),
}

/// What init makes of an inittab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inittab {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// What is wrong, in the order of the lines.
    pub wrong: Vec<Wrong>,
}

/// The entries where there is no `/etc/inittab`, those of virtual consoles left
/// out.
pub fn default_entries() -> Vec<Entry> {
    let entry = |action, command: &str| Entry {
        line: 0,
        terminal: String::new(),
        action,
        command: command.to_owned(),
    };
    vec![
        entry(Action::Sysinit, "/etc/init.d/rcS"),
        entry(Action::Askfirst, "-/bin/sh"),
    ]
}

impl Inittab {
    /// Reads an inittab; whatever the bytes are, there is an answer.
    pub fn read(bytes: &[u8]) -> Inittab {
        let text = String::from_utf8_lossy(bytes);
        let mut all = Inittab::default();
        let mut number = 0;
        let mut lines = text.split('\n');
        while let Some(line) = lines.next() {
            number += 1;
            let first = number;
            let mut whole = line.to_owned();
            // A backslash at the end goes on in the next line.
            while whole.ends_with('\\') {
                whole.pop();
                let Some(more) = lines.next() else { break };
                number += 1;
                whole.push_str(more);
            }
            all.line(first, &whole);
        }
        all
    }

    /// Whether it was written for System V's init.
    pub fn for_system_v(&self) -> bool {
        let by_action = |wrong: &Wrong| matches!(wrong.fault, Fault::SystemV(_));
        self.wrong.iter().any(by_action)
    }

    fn line(&mut self, line: usize, text: &str) {
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let unseen = unseen(text);
        // A comment begins anywhere; the last field has all that is left.
        let text = text.split('#').next().unwrap_or_default();
        let fields: Vec<&str> = text.splitn(4, ':').collect();
        let mut fault = |fault| self.wrong.push(Wrong { line, fault });
        let [terminal, _, action, command] = fields[..] else {
            let blank = text.trim().is_empty() && unseen.is_none();
            let system_v = fields.get(2).filter(|action| SYSTEM_V.contains(action));
            match (unseen, system_v) {
                (Some(what), _) => fault(Fault::Unseen(what)),
                (None, Some(action)) => fault(Fault::SystemV((*action).to_owned())),
                (None, None) if blank => {}
                (None, None) => fault(Fault::Short),
            }
            return;
        };
        if let Some(what) = unseen {
            fault(Fault::Unseen(what));
        }
        let known = ACTIONS.iter().find(|(name, _)| *name == action);
        let Some((_, action)) = known else {
            if unseen.is_none() {
                fault(if SYSTEM_V.contains(&action) {
                    Fault::SystemV(action.to_owned())
                } else {
                    Fault::Action(action.to_owned())
                });
            }
            return;
        };
        if command.is_empty() {
            return fault(Fault::Short);
        }
        let terminal = terminal.strip_prefix("/dev/").unwrap_or(terminal);
        self.entries.push(Entry {
            line,
            terminal: terminal.to_owned(),
            action: *action,
            command: command.to_owned(),
        });
    }
}

/// Whether a first field is the name of a terminal, as Linux has them.
pub fn is_terminal(name: &str) -> bool {
    TERMINALS.iter().any(|start| name.starts_with(start))
}

/// The program that a command of an inittab starts, and whether a shell reads
/// the command first (`init_exec()`).
pub fn program(command: &str) -> (&str, bool) {
    let command = command.strip_prefix('-').unwrap_or(command);
    let shell = command.contains(|c: char| "~`!$^&*()=|\\{}[];\"'<>?".contains(c));
    if shell {
        return ("/bin/sh", true);
    }
    let end = command.find([' ', '\t']).unwrap_or(command.len());
    (&command[..end], false)
}

/// A character of a line that looks like none, or like a blank, and isn't.
fn unseen(text: &str) -> Option<&'static str> {
    const UNSEEN: &[(char, &str)] = &[
        ('\u{feff}', "a byte order mark (EF BB BF)"),
        ('\r', "a carriage return (0D), the line end of DOS"),
        ('\u{a0}', "a no-break space (C2 A0)"),
        ('\u{202f}', "a narrow no-break space (E2 80 AF)"),
        ('\u{2007}', "a figure space (E2 80 87)"),
        ('\u{200b}', "a zero width space (E2 80 8B)"),
        ('\u{3000}', "an ideographic space (E3 80 80)"),
        ('\u{ff1a}', "a fullwidth colon (EF BC 9A)"),
    ];
    let comment = text.find('#').unwrap_or(text.len());
    // A mark before a comment makes an entry of it.
    let part = &text[..comment];
    let found = UNSEEN.iter().find(|(c, _)| part.contains(*c));
    // The end of a comment harms nobody.
    found.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults(text: &str) -> Vec<(usize, Fault)> {
        let read = Inittab::read(text.as_bytes());
        read.wrong.into_iter().map(|w| (w.line, w.fault)).collect()
    }

    #[test]
    fn entries_are_read_as_busybox_reads_them() {
        let text = "# once\n::sysinit:/etc/init.d/rcS\nttyS0::respawn:-/bin/sh # a shell\n\
                    ::ctrlaltdel:reboot\n\n::once:/bin/a:b \\\n c\n/dev/tty2::askfirst:/bin/sh\n";
        let read = Inittab::read(text.as_bytes());
        assert_eq!(read.wrong, []);
        let told: Vec<_> = read
            .entries
            .iter()
            .map(|e| (e.line, &*e.terminal, e.action, &*e.command))
            .collect();
        assert_eq!(
            told,
            [
                (2, "", Action::Sysinit, "/etc/init.d/rcS"),
                (3, "ttyS0", Action::Respawn, "-/bin/sh "),
                (4, "", Action::CtrlAltDel, "reboot"),
                (6, "", Action::Once, "/bin/a:b  c"),
                (8, "tty2", Action::Askfirst, "/bin/sh"),
            ]
        );
    }

    #[test]
    fn what_init_would_call_a_bad_entry_is_told() {
        assert_eq!(faults("::sysinit\n"), [(1, Fault::Short)]);
        assert_eq!(faults("::sysinit:\n"), [(1, Fault::Short)]);
        assert_eq!(
            faults("::restarts:/bin/sh\n"),
            [(1, Fault::Action("restarts".to_owned()))]
        );
        let v = "id:3:initdefault:\nsi::sysinit:/etc/init.d/rcS\npf::powerwait:/sbin/halt\n";
        let found = faults(v);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(Inittab::read(v.as_bytes()).for_system_v());
    }

    #[test]
    fn what_nobody_sees_is_named() {
        for (text, name) in [
            ("\u{feff}::sysinit:/bin/x\n", "byte order mark"),
            ("::sysinit:/bin/x\r\n", "carriage return"),
            ("::sysinit\u{a0}:/bin/x\n", "no-break space"),
            ("::respawn:/bin/x\u{a0}-l\n", "no-break space"),
            ("\u{200b}::once:/bin/x\n", "zero width"),
        ] {
            let found = faults(text);
            let [(1, Fault::Unseen(what))] = &found[..] else {
                panic!("{text:?}: {found:?}");
            };
            assert!(what.contains(name), "{what}");
        }
        assert_eq!(
            faults("# a comment\u{a0}here\r\n::once:/bin/x # \u{a0}\n"),
            []
        );
    }

    #[test]
    fn a_command_with_shell_characters_is_read_by_a_shell() {
        assert_eq!(program("-/bin/sh"), ("/bin/sh", false));
        assert_eq!(
            program("/sbin/getty -L 115200 ttyS0"),
            ("/sbin/getty", false)
        );
        assert_eq!(program("/bin/x >/dev/null"), ("/bin/sh", true));
        assert_eq!(program(" /bin/x"), ("", false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_inittab(bytes: Vec<u8>) {
            let read = Inittab::read(&bytes);
            for entry in read.entries {
                program(&entry.command);
            }
        }
    }
}
