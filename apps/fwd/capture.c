// SPDX-License-Identifier: BSD-3-Clause
// pcapng files and filters of tcpdump: not yet among what DPDK promises to keep.
#define ALLOW_EXPERIMENTAL_API
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include <rte_bpf.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_pcapng.h>

#include "show.h"
#include "splice.h"
#include "watch.h"

#define RING 4096u       // copies between the workers and the file
#define DRAIN_NS 5000000 // time between two looks into the ring
#define WRITE_AT_ONCE 32u

// A queue's callback.
struct tap {
    struct capture *capture;
    const struct rte_eth_rxtx_callback *cb;
    uint16_t queue;
    bool rx;
};

struct capture {
    struct fwd *fwd;
    struct fwd_port *port;
    char file[FWD_TEXT_MAX];
    rte_pcapng_t *out;
    struct rte_bpf *filter; // NULL: all packets
    struct rte_mempool *pool;
    struct rte_ring *ring; // several workers may put, the control thread takes
    uint32_t snap;
    uint64_t most, written; // packets; most 0: until it is stopped
    uint64_t missed;        // matched, and there was no room for the copy; atomic
    int timer;
    bool failed; // the file could not be written
    uint16_t ntaps;
    struct tap taps[2 * FWD_QUEUES_MAX];
};

static struct capture *captures[FWD_PORTS_MAX];

// ---- worker's thread ----

static void copy_one(const struct tap *t, const struct rte_mbuf *m)
{
    struct capture *c = t->capture;
    struct rte_mbuf *copy =
        rte_pcapng_copy(c->port->id, t->queue, m, c->pool, c->snap, rte_get_tsc_cycles(),
                        t->rx ? RTE_PCAPNG_DIRECTION_IN : RTE_PCAPNG_DIRECTION_OUT);
    if (copy && rte_ring_enqueue(c->ring, copy) == 0)
        return;
    rte_pktmbuf_free(copy);
    __atomic_fetch_add(&c->missed, 1, __ATOMIC_RELAXED); // only a captured port pays for it
}

static void copy_burst(const struct tap *t, struct rte_mbuf **pkts, uint16_t n)
{
    uint64_t take[FWD_BURST_MAX];
    for (uint16_t at = 0; at < n; at += FWD_BURST_MAX) {
        uint16_t some = RTE_MIN(n - at, FWD_BURST_MAX);
        if (t->capture->filter)
            rte_bpf_exec_burst(t->capture->filter, (void **)&pkts[at], take, some);
        for (uint16_t i = 0; i < some; i++)
            if (!t->capture->filter || take[i])
                copy_one(t, pkts[at + i]);
    }
}

static uint16_t on_rx(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n,
                      uint16_t room, void *tap)
{
    (void)port;
    (void)queue;
    (void)room;
    copy_burst(tap, pkts, n);
    return n;
}

static uint16_t on_tx(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n, void *tap)
{
    (void)port;
    (void)queue;
    copy_burst(tap, pkts, n);
    return n;
}

// ---- control thread ----

static bool full(const struct capture *c)
{
    return c->failed || (c->most && c->written >= c->most);
}

// Writes what has come. Returns whether there was anything.
static bool write_some(struct capture *c)
{
    struct rte_mbuf *pkts[WRITE_AT_ONCE];
    unsigned n = rte_ring_dequeue_burst(c->ring, (void **)pkts, WRITE_AT_ONCE, NULL);
    unsigned take = full(c) ? 0 : c->most ? (unsigned)RTE_MIN(n, c->most - c->written) : n;
    if (take && rte_pcapng_write_packets(c->out, pkts, (uint16_t)take) < 0) {
        fwd_error("capture of port %s ends: %s: %s\nfix: write it where there is room",
                  c->port->name, c->file, strerror(rte_errno));
        c->failed = true;
    } else {
        c->written += take;
    }
    rte_pktmbuf_free_bulk(pkts, n); // it writes, and frees nothing
    return n;
}

static void untap(struct capture *c)
{
    for (uint16_t i = 0; i < c->ntaps; i++) {
        const struct tap *t = &c->taps[i];
        if (t->rx)
            rte_eth_remove_rx_callback(c->port->id, t->queue, t->cb);
        else
            rte_eth_remove_tx_callback(c->port->id, t->queue, t->cb);
    }
    fwd_splice_suspend(c->fwd, c->port, false);
    fwd_quiesce(c->fwd); // nobody is in a callback any more
    for (uint16_t i = 0; i < c->ntaps; i++)
        rte_free((void *)(uintptr_t)c->taps[i].cb);
    c->ntaps = 0;
}

static void release(struct capture *c)
{
    untap(c);
    while (c->ring && c->out && write_some(c))
        continue;
    if (c->timer >= 0) {
        fwd_watch_remove(c->timer);
        close(c->timer);
    }
    if (c->out)
        rte_pcapng_close(c->out);
    rte_bpf_destroy(c->filter);
    rte_ring_free(c->ring);
    rte_mempool_free(c->pool);
    captures[c->port->id] = NULL;
    free(c);
}

static void on_timer(int fd, void *arg)
{
    struct capture *c = arg;
    uint64_t times;
    if (read(fd, &times, sizeof(times)) < 0)
        return;
    for (unsigned i = 0; i < RING / WRITE_AT_ONCE && write_some(c); i++)
        continue;
    if (full(c))
        release(c);
}

// ---- start ----

static int compile(struct capture *c, const char *text, struct fwd_reply *r)
{
    struct bpf_program program;
    pcap_t *p = pcap_open_dead(DLT_EN10MB, (int)c->snap);
    if (!p)
        return -ENOMEM;
    int rc = 0;
    if (pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
        rc = fwd_fail(r, EINVAL, "see pcap-filter(7)", "filter=%.100s: %.100s", text,
                      pcap_geterr(p));
    } else {
        struct rte_bpf_prm *prm = rte_bpf_convert(&program);
        c->filter = prm ? rte_bpf_load(prm) : NULL;
        rte_free(prm);
        pcap_freecode(&program);
        if (!c->filter)
            rc = fwd_fail(r, ENOTSUP, "take a simpler one", "DPDK does not take filter=%.100s",
                          text);
    }
    pcap_close(p);
    return rc;
}

static int open_file(struct capture *c, struct fwd_reply *r)
{
    int fd = open(c->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        c->out = rte_pcapng_fdopen(fd, NULL, NULL, "tern-fwd " TERN_VERSION, NULL);
    if (fd >= 0 && !c->out)
        close(fd);
    return c->out ? 0
                  : fwd_fail(r, errno ? errno : EIO, "name a file that is not there yet",
                             "file=%.100s: %s", c->file, strerror(errno));
}

static int make_buffers(struct capture *c, struct fwd_reply *r)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "fwd_capture_%u", c->port->id);
    c->ring = rte_ring_create(name, RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
    c->pool = rte_pktmbuf_pool_create(name, RING - 1, 64, 0,
                                      (uint16_t)rte_pcapng_mbuf_size(c->snap), SOCKET_ID_ANY);
    struct itimerspec often = {.it_interval = {.tv_nsec = DRAIN_NS},
                               .it_value = {.tv_nsec = DRAIN_NS}};
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (!c->ring || !c->pool || c->timer < 0 || timerfd_settime(c->timer, 0, &often, NULL) ||
        fwd_watch_add(c->timer, on_timer, c))
        return fwd_fail(r, ENOMEM, "give EAL more memory, or take a smaller snap=",
                        "no memory for copies of packets");
    return 0;
}

static int tap_queue(struct capture *c, uint16_t queue, bool rx)
{
    struct tap *t = &c->taps[c->ntaps];
    *t = (struct tap){.capture = c, .queue = queue, .rx = rx};
    t->cb = rx ? rte_eth_add_rx_callback(c->port->id, queue, on_rx, t)
               : rte_eth_add_tx_callback(c->port->id, queue, on_tx, t);
    c->ntaps += t->cb != NULL;
    return t->cb ? 0 : -rte_errno;
}

static int tap_all(struct capture *c, struct fwd_reply *r)
{
    int rc = 0;
    fwd_splice_suspend(c->fwd, c->port, true); // it passes no callback
    for (uint16_t i = 0; !rc && i < c->port->nrxq; i++)
        rc = tap_queue(c, i, true);
    for (uint16_t i = 0; !rc && i < c->port->ntxq; i++)
        rc = tap_queue(c, i, false);
    return rc ? fwd_fail(r, -rc, "DPDK must be built with callbacks",
                         "port %s has no callbacks: %s", c->port->name, strerror(-rc))
              : 0;
}

static int begin(struct capture *c, const json_t *args, struct fwd_reply *r)
{
    char buf[24];
    uint64_t snap = 2048;
    const char *filter = fwd_arg_text(args, "filter", buf);
    int rc = fwd_arg_uint(args, "snap", FWD_CAPTURE_SNAP_MAX, &snap, r);
    if (!rc)
        rc = fwd_arg_uint(args, "packets", UINT64_MAX, &c->most, r);
    c->snap = RTE_MAX((uint32_t)snap, 64u);
    if (!rc && filter && *filter)
        rc = compile(c, filter, r);
    if (!rc)
        rc = make_buffers(c, r);
    if (!rc)
        rc = open_file(c, r);
    return rc ? rc : tap_all(c, r);
}

// ---- commands ----

int fwd_capture_start(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd_port *port;
    char buf[24];
    const char *file = fwd_arg_text(args, "file", buf);
    int rc = fwd_show_wanted(ctx, args, &port, r);
    if (rc)
        return rc;
    if (captures[port->id])
        return fwd_fail(r, EBUSY, "capture stop ends it", "port %s is being captured already",
                        port->name);
    if (file[0] != '/' || strlen(file) >= FWD_TEXT_MAX)
        return fwd_fail(r, EINVAL, "give an absolute path of 255 bytes at most", "file=%.80s",
                        file);
    struct capture *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->fwd = ctx;
    c->port = port;
    c->timer = -1;
    strcpy(c->file, file);
    captures[port->id] = c;
    rc = begin(c, args, r);
    if (rc)
        release(c);
    return rc;
}

static json_t *tell(const struct capture *c)
{
    return json_pack("{s:s, s:s, s:I, s:I}", "port", c->port->name, "file", c->file, "packets",
                     (json_int_t)c->written, "missed",
                     (json_int_t)__atomic_load_n(&c->missed, __ATOMIC_RELAXED));
}

int fwd_capture_stop(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd_port *port;
    int rc = fwd_show_wanted(ctx, args, &port, r);
    if (rc)
        return rc;
    struct capture *c = captures[port->id];
    if (!c)
        return fwd_fail(r, ENOENT, "show captures tells which are", "port %s is not captured",
                        port->name);
    untap(c);
    while (write_some(c))
        continue;
    r->result = tell(c);
    release(c);
    return 0;
}

int fwd_capture_show(void *ctx, const json_t *args, struct fwd_reply *r)
{
    (void)ctx;
    (void)args;
    r->result = json_array();
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (captures[p])
            json_array_append_new(r->result, tell(captures[p]));
    return 0;
}

void fwd_capture_end(const struct fwd_port *port)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (captures[p] && (!port || captures[p]->port == port))
            release(captures[p]);
}
