/*
 * The kernel's decompressor as a program: unpacks standard input as a kernel
 * (`kernel`) or as a ramdisk (`ramdisk`), or unpacks N damaged variants of it
 * (`fuzz N SEED`), which must neither fault nor write outside of the output.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;

#define STATIC static
#define INIT
#define large_malloc malloc
#define large_free free
#include "decompress_uncm.c"

static int told, silent;
static unsigned long flushed;

static void error(char *x)
{
	told++;
	if (!silent)
		fprintf(stderr, "%s\n", x);
}

static long flush(void *bytes, unsigned long size)
{
	flushed += size;
	return silent ? (long)size : (long)fwrite(bytes, 1, size, stdout);
}

static u32 next_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* What unpacks without a word is what the checksum says. */
static int fuzz(const u8 *good, long bytes, long count, u32 seed)
{
	u8 *bad = malloc(bytes);
	long i, whole = 0, used;

	silent = 1;
	for (i = 0; i < count; i++) {
		long length = bytes, changes = 1 + next_random(&seed) % 4;
		int failed;

		memcpy(bad, good, bytes);
		if (next_random(&seed) % 4 == 0)
			length = next_random(&seed) % (bytes + 1);
		while (changes--) {
			u32 at = next_random(&seed) % (next_random(&seed) % 2 ? 64 : bytes);

			if (at < (u32)bytes)
				bad[at] = next_random(&seed);
		}
		/* Nobody's RAM is that large. */
		bad[14] &= 1;
		bad[15] = 0;
		if (bad[5] > 18)
			bad[5] = 16;
		told = 0;
		/* An input of exactly that length, for the sanitizer to watch. */
		u8 *exact = malloc(length ? length : 1);

		memcpy(exact, bad, length);
		failed = uncm(exact, length, NULL, flush, NULL, &used, error);
		free(exact);
		if (!failed != !told || (!failed && used > length)) {
			fprintf(stderr, "input %ld: result %d, %d messages\n", i, failed, told);
			return 1;
		}
		whole += !failed;
	}
	printf("%ld inputs, %ld of them whole\n", count, whole);
	free(bad);
	return 0;
}

int main(int argc, char **argv)
{
	u8 *in = malloc(1 << 26), *out;
	long bytes = fread(in, 1, 1 << 26, stdin), used;
	u32 size;

	if (argc == 4 && !strcmp(argv[1], "fuzz")) {
		int failed = fuzz(in, bytes, atol(argv[2]), atol(argv[3]) | 1);

		free(in);
		return failed;
	}
	if (argc == 2 && !strcmp(argv[1], "ramdisk"))
		return uncm(in, bytes, NULL, flush, NULL, &used, error) ? 1 : 0;
	size = bytes < CM_HEADER ? 0 : cm_number(in + 12);
	out = malloc(size + 1);
	if (__decompress(in, bytes, NULL, NULL, out, size, &used, error))
		return 1;
	fwrite(out, 1, size, stdout);
	return 0;
}
