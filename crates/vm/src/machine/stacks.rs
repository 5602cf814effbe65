//! How deep each task's kernel stack has been, read from a machine that has
//! stopped: no code in the guest, no debug information.
//!
//! The kernel hands out stacks that are zeroed (`THREADINFO_GFP` in
//! include/linux/thread_info.h) and writes `STACK_END_MAGIC` at their end
//! (`set_task_stack_end_magic`, kernel/fork.c). What isn't zero next to it is as
//! deep as the stack has been. Where `comm`, `stack` and `tasks` stand in a
//! `struct task_struct` is found in `init_task`, whose values are known: it is
//! named *swapper*, its stack is `init_stack`, and its list leads over all tasks
//! back to itself.

use std::collections::BTreeSet;

use host::units::Bytes;

/// What stands in the last word of a stack (include/uapi/linux/magic.h).
const STACK_END_MAGIC: u64 = 0x57AC_6E9D;

/// Bytes of a task's name (`TASK_COMM_LEN` in include/linux/sched.h).
const NAME: usize = 16;

/// A `struct task_struct` has its name within so many bytes.
const TASK: usize = 16 * 1024;

/// More tasks than any small system has.
const TASKS: usize = 4096;

/// Where the kernel's first task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackWish {
    /// `init_task`.
    pub init_task: u64,
    /// `init_stack`.
    pub init_stack: u64,
    /// Bytes of a stack: `THREAD_SIZE`.
    pub size: Bytes,
    /// Bytes of a word: 4 or 8.
    pub word: usize,
}

/// How deep a task's stack has been.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackMark {
    /// The task's name.
    pub task: String,
    /// From the stack's beginning to the last word that isn't zero.
    pub used: Bytes,
}

/// A machine's memory, by the kernel's own addresses.
pub trait GuestMemory {
    /// So many bytes from an address on; `None` where nothing is.
    fn read(&mut self, address: u64, length: usize) -> Option<Vec<u8>>;
}

/// The marks of all tasks but the threads that a program has besides its first;
/// `None` where the tasks can't be found.
pub fn marks(memory: &mut dyn GuestMemory, wish: &StackWish) -> Option<Vec<StackMark>> {
    let tasks = Tasks::find(memory, wish)?;
    let mark = |(task, stack): (String, u64)| {
        let bytes = memory.read(stack, usize::try_from(wish.size.0).ok()?)?;
        let used = used(&bytes, wish.word)?;
        Some(StackMark { task, used })
    };
    tasks.0.into_iter().map(mark).collect()
}

/// From the beginning of a stack, which is its highest address, to the last word
/// that was written; `None` where what ends it isn't there any more.
fn used(stack: &[u8], word: usize) -> Option<Bytes> {
    let mut words = stack.chunks_exact(word);
    if words.next().map(number)? != STACK_END_MAGIC {
        return None;
    }
    let untouched = words.take_while(|word| number(word) == 0).count();
    Some(Bytes((stack.len() - (untouched + 1) * word) as u64))
}

fn number(word: &[u8]) -> u64 {
    word.iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The tasks' names and stacks.
struct Tasks(Vec<(String, u64)>);

impl Tasks {
    fn find(memory: &mut dyn GuestMemory, wish: &StackWish) -> Option<Tasks> {
        let first = memory.read(wish.init_task, TASK)?;
        let layout = Layout {
            name: position(&first, b"swapper")?,
            stack: word_offsets(&first, wish.word)
                .find_map(|(offset, value)| (value == wish.init_stack).then_some(offset))?,
        };
        // Other lists that lead back to the first task are of fewer or none.
        let lists = word_offsets(&first, wish.word).take_while(|(at, _)| *at < layout.name);
        let mut found: Option<Tasks> = None;
        for (offset, next) in lists {
            let tasks = layout.follow(memory, wish, offset, next);
            let longest = found.as_ref().map_or(0, |tasks| tasks.0.len());
            found = tasks.filter(|tasks| tasks.0.len() > longest).or(found);
        }
        let mut tasks = found?;
        tasks.0.insert(0, ("swapper".to_owned(), wish.init_stack));
        Some(tasks)
    }
}

fn position(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|part| part == text)
}

fn word_offsets(bytes: &[u8], word: usize) -> impl Iterator<Item = (usize, u64)> {
    let values = bytes.chunks_exact(word).map(number);
    values
        .enumerate()
        .map(move |(at, value)| (at * word, value))
}

/// Where in a task its name and the pointer to its stack stand.
struct Layout {
    name: usize,
    stack: usize,
}

impl Layout {
    /// The tasks of the list at an offset, if it is one that leads over tasks
    /// back to the first.
    fn follow(
        &self,
        memory: &mut dyn GuestMemory,
        wish: &StackWish,
        offset: usize,
        mut next: u64,
    ) -> Option<Tasks> {
        let home = wish.init_task.checked_add(offset as u64)?;
        let mut tasks = Vec::new();
        let mut seen = BTreeSet::new();
        while next != home {
            if !seen.insert(next) || seen.len() > TASKS {
                return None;
            }
            let length = (self.name + NAME).max(offset.max(self.stack) + wish.word);
            let task = memory.read(next.checked_sub(offset as u64)?, length)?;
            let stack = number(&task[self.stack..self.stack + wish.word]);
            if number(&memory.read(stack, wish.word)?) != STACK_END_MAGIC {
                return None;
            }
            tasks.push((name(&task[self.name..self.name + NAME])?, stack));
            next = number(&task[offset..offset + wish.word]);
        }
        Some(Tasks(tasks))
    }
}

/// A task's name: printable, with a zero behind it.
fn name(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let name = bytes[..end].iter().map(|byte| char::from(*byte));
    (end > 0
        && bytes[..end]
            .iter()
            .all(|b| b.is_ascii_graphic() || *b == b' '))
    .then(|| name.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Memory of one range.
    struct Range(u64, Vec<u8>);

    impl GuestMemory for Range {
        fn read(&mut self, address: u64, length: usize) -> Option<Vec<u8>> {
            let from = usize::try_from(address.checked_sub(self.0)?).ok()?;
            self.1
                .get(from..from.checked_add(length)?)
                .map(<[u8]>::to_vec)
        }
    }

    impl Range {
        fn put(&mut self, address: u64, bytes: &[u8]) {
            let from = usize::try_from(address - self.0).expect("in the range");
            self.1[from..from + bytes.len()].copy_from_slice(bytes);
        }

        fn put_word(&mut self, address: u64, value: u64, word: usize) {
            self.put(address, &value.to_le_bytes()[..word]);
        }

        fn stack(&mut self, address: u64, size: u64, used: u64, word: usize) {
            self.put_word(address, STACK_END_MAGIC, word);
            self.put_word(address + size - used, 1, word);
        }
    }

    const BASE: u64 = 0xc000_0000;

    /// Three tasks in a list at 0x40, and a list of one of them at 0x80 that
    /// leads nowhere.
    fn machine(word: usize, depths: [u64; 3]) -> (Range, StackWish) {
        let wish = StackWish {
            init_task: BASE + 0x10_000,
            init_stack: BASE + 0x20_000,
            size: Bytes(8192),
            word,
        };
        let mut memory = Range(BASE, vec![0; 0x40_000]);
        let tasks = [0x10_000, 0x18_000, 0x1c_000].map(|at| BASE + at);
        for (at, (name, used)) in [b"swapper\0", b"init\0\0\0\0", b"kthreadd"]
            .into_iter()
            .zip(depths)
            .enumerate()
        {
            let stack = BASE + 0x20_000 + at as u64 * 0x2000;
            memory.put_word(tasks[at] + 0x18, stack, word);
            memory.put_word(tasks[at] + 0x40, tasks[(at + 1) % 3] + 0x40, word);
            memory.put_word(tasks[at] + 0x80, tasks[at] + 0x88, word);
            memory.put(tasks[at] + 0x200, name);
            memory.stack(stack, 8192, used, word);
        }
        (memory, wish)
    }

    #[test]
    fn each_tasks_stack_is_as_deep_as_its_last_written_word() {
        for word in [4, 8] {
            let (mut memory, wish) = machine(word, [2048, 512, 8184]);
            let found = marks(&mut memory, &wish).expect("three tasks");
            let told: Vec<_> = found.iter().map(|m| (m.task.as_str(), m.used.0)).collect();
            assert_eq!(told, [("swapper", 2048), ("init", 512), ("kthreadd", 8184)]);
        }
    }

    #[test]
    fn tasks_that_cannot_be_found_give_nothing() {
        let (mut memory, wish) = machine(4, [64, 64, 64]);
        memory.put_word(BASE + 0x22_000, 0, 4);
        assert_eq!(marks(&mut memory, &wish), None, "a stack without its end");
        let (mut memory, wish) = machine(4, [64, 64, 64]);
        memory.put(BASE + 0x10_200, b"another");
        assert_eq!(
            marks(&mut memory, &wish),
            None,
            "a first task without its name"
        );
        let (mut memory, wish) = machine(4, [64, 64, 64]);
        memory.put_word(BASE + 0x1c_040, BASE + 0x18_040, 4);
        assert_eq!(marks(&mut memory, &wish), None, "a list that never ends");
    }

    proptest! {
        #[test]
        fn any_memory_is_read_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 16384..20000),
            at in 0_usize..16000,
            wide: bool,
        ) {
            let mut memory = Range(BASE, bytes);
            memory.put(BASE + at as u64, b"swapper");
            let stack = number(&memory.1[64..68]);
            let word = if wide { 8 } else { 4 };
            let wish = StackWish { init_task: BASE, init_stack: stack, size: Bytes(64), word };
            let _ = marks(&mut memory, &wish);
        }
    }
}
