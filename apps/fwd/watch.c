// SPDX-License-Identifier: BSD-3-Clause
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#define WATCHED_MAX 64

static struct pollfd fds[WATCHED_MAX];
static struct {
    fwd_watch_cb cb;
    void *arg;
} what[WATCHED_MAX];
static int nfds;
static bool stopped;

int fwd_watch_add(int fd, fwd_watch_cb cb, void *arg)
{
    if (nfds == WATCHED_MAX)
        return -ENOSPC;
    fds[nfds] = (struct pollfd){.fd = fd, .events = POLLIN};
    what[nfds].cb = cb;
    what[nfds].arg = arg;
    nfds++;
    return 0;
}

void fwd_watch_remove(int fd)
{
    for (int i = 0; i < nfds; i++) {
        if (fds[i].fd != fd)
            continue;
        nfds--;
        fds[i] = fds[nfds];
        what[i] = what[nfds];
        return;
    }
}

void fwd_watch_run(void)
{
    while (!stopped) {
        if (poll(fds, (nfds_t)nfds, -1) <= 0)
            continue;
        // Backwards: whoever forgets itself only moves one that was called already into its place.
        // revents is cleared first, so that an entry that moves is not called twice.
        for (int i = nfds - 1; i >= 0 && !stopped; i--) {
            short events = i < nfds ? fds[i].revents : 0;
            if (!events)
                continue;
            fds[i].revents = 0;
            what[i].cb(fds[i].fd, what[i].arg);
        }
    }
}

void fwd_watch_stop(void)
{
    stopped = true;
}
