/*
 * Where a trap of a pruned ARM kernel ends. Every trap is
 *
 *	mov	ip, lr
 *	bl	tuxling_trap
 *
 * so that lr is the address behind the trap, and ip the address that the
 * pruned function would have gone back to.
 *
 * This runs in any context, also before the MMU is on: it uses no stack, and
 * finds its data by its distance from its code. What it leaves is described in
 * vmlinux::prune.
 *
 * With NAMES, every trap is one of those that stand together: its number is
 * that of its name. Of a part or in place, it was called from there.
 *
 * What a board tells of itself is in macros: UART, the physical address of a
 * PL011 that is set up; RESET_WRITES, what makes the machine begin anew, as
 * pairs of words; LAST_STOP and LAST_STOP_CLEAR, registers that keep over a
 * reset the bits that were set. Devices are reached through one entry of the
 * page tables that are in use, in the format that ARMv4 to v7 share (Arm
 * Architecture Reference Manual, short descriptors, sections).
 */
	.set	TRAP_BYTES, 8
	.set	SUPERVISOR, 0xd3	/* IRQ and FIQ masked */
	.set	DATA_REGISTER, 0	/* PL011, as in linux/amba/serial.h */
	.set	FLAG_REGISTER, 0x18
	.set	IS_FULL, 0x20
	.set	PATIENCE, 100000
	.set	WINDOW, 0xffe		/* 1 MiB below that of the vectors */
	.set	DEVICE, 0x412		/* a section, for the kernel alone */

	.syntax	unified
	.arm
	.text
	.balign	4
	.globl	tuxling_trap
	.type	tuxling_trap, %function
tuxling_trap:
	sub	r4, lr, #TRAP_BYTES	/* the mode below has an lr of its own */
	mov	r5, ip
	msr	cpsr_c, #SUPERVISOR
	ldr	r2, distance
	add	r2, pc, r2
#ifdef NAMES
1:	mov	r8, r2
	ldr	r1, traps_distance
	add	r1, pc, r1
20:	sub	r0, r4, r1
	mov	r0, r0, lsr #3		/* the names before this one */
	ldr	r6, names_distance
	add	r6, pc, r6
21:	ldr	r7, name_distance
	add	r7, pc, r7
22:	ldrb	r1, [r6], #1		/* how many letters are the same */
	add	r1, r7, r1
23:	ldrb	r2, [r6], #1
	strb	r2, [r1], #1
	cmp	r2, #0
	bne	23b
	subs	r0, r0, #1
	bpl	22b
	sub	r10, r7, #1		/* the blank before it */
	ldr	r1, parts_distance
	add	r1, pc, r1
24:	cmp	r4, r1
	subhs	r4, r5, #TRAP_BYTES
	movhs	r5, #0
	subhs	r10, r7, #4		/* " in " */
	mov	r2, r8
	str	r4, [r2, #4]
#else
1:	str	r4, [r2, #4]
#endif
	str	r5, [r2, #8]
	ldr	r0, magic
	str	r0, [r2]
#ifdef UART
	adr	r6, before_trap
	bl	tell
#endif
#ifdef LAST_STOP
	ldr	r0, =LAST_STOP_CLEAR
	bl	device
	mvn	r1, #0
	str	r1, [r0]
	ldr	r0, =LAST_STOP
	bl	device
	str	r4, [r0]
#endif
	b	tuxling_trap_stopped
	.size	tuxling_trap, . - tuxling_trap

	.globl	tuxling_trap_stopped
	.type	tuxling_trap_stopped, %function
tuxling_trap_stopped:
	msr	cpsr_c, #SUPERVISOR
#ifdef RESET_WRITES
#if SECONDS > 0
	/* As many loops as the kernel has found a tick to have. */
	ldr	r0, =SECONDS * CONFIG_HZ
	ldr	r2, loops
	add	r2, pc, r2
2:	ldr	r2, [r2]
3:	mov	r1, r2
4:	subs	r1, r1, #1
	bhi	4b
	subs	r0, r0, #1
	bne	3b
#endif
	adr	r6, writes
5:	ldr	r0, [r6], #4
	cmp	r0, #0
	beq	6f
	bl	device
	ldr	r1, [r6], #4
	str	r1, [r0]
	b	5b
6:
#endif
	mov	r0, #0
	mcr	p15, 0, r0, c7, c0, 4	/* wait for interrupt, ARMv5 to v7 */
	b	tuxling_trap_stopped
	.size	tuxling_trap_stopped, . - tuxling_trap_stopped

#if defined(UART) || defined(RESET_WRITES)
/* Makes the physical address r0 one that can be used. Uses r1 to r3. */
	.type	device, %function
device:	mrc	p15, 0, r1, c1, c0, 0
	tst	r1, #1
	moveq	pc, lr			/* the MMU is off */
	mrc	p15, 0, r1, c2, c0, 0
	mov	r1, r1, lsr #14
	mov	r1, r1, lsl #14
	add	r1, r1, #CONFIG_PAGE_OFFSET - RAM_BASE
	add	r1, r1, #(WINDOW << 2) & 0x3f00
	add	r1, r1, #(WINDOW << 2) & 0xff
	mov	r2, r0, lsr #20
	ldr	r3, =DEVICE
	orr	r2, r3, r2, lsl #20
	str	r2, [r1]
	bic	r0, r0, #0xff000000
	bic	r0, r0, #0x00f00000
	ldr	r2, =WINDOW << 20
	orr	r0, r0, r2
/* Makes the entry r1 of the page tables known. Uses r3. */
flush:	mcr	p15, 0, r1, c7, c10, 1	/* out of the data cache */
	mov	r3, #0
	mcr	p15, 0, r3, c7, c10, 4	/* and of the write buffer */
	mcr	p15, 0, r3, c8, c7, 0	/* no translation from before */
	mov	pc, lr
	.size	device, . - device
#endif

#ifdef UART
/*
 * Prints the text at r6, the address r4, and r5 where it is one of code. Uses
 * r0 to r3, r6 to r9, and ip.
 */
	.type	tell, %function
tell:	mov	r9, lr
	ldr	r0, =UART
	bl	device
	mov	r8, r0
	bl	text
	mov	r7, r4
	bl	number
#ifdef NAMES
	mov	r6, r10
	bl	text
#endif
	/* A part of a function, or a call that was rewritten, has no address to go
	   back to: what is no code is not told. */
	ldr	r0, =_stext
	cmp	r5, r0
	blo	7f
	ldr	r0, =_einittext
	cmp	r5, r0
	bhs	7f
	adr	r6, before_caller
	bl	text
	mov	r7, r5
	bl	number
7:	adr	r6, end_of_line
	mov	lr, r9
	.size	tell, . - tell

/* Prints the text at r6. */
	.type	text, %function
text:	mov	ip, lr
8:	ldrb	r0, [r6], #1
	cmp	r0, #0
	moveq	pc, ip
	bl	put
	b	8b
	.size	text, . - text

/* Prints r7 as eight hexadecimal digits. */
	.type	number, %function
number:	mov	ip, lr
	mov	r3, #8
9:	mov	r0, r7, lsr #28
	mov	r7, r7, lsl #4
	cmp	r0, #10
	addlo	r0, r0, #'0'
	addhs	r0, r0, #'a' - 10
	bl	put
	subs	r3, r3, #1
	bne	9b
	mov	pc, ip
	.size	number, . - number

/* Prints the byte in r0, when the UART takes it or has been asked so many
   times. Uses r1 and r2. */
	.type	put, %function
put:	ldr	r1, =PATIENCE
10:	ldr	r2, [r8, #FLAG_REGISTER]
	tst	r2, #IS_FULL
	beq	11f
	subs	r1, r1, #1
	bne	10b
11:	str	r0, [r8, #DATA_REGISTER]
	mov	pc, lr
	.size	put, . - put
#endif

#ifdef LAST_STOP
/*
 * Tells of the last stop, as one of the first things of a boot, and gives the
 * window back.
 */
	.type	tuxling_last_stop, %function
tuxling_last_stop:
	push	{r4-r11, lr}
	mrs	r11, cpsr
	msr	cpsr_c, #SUPERVISOR
	mrc	p15, 0, r1, c2, c0, 0
	mov	r1, r1, lsr #14
	mov	r1, r1, lsl #14
	add	r1, r1, #CONFIG_PAGE_OFFSET - RAM_BASE
	add	r1, r1, #(WINDOW << 2) & 0x3f00
	add	r1, r1, #(WINDOW << 2) & 0xff
	ldr	r2, [r1]
	push	{r1, r2}
	ldr	r0, =LAST_STOP
	bl	device
	ldr	r4, [r0]
	ldr	r0, =LAST_STOP_CLEAR
	bl	device
	mvn	r1, #0
	str	r1, [r0]
#ifdef UART
	cmp	r4, #0
	movne	r5, #0
#ifdef NAMES
	adrne	r10, no_name
#endif
	adrne	r6, before_last
	blne	tell
#endif
	pop	{r1, r2}
	str	r2, [r1]
	bl	flush
	msr	cpsr_c, r11
	mov	r0, #0
	pop	{r4-r11, pc}
	.size	tuxling_last_stop, . - tuxling_last_stop
#endif

	.balign	4
distance:
	.word	tuxling_trap_record - 1b - 4
#ifdef NAMES
	/* Where they are missing, nothing was taken away: the kernel is traced. */
	.weak	tuxling_traps_start
	.weak	tuxling_parts_start
	.weak	tuxling_trap_names
traps_distance:
	.word	tuxling_traps_start - 20b - 4
names_distance:
	.word	tuxling_trap_names - 21b - 4
name_distance:
	.word	name - 22b - 4
parts_distance:
	.word	tuxling_parts_start - 24b - 4
#endif
magic:	.word	0x54524150		/* vmlinux::prune::TRAP_MAGIC */
#ifdef RESET_WRITES
#if SECONDS > 0
loops:	.word	loops_per_jiffy - 2b - 4
#endif
writes:	.word	RESET_WRITES, 0
#endif
	.ltorg
#ifdef UART
	.balign	4			/* what `adr` reaches */
before_trap:
	.asciz	"\r\ntuxling: trap 0x"
	.balign	4
before_caller:
	.asciz	" from 0x"
	.balign	4
end_of_line:
	.ascii	"\r\n"
no_name:
	.asciz	""
#ifdef LAST_STOP
	.balign	4
before_last:
	.asciz	"\r\ntuxling: the last stop: trap 0x"
#endif
	.balign	4
#endif

	.data
	.balign	4
	.globl	tuxling_trap_record
	.type	tuxling_trap_record, %object
tuxling_trap_record:
	.word	0, 0, 0
	.size	tuxling_trap_record, 12
#ifdef NAMES
	.ascii	" in "
name:	.skip	124			/* vmlinux::prune::LONGEST_NAME and its end */
#endif

#ifdef LAST_STOP
	.section .initcallearly.init, "a", %progbits
	.balign	4
#ifdef CONFIG_HAVE_ARCH_PREL32_RELOCATIONS
	.word	tuxling_last_stop - .
#else
	.word	tuxling_last_stop
#endif
#endif

	.section .note.GNU-stack, "", %progbits
