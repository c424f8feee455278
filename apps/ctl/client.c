// SPDX-License-Identifier: BSD-3-Clause
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)

bool client_open(struct client *c, const char *path, char why[CLIENT_WHY])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 10};
    *c = (struct client){.fd = -1};
    if (strlen(path) >= sizeof(at.sun_path)) {
        snprintf(why, CLIENT_WHY, "%.40s…: the path is too long for a socket", path);
        return false;
    }
    strcpy(at.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&at, sizeof(at))) {
        snprintf(why, CLIENT_WHY, "no tern-fwd answers on %s: %s", path, strerror(errno));
        client_close(c);
        return false;
    }
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return true;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    *c = (struct client){.fd = -1};
}

static bool send_all(int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t n = send(fd, text, bytes, MSG_NOSIGNAL);
        if (n <= 0 && errno != EINTR)
            return false;
        text += n > 0 ? n : 0;
        bytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool make_room(struct client *c)
{
    if (c->room - c->bytes >= 4096)
        return true;
    size_t room = c->room ? 2 * c->room : 65536;
    char *more = room <= ANSWER_MAX ? realloc(c->in, room) : NULL;
    if (!more)
        return false;
    c->in = more;
    c->room = room;
    return true;
}

// Receives until a line is whole; returns its bytes, or 0 with errno (0: the server has hung up).
static size_t receive_line(struct client *c)
{
    const char *end;
    c->bytes = 0; // one request is under way at a time, so nothing of a next answer is here
    for (size_t seen = 0;;) {
        if (!make_room(c)) {
            errno = ENOMEM;
            return 0;
        }
        ssize_t n = recv(c->fd, c->in + c->bytes, c->room - c->bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : 0;
            return 0;
        }
        c->bytes += (size_t)n;
        end = memchr(c->in + seen, '\n', c->bytes - seen);
        if (end)
            return (size_t)(end - c->in);
        seen = c->bytes;
    }
}

json_t *client_ask(struct client *c, json_t *request, char why[CLIENT_WHY])
{
    char *text = json_dumps(request, JSON_COMPACT);
    size_t n = text && send_all(c->fd, text, strlen(text)) && send_all(c->fd, "\n", 1)
                   ? receive_line(c)
                   : 0;
    json_t *answer = n ? json_loadb(c->in, n, 0, NULL) : NULL;
    free(text);
    if (!n)
        snprintf(why, CLIENT_WHY, "tern-fwd gave no answer: %s",
                 errno ? strerror(errno) : "it has ended");
    else if (!answer)
        snprintf(why, CLIENT_WHY, "tern-fwd's answer is no JSON");
    return answer;
}

json_t *client_show(struct client *c, const char *command, char why[CLIENT_WHY])
{
    json_t *request = json_pack("{s:s}", "command", command);
    json_t *answer = client_ask(c, request, why);
    json_t *result = json_incref(json_object_get(answer, "result"));
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (answer && !result)
        snprintf(why, CLIENT_WHY, "%.200s", error ? error : "the answer is not understood");
    json_decref(answer);
    json_decref(request);
    return result;
}
