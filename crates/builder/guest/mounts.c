/*
 * What stands before a system's init where its root file system is on a disk and
 * something else is to be mounted: an overlay in RAM, so that what can't be written
 * to can, and a disk for data.
 *
 * What is to be done stands in /.root/words, a line each:
 *
 *   overlay                       lay RAM over the root file system
 *   disk MINORS TYPE FOLDER       the disk whose minor number is so much higher
 *                                 than the root's, mounted there
 *
 * It needs no /dev, /proc or /sys. What can't be mounted is told, and the system
 * is started all the same: its own programs say what they miss.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HOME "/.root"
#define RAM HOME "/ram"
#define NEW HOME "/new"

static void say(const char *text)
{
	/* Where nobody listens, nobody is told. */
	if (write(2, text, strlen(text)) < 0)
		return;
}

static void failed(const char *what, const char *of)
{
	const char *why = strerror(errno);

	say("root: can't ");
	say(what);
	say(of);
	say(": ");
	say(why);
	say("\n");
}

/* Writes go to RAM from now on: the root is what is seen through the overlay. */
static void overlay(void)
{
	if (mount("tmpfs", RAM, "tmpfs", 0, "mode=0755") < 0 ||
	    mkdir(RAM "/upper", 0755) < 0 || mkdir(RAM "/work", 0755) < 0) {
		failed("make room in RAM at ", RAM);
		return;
	}
	if (mount("overlay", NEW, "overlay", 0,
		  "lowerdir=/,upperdir=" RAM "/upper,workdir=" RAM "/work") < 0) {
		failed("lay an overlay over ", "/");
		return;
	}
	if (chdir(NEW) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		failed("go to ", NEW);
}

/* The node stands in RAM: the root file system may be read-only, and has no
 * number that is known before the kernel has given it. */
static void disk(dev_t root, char *words)
{
	char *type, *folder;
	unsigned minors = strtoul(words, &type, 10);

	type += *type == ' ';
	folder = strchr(type, ' ');
	if (!folder)
		return;
	*folder++ = 0;
	mount("ramfs", RAM, "ramfs", 0, NULL);
	if (mknod(RAM "/disk", S_IFBLK | 0600,
		  makedev(major(root), minor(root) + minors)) < 0 && errno != EEXIST)
		failed("make a node for ", folder);
	if (mount(RAM "/disk", folder, type, MS_NODEV | MS_NOSUID, NULL) < 0)
		failed("mount the disk for data on ", folder);
	umount(RAM);
}

int main(int argc, char **argv)
{
	static char words[4096];
	struct stat root;
	ssize_t length = 0;
	int file;

	(void)argc;
	file = open(HOME "/words", O_RDONLY | O_CLOEXEC);
	if (file >= 0)
		length = read(file, words, sizeof(words) - 1);
	if (file < 0 || length < 0 || stat("/", &root) < 0)
		failed("read ", HOME "/words");
	else
		for (char *line = strtok(words, "\n"); line; line = strtok(NULL, "\n")) {
			if (!strcmp(line, "overlay"))
				overlay();
			else if (!strncmp(line, "disk ", 5))
				disk(root.st_dev, line + 5);
		}
	if (file >= 0)
		close(file);
	argv[0] = "/init";
	execv("/init", argv);
	failed("start ", "/init");
	return 1;
}
