// SPDX-License-Identifier: BSD-3-Clause
#include "own.h"

#include <rte_ethdev.h>

static const struct {
    const char *name, *text;
} counters[] = {
#define X(id, field, name, text) [id] = {name, text},
    FWD_OWN_COUNTERS(X)
#undef X
};

const char *fwd_own_name(enum fwd_own_counter counter)
{
    return counters[counter].name;
}

const char *fwd_own_text(enum fwd_own_counter counter)
{
    return counters[counter].text;
}

static void read_all(uint64_t *to, const struct rte_eth_stats *from)
{
#define X(id, field, name, text) to[id] = from->field;
    FWD_OWN_COUNTERS(X)
#undef X
}

void fwd_own_start(struct fwd_own *own, const struct rte_eth_stats *now)
{
    *own = (struct fwd_own){.sent = 0};
    read_all(own->told, now);
}

void fwd_own_look(struct fwd_own *own, const struct rte_eth_stats *now)
{
    uint64_t told[FWD_NOWN];
    read_all(told, now);
    for (int i = 0; i < FWD_NOWN; i++) {
        own->n[i] += told[i] >= own->told[i] ? told[i] - own->told[i] : told[i];
        own->told[i] = told[i];
    }
}

uint64_t fwd_own_dropped(struct fwd_own *own, uint64_t taken)
{
    uint64_t sent = own->n[FWD_OWN_SENT], errors = own->n[FWD_OWN_ERRORS];
    uint64_t unsent = taken > sent ? taken - sent : 0;
    uint64_t dropped = RTE_MIN(unsent, errors), fresh = taken - own->sent - own->dropped;
    if (dropped > own->dropped) {
        uint64_t more = RTE_MIN(dropped - own->dropped, fresh);
        own->dropped += more;
        fresh -= more;
    }
    own->sent += fresh;
    return own->dropped;
}
