/*
 * System calls of Linux on ARM (EABI) for programs without a C library: the
 * number in r7, arguments from r0 on, the result or -errno in r0
 * (arch/arm/tools/syscall.tbl). Such a program has no variables of its own but
 * those on its stack: its one segment is executed where it is stored.
 */
#define CALL_EXIT 1
#define CALL_READ 3
#define CALL_WRITE 4
#define CALL_OPEN 5
#define CALL_CLOSE 6
#define CALL_EXECVE 11
#define CALL_REBOOT 88
#define CALL_WAIT4 114
#define CALL_SYSINFO 116
#define CALL_VFORK 190
#define CALL_GETDENTS64 217
#define CALL_CLOCK_NANOSLEEP 407 /* with 64 bits for seconds */

#define STANDARD_INPUT 0
#define STANDARD_OUTPUT 1

/*
 * Always inlined: after vfork, child and parent return through one stack, and
 * what the child pushes there must not be what the parent goes back by.
 */
#define IN_LINE static inline __attribute__((always_inline))

IN_LINE long call4(long number, long a, long b, long c, long d)
{
	register long r7 __asm__("r7") = number;
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;

	__asm__ volatile("svc 0"
			 : "+r"(r0)
			 : "r"(r7), "r"(r1), "r"(r2), "r"(r3)
			 : "memory");
	return r0;
}

IN_LINE long call3(long number, long a, long b, long c)
{
	return call4(number, a, b, c, 0);
}

static unsigned length(const char *text)
{
	unsigned n = 0;

	while (text[n])
		n++;
	return n;
}

static void put_bytes(const char *bytes, long n)
{
	while (n > 0) {
		long wrote = call3(CALL_WRITE, STANDARD_OUTPUT, (long)bytes, n);

		if (wrote <= 0)
			return;
		bytes += wrote;
		n -= wrote;
	}
}

static void put(const char *text)
{
	put_bytes(text, length(text));
}

/* Where the kernel begins: the stack has the number of arguments, then them
 * (Documentation/userspace-api and fs/binfmt_elf_fdpic.c). */
#define START(begin)                                                        \
	__attribute__((naked, noreturn, used)) void _start(void)            \
	{                                                                   \
		__asm__ volatile("mov r0, sp\n\tb " #begin);                \
	}
