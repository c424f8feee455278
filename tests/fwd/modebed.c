// SPDX-License-Identifier: BSD-3-Clause
#include "modebed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

struct fwd bed;
struct rte_mempool *bed_pool;
struct fwd_conf_port bed_conf[BED_PORTS];

static struct fwd_port ports[BED_PORTS];
static struct fwd_worker *worker, *control;
static struct {
    struct rte_mbuf *m[4096];
    unsigned n;
} sent[BED_PORTS];
static struct {
    int fd;
    fwd_watch_cb cb;
    void *arg;
} watched;

// --- what the mode calls ------------------------------------------------------------------------

void fwd_out_flush(struct fwd_worker *w, struct fwd_out *out)
{
    uint16_t port = out->port->id;
    for (uint16_t i = 0; i < out->n; i++) {
        assert_true(sent[port].n < RTE_DIM(sent[port].m));
        assert_int_equal(rte_mbuf_check(out->pkts[i], 1, &(const char *){0}), 0);
        sent[port].m[sent[port].n++] = out->pkts[i];
    }
    fwd_count_add(&w->count[port].tx, out->n);
    out->n = 0;
}

void fwd_worker_flush(struct fwd_worker *w)
{
    for (uint16_t i = 0; i < w->ndirty; i++) {
        w->out[w->dirty[i]].listed = false;
        fwd_out_flush(w, &w->out[w->dirty[i]]);
    }
    w->ndirty = 0;
}

struct rte_mempool *fwd_pool(struct fwd *fwd, int socket)
{
    (void)fwd, (void)socket;
    return bed_pool;
}

void fwd_hold(struct fwd *fwd)
{
    fwd->holds++;
}

void fwd_release(struct fwd *fwd)
{
    assert_true(fwd->holds > 0);
    fwd->holds--;
}

void fwd_error(const char *fmt, ...)
{
    assert_non_null(strstr(fmt, "fix: "));
}

int fwd_watch_add(int fd, fwd_watch_cb cb, void *arg)
{
    watched.fd = fd;
    watched.cb = cb;
    watched.arg = arg;
    return 0;
}

void fwd_watch_remove(int fd)
{
    assert_int_equal(fd, watched.fd);
    watched.cb = NULL;
}

// --- the bed ------------------------------------------------------------------------------------

static struct fwd_worker *make_worker(uint16_t index)
{
    struct fwd_worker *w = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*w));
    assert_non_null(w);
    memset(w, 0, sizeof(*w));
    w->fwd = &bed;
    w->index = index;
    for (unsigned i = 0; i < BED_PORTS; i++)
        w->out[i].port = &ports[i];
    return w;
}

int bed_link(unsigned i)
{
    int rc = bed.mode->port_prepare ? bed.mode->port_prepare(&bed, &ports[i]) : 0;
    if (rc)
        return rc;
    fwd_hold(&bed);
    bed.ports[i] = &ports[i];
    bed.nports++;
    assert_int_equal(bed.mode->port_add(&bed, &ports[i]), 0);
    fwd_release(&bed);
    if (bed.mode->port_settle)
        bed.mode->port_settle(&bed);
    return 0;
}

void bed_unlink(unsigned i)
{
    fwd_hold(&bed);
    bed.ports[i] = NULL;
    bed.nports--;
    bed.mode->port_remove(&bed, &ports[i]);
    fwd_release(&bed);
    if (bed.mode->port_settle)
        bed.mode->port_settle(&bed);
}

void bed_open(const struct fwd_mode *mode, unsigned n)
{
    if (!bed_pool)
        bed_pool =
            rte_pktmbuf_pool_create("bed", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    assert_non_null(bed_pool);
    bed.mode = mode;
    bed.nworkers = 1;
    bed.workers[0] = worker = make_worker(0);
    bed.workers[1] = bed.control = control = make_worker(1);
    assert_int_equal(mode->init(&bed), 0);
    for (unsigned i = 0; i < n; i++) {
        struct fwd_port *p = &ports[i];
        *p = (struct fwd_port){.id = (uint16_t)i,
                               .mac = {{2, 0, 0, 0, 0xff, (uint8_t)i}},
                               .mtu = bed_conf[i].mtu ? bed_conf[i].mtu : 1500,
                               .link_up = true,
                               .conf = bed_conf[i]};
        snprintf(p->name, sizeof(p->name), "port%u", i);
        assert_int_equal(bed_link(i), 0);
    }
}

void bed_close(void)
{
    bed_forget();
    for (unsigned i = 0; i < BED_PORTS; i++)
        if (bed.ports[i])
            bed_unlink(i);
    bed.mode->fini(&bed);
    free(worker);
    free(control);
    memset(&bed, 0, sizeof(bed));
    memset(bed_conf, 0, sizeof(bed_conf));
    assert_int_equal(rte_mempool_in_use_count(bed_pool), 0);
}

struct fwd_port *bed_port(unsigned i)
{
    return &ports[i];
}

struct rte_mbuf *bed_packet(const void *bytes, uint32_t len, uint16_t seg)
{
    struct rte_mbuf *head = NULL;
    for (uint32_t at = 0; at < len || !head;) {
        uint32_t part = RTE_MIN(seg ? seg : 1920u, len - at);
        struct rte_mbuf *m = rte_pktmbuf_alloc(bed_pool);
        assert_non_null(m);
        memcpy(rte_pktmbuf_append(m, (uint16_t)part), (const uint8_t *)bytes + at, part);
        if (head)
            assert_int_equal(rte_pktmbuf_chain(head, m), 0);
        else
            head = m;
        at += part;
    }
    return head;
}

static void check_account(void)
{
    uint64_t in = 0, out = bed.mode->in_flight ? bed.mode->in_flight(&bed) : 0;
    for (unsigned w = 0; w < 2; w++) {
        for (unsigned p = 0; p < BED_PORTS; p++) {
            const struct fwd_count *c = &bed.workers[w]->count[p];
            in += c->rx + c->made;
            out += c->tx;
            for (unsigned i = 0; i < FWD_NCAUSES; i++)
                out += c->drop[i];
        }
    }
    assert_int_equal(in, out);
}

void bed_control(void)
{
    watched.cb(watched.fd, watched.arg);
    fwd_worker_flush(control);
    check_account();
}

void bed_in(unsigned port, struct rte_mbuf *m)
{
    fwd_count_add(&worker->count[port].rx, 1);
    m->port = (uint16_t)port;
    bed.mode->burst(worker, &ports[port], &m, 1);
    fwd_worker_flush(worker);
    check_account();
    bed_control();
}

void bed_in_bytes(unsigned port, const void *bytes, uint32_t len)
{
    bed_in(port, bed_packet(bytes, len, 0));
}

struct rte_mbuf *bed_take(unsigned port)
{
    if (!sent[port].n)
        return NULL;
    struct rte_mbuf *m = sent[port].m[0];
    memmove(sent[port].m, sent[port].m + 1, --sent[port].n * sizeof(m));
    return m;
}

unsigned bed_sent(unsigned port)
{
    return sent[port].n;
}

unsigned bed_sent_all(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BED_PORTS; i++)
        n += sent[i].n;
    return n;
}

void bed_forget(void)
{
    for (unsigned i = 0; i < BED_PORTS; i++) {
        rte_pktmbuf_free_bulk(sent[i].m, sent[i].n);
        sent[i].n = 0;
    }
}

void bed_expect(unsigned port, const void *bytes, uint32_t len)
{
    static uint8_t copy[65536];
    struct rte_mbuf *m = bed_take(port);
    assert_non_null(m);
    assert_int_equal(m->pkt_len, len);
    assert_memory_equal(rte_pktmbuf_read(m, 0, len, copy), bytes, len);
    rte_pktmbuf_free(m);
}

uint64_t bed_drops(enum fwd_cause cause)
{
    uint64_t n = 0;
    for (unsigned w = 0; w < 2; w++)
        for (unsigned p = 0; p < BED_PORTS; p++)
            n += bed.workers[w]->count[p].drop[cause];
    return n;
}

uint64_t bed_drops_all(void)
{
    uint64_t n = 0;
    for (int i = 0; i < FWD_NCAUSES; i++)
        n += bed_drops(i);
    return n;
}
