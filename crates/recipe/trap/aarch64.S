/*
 * Where a trap of a pruned kernel of 64-bit ARM ends. Every trap is
 *
 *	mov	x16, x30
 *	bl	tuxling_trap
 *
 * so that x30 is the address behind the trap, and x16 the address that the
 * pruned function would have gone back to.
 *
 * This runs in any context, also before the MMU is on and while the kernel runs at
 * its physical addresses: it uses no stack, and finds its data by its distance from
 * its code. What it leaves is described in vmlinux::prune.
 *
 * With NAMES, every trap is one of those that stand together: its number is that of
 * its name. Of a part or in place, it was called from there.
 *
 * UART is what a board tells of itself: the physical address of a PL011 that is set
 * up. With the MMU on it is reached by page tables of its own in the place of a
 * program's, which reach 4 GiB by one entry for each (Arm Architecture Reference
 * Manual for A-profile, D8: VMSAv8-64, granule of 4 KiB, first level).
 */
#include <asm/memory.h>

	.set	TRAP_BYTES, 8
	.set	DATA_REGISTER, 0	/* PL011, as in linux/amba/serial.h */
	.set	FLAG_REGISTER, 0x18
	.set	IS_FULL_BIT, 5
	.set	PATIENCE, 0x20000
	.set	T0SZ, 32		/* 64 - 32 bits of address */

	.text
	.balign	4
	.globl	tuxling_trap
	.type	tuxling_trap, %function
tuxling_trap:
	msr	daifset, #0xf
	sub	x19, x30, #TRAP_BYTES
	mov	x20, x16
#ifdef NAMES
	adr	x2, traps_distance
	ldr	x1, [x2]
	add	x1, x1, x2
	sub	x0, x19, x1
	lsr	x0, x0, #3		/* the names before this one */
	adr	x2, names_distance
	ldr	x6, [x2]
	add	x6, x6, x2
	adrp	x7, name
	add	x7, x7, :lo12:name
1:	ldrb	w1, [x6], #1		/* how many letters are the same */
	add	x1, x7, x1
2:	ldrb	w2, [x6], #1
	strb	w2, [x1], #1
	cbnz	w2, 2b
	subs	x0, x0, #1
	b.pl	1b
	sub	x22, x7, #1		/* the blank before it */
	adr	x2, parts_distance
	ldr	x1, [x2]
	add	x1, x1, x2
	cmp	x19, x1
	b.lo	3f
	sub	x19, x20, #TRAP_BYTES
	mov	x20, #0
	sub	x22, x7, #4		/* " in " */
3:
#endif
	adrp	x2, tuxling_trap_record
	add	x2, x2, :lo12:tuxling_trap_record
	stp	x19, x20, [x2, #8]
	mov	w0, #0x4150		/* vmlinux::prune::TRAP_MAGIC */
	movk	w0, #0x5452, lsl #16
	str	x0, [x2]
#ifdef UART
	bl	tell
#endif
	b	tuxling_trap_stopped
	.size	tuxling_trap, . - tuxling_trap

	.globl	tuxling_trap_stopped
	.type	tuxling_trap_stopped, %function
tuxling_trap_stopped:
	msr	daifset, #0xf
	wfi
	b	tuxling_trap_stopped
	.size	tuxling_trap_stopped, . - tuxling_trap_stopped

#ifdef UART
/* Prints what was missed: x19, and x20 where it is an address of code. */
	.type	tell, %function
tell:	mov	x24, x30
	bl	device
	cbz	x21, 5f
	adr	x6, before_trap
	bl	text
	mov	x7, x19
	bl	number
#ifdef NAMES
	mov	x6, x22
	bl	text
#endif
	/* A part of a function, or a call that was rewritten, has no address to go
	   back to: what is no code is not told. */
	adrp	x0, _stext
	add	x0, x0, :lo12:_stext
	cmp	x20, x0
	b.lo	4f
	adrp	x0, _einittext
	add	x0, x0, :lo12:_einittext
	cmp	x20, x0
	b.hs	4f
	adr	x6, before_caller
	bl	text
	mov	x7, x20
	bl	number
4:	adr	x6, end_of_line
	bl	text
5:	ret	x24
	.size	tell, . - tell

/* Makes x21 an address at which the UART is, 0 where there is none. */
	.type	device, %function
device:	mov	x21, #UART & 0xffff
	movk	x21, #UART >> 16, lsl #16
	mrs	x0, sctlr_el1
	tbz	x0, #0, 6f		/* the MMU is off */
	adr	x1, .
	tbnz	x1, #63, 7f
	bic	x0, x0, #1		/* here it isn't needed */
	msr	sctlr_el1, x0
	isb
6:	ret
7:	adrp	x1, tables
	add	x1, x1, :lo12:tables
	at	s1e1r, x1
	isb
	mrs	x0, par_el1
	tbnz	x0, #0, 8f
	and	x0, x0, #0x0000fffffffff000
	and	x1, x1, #0xfff
	orr	x0, x0, x1
	msr	ttbr0_el1, x0
	mrs	x0, tcr_el1
	bic	x0, x0, #0x3f		/* T0SZ */
	bic	x0, x0, #0x80		/* EPD0 */
	bic	x0, x0, #0xc000		/* TG0 */
	orr	x0, x0, #T0SZ
	msr	tcr_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	ret
8:	mov	x21, #0
	ret
	.size	device, . - device

/* Prints the text at x6. Uses x0 to x2, and x23. */
	.type	text, %function
text:	mov	x23, x30
9:	ldrb	w0, [x6], #1
	cbz	w0, 10f
	bl	put
	b	9b
10:	ret	x23
	.size	text, . - text

/* Prints x7 as sixteen hexadecimal digits. Uses x0 to x3, and x23. */
	.type	number, %function
number:	mov	x23, x30
	mov	w3, #16
11:	lsr	x0, x7, #60
	lsl	x7, x7, #4
	add	w1, w0, #'0'
	add	w2, w0, #'a' - 10
	cmp	w0, #10
	csel	w0, w1, w2, lo
	bl	put
	subs	w3, w3, #1
	b.ne	11b
	ret	x23
	.size	number, . - number

/* Prints the byte in w0, when the UART takes it or has been asked so many times.
   Uses x1 and x2. */
	.type	put, %function
put:	mov	w1, #PATIENCE
12:	ldr	w2, [x21, #FLAG_REGISTER]
	tbz	w2, #IS_FULL_BIT, 13f
	subs	w1, w1, #1
	b.ne	12b
13:	str	w0, [x21, #DATA_REGISTER]
	ret
	.size	put, . - put

before_trap:
	.asciz	"\r\ntuxling: trap 0x"
before_caller:
	.asciz	" from 0x"
end_of_line:
	.asciz	"\r\n"
#endif

#ifdef NAMES
	.balign	8
	/* Where they are missing, nothing was taken away: the kernel is traced. */
	.weak	tuxling_traps_start
	.weak	tuxling_parts_start
	.weak	tuxling_trap_names
traps_distance:
	.quad	tuxling_traps_start - .
names_distance:
	.quad	tuxling_trap_names - .
parts_distance:
	.quad	tuxling_parts_start - .
#endif
	.balign	4

	.data
	.balign	64
#ifdef UART
	/* For each GiB its entry, one of them with the UART: a block of device
	   memory, accessed, of the kernel's, not executed. */
	.set	BLOCK, (UART & 0xc0000000) | (3 << 53) | (1 << 10) | (MT_DEVICE_nGnRnE << 2) | 1
tables:
	.irp	gib, 0, 1, 2, 3
	.if	(UART >> 30) == \gib
	.quad	BLOCK
	.else
	.quad	0
	.endif
	.endr
#endif
	.globl	tuxling_trap_record
	.type	tuxling_trap_record, %object
tuxling_trap_record:
	.quad	0, 0, 0
	.size	tuxling_trap_record, 24
#ifdef NAMES
	.ascii	" in "
name:	.skip	124			/* vmlinux::prune::LONGEST_NAME and its end */
#endif

	.section .note.GNU-stack, "", %progbits
