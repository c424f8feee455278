// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "placement.h"
#include "repeat.h"

#define PIECE_MS 5.0       // between two probes
#define FIRST_BUFFERS 2048 // of the first piece, from which the size of the others follows

const char *bench_class_name(enum bench_class c)
{
    static const char *const names[BENCH_CLASSES] = {"near", "far", "one", "mixed", "failed"};
    return names[c];
}

enum bench_class bench_class_of(double least_ns, double most_ns)
{
    if (least_ns <= 0 || most_ns <= 0)
        return BENCH_MIXED;
    if (placement_is_near(least_ns, most_ns))
        return BENCH_NEAR;
    return placement_is_far(least_ns) ? BENCH_FAR : BENCH_MIXED;
}

static void add_hist(struct bench_hist *to, const struct bench_hist *from)
{
    if (from->total == 0)
        return;
    for (unsigned i = 0; i < BENCH_HIST_CELLS; i++)
        to->cell[i] += from->cell[i];
    to->total += from->total;
    to->max = from->max > to->max ? from->max : to->max;
}

static void add(struct bench_repeat *r, const struct bench_result *p)
{
    struct bench_result *s = &r->sum;
    double low = p->trip_before_ns < p->trip_after_ns ? p->trip_before_ns : p->trip_after_ns;
    double high = p->trip_before_ns + p->trip_after_ns - low;
    s->trip_before_ns = r->pieces == 0 || low < s->trip_before_ns ? low : s->trip_before_ns;
    s->trip_after_ns = high > s->trip_after_ns ? high : s->trip_after_ns;
    s->buffers += p->buffers;
    s->seconds += p->seconds;
    s->cycles += p->cycles;
    s->kicks += p->kicks;
    s->calls += p->calls;
    s->driver_empty += p->driver_empty;
    s->device_empty += p->device_empty;
    s->driver_takes += p->driver_takes;
    s->device_takes += p->device_takes;
    s->steal_ms += p->steal_ms;
    s->switches += p->switches;
    add_hist(&s->latency, &p->latency);
    r->pieces++;
}

// So many buffers as take `ms` at the pace of the last piece.
static uint64_t size_for(const struct bench_result *p, double ms)
{
    double n = (double)p->buffers * ms * 1e-3 / (p->seconds > 0 ? p->seconds : 1e-9);
    return n < 64 ? 64 : n > 1e9 ? 1000000000u : (uint64_t)n;
}

static int warm_up(struct bench *b, double ms, struct bench_result *p)
{
    uint64_t n = FIRST_BUFFERS;
    double left = ms;
    while (left > 0) {
        if (bench_run(b, n, p))
            return -1;
        left -= p->seconds * 1e3;
        n = size_for(p, PIECE_MS);
    }
    return 0;
}

static int measure(struct bench *b, double ms, struct bench_repeat *r)
{
    static struct bench_result p; // large: a histogram
    int rc = warm_up(b, ms / 10, &p);
    while (rc == 0 && r->sum.seconds * 1e3 < ms) {
        rc = bench_run(b, size_for(&p, PIECE_MS), &p);
        if (rc == 0)
            add(r, &p);
    }
    return rc;
}

int bench_repeat_run(const struct bench_case *c, double ms, struct bench_repeat *r, char *why,
                     size_t bytes)
{
    memset(r, 0, sizeof(*r));
    struct bench *b = bench_open(c, why, bytes);
    if (!b)
        return -1;
    int rc = measure(b, ms, r);
    if (rc)
        snprintf(why, bytes, "%s", bench_why(b));
    r->class_ = c->place == BENCH_SAME
                    ? BENCH_ONE
                    : bench_class_of(r->sum.trip_before_ns, r->sum.trip_after_ns);
    bench_close(b);
    return rc;
}
