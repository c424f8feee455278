// SPDX-License-Identifier: BSD-3-Clause
#include "bed.h"

struct rte_mbuf *packets[BURST];

bool is_packed(void)
{
    return fe.features & VQ_F_RING_PACKED;
}

void open_ring(uint64_t features, unsigned vq, uint32_t size)
{
    fe_init(&fe, features);
    fe_queue_init(&fe, vq, size);
    struct counted_ring r = {.desc = fe.q[vq].ring.desc,
                             .driver = fe.q[vq].ring.driver,
                             .device = fe.q[vq].ring.device,
                             .features = features,
                             .size = size,
                             .rx = vq == TRANSMITQ,
                             .mem = (uint8_t *)fe.mem,
                             .gpa = FE_GPA,
                             .bytes = FE_MEM_BYTES};
    counted_open(&r, pool);
}

void close_ring(void)
{
    counted_hook = NULL;
    fe_free(&fe);
}

void make_packets(unsigned n, uint32_t bytes)
{
    for (unsigned i = 0; i < n; i++)
        packets[i] = packet(bytes, i);
}

unsigned burst_of(unsigned vq, unsigned n, uint32_t bytes)
{
    if (vq == RECEIVEQ)
        make_packets(n, bytes);
    unsigned done = counted_burst(packets, n);
    unsigned from = vq == RECEIVEQ ? done : 0, to = vq == RECEIVEQ ? n : done;
    for (unsigned i = from; i < to; i++)
        rte_pktmbuf_free(packets[i]);
    return done;
}
