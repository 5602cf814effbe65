/*
 * The init of a system whose user land is one program, as a container image
 * names it: mounts what programs expect, starts the program with its arguments,
 * environment, user and directory, takes over children that lose their parent,
 * passes signals on, and ends the machine when the program ends.
 *
 * What is to be started stands in /.start: records that end with a NUL and begin
 * with a letter.
 *
 *   a TEXT           an argument; the first is the program
 *   e NAME=VALUE     a variable
 *   d PATH           the directory
 *   u UID GID GID…   whose it is; groups behind the first are further ones
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's own calls: a C library has all threads make them, with a number from
 * memory, which nobody can read from the program (docs/prune.md, "System calls").
 * Machines of 32 bits have had others of these names, for numbers of 16 bits. */
#ifdef SYS_setuid32
#define BECOME(what) SYS_##what##32
#else
#define BECOME(what) SYS_##what
#endif

#define WORDS "/.start"
#define MOST 1024
#define GROUPS 64
#define RUN "/run/resolv.conf"

static char *arguments[MOST + 1], *variables[MOST + 1];
static char *directory = "/";
static uid_t uid;
static gid_t gid, groups[GROUPS];
static size_t group_count;
static volatile pid_t program;

static void say(const char *text)
{
	/* Where nobody listens, nobody is told. */
	if (write(2, text, strlen(text)) < 0)
		return;
}

static void say2(const char *what, const char *of, const char *why)
{
	say("start: ");
	say(what);
	say(of);
	if (why) {
		say(": ");
		say(why);
	}
	say("\n");
}

static void end(int how)
{
	sync();
	reboot(how);
	/* A kernel without the way it was asked for stops here. */
	for (;;)
		pause();
}

static void fail(const char *what, const char *of)
{
	say2(what, of, strerror(errno));
	end(RB_AUTOBOOT);
}

/* What the kernel lacks is left out: the program will say what it misses. */
static void mount_on(const char *type, const char *place, unsigned long flags,
		     const char *data)
{
	mkdir(place, 0755);
	if (mount(type, place, type, flags, data) == 0)
		return;
	if (errno != ENODEV && errno != EBUSY)
		say2("can't mount ", place, strerror(errno));
}

static void node(const char *path, mode_t mode, unsigned major, unsigned minor)
{
	if (mknod(path, S_IFCHR | mode, makedev(major, minor)) == 0)
		chmod(path, mode);
}

static void mounts(void)
{
	umask(0);
	mount_on("devtmpfs", "/dev", MS_NOSUID, NULL);
	node("/dev/null", 0666, 1, 3);
	node("/dev/zero", 0666, 1, 5);
	node("/dev/full", 0666, 1, 7);
	node("/dev/random", 0666, 1, 8);
	node("/dev/urandom", 0666, 1, 9);
	node("/dev/tty", 0666, 5, 0);
	mount_on("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666");
	mount_on("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_on("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_on("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_on("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_on("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	umask(022);
}

/* The kernel's own DHCP client leaves the name servers in /proc/net/pnp. */
static void name_servers(void)
{
	static char text[4096], link[64];
	ssize_t length;
	int from, to;

	from = open("/proc/net/pnp", O_RDONLY);
	if (from < 0)
		return;
	length = read(from, text, sizeof(text) - 1);
	close(from);
	if (length <= 0 || !strstr(text, "nameserver"))
		return;
	to = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL, 0644);
	/* Where nothing can be written to the disk, a link leads to RAM. */
	if (to < 0 && readlink("/etc/resolv.conf", link, sizeof(link)) == sizeof(RUN) - 1 &&
	    !memcmp(link, RUN, sizeof(RUN) - 1))
		to = open(RUN, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (to < 0)
		return;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "nameserver ", 11) || !strncmp(line, "domain ", 7))
			dprintf(to, "%s\n", line);
	close(to);
}

static void numbers(char *text)
{
	char *rest = text;

	uid = strtoul(rest, &rest, 10);
	gid = strtoul(rest, &rest, 10);
	while (*rest && group_count < GROUPS)
		groups[group_count++] = strtoul(rest, &rest, 10);
}

/* Reads what is to be started; the records stay in memory. */
static void words(void)
{
	size_t argument = 0, variable = 0;
	struct stat stat;
	char *text, *at;
	int file;

	file = open(WORDS, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &stat) < 0)
		fail("can't open ", WORDS);
	text = malloc(stat.st_size + 1);
	if (!text || read(file, text, stat.st_size) != stat.st_size)
		fail("can't read ", WORDS);
	text[stat.st_size] = 0;
	close(file);
	for (at = text; at < text + stat.st_size; at += strlen(at) + 1) {
		if (*at == 'a' && argument < MOST)
			arguments[argument++] = at + 1;
		else if (*at == 'e' && variable < MOST)
			variables[variable++] = at + 1;
		else if (*at == 'd')
			directory = at + 1;
		else if (*at == 'u')
			numbers(at + 1);
	}
	if (!argument) {
		errno = ENOEXEC;
		fail("nothing is named in ", WORDS);
	}
}

static void pass_on(int signal)
{
	if (program > 0)
		kill(program, signal);
}

static void start(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (group_count || gid || uid) {
		/* Without MULTIUSER everybody is root. */
		if (syscall(BECOME(setgroups), group_count, groups) < 0 && errno != ENOSYS)
			fail("can't take the groups of ", arguments[0]);
		if (syscall(BECOME(setgid), gid) < 0 && errno != ENOSYS)
			fail("can't take the group of ", arguments[0]);
		if (syscall(BECOME(setuid), uid) < 0 && errno != ENOSYS)
			fail("can't become the user of ", arguments[0]);
	}
	if (chdir(directory) < 0) {
		say2("can't go to ", directory, strerror(errno));
		_exit(126);
	}
	environ = variables;
	execvp(arguments[0], arguments);
	say2("can't start ", arguments[0], strerror(errno));
	_exit(127);
}

int main(void)
{
	static const int passed[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	struct sigaction action = { .sa_handler = pass_on };
	int status = 0, at;
	char text[64];
	pid_t ended;

	mounts();
	name_servers();
	words();
	for (at = 0; at < (int)(sizeof(passed) / sizeof(*passed)); at++)
		sigaction(passed[at], &action, NULL);
	/* execvp looks for the program where the image's PATH says. */
	for (at = 0; variables[at]; at++)
		if (!strncmp(variables[at], "PATH=", 5))
			setenv("PATH", variables[at] + 5, 1);
	program = fork();
	if (program < 0)
		fail("can't fork for ", arguments[0]);
	if (program == 0)
		start();
	do {
		ended = wait(&status);
	} while (ended != program && (ended > 0 || errno == EINTR));
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), " was killed by signal %d\n", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), " ended with status %d\n", WEXITSTATUS(status));
	say("start: ");
	say(arguments[0]);
	say(text);
	end(RB_AUTOBOOT);
}
