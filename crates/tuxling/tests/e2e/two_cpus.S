/*
 * The smallest machine with two CPUs on which a trap of x86_64 can be tried: its
 * first CPU starts the second unless it is ALONE, then one of them or both come to a
 * trap (FIRST_TRAPS, SECOND_TRAPS) with interrupts off, and who doesn't counts on.
 *
 * What the handler expects of a kernel is there: which CPUs run, and their numbers;
 * level2_kernel_pgt, which maps the kernel's addresses; the table of interrupts at
 * 0xfffffe0000000000, where it can't be written to; _stext and _einittext. The header
 * is Multiboot's with load addresses (version 0.6.96, 3.1.1).
 */
	.set V, 0xffffffff80000000
	.section .head, "ax"
	.code32
header:	.long 0x1badb002, 0x10000, -(0x1badb002+0x10000)
	.long header-V, header-V, end_load-V, end_bss-V, start32-V
	.globl start32
start32: cli
	movl $(boot_stack_end-V), %esp
	jmp to_long
	.globl to_long
to_long:
	movl %cr4,%eax; orl $0x20,%eax; movl %eax,%cr4
	movl $(pml4-V),%eax; movl %eax,%cr3
	movl $0xc0000080,%ecx; rdmsr; orl $0x100,%eax; wrmsr
	movl %cr0,%eax; orl $0x80010001,%eax; movl %eax,%cr0
	lgdtl gdtr-V
	ljmpl $8,$(long64-V)
	.balign 8
gdt:	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00cf9a000000ffff
gdtr:	.word 31
	.long gdt-V
	.code64
long64:	movw $16,%ax; movw %ax,%ds; movw %ax,%es; movw %ax,%ss
	movq $high,%rax
	jmp *%rax
	.text
	.globl _stext
_stext:
high:	lidt idtr(%rip)
	movl $0x1b,%ecx; rdmsr
	testl $0x100,%eax
	jz ap
	/* first CPU */
	movq $stack0,%rsp
	/* NMI gate */
	leaq nmi_before(%rip),%rax
	leaq idt_table(%rip),%rdi
	movw %ax,32(%rdi); movw $8,34(%rdi); movb $0,36(%rdi); movb $0x8e,37(%rdi)
	shrq $16,%rax; movw %ax,38(%rdi); shrq $16,%rax; movl %eax,40(%rdi)
#if ALONE
	jmp 8f
#endif
	/* trampoline */
	movq $0x8000,%rdi; leaq tramp(%rip),%rsi; movl $(tramp_end-tramp),%ecx; cld; rep movsb
	movq $0xfee00000,%rbx
	movl $0xc4500,0x300(%rbx)
	movl $20000000,%ecx
1:	decl %ecx; jnz 1b
	movl $0xc4608,0x300(%rbx)
2:	pause; cmpl $0,ap_up(%rip); je 2b
	movq $3,__cpu_online_mask(%rip)
8:	leaq hello(%rip),%rsi
	call print
	movl $1,go(%rip)
#if FIRST_TRAPS
	call removed_on_first
#endif
3:	incq count0(%rip)
	jmp 3b
removed_on_first: call tuxling_trap
ap:	movq $stack1,%rsp
	movl $1,ap_up(%rip)
#if SECOND_TRAPS
4:	pause; cmpl $0,go(%rip); je 4b
	call removed_on_second
#endif
5:	incq count1(%rip)
	jmp 5b
removed_on_second: call tuxling_trap
nmi_before: leaq bad(%rip),%rsi
	call print
6:	jmp 6b
print:	lodsb; testb %al,%al; jz 7f; movw $0x3f8,%dx; outb %al,%dx; jmp print
7:	ret
hello:
#if ALONE
	.asciz "one runs\r\n"
#else
	.asciz "both run\r\n"
#endif
bad:	.asciz "an old gate\r\n"
	.code16
tramp:	cli
	movw %cs,%ax; movw %ax,%ds
	lgdtl tgdtr-tramp
	movl %cr0,%eax; orl $1,%eax; movl %eax,%cr0
	ljmpl $24,$(to_long_ap-tramp+0x8000)
	.code32
to_long_ap: movw $16,%ax; movw %ax,%ds; movw %ax,%ss
	movl $(to_long-V),%eax
	jmp *%eax
tgdtr:	.word 31
	.long gdt-V
tramp_end:
	.code64
	.globl _einittext
_einittext:
	.section .entry.text,"ax"
	.data
	.balign 16
idtr:	.word 4095
	.quad 0xfffffe0000000000
	.globl __cpu_online_mask, cpuid_to_apicid
__cpu_online_mask: .quad 1
cpuid_to_apicid: .long 0, 1
ap_up:	.long 0
go:	.long 0
count0:	.quad 0
count1:	.quad 0
	.balign 4096
pml4:	.quad pdpt_low-V+3
	.fill 507,8,0
	.quad pdpt_idt-V+3
	.fill 2,8,0
	.quad level3-V+3
pdpt_low: .quad pd_low-V+3,0,0,pd_apic-V+3
	.fill 508,8,0
pd_low:	.quad 0x83
	.fill 511,8,0
pd_apic: .fill 503,8,0
	/* the local APIC, Intel SDM volume 3, 11.4.1: for starting the second CPU */
	.quad 0xfee00000+0x9b
	.fill 8,8,0
pdpt_idt: .quad pd_idt-V+3
	.fill 511,8,0
pd_idt:	.quad pt_idt-V+3
	.fill 511,8,0
pt_idt:	.quad idt_table-V+1
	.fill 511,8,0
level3:	.fill 510,8,0
	.quad level2_kernel_pgt-V+3
	.quad 0
	.globl level2_kernel_pgt
level2_kernel_pgt: .quad 0x83
	.fill 511,8,0
idt_table: .fill 512,8,0
	.fill 512,8,0
stack0:	.fill 512,8,0
stack1:
boot_stack: .fill 64,8,0
boot_stack_end:
	.section .note.GNU-stack, "", @progbits
