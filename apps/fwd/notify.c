// SPDX-License-Identifier: BSD-3-Clause
#include "notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STOP_US 30000000u // what a stop may take beside its drain

// The protocol of sd_notify(3): one datagram of lines to the socket that the environment names.
static void tell(const char *text)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t bytes = path ? strlen(path) : 0;
    if (!bytes || bytes >= sizeof(at.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(at.sun_path, path, bytes);
    if (path[0] == '@')
        at.sun_path[0] = '\0'; // an abstract name
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const void *)&at,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes));
    close(fd);
}

void fwd_notify_ready(const struct fwd *fwd)
{
    char text[128];
    snprintf(text, sizeof(text), "READY=1\nSTATUS=mode %s, %u ports, %u workers\n", fwd->mode->name,
             fwd->nports, fwd->nworkers);
    tell(text);
}

void fwd_notify_reloading(void)
{
    struct timespec now;
    char text[96];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n",
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(text);
}

void fwd_notify_stopping(const struct fwd *fwd)
{
    char text[64];
    snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\n",
             1000 * (uint64_t)fwd->conf.drain_ms + STOP_US);
    tell(text);
}

static bool watched(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    return usec && atoll(usec) > 0 && (!pid || atoll(pid) == getpid());
}

void fwd_notify_tick(struct fwd *fwd)
{
    if (!watched())
        return;
    fwd_quiesce(fwd);
    tell("WATCHDOG=1\n");
}
