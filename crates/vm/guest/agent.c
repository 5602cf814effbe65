/*
 * The checks' agent: what runs inside the guest at check time, and never in
 * a shipped ramdisk.
 *
 * The kernel starts it as pid 1 (rdinit=/.tuxling/init). It opens its channel,
 * a serial port of its own, forks, and becomes the system's real init by
 * execve(2); the child runs the checks beside it and writes what it sees to
 * the channel. It judges nothing: the host does.
 *
 * It must run on the smallest kernels: it needs no /proc, /sys, /dev, no
 * futexes, timers, signal handlers or locales, it waits with poll(2) only
 * (whose timeout is in milliseconds: 32-bit kernels without COMPAT_32BIT_TIME
 * lack the other calls), and everything has a fixed size.
 *
 * The plan (/.tuxling/plan) and the messages are described in
 * src/check/agent.rs and src/check/protocol.rs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef HOME
#define HOME "/.tuxling" /* the tests of the agent itself have another one */
#endif
#define OUTPUT_MAX 16384 /* of one check's output; the rest is counted */
#define CHUNK 384        /* bytes of text in one message */
#define LINE_MAX_ 2048   /* one message, escapes included */
#define WORDS_MAX 64     /* of one line of the plan */
#define RETRY_MS 50
#define LOOK_MS 1000
#define CHANNEL_WAIT_MS 1000
#define DEBUG_PORT 0xe9 /* of Bochs, and of QEMU's isa-debugcon */
#define CALM_PORT 4242 /* as in src/check/gateway/relay.rs */

typedef uint64_t u64;
typedef uint32_t u32;

static int channel = -1;
static int debug_port; /* the I/O port that is the channel, where /dev/port is */
/* HOME's folder where that is on a disk of ours, outside of the root. */
static int home = AT_FDCWD;
static char plan[65536];
static char output[OUTPUT_MAX];
static size_t output_len;
static u64 output_lost;
static const char *nonce = "0";
static unsigned long sequence;
static char stream = 'a';
static u64 settle_ns;
static u64 looked_ns;
static u64 settled_ns;
static int quiet_ms;

/* ---- time ---- */

static u64 now_ns(void)
{
	struct timespec t = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void wait_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* The processor's cycle counter: under QEMU's -icount shift=0 the number of
 * instructions since reset. 0 where there is none to read. */
static u64 ticks(void)
{
#if defined(__i386__) || defined(__x86_64__)
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
#else
	return 0;
#endif
}

/* ---- messages ---- */

/* CRC-32 as in IEEE 802.3, bit by bit: messages are few and short. */
static u32 crc32(const char *bytes, size_t n)
{
	u32 crc = ~0u;

	while (n--) {
		crc ^= (unsigned char)*bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t wrote = write(fd, bytes, n);

		if (wrote < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (wrote <= 0) {
			wait_ms(1);
			continue;
		}
		bytes += wrote;
		n -= (size_t)wrote;
	}
}

/* A number's digits, at least so many of them. Returns their number. */
static size_t digits(char *out, u64 value, unsigned base, int least)
{
	char reversed[24];
	int n = 0;

	do {
		reversed[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || n < least);
	for (int i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	return (size_t)n;
}

/* What is needed of vsnprintf(3), which with all that it calls is a third of a
 * static program of this size: %s, %c, %d, %u, %x with `l`, `ll` and a width
 * that is filled with zeros. Returns the length that there would be. */
static size_t vformat(char *out, size_t room, const char *format, va_list args)
{
	size_t n = 0;

	for (; *format; format++) {
		char number[24];
		const char *part = number;
		size_t length = 1;
		int longs = 0, width = 0;
		u64 value;

		if (*format != '%') {
			part = format;
		} else {
			while (*++format >= '0' && *format <= '9')
				width = 10 * width + *format - '0';
			for (; *format == 'l'; format++)
				longs++;
			switch (*format) {
			case 's':
				part = va_arg(args, const char *);
				length = strlen(part);
				break;
			case 'c':
				number[0] = (char)va_arg(args, int);
				break;
			case 'd':
				value = (u64)va_arg(args, int);
				number[0] = '-';
				if ((int64_t)value < 0)
					length = 1 + digits(number + 1, -value, 10, 1);
				else
					length = digits(number, value, 10, 1);
				break;
			default: /* u, x */
				value = longs == 2 ? va_arg(args, unsigned long long) :
					longs ? va_arg(args, unsigned long) :
						va_arg(args, unsigned);
				length = digits(number, value, *format == 'x' ? 16 : 10,
						width);
			}
		}
		if (n + length < room)
			memcpy(out + n, part, length);
		n += length;
	}
	if (room)
		out[n < room ? n : room - 1] = 0;
	return n;
}

static size_t format(char *out, size_t room, const char *text, ...)
{
	va_list args;
	size_t n;

	va_start(args, text);
	n = vformat(out, room, text, args);
	va_end(args);
	return n;
}

/* One message, one write: two processes' lines don't mix. */
static void say(const char *text, ...)
{
	char line[LINE_MAX_];
	va_list args;
	size_t head, n;

	head = format(line, sizeof line, "tuxling1 %s %c%lu ", nonce, stream,
		      sequence++);
	va_start(args, text);
	n = head + vformat(line + head, sizeof line - 16 - head, text, args);
	va_end(args);
	if (n >= sizeof line - 16)
		return; /* can't be: texts are cut into chunks. The gap tells. */
	n += format(line + n, 16, " %08lx\n", (unsigned long)crc32(line, n));
	if (debug_port) /* what follows in one write goes to the next port */
		for (size_t i = 0; i < n; i++)
			pwrite(channel, line + i, 1, debug_port);
	else
		write_all(channel, line, n);
}

/* Says on the console or to a check's output that a call failed: by number,
 * since the texts of all errors are larger than the agent. */
static void complain(const char *what, const char *of, int error)
{
	char line[256];

	format(line, sizeof line, "%s%s: error %d\n", what, of, error);
	write_all(2, line, strlen(line));
}

/* A number in decimal digits. */
static u64 number(const char *text)
{
	u64 value = 0;

	while (*text >= '0' && *text <= '9')
		value = 10 * value + (u64)(*text++ - '0');
	return value;
}

/* Printable ASCII but blank and '%' as it is, all else as %XX. */
static void escape(char *out, const char *in, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	while (n--) {
		unsigned char c = (unsigned char)*in++;

		if (c > ' ' && c < 127 && c != '%') {
			*out++ = (char)c;
		} else {
			*out++ = '%';
			*out++ = hex[c >> 4];
			*out++ = hex[c & 15];
		}
	}
	*out = 0;
}

static void say_text(const char *kind, const char *of, const char *text, size_t n)
{
	char escaped[3 * CHUNK + 1];

	while (n) {
		size_t part = n < CHUNK ? n : CHUNK;

		escape(escaped, text, part);
		say("%s %s %s", kind, of, escaped);
		text += part;
		n -= part;
	}
}

/* ---- SHA-256 (FIPS 180-4) ---- */

struct sha256 {
	u32 state[8];
	u64 length;
	unsigned char block[64];
};

static const u32 round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate(u32 x, int n)
{
	return x >> n | x << (32 - n);
}

static void sha256_block(struct sha256 *sha)
{
	u32 w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = (u32)sha->block[4 * i] << 24 | (u32)sha->block[4 * i + 1] << 16 |
		       (u32)sha->block[4 * i + 2] << 8 | sha->block[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, sha->state, sizeof s);
	for (int i = 0; i < 64; i++) {
		u32 t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
			 ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
		u32 t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
			 ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof *s);
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		sha->state[i] += s[i];
}

static void sha256_start(struct sha256 *sha)
{
	static const u32 start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(sha->state, start, sizeof start);
	sha->length = 0;
}

static void sha256_add(struct sha256 *sha, const unsigned char *bytes, size_t n)
{
	while (n--) {
		sha->block[sha->length++ % 64] = *bytes++;
		if (sha->length % 64 == 0)
			sha256_block(sha);
	}
}

static void sha256_end(struct sha256 *sha, char hex[65])
{
	u64 bits = sha->length * 8;
	unsigned char byte = 0x80;

	sha256_add(sha, &byte, 1);
	byte = 0;
	while (sha->length % 64 != 56)
		sha256_add(sha, &byte, 1);
	for (int i = 7; i >= 0; i--) {
		byte = (unsigned char)(bits >> 8 * i);
		sha256_add(sha, &byte, 1);
	}
	for (int i = 0; i < 8; i++)
		format(hex + 8 * i, 9, "%08lx", (unsigned long)sha->state[i]);
}

/* Says the size and the SHA-256 of a file, and removes it. */
static void say_digest(const char *id, const char *path)
{
	static unsigned char bytes[4096];
	struct sha256 sha;
	char hex[65];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		say("digest %s error %d", id, errno);
		return;
	}
	sha256_start(&sha);
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		sha256_add(&sha, bytes, (size_t)n);
	if (n < 0) {
		say("digest %s error %d", id, errno);
	} else {
		unsigned long long size = sha.length;

		sha256_end(&sha, hex);
		say("digest %s %llu %s", id, size, hex);
	}
	close(fd);
	unlink(path);
}

/* The path of one of our files, for calls that take `home`. Where HOME is in the
 * root it is absolute, and nothing is asked of the kernel but what init asks: a
 * pruned kernel may not know relative paths, and was proven with an agent that
 * didn't use them. Good until the next call. */
static const char *ours(const char *name)
{
	static char path[80];

	format(path, sizeof path, "%s%s", home == AT_FDCWD ? HOME "/" : "", name);
	return path;
}

/* ---- running commands ---- */

struct ended {
	const char *how; /* status, signal, timeout, error */
	int value;
	u64 last_ns; /* how long the last attempt took */
};

static void run_child(char **argv, int in, int out)
{
	static char *env[] = {
		"PATH=/sbin:/usr/sbin:/bin:/usr/bin", "HOME=/", "TERM=linux", NULL,
	};

	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	environ = env;
	execvp(argv[0], argv);
	if (home != AT_FDCWD && !strncmp(argv[0], HOME "/", sizeof HOME))
		fexecve(openat(home, argv[0] + sizeof HOME, O_RDONLY), argv, env);
	complain("can't execute ", argv[0], errno);
	_exit(127);
}

/* Keeps what there is to read; 0 at the end of it. */
static int keep_output(int fd)
{
	char bytes[512];
	ssize_t n = read(fd, bytes, sizeof bytes);
	size_t fits;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	fits = OUTPUT_MAX - output_len;
	if (fits > (size_t)n)
		fits = (size_t)n;
	memcpy(output + output_len, bytes, fits);
	output_len += fits;
	output_lost += (size_t)n - fits;
	return n > 0;
}

static struct ended ended_by(int status, u64 since)
{
	struct ended ended = { "status", WEXITSTATUS(status), now_ns() - since };

	if (WIFSIGNALED(status)) {
		ended.how = "signal";
		ended.value = WTERMSIG(status);
	}
	return ended;
}

/* Waits for the child and keeps its output, until it ends or the time is up. */
static struct ended wait_for(pid_t pid, int out, u64 since, u64 until)
{
	int open_ = 1, status;

	for (;;) {
		struct pollfd p = { .fd = open_ ? out : -1, .events = POLLIN };
		u64 now = now_ns();

		if (now >= until)
			break;
		poll(&p, 1, open_ ? 10 : 1);
		if (p.revents)
			open_ = keep_output(out);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			struct ended ended = ended_by(status, since);

			for (int i = 0; i < 256 && open_; i++) {
				struct pollfd rest = { .fd = out, .events = POLLIN };

				if (poll(&rest, 1, 0) <= 0)
					break;
				open_ = keep_output(out);
			}
			return ended;
		}
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	for (int i = 0; i < 200 && waitpid(pid, &status, WNOHANG) != pid; i++)
		wait_ms(10);
	return (struct ended){ "timeout", 0, now_ns() - since };
}

/* Runs a command once; its output is in `output`. */
static struct ended run_once(char **argv, u64 until)
{
	int in[2], out[2];
	u64 since = now_ns();
	struct ended ended = { "error", 0, 0 };
	pid_t pid;

	output_len = 0;
	output_lost = 0;
	if (pipe2(in, O_CLOEXEC) < 0) {
		ended.value = errno;
		return ended;
	}
	if (pipe2(out, O_CLOEXEC) < 0) {
		ended.value = errno;
		close(in[0]);
		close(in[1]);
		return ended;
	}
	pid = fork();
	if (pid == 0)
		run_child(argv, in[0], out[1]);
	ended.value = errno;
	close(in[0]);
	close(in[1]); /* standard input is at its end from the start */
	close(out[1]);
	if (pid > 0) {
		fcntl(out[0], F_SETFL, O_NONBLOCK);
		ended = wait_for(pid, out[0], since, until);
	}
	close(out[0]);
	return ended;
}

/* Whether the system may still be coming up. On a host that stalls, the guest's
 * clock runs on while the guest stands still: what passed since the last look
 * counts for no more than LOOK_MS. */
static int settling(void)
{
	u64 now = now_ns(), passed = now - looked_ns, most = LOOK_MS * 1000000ull;

	looked_ns = now;
	settled_ns += passed < most ? passed : most;
	return settled_ns <= settle_ns;
}

/* Runs a command. A system needs a moment to come up: within the settling time
 * a command that fails, or that doesn't print what is wanted, is run again. */
static struct ended run(char **argv, const char *want, u64 until, int *attempts)
{
	for (;;) {
		struct ended ended = run_once(argv, until);
		int early = settling();

		++*attempts;
		if (!strcmp(ended.how, "status") && ended.value == 0 &&
		    (!want || memmem(output, output_len, want, strlen(want))))
			return ended;
		if (!early || now_ns() + RETRY_MS * 1000000ull >= until)
			return ended;
		wait_ms(RETRY_MS);
	}
}

/* ---- what is not a command ---- */

/* Waits until the interface has an IPv4 address and says which. */
static struct ended wait_for_address(const char *id, const char *interface, u64 until)
{
	u64 since = now_ns();
	int error = ENODEV;

	do {
		struct ifreq request;
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int found = -1;

		memset(&request, 0, sizeof request);
		strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
		if (fd >= 0)
			found = ioctl(fd, SIOCGIFADDR, &request);
		error = errno;
		if (fd >= 0)
			close(fd);
		if (found == 0) {
			u32 a = ntohl(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr);

			say("address %s %u.%u.%u.%u", id, (unsigned)(a >> 24),
			    (unsigned)(a >> 16 & 255), (unsigned)(a >> 8 & 255),
			    (unsigned)(a & 255));
			return (struct ended){ "status", 0, now_ns() - since };
		}
		wait_ms(RETRY_MS);
	} while (now_ns() < until);
	say("address %s error %d", id, error);
	return (struct ended){ "timeout", 0, now_ns() - since };
}

/* ---- echo ---- */

/* The bytes of an echo, one after the other: the host makes the same ones
 * (check/echo.rs). */
static unsigned char next_byte(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return (unsigned char)(*state >> 24);
}

struct echo {
	const char *id;
	int udp;
	struct sockaddr_in to;
	u64 size;
	u32 key;
	u64 until;
	u64 back; /* bytes that came back */
	struct sha256 sha;
};

#define DATAGRAM 512

static int wait_until(int fd, short events, u64 until)
{
	struct pollfd p = { .fd = fd, .events = events };
	u64 now;

	while ((now = now_ns()) < until) {
		u64 ms = (until - now) / 1000000u + 1;

		if (poll(&p, 1, ms < 100 ? (int)ms : 100) > 0)
			return p.revents;
	}
	return 0;
}

/* Takes what has come back. 1: more may come; 0: the end; -1: an error. */
static int take_back(struct echo *echo, int fd)
{
	unsigned char bytes[2048];
	ssize_t n = recv(fd, bytes, sizeof bytes, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -1;
	echo->back += (u64)n;
	sha256_add(&echo->sha, bytes, (size_t)n);
	return n > 0;
}

/* Sends all, and reads until the other side closes. */
static int echo_stream(struct echo *echo, int fd)
{
	unsigned char piece[1024];
	size_t have = 0, sent = 0;
	u64 left = echo->size;
	u32 state = echo->key;
	int open_ = 1;

	for (;;) {
		short events = (short)(POLLIN | (open_ ? POLLOUT : 0));
		int ready = wait_until(fd, events, echo->until), more;

		if (!ready)
			return ETIMEDOUT;
		if (ready & ~POLLOUT) {
			more = take_back(echo, fd);
			if (more <= 0)
				return more < 0 ? errno : 0;
		}
		if (!open_ || !(ready & POLLOUT))
			continue;
		if (sent == have) {
			for (have = 0, sent = 0; have < sizeof piece && left; left--)
				piece[have++] = next_byte(&state);
		}
		if (have == 0) {
			open_ = 0;
			shutdown(fd, SHUT_WR);
		} else {
			ssize_t n = send(fd, piece + sent, have - sent, MSG_NOSIGNAL);

			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return errno;
			sent += n > 0 ? (size_t)n : 0;
		}
	}
}

/* Sends one datagram after the other, each again every second until there is
 * an answer: datagrams may be lost on the way. */
static int echo_datagrams(struct echo *echo, int fd)
{
	unsigned char piece[DATAGRAM];
	u32 state = echo->key;

	for (u64 left = echo->size; left;) {
		size_t n = 0;
		u64 back = echo->back;

		while (n < sizeof piece && left) {
			piece[n++] = next_byte(&state);
			left--;
		}
		while (echo->back == back) {
			u64 next = now_ns() + 1000000000u;

			if (now_ns() >= echo->until)
				return ETIMEDOUT;
			if (send(fd, piece, n, 0) < 0)
				return errno;
			if (next > echo->until)
				next = echo->until;
			if (wait_until(fd, POLLIN, next) && take_back(echo, fd) < 0)
				return errno;
		}
	}
	return 0;
}

static int echo_once(struct echo *echo)
{
	int kind = (echo->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(AF_INET, kind, 0), error = 0;
	socklen_t size = sizeof error;

	if (fd < 0)
		return errno;
	echo->back = 0;
	sha256_start(&echo->sha);
	if (connect(fd, (struct sockaddr *)&echo->to, sizeof echo->to) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (wait_until(fd, POLLOUT, echo->until))
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	if (!error)
		error = echo->udp ? echo_datagrams(echo, fd) : echo_stream(echo, fd);
	close(fd);
	return error;
}

/* Words: tcp or udp, address, port, size, key. Says what came back. */
static struct ended run_echo(const char *id, char **words, u64 until, int *attempts)
{
	struct echo echo = { .id = id, .until = until };
	u64 since;
	int error, early;

	echo.udp = !strcmp(words[0], "udp");
	echo.to.sin_family = AF_INET;
	echo.to.sin_addr.s_addr = htonl((u32)number(words[1]));
	echo.to.sin_port = htons((uint16_t)number(words[2]));
	echo.size = number(words[3]);
	echo.key = (u32)number(words[4]);
	for (;;) {
		since = now_ns();
		error = echo_once(&echo);
		early = settling();
		++*attempts;
		/* Without any answer yet, the network may still be coming up. */
		if (!error || echo.back || !early ||
		    now_ns() + RETRY_MS * 1000000ull >= until)
			break;
		wait_ms(RETRY_MS);
	}
	if (error && error != ETIMEDOUT && !echo.back) {
		say("digest %s error %d", id, error);
	} else {
		unsigned long long back = echo.back;
		char hex[65];

		sha256_end(&echo.sha, hex);
		say("digest %s %llu %s", id, back, hex);
	}
	return (struct ended){ error == ETIMEDOUT ? "timeout" : "status", 0,
			       now_ns() - since };
}

/* Reads a file of the proc file system into `output`, which mounts it for the
 * moment when the system hasn't. */
static size_t read_proc(const char *name)
{
	char path[64];
	int mounted = 0, fd;
	ssize_t n = 0;
	size_t have = 0;

	format(path, sizeof path, "/proc/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (home == AT_FDCWD || fchdir(home) == 0)) {
		mkdir(ours("proc"), 0700);
		mounted = mount("proc", ours("proc"), "proc", 0, NULL) == 0;
		format(path, sizeof path, "proc/%s", name);
		fd = open(ours(path), O_RDONLY | O_CLOEXEC);
	}
	while (fd >= 0 && have < OUTPUT_MAX - 1 &&
	       (n = read(fd, output + have, OUTPUT_MAX - 1 - have)) > 0)
		have += (size_t)n;
	output[have] = 0;
	if (fd >= 0)
		close(fd);
	if (mounted)
		umount(ours("proc"));
	if (home != AT_FDCWD)
		chdir("/");
	return have;
}

static void say_memory(const char *when)
{
	struct sysinfo info;

	if (sysinfo(&info) == 0) {
		u64 unit = info.mem_unit ? info.mem_unit : 1;

		say("memory %s %llu %llu %llu", when,
		    (unsigned long long)(info.totalram * unit / 1024),
		    (unsigned long long)(info.freeram * unit / 1024),
		    (unsigned long long)(info.bufferram * unit / 1024));
	}
	say_text("meminfo", when, output, read_proc("meminfo"));
	say_text("zoneinfo", when, output, read_proc("zoneinfo"));
}

/* A system is left in peace for a moment before its RAM is measured: packets
 * on their way and processes that have just ended still hold some. */
static void say_memory_after(void)
{
	if (quiet_ms)
		wait_ms(quiet_ms);
	say_memory("after");
}

/* What the agent itself costs: its files' pages, and its anonymous memory. */
static void say_own_cost(void)
{
	static const char *const files[] = { "init", "plan" };
	unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	unsigned long file_pages = 0, resident = 0, shared = 0;
	struct rusage usage;
	struct stat st;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (fstatat(home, ours(files[i]), &st, 0) == 0)
			file_pages += ((unsigned long)st.st_size + page - 1) / page;
	if (read_proc("self/statm") > 0) {
		char *at = strchr(output, ' ');

		resident = at ? (unsigned long)number(at + 1) : 0;
		at = at ? strchr(at + 1, ' ') : NULL;
		shared = at ? (unsigned long)number(at + 1) : 0;
	}
	if (resident == 0) {
		if (getrusage(RUSAGE_SELF, &usage) == 0)
			resident = (unsigned long)usage.ru_maxrss * 1024 / page;
	}
	say("agent %lu %lu", file_pages * page / 1024,
	    (resident - shared) * page / 1024);
}

/* ---- the plan ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Undoes escape(), in place. */
static void unescape(char *word)
{
	char *out = word;

	for (char *in = word; *in; in++) {
		int high = *in == '%' ? hex_digit(in[1]) : -1;
		int low = high >= 0 ? hex_digit(in[2]) : -1;

		if (low >= 0) {
			*out++ = (char)(high << 4 | low);
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = 0;
}

/* Splits the next line into words ("-" is the empty one); 0 at the end of the
 * plan. */
static int next_line(char **at, char *words[WORDS_MAX + 1])
{
	char *line = *at, *end = strchr(line, '\n');
	int n = 0;

	if (!*line)
		return 0;
	if (end)
		*end = 0;
	*at = end ? end + 1 : line + strlen(line);
	for (char *word = strtok(line, " "); word && n < WORDS_MAX; word = strtok(NULL, " "))
		words[n++] = word;
	for (int i = 0; i < n; i++) {
		if (!strcmp(words[i], "-"))
			words[i][0] = 0;
		else
			unescape(words[i]);
	}
	words[n] = NULL;
	return n;
}

static int read_plan(void)
{
	int fd = open(HOME "/plan", O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while (have < sizeof plan - 1 &&
	       (n = read(fd, plan + have, sizeof plan - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	return have > 0;
}

/* One line: KIND LIMIT_MS WANT ARG... */
static void run_line(char **words, int n, int *checks, int *exercises)
{
	int exercise = !strcmp(words[0], "exercise"), attempts = 0;
	char id[16];
	u64 since = now_ns();
	u64 until = since + number(words[1]) * 1000000u;
	struct ended ended;

	if (n < 4)
		return;
	format(id, sizeof id, "%c%d", exercise ? 'x' : 'c',
		 exercise ? (*exercises)++ : (*checks)++);
	say("start %s", id);
	if (!strcmp(words[0], "address")) {
		output_len = 0;
		ended = wait_for_address(id, words[3], until);
		attempts = 1;
	} else if (!strcmp(words[0], "echo")) {
		output_len = 0;
		ended = (struct ended){ "error", EINVAL, 0 };
		if (n == 8)
			ended = run_echo(id, words + 3, until, &attempts);
	} else if (exercise) {
		ended = run_once(words + 3, until);
		attempts = 1;
	} else {
		int fetch = !strcmp(words[0], "fetch");

		ended = run(words + 3, fetch || !*words[2] ? NULL : words[2], until,
			    &attempts);
	}
	u64 total = now_ns() - since, at = ticks();

	if (!exercise)
		say_text("output", id, output, output_len);
	if (!strcmp(words[0], "fetch"))
		say_digest(id, words[2]);
	say("end %s %s %d %d %llu %llu %llu %llu", id, ended.how, ended.value,
	    attempts, (unsigned long long)total, (unsigned long long)ended.last_ns,
	    (unsigned long long)at, (unsigned long long)output_lost);
}

/* Restarts the machine, by the system's own way first: BusyBox' init takes
 * SIGTERM for "reboot". One that doesn't is left behind. */
static void leave(int idle_ms)
{
	wait_ms(idle_ms);
	kill(1, SIGTERM);
	wait_ms(4000);
	sync();
	reboot(RB_AUTOBOOT);
}

/* Tells the gateway that it may send what nobody asked for, and waits until it
 * says that it has sent all of it. */
static void wait_for_calm(int limit_ms, u32 gateway)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(CALM_PORT),
				     .sin_addr.s_addr = htonl(gateway) };
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(CALM_PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd look = { .fd = fd, .events = POLLIN };
	char text[16];
	u64 until = now_ns() + (u64)limit_ms * 1000000u;

	if (fd >= 0 && bind(fd, (void *)&here, sizeof here) == 0) {
		sendto(fd, "ready", 5, 0, (void *)&there, sizeof there);
		while (now_ns() < until) {
			if (poll(&look, 1, 100) == 1 &&
			    recv(fd, text, sizeof text, 0) == 4 && !memcmp(text, "calm", 4))
				break;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void run_plan(char *at)
{
	char *words[WORDS_MAX + 1];
	int n, checks = 0, exercises = 0, measured = 0, leave_ms = -1;

	looked_ns = now_ns();
	say_memory("before");
	while ((n = next_line(&at, words)) > 0) {
		if (!measured && !strcmp(words[0], "exercise")) {
			say_memory_after();
			measured = 1;
		}
		if (n > 1 && !strcmp(words[0], "leave"))
			leave_ms = (int)number(words[1]);
		else if (n > 1 && !strcmp(words[0], "wait"))
			wait_ms((int)number(words[1]));
		else if (n > 2 && !strcmp(words[0], "calm"))
			wait_for_calm((int)number(words[1]), (u32)number(words[2]));
		else if (n > 1)
			run_line(words, n, &checks, &exercises);
		else if (!strcmp(words[0], "skip"))
			checks++; /* typed at the console */
	}
	if (!measured)
		say_memory_after();
	say_own_cost();
	say("done");
	tcdrain(channel);
	if (leave_ms >= 0)
		leave(leave_ms);
}

static void open_channel(void)
{
	struct termios t;
	struct stat st;

	/* A port on a bus may turn up a moment later than init. */
	for (int i = 0; i < CHANNEL_WAIT_MS / 10; i++) {
		channel = open(HOME "/channel", O_WRONLY | O_NOCTTY | O_CLOEXEC);
		if (channel >= 0 || (errno != ENXIO && errno != ENODEV))
			break;
		wait_ms(10);
	}
	if (channel < 0) {
		complain("tuxling-agent: can't open the checks' channel", "", errno);
		return;
	}
	if (tcgetattr(channel, &t) < 0) { /* not a terminal: it passes bytes as they are */
		if (fstat(channel, &st) == 0 && st.st_rdev == makedev(1, 4))
			debug_port = DEBUG_PORT;
		return;
	}
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CS8;
	cfsetospeed(&t, B115200);
	cfsetispeed(&t, B115200);
	tcsetattr(channel, TCSANOW, &t);
}

/* The plan's head: "plan2" NONCE INIT SETTLE_MS QUIET_MS. */
static char *read_head(const char **init)
{
	char *at = plan, *words[WORDS_MAX + 1];

	if (!read_plan() || next_line(&at, words) != 5)
		return NULL;
	nonce = words[1];
	*init = words[2];
	settle_ns = number(words[3]) * 1000000u;
	quiet_ms = (int)number(words[4]);
	return at;
}

/* Where the agent came on a disk of its own, mounts the system's root and goes
 * there, as the kernel does (init/do_mounts.c). The file `mount` has by how much the
 * minor number of its device is below that of ours, the file system's type, ro or rw,
 * and what is mounted there before the system's init starts. The node stands in RAM: the majors of some disks are given when they turn up. */
static char *awaited[WORDS_MAX + 1];

static void go_to_root(void)
{
	static char text[512];
	char **words = awaited, *at = text;
	int fd = open(HOME "/mount", O_RDONLY | O_CLOEXEC);
	struct stat ours;
	ssize_t n = 0;

	if (fd < 0)
		return; /* the ramdisk is the root */
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	if (next_line(&at, words) < 3 || stat(HOME, &ours) < 0 ||
	    mount("ramfs", HOME "/dev", "ramfs", 0, NULL) < 0 ||
	    mknod(HOME "/dev/root", S_IFBLK | 0600,
		  makedev(major(ours.st_dev), minor(ours.st_dev) - number(words[0]))) < 0 ||
	    mount(HOME "/dev/root", HOME "/root", words[1],
		  strcmp(words[2], "rw") ? MS_RDONLY : 0, NULL) < 0 ||
	    chdir(HOME "/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		complain("tuxling-agent: can't mount the root file system", "", errno);
}

/* Checks begin where the system's init will be: when what is mounted before it is
 * there. `/..` is what lies over the root. */
static void follow_init(void)
{
	u64 until = now_ns() + 10000000000ull;

	for (int i = 3; awaited[0] && awaited[i]; i++) {
		struct stat root, there;

		while (now_ns() < until && stat("/", &root) == 0 &&
		       (stat(awaited[i], &there) < 0 || there.st_dev == root.st_dev))
			wait_ms(5);
		if (chroot("/..") < 0 || chdir("/") < 0)
			return;
	}
}

/* As the kernel does it: what is named, or the first that there is. */
static void become(const char *init, char **argv)
{
	static const char *const usual[] = { "/sbin/init", "/etc/init", "/bin/init",
					     "/bin/sh" };

	if (*init) {
		argv[0] = (char *)init;
		execve(init, argv, environ);
		return;
	}
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		argv[0] = (char *)usual[i];
		execve(usual[i], argv, environ);
	}
}

int main(int argc, char **argv)
{
	const char *init = "/init";
	char *checks;

	(void)argc;
	open_channel();
	checks = read_head(&init);
	if (!checks)
		complain("tuxling-agent: can't read the checks' plan", "", errno);
	go_to_root();
	if (channel >= 0 && checks) {
		pid_t pid = fork();

		if (pid == 0) {
			setsid();
			follow_init();
			say("hello 1");
			run_plan(checks);
			for (;;)
				wait_ms(-1);
		}
		if (pid < 0)
			complain("tuxling-agent: can't fork", "", errno);
	}
	become(init, argv);
	stream = 'i';
	sequence = 0;
	if (channel >= 0) {
		say("noinit %d", errno);
		tcdrain(channel);
	}
	return 1;
}
