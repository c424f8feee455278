// SPDX-License-Identifier: BSD-3-Clause
// Compiled twice, as the bursts in the driver are: meson.build says TERN_LEVEL for x86-64-v4.
#if !defined(TERN_LEVEL)
#define BED_AVX512 0
#elif defined(__AVX512VL__)
#define BED_AVX512 1
#else
#error "compiled for any CPU"
#endif

#include "bed.h"

#include <ethdev_driver.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_malloc.h>

#include "pmd.h"
#include "virtq.h"

struct copied copied;
void (*after_look)(const void *from, size_t bytes);
void (*before_enter)(const struct vhu_queue *q);

#define SIDES 4u
static struct side *sides[SIDES];
static bool inside_copy;

static const struct side *side_of(const void *at)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (sides[i] && (uintptr_t)at - (uintptr_t)sides[i]->fe->mem < FE_MEM_BYTES)
            return sides[i];
    return NULL;
}

static void count(const void *to, const void *from, uint64_t bytes)
{
    const struct side *a = side_of(from), *b = side_of(to);
    if (inside_copy)
        return;
    if (a && b)
        __atomic_add_fetch(&copied.moved, bytes, __ATOMIC_RELAXED);
    else if (a)
        __atomic_add_fetch(&copied.looked, bytes, __ATOMIC_RELAXED);
    else if (b)
        __atomic_add_fetch(&copied.wrote, bytes, __ATOMIC_RELAXED);
}

static void *copy(void *to, const void *from, size_t bytes)
{
    count(to, from, bytes);
    memcpy(to, from, bytes);
    if (after_look && !inside_copy && side_of(from) && !side_of(to))
        after_look(from, bytes);
    return to;
}

static bool enter(struct vhu_queue *q)
{
    if (before_enter)
        before_enter(q);
    return vhu_queue_enter(q);
}

// From here on what the driver copies is counted; a tern_copy as one copy, however it does it.
#define memcpy(to, from, n) copy(to, from, n)
#include "../../drivers/common/mbuf_chain.c"
#include "../../drivers/common/offload.c"
#include "../../drivers/common/rest.c"
#define tern_copy(to, from, n) \
    (count(to, from, n), inside_copy = true, tern_copy(to, from, n), (void)(inside_copy = false))
#include "../../drivers/vhost/burst.c"
#define vhu_queue_enter(q) enter(q)
#include "../../drivers/vhost/splice.c"
#undef vhu_queue_enter
#undef tern_copy
#undef memcpy

const struct eth_dev_ops tern_ops; // no port here is one of ethdev's

void side_attach(struct side *s, struct fe *guest, unsigned vq)
{
    struct fe_queue *q = &guest->q[vq];
    struct rte_mbuf fresh = {.data_off = RTE_PKTMBUF_HEADROOM, .refcnt = 1, .nb_segs = 1};
    memset(s, 0, sizeof(*s));
    s->fe = guest;
    s->vq = vq;
    s->next_at = FE_BUF_BASE;
    vq_mem_init(&s->table.m, 1);
    assert_int_equal(vq_mem_add(&s->table.m, FE_GPA, FE_MEM_BYTES, guest->mem), 0);
    s->ring.call_fd = q->call;
    s->ring.kick_fd = s->ring.err_fd = -1;
    assert_int_equal(vq_dev_init(&s->ring.vq, &q->ring, guest->features, q->size, &s->table.m), 0);
    s->ring.vq.reads_only = vq == TRANSMITQ;
    s->queue = (struct tern_queue){.vq = &s->ring,
                                   .f = guest->features,
                                   .hdr_bytes = vnet_hdr_bytes(guest->features),
                                   .nseg = TERN_SEGS,
                                   .seg = s->segs,
                                   .max_pkt_bytes = TERN_FRAME_MAX,
                                   .port = (struct tern_port *)s, // only compared
                                   .is_rx = vq == TRANSMITQ};
    memcpy(&s->queue.rearm, (uint8_t *)&fresh + offsetof(struct rte_mbuf, data_off), 8);
    tern_vhost_choose_burst(&s->queue);
    assert_int_equal(strstr(s->queue.instance, " (AVX-512)") != NULL, BED_AVX512);
    unsigned i = 0;
    while (i < SIDES && sides[i])
        i++;
    assert_true(i < SIDES);
    sides[i] = s;
    vhu_gate_setup();
    vhu_gate_open(&s->ring.gate);
}

void side_open(struct side *s, struct fe *guest, uint64_t features, unsigned vq, uint32_t size)
{
    fe_init(guest, features);
    fe_queue_init(guest, vq, size);
    side_attach(s, guest, vq);
}

void side_close(struct side *s)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (sides[i] == s)
            sides[i] = NULL;
    fe_free(s->fe);
}

// ---- the driver ----

uint8_t *side_space(struct side *s, uint32_t bytes)
{
    if (s->next_at + bytes > FE_MEM_BYTES)
        s->next_at = FE_BUF_BASE;
    uint8_t *at = (uint8_t *)s->fe->mem + s->next_at;
    s->next_at += bytes;
    return at;
}

static bool put(struct side *s, uint8_t *at, const uint32_t *bytes, unsigned n)
{
    struct vq_seg seg[64];
    struct vq_chain c = {.seg = seg};
    uint64_t gpa = FE_GPA + (uint64_t)(at - (uint8_t *)s->fe->mem);
    assert_true(n <= 64);
    for (unsigned i = 0; i < n; gpa += bytes[i++] + s->gap)
        seg[i] = (struct vq_seg){.addr = gpa, .bytes = bytes[i]};
    if (s->vq == TRANSMITQ)
        c.nread = (uint16_t)n;
    else
        c.nwrite = (uint16_t)n;
    return vq_drv_put_avail(&s->fe->q[s->vq].drv, s->fe->features, &c, at);
}

uint8_t *side_put(struct side *s, const uint32_t *bytes, unsigned n)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += bytes[i] + s->gap;
    uint8_t *at = side_space(s, sum);
    if (put(s, at, bytes, n))
        return at;
    // Given back, or refusals alone come round to what still lies there.
    s->next_at = (uint32_t)(at - (uint8_t *)s->fe->mem);
    return NULL;
}

uint8_t *side_send(struct side *s, const void *frame, uint32_t bytes)
{
    uint32_t hdr = s->queue.hdr_bytes, all = hdr + bytes;
    uint8_t *at = side_put(s, &all, 1);
    assert_non_null(at);
    memset(at, 0, hdr);
    memcpy(at + hdr, frame, bytes);
    return at;
}

void side_publish(struct side *s)
{
    vq_drv_publish(&s->fe->q[s->vq].drv, s->fe->features);
}

uint8_t *side_take(struct side *s, uint32_t *bytes)
{
    void *token;
    return vq_drv_get_used(&s->fe->q[s->vq].drv, s->fe->features, &token, bytes) ? token : NULL;
}

// ---- the port ----

unsigned side_splice(struct side *s, struct tern_splice_pkt *pkts, unsigned n,
                     tern_splice_decide decide, void *arg)
{
    memset(&copied, 0, sizeof(copied));
    return tern_vhost_splice(TERN_SPLICE_VERSION)
        ->burst(queue_of_side(s), pkts, (uint16_t)n, decide, arg);
}

void to_side(void *arg, struct tern_splice_pkt *pkts, uint16_t n)
{
    for (unsigned i = 0; i < n; i++) {
        pkts[i].todo = TERN_SPLICE_MOVE;
        pkts[i].to = queue_of_side(arg);
    }
}

// ---- odds and ends ----

void make_frame(uint8_t *frame, uint32_t bytes, uint32_t number)
{
    for (uint32_t i = 0; i < bytes; i++)
        frame[i] = (uint8_t)(i * 7 + (i >> 8) + number * 13);
    frame[0] = 0x02; // to one station
}

uint64_t combo(unsigned i)
{
    return VQ_F_VERSION_1 | VQ_F_RING_INDIRECT_DESC | (i & 1 ? VQ_F_RING_PACKED : 0) |
           (i & 2 ? VNET_F_MRG_RXBUF : 0) | (i & 4 ? VQ_F_IN_ORDER : 0);
}
