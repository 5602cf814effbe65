//! Instructions of x86, 32 and 64 bits.

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind, Register, UsedMemory,
};

use super::image::{Image, Machine, Piece};
use super::step::{Code, Convention, Flow, Listing, Origin, Place, Step};

/// System V ABI, Intel386 supplement, and the kernel's entry_32.S.
pub(crate) static I386: Convention = Convention {
    number: 0,
    spoiled: &[0],
    preserved: &[3, 5, 6, 7],
    first_argument: Place::Stack(4),
    return_address: 4,
};

/// System V ABI, AMD64 supplement, and the kernel's entry_64.S.
pub(crate) static X86_64: Convention = Convention {
    number: 0,
    spoiled: &[0, 1, 11],
    preserved: &[3, 5, 12, 13, 14, 15],
    first_argument: Place::Register(7),
    return_address: 8,
};

/// A jump by a table comes so many instructions after its entry is loaded, at
/// most.
const JUMP_IS_NEAR: usize = 16;

/// Reads all code of a program, one instruction after the other: compilers
/// put no data between instructions here.
pub(crate) fn listing(image: &Image) -> Listing {
    let mut listing = Listing::default();
    for piece in image.pieces.iter().filter(|piece| piece.code) {
        sweep(image, piece, &mut listing);
    }
    listing
}

fn bits(machine: Machine) -> u32 {
    if machine == Machine::X86_64 { 64 } else { 32 }
}

fn sweep(image: &Image, piece: &Piece, listing: &mut Listing) {
    let options = DecoderOptions::NONE;
    let mut decoder = Decoder::with_ip(bits(image.machine), &piece.bytes, piece.at, options);
    let mut loads: Vec<(usize, u64)> = Vec::new();
    let mut distances: Vec<(usize, usize)> = Vec::new();
    // Where the last call comes back to, a moment ago.
    let mut called: Option<(u64, u32)> = None;
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let at = instruction.ip();
        if instruction.is_invalid() {
            let why = format!("no instruction at {at:#x}");
            listing.unread.get_or_insert(why);
        }
        note_addresses(image, &instruction, called, listing);
        let flow = flow(&instruction);
        // A table is one when a jump follows.
        if instruction.flow_control() == FlowControl::IndirectBranch {
            listing.tables.extend(loads.iter().map(|(_, table)| *table));
            distances
                .iter()
                .for_each(|(_, load)| listing.loads[*load].2 = true);
        }
        distances.retain(|(from, _)| listing.steps.len() - from < JUMP_IS_NEAR);
        if let Some(base) = loads_distance(&instruction) {
            distances.push((listing.steps.len(), listing.loads.len()));
            listing.loads.push((at, base, false));
        }
        loads.retain(|(from, _)| listing.steps.len() - from < JUMP_IS_NEAR);
        loads.extend(indexed(&instruction).map(|table| (listing.steps.len(), table)));
        called = match flow {
            Flow::Call(_) => Some((instruction.next_ip(), 2)),
            _ => called.and_then(|(at, left)| Some((at, left.checked_sub(1)?))),
        };
        listing.steps.push(Step {
            at,
            next: instruction.next_ip(),
            flow,
            code: Code::X86(instruction),
        });
    }
}

pub(crate) fn flow(instruction: &Instruction) -> Flow {
    let near = instruction.near_branch_target();
    match instruction.flow_control() {
        FlowControl::Next if instruction.mnemonic() == Mnemonic::Hlt => Flow::End,
        FlowControl::Next => Flow::Next,
        FlowControl::UnconditionalBranch => Flow::Jump(near),
        FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend => Flow::Branch(near),
        FlowControl::Call if is_entry(instruction) => Flow::Site,
        FlowControl::Call => Flow::Call(near),
        FlowControl::IndirectCall if is_vsyscall(instruction) => Flow::Site,
        FlowControl::IndirectCall => Flow::CallAny,
        FlowControl::Interrupt if is_entry(instruction) => Flow::Site,
        FlowControl::Interrupt => Flow::CallAny,
        FlowControl::Return | FlowControl::IndirectBranch | FlowControl::Exception => Flow::End,
    }
}

fn is_entry(instruction: &Instruction) -> bool {
    match instruction.mnemonic() {
        Mnemonic::Int => instruction.immediate8() == 0x80,
        Mnemonic::Syscall | Mnemonic::Sysenter => true,
        _ => false,
    }
}

/// The C library's pointer to the vDSO's entry, or to its own (musl,
/// arch/i386/syscall_arch.h).
fn is_vsyscall(instruction: &Instruction) -> bool {
    instruction.op0_kind() == OpKind::Memory
        && instruction.memory_segment() == Register::GS
        && instruction.memory_base() == Register::None
        && instruction.memory_index() == Register::None
        && instruction.memory_displacement64() == 0x10
}

/// Whether this is the C library's own entry, for kernels without a vDSO:
/// `int $0x80; ret`, which calls through its pointer end in.
pub(crate) fn is_own_entry(code: &Code, next: Option<&Code>) -> bool {
    let (Code::X86(code), Some(Code::X86(next))) = (code, next) else {
        return false;
    };
    code.mnemonic() == Mnemonic::Int && next.mnemonic() == Mnemonic::Ret
}

/// Notes every number in an instruction that can be an address of code, or of a
/// table of them.
fn note_addresses(
    image: &Image,
    code: &Instruction,
    called: Option<(u64, u32)>,
    listing: &mut Listing,
) {
    let cut = |number: u64| match image.machine {
        Machine::X86_64 => number,
        _ => number & 0xffff_ffff,
    };
    for operand in 0..code.op_count() {
        let Some(number) = immediate(code, operand).map(cut) else {
            continue;
        };
        listing.taken.push(number);
        // Behind a call that tells where it is: the base of relative addresses
        // is where the global offset table begins. All else is one variable.
        if let (Some((at, _)), Mnemonic::Add) = (called, code.mnemonic()) {
            let base = cut(at.wrapping_add(number));
            if image.begins_data(base) && !listing.bases.contains(&base) {
                listing.bases.push(base);
            }
        }
    }
    let displacement = cut(code.memory_displacement64());
    match code.mnemonic() {
        Mnemonic::Lea if code.is_ip_rel_memory_operand() => {
            listing.taken.push(displacement);
            listing.tables.push(displacement);
        }
        Mnemonic::Lea => listing.taken.push(displacement),
        _ => {}
    }
}

/// What can be the begin of a table, seen from its base: an entry of four bytes
/// is loaded by its number.
fn indexed(code: &Instruction) -> Option<u64> {
    let operands = 0..code.op_count();
    let memory = operands
        .into_iter()
        .any(|operand| code.op_kind(operand) == OpKind::Memory);
    let wide = word(code) == 8;
    let loads = memory && !wide && code.memory_index_scale() == 4;
    loads.then(|| code.memory_displacement64() & 0xffff_ffff)
}

/// The register with the address of a table of distances, where an entry of one is
/// loaded: position-independent code of 64 bits has its jump tables so.
pub(crate) fn loads_distance(code: &Instruction) -> Option<u8> {
    let loads = code.mnemonic() == Mnemonic::Movsxd
        && code.op1_kind() == OpKind::Memory
        && code.memory_index() != Register::None
        && code.memory_index_scale() == 4
        && code.memory_displacement64() == 0;
    loads.then(|| number(code.memory_base())).flatten()
}

/// Whether an instruction ends its function: it returns, or jumps to another one.
pub(crate) fn returns(code: &Instruction) -> bool {
    matches!(
        code.flow_control(),
        FlowControl::Return | FlowControl::IndirectBranch
    )
}

/// The address of data that an instruction makes in a register.
pub(crate) fn made_address(code: &Instruction, register: u8) -> Option<u64> {
    let makes = code.mnemonic() == Mnemonic::Lea
        && code.is_ip_rel_memory_operand()
        && number(code.op0_register()) == Some(register);
    makes.then(|| code.memory_displacement64())
}

/// How far behind what a register points to an instruction loads another from.
pub(crate) fn loaded_from(code: &Instruction, register: u8) -> Option<u64> {
    let loads = matches!(code.mnemonic(), Mnemonic::Mov | Mnemonic::Movsxd)
        && code.op0_kind() == OpKind::Register
        && number(code.op0_register()) == Some(register)
        && code.op1_kind() == OpKind::Memory
        && code.memory_index() == Register::None
        && number(code.memory_base()).is_some();
    loads.then(|| code.memory_displacement64())
}

/// Where what is in a place behind an instruction was before it.
pub(crate) fn origin(code: &Instruction, place: Place) -> Origin {
    match place {
        Place::Register(number) => register_origin(code, number),
        Place::Stack(offset) => stack_origin(code, offset),
    }
}

fn word(code: &Instruction) -> i64 {
    if code.code_size() == iced_x86::CodeSize::Code64 {
        8
    } else {
        4
    }
}

fn number(register: Register) -> Option<u8> {
    let is_general = register.is_gpr();
    is_general.then(|| register.full_register().number() as u8)
}

/// Whether a register is written as a whole.
fn is_whole(register: Register, code: &Instruction) -> bool {
    register.is_gpr32() || (word(code) == 8 && register.is_gpr64())
}

pub(crate) fn immediate(code: &Instruction, operand: u32) -> Option<u64> {
    use OpKind::{
        Immediate8, Immediate8to16, Immediate8to32, Immediate8to64, Immediate16, Immediate32,
        Immediate32to64, Immediate64,
    };
    let kind = code.op_kind(operand);
    let all = [
        Immediate8,
        Immediate8to16,
        Immediate8to32,
        Immediate8to64,
        Immediate16,
        Immediate32,
        Immediate32to64,
        Immediate64,
    ];
    all.contains(&kind).then(|| code.immediate(operand))
}

/// The offset of an operand on the stack.
fn on_stack(code: &Instruction, operand: u32) -> Option<i64> {
    let plain = code.op_kind(operand) == OpKind::Memory
        && number(code.memory_base()) == Some(4)
        && code.memory_index() == Register::None
        && code.memory_size().size() as i64 == word(code);
    plain.then(|| displacement(code))
}

fn displacement(code: &Instruction) -> i64 {
    match word(code) {
        4 => i64::from(code.memory_displacement64() as u32 as i32),
        _ => code.memory_displacement64() as i64,
    }
}

/// What an operand's value is, before the instruction.
fn operand(code: &Instruction, operand: u32) -> Origin {
    if let Some(value) = immediate(code, operand) {
        return Origin::Constant(value);
    }
    if let Some(offset) = on_stack(code, operand) {
        return Origin::Of(Place::Stack(offset), 0);
    }
    let register = code.op_register(operand);
    match number(register) {
        Some(number) if code.op_kind(operand) == OpKind::Register && is_whole(register, code) => {
            Origin::Of(Place::Register(number), 0)
        }
        _ => Origin::Unknown,
    }
}

fn register_origin(code: &Instruction, wanted: u8) -> Origin {
    let same = Origin::Of(Place::Register(wanted), 0);
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(code);
    let writes = |access| {
        use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
        matches!(access, CondWrite | ReadCondWrite | ReadWrite | Write)
    };
    let mut used = info.used_registers().iter();
    if !used.any(|used| number(used.register()) == Some(wanted) && writes(used.access())) {
        return same;
    }
    let target = code.op0_register();
    if code.mnemonic() == Mnemonic::Xchg {
        return exchanged(code, wanted);
    }
    if code.op0_kind() != OpKind::Register || number(target) != Some(wanted) {
        return Origin::Unknown;
    }
    // A word of 16 bits leaves the rest, a low byte, too.
    if !is_whole(target, code) {
        let low = code.mnemonic() == Mnemonic::Mov && target.full_register32() != target;
        let is_low = low && target.is_gpr8() && !is_high(target);
        return match immediate(code, 1) {
            Some(value) if is_low => Origin::LowByte(value as u8, Place::Register(wanted)),
            _ => Origin::Unknown,
        };
    }
    assigned(code, wanted)
}

fn is_high(register: Register) -> bool {
    use Register::{AH, BH, CH, DH};
    [AH, BH, CH, DH].contains(&register)
}

/// What an instruction puts into the whole of its first operand, a register.
fn assigned(code: &Instruction, wanted: u8) -> Origin {
    let place = Place::Register(wanted);
    let twice = code.op_count() == 2
        && code.op1_kind() == OpKind::Register
        && code.op0_register() == code.op1_register();
    let added = |sign: i64| match immediate(code, 1) {
        Some(value) => Origin::Of(place, sign.wrapping_mul(value as i64)),
        None => Origin::Unknown,
    };
    match code.mnemonic() {
        Mnemonic::Mov => operand(code, 1),
        Mnemonic::Pop => Origin::Of(Place::Stack(0), 0),
        Mnemonic::Xor | Mnemonic::Sub if twice => Origin::Constant(0),
        Mnemonic::Or if immediate(code, 1).is_some_and(|v| v as u32 == u32::MAX) => {
            Origin::Constant(u64::MAX)
        }
        Mnemonic::Inc => Origin::Of(place, 1),
        Mnemonic::Dec => Origin::Of(place, -1),
        Mnemonic::Add => added(1),
        Mnemonic::Sub => added(-1),
        Mnemonic::Lea => computed(code),
        _ if is_conditional_move(code.mnemonic()) => Origin::If(Box::new(operand(code, 1)), place),
        _ => Origin::Unknown,
    }
}

/// Whether a branch is taken where what was compared is equal, or where it isn't;
/// nothing for branches that ask for something else.
pub(crate) fn goes_when_equal(code: &Instruction) -> Option<bool> {
    match code.mnemonic() {
        Mnemonic::Je => Some(true),
        Mnemonic::Jne => Some(false),
        _ => None,
    }
}

/// The number that an instruction compares the whole of a register with.
pub(crate) fn compared(code: &Instruction, register: u8) -> Option<u64> {
    let first = code.op0_register();
    let same = code.op0_kind() == OpKind::Register
        && number(first) == Some(register)
        && is_whole(first, code);
    match code.mnemonic() {
        Mnemonic::Test if same && code.op1_kind() == OpKind::Register => {
            (code.op1_register() == first).then_some(0)
        }
        Mnemonic::Cmp if same => immediate(code, 1),
        _ => None,
    }
}

fn is_conditional_move(mnemonic: Mnemonic) -> bool {
    use Mnemonic::{
        Cmova, Cmovae, Cmovb, Cmovbe, Cmove, Cmovg, Cmovge, Cmovl, Cmovle, Cmovne, Cmovno, Cmovnp,
        Cmovns, Cmovo, Cmovp, Cmovs,
    };
    let all = [
        Cmova, Cmovae, Cmovb, Cmovbe, Cmove, Cmovg, Cmovge, Cmovl, Cmovle, Cmovne, Cmovno, Cmovnp,
        Cmovns, Cmovo, Cmovp, Cmovs,
    ];
    all.contains(&mnemonic)
}

/// What `lea` gives: a register and a number.
fn computed(code: &Instruction) -> Origin {
    if code.is_ip_rel_memory_operand() {
        return Origin::Constant(code.memory_displacement64());
    }
    let index = code.memory_index() == Register::None;
    match number(code.memory_base()) {
        Some(base) if index && is_whole(code.memory_base(), code) => {
            Origin::Of(Place::Register(base), displacement(code))
        }
        _ => Origin::Unknown,
    }
}

fn exchanged(code: &Instruction, wanted: u8) -> Origin {
    let (first, second) = (operand(code, 0), operand(code, 1));
    let place = Origin::Of(Place::Register(wanted), 0);
    match (first == place, second == place) {
        (true, _) => second,
        (_, true) => first,
        _ => Origin::Unknown,
    }
}

fn stack_origin(code: &Instruction, offset: i64) -> Origin {
    let word = word(code);
    if offset < 0 {
        return Origin::Unknown;
    }
    let moved = |by: i64| Origin::Of(Place::Stack(offset.wrapping_add(by)), 0);
    let to_stack_pointer =
        code.op0_kind() == OpKind::Register && number(code.op0_register()) == Some(4);
    match code.mnemonic() {
        Mnemonic::Push if code.stack_pointer_increment() != -word as i32 => Origin::Unknown,
        Mnemonic::Push if offset == 0 => operand(code, 0),
        Mnemonic::Push if offset < word => Origin::Unknown,
        Mnemonic::Push => moved(-word),
        Mnemonic::Pop if code.op0_kind() == OpKind::Register && !to_stack_pointer => moved(word),
        Mnemonic::Sub | Mnemonic::Add | Mnemonic::Lea if to_stack_pointer => {
            match assigned(code, 4) {
                Origin::Of(Place::Register(4), by) => moved(by),
                _ => Origin::Unknown,
            }
        }
        _ => unmoved(code, offset),
    }
}

/// A word on the stack across an instruction that leaves the stack pointer.
/// Writes through other pointers aren't taken to meet it: compilers keep what
/// others may write out of the slots that they reuse.
fn unmoved(code: &Instruction, offset: i64) -> Origin {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(code);
    let writes = |access| {
        use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
        matches!(access, CondWrite | ReadCondWrite | ReadWrite | Write)
    };
    let mut used = info.used_registers().iter();
    if used.any(|used| number(used.register()) == Some(4) && writes(used.access())) {
        return Origin::Unknown;
    }
    let meets = |memory: &UsedMemory| {
        writes(memory.access())
            && number(memory.base()) == Some(4)
            && overlaps(memory, code, offset)
    };
    if !info.used_memory().iter().any(meets) {
        return Origin::Of(Place::Stack(offset), 0);
    }
    match code.mnemonic() {
        Mnemonic::Mov if on_stack(code, 0) == Some(offset) => operand(code, 1),
        _ => Origin::Unknown,
    }
}

fn overlaps(memory: &UsedMemory, code: &Instruction, offset: i64) -> bool {
    if memory.index() != Register::None {
        return true;
    }
    let at = match word(code) {
        4 => i64::from(memory.displacement() as u32 as i32),
        _ => memory.displacement() as i64,
    };
    let size = memory.memory_size().size().max(1) as i64;
    at < offset + word(code) && offset < at + size
}

/// The only register that a function changes, where it does no more than tell
/// its caller's address (`__x86.get_pc_thunk`).
pub(crate) fn told_address(first: &Code, second: &Code) -> Option<u8> {
    let (Code::X86(first), Code::X86(second)) = (first, second) else {
        return None;
    };
    let tells = first.mnemonic() == Mnemonic::Mov
        && on_stack(first, 1) == Some(0)
        && second.mnemonic() == Mnemonic::Ret;
    tells.then(|| number(first.op0_register())).flatten()
}

/// Whether an instruction only fills room.
pub(crate) fn is_padding(code: &Instruction) -> bool {
    let nothing = |code: &Instruction| {
        code.op_count() == 2
            && code.op0_kind() == OpKind::Register
            && computed(code)
                == Origin::Of(
                    Place::Register(number(code.op0_register()).unwrap_or(255)),
                    0,
                )
    };
    match code.mnemonic() {
        Mnemonic::Nop | Mnemonic::Int3 => true,
        Mnemonic::Lea => nothing(code),
        Mnemonic::Xchg => code.op0_register() == code.op1_register(),
        _ => false,
    }
}
