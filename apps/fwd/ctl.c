// SPDX-License-Identifier: BSD-3-Clause
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 16

struct client {
    struct client *next;
    int fd;
    uint32_t waits;    // events that epoll was asked for
    char *in;          // FWD_REQUEST_MAX bytes
    size_t in_bytes;   // of them filled
    uint64_t since_ms; // the begin of the line, of the answer, or of the silence
    char *out;         // the answer that is being sent, or NULL
    size_t out_bytes, out_sent;
    bool last; // close it when the answer is sent
};

struct fwd_ctl {
    int epoll, listener;
    int more; // eventfd: a client's next line is in its buffer already
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct fwd_runner runner;
    struct fwd_ctl_limits limits;
    struct client *clients;
    unsigned nclients;
};

const struct fwd_ctl_limits fwd_ctl_default_limits = {
    .clients = 16, .line_ms = 5000, .silent_ms = 600000, .answer_ms = 5000};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// ---- clients ----

static void drop_client(struct fwd_ctl *c, struct client *k)
{
    struct client **at = &c->clients;
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    c->nclients--;
    close(k->fd);
    free(k->in);
    free(k->out);
    free(k);
}

// While an answer is on its way the client is not read: it has to take what it asked for.
static void wait_for(struct fwd_ctl *c, struct client *k, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = k};
    if (k->waits == events)
        return;
    k->waits = events;
    epoll_ctl(c->epoll, EPOLL_CTL_MOD, k->fd, &ev);
}

// Sends what the socket takes. Returns false when the client is to be closed.
static bool send_answer(struct fwd_ctl *c, struct client *k)
{
    while (k->out_sent < k->out_bytes) {
        ssize_t n = send(k->fd, k->out + k->out_sent, k->out_bytes - k->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            wait_for(c, k, EPOLLOUT);
            return true;
        }
        if (n <= 0)
            return false;
        k->out_sent += (size_t)n;
    }
    free(k->out);
    k->out = NULL;
    k->since_ms = now_ms();
    wait_for(c, k, EPOLLIN);
    return !k->last;
}

static bool answer(struct fwd_ctl *c, struct client *k, char *text)
{
    if (!text)
        return false;
    k->out = text;
    k->out_bytes = strlen(text);
    k->out_sent = 0;
    k->since_ms = now_ms();
    return send_answer(c, k);
}

static bool refuse(struct fwd_ctl *c, struct client *k, const char *error, const char *fix)
{
    k->last = true;
    return answer(c, k, fwd_request_refusal(error, fix));
}

// Takes the first whole line off the buffer and answers it. Empty lines are passed over.
static bool take_line(struct fwd_ctl *c, struct client *k)
{
    char *end;
    while (!k->out && (end = memchr(k->in, '\n', k->in_bytes))) {
        size_t bytes = (size_t)(end - k->in);
        char *text = bytes ? fwd_request_answer(&c->runner, k->in, bytes) : NULL;
        k->in_bytes -= bytes + 1;
        memmove(k->in, end + 1, k->in_bytes);
        if (bytes)
            return answer(c, k, text);
    }
    return true;
}

static bool receive(struct fwd_ctl *c, struct client *k)
{
    bool fresh = k->in_bytes == 0;
    ssize_t n = recv(k->fd, k->in + k->in_bytes, FWD_REQUEST_MAX - k->in_bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    k->in_bytes += (size_t)n;
    if (fresh)
        k->since_ms = now_ms();
    if (!take_line(c, k))
        return false;
    if (!k->out && k->in_bytes == FWD_REQUEST_MAX)
        return refuse(c, k, "the line is too long", "a line may have 65536 bytes at most");
    return true;
}

static bool serve(struct fwd_ctl *c, struct client *k, uint32_t events)
{
    if (k->out)
        return events & EPOLLOUT ? send_answer(c, k) : !(events & (EPOLLERR | EPOLLHUP));
    // What came before the end of the stream is answered first.
    return memchr(k->in, '\n', k->in_bytes) ? take_line(c, k) : receive(c, k);
}

// Lines that had come together with one that was answered: one a client.
static void serve_buffered(struct fwd_ctl *c)
{
    uint64_t times;
    if (read(c->more, &times, sizeof(times)) < 0)
        return;
    for (struct client *k = c->clients, *next; k; k = next) {
        next = k->next;
        if (!k->out && k->in_bytes && !take_line(c, k))
            drop_client(c, k);
    }
}

static void note_buffered(struct fwd_ctl *c)
{
    uint64_t one = 1;
    for (const struct client *k = c->clients; k; k = k->next)
        if (!k->out && memchr(k->in, '\n', k->in_bytes) &&
            write(c->more, &one, sizeof(one)) == sizeof(one))
            return;
}

static void drop_late(struct fwd_ctl *c)
{
    uint64_t now = now_ms();
    for (struct client *k = c->clients, *next; k; k = next) {
        unsigned limit = k->out        ? c->limits.answer_ms
                         : k->in_bytes ? c->limits.line_ms
                                       : c->limits.silent_ms;
        next = k->next;
        if (now - k->since_ms < limit)
            continue;
        if (k->out || !k->in_bytes || !refuse(c, k, "the line did not end in time", "") || !k->out)
            drop_client(c, k);
    }
}

static struct client *new_client(struct fwd_ctl *c, int fd)
{
    struct client *k = calloc(1, sizeof(*k));
    char *in = malloc(FWD_REQUEST_MAX);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = k};
    if (!k || !in || epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev)) {
        free(in);
        free(k);
        close(fd);
        return NULL;
    }
    *k = (struct client){
        .next = c->clients, .fd = fd, .waits = EPOLLIN, .in = in, .since_ms = now_ms()};
    c->clients = k;
    c->nclients++;
    return k;
}

static void accept_one(struct fwd_ctl *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    bool full = c->nclients >= c->limits.clients;
    struct client *k = new_client(c, fd);
    if (k && full && !refuse(c, k, "too many clients", "close one, and try again"))
        drop_client(c, k);
}

// ---- the socket ----

static bool answered_on(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 && (!connect(fd, (const void *)at, sizeof(*at)) || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return yes;
}

static int clear_path(const struct sockaddr_un *at, struct fwd_reply *r)
{
    struct stat st;
    if (lstat(at->sun_path, &st))
        return errno == ENOENT
                   ? 0
                   : fwd_fail(r, errno, "give a folder that is there", "the control socket %s: %s",
                              at->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return fwd_fail(r, EEXIST, "remove the file, or give another path",
                        "the control socket's path %s is a file of another kind", at->sun_path);
    if (answered_on(at))
        return fwd_fail(r, EADDRINUSE, "stop the other program, or give another path",
                        "another program answers on the control socket %s", at->sun_path);
    unlink(at->sun_path);
    return 0;
}

static int listen_at(struct fwd_ctl *c, const char *path, struct fwd_reply *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path))
        return fwd_fail(r, ENAMETOOLONG, "give a shorter path",
                        "the control socket's path has %zu bytes, %zu is the most", strlen(path),
                        sizeof(at.sun_path) - 1);
    strcpy(at.sun_path, path);
    int rc = clear_path(&at, r);
    if (rc)
        return rc;
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // The mode is right from the first moment on: nobody can connect in between.
    mode_t old = umask(0177);
    rc = c->listener < 0 || bind(c->listener, (void *)&at, sizeof(at)) ? -errno : 0;
    umask(old);
    if (!rc)
        strcpy(c->path, path);
    if (!rc && listen(c->listener, 16))
        rc = -errno;
    return rc ? fwd_fail(r, -rc, "give a folder that is there and may be written",
                         "the control socket %s: %s", path, strerror(-rc))
              : 0;
}

static bool watch(struct fwd_ctl *c, int *fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = fd};
    return epoll_ctl(c->epoll, EPOLL_CTL_ADD, *fd, &ev) == 0;
}

int fwd_ctl_open(struct fwd_ctl **out, const char *path, const struct fwd_runner *runner,
                 const struct fwd_ctl_limits *limits, struct fwd_reply *r)
{
    struct fwd_ctl *c = calloc(1, sizeof(*c));
    if (!c)
        return fwd_fail(r, ENOMEM, "", "no memory for the control socket");
    c->runner = *runner;
    c->limits = limits ? *limits : fwd_ctl_default_limits;
    c->listener = -1;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = listen_at(c, path, r);
    if (!rc && (!watch(c, &c->listener) || !watch(c, &c->more)))
        rc = fwd_fail(r, errno, "raise the limit of open files", "epoll: %s", strerror(errno));
    if (rc) {
        fwd_ctl_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

int fwd_ctl_fd(const struct fwd_ctl *c)
{
    return c->epoll;
}

void fwd_ctl_poll(struct fwd_ctl *c, int timeout_ms)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(c->epoll, ev, EVENTS, timeout_ms);
    bool buffered = false;
    for (int i = 0; i < n; i++) {
        struct client *k = ev[i].data.ptr;
        if (ev[i].data.ptr == &c->listener)
            accept_one(c);
        else if (ev[i].data.ptr == &c->more)
            buffered = true;
        else if (!serve(c, k, ev[i].events))
            drop_client(c, k);
    }
    if (buffered)
        serve_buffered(c);
    drop_late(c);
    note_buffered(c);
}

void fwd_ctl_close(struct fwd_ctl *c)
{
    if (!c)
        return;
    while (c->clients)
        drop_client(c, c->clients);
    if (c->listener >= 0)
        close(c->listener);
    if (c->epoll >= 0)
        close(c->epoll);
    if (c->more >= 0)
        close(c->more);
    if (c->path[0])
        unlink(c->path);
    free(c);
}
