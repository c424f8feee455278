// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "knobs.h"

#define NAME_BYTES 200
#define BENCH_UNTOUCHED 16u // bytes that a buffer claims to have when nobody touches them
#define AUTO 0              // depth: as many as the ring holds

static const char *const works[] = {"pass", "touch", "copy", NULL};
static const char *const layouts[] = {"direct", "chained", "indirect", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const places[] = {"same", "threads", "processes", "numa", NULL};
static const char *const pages[] = {"4k", "2m", NULL};
static const char *const notifies[] = {"poll", "eventfd", NULL};

static const struct {
    const char *name, *help;
    const char *const *words; // NULL: numbers; rings have a list of their own
    uint32_t least, most, preset;
} knobs[KNOBS] = {
    [KNOB_RING] = {"ring", "formats and references (--list names them)", NULL, 0, 0, 0},
    [KNOB_SIZE] = {"size", "entries of the ring", NULL, 1, 32768, 256},
    [KNOB_DEPTH] = {"depth", "buffers in flight; 0: as many as fit", NULL, 0, 32768, AUTO},
    [KNOB_PUBLISH] = {"publish", "buffers made visible at a time", NULL, 1, BENCH_BATCH, 32},
    [KNOB_COMPLETE] = {"complete", "buffers given back at a time", NULL, 1, BENCH_BATCH, 32},
    [KNOB_KICK] = {"kick", "buffers published before one asks whether to notify", NULL, 1, 32768,
                   32},
    [KNOB_PAYLOAD] = {"payload", "bytes of a buffer; 0: nobody touches it", NULL, 0, BENCH_PAYLOAD,
                      64},
    [KNOB_WORK] = {"work", "what is done with the payload", works, 0, 0, BENCH_PASS},
    [KNOB_LAYOUT] = {"layout", "how a buffer stands in a virtqueue", layouts, 0, 0, BENCH_DIRECT},
    [KNOB_SEGS] = {"segs", "segments of a chained or indirect buffer", NULL, 2, BENCH_SEGS, 2},
    [KNOB_EVENT_IDX] = {"event-idx", "event indices (virtqueues)", switches, 0, 0, 0},
    [KNOB_PLACE] = {"place", "where the two ends run", places, 0, 0, BENCH_THREADS},
    [KNOB_PAGES] = {"pages", "pages of the shared memory", pages, 0, 0, 0},
    [KNOB_NOTIFY] = {"notify", "what an end with nothing to do does", notifies, 0, 0, 0},
    [KNOB_RATE] = {"rate", "buffers a second, sent on time; 0: as fast as it goes", NULL, 0,
                   4000000000u, 0},
};

const char *bench_knob_name(enum bench_knob k)
{
    return knobs[k].name;
}

const char *bench_knob_help(enum bench_knob k)
{
    return knobs[k].help;
}

const char *const *bench_knob_words(enum bench_knob k)
{
    return knobs[k].words;
}

// ---- lists ----

static int find_word(const char *const *words, const char *text, size_t bytes)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == bytes && memcmp(words[i], text, bytes) == 0)
            return i;
    return -1;
}

static int find_ring(const char *text, size_t bytes)
{
    const struct bench_ring *r = bench_ring_find(text, bytes);
    for (int i = 0; bench_rings[i]; i++)
        if (bench_rings[i] == r)
            return i;
    return -1;
}

static int read_number(enum bench_knob k, const char *text, size_t bytes, uint32_t *value)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || end != text + bytes || *text < '0' || *text > '9' || v < knobs[k].least ||
        v > knobs[k].most)
        return -1;
    *value = (uint32_t)v;
    return 0;
}

static int read_value(enum bench_knob k, const char *text, size_t bytes, uint32_t *value)
{
    if (k != KNOB_RING && !knobs[k].words)
        return read_number(k, text, bytes, value);
    int at = k == KNOB_RING ? find_ring(text, bytes) : find_word(knobs[k].words, text, bytes);
    *value = (uint32_t)at;
    return at < 0 ? -1 : 0;
}

static unsigned count_words(enum bench_knob k)
{
    unsigned n = 0;
    if (k == KNOB_RING)
        while (bench_rings[n])
            n++;
    else
        while (knobs[k].words && knobs[k].words[n])
            n++;
    return n;
}

static int refuse(enum bench_knob k, const char *text, size_t bytes, char *why, size_t room)
{
    int n = snprintf(why, room, "--%s: '%.*s' is no value\nfix: ", knobs[k].name, (int)bytes, text);
    size_t at = (size_t)n < room ? (size_t)n : room;
    if (!count_words(k)) {
        snprintf(why + at, room - at, "a number from %u to %u", knobs[k].least, knobs[k].most);
        return -1;
    }
    for (unsigned i = 0; i < count_words(k); i++) {
        const char *word = k == KNOB_RING ? bench_ring_name(bench_rings[i]) : knobs[k].words[i];
        n = snprintf(why + at, room - at, "%s%s", i ? ", " : "one of: ", word);
        at += (size_t)n < room - at ? (size_t)n : room - at;
    }
    return -1;
}

static void set_all(struct bench_knobs *k, enum bench_knob which)
{
    k->n[which] = count_words(which);
    for (unsigned i = 0; i < k->n[which]; i++)
        k->value[which][i] = i;
}

int bench_knob_set(struct bench_knobs *k, enum bench_knob which, const char *list, char *why,
                   size_t bytes)
{
    k->n[which] = 0;
    if (strcmp(list, "all") == 0 && count_words(which)) {
        set_all(k, which);
        return 0;
    }
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        uint32_t v;
        if (k->n[which] == BENCH_VALUES || read_value(which, at, n, &v))
            return refuse(which, at, n, why, bytes);
        k->value[which][k->n[which]++] = v;
        at += n;
        if (!*at)
            return 0;
    }
}

void bench_knobs_init(struct bench_knobs *k)
{
    memset(k, 0, sizeof(*k));
    k->cpu[1] = 1;
    for (int i = 0; i < KNOBS; i++) {
        k->value[i][0] = knobs[i].preset;
        k->n[i] = 1;
    }
    set_all(k, KNOB_RING);
}

// ---- cases ----

uint32_t bench_case_knob(const struct bench_case *c, enum bench_knob k)
{
    uint32_t ring = 0;
    while (bench_rings[ring] && bench_rings[ring] != c->ring)
        ring++;
    const uint32_t value[KNOBS] = {
        [KNOB_RING] = ring,
        [KNOB_SIZE] = c->size,
        [KNOB_DEPTH] = c->depth,
        [KNOB_PUBLISH] = c->publish,
        [KNOB_COMPLETE] = c->complete,
        [KNOB_KICK] = c->kick,
        [KNOB_PAYLOAD] = c->work == BENCH_PASS && c->payload == BENCH_UNTOUCHED ? 0 : c->payload,
        [KNOB_WORK] = c->work,
        [KNOB_LAYOUT] = c->layout,
        [KNOB_SEGS] = c->segs,
        [KNOB_EVENT_IDX] = c->event_idx,
        [KNOB_PLACE] = c->place,
        [KNOB_PAGES] = c->huge,
        [KNOB_NOTIFY] = c->notify,
        [KNOB_RATE] = (uint32_t)c->rate,
    };
    return value[k];
}

static uint32_t most_in_flight(const struct bench_case *c)
{
    return c->layout == BENCH_CHAINED ? c->size / c->segs : c->size;
}

static struct bench_case make(const struct bench_knobs *k, const uint32_t *v)
{
    struct bench_case c = {
        .ring = bench_rings[v[KNOB_RING]],
        .size = v[KNOB_SIZE],
        .depth = v[KNOB_DEPTH],
        .publish = v[KNOB_PUBLISH],
        .complete = v[KNOB_COMPLETE],
        .kick = v[KNOB_KICK],
        .payload = v[KNOB_PAYLOAD],
        .work = (enum bench_work)v[KNOB_WORK],
        .layout = (enum bench_layout)v[KNOB_LAYOUT],
        .segs = v[KNOB_LAYOUT] == BENCH_DIRECT ? 1 : v[KNOB_SEGS],
        .place = (enum bench_place)v[KNOB_PLACE],
        .cpu = {k->cpu[0], k->cpu[1]},
        .event_idx = v[KNOB_EVENT_IDX],
        .notify = v[KNOB_NOTIFY],
        .huge = v[KNOB_PAGES],
        .latency = k->latency,
        .rate = v[KNOB_RATE],
    };
    if (c.payload == 0) {
        c.payload = BENCH_UNTOUCHED;
        c.work = BENCH_PASS;
    }
    if (c.depth == AUTO)
        c.depth = most_in_flight(&c);
    return c;
}

// Is the knob's value in a case one that nobody would guess?
static bool telling(const struct bench_case *c, enum bench_knob k)
{
    if (k == KNOB_SIZE || k == KNOB_PUBLISH || k == KNOB_COMPLETE)
        return true;
    if (k == KNOB_DEPTH)
        return c->depth != most_in_flight(c);
    if (k == KNOB_SEGS)
        return c->layout != BENCH_DIRECT && c->segs != knobs[k].preset;
    return bench_case_knob(c, k) != knobs[k].preset;
}

// ring/size:256/publish:32/…: ring, size and batches, and every knob that is not at its default. So
// one case has one name, whatever else is measured with it.
static void name_case(const struct bench_case *c, char *name)
{
    int at = snprintf(name, NAME_BYTES, "%s", bench_ring_name(c->ring));
    for (int i = KNOB_SIZE; i < KNOBS; i++) {
        if (!telling(c, (enum bench_knob)i))
            continue;
        uint32_t v = bench_case_knob(c, (enum bench_knob)i);
        size_t room = NAME_BYTES - (size_t)at;
        at += knobs[i].words ? snprintf(name + at, room, "/%s:%s", knobs[i].name, knobs[i].words[v])
                             : snprintf(name + at, room, "/%s:%u", knobs[i].name, v);
    }
    if (c->latency)
        snprintf(name + at, NAME_BYTES - (size_t)at, "/latency:on");
}

// Does the case differ from another of the product in nothing that its ring knows?
static bool idle(const struct bench_knobs *k, const struct bench_case *c, const unsigned *at)
{
    bool plain = c->layout == BENCH_DIRECT && !c->event_idx && !c->notify;
    if (!bench_ring_is_virtq(c->ring) && !plain)
        return true;
    if (c->layout == BENCH_DIRECT && at[KNOB_SEGS])
        return true;
    if (k->value[KNOB_PAYLOAD][at[KNOB_PAYLOAD]] == 0 && at[KNOB_WORK])
        return true;
    return !c->notify && k->n[KNOB_KICK] > 1 && at[KNOB_KICK];
}

// Counts `at` up like the digits of a number, the last knob first; false when it has run over.
static bool advance(const struct bench_knobs *k, unsigned *at)
{
    for (int i = KNOBS - 1; i >= 0; i--) {
        if (++at[i] < k->n[i])
            return true;
        at[i] = 0;
    }
    return false;
}

unsigned bench_knobs_each(const struct bench_knobs *k, bench_case_fn *fn, void *arg)
{
    unsigned at[KNOBS] = {0}, n = 0;
    do {
        uint32_t v[KNOBS];
        char name[NAME_BYTES];
        for (int i = 0; i < KNOBS; i++)
            v[i] = k->value[i][at[i]];
        struct bench_case c = make(k, v);
        if (idle(k, &c, at))
            continue;
        name_case(&c, name);
        fn(arg, &c, name);
        n++;
    } while (advance(k, at));
    return n;
}
