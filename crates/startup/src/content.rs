//! What a file is, by its first bytes: a program, a script, a text.

use crate::elf::Elf;

/// What the kernel reads of a file before it decides (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;

/// A file as a program, by its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// An ELF program.
    Elf(Elf),
    /// A script: the line behind `#!`, the carriage return of a DOS text
    /// included.
    Script(String),
    /// Nothing at all.
    Empty,
    /// A text; its first bytes.
    Text(Box<[u8]>),
    /// Bytes that no format is known by; the first of them. A kernel may know
    /// the format (bFLT, a.out).
    Other(Box<[u8]>),
    /// Nobody looked into it.
    Unknown,
}

impl Program {
    /// What a file with this content is.
    pub fn of_bytes(bytes: &[u8]) -> Program {
        if bytes.is_empty() {
            return Program::Empty;
        }
        if let Some(elf) = Elf::read(bytes) {
            return Program::Elf(elf);
        }
        let head = &bytes[..bytes.len().min(HEAD)];
        if let Some(rest) = bytes.strip_prefix(b"#!") {
            let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
            let line = &line[..line.len().min(HEAD)];
            return Program::Script(String::from_utf8_lossy(line).into_owned());
        }
        let first = head[..head.len().min(64)].into();
        if is_text(head) {
            Program::Text(first)
        } else {
            Program::Other(first)
        }
    }
}

/// Whether bytes read as a text: no control characters but those of lines.
pub(crate) fn is_text(head: &[u8]) -> bool {
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c) || *b == 0x7f;
    // A character that is cut at the end is one all the same.
    let cut = head.len().saturating_sub(3);
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.valid_up_to() >= cut && error.error_len().is_none(),
    };
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    wide || (whole && !head.iter().any(control))
}
