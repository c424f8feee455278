// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "lines_model.h"

#define LINE 64u

enum state { INVALID, SHARED, EXCLUSIVE, MODIFIED };

int lines_model_init(struct lines_model *m, const void *base, uint64_t bytes, const char *rest)
{
    *m = (struct lines_model){
        .base = (uintptr_t)base,
        .bytes = bytes,
        .state = calloc(bytes / LINE, 1),
        .areas = 1,
        .name = {rest},
    };
    return m->state ? 0 : -1;
}

void lines_model_fini(struct lines_model *m)
{
    free(m->state);
    m->state = NULL;
}

void lines_model_name(struct lines_model *m, const char *name, const void *at, uint64_t bytes)
{
    unsigned area = 0;
    while (area < m->areas && strcmp(m->name[area], name))
        area++;
    if (m->ranges == LINES_RANGES || area == LINES_AREAS)
        abort(); // more than any ring has
    if (area == m->areas)
        m->name[m->areas++] = name;
    m->range[m->ranges++] = (struct lines_range){(uintptr_t)at, bytes, area};
}

static unsigned area_of(const struct lines_model *m, uintptr_t at)
{
    for (unsigned i = 0; i < m->ranges; i++)
        if (at - m->range[i].at < m->range[i].bytes)
            return m->range[i].area;
    return 0;
}

static enum state get(uint8_t both, enum lines_end end)
{
    return (enum state)(both >> (4 * end) & 15);
}

// One line: what has to be asked of the other cache (LINES_KINDS: nothing), and both states after.
static enum lines_kind step(uint8_t *both, enum lines_end end, bool own)
{
    enum state mine = get(*both, end), other = get(*both, (enum lines_end) !end);
    enum lines_kind kind = LINES_KINDS;
    if (own) {
        if (mine == SHARED && other != INVALID)
            kind = LINES_UPGRADE;
        else if (other != INVALID)
            kind = LINES_OWN;
        mine = MODIFIED;
        other = INVALID;
    } else if (mine == INVALID) {
        kind = other == INVALID ? LINES_KINDS : LINES_FETCH;
        mine = other == INVALID ? EXCLUSIVE : SHARED;
        other = other == INVALID ? INVALID : SHARED;
    }
    *both = (uint8_t)(mine << (4 * end) | other << (4 * !end));
    return kind;
}

void lines_model_touch(struct lines_model *m, enum lines_end end, bool own, const void *at,
                       uint64_t bytes)
{
    uint64_t from = (uintptr_t)at - m->base; // below the base it wraps, far above the end
    if (bytes == 0 || from >= m->bytes)
        return;
    uint64_t to = bytes <= m->bytes - from ? from + bytes : m->bytes;
    for (uint64_t line = from / LINE; line * LINE < to; line++) {
        enum lines_kind kind = step(&m->state[line], end, own);
        uint64_t first = line * LINE > from ? line * LINE : from;
        if (kind != LINES_KINDS)
            m->count[area_of(m, m->base + first)].n[end][kind]++;
    }
}

void lines_model_clear(struct lines_model *m)
{
    memset(m->count, 0, sizeof(m->count));
}

struct lines_count lines_model_sum(const struct lines_model *m)
{
    struct lines_count sum = {{{0}}};
    for (unsigned a = 0; a < m->areas; a++)
        for (int e = 0; e < LINES_ENDS; e++)
            for (int k = 0; k < LINES_KINDS; k++)
                sum.n[e][k] += m->count[a].n[e][k];
    return sum;
}
