// SPDX-License-Identifier: BSD-3-Clause
// The program (struct fwd), and what a mode of forwarding is.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "conf.h"
#include "count.h"
#include "out.h"
#include "port.h"
#include "worker.h"

struct tern_splice_pkt;

// A mode. Only `name` and `burst` are needed.
struct fwd_mode {
    const char *name;

    // Once, before the first port. 0 or a negative errno, after an error message with a fix.
    int (*init)(struct fwd *fwd);
    void (*fini)(struct fwd *fwd);

    // A port comes (it runs, and nobody polls it yet) or goes (nobody polls it any more); workers
    // are held. An error of port_add keeps the port out.
    int (*port_add)(struct fwd *fwd, struct fwd_port *port);
    void (*port_remove)(struct fwd *fwd, struct fwd_port *port);

    // What takes too long for that, while workers run: before a port comes, and after one has come
    // or gone. An error of port_prepare keeps the port out. One that was prepared and does not come
    // after all goes by port_remove.
    int (*port_prepare)(struct fwd *fwd, struct fwd_port *port);
    void (*port_settle)(struct fwd *fwd);

    // n packets (1 to FWD_BURST_MAX) that came in by `in`, in their order. All are the callee's:
    // each is sent by fwd_send() or dropped by fwd_drop(). Worker's thread.
    void (*burst)(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts, uint16_t n);

    // Of n frames (1 to FWD_BURST_MAX) that came in by `in`, moves those (fwd_splice_move) that go
    // to one output as they are, or with other addresses, and may drop some (fwd_splice_drop). All
    // others come to `burst`, and one that was to be moved may come there too. NULL: all do.
    // Worker's thread.
    void (*decide)(struct fwd_worker *w, struct fwd_port *in, struct tern_splice_pkt *pkts,
                   uint16_t n);
    bool paired; // packets of a port go to its peer and nowhere else

    // Each second. Control thread; workers run.
    void (*tick)(struct fwd *fwd, uint64_t now_s);

    // Packets that the mode has put aside, counted. Control thread; workers are held.
    uint64_t (*in_flight)(const struct fwd *fwd);
};

extern const struct fwd_mode fwd_mode_io;  // each port's packets to its peer, as they are
extern const struct fwd_mode fwd_mode_mac; // the same, with the peer's address as source
extern const struct fwd_mode fwd_mode_l2;  // a learning bridge with VLANs
extern const struct fwd_mode fwd_mode_l3;  // a router for IPv4 and IPv6

struct fwd {
    struct fwd_conf conf;
    int argc; // options behind EAL's, argv[0] the program's name: a reload parses them again
    char **argv;
    bool all_ports; // no port was configured: conf.ports are all that EAL had found
    const struct fwd_mode *mode;
    void *mode_data;
    struct fwd_port *ports[FWD_PORTS_MAX]; // by DPDK's port id; NULL: not ours
    uint16_t nports;
    struct fwd_worker *workers[FWD_WORKERS_MAX + 1]; // and behind the last one: control
    uint16_t nworkers;                               // those with a thread
    struct fwd_worker *control; // sends what the control thread makes, by rings to the owners
    bool running;               // the workers have their threads
    unsigned holds;             // nesting of fwd_hold()
    struct fwd_count gone;      // counts of ports that were removed
    struct rte_mempool *pools[RTE_MAX_NUMA_NODES];
    bool unfinished;    // some port receives packets that are to be finished: see finish.h
    bool stopping;      // the workers are to end
    uint64_t started_s; // CLOCK_MONOTONIC
};

// The pool of packet buffers of a NUMA node (SOCKET_ID_ANY: the control thread's), made when first
// asked for. NULL after an error message. Control thread.
struct rte_mempool *fwd_pool(struct fwd *fwd, int socket);

// Are there as many ports as pairs and assignments speak of? 0, or -EINVAL after an error message
// with a fix.
int fwd_conf_check(const struct fwd_conf *conf);

// Makes everything of `fwd->conf` and starts it; stops and frees everything. Control thread.
int fwd_start(struct fwd *fwd);
void fwd_stop(struct fwd *fwd);

// After fwd_workers_stop(): sends what lies in hand-over rings. An output that takes nothing is
// waited for, up to conf.drain_ms in all; what is left then is dropped, and counted.
void fwd_drain(struct fwd *fwd);

// After that: removes all ports, and with them what the mode had put aside for them. Nothing is in
// flight then.
void fwd_ports_close(struct fwd *fwd);

// ---- changes while it runs; control thread; 0 or a negative errno after an error message with a
// fix ----

// Opens a port and polls it: conf->assign does not know it, so its queues are placed automatically.
int fwd_port_add(struct fwd *fwd, const struct fwd_conf_port *conf, struct fwd_port **port);

// Takes a port out: no worker polls it or sends to it any more, what was on its way to it is sent
// or dropped and counted.
int fwd_port_remove(struct fwd *fwd, const char *name);

// Lets the worker on `lcore` poll a receive queue. No packet is lost, and none overtakes another of
// that queue.
int fwd_queue_move(struct fwd *fwd, const char *port, uint16_t queue, unsigned lcore);

// Looks where ports are: of a guest it is known when its driver starts. Queues of a port that turns
// out to be elsewhere move to a nearer worker if there is one, unless somebody assigned them.
void fwd_ports_follow(struct fwd *fwd);

// Moves one queue from the busiest worker to another where that pays (place.h), by what was
// measured since the last call. Returns whether it did.
bool fwd_rebalance(struct fwd *fwd);

// An error for the operator, to stderr, a line; `fix:` follows on its own line inside the text.
void fwd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// What fwd_error() said last since fwd_error_clear(), "" if nothing: for whoever asked over the
// control socket. Control thread.
const char *fwd_error_last(void);
void fwd_error_clear(void);
