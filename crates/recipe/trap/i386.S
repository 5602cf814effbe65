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
	leal	tuxling_trap_stopped - 1b(%edi), %esp
	jmp	text

	.globl	tuxling_trap_stopped
	.type	tuxling_trap_stopped, @function
tuxling_trap_stopped:
	cli
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

	.section .note.GNU-stack, "", @progbits
