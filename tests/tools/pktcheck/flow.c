// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

#define MAX_COMPLAINTS 10

int flow_init(struct flow *f, const struct options *o, uint16_t queue, uint16_t round)
{
    *f = (struct flow){.options = o, .next = {.queue = queue, .round = round}};
    f->seen = calloc(o->packets / 64 + 1, sizeof(*f->seen));
    return f->seen ? 0 : -1;
}

void flow_free(struct flow *f)
{
    rte_pktmbuf_free_bulk(f->pending, f->num_pending);
    free(f->seen);
    f->seen = NULL;
    f->num_pending = 0;
}

uint64_t flow_in_flight(const struct flow *f)
{
    const uint64_t done = f->count.received + f->count.written_off;

    // A frame that was written off may still arrive, so that `done` may exceed what was sent.
    return f->count.sent > done ? f->count.sent - done : 0;
}

void flow_write_off(struct flow *f)
{
    f->count.written_off += flow_in_flight(f);
}

static void complain(const char *what, const struct frame_id *id, uint32_t bytes, uint32_t offset)
{
    static unsigned int complaints;

    if (complaints++ < MAX_COMPLAINTS)
        fprintf(stderr, "pktcheck: %s: queue %u seq %" PRIu64 ", %u bytes, at byte %u\n", what,
                id->queue, id->seq, bytes, offset);
}

static void record_good(struct flow *f, const struct frame_id *id, uint32_t bytes)
{
    const uint64_t bit = UINT64_C(1) << (id->seq % 64);
    uint64_t *word = &f->seen[id->seq / 64];

    if (*word & bit) {
        complain("duplicate", id, bytes, 0);
        f->count.dup++;
        return;
    }
    *word |= bit;
    f->count.received++;
    if (id->seq < f->rx_next) {
        complain("out of order", id, bytes, 0);
        f->count.reordered++;
        return;
    }
    f->rx_next = id->seq + 1;
}

void flow_receive(struct flow *f, const struct rte_mbuf *m)
{
    uint8_t flat[FRAME_MAX_BYTES];
    const struct options *o = f->options;
    const uint32_t bytes = rte_pktmbuf_pkt_len(m);
    const uint8_t *data = bytes > sizeof(flat) ? NULL : rte_pktmbuf_read(m, 0, bytes, flat);
    const uint64_t limit = o->mode == MODE_RX ? o->packets : f->next.seq;
    enum frame_verdict verdict;
    struct frame_id id = {0};
    uint32_t offset = 0;

    // No data: longer than any frame of ours, or the segments do not add up to the length.
    verdict = data ? frame_check(data, bytes, &id, &offset) : FRAME_CORRUPT;
    if (verdict == FRAME_FOREIGN || (verdict == FRAME_OK && id.round != f->next.round)) {
        f->count.foreign++;
    } else if (verdict == FRAME_CORRUPT) {
        complain("corrupt", &id, bytes, offset);
        f->count.corrupt++;
    } else if (id.queue != f->next.queue) {
        complain("on a wrong queue", &id, bytes, 0);
        f->count.wrong_queue++;
    } else if (id.seq >= limit || bytes != options_size_of(o, id.queue, id.seq)) {
        complain("never sent like this", &id, bytes, 0);
        f->count.corrupt++;
    } else {
        record_good(f, &id, bytes);
    }
}

void counts_add(struct counts *sum, const struct counts *c)
{
    sum->sent += c->sent;
    sum->received += c->received;
    sum->written_off += c->written_off;
    sum->dup += c->dup;
    sum->corrupt += c->corrupt;
    sum->reordered += c->reordered;
    sum->wrong_queue += c->wrong_queue;
    sum->foreign += c->foreign;
}
