// SPDX-License-Identifier: BSD-3-Clause
// The status line: what has happened since the last one, for whoever reads the log.
#include <inttypes.h>
#include <stdio.h>

#include "control.h"

struct sums {
    uint64_t rx, tx, dropped, busy, slept, cycles;
};

static struct sums sum_up(struct fwd *fwd)
{
    struct sums s = {0};
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        struct fwd_count c;
        if (!fwd->ports[p])
            continue;
        fwd_count_port(fwd, fwd->ports[p], &c);
        s.rx += c.rx;
        s.tx += c.tx;
        for (int i = 0; i < FWD_NCAUSES; i++)
            s.dropped += c.drop[i];
    }
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        const struct fwd_worker *w = fwd->workers[i];
        s.busy += fwd_count_read(&w->busy);
        s.slept += fwd_count_read(&w->sleeper.slept);
        s.cycles += fwd_worker_time(w);
    }
    return s;
}

// A port that went takes its counts along: a sum that fell begins anew.
static uint64_t since(uint64_t before, uint64_t now)
{
    return now >= before ? now - before : now;
}

void fwd_status_tick(struct fwd *fwd, uint64_t now_s)
{
    static struct sums before;
    static uint64_t last_s;
    uint32_t period = fwd->conf.stats_period_s;
    if (!period || now_s - last_s < period)
        return;
    struct sums now = sum_up(fwd);
    uint64_t cycles = since(before.cycles, now.cycles);
    double percent = cycles ? 100.0 / (double)cycles : 0.0;
    if (last_s)
        printf("rx %" PRIu64 " tx %" PRIu64 " dropped %" PRIu64 " in %" PRIu64
               " s, busy %.0f %%, asleep %.0f %%\n",
               since(before.rx, now.rx), since(before.tx, now.tx),
               since(before.dropped, now.dropped), now_s - last_s,
               percent * (double)since(before.busy, now.busy),
               percent * (double)since(before.slept, now.slept));
    fflush(stdout);
    before = now;
    last_s = now_s;
}
