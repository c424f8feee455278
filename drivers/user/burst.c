// SPDX-License-Identifier: BSD-3-Clause
// The bursts that rte_ethdev calls, and the choice of the instance that they run.
#include "instances.h"

uint16_t tern_user_burst_null(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    (void)q;
    (void)pkts;
    (void)n;
    return 0;
}

void tern_user_choose_burst(struct tern_user_queue *q)
{
#ifdef TERN_HAVE_AVX512
    if (tern_cpu_avx512()) {
        tern_user_choose_avx512(q);
        return;
    }
#endif
    choose_instance(q);
}

void tern_user_fill(struct tern_user_queue *q)
{
    q->missing = q->vq->nfree;
    if (tern_rx_make_up(q, q->f, false, 0) == 0)
        return;
    if (vio_queue_kick_prepare(q->vio)) {
        vio_queue_notify(q->vio);
        q->stats.kicks++;
    }
}

// Runs the queue's instance in chunks while its gate is open.
static uint16_t run(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t done = 0;
    if (unlikely(!vhu_gate_enter(&q->gate)))
        return 0;
    if (unlikely(q->careful) && !q->is_rx)
        n = tern_user_known(q, pkts, n);
    while (done < n) {
        uint16_t want = (uint16_t)RTE_MIN(n - done, (int)TERN_CHUNK);
        uint16_t got = q->burst(q, &pkts[done], want);
        done += got;
        if (got < want)
            break;
    }
    vhu_gate_leave(&q->gate);
    return done;
}

uint16_t tern_user_rx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
    struct tern_user_queue *rx = q;
    if (unlikely(tern_resting(&rx->rest)))
        return 0;
    uint16_t got = run(q, pkts, n);
    if (likely(!rx->filtered)) // else fewer than came, which says nothing of the ring
        tern_rest(&rx->rest, got, n);
    return got;
}

uint16_t tern_user_tx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
    return run(q, pkts, n);
}
