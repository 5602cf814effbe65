/*
 * Where a trap of a pruned x86_64 kernel ends. Every trap is a call of
 * tuxling_trap: the word on top of the stack is the address behind that call,
 * the word below it the address that the pruned function would have gone
 * back to.
 *
 * This runs in any context, also at physical addresses and on a stack with
 * hardly any room: it writes to no stack, calls nothing, and finds its data by
 * its distance from its code. The only thing it waits for is the UART, for so
 * many reads and no longer. What it leaves is described in vmlinux::prune.
 *
 * With NAMES, every trap is one of those that stand together: its number is
 * that of its name. Of a part or in place, it was called from there.
 */
	.set	UART, 0x3f8
	.set	LINE_STATUS, UART + 5
	.set	CAN_TAKE_A_BYTE, 0x20
	.set	PATIENCE, 100000
	.set	MAGIC, 0x54524150	/* vmlinux::prune::TRAP_MAGIC */
	.set	CALL_BYTES, 5

	.section .text, "ax", @progbits
	.globl	tuxling_trap
	.type	tuxling_trap, @function
tuxling_trap:
	cli
	cld
	popq	%rbp			/* behind the call */
	movq	(%rsp), %rbx		/* the caller */
	subq	$CALL_BYTES, %rbp
#ifdef NAMES
	leaq	tuxling_traps_start(%rip), %rcx
	movq	%rbp, %rax
	subq	%rcx, %rax
	xorl	%edx, %edx
	movl	$CALL_BYTES, %ecx
	divq	%rcx
	movq	%rax, %rcx		/* the names before this one */
	leaq	tuxling_trap_names(%rip), %rsi
	leaq	name(%rip), %rdi
20:	movzbl	(%rsi), %edx		/* how many letters are the same */
	incq	%rsi
	addq	%rdi, %rdx
21:	lodsb
	movb	%al, (%rdx)
	incq	%rdx
	testb	%al, %al
	jnz	21b
	decq	%rcx
	jns	20b
	leaq	name - 1(%rip), %r12	/* the blank before it */
	leaq	tuxling_parts_start(%rip), %rax
	cmpq	%rax, %rbp
	jb	22f
	leaq	-CALL_BYTES(%rbx), %rbp
	xorl	%ebx, %ebx
	leaq	in_name(%rip), %r12
22:
#endif
	movq	%rbp, 8 + tuxling_trap_record(%rip)
	movq	%rbx, 16 + tuxling_trap_record(%rip)
	movq	$MAGIC, tuxling_trap_record(%rip)

	leaq	before_trap(%rip), %rsi
	leaq	2f(%rip), %r13		/* from here on: where to go on */
	jmp	text
2:	movq	%rbp, %r8
	leaq	3f(%rip), %r13
	jmp	number
#ifdef NAMES
3:	movq	%r12, %rsi
	leaq	3f(%rip), %r13
	jmp	text
#endif
	/* A part of a function, or a call that was rewritten, has no address to go
	   back to on top of the stack: what is no code is not told. */
3:	leaq	_stext(%rip), %rax
	cmpq	%rax, %rbx
	jb	5f
	leaq	_einittext(%rip), %rax
	cmpq	%rax, %rbx
	jae	5f
	leaq	before_caller(%rip), %rsi
	leaq	4f(%rip), %r13
	jmp	text
4:	movq	%rbx, %r8
	leaq	5f(%rip), %r13
	jmp	number
5:	leaq	end_of_line(%rip), %rsi
	leaq	tuxling_trap_stopped(%rip), %r13
	jmp	text

	.globl	tuxling_trap_stopped
	.type	tuxling_trap_stopped, @function
tuxling_trap_stopped:
	cli
	hlt
	jmp	tuxling_trap_stopped
	.size	tuxling_trap_stopped, . - tuxling_trap_stopped

/* Prints the text at %rsi and goes on at %r13. Uses %rax, %rcx, %rdx, %r14. */
text:	lodsb
	testb	%al, %al
	jz	7f
	leaq	text(%rip), %r14
	jmp	byte
7:	jmp	*%r13

/* Prints %r8 as sixteen hexadecimal digits and goes on at %r13. Uses %rax, %rcx,
   %rdx, %r9, %r14. */
number:	movl	$16, %r9d
	leaq	9f(%rip), %r14
8:	rolq	$4, %r8
	movl	%r8d, %eax
	andl	$15, %eax
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	byte
	addb	$'a' - '9' - 1, %al
	jmp	byte
9:	decl	%r9d
	jnz	8b
	jmp	*%r13

/* Prints %al and goes on at %r14. Uses %ah, %rcx, %rdx. */
byte:	movb	%al, %ah
	movl	$PATIENCE, %ecx
	movl	$LINE_STATUS, %edx
10:	inb	%dx, %al
	testb	$CAN_TAKE_A_BYTE, %al
	jnz	11f
	decl	%ecx
	jnz	10b
11:	movb	%ah, %al
	movl	$UART, %edx
	outb	%al, %dx
	jmp	*%r14
	.size	tuxling_trap, . - tuxling_trap

before_trap:	.asciz	"\r\ntuxling: trap 0x"
before_caller:	.asciz	" from 0x"
end_of_line:	.asciz	"\r\n"

	.section .data, "aw", @progbits
	.balign	8
	.globl	tuxling_trap_record
	.type	tuxling_trap_record, @object
tuxling_trap_record:
	.quad	0, 0, 0
	.size	tuxling_trap_record, 24

#ifdef NAMES
	/* Where they are missing, nothing was taken away: the kernel is traced. */
	.weak	tuxling_traps_start
	.weak	tuxling_parts_start
	.weak	tuxling_trap_names
in_name:
	.ascii	" in "
name:	.skip	124			/* vmlinux::prune::LONGEST_NAME and its end */
#endif

	.section .note.GNU-stack, "", @progbits
