//! System calls found in programs of a few instructions.

use proptest::prelude::*;

use super::image::Piece;
use super::*;

const CODE: u64 = 0x1000;
const DATA: u64 = 0x8000;

fn program(machine: Machine, code: &[u8], data: &[u8]) -> Image {
    let piece = |at: u64, bytes: &[u8], code: bool| Piece {
        at,
        bytes: bytes.to_vec(),
        code,
        writable: false,
    };
    Image {
        machine,
        pieces: vec![piece(CODE, code, true), piece(DATA, data, false)],
        entry: CODE,
        functions: Vec::new(),
        shared: false,
    }
}

fn numbers(image: &Image) -> Vec<u32> {
    let calls = calls(image);
    assert_eq!(calls.undetermined, []);
    calls.numbers.into_iter().collect()
}

fn x86(code: &[u8]) -> Vec<u32> {
    numbers(&program(Machine::I386, code, &[]))
}

fn words(code: &[u32]) -> Vec<u8> {
    code.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn arm(code: &[u32]) -> Vec<u32> {
    numbers(&program(Machine::Arm, &words(code), &[]))
}

#[test]
fn every_way_into_the_kernel_of_x86_is_found() {
    let code = [
        0xb8, 4, 0, 0, 0, // mov $4, %eax
        0xcd, 0x80, // int $0x80
        0xb8, 6, 0, 0, 0, // mov $6, %eax
        0x65, 0xff, 0x15, 0x10, 0, 0, 0,    // call *%gs:0x10
        0xf4, // hlt
    ];
    assert_eq!(x86(&code), [4, 6]);
    let long = [0x6a, 60, 0x58, 0x0f, 0x05, 0xf4]; // push $60; pop %rax; syscall; hlt
    assert_eq!(numbers(&program(Machine::X86_64, &long, &[])), [60]);
}

#[test]
fn a_number_is_followed_over_registers_and_the_kernel() {
    let code = [
        0xbb, 221, 0, 0, 0, // mov $221, %ebx
        0x89, 0xd8, // mov %ebx, %eax
        0xcd, 0x80, // int $0x80
        0x75, 0x07, // jne over the next two
        0x31, 0xc0, // xor %eax, %eax
        0x40, // inc %eax
        0xcd, 0x80, // int $0x80
        0xeb, 0x04, // jmp to the end
        0x89, 0xd8, // mov %ebx, %eax: not what the kernel gave back
        0xcd, 0x80, // int $0x80
        0xf4, // hlt
    ];
    assert_eq!(x86(&code), [1, 221]);
}

#[test]
fn both_ends_of_a_branch_count() {
    let code = [
        0xb8, 3, 0, 0, 0, // mov $3, %eax
        0x85, 0xc9, // test %ecx, %ecx
        0x74, 0x05, // je over the next
        0xb8, 145, 0, 0, 0, // mov $145, %eax
        0xcd, 0x80, // int $0x80
        0xf4, // hlt
    ];
    assert_eq!(x86(&code), [3, 145]);
}

#[test]
fn a_register_that_was_compared_holds_what_it_is_equal_to() {
    let code = [
        0x48, 0x83, 0xd0, 0xff, // adc $-1, %rax
        0x48, 0x85, 0xc0, // test %rax, %rax
        0x74, 0x05, // je over the next
        0xb8, 19, 0, 0, 0, // mov $19, %eax
        0x0f, 0x05, // syscall
        0x8b, 0x06, // mov (%rsi), %eax
        0x83, 0xf8, 0x07, // cmp $7, %eax
        0x75, 0x02, // jne over the next
        0x0f, 0x05, // syscall
        0xf4, // hlt
    ];
    assert_eq!(numbers(&program(Machine::X86_64, &code, &[])), [0, 7, 19]);
    // Who comes to the branch from elsewhere has compared something else.
    let code = [
        0x85, 0xc0, // test %eax, %eax
        0x74, 0x02, // je to the syscall
        0xeb, 0xfc, // jmp to the je
        0x0f, 0x05, // syscall
        0xf4, // hlt
    ];
    let found = calls(&program(Machine::X86_64, &code, &[]));
    assert_eq!(found.undetermined.len(), 1, "{found:?}");
}

#[test]
fn a_table_of_distances_leads_to_what_its_jump_can_come_to() {
    let mut code = vec![
        0xb8, 39, 0, 0, 0, // mov $39, %eax
        0x48, 0x8d, 0x15, 0xf4, 0x6f, 0, 0, // lea 0x8000(%rip), %rdx
        0x48, 0x63, 0x0c, 0x8a, // movslq (%rdx,%rcx,4), %rcx
        0x48, 0x01, 0xd1, // add %rdx, %rcx
        0xff, 0xe1, // jmp *%rcx
        0x0f, 0x05, // syscall, at 0x1015: jumped to by the table
        0xf4, // hlt
        0xb8, 60, 0, 0, 0, // mov $60, %eax
        0x0f, 0x05, // syscall, at 0x101d: what looks like a second table leads to it
        0xf4, // hlt
    ];
    let distance = |from: u64, to: u64| to.wrapping_sub(from) as u32;
    let data = words(&[distance(DATA, 0x1015), 0, distance(DATA + 8, 0x101d), 0]);
    let found = calls(&program(Machine::X86_64, &code, &data));
    let lost: Vec<u64> = found.undetermined.iter().map(|lost| lost.at).collect();
    assert_eq!((lost, found.numbers), (vec![0x1015], BTreeSet::from([60])));

    // Where one table ends and the next begins: what its entries say counts from
    // there.
    let beside = words(&[distance(DATA, 0x1015), distance(DATA + 4, 0x1021)]);
    let mut both = code.clone();
    both.extend([
        0x48, 0x8d, 0x15, 0xdd, 0x6f, 0, 0, // lea 0x8004(%rip), %rdx
        0x48, 0x63, 0x0c, 0x8a, // movslq (%rdx,%rcx,4), %rcx
        0x48, 0x01, 0xd1, // add %rdx, %rcx
        0xff, 0xe1, // jmp *%rcx
    ]);
    assert_eq!(code.len(), 0x20, "the address that it counts from");
    let found = calls(&program(Machine::X86_64, &both, &beside));
    let lost: Vec<u64> = found.undetermined.iter().map(|lost| lost.at).collect();
    assert_eq!((lost, found.numbers), (vec![0x1015], BTreeSet::from([60])));

    // The address of the second one is taken, and a jump by a table is somewhere
    // that isn't known: it may be that.
    code[2..5].copy_from_slice(&[0, 0, 0]);
    code[5..12].copy_from_slice(&[0x48, 0x8b, 0x12, 0x90, 0x90, 0x90, 0x90]); // mov (%rdx), %rdx
    code.extend([0x48, 0x8d, 0x05, 0xe1, 0x6f, 0, 0]); // lea 0x8008(%rip), %rax
    assert_eq!(code.len(), 0x27, "the address that it counts from");
    let found = calls(&program(Machine::X86_64, &code, &data));
    let lost: Vec<u64> = found.undetermined.iter().map(|lost| lost.at).collect();
    assert!(lost.contains(&0x101d), "{found:?}");
}

#[test]
fn a_number_that_is_an_argument_is_what_callers_pass() {
    let code = [
        0x6a, 20, // push $20
        0xe8, 8, 0, 0, 0, // call the function
        0x6a, 24, // push $24
        0xe8, 1, 0, 0, 0,    // call the function
        0xf4, // hlt
        0x53, // push %ebx: the function
        0x8b, 0x44, 0x24, 0x08, // mov 8(%esp), %eax
        0xcd, 0x80, // int $0x80
        0x5b, // pop %ebx
        0xc3, // ret
    ];
    assert_eq!(x86(&code), [20, 24]);
}

#[test]
fn what_is_loaded_or_given_back_or_reached_by_a_pointer_is_told() {
    let lost = |code: &[u8], data: &[u8]| {
        let calls = calls(&program(Machine::I386, code, data));
        assert!(calls.numbers.is_empty());
        calls
            .undetermined
            .into_iter()
            .map(|lost| lost.why)
            .collect::<String>()
    };
    let loaded = [0x8b, 0x46, 0x0c, 0xcd, 0x80, 0xf4]; // mov 12(%esi), %eax; int $0x80; hlt
    assert!(lost(&loaded, &[]).contains("computed or loaded"));
    let given = [0xe8, 3, 0, 0, 0, 0xcd, 0x80, 0xf4, 0xc3]; // call f; int $0x80; hlt; f: ret
    assert!(lost(&given, &[]).contains("a function gives it back"));
    let own = [0xf4, 0x8b, 0xc0, 0xcd, 0x80, 0xc3]; // hlt; f: mov %eax, %eax; int $0x80; ret
    assert!(lost(&own, &words(&[0x1001])).contains("reached by a pointer"));
    assert!(lost(&own, &[]).contains("nobody is seen"));
}

#[test]
fn a_number_of_one_byte_over_an_unknown_rest_is_one_of_few() {
    let code = [0x8b, 0x01, 0xb0, 120, 0xcd, 0x80, 0xf4]; // mov (%ecx), %eax; mov $120, %al; …
    let found = x86(&code);
    assert_eq!(found[..2], [120, 376]);
    assert!(found.iter().all(|number| number % 256 == 120));
}

#[test]
fn the_librarys_own_entry_has_the_numbers_of_those_who_come_by_it() {
    let code = [
        0xb8, 6, 0, 0, 0, // mov $6, %eax
        0x65, 0xff, 0x15, 0x10, 0, 0, 0,    // call *%gs:0x10
        0xf4, // hlt
        0xcd, 0x80, // int $0x80
        0xc3, // ret
    ];
    assert_eq!(x86(&code), [6]);
}

#[test]
fn numbers_of_arm_are_loaded_moved_and_passed() {
    let code = [
        0xe3a0_7004, // mov r7, #4
        0xef00_0000, // svc 0
        0xe59f_7018, // ldr r7, [pc, #24]: the word at the end
        0xef00_0000, // svc 0
        0xe3a0_0014, // mov r0, #20
        0xeb00_0000, // bl the function
        0xe7f0_00f0, // udf
        0xe1a0_7000, // mov r7, r0: the function
        0xef00_0000, // svc 0
        0xe12f_ff1e, // bx lr
        0x0000_0193, // 403
    ];
    assert_eq!(arm(&code), [4, 20, 403]);
}

#[test]
fn of_two_opposite_conditions_one_holds() {
    let code = [
        0xe351_0000, // cmp r1, #0
        0x13a0_7091, // movne r7, #145
        0x03a0_7003, // moveq r7, #3
        0xef00_0000, // svc 0
        0xe3a0_70f0, // mov r7, #240
        0xe350_0000, // cmp r0, #0
        0x08bd_8080, // popeq {r7, pc}
        0xef00_0000, // svc 0
        0xeaff_fffe, // b to itself
    ];
    assert_eq!(arm(&code), [3, 145, 240]);
}

#[test]
fn a_jump_by_a_table_leads_to_each_of_its_entries() {
    let code = [
        0xe3a0_7006, // mov r7, #6
        0xe351_0001, // cmp r1, #1
        0x979f_f101, // ldrls pc, [pc, r1, lsl #2]
        0xea00_0003, // b to the end
        0x0000_1018, // the first
        0x0000_101c, // the second
        0xe3a0_7007, // mov r7, #7
        0xef00_0000, // svc 0
        0xeaff_fffe, // b to itself
    ];
    assert_eq!(arm(&code), [6, 7]);
}

fn aarch64(code: &[u32], data: &[u8]) -> Vec<u32> {
    numbers(&program(Machine::Aarch64, &words(code), data))
}

#[test]
fn numbers_of_aarch64_are_moved_chosen_spilled_and_passed() {
    let code = [
        0xd280_0808, // mov x8, #64
        0xd400_0001, // svc #0
        0xf100_003f, // cmp x1, #0
        0xd280_0ba8, // mov x8, #93
        0xd280_0bc2, // mov x2, #94
        0x9a82_0108, // csel x8, x8, x2, eq
        0xd400_0001, // svc #0
        0xa9be_7bfd, // stp x29, x30, [sp, #-32]!
        0xd280_1588, // mov x8, #172
        0xf900_0be8, // str x8, [sp, #16]
        0xd280_0008, // mov x8, #0
        0xf940_0be8, // ldr x8, [sp, #16]
        0xd400_0001, // svc #0
        0xa8c2_7bfd, // ldp x29, x30, [sp], #32
        0xd280_0280, // mov x0, #20
        0x9400_0002, // bl the function
        0x0000_0000, // udf
        0xaa00_03e8, // mov x8, x0: the function
        0xd400_0001, // svc #0
        0xd65f_03c0, // ret
    ];
    assert_eq!(aarch64(&code, &[]), [20, 64, 93, 94, 172]);
}

#[test]
fn what_aarch64_loads_or_the_kernel_gives_back_is_told() {
    for code in [
        &[0xf940_0028, 0xd400_0001, 0x1400_0000][..], // ldr x8, [x1]; svc #0; b .
        &[0xaa00_03e8, 0xd400_0001, 0x1400_0000],     // mov x8, x0, which nobody set
        &[
            0xd280_0808,
            0xd400_0001,
            0x2a00_03e8,
            0xd400_0001,
            0x1400_0000,
        ], // mov w8, w0 behind a call
        &[0xd53b_d048, 0xd400_0001, 0x1400_0000],     // mrs x8, tpidr_el0; svc #0
    ] {
        let found = calls(&program(Machine::Aarch64, &words(code), &[]));
        assert_eq!(found.undetermined.len(), 1, "{code:x?}");
    }
}

/// A jump by a table of distances from the address behind it: three entries, the
/// last of which `cmp` says nobody comes to.
const BY_TABLE: [u32; 14] = [
    0xd280_00c8, // mov x8, #6
    0x7100_043f, // cmp w1, #1
    0x5400_0128, // b.hi to the end
    0xd000_0022, // adrp x2, 0x7000 behind
    0x9100_0042, // add x2, x2, #0
    0x3861_4842, // ldrb w2, [x2, w1, uxtw]
    0x1000_0063, // adr x3, behind the jump
    0x8b22_8862, // add x2, x3, w2, sxtb #2
    0xd61f_0040, // br x2
    0xd280_00e8, // mov x8, #7
    0xd400_0001, // svc #0
    0x1400_0000, // b .
    0xd280_0108, // mov x8, #8
    0x17ff_fffd, // b to the svc
];

#[test]
fn an_address_of_aarch64_is_made_by_halves_that_belong_together() {
    // A page of code and one of data in the same register, and a number that added to
    // the first would be the second site.
    let code = |second: u32| {
        [
            0x9000_0000, // adrp x0, this page
            0x9100_b000, // add x0, x0, #44: the end
            second,
            0x9100_9000, // add x0, x0, #36
            0x5400_0040, // b.eq over the next
            0xd503_201f, // nop
            0xd280_07c8, // mov x8, #62
            0x1400_0001, // b to the next
            0xd503_201f, // nop
            0xd400_0001, // svc 0
            0x1400_0000, // b to itself
            0xd65f_03c0, // ret
        ]
    };
    let beside = code(0xb000_0000); // adrp x0, the next page
    assert_eq!(aarch64(&beside, &[]), [62]);
    // A page that a jump brings: what is made of it is an address.
    let mut jumped = code(0x1400_0001); // b to the next
    jumped[0] = 0x1400_000a; // b to the end
    jumped[10] = 0x9000_0000; // adrp x0, this page
    jumped[11] = 0x17ff_fff8; // b to the add of 36
    let found = calls(&program(Machine::Aarch64, &words(&jumped), &[]));
    assert!(found.numbers.is_empty(), "{found:?}");
}

#[test]
fn a_table_of_aarch64_that_waits_in_the_frame_is_found() {
    let pages = ((DATA - CODE) >> 12) as u32;
    let mut code = vec![
        0xa9be_7bfd, // stp x29, x30, [sp, #-32]!
        0x9100_03fd, // mov x29, sp
        0x9000_0002 | (pages & 3) << 29 | (pages >> 2) << 5,
        0x9100_0042, // add x2, x2, #0
        0xf900_0ba2, // str x2, [x29, #16]
        0xf900_0fa1, // str x1, [x29, #24]
        0xd280_00c8, // mov x8, #6
        0x7100_043f, // cmp w1, #1
        0x5400_0108, // b.hi to the end
        0xf940_0ba2, // ldr x2, [x29, #16]
    ];
    code.extend(&BY_TABLE[5..]);
    let table = [0, 3, 0xff];
    assert_eq!(aarch64(&code, &table), [7, 8]);
    // Something else is put there, too.
    code[5] = 0xf900_0ba1; // str x1, [x29, #16]
    let found = calls(&program(Machine::Aarch64, &words(&code), &table));
    let why = &found.undetermined[0].why;
    assert!(why.contains("a jump by a table"), "{why}");
}

#[test]
fn a_table_of_aarch64_that_waits_in_a_register_is_found() {
    let pages = ((DATA - CODE) >> 12) as u32;
    let mut code = vec![
        0xa9bf_63f7, // stp x23, x24, [sp, #-16]!
        0x9000_0018 | (pages & 3) << 29 | (pages >> 2) << 5,
        0x9100_0318, // add x24, x24, #0
    ];
    code.extend([0xd503_201f; 25]); // nop
    code.extend([
        0xd280_00c8, // mov x8, #6
        0x7100_043f, // cmp w1, #1
        0x5400_00e8, // b.hi to the end
        0x3861_4b02, // ldrb w2, [x24, w1, uxtw]
    ]);
    code.extend(&BY_TABLE[6..]);
    let table = [0, 3, 0xff];
    assert_eq!(aarch64(&code, &table), [7, 8]);
    // It is made of something else, too.
    code[5] = 0x8b01_0318; // add x24, x24, x1
    let found = calls(&program(Machine::Aarch64, &words(&code), &table));
    let why = &found.undetermined[0].why;
    assert!(why.contains("a jump by a table"), "{why}");
}

#[test]
fn other_instruction_sets_are_not_read() {
    let code = words(&[0xe3a0_7006, 0xef00_0000, 0xfa00_0000, 0xeaff_fffe]);
    let calls = calls(&program(Machine::Arm, &code, &[]));
    assert!(
        calls.undetermined[0].why.contains("another set"),
        "{calls:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_code_makes_it_panic(
        code in proptest::collection::vec(any::<u8>(), 0..400),
        data in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        for machine in [
            Machine::I386,
            Machine::X86_64,
            Machine::Aarch64,
            Machine::Arm,
        ] {
            let _ = calls(&program(machine, &code, &data));
        }
    }

    #[test]
    fn no_file_makes_it_panic(at in 0usize..0x400, byte in any::<u8>(), end in any::<bool>()) {
        let mut file = include_bytes!("flow.rs").to_vec();
        file[..20].copy_from_slice(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0");
        let at = if end { file.len() - 1 - at } else { at };
        file[at] = byte;
        let _ = Image::parse(&file).map(|image| calls(&image));
    }
}
