/*
 * A second program, for checks that programs can be started: it says
 * its arguments.
 */
#include <tuxling/calls.h>

__attribute__((noreturn, used)) static void begin(long *stack)
{
	char **words = (char **)(stack + 1);
	long i, n = stack[0];

	put("hello");
	for (i = 1; i < n; i++) {
		put(" ");
		put(words[i]);
	}
	put("\n");
	for (;;)
		call3(CALL_EXIT, 0, 0, 0);
}

START(begin)
