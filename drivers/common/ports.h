// SPDX-License-Identifier: BSD-3-Clause
// The ports of one driver in this process, and events for the application.
#ifndef TERN_PORTS_H
#define TERN_PORTS_H

#include <stdint.h>
#include <sys/queue.h>

// A port's place in the list; embedded in the driver's own structure.
struct tern_entry {
    TAILQ_ENTRY(tern_entry) next;
    uint16_t port_id;
    const char *path; // of its socket
};

// Adds a port; -EEXIST when another has the same socket, which is the value of argument `key`.
int tern_ports_add(struct tern_entry *e, const char *key);
void tern_ports_remove(struct tern_entry *e);

// Calls fn for port `port_id` while it cannot go away. -ENODEV: there is none.
int tern_ports_with(uint16_t port_id, int (*fn)(struct tern_entry *e, void *arg), void *arg);
void tern_ports_each(void (*fn)(struct tern_entry *e, void *arg), void *arg);

// Events for the application, delivered on EAL's interrupt thread in a millisecond or two; several
// of a kind may become one. Any thread.
enum tern_event { TERN_EVENT_QUEUE = 1, TERN_EVENT_LINK = 2 };
void tern_event_post(uint16_t port_id, uint32_t events);

// Takes back what is posted, and waits for what is under way.
void tern_event_cancel(uint16_t port_id);

#endif
