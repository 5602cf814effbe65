/*
 * Where a trap of a pruned ARM kernel ends. Every trap is
 *
 *	mov	ip, lr
 *	bl	tuxling_trap
 *
 * so that lr is the address behind the trap, and ip the address that the
 * pruned function would have gone back to.
 *
 * This runs in any context, also before the MMU is on: it uses no stack, calls
 * nothing, and finds its data by its distance from its code. It prints
 * nothing, since where a board has its UART isn't known here; the record is
 * read from outside. What it leaves is described in vmlinux::prune.
 */
	.set	TRAP_BYTES, 8
	.set	SUPERVISOR, 0xd3	/* IRQ and FIQ masked */

	.syntax	unified
	.arm
	.text
	.balign	4
	.globl	tuxling_trap
	.type	tuxling_trap, %function
tuxling_trap:
	sub	r1, lr, #TRAP_BYTES	/* the mode below has an lr of its own */
	msr	cpsr_c, #SUPERVISOR
	ldr	r2, distance
	add	r2, pc, r2
1:	str	r1, [r2, #4]
	str	ip, [r2, #8]
	ldr	r0, magic
	str	r0, [r2]
	b	tuxling_trap_stopped
	.size	tuxling_trap, . - tuxling_trap

	.globl	tuxling_trap_stopped
	.type	tuxling_trap_stopped, %function
tuxling_trap_stopped:
	msr	cpsr_c, #SUPERVISOR
	mov	r0, #0
	mcr	p15, 0, r0, c7, c0, 4	/* wait for interrupt, ARMv5 to v7 */
	b	tuxling_trap_stopped
	.size	tuxling_trap_stopped, . - tuxling_trap_stopped

	.balign	4
distance:
	.word	tuxling_trap_record - 1b - 4
magic:	.word	0x54524150		/* vmlinux::prune::TRAP_MAGIC */

	.data
	.balign	4
	.globl	tuxling_trap_record
	.type	tuxling_trap_record, %object
tuxling_trap_record:
	.word	0, 0, 0
	.size	tuxling_trap_record, 12

	.section .note.GNU-stack, "", %progbits
