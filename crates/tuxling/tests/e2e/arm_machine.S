/*
 * A machine for the trap handler of ARM: at physical 0x10000, linked at
 * 0xc0010000. With MMU it has page tables as a kernel has, without the devices,
 * and makes the initial call that tells the last stop. Then it comes to the
 * trap of the number TRAP.
 */
	.syntax unified
	.arm
/* So many sections from one on: the first MiB of memory, and what follows. */
	.macro	map first, count
	ldr	r0, =0x4000 + \first * 4
	mov	r1, #0
9:	mov	r2, r1, lsl #20
	orr	r2, r2, #0x400
	orr	r2, r2, #0x12
	str	r2, [r0, r1, lsl #2]
	add	r1, r1, #1
	cmp	r1, #\count
	bne	9b
	.endm

	.section .head, "ax"
	.globl _start
_start:
	mov	sp, #0x9000
#ifdef MMU
	/* All addresses as they are, and the kernel's. */
	map	0, 4096
	map	0xc00, 32
	/* No devices: the handler has to reach them by itself. */
	ldr	r0, =0x4000 + 0x100 * 4
	mov	r1, #0
1:	mov	r2, #0
	str	r2, [r0, r1, lsl #2]
	add	r1, r1, #1
	cmp	r1, #16
	bne	1b
	ldr	r0, =0x4000
	mcr	p15, 0, r0, c2, c0, 0
	mov	r0, #3
	mcr	p15, 0, r0, c3, c0, 0
	mov	r0, #0
	mcr	p15, 0, r0, c8, c7, 0
	mrc	p15, 0, r0, c1, c0, 0
	orr	r0, r0, #1
	mcr	p15, 0, r0, c1, c0, 0
	ldr	pc, =go
go:
	ldr	sp, =0xc0009000
	ldr	r0, =initcall
	ldr	r0, [r0]
	mov	lr, pc
	mov	pc, r0
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
	mov	ip, lr
	bl	tuxling_trap
	mov	ip, lr
	bl	tuxling_trap
	.globl tuxling_parts_start
tuxling_parts_start:
	mov	ip, lr
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
	.data
	.globl loops_per_jiffy
loops_per_jiffy:
	.word	100000
