/* A system of one program for a kernel without INET: process 1 runs the network
 * stack of src/lib.rs over a packet socket; called by name it asks process 1.
 *
 *   userstack version            what uname(2) says
 *   userstack lease              the address that DHCP gave
 *   userstack fetch URL FILE     http://A.B.C.D[:PORT]/PATH into a file
 *   userstack ping A.B.C.D N     N echo requests, each answered
 *   userstack sleep SECONDS
 *
 * and as /bin/sh -c LINE, for checks that are lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <time.h>
#include <unistd.h>

#define ETH_P_ALL 0x0003
#define ASK "/ask"
#define LEASE "/lease"

void stack_start(const uint8_t *mac, uint64_t seed, int64_t now);
int64_t stack_poll(int64_t now);
int stack_address(uint8_t *octets);
int stack_ping(const uint8_t *octets, uint16_t number);
int stack_pongs(void);
int stack_connect(const uint8_t *octets, uint16_t port);
ssize_t stack_send(const void *bytes, size_t length);
ssize_t stack_receive(void *bytes, size_t room);

static int card = -1;

void stack_broke(void)
{
    static const char said[] = "userstack: the stack broke\n";
    if (write(2, said, sizeof said - 1)) {}
    _exit(1);
}

size_t frame_read(void *buffer, size_t room)
{
    struct sockaddr_ll from;
    socklen_t length = sizeof from;
    ssize_t n;
    do {
        n = recvfrom(card, buffer, room, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    } while (n > 0 && from.sll_pkttype == PACKET_OUTGOING);
    return n > 0 ? n : 0;
}

void frame_write(const void *frame, size_t length)
{
    if (send(card, frame, length, 0) < 0) {}
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void said(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0644);
    if (fd < 0)
        return;
    if (write(fd, text, strlen(text)) < 0) {}
    close(fd);
}

/* The first Ethernet card, brought up. */
static int open_card(uint8_t *mac)
{
    struct ifreq r = {0};
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = __builtin_bswap16(ETH_P_ALL)};
    card = socket(AF_PACKET, SOCK_RAW, __builtin_bswap16(ETH_P_ALL));
    if (card < 0)
        return -1;
    strcpy(r.ifr_name, "eth0");
    if (ioctl(card, SIOCGIFHWADDR, &r) < 0)
        return -1;
    memcpy(mac, r.ifr_hwaddr.sa_data, 6);
    if (ioctl(card, SIOCGIFINDEX, &r) < 0)
        return -1;
    to.sll_ifindex = r.ifr_ifindex;
    if (ioctl(card, SIOCGIFFLAGS, &r) < 0)
        return -1;
    r.ifr_flags |= IFF_UP;
    if (ioctl(card, SIOCSIFFLAGS, &r) < 0)
        return -1;
    return bind(card, (struct sockaddr *)&to, sizeof to);
}

/* A download, or pings, under way. */
static struct {
    int busy, out, in_body, failed;
    unsigned pings, asked, answered;
    uint8_t to[4];
    int64_t asked_at;
    char reply[64], head[512], request[512];
    size_t sent, had;
    int64_t begun;
} job;

static void job_ended(const char *how)
{
    if (job.out >= 0)
        close(job.out);
    said(job.reply, how);
    job.busy = 0;
}

static void job_begins(char *line)
{
    uint8_t a[4];
    unsigned o[4], port = 80;
    int at = 0;
    char *url = strtok(line, " \n"), *file = strtok(0, " \n"), *reply = strtok(0, " \n");
    if (!url || !file || !reply || strlen(reply) >= sizeof job.reply)
        return;
    strcpy(job.reply, reply);
    job.out = -1;
    job.pings = 0;
    if (sscanf(url, "ping://%u.%u.%u.%u", &o[0], &o[1], &o[2], &o[3]) == 4) {
        for (int i = 0; i < 4; i++)
            job.to[i] = o[i];
        job.pings = strtoul(file, 0, 10);
        job.asked = job.answered = 0;
        job.begun = now();
        job.busy = 1;
        return;
    }
    if (sscanf(url, "http://%u.%u.%u.%u%n", &o[0], &o[1], &o[2], &o[3], &at) != 4) {
        job_ended("no such address\n");
        return;
    }
    const char *path = url + at;
    if (*path == ':')
        port = strtoul(path + 1, (char **)&path, 10);
    for (int i = 0; i < 4; i++)
        a[i] = o[i];
    snprintf(job.request, sizeof job.request, "GET %s HTTP/1.0\r\nHost: %u.%u.%u.%u:%u\r\n\r\n",
             *path ? path : "/", o[0], o[1], o[2], o[3], port);
    job.out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    job.busy = 1;
    job.sent = job.had = 0;
    job.in_body = job.failed = 0;
    job.begun = now();
    if (job.out < 0 || stack_connect(a, port) < 0)
        job_ended("can't begin\n");
}

/* The answer's head is kept until its end; what follows goes to the file. */
static void job_body(const char *bytes, size_t n)
{
    while (!job.in_body && n) {
        if (job.had < sizeof job.head - 1)
            job.head[job.had++] = *bytes;
        bytes++;
        n--;
        if (job.had >= 4 && !memcmp(job.head + job.had - 4, "\r\n\r\n", 4)) {
            job.in_body = 1;
            job.failed = memcmp(job.head + 9, "200", 3) != 0;
        } else if (job.had == sizeof job.head - 1) {
            memmove(job.head + 16, job.head + job.had - 3, 3);
            job.had = 19;
        }
    }
    if (n && write(job.out, bytes, n) != (ssize_t)n)
        job.failed = 1;
}

/* The next request goes when the last was answered, or after a second. */
static int pings_go_on(void)
{
    job.answered += stack_pongs();
    if (job.answered >= job.pings) {
        job_ended("ok\n");
    } else if (now() - job.begun > 1000 * ((int64_t)job.pings + 2)) {
        job_ended("no answer\n");
    } else if (job.asked < job.pings
               && (job.asked == job.answered || now() - job.asked_at > 1000)) {
        job.asked_at = now();
        return stack_ping(job.to, ++job.asked) == 0;
    }
    return 0;
}

static int job_goes_on(void)
{
    static char bytes[4096];
    ssize_t n;
    int moved = 0;
    size_t length = strlen(job.request);
    if (job.pings)
        return pings_go_on();
    if (job.sent < length) {
        n = stack_send(job.request + job.sent, length - job.sent);
        if (n > 0) {
            job.sent += n;
            moved = 1;
        }
    }
    while ((n = stack_receive(bytes, sizeof bytes)) > 0) {
        job_body(bytes, n);
        moved = 1;
    }
    if (n < 0)
        job_ended(job.in_body && !job.failed ? "ok\n" : "failed\n");
    return moved;
}

static void lease_told(void)
{
    static uint8_t last[4];
    uint8_t a[4];
    char text[64];
    int bits = stack_address(a);
    if (bits < 0 || !memcmp(a, last, 4))
        return;
    memcpy(last, a, 4);
    snprintf(text, sizeof text, "%u.%u.%u.%u/%d\n", a[0], a[1], a[2], a[3], bits);
    said(LEASE, text);
    printf("userstack: %s", text);
    fflush(stdout);
}

static int serve(void)
{
    uint8_t mac[6];
    uint64_t seed = now() * 0x9e3779b97f4a7c15u;
    int ask;
    signal(SIGPIPE, SIG_IGN);
    if (open_card(mac) < 0) {
        perror("userstack: eth0");
        return 1;
    }
    mkfifo(ASK, 0600);
    ask = open(ASK, O_RDWR | O_NONBLOCK);
    stack_start(mac, seed ^ mac[5], now());
    for (;;) {
        struct pollfd fds[2] = {{.fd = card, .events = POLLIN}, {.fd = ask, .events = POLLIN}};
        int64_t delay;
        do
            delay = stack_poll(now());
        while (job.busy && job_goes_on());
        lease_told();
        while (waitpid(-1, 0, WNOHANG) > 0) {}
        if (job.busy && delay > 50)
            delay = 50;
        poll(fds, 2, delay < 1000 ? delay : 1000);
        if (fds[1].revents & POLLIN) {
            static char line[600];
            ssize_t n = read(ask, line, sizeof line - 1);
            if (n > 0) {
                line[n] = 0;
                /* Who asked before has gone: a check's command has its own limit. */
                if (job.busy)
                    job_ended("another came\n");
                job_begins(line);
            }
        }
    }
}

/* Gives process 1 a job, and waits until it is done. */
static int ask(const char *url, const char *file)
{
    char reply[64], line[600], answer[64];
    int fd, length;
    ssize_t n;
    snprintf(reply, sizeof reply, "/reply.%d", getpid());
    if (mkfifo(reply, 0600) < 0 || (fd = open(reply, O_RDWR)) < 0)
        return 1;
    length = snprintf(line, sizeof line, "%s %s %s\n", url, file, reply);
    int to = open(ASK, O_WRONLY);
    if (to < 0 || length >= (int)sizeof line || write(to, line, length) != length) {
        fputs("userstack: process 1 doesn't listen\n", stderr);
        unlink(reply);
        return 1;
    }
    n = read(fd, answer, sizeof answer - 1);
    unlink(reply);
    answer[n > 0 ? n : 0] = 0;
    if (!strcmp(answer, "ok\n"))
        return 0;
    fputs(answer, stderr);
    return 1;
}

static int told(const char *file)
{
    char text[64];
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    return n > 0 && write(1, text, n) == n ? 0 : 1;
}

/* Called as sh -c LINE: words between blanks, no more of a shell than that. */
static int line(char *text)
{
    char *words[8];
    int n = 0;
    for (char *word = strtok(text, " "); word && n < 7; word = strtok(0, " "))
        words[n++] = word;
    words[n] = 0;
    if (n)
        execv("/init", words);
    return 127;
}

int main(int argc, char **argv)
{
    if (getpid() != 1 && argc == 3 && !strcmp(argv[1], "-c"))
        return line(argv[2]);
    if (getpid() == 1 || argc < 2)
        return serve();
    if (!strcmp(argv[1], "version")) {
        struct utsname name;
        uname(&name);
        return printf("%s version %s\n", name.sysname, name.release) < 0;
    }
    if (!strcmp(argv[1], "lease"))
        return told(LEASE);
    if (!strcmp(argv[1], "fetch") && argc == 4)
        return ask(argv[2], argv[3]);
    if (!strcmp(argv[1], "ping") && argc == 4) {
        char url[64];
        snprintf(url, sizeof url, "ping://%s", argv[2]);
        return ask(url, argv[3]);
    }
    if (!strcmp(argv[1], "sleep") && argc == 3)
        return sleep(atoi(argv[2]));
    fputs("userstack version | lease | fetch URL FILE | ping A.B.C.D N | sleep SECONDS\n", stderr);
    return 2;
}
