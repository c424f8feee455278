// SPDX-License-Identifier: BSD-3-Clause
// A front end that says anything: the input is a list of records, each with its kind in the first
// byte, and the device under them is the plain one of tests/vhost, its loop run by hand.
//
//   0…199    a message: flags, kinds of descriptors, number of descriptors, size of the payload in
//            two bytes, payload. The kind is the request.
//   200…227  a write to shared memory: offset in two bytes, length, bytes
//   228…255  the polling thread's turn on queue kind % FE_QUEUES
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"
#include "plain.h"

#define MEM_BYTES (64u << 10)
#define CHECK_EVERY 64 // inputs between two counts of descriptors
#define FDS_LOOKED_AT 256

// What is left of the input.
struct input {
    const uint8_t *at;
    size_t left;
};

static struct plain plain;
static uint8_t *memory;
static int memfd, event, null;

static void die(const char *what)
{
    perror(what);
    abort();
}

static void silent(void *arg, int level, const char *text)
{
    (void)arg;
    (void)level;
    (void)text;
}

static void setup(void)
{
    struct vhu_opts o = {.path = plain.path, .features = ~0ull, .queues = FE_QUEUES};
    snprintf(plain.path, sizeof(plain.path), "/tmp/tern-fuzz-%d", (int)getpid());
    memfd = memfd_create("fuzz", MFD_CLOEXEC);
    event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (memfd < 0 || event < 0 || null < 0 || ftruncate(memfd, MEM_BYTES))
        die("descriptors");
    memory = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (memory == MAP_FAILED || vhu_loop_create(&plain.loop))
        die("memory");
    vhu_loop_set_log(plain.loop, silent, NULL);
    if (vhu_dev_create(plain.loop, &plain_class, &plain, &o, &plain.dev))
        die("device");
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        vhu_loop_run(plain.loop, 0);
}

// Takes `n` bytes, zeros where the input has no more.
static void take(struct input *in, void *to, size_t n)
{
    size_t have = n < in->left ? n : in->left;
    memset(to, 0, n);
    if (have)
        memcpy(to, in->at, have);
    in->at += have;
    in->left -= have;
}

static void attach(struct msghdr *m, char *control, uint8_t kinds, unsigned n)
{
    const int fd[4] = {memfd, event, null, memfd};
    int list[VHU_FDS_MAX];
    if (n == 0)
        return;
    for (unsigned i = 0; i < n; i++)
        list[i] = fd[kinds >> i % 4 * 2 & 3];
    m->msg_control = control;
    m->msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    *c = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), list, n * sizeof(int));
}

static void say(int sock, struct input *in, uint8_t request)
{
    uint8_t head[5], payload[VHU_PAYLOAD_MAX + 64];
    char control[CMSG_SPACE(VHU_FDS_MAX * sizeof(int))] = {0};
    take(in, head, sizeof(head));
    uint32_t size = (head[3] | (uint32_t)head[4] << 8) % sizeof(payload);
    struct vhu_hdr h = {request, head[0], size};
    size_t have = size < in->left ? size : in->left;
    take(in, payload, have);
    struct iovec v[2] = {{&h, sizeof(h)}, {payload, have}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    attach(&m, control, head[1], head[2] % (VHU_FDS_MAX + 1));
    (void)!sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void scribble(struct input *in)
{
    uint8_t head[3], bytes[255];
    take(in, head, sizeof(head));
    uint32_t at = (head[0] | (uint32_t)head[1] << 8) % (MEM_BYTES - sizeof(bytes));
    take(in, bytes, head[2]);
    memcpy(memory + at, bytes, head[2]);
}

// Everything that the device gives must lie in memory that was shared.
static void poll_queue(unsigned i)
{
    struct vhu_queue *q = vhu_dev_queue(plain.dev, i);
    struct vq_chain c[8];
    struct vq_seg seg[32];
    if (!vhu_queue_enter(q))
        return;
    uint64_t f = q->vq.features;
    unsigned n = vq_dev_get_avail_burst(&q->vq, f, c, 8, seg, 32);
    for (unsigned k = 0; k < n; k++) {
        for (unsigned s = 0; s < (unsigned)c[k].nread + c[k].nwrite; s++) {
            volatile uint8_t *p = vq_seg_ptr(&c[k].seg[s]);
            uint8_t last = p[c[k].seg[s].bytes - 1];
            if (s >= c[k].nread)
                p[0] = last;
        }
        vq_dev_put_used(&q->vq, f, (struct vq_used){c[k].id, c[k].ndesc, 0});
    }
    vq_dev_publish(&q->vq, f);
    vhu_queue_notify(q, f);
    vhu_queue_leave(q);
}

// False: the device hung up.
static bool hear(int sock)
{
    char bytes[8192], control[CMSG_SPACE(VHU_FDS_MAX * sizeof(int))];
    for (;;) {
        struct iovec v = {bytes, sizeof(bytes)};
        struct msghdr m = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
            for (size_t k = 0; CMSG_LEN((k + 1) * sizeof(int)) <= c->cmsg_len; k++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + k * sizeof(int), sizeof(fd));
                close(fd);
            }
    }
}

static void talk(int sock, struct input *in)
{
    while (in->left > 0) {
        uint8_t kind;
        take(in, &kind, 1);
        if (kind < 200)
            say(sock, in, kind);
        else if (kind < 228)
            scribble(in);
        else
            poll_queue(kind % FE_QUEUES);
        turn();
        if (!hear(sock))
            return;
    }
}

// Pipes do not count: the device takes none, and a sanitizer's symbolizer has two.
static unsigned descriptors(void)
{
    struct stat st;
    unsigned n = 0;
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        n += fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode);
    return n;
}

static void check_descriptors(void)
{
    static unsigned inputs, at_first;
    if (inputs++ % CHECK_EVERY)
        return;
    unsigned now = descriptors();
    if (at_first == 0)
        at_first = now;
    if (now > at_first) {
        fprintf(stderr, "%u descriptors open, %u at the start\n", now, at_first);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (!plain.dev)
        setup();
    memset(memory, 0, MEM_BYTES);
    memcpy(addr.sun_path, plain.path, strlen(plain.path) + 1);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
        die("no connection: the device does not listen any more");
    turn();
    talk(sock, &in);
    close(sock);
    turn();
    if (plain.connected != plain.disconnected)
        die("the device did not notice the end");
    check_descriptors();
    return 0;
}
