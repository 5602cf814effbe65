/* What connections cost in RAM, measured from inside.
 *
 *   connections keep URL FILE     downloads URL into FILE and keeps the address
 *   connections count N N ...     opens so many connections to it at once, each
 *                                 first idle, then with a download that nobody
 *                                 reads, and prints the RAM that is gone then
 *
 * A line for each N, in KiB: `connections N idle KIB full KIB after KIB`; then
 * `end`. sysinfo(2) says what is free; nothing else runs meanwhile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define KEPT "/.tuxling/url"
#define MOST 256

static void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, 0);
}

static int broke(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    return 1;
}

/* http://A.B.C.D:PORT/PATH */
static int connected(const char *url, char *request, size_t room)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char host[32];
    unsigned port;
    int at = 0;
    if (sscanf(url, "http://%31[0-9.]:%u%n", host, &port, &at) != 2 || !at) {
        errno = EINVAL;
        return -1;
    }
    to.sin_port = htons(port);
    if (!inet_aton(host, &to.sin_addr)) {
        errno = EINVAL;
        return -1;
    }
    snprintf(request, room, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", url + at, host);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int keep(const char *url, const char *file)
{
    static char bytes[16384], request[512];
    size_t had = 0, skip = 0;
    ssize_t n;
    int kept = open(KEPT, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (kept < 0 || write(kept, url, strlen(url)) < 0)
        return broke(KEPT);
    close(kept);
    int fd = connected(url, request, sizeof request);
    int out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || out < 0 || write(fd, request, strlen(request)) < 0)
        return broke(url);
    while ((n = read(fd, bytes + had, sizeof bytes - had)) > 0) {
        had += n;
        if (!skip) {
            char *end = memmem(bytes, had, "\r\n\r\n", 4);
            if (!end)
                continue;
            skip = end + 4 - bytes;
            memmove(bytes, bytes + skip, had -= skip);
        }
        if (write(out, bytes, had) != (ssize_t)had)
            return broke(file);
        had = 0;
    }
    return n < 0 || !skip;
}

static long free_kib(void)
{
    struct sysinfo told;
    if (sysinfo(&told) < 0)
        return -1;
    return (unsigned long long)told.freeram * told.mem_unit / 1024;
}

/* What is free once that stays the same, in the guest's time ten seconds at most. */
static long settled(void)
{
    long last = free_kib();
    for (int same = 0, tries = 0; same < 5 && tries < 100; tries++) {
        nap(100);
        long now = free_kib();
        same = labs(now - last) <= 4 ? same + 1 : 0;
        last = now;
    }
    return last;
}

static int count(const char *url, int n)
{
    static int fds[MOST];
    char request[512];
    long before = settled();
    for (int i = 0; i < n; i++)
        if ((fds[i] = connected(url, request, sizeof request)) < 0)
            return broke("connect");
    long idle = settled();
    for (int i = 0; i < n; i++)
        if (write(fds[i], request, strlen(request)) < 0)
            return broke("ask");
    long full = settled();
    for (int i = 0; i < n; i++)
        close(fds[i]);
    printf("connections %d idle %ld full %ld after %ld\n", n, before - idle, before - full,
           before - settled());
    return 0;
}

int main(int argc, char **argv)
{
    char url[256];
    if (argc == 4 && !strcmp(argv[1], "keep"))
        return keep(argv[2], argv[3]);
    int kept = open(KEPT, O_RDONLY);
    ssize_t length = kept < 0 ? -1 : read(kept, url, sizeof url - 1);
    if (length <= 0 || argc < 3)
        return broke(KEPT);
    url[length] = 0;
    close(kept);
    for (int i = 2; i < argc; i++) {
        int n = atoi(argv[i]);
        if (n < 1 || n > MOST || count(url, n))
            return 1;
    }
    puts("end");
    return 0;
}
