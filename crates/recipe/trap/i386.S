/*
 * Where a trap of a pruned i386 kernel ends. Every trap is a call of
 * tuxling_trap: the word on top of the stack is the address behind that call,
 * the word below it the address that the pruned function would have gone
 * back to.
 *
 * This runs in any context, also before paging is on and on a stack with
 * hardly any room: it uses no stack, calls nothing, and finds its data by its
 * distance from its code. The only thing it waits for is the UART, for so many
 * reads and no longer. What it leaves is described in vmlinux::prune.
 *
 * With NAMES, every trap is one of those that stand together: its number is
 * that of its name. Of a part or in place, it was called from there.
 *
 * With RESET, the machine begins anew, SECONDS later. With LAST_STOP, the
 * physical address of RAM that neither the firmware nor the kernel writes to,
 * the next boot prints what stopped this one.
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
	popl	%ebp			/* behind the call */
	movl	(%esp), %ebx		/* the caller */
	subl	$CALL_BYTES, %ebp
	/* The address of this code, whatever it is mapped to: the call writes
	   where the trap's own return address stood. */
	call	1f
1:	popl	%edi
#ifdef NAMES
	cld
	movl	%ebp, %eax
	leal	tuxling_traps_start - 1b(%edi), %ecx
	subl	%ecx, %eax
	xorl	%edx, %edx
	movl	$CALL_BYTES, %ecx
	divl	%ecx
	movl	%eax, %ecx		/* the names before this one */
	leal	tuxling_trap_names - 1b(%edi), %esi
20:	movzbl	(%esi), %edx		/* how many letters are the same */
	incl	%esi
	leal	name - 1b(%edi,%edx), %edx
21:	lodsb
	movb	%al, (%edx)
	incl	%edx
	testb	%al, %al
	jnz	21b
	decl	%ecx
	jns	20b
	leal	name - 1 - 1b(%edi), %esi
	leal	tuxling_parts_start - 1b(%edi), %eax
	cmpl	%eax, %ebp
	jb	22f
	leal	-CALL_BYTES(%ebx), %ebp
	xorl	%ebx, %ebx
	leal	in_name - 1b(%edi), %esi
22:	movl	%esi, shown - 1b(%edi)
#endif
	movl	%ebp, 4 + tuxling_trap_record - 1b(%edi)
	movl	%ebx, 8 + tuxling_trap_record - 1b(%edi)
	movl	$MAGIC, tuxling_trap_record - 1b(%edi)
	cld

	leal	before_trap - 1b(%edi), %esi
	leal	2f - 1b(%edi), %esp	/* from here on: where to go on */
	jmp	text
2:	movl	%ebp, %edx
	leal	3f - 1b(%edi), %esp
	jmp	number
#ifdef NAMES
3:	movl	shown - 1b(%edi), %esi
	leal	3f - 1b(%edi), %esp
	jmp	text
#endif
	/* A part of a function, or a call that was rewritten, has no address to go
	   back to on top of the stack: what is no code is not told. */
3:	leal	_stext - 1b(%edi), %eax
	cmpl	%eax, %ebx
	jb	5f
	leal	_einittext - 1b(%edi), %eax
	cmpl	%eax, %ebx
	jae	5f
	leal	before_caller - 1b(%edi), %esi
	leal	4f - 1b(%edi), %esp
	jmp	text
4:	movl	%ebx, %edx
	leal	5f - 1b(%edi), %esp
	jmp	number
5:	leal	end_of_line - 1b(%edi), %esi
#ifdef LAST_STOP
	leal	30f - 1b(%edi), %esp
	jmp	text
30:	movl	boot_stack - 1b(%edi), %esp
	testl	%esp, %esp
	jnz	told			/* it is the next boot that tells */
	movl	$LAST_STOP, %edx
	movl	%cr0, %eax
	testl	%eax, %eax
	jns	31f			/* no paging */
	addl	$CONFIG_PAGE_OFFSET, %edx
31:	movl	%ebp, 4(%edx)
	movl	%ebx, 8(%edx)
	movl	$MAGIC, (%edx)
#ifdef NAMES
	movl	shown - 1b(%edi), %esi
32:	lodsb
	movb	%al, 12(%edx)
	incl	%edx
	testb	%al, %al
	jnz	32b
#endif
	jmp	tuxling_trap_stopped
#else
	leal	tuxling_trap_stopped - 1b(%edi), %esp
	jmp	text
#endif

	.globl	tuxling_trap_stopped
	.type	tuxling_trap_stopped, @function
tuxling_trap_stopped:
	cli
#ifdef RESET
#if SECONDS > 0
	/* By the counter of cycles where the kernel has measured it, else by as
	   many loops as it has found a tick to have. */
	movl	tsc_khz - 1b(%edi), %esi
	testl	%esi, %esi
	jz	43f
	movl	$SECONDS * 1000, %ebx
41:	rdtsc
	movl	%eax, %ecx
42:	rdtsc
	subl	%ecx, %eax
	cmpl	%esi, %eax
	jb	42b
	decl	%ebx
	jnz	41b
	jmp	46f
43:	movl	$SECONDS * CONFIG_HZ, %ebx
44:	movl	loops_per_jiffy - 1b(%edi), %ecx
45:	decl	%ecx
	jnz	45b
	decl	%ebx
	jnz	44b
46:
#endif
	/* The keyboard's controller, the chip set, and a fault that nothing takes:
	   one of them is there. */
	movb	$0xfe, %al
	outb	%al, $0x64
	movl	$PATIENCE, %ecx
47:	inb	$0x64, %al
	decl	%ecx
	jnz	47b
	movw	$0xcf9, %dx
	movb	$0x02, %al
	outb	%al, %dx
	movb	$0x06, %al
	outb	%al, %dx
	lidt	no_interrupts - 1b(%edi)
	int3
#endif
	hlt
	jmp	tuxling_trap_stopped
	.size	tuxling_trap_stopped, . - tuxling_trap_stopped

/* Prints the text at %esi and goes on at %esp. Uses %eax, %ecx, %edx. */
text:	lodsb
	testb	%al, %al
	jz	8f
	movb	%al, %ah
	movl	$PATIENCE, %ecx
	movl	$LINE_STATUS, %edx
6:	inb	%dx, %al
	testb	$CAN_TAKE_A_BYTE, %al
	jnz	7f
	decl	%ecx
	jnz	6b
7:	movb	%ah, %al
	movl	$UART, %edx
	outb	%al, %dx
	jmp	text
8:	jmp	*%esp

/* Prints %edx as eight hexadecimal digits and goes on at %esp. Uses %eax,
   %ecx, %edx, %esi. */
number:	movl	$8, %esi
9:	roll	$4, %edx
	movl	%edx, %eax
	andl	$15, %eax
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	10f
	addb	$'a' - '9' - 1, %al
10:	movb	%al, %ah
	xchgl	%edx, %esi		/* the digits left are in %edx for now */
	shll	$16, %edx
	orl	$LINE_STATUS, %edx
	movl	$PATIENCE, %ecx
11:	inb	%dx, %al
	testb	$CAN_TAKE_A_BYTE, %al
	jnz	12f
	decl	%ecx
	jnz	11b
12:	movb	%ah, %al
	subw	$LINE_STATUS - UART, %dx
	outb	%al, %dx
	shrl	$16, %edx
	xchgl	%edx, %esi
	decl	%esi
	jnz	9b
	jmp	*%esp
	.size	tuxling_trap, . - tuxling_trap

#ifdef LAST_STOP
/*
 * Tells of the last stop, as one of the first things of a boot. For as long as
 * that takes, the stack's register says where to go on: nothing may interrupt.
 */
	.type	tuxling_last_stop, @function
tuxling_last_stop:
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	pushl	%ebp
	pushfl
	cli
	movl	$LAST_STOP + CONFIG_PAGE_OFFSET, %edx
	cmpl	$MAGIC, (%edx)
	jne	told
	movl	$0, (%edx)
	movl	4(%edx), %ebp
	movl	8(%edx), %ebx
	call	50f
50:	popl	%edi
	subl	$50b - 1b, %edi
#ifdef NAMES
	leal	12(%edx), %eax
	movl	%eax, shown - 1b(%edi)
#endif
	movl	%esp, boot_stack - 1b(%edi)
	leal	before_last - 1b(%edi), %esi
	leal	2b - 1b(%edi), %esp
	jmp	text
told:	movl	$0, boot_stack
	popfl
	popl	%ebp
	popl	%edi
	popl	%esi
	popl	%ebx
	xorl	%eax, %eax
	ret
	.size	tuxling_last_stop, . - tuxling_last_stop

before_last:	.asciz	"\r\ntuxling: the last stop: trap 0x"
#endif
#ifdef RESET
no_interrupts:	.word	0
	.long	0
#endif
before_trap:	.asciz	"\r\ntuxling: trap 0x"
before_caller:	.asciz	" from 0x"
end_of_line:	.asciz	"\r\n"

	.section .data, "aw", @progbits
	.balign	4
	.globl	tuxling_trap_record
	.type	tuxling_trap_record, @object
tuxling_trap_record:
	.long	0, 0, 0
	.size	tuxling_trap_record, 12

#ifdef NAMES
	/* Where they are missing, nothing was taken away: the kernel is traced. */
	.weak	tuxling_traps_start
	.weak	tuxling_parts_start
	.weak	tuxling_trap_names
shown:	.long	0
in_name:
	.ascii	" in "
name:	.skip	124			/* vmlinux::prune::LONGEST_NAME and its end */
#endif

#ifdef LAST_STOP
	.balign	4
boot_stack:	.long	0

	.section .initcallearly.init, "a", @progbits
#ifdef CONFIG_HAVE_ARCH_PREL32_RELOCATIONS
	.long	tuxling_last_stop - .
#else
	.long	tuxling_last_stop
#endif
#endif

	.section .note.GNU-stack, "", @progbits
