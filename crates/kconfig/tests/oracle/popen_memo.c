/*
 * Preloaded into the kernel's conf by the differential tests: keeps what each
 * $(shell,...) command printed in $POPEN_MEMO, so that conf needs a fraction
 * of its time from the second run on. The answers are the commands' own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *last_memo;

FILE *popen(const char *command, const char *mode)
{
	FILE *(*real_popen)(const char *, const char *) = dlsym(RTLD_NEXT, "popen");
	int (*real_pclose)(FILE *) = dlsym(RTLD_NEXT, "pclose");
	const char *folder = getenv("POPEN_MEMO");
	uint64_t a = 14695981039346656037ull, b = 88172645463325252ull;
	char path[4096], temporary[4200], buffer[4096];
	FILE *memo, *pipe;
	size_t n;

	if (!folder)
		return real_popen(command, mode);
	for (const unsigned char *p = (const unsigned char *)command; *p; p++) {
		a = (a ^ *p) * 1099511628211ull;
		b = (b + *p) * 6364136223846793005ull + 1442695040888963407ull;
	}
	snprintf(path, sizeof(path), "%s/%016llx%016llx", folder,
		 (unsigned long long)a, (unsigned long long)b);
	memo = fopen(path, "r");
	if (!memo) {
		snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
		memo = fopen(temporary, "w");
		pipe = real_popen(command, mode);
		if (!memo || !pipe)
			return pipe;
		while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0)
			fwrite(buffer, 1, n, memo);
		real_pclose(pipe);
		fclose(memo);
		rename(temporary, path);
		memo = fopen(path, "r");
	}
	last_memo = memo;
	return memo;
}

int pclose(FILE *stream)
{
	int (*real_pclose)(FILE *) = dlsym(RTLD_NEXT, "pclose");

	if (stream == last_memo) {
		last_memo = NULL;
		return fclose(stream);
	}
	return real_pclose(stream);
}
