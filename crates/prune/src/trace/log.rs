//! Reads what QEMU logs with `-d in_asm`: every block of instructions when it
//! is translated for the first time.
//!
//! ```text
//! IN:
//! 0xc1000117:  81 c4 00 00 00 c0        addl     $0xc0000000, %esp
//! 0xc100011d:  c6 05 e1 95 2e c1 04     movb     $4, 0xc12e95e1
//! ```
//!
//! Only the addresses and the instructions' bytes are read; an instruction
//! whose bytes need a second line has a second address there. ARM's
//! instructions are one word of four bytes, or one or two of two bytes.
//!
//! The addresses are those that the processor ran at. Before paging is on they
//! are physical, and a decompressor or a user program may have run at the very
//! same ones: on ARM the boot image, the kernel and user programs all lie
//! there. So physical addresses count only from the kernel's entry point, which
//! the decompressor jumps to when its work is done, to the first of the
//! kernel's own virtual addresses. Everything else outside of the kernel is
//! dropped.

use std::ops::Range;

use super::ranges::Ranges;

/// No line is longer: what is, is none of QEMU's.
const LINE_LIMIT: usize = 512;

/// No instruction of any architecture is longer.
const INSTRUCTION_LIMIT: u64 = 16;

/// Where a kernel lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its loaded sections' virtual addresses.
    pub image: Range<u64>,
    /// The physical address of its entry point.
    pub entry: u64,
    /// What its virtual addresses are above the physical ones.
    pub offset: u64,
}

/// How far the boot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Firmware, boot loader, decompressor.
    Before,
    /// The kernel runs without paging.
    Physical,
    /// The kernel runs where it was linked.
    Virtual,
}

/// Reads a log piece by piece.
#[derive(Clone, Debug)]
pub struct Reader {
    layout: Layout,
    stage: Stage,
    line: Vec<u8>,
    executed: Ranges,
    instructions: u64,
}

impl Reader {
    /// Nothing is read yet.
    pub fn new(layout: Layout) -> Self {
        Reader {
            layout,
            stage: Stage::Before,
            line: Vec::new(),
            executed: Ranges::default(),
            instructions: 0,
        }
    }

    /// Takes the next bytes of the log, wherever they are cut.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            if let Some(range) = instruction(&line) {
                self.take(range);
            }
        }
        self.extend(bytes);
    }

    /// The kernel's virtual addresses that ran.
    pub fn executed(&self) -> &Ranges {
        &self.executed
    }

    /// How many instructions of the kernel's were logged, repeated ones
    /// included.
    pub fn instructions(&self) -> u64 {
        self.instructions
    }

    /// Whether the kernel ran at its virtual addresses at all.
    pub fn reached_kernel(&self) -> bool {
        self.stage == Stage::Virtual
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_LIMIT.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&mut self, range: Range<u64>) {
        let Layout {
            image,
            entry,
            offset,
        } = &self.layout;
        if image.contains(&range.start) {
            self.stage = Stage::Virtual;
        } else if self.stage == Stage::Before && range.start == *entry {
            self.stage = Stage::Physical;
        }
        let moved = match self.stage {
            Stage::Before => return,
            Stage::Physical => offset.wrapping_add(range.start),
            Stage::Virtual => range.start,
        };
        if image.contains(&moved) {
            self.instructions += 1;
            let length = range.end - range.start;
            self.executed.insert(moved..moved.saturating_add(length));
        }
    }
}

/// The addresses of a logged instruction; `None` for all other lines.
fn instruction(line: &[u8]) -> Option<Range<u64>> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("0x")?;
    let (address, rest) = line.split_once(':')?;
    let start = u64::from_str_radix(address, 16).ok()?;
    let mut words = rest.split_ascii_whitespace();
    let first = words.next()?;
    let width = first.len();
    // Bytes one by one, a half word or two, or a word: a mnemonic that could be
    // read as digits has another length than what stands before it.
    let most = match width {
        2 => 16,
        4 => 2,
        8 => 1,
        _ => return None,
    };
    let is_bytes =
        |word: &&str| word.len() == width && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let count = std::iter::once(first)
        .chain(words)
        .take(most)
        .take_while(is_bytes)
        .count();
    // A mnemonic follows, or nothing: before an operand there was no byte, but
    // a mnemonic that could be read as one (`fadd %st(1)`).
    let follows = rest.split_ascii_whitespace().nth(count);
    if follows.is_some_and(|word| word.starts_with(['%', '$', '#', '*'])) {
        return None;
    }
    let bytes = (count * width / 2) as u64;
    (1..=INSTRUCTION_LIMIT)
        .contains(&bytes)
        .then(|| start..start.saturating_add(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pc() -> Reader {
        Reader::new(Layout {
            image: 0xc100_0000..0xc142_c000,
            entry: 0x0100_0000,
            offset: 0xc000_0000,
        })
    }

    /// versatilepb: RAM from 0, the boot image at 0x10000.
    fn arm() -> Reader {
        Reader::new(Layout {
            image: 0xc000_8000..0xc020_0000,
            entry: 0x8000,
            offset: 0xc000_0000,
        })
    }

    fn read(mut reader: Reader, text: &str) -> Vec<Range<u64>> {
        reader.push(text.as_bytes());
        reader.executed().to_vec()
    }

    const PC: &str = "----------------
IN: 
0x000fec40:  66 ea 48 ec 0f 00 08 00  ljmpl    $0x8:$0xfec48

IN: 
0x01000100:  90                       nop

IN: 
0x01000000:  8b 0d 60 d7 22 01        movl     0x122d760, %ecx
0x01000006:  c7 05 c8 61 0f 00 01 00  movl     $1, 0xf61c8
0x0100000e:  00 00

IN: 
0xc1000117:  81 c4 00 00 00 c0        addl     $0xc0000000, %esp
0x01000200:  90                       nop
0x08048000:  90                       nop
0xc1001000:  d8 c1                    fadd     %st(1)
";

    #[test]
    fn physical_addresses_count_from_the_entry_to_the_first_virtual_one() {
        assert_eq!(
            read(pc(), PC),
            [
                0xc100_0000..0xc100_0010,
                0xc100_0117..0xc100_011d,
                0xc100_1000..0xc100_1002
            ]
        );
    }

    #[test]
    fn neither_the_boot_image_nor_a_user_program_counts_on_arm() {
        let text = "\
0x00010000:  e1a00000  mov      r0, r0
0x00010004:  e1a00000  mov      r0, r0
0x00008000:  e321f0d3  msr      cpsr_c, #0xd3
0x00010040:  ea000000  b        #0x10048
0xc0009000:  b510      push     {r4, lr}
0xc0009002:  f7ff fffe bl       #0xc0009002
0x00010010:  e1a00000  mov      r0, r0
";
        assert_eq!(
            read(arm(), text),
            [
                0xc000_8000..0xc000_8004,
                0xc000_9000..0xc000_9006,
                0xc001_0040..0xc001_0044
            ]
        );
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_log_is_cut(cuts in proptest::collection::vec(0usize..600, 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % PC.len()).collect();
            cuts.extend([0, PC.len()]);
            cuts.sort_unstable();
            let mut reader = pc();
            for pair in cuts.windows(2) {
                reader.push(&PC.as_bytes()[pair[0]..pair[1]]);
            }
            prop_assert_eq!(reader.executed().to_vec(), read(pc(), PC));
        }

        #[test]
        fn no_log_makes_it_panic_or_leaves_the_kernel(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            lines in proptest::collection::vec("(0x)?[0-9a-f]{0,17}:?( [0-9a-f]{2,8}){0,20}", 0..20)
        ) {
            let mut reader = pc();
            reader.push(PC.as_bytes());
            reader.push(&bytes);
            reader.push(b"\n");
            reader.push(lines.join("\n").as_bytes());
            for range in reader.executed().to_vec() {
                prop_assert!(range.start >= 0xc100_0000);
                prop_assert!(range.end <= 0xc142_c000 + INSTRUCTION_LIMIT);
            }
        }
    }
}
