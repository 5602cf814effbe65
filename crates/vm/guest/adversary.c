/*
 * What a system must survive although its checks never do it, done inside the
 * guest: `adversary TOPIC` provokes every ordinary error of a topic and says
 * whether the kernel answered as it should. It is there at check time only,
 * beside the agent.
 *
 * Each line it prints is `ok WHAT` or `WRONG WHAT: ...`; the last one is
 * `survived TOPIC: N provocations`. A system call that the kernel hasn't got
 * (ENOSYS) is an ordinary error too.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GATEWAY "10.0.2.2"
#define DEAD_HOST "10.0.2.99"
#define CALM_PORT 4242 /* src/check/gateway/relay.rs */
#define PLACE "/tuxling-adversity"

static int provoked, wrong;
static void *volatile nowhere = (void *)8;

static void tell(int good, const char *format, ...)
{
	va_list args;

	provoked++;
	wrong += !good;
	va_start(args, format);
	printf(good ? "ok " : "WRONG ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

/* A call that has to fail, with one of these errors. */
static void fails(const char *what, long result, int first, int second)
{
	int error = errno;

	if (result == -1 && (error == first || error == second || error == ENOSYS))
		tell(1, "%s: %s", what, strerror(error));
	else
		tell(0, "%s: gave %ld, %s", what, result, strerror(error));
}

/* A call that has to succeed, if the kernel has it. */
static long works(const char *what, long result)
{
	int error = errno;

	if (result >= 0)
		tell(1, "%s", what);
	else
		tell(error == ENOSYS, "%s: %s", what, strerror(error));
	return result;
}

/* ---- processes and signals ---- */

static void waits(void) { for (;;) pause(); }
static void writes_null(void) { *(volatile int *)8 = 1; }
static void jumps_to_null(void) { ((void (*)(void))8)(); }
static void illegal(void) { __builtin_trap(); }
static void aborts(void) { abort(); }
static void writes_constant(void) { *(volatile char *)"constant" = 2; }

static int deeper(volatile char *above)
{
	volatile char here[4096];

	here[0] = above ? above[0] : 1;
	return deeper(here) + here[0];
}

static void overflows(void) { deeper(NULL); }

static void divides(void)
{
#if defined(__i386__) || defined(__x86_64__)
	volatile int zero = 0;
	volatile int result = 7 / zero; /* of 1 the compiler makes a comparison */

	(void)result;
#else
	raise(SIGFPE); /* division doesn't trap there */
#endif
}

static pid_t child(void (*does)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		does();
		_exit(0);
	}
	return pid;
}

static void dies_of(const char *what, void (*does)(void), int first, int second)
{
	int status = 0;
	pid_t pid = child(does);

	if (works("fork", pid) < 0)
		return;
	waitpid(pid, &status, 0);
	tell(WIFSIGNALED(status) && (WTERMSIG(status) == first || WTERMSIG(status) == second),
	     "%s: status %x", what, status);
}

static volatile sig_atomic_t caught;
static void catches(int sig) { caught = sig; }

static int ignored(int sig)
{
	return sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT;
}

static void one_signal(int sig)
{
	int status = 0, stops = sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
	pid_t pid = child(waits);

	if (pid < 0 || kill(pid, sig) < 0) {
		tell(0, "signal %d: %s", sig, strerror(errno));
	} else if (stops) {
		/* An orphaned process group isn't stopped by the terminal's signals. */
		struct timespec moment = { 0, 20000000 };
		int seen = 0, left = 10;

		setpgid(pid, pid);
		while (left-- && (seen = waitpid(pid, &status, WUNTRACED | WNOHANG)) == 0)
			nanosleep(&moment, NULL);
		tell(seen == 0 || WIFSTOPPED(status) || WIFSIGNALED(status), "signal %d stops: %x", sig, status);
		kill(pid, SIGCONT);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	} else if (ignored(sig)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		tell(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "signal %d is ignored", sig);
	} else {
		waitpid(pid, &status, 0);
		tell(WIFSIGNALED(status) && WTERMSIG(status) == sig, "signal %d: %x", sig, status);
	}
}

static void signals(void)
{
	struct sigaction act = { .sa_handler = catches };

	for (int sig = 1; sig < 32; sig++)
		one_signal(sig);
	one_signal(40);
	works("sigaction", sigaction(SIGUSR1, &act, NULL));
	raise(SIGUSR1);
	tell(caught == SIGUSR1, "a handler is called and returns");
	fails("signal to nobody", kill(32000, SIGTERM), ESRCH, ESRCH);
	fails("signal 99", kill(getpid(), 99), EINVAL, EINVAL);
	fails("wait without children", waitpid(-1, NULL, 0), ECHILD, ECHILD);
}

static void faults(void)
{
	dies_of("writing to nowhere", writes_null, SIGSEGV, SIGBUS);
	dies_of("jumping to nowhere", jumps_to_null, SIGSEGV, SIGBUS);
	dies_of("writing to a constant", writes_constant, SIGSEGV, SIGBUS);
	dies_of("an illegal instruction", illegal, SIGILL, SIGTRAP);
	dies_of("dividing by zero", divides, SIGFPE, SIGFPE);
	dies_of("abort", aborts, SIGABRT, SIGABRT);
	dies_of("an endless stack", overflows, SIGSEGV, SIGKILL);
}

static void exits(void) { _exit(42); }

static void processes(void)
{
	for (int i = 0; i < 40; i++) {
		int status = 0;
		pid_t pid = child(exits);

		waitpid(pid, &status, 0);
		if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 42) {
			tell(0, "child %d: status %x", i, status);
			return;
		}
	}
	tell(1, "40 children");
	char *none[] = { NULL };
	fails("running what isn't there", execve("/nowhere", none, none), ENOENT, ENOENT);
	fails("running a folder", execve("/", none, none), EACCES, EACCES);
	works("nice", nice(1) < 0 && errno ? -1 : 0);
	works("uname", uname(&(struct utsname){ 0 }));
	fails("system call 9999", syscall(9999), ENOSYS, ENOSYS);
	struct timespec moment = { 0, 1000000 };
	works("nanosleep", nanosleep(&moment, NULL));
	works("clock_gettime", clock_gettime(CLOCK_REALTIME, &moment));
	alarm(1);
	alarm(0);
}

/* ---- memory ---- */

static void eats(void)
{
	size_t piece = 1 << 18;

	for (;;) {
		char *more = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more == MAP_FAILED)
			_exit(7);
		for (size_t i = 0; i < piece; i += 1024)
			more[i] = (char)i;
	}
}

static void memory(void)
{
	int status = 0;
	pid_t pid = child(eats);

	waitpid(pid, &status, 0);
	tell(pid > 0 && ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
			 (WIFEXITED(status) && WEXITSTATUS(status) == 7)),
	     "a process that wants all memory is ended: status %x", status);
	void *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tell(page != MAP_FAILED, "there is memory again");
	works("mprotect", mprotect(page, 4096, PROT_READ));
	works("munmap", munmap(page, 8192));
	fails("mapping a file that isn't open", (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, 99, 0), EBADF, EBADF);
	fails("mapping more than there is", (long)mmap(NULL, (size_t)-8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM, EINVAL);
}

/* ---- files ---- */

static int stream_through(const char *path, size_t size)
{
	static char out[4096], in[4096];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return -1;
	memset(out, 0xa5, sizeof out);
	for (size_t done = 0; done < size; done += sizeof out)
		if (write(fd, out, sizeof out) != sizeof out)
			goto bad;
	if (lseek(fd, 0, SEEK_SET) != 0)
		goto bad;
	for (size_t done = 0; done < size; done += sizeof in)
		if (read(fd, in, sizeof in) != sizeof in || memcmp(in, out, sizeof in))
			goto bad;
	return close(fd);
bad:
	close(fd);
	return -1;
}

static void files(void)
{
	struct stat st;
	char text[64];

	rmdir(PLACE);
	works("mkdir", mkdir(PLACE, 0755));
	fails("mkdir again", mkdir(PLACE, 0755), EEXIST, EEXIST);
	works("a file of 256 KiB", stream_through(PLACE "/a", 1 << 18));
	works("stat", stat(PLACE "/a", &st));
	works("truncate", truncate(PLACE "/a", 10));
	works("chmod", chmod(PLACE "/a", 0400));
	works("chown", chown(PLACE "/a", 1, 1));
	works("rename", rename(PLACE "/a", PLACE "/b"));
	char name[256] = PLACE "/";
	memset(name + strlen(name), 'n', 200);
	works("a name of 200 letters", stream_through(name, 1));
	works("another", rename(name, PLACE "/another"));
	works("and back", rename(PLACE "/another", name));
	works("its end", unlink(name));
	works("link", link(PLACE "/b", PLACE "/c"));
	works("symlink", symlink("b", PLACE "/d"));
	works("readlink", readlink(PLACE "/d", text, sizeof text));
	fails("rmdir of a full folder", rmdir(PLACE), ENOTEMPTY, EEXIST);
	fails("opening what isn't there", open(PLACE "/x", O_RDONLY), ENOENT, ENOENT);
	fails("a file as a folder", open(PLACE "/b/x", O_RDONLY), ENOTDIR, ENOTDIR);
	fails("a folder as a file", open(PLACE, O_WRONLY), EISDIR, EISDIR);
	fails("a loop of links", symlink("e", PLACE "/e") ? -1 : open(PLACE "/e", O_RDONLY), ELOOP, ELOOP);
	int fd = open(PLACE "/b", O_RDONLY);
	fails("writing to a read-only file", write(fd, "x", 1), EBADF, EBADF);
	fails("an unknown ioctl", ioctl(fd, 0xdeadbeef, 0), ENOTTY, EINVAL);
	fails("reading to nowhere", read(fd, nowhere, 4), EFAULT, EFAULT);
	close(fd);
	fails("reading what is closed", read(fd, text, 1), EBADF, EBADF);
	DIR *dir = opendir(PLACE);
	int entries = 0;
	while (dir && readdir(dir))
		entries++;
	tell(entries >= 5, "a folder lists %d entries", entries);
	if (dir)
		closedir(dir);
	fails("unlink of a folder", unlink(PLACE), EISDIR, EPERM);
	for (const char *name = "bcde"; *name; name++) {
		snprintf(text, sizeof text, PLACE "/%c", *name);
		works("unlink", unlink(text));
	}
	works("rmdir", rmdir(PLACE));
	fails("an unknown file system", mount("none", "/", "nosuchfs", 0, NULL), ENODEV, EBUSY);
	fd = open("/dev/null", O_RDWR);
	if (fd >= 0) {
		works("/dev/null takes", write(fd, "x", 1));
		tell(read(fd, text, 1) == 0, "/dev/null gives nothing");
		close(fd);
	}
	int opened = 0;
	for (; opened < 5000 && open("/", O_RDONLY) >= 0; opened++)
		;
	tell(opened == 5000 || errno == EMFILE || errno == ENFILE || errno == ENOMEM, "%d files open at once", opened);
	for (int i = 3; i < 3 + opened; i++)
		close(i);
}

static void full(void)
{
	struct sysinfo info;
	static char block[4096];
	int fd = open("/tuxling-full", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	unsigned long most, done = 0;

	sysinfo(&info);
	/* A ramfs has no limit of its own: half of what is free is full enough. */
	most = info.freeram / 2 / sizeof block * info.mem_unit;
	while (done < most && write(fd, block, sizeof block) == sizeof block)
		done++;
	tell(fd >= 0 && (done == most || errno == ENOSPC), "%lu of %lu blocks on the ramdisk", done, most);
	close(fd);
	works("unlink", unlink("/tuxling-full"));
}

static void pipes(void)
{
	int ends[2], status = 0;
	static char block[4096];
	size_t through = 0;
	ssize_t got;

	signal(SIGPIPE, SIG_DFL);
	works("pipe", pipe(ends));
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		for (int i = 0; i < 256; i++)
			if (write(ends[1], block, sizeof block) != sizeof block)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], block, sizeof block)) > 0)
		through += (size_t)got;
	close(ends[0]);
	waitpid(pid, &status, 0);
	tell(through == 1 << 20 && status == 0, "%zu bytes through a pipe", through);
	works("pipe", pipe(ends));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fails("reading an empty pipe", read(ends[0], block, 1), EAGAIN, EAGAIN);
	struct pollfd look = { ends[0], POLLIN, 0 };
	tell(poll(&look, 1, 10) == 0, "poll ends by time");
	fails("seeking in a pipe", lseek(ends[0], 0, SEEK_SET), ESPIPE, ESPIPE);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	fails("writing to a closed pipe", write(ends[1], block, 1), EPIPE, EPIPE);
	close(ends[1]);
}

/* Every file of a folder of /proc is read to its end, or as far as it goes. */
static void read_all(const char *folder)
{
	static char block[8192];
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int read_files = 0;

	while (dir && (entry = readdir(dir))) {
		char path[512];
		struct stat st;
		int fd;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (strcmp(entry->d_name, "kmsg") == 0 || lstat(path, &st) || !S_ISREG(st.st_mode))
			continue;
		fd = open(path, O_RDONLY | O_NONBLOCK);
		if (fd < 0)
			continue;
		for (int i = 0; i < 64 && read(fd, block, sizeof block) > 0; i++)
			;
		close(fd);
		read_files++;
	}
	if (dir)
		closedir(dir);
	tell(1, "%s: %d files read", folder, read_files);
}

static void proc(void)
{
	if (access("/proc/self", F_OK)) {
		tell(1, "there is no /proc here");
		return;
	}
	read_all("/proc");
	read_all("/proc/self");
	read_all("/proc/net");
	fails("writing to /proc/version", write(open("/proc/version", O_WRONLY), "x", 1), EIO, EBADF);
	fails("a process that isn't there", open("/proc/32001/stat", O_RDONLY), ENOENT, ENOENT);
}

/* ---- network ---- */

static struct sockaddr_in address(const char *host, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };

	inet_pton(AF_INET, host, &to.sin_addr);
	return to;
}

/* How a connection attempt ends within five seconds: an errno, 0, or -1. */
static int attempt(const char *host, int port)
{
	struct sockaddr_in to = address(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = -1;
	socklen_t size = sizeof error;

	if (connect(fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
		error = errno;
	} else {
		struct pollfd look = { fd, POLLOUT, 0 };

		if (poll(&look, 1, 5000) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	close(fd);
	return error;
}

static void network(void)
{
	struct sockaddr_in to = address(GATEWAY, 1);
	static char large[70000];
	int error = attempt(GATEWAY, 1), fd;

	tell(error == ECONNREFUSED || error == -1, "a closed port: %s", strerror(error));
	error = attempt(DEAD_HOST, 80);
	tell(error == EHOSTUNREACH || error == -1, "a dead host: %s", strerror(error));
	error = attempt("192.0.2.1", 80);
	tell(error != 0, "a host beyond the gateway: %s", strerror(error));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	works("udp", fd);
	fails("a datagram that is too large", sendto(fd, large, sizeof large, 0, (void *)&to, sizeof to), EMSGSIZE, EMSGSIZE);
	works("connect of a datagram socket", connect(fd, (void *)&to, sizeof to));
	works("a datagram of fragments", send(fd, large, 4000, 0));
	fails("an unknown option", setsockopt(fd, IPPROTO_IP, 999, large, 4), ENOPROTOOPT, EINVAL);
	struct pollfd look = { fd, POLLIN, 0 };
	poll(&look, 1, 300);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fails("a datagram that nobody takes", recv(fd, large, 1, 0), ECONNREFUSED, EAGAIN);
	close(fd);
	fails("an unknown family", socket(45, SOCK_STREAM, 0), EAFNOSUPPORT, EINVAL);
	struct sockaddr_in here = address("0.0.0.0", 7777);
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
	works("bind", bind(first, (void *)&here, sizeof here));
	works("listen", listen(first, 1));
	fails("a port in use", bind(second, (void *)&here, sizeof here), EADDRINUSE, EADDRINUSE);
	fails("an address of others", (here = address("192.0.2.2", 1), bind(second, (void *)&here, sizeof here)), EADDRNOTAVAIL, EADDRNOTAVAIL);
	fails("sending without a connection", send(second, "x", 1, MSG_NOSIGNAL), EPIPE, ENOTCONN);
	close(first);
	close(second);
}

/* Waits until the gateway says that its flood is over. */
static void calm(void)
{
	struct sockaddr_in here = address("0.0.0.0", CALM_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd look = { fd, POLLIN, 0 };
	char text[16];

	works("bind", bind(fd, (void *)&here, sizeof here));
	for (int i = 0; i < 3000; i++) {
		ssize_t got = poll(&look, 1, 100) == 1 ? recv(fd, text, sizeof text, 0) : 0;

		if (got == 4 && memcmp(text, "calm", 4) == 0) {
			tell(1, "the flood is over");
			return;
		}
	}
	tell(0, "the flood never ended");
}

static const struct {
	const char *name;
	void (*does)(void);
} topics[] = {
	{ "signals", signals }, { "faults", faults }, { "processes", processes },
	{ "memory", memory }, { "files", files }, { "full", full },
	{ "pipes", pipes }, { "proc", proc }, { "network", network },
	{ "calm", calm },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		if (argc == 2 && strcmp(argv[1], topics[i].name) == 0) {
			topics[i].does();
			printf("survived %s: %d provocations, %d wrong\n", argv[1], provoked, wrong);
			return wrong != 0;
		}
	}
	if (argc == 3 && strcmp(argv[1], "idle") == 0) {
		/* In small pieces: the agent's limit counts, not this one's clock. */
		for (int left = atoi(argv[2]); left > 0; left--)
			poll(NULL, 0, 1000);
		printf("survived idle: %s seconds\n", argv[2]);
		return 0;
	}
	fprintf(stderr, "adversary: no such topic\n");
	return 2;
}
