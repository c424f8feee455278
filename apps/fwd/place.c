// SPDX-License-Identifier: BSD-3-Clause
#include "place.h"

#include <numa.h>
#include <stddef.h>

#define NEAR 10
#define BUSY_PERCENT 70
#define GAIN_PERCENT 10

int fwd_numa_distance(int a, int b)
{
    int distance = numa_available() < 0 ? 0 : numa_distance(a, b);
    return distance ? distance : NEAR;
}

static int distance_to(const struct fwd_place_worker *w, int node, fwd_distance distance)
{
    return node < 0 ? NEAR : distance(node, w->node);
}

unsigned fwd_place_best(const struct fwd_place_worker *w, unsigned n, int node,
                        fwd_distance distance)
{
    unsigned best = 0;
    for (unsigned i = 1; i < n; i++) {
        int d = distance_to(&w[i], node, distance);
        int d_best = distance_to(&w[best], node, distance);
        if (d < d_best || (d == d_best && w[i].queues < w[best].queues))
            best = i;
    }
    return best;
}

static unsigned busiest(const struct fwd_place_worker *w, unsigned n)
{
    unsigned most = 0;
    for (unsigned i = 1; i < n; i++)
        if (w[i].busy > w[most].busy)
            most = i;
    return most;
}

// How busy the busier of the two workers is when the queue has moved.
static uint64_t busy_after(const struct fwd_place_worker *from, const struct fwd_place_worker *to,
                           const struct fwd_place_queue *q)
{
    uint64_t rest = from->busy > q->busy ? from->busy - q->busy : 0;
    uint64_t more = to->busy + q->busy;
    return rest > more ? rest : more;
}

bool fwd_place_move(const struct fwd_place_worker *w, unsigned n, const struct fwd_place_queue *q,
                    unsigned nq, uint64_t period, fwd_distance distance, unsigned *queue,
                    unsigned *to)
{
    unsigned from = busiest(w, n);
    if (n < 2 || w[from].busy / BUSY_PERCENT < period / 100)
        return false;
    uint64_t gain = period / 100 * GAIN_PERCENT;
    uint64_t best = w[from].busy > gain ? w[from].busy - gain : 0;
    bool found = false;
    for (unsigned i = 0; i < nq; i++) {
        if (q[i].worker != from)
            continue;
        int far = distance_to(&w[from], q[i].node, distance);
        for (unsigned t = 0; t < n; t++) {
            uint64_t after = busy_after(&w[from], &w[t], &q[i]);
            if (t == from || after > best || distance_to(&w[t], q[i].node, distance) > far)
                continue;
            if (found && after == best)
                continue;
            best = after;
            *queue = i;
            *to = t;
            found = true;
        }
    }
    return found;
}
