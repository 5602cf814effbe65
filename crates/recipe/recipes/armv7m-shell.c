/*
 * The init and the shell of a machine that has no RAM for more: it is executed
 * where it is stored, and all it writes to is its stack.
 *
 * Commands are parted by `;`, words by blanks. '…' and "…" quote, \ takes the
 * next character as it is, $? is the last status, ( ) group: there is no MMU
 * and so no fork, what is in them runs in the same shell. Built in: echo, cat,
 * ls, free, sleep, eval, repeat, reboot. Another word is a program: a path, or
 * a name in /bin.
 */
#include <tuxling/calls.h>

#define LINE 256  /* of what is typed, and of a command's words */
#define WORDS 12  /* of a command */
#define DEEPEST 4 /* evals and groups in each other */

/* What these keep on the stack is there only while they run, not below a line
 * that is evaluated. */
#define APART __attribute__((noinline))

struct shell {
	int status;
	int depth;
};

/* <linux/sysinfo.h>, 32 bits. */
struct system_info {
	long uptime;
	unsigned long loads[3];
	unsigned long total, free, shared, buffers, total_swap, free_swap;
	unsigned short processes, padding;
	unsigned long total_high, free_high;
	unsigned unit;
	char reserved[8];
};

/* <linux/dirent.h> */
struct directory_entry {
	unsigned long long inode;
	long long offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static char *run(struct shell *shell, char *at);

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static unsigned digits(char *out, unsigned value)
{
	char reversed[10];
	unsigned n = 0, i;

	do {
		reversed[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	return n;
}

static void put_number(unsigned value)
{
	char out[10];

	put_bytes(out, digits(out, value));
}

static int complain(const char *what, const char *of, long error)
{
	put(what);
	put(": ");
	put(of);
	put(": error ");
	put_number((unsigned)-error);
	put("\n");
	return 1;
}

static int echo(char **words)
{
	while (*words) {
		put(*words);
		if (*++words)
			put(" ");
	}
	put("\n");
	return 0;
}

static APART int cat(char **words)
{
	int status = 0;

	for (; *words; words++) {
		char piece[128];
		long n, file = call3(CALL_OPEN, (long)*words, 0, 0);

		if (file < 0) {
			status = complain("cat", *words, file);
			continue;
		}
		while ((n = call3(CALL_READ, file, (long)piece, sizeof piece)) > 0)
			put_bytes(piece, n);
		if (n < 0)
			status = complain("cat", *words, n);
		call3(CALL_CLOSE, file, 0, 0);
	}
	return status;
}

static APART int ls(char **words)
{
	const char *folder = *words ? *words : "/";
	char piece[160] __attribute__((aligned(8)));
	long n, file = call3(CALL_OPEN, (long)folder, 0, 0);

	if (file < 0)
		return complain("ls", folder, file);
	while ((n = call3(CALL_GETDENTS64, file, (long)piece, sizeof piece)) > 0) {
		long at = 0;

		while (at < n) {
			struct directory_entry *entry = (void *)(piece + at);

			if (entry->name[0] != '.') {
				put(entry->name);
				put("\n");
			}
			at += entry->length;
		}
	}
	call3(CALL_CLOSE, file, 0, 0);
	return n < 0 ? complain("ls", folder, n) : 0;
}

static APART int show_free(void)
{
	struct system_info info;

	call3(CALL_SYSINFO, (long)&info, 0, 0);
	put("total ");
	put_number(info.total / 1024 * info.unit);
	put(" KiB free ");
	put_number(info.free / 1024 * info.unit);
	put(" KiB processes ");
	put_number(info.processes);
	put("\n");
	return 0;
}

/* A number in decimal digits; -1 where there is none. */
static long number(const char *text)
{
	long value = 0;

	if (!text || !*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > 100000000)
			return -1;
		value = 10 * value + (*text - '0');
	}
	return value;
}

static int sleep_for(char **words)
{
	long seconds = number(*words);
	long long time[2] = { seconds, 0 }; /* and nanoseconds */

	if (seconds < 0) {
		put("usage: sleep SECONDS\n");
		return 2;
	}
	return call4(CALL_CLOCK_NANOSLEEP, 1, 0, (long)time, 0) != 0;
}

/* Not inlined: what vfork's child does with the stack that it shares must not
 * reach its parent's variables. */
static APART int program(char **words)
{
	char path[64];
	const char *name = words[0];
	unsigned n = length(name), begin = 5, i;
	char *no_environment[1] = { 0 };
	int status = 0;
	long child;

	for (i = 0; i < n; i++)
		if (name[i] == '/')
			begin = 0;
	if (begin + n >= sizeof path)
		return complain("shell", name, -36); /* ENAMETOOLONG */
	for (i = 0; i < begin; i++)
		path[i] = "/bin/"[i];
	for (i = 0; i <= n; i++)
		path[begin + i] = name[i];
	child = call3(CALL_VFORK, 0, 0, 0);
	if (child == 0) {
		long error = call3(CALL_EXECVE, (long)path, (long)words,
				   (long)no_environment);

		call3(CALL_EXIT, error == -2 ? 127 : 126, 0, 0); /* ENOENT */
	}
	if (child < 0)
		return complain("shell", "vfork", child);
	call4(CALL_WAIT4, child, (long)&status, 0, 0);
	if (status & 127) {
		put(path);
		put(": ended by signal ");
		put_number(status & 127);
		put("\n");
		return 128 + (status & 127);
	}
	status = status >> 8 & 255;
	if (status == 127 || status == 126) {
		put(path);
		put(status == 127 ? ": not found\n" : ": can't be executed\n");
	}
	return status;
}

/* Words, joined, are a line of their own. They stand behind each other, each with
 * a zero at its end. */
static char *joined(char **words)
{
	char *line = words[0], *at;

	for (at = line; line && *++words; )
		for (; at < *words; at++)
			if (!*at)
				*at = ' ';
	return line;
}

static int evaluate(struct shell *shell, char **words)
{
	char *line = joined(words);

	if (!line)
		return 0;
	run(shell, line);
	return shell->status;
}

/* Stops at the first that fails. */
static int repeat(struct shell *shell, char **words)
{
	long left = number(*words);
	char *line = left < 0 ? 0 : joined(words + 1);

	if (!line) {
		put("usage: repeat TIMES COMMAND\n");
		return 2;
	}
	shell->status = 0;
	while (left-- > 0 && !shell->status)
		run(shell, line);
	return shell->status;
}

static int execute(struct shell *shell, char **words)
{
	const char *name = words[0];

	if (same(name, "echo"))
		return echo(words + 1);
	if (same(name, "cat"))
		return cat(words + 1);
	if (same(name, "ls"))
		return ls(words + 1);
	if (same(name, "free"))
		return show_free();
	if (same(name, "sleep"))
		return sleep_for(words + 1);
	if (same(name, "eval"))
		return evaluate(shell, words + 1);
	if (same(name, "repeat"))
		return repeat(shell, words + 1);
	if (same(name, "reboot"))
		return (int)call4(CALL_REBOOT, (long)0xfee1dead, 672274793,
				  0x01234567, 0);
	return program(words);
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int ends_word(char c)
{
	return !c || is_blank(c) || c == ';' || c == '(' || c == ')';
}

/* One word into `to`, what quotes is taken away. Gives where the line goes on,
 * or nothing when there is no room. */
static char *word(struct shell *shell, char *at, char **to, const char *end)
{
	char quote = 0;

	while (quote ? *at != 0 : !ends_word(*at)) {
		if (*to + 4 > end)
			return 0;
		if (*at == quote) {
			quote = 0;
		} else if (!quote && (*at == '\'' || *at == '"')) {
			quote = *at;
		} else if (quote != '\'' && at[0] == '$' && at[1] == '?') {
			*to += digits(*to, (unsigned)shell->status);
			at++;
		} else {
			if (quote != '\'' && *at == '\\' && at[1])
				at++;
			*(*to)++ = *at;
		}
		at++;
	}
	*(*to)++ = 0;
	return at;
}

/* One command, up to what ends it. */
static char *command(struct shell *shell, char *at)
{
	char *words[WORDS + 1], text[LINE];
	char *to = text;
	unsigned n = 0;

	for (;;) {
		while (is_blank(*at))
			at++;
		if (ends_word(*at))
			break;
		words[n] = to;
		at = n < WORDS ? word(shell, at, &to, text + LINE) : 0;
		if (!at) {
			put("shell: too long\n");
			shell->status = 2;
			return 0;
		}
		n++;
	}
	words[n] = 0;
	if (n)
		shell->status = execute(shell, words);
	return at;
}

/* A line, or what is in a group. Gives where it ended: at the end of the text
 * or at `)`; nothing after a mistake. */
static char *run(struct shell *shell, char *at)
{
	if (shell->depth == DEEPEST) {
		put("shell: too deep\n");
		shell->status = 2;
		return 0;
	}
	shell->depth++;
	for (;;) {
		while (is_blank(*at) || *at == ';')
			at++;
		if (!*at || *at == ')')
			break;
		if (*at == '(') {
			at = run(shell, at + 1);
			if (at && *at == ')')
				at++;
		} else {
			at = command(shell, at);
		}
		if (!at)
			break;
	}
	shell->depth--;
	return at;
}

__attribute__((noreturn, used)) static void begin(void)
{
	struct shell shell = { 0, 0 };
	char line[LINE];

	for (;;) {
		char *at;
		long n;

		put("# ");
		n = call3(CALL_READ, STANDARD_INPUT, (long)line, sizeof line - 1);
		if (n <= 0) {
			char *second[2] = { "1", 0 };

			sleep_for(second);
			continue;
		}
		line[n] = 0;
		shell.depth = 0;
		at = run(&shell, line);
		if (at && *at)
			put("shell: ) without (\n");
	}
}

START(begin)
