/*
 * A machine for the trap handler of 64-bit ARM: at physical 0x40100000, linked at
 * 0xffffffc000100000. STAGE says how far its boot has come: 0 has no page tables, 1
 * runs at the addresses of RAM, 2 at those of a kernel with a program's tables
 * empty. None of them reaches a device. Then it comes to the trap of the number
 * TRAP.
 */
	.set	TABLES, 0x40200000
	.set	BLOCK, 0x40000701	/* the GiB with RAM: accessed, shared */

	.section .head, "ax"
	.globl _start
_start:
#if STAGE > 0
	ldr	x0, =TABLES
	ldr	x1, =BLOCK
	str	x1, [x0, #1 << 3]
	msr	ttbr0_el1, x0
	add	x0, x0, #0x1000
	str	x1, [x0, #256 << 3]
	msr	ttbr1_el1, x0
	mov	x0, #0xff		/* 0 is memory, all others are devices */
	msr	mair_el1, x0
	ldr	x0, =0x80190019		/* 39 bits in both halves, pages of 4 KiB */
	msr	tcr_el1, x0
	isb
	tlbi	vmalle1
	dsb	sy
	isb
	mrs	x0, sctlr_el1
	orr	x0, x0, #1
	msr	sctlr_el1, x0
	isb
#endif
#if STAGE > 1
	ldr	x0, =high
	br	x0
high:
	ldr	x0, =TABLES + 0x2000
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	dsb	sy
	isb
#endif
	bl	caller
	.ltorg
	.text
	.globl _stext
_stext:
caller:
	bl	tuxling_traps_start + TRAP * 8
	b	.
	.globl _einittext
	.balign 4
	.globl tuxling_traps_start
tuxling_traps_start:
	mov	x16, x30
	bl	tuxling_trap
	mov	x16, x30
	bl	tuxling_trap
	.globl tuxling_parts_start
tuxling_parts_start:
	mov	x16, x30
	bl	tuxling_trap
_einittext:
	.section .rodata
	.globl tuxling_trap_names
tuxling_trap_names:
	.byte	0
	.asciz	"alpha"
	.byte	0
	.asciz	"beta_one"
	.byte	5
	.asciz	"two"
