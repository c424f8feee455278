// SPDX-License-Identifier: BSD-3-Clause
// libmicrohttpd, driven by the control thread: no thread of its own, few connections, short ones.
#include "metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "watch.h"

#define CONNECTIONS 8u
#define PATIENCE_S 2u
#define REQUEST_BYTES (size_t)8192

static struct MHD_Daemon *daemon_;
static char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)];

// ---- answers ----

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, char *text,
                                 size_t bytes, enum MHD_ResponseMemoryMode mode, const char *type)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(bytes, text, mode);
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, "Content-Type", type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, "Allow", "GET, HEAD");
    enum MHD_Result rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, char *why)
{
    return send_text(c, status, why, strlen(why), MHD_RESPMEM_PERSISTENT,
                     "text/plain; charset=utf-8");
}

static enum MHD_Result send_metrics(struct fwd *fwd, struct MHD_Connection *c)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return MHD_NO;
    fwd_metrics_write(fwd, out);
    fclose(out);
    return send_text(c, MHD_HTTP_OK, text, bytes, MHD_RESPMEM_MUST_FREE,
                     "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static enum MHD_Result on_request(void *fwd, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_bytes, void **seen)
{
    static char no_method[] = "only GET and HEAD\n", no_page[] = "only /metrics\n";
    (void)version;
    (void)data;
    if (!*seen) { // headers alone; the answer follows when the body, if any, is read
        *seen = fwd;
        return MHD_YES;
    }
    if (*data_bytes) {
        *data_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, no_method);
    if (strcmp(url, "/metrics") != 0)
        return refuse(c, MHD_HTTP_NOT_FOUND, no_page);
    return send_metrics(fwd, c);
}

// ---- the socket ----

static socklen_t address_of(const char *text, struct sockaddr_storage *at)
{
    const char *port = strrchr(text, ':') + 1;
    memset(at, 0, sizeof(*at));
    if (!strncmp(text, "unix:", 5)) {
        struct sockaddr_un *u = (void *)at;
        u->sun_family = AF_UNIX;
        memcpy(u->sun_path, text + 5, strlen(text + 5));
        return sizeof(*u);
    }
    if (text[0] == '[') {
        struct sockaddr_in6 *six = (void *)at;
        six->sin6_family = AF_INET6;
        six->sin6_addr = in6addr_loopback;
        six->sin6_port = htons((uint16_t)atoi(port));
        return sizeof(*six);
    }
    struct sockaddr_in *four = (void *)at;
    four->sin_family = AF_INET;
    four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    four->sin_port = htons((uint16_t)atoi(port));
    return sizeof(*four);
}

// A socket file of a program that is gone is replaced; anything else is not.
static void clear_path(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, path, strlen(path));
    if (fd >= 0 && !lstat(path, &st) && S_ISSOCK(st.st_mode) &&
        connect(fd, (void *)&at, sizeof(at)) && errno == ECONNREFUSED)
        unlink(path);
    if (fd >= 0)
        close(fd);
}

static int listen_at(const char *text)
{
    struct sockaddr_storage at;
    socklen_t bytes = address_of(text, &at);
    int one = 1, fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (at.ss_family == AF_UNIX)
        clear_path(text + 5);
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    mode_t old = umask(0177);
    int rc = bind(fd, (void *)&at, bytes) || listen(fd, 16) ? -errno : fd;
    umask(old);
    if (rc < 0)
        close(fd);
    else if (at.ss_family == AF_UNIX)
        strcpy(unix_path, text + 5);
    return rc;
}

// libmicrohttpd may have more to do without any event; so much a call, the rest in the next tick.
void fwd_metrics_tick(void)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    for (int i = 0; daemon_ && i < 4 * (int)CONNECTIONS; i++) {
        MHD_run(daemon_);
        if (MHD_get_timeout(daemon_, &wait_ms) != MHD_YES || wait_ms)
            return;
    }
}

static void on_epoll(int fd, void *arg)
{
    (void)fd;
    (void)arg;
    fwd_metrics_tick();
}

int fwd_metrics_start(struct fwd *fwd)
{
    const char *text = fwd->conf.metrics_addr;
    if (!text[0])
        return 0;
    int fd = listen_at(text);
    if (fd < 0) {
        fwd_error("metrics at %s: %s\nfix: give another address, or stop who has it", text,
                  strerror(-fd));
        return fd;
    }
    daemon_ = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, fwd,
                               MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                               CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE_S,
                               MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        daemon_ ? MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info)
        return fwd_watch_add(info->epoll_fd, on_epoll, NULL);
    if (!daemon_)
        close(fd);
    fwd_error("metrics at %s: libmicrohttpd does not start\nfix: raise the limit of open files",
              text);
    return -EIO;
}

void fwd_metrics_stop(void)
{
    if (!daemon_)
        return;
    fwd_watch_remove(MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    MHD_stop_daemon(daemon_);
    daemon_ = NULL;
    if (unix_path[0])
        unlink(unix_path);
}
