//! Which instructions of x86_64's programs and libraries can be executed at all: from
//! where each begins, over jumps, calls and the functions that one asks of another,
//! to all whose address is taken on the way (DeMarinis et al., "sysfilter: Automated
//! System Call Filtering for Commodity Software", RAID 2020).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};

use super::dynamic::Dynamic;
use super::step::{Code, Flow, Step};
use super::x86;

/// A jump's table is made so many instructions before it, at most.
const NEAR: usize = 64;

/// A table has no more entries.
const ENTRIES: u64 = 4096;

/// The function that makes any system call.
pub(crate) const ANY_CALL: &str = "syscall";

/// Functions that give the address of a function by its name.
const BY_NAME: [&str; 2] = ["dlsym", "dlvsym"];

/// What can be executed of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    /// The instructions, by address.
    pub steps: BTreeMap<u64, Step>,
    /// Where functions begin that are called from elsewhere or by a pointer.
    pub taken: HashSet<u64>,
    /// Instructions that go to [`ANY_CALL`]: all else is a call that passes its number.
    pub any_call: BTreeSet<u64>,
    /// Instructions that take its address.
    pub any_taken: BTreeSet<u64>,
    /// Addresses of data where an object begins: no table goes on there.
    objects: BTreeSet<u64>,
    /// Whether a jump's table isn't seen: it may be any whose address is taken.
    lost_table: bool,
    /// Addresses of constants that are taken.
    constants: BTreeSet<u64>,
}

/// Files that are loaded together, with what of them can be executed.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    files: &'a [Dynamic],
    /// Of each file.
    pub reached: Vec<Reached>,
    by_name: HashMap<&'a str, Vec<(usize, u64)>>,
    open: Vec<(usize, u64)>,
    names: HashSet<&'a str>,
    /// Whether a function's address is asked for by its name.
    by_text: bool,
}

impl<'a> Reach<'a> {
    /// Finds out. `all`: files whose every function may be called.
    pub(crate) fn of(files: &'a [Dynamic], all: &HashSet<usize>) -> Reach<'a> {
        let mut by_name: HashMap<&str, Vec<(usize, u64)>> = HashMap::new();
        for (number, file) in files.iter().enumerate() {
            for (name, at) in &file.exports {
                by_name.entry(name).or_default().push((number, *at));
            }
        }
        let mut reach = Reach {
            files,
            reached: files.iter().map(begun).collect(),
            by_name,
            open: Vec::new(),
            names: HashSet::new(),
            by_text: false,
        };
        for (number, file) in files.iter().enumerate() {
            file.roots.iter().for_each(|at| reach.take(number, *at));
            let landings = file.unwinding.landings.iter();
            landings.for_each(|at| reach.take(number, *at));
            file.handed.iter().for_each(|name| reach.want(name));
            if all.contains(&number) {
                let exports = file.exports.iter();
                exports.for_each(|(_, at)| reach.take(number, *at));
            }
        }
        reach.run();
        reach
    }

    fn run(&mut self) {
        loop {
            while let Some((file, at)) = self.open.pop() {
                self.follow(file, at);
            }
            if self.by_text {
                let texts: HashSet<&str> = self.files.iter().flat_map(texts).collect();
                texts.into_iter().for_each(|name| self.want(name));
            }
            for file in 0..self.files.len() {
                self.take_lost_tables(file);
            }
            if self.open.is_empty() {
                return;
            }
        }
    }

    /// A function whose address is taken, or that others call.
    fn take(&mut self, file: usize, at: u64) {
        if self.files[file].image.is_code(at) && self.reached[file].taken.insert(at) {
            self.open.push((file, at));
        }
    }

    /// A function by its name, wherever it is.
    fn want(&mut self, name: &'a str) {
        if self.names.insert(name) {
            let all = self.by_name.get(name).cloned().unwrap_or_default();
            all.into_iter().for_each(|(file, at)| self.take(file, at));
        }
    }

    /// Follows the instructions from an address on until they don't go on, or are known.
    fn follow(&mut self, file: usize, from: u64) {
        let image = &self.files[file].image;
        let holds = |at: u64, len: usize| from >= at && from - at < len as u64;
        let pieces = image.pieces.iter().filter(|piece| piece.code);
        let Some(piece) = pieces.into_iter().find(|p| holds(p.at, p.bytes.len())) else {
            return;
        };
        let bytes = &piece.bytes[(from - piece.at) as usize..];
        let mut decoder = Decoder::with_ip(64, bytes, from, DecoderOptions::NONE);
        let mut called = None;
        while decoder.can_decode() {
            let code = decoder.decode();
            let at = code.ip();
            // A call that ends its function doesn't come back.
            if let Some(last) =
                called.filter(|_| self.files[file].unwinding.functions.contains(&at))
            {
                self.end(file, last);
                return;
            }
            if self.reached[file].steps.contains_key(&at) {
                return;
            }
            // Nobody gets past it: it is data, or behind a function that never returns.
            if code.is_invalid() {
                return;
            }
            let flow = self.flow(file, &code);
            let goes_on = !matches!(flow, Flow::Jump(_) | Flow::End | Flow::Table(_, false));
            called = match flow {
                Flow::Call(_) | Flow::CallAny => Some(at),
                _ => called.filter(|_| x86::is_padding(&code)).map(|_| at),
            };
            match &flow {
                Flow::Jump(to) | Flow::Branch(to) | Flow::Call(to) => self.open.push((file, *to)),
                Flow::Table(entries, _) => self.open.extend(entries.iter().map(|to| (file, *to))),
                _ => {}
            }
            self.note(file, &code);
            let step = Step {
                at,
                next: code.next_ip(),
                flow,
                code: Code::X86(code),
            };
            self.reached[file].steps.insert(at, step);
            if !goes_on {
                return;
            }
        }
    }

    /// Control doesn't go on behind an instruction that fills the space to the next
    /// function.
    fn end(&mut self, file: usize, at: u64) {
        let step = self.reached[file].steps.get_mut(&at);
        if let Some(step) = step.filter(|step| step.flow == Flow::Next) {
            step.flow = Flow::End;
        }
    }

    fn flow(&mut self, file: usize, code: &Instruction) -> Flow {
        if code.is_ip_rel_memory_operand()
            && let Some(to) = self.files[file]
                .own_slots
                .get(&code.memory_displacement64())
        {
            match code.flow_control() {
                FlowControl::IndirectCall => return Flow::Call(*to),
                FlowControl::IndirectBranch => return Flow::Jump(*to),
                _ => self.take(file, *to),
            }
        }
        let by_register = code.flow_control() == FlowControl::IndirectBranch
            && code.op0_kind() == OpKind::Register;
        if !by_register {
            return x86::flow(code);
        }
        match self.table(file, code) {
            Table::Of(entries) => Flow::Table(entries, false),
            Table::Lost => {
                self.reached[file].lost_table = true;
                Flow::End
            }
            Table::None => Flow::End,
        }
    }

    /// The table of distances that a jump by a register goes by: an entry was added to the
    /// table's address.
    fn table(&self, file: usize, jump: &Instruction) -> Table {
        let steps = self.reached[file].steps.range(..jump.ip()).rev();
        let codes = steps.take(NEAR).filter_map(|(_, step)| match &step.code {
            Code::X86(code) => Some(code),
            _ => None,
        });
        let reads = |code: &Instruction| matches!(code.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
        let to = jump.op0_register().full_register();
        let mut before =
            codes.skip_while(|code| reads(code) || code.op0_register().full_register() != to);
        match before.next().map(Instruction::mnemonic) {
            Some(Mnemonic::Add | Mnemonic::Lea) => {}
            Some(_) => return Table::None,
            None => return Table::Lost,
        }
        let Some(base) = before.by_ref().find_map(x86::loads_distance) else {
            return Table::Lost;
        };
        match before.find_map(|code| x86::made_address(code, base)) {
            Some(table) => Table::Of(self.entries(file, table)),
            None => Table::Lost,
        }
    }

    /// What a table of distances leads to, up to where another object begins.
    fn entries(&self, file: usize, table: u64) -> Vec<u64> {
        let image = &self.files[file].image;
        let next = self.reached[file].objects.range(table + 1..).next();
        let most = next.map_or(ENTRIES, |next| ((next - table) / 4).min(ENTRIES));
        let words = (0..most).map_while(|n| image.word(table + 4 * n, 4));
        let targets = words.map(|word| table.wrapping_add_signed(i64::from(word as u32 as i32)));
        targets.take_while(|at| image.is_code(*at)).collect()
    }

    /// A table that isn't seen is one of those whose address the file takes.
    fn take_lost_tables(&mut self, file: usize) {
        if !self.reached[file].lost_table {
            return;
        }
        let constants = std::mem::take(&mut self.reached[file].constants);
        for table in constants {
            let entries = self.entries(file, table);
            entries.into_iter().for_each(|at| self.take(file, at));
        }
    }

    /// Notes what an instruction takes: addresses of functions, and the words through
    /// which others' are called.
    fn note(&mut self, file: usize, code: &Instruction) {
        let own = &self.files[file];
        let address = code.memory_displacement64();
        if code.is_ip_rel_memory_operand() {
            if let Some(name) = own.slots.get(&address) {
                self.use_slot(file, code, name);
            } else if code.mnemonic() == Mnemonic::Lea && own.image.is_code(address) {
                self.take(file, address);
            } else if code.mnemonic() == Mnemonic::Lea && own.image.is_constant(address) {
                self.reached[file].constants.insert(address);
            }
        } else if own.fixed {
            let operands = (0..code.op_count()).filter_map(|n| x86::immediate(code, n));
            let memory = (0..code.op_count()).any(|n| code.op_kind(n) == OpKind::Memory);
            let all: Vec<u64> = operands.chain(memory.then_some(address)).collect();
            all.into_iter().for_each(|at| self.take(file, at));
        }
    }

    fn use_slot(&mut self, file: usize, code: &Instruction, name: &'a str) {
        let reached = &mut self.reached[file];
        let goes = matches!(
            code.flow_control(),
            FlowControl::IndirectBranch | FlowControl::IndirectCall
        );
        if name == ANY_CALL {
            let places = if goes {
                &mut reached.any_call
            } else {
                &mut reached.any_taken
            };
            places.insert(code.ip());
            return;
        }
        self.by_text |= BY_NAME.contains(&name);
        self.want(name);
    }
}

/// What is known of a jump by a register.
enum Table {
    /// It goes to one of these.
    Of(Vec<u64>),
    /// It goes by a table that isn't seen.
    Lost,
    /// It goes to an address that is taken elsewhere.
    None,
}

fn texts(file: &Dynamic) -> impl Iterator<Item = &str> {
    file.texts.iter().map(String::as_str)
}

/// A file before anything of it is executed: where its objects begin is seen by all
/// that could be instructions.
fn begun(file: &Dynamic) -> Reached {
    let mut objects = file.objects.clone();
    for piece in file.image.pieces.iter().filter(|piece| piece.code) {
        let options = DecoderOptions::NONE;
        let mut decoder = Decoder::with_ip(64, &piece.bytes, piece.at, options);
        while decoder.can_decode() {
            let code = decoder.decode();
            if code.is_ip_rel_memory_operand() {
                objects.insert(code.memory_displacement64());
            }
        }
    }
    Reached {
        objects,
        ..Reached::default()
    }
}
