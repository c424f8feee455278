// SPDX-License-Identifier: BSD-3-Clause
// The bursts that rte_ethdev calls, and the choice of what they run.
#include "instances.h"

uint16_t tern_burst_null(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    (void)q;
    (void)pkts;
    (void)n;
    return 0;
}

void tern_vhost_choose_burst(struct tern_queue *q)
{
#ifdef TERN_HAVE_AVX512
    if (tern_cpu_avx512()) {
        tern_vhost_choose_avx512(q);
        return;
    }
#endif
    choose_instance(q);
}

// Runs the queue's burst in chunks while its gate is open.
static uint16_t run(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t done = 0;
    if (unlikely(!vhu_queue_enter(q->vq)))
        return 0;
    while (done < n) {
        uint16_t want = (uint16_t)RTE_MIN(n - done, (int)TERN_CHUNK);
        uint16_t got = q->burst(q, &pkts[done], want);
        done += got;
        if (got < want)
            break;
    }
    vhu_queue_leave(q->vq);
    return done;
}

uint16_t tern_vhost_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    struct tern_queue *q = queue;
    if (unlikely(tern_resting(&q->rest)))
        return 0;
    uint16_t got = run(q, pkts, n);
    tern_rest(&q->rest, got, n);
    return got;
}

uint16_t tern_vhost_tx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
    return run(q, pkts, n);
}
