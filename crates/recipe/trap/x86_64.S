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
 * With more than one CPU the first that comes here tells, and all others stop:
 * by an interrupt that can't be masked, whose gate in the table of interrupts
 * leads to tuxling_cpu_stopped from here on. That lies where the kernel keeps its
 * entries, which are mapped while programs run, too. A CPU that is just being
 * brought up, and has another table, waits for the one that does it, for ever. One
 * that has not been started isn't interrupted.
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
#ifdef CONFIG_SMP
	/* Intel's Software Developer's Manual, volume 3, 11.4.4 and 11.6.1. */
	.set	APIC_BASE, 0x1b		/* the model specific register */
	.set	APIC_FIRST_CPU, 1 << 8
	.set	APIC_BY_REGISTERS, 1 << 10
	.set	APIC_IS_ON, 1 << 11
	.set	APIC_ID, 0x20		/* offsets among the APIC's words */
	.set	APIC_COMMAND, 0x300
	.set	APIC_WHOM, 0x310
	.set	APIC_ID_REGISTER, 0x802
	.set	APIC_COMMAND_REGISTER, 0x830
	.set	APIC_IS_SENDING, 1 << 12
	.set	NMI_TO_ONE, 0x4400
	.set	CR0_WRITE_PROTECT, 16	/* bits */
	.set	CR4_CONTROL_FLOW, 23
	.set	GATE_BYTES, 16
	.set	NMI, 2
	/* arch/x86/include/asm/cpu_entry_area.h, CPU_ENTRY_AREA_RO_IDT */
	.set	IDT_OF_ALL, 0xfffffe0000000000
	/* The last 2 MiB of what level2_kernel_pgt maps, behind kernel and modules,
	   and how a page of that size is mapped for registers (present, writable,
	   not cached). */
	.set	LAST_ENTRY, 511
	.set	LAST_ADDRESS, 0xffffffff80000000 + (LAST_ENTRY << 21)
	.set	REGISTERS_PAGE, 0x9b
#endif

	.section .text, "ax", @progbits
	.globl	tuxling_trap
	.type	tuxling_trap, @function
tuxling_trap:
	cli
	cld
	popq	%rbp			/* behind the call */
	movq	(%rsp), %rbx		/* the caller */
	subq	$CALL_BYTES, %rbp
#ifdef CONFIG_SMP
	lock btsl $0, taken(%rip)
	jc	tuxling_cpu_stopped
	/* Where the kernel isn't at its own addresses yet no other CPU runs. */
	leaq	tuxling_trap(%rip), %rax
	movq	$tuxling_trap, %rcx
	cmpq	%rax, %rcx
	jne	33f
	movl	$APIC_BASE, %ecx
	rdmsr
	testl	$APIC_IS_ON, %eax
	jz	33f
	shlq	$32, %rdx
	orq	%rax, %rdx
	movq	%rdx, %r8

	/* The table may be written to for once. */
	movq	%cr4, %rax
	btrq	$CR4_CONTROL_FLOW, %rax
	movq	%rax, %cr4
	movq	%cr0, %rax
	btrq	$CR0_WRITE_PROTECT, %rax
	movq	%rax, %cr0
	leaq	tuxling_cpu_stopped(%rip), %rax
	sidt	idt_register(%rip)
	movq	2 + idt_register(%rip), %rcx
30:	movw	%ax, NMI * GATE_BYTES(%rcx)
	movq	%rax, %rdx
	shrq	$16, %rdx
	movw	%dx, NMI * GATE_BYTES + 6(%rcx)
	shrq	$16, %rdx
	movl	%edx, NMI * GATE_BYTES + 8(%rcx)
	/* Any other than the first may still have a table of its own. */
	testl	$APIC_FIRST_CPU, %r8d
	jnz	31f
	movq	$IDT_OF_ALL, %rdx
	cmpq	%rdx, %rcx
	movq	%rdx, %rcx
	jne	30b

	/* To those that the kernel runs on, one by one: another would begin to run
	   where its reset or the firmware has left it. */
31:	testl	$APIC_BY_REGISTERS, %r8d
	jnz	32f
	movq	%r8, %rcx
	andq	$-(1 << 21), %rcx
	orq	$REGISTERS_PAGE, %rcx
	movq	%rcx, level2_kernel_pgt + 8 * LAST_ENTRY(%rip)
	movq	$LAST_ADDRESS, %rdx
	invlpg	(%rdx)
	andl	$0x1ff000, %r8d
	addq	%rdx, %r8		/* the APIC's words */
	movl	APIC_ID(%r8), %esi
	shrl	$24, %esi
	jmp	34f
32:	movl	$APIC_ID_REGISTER, %ecx
	rdmsr
	movl	%eax, %esi
	xorl	%r8d, %r8d
34:	xorl	%r9d, %r9d
35:	btl	%r9d, __cpu_online_mask(%rip)
	jnc	38f
	leaq	cpuid_to_apicid(%rip), %rcx
	movl	(%rcx,%r9,4), %edx
	cmpl	%esi, %edx
	je	38f
	cmpl	$-1, %edx		/* not known yet */
	je	38f
	testq	%r8, %r8
	jz	37f
	shll	$24, %edx
	movl	%edx, APIC_WHOM(%r8)
	movl	$NMI_TO_ONE, APIC_COMMAND(%r8)
	movl	$PATIENCE, %ecx
36:	testl	$APIC_IS_SENDING, APIC_COMMAND(%r8)
	jz	38f
	decl	%ecx
	jnz	36b
	jmp	38f
37:	movl	$NMI_TO_ONE, %eax
	movl	$APIC_COMMAND_REGISTER, %ecx
	wrmsr
38:	incl	%r9d
	cmpl	$CONFIG_NR_CPUS, %r9d
	jb	35b
33:
#endif
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

#ifdef CONFIG_SMP
	.section .entry.text, "ax", @progbits
	.type	tuxling_cpu_stopped, @function
tuxling_cpu_stopped:
	cli
	hlt
	jmp	tuxling_cpu_stopped
	.size	tuxling_cpu_stopped, . - tuxling_cpu_stopped

	.section .text, "ax", @progbits
#endif

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

#ifdef CONFIG_SMP
	.balign	4
taken:	.long	0			/* whether a CPU has come here */
idt_register:
	.skip	10
#endif

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
