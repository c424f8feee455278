// SPDX-License-Identifier: BSD-3-Clause
// The client's end of tern-fwd's control socket.
#ifndef TERNCTL_CLIENT_H
#define TERNCTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#define CLIENT_SOCKET "/run/tern-fwd/control.sock"
#define CLIENT_WHY 256

struct client {
    int fd;
    char *in; // what has come and was not a whole line yet
    size_t bytes, room;
};

// Connects. Returns false with the reason in `why`.
bool client_open(struct client *c, const char *path, char why[CLIENT_WHY]);
void client_close(struct client *c);

// Sends a request and waits up to 10 s for its answer. A new reference, or NULL with the reason.
json_t *client_ask(struct client *c, json_t *request, char why[CLIENT_WHY]);

// The same for a command without arguments; returns its result alone (a new reference), or NULL.
json_t *client_show(struct client *c, const char *command, char why[CLIENT_WHY]);

#endif
