// SPDX-License-Identifier: BSD-3-Clause
#include "counted.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ethdev_driver.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_malloc.h>

#define NO_END (1u << 24) // looks; far above all that a burst may take

struct counted counted;
void (*counted_hook)(const uint8_t *at, uint64_t bytes);
static struct counted_ring ring;

static bool of_guest(const void *at)
{
    return (uintptr_t)at - (uintptr_t)ring.mem < ring.bytes;
}

static void hook(const void *at, uint64_t bytes)
{
    if (counted_hook)
        counted_hook(at, bytes);
}

static void looked(const void *at, uint64_t bytes)
{
    if (!of_guest(at))
        return;
    uint64_t offset = (uintptr_t)at - (uintptr_t)ring.desc;
    counted.descriptors += bytes == 16 || (offset < 16ull * ring.size && offset % 16 == 8);
    if (++counted.looks == NO_END)
        fail_msg("the burst has no end");
    hook(at, bytes);
}

static void copied(const void *to, const void *from, uint64_t bytes)
{
    if (of_guest(from)) {
        counted.out += bytes;
        hook(from, bytes);
    } else if (of_guest(to)) {
        counted.in += bytes;
        hook(to, bytes);
    }
}

// From here on, what DPDK and the C library brought is left alone, and ours is counted.
#define __atomic_load_n(p, order) \
    (looked((const void *)(p), sizeof(*(p))), __atomic_load_n(p, order))
#define memcpy(to, from, n) (looked(from, n), memcpy(to, from, n))
#include "mem.h"
#define vq_mem_at(...) (counted.translations++, vq_mem_at(__VA_ARGS__))
#include "virtq.h"
#undef memcpy
#define memcpy(to, from, n) (copied(to, from, n), memcpy(to, from, n))
#include "../../drivers/common/mbuf_chain.c"
#include "../../drivers/common/offload.c"
#include "../../drivers/common/rest.c"
#include "../../drivers/vhost/burst.c"
#include "../../drivers/vhost/pmd.h"
#undef memcpy
#undef __atomic_load_n

static struct vhu_queue queue;
static struct tern_queue port_queue;
static struct vq_seg segs[TERN_SEGS];
static struct {
    struct vq_mem m;
    struct vq_region r;
} table;

void counted_open(const struct counted_ring *r, struct rte_mempool *mp)
{
    struct vq_ring_addrs at = {r->desc, r->driver, r->device};
    struct rte_mbuf fresh = {
        .data_off = RTE_PKTMBUF_HEADROOM, .refcnt = 1, .nb_segs = 1, .port = 0};
    ring = *r;
    vq_mem_init(&table.m, 1);
    assert_int_equal(vq_mem_add(&table.m, r->gpa, r->bytes, r->mem), 0);
    memset(&queue, 0, sizeof(queue));
    queue.call_fd = queue.kick_fd = queue.err_fd = -1;
    assert_int_equal(vq_dev_init(&queue.vq, &at, r->features, r->size, &table.m), 0);
    queue.vq.reads_only = r->rx;
    port_queue =
        (struct tern_queue){.vq = &queue,
                            .f = r->features | (r->features & VNET_OFFLOADS ? TERN_F_OFFLOAD : 0),
                            .may = (uint16_t)(r->rx ? vnet_may_from_driver(r->features)
                                                    : vnet_may_to_driver(r->features)),
                            .hdr_bytes = vnet_hdr_bytes(r->features),
                            .nseg = TERN_SEGS,
                            .seg = segs,
                            .mp = mp,
                            .max_pkt_bytes = TERN_FRAME_MAX,
                            .is_rx = r->rx};
    memcpy(&port_queue.rearm, (uint8_t *)&fresh + offsetof(struct rte_mbuf, data_off), 8);
    tern_vhost_choose_burst(&port_queue);
    vhu_gate_open(&queue.gate);
}

unsigned counted_burst(struct rte_mbuf **m, unsigned n)
{
    memset(&counted, 0, sizeof(counted));
    return ring.rx ? tern_vhost_rx(&port_queue, m, (uint16_t)n)
                   : tern_vhost_tx(&port_queue, m, (uint16_t)n);
}

unsigned counted_broken(void)
{
    return queue.vq.broken;
}
