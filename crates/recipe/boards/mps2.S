/* What the boards of the MPS2 family run first: the vectors of ARMv7-M and the
 * code that hands over to a kernel in flash (Documentation/arch/arm/booting.rst).
 * KERNEL and DEVICE_TREE are addresses. */
	.syntax unified
	.thumb
	.text
	.word	0x20001000		/* the stack, until the kernel has its own */
	.word	start + 1		/* reset */
	.rept	14
	.word	halt + 1		/* all that the processor may raise */
	.endr

	.thumb_func
start:	ldr	r3, =0x40004000		/* the first UART, for what is printed early: */
	movs	r0, #16			/* BAUDDIV takes no less (CMSDK TRM, 4.3.3) */
	str	r0, [r3, #16]
	movs	r0, #1			/* CTRL: send; what would be received now, with no */
	str	r0, [r3, #8]		/* interrupt to tell of it, would be in the way for ever */
	movs	r0, #0
	mvns	r1, r0			/* no machine's number: a device tree */
	ldr	r2, =DEVICE_TREE
	ldr	r3, =KERNEL + 1
	bx	r3
	.thumb_func
halt:	b	halt
	.ltorg
