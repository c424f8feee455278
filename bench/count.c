// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "count.h"
#include "period.h"
#include "view.h"

#define LEAST 2048u

// Callgrind finds these by name. They must stay functions, and must not end in a jump to the
// function that they call: then callgrind would miss their end.
#define MARK __attribute__((noinline))
#define NO_JUMP __asm__ volatile("" ::: "memory")

static const struct bench_ring *counted; // one case at a time

MARK int bench_count_driver(struct bench_driver *d, uint64_t n);
MARK unsigned bench_count_device(struct bench_device *d);
MARK void bench_count_dump(void);

// Collecting begins with either of them and stops where the other one is called from it.
int bench_count_driver(struct bench_driver *d, uint64_t n)
{
    int rc = counted->driver(d, n);
    NO_JUMP;
    return rc;
}

unsigned bench_count_device(struct bench_device *d)
{
    unsigned n = counted->device(d);
    NO_JUMP;
    return n;
}

void bench_count_dump(void)
{
    NO_JUMP;
}

uint64_t bench_count_buffers(const struct bench_case *c)
{
    return bench_periods(c, LEAST);
}

static int count(struct bench_driver *d, uint64_t n)
{
    int (*const play[])(struct bench_driver * d, uint64_t n) = {bench_count_driver,
                                                                counted->driver};
    int rc = counted->driver(d, 2 * n); // to warm up
    bench_count_dump();
    for (unsigned i = 0; i < COUNTS && rc == 0; i++) {
        rc = play[i / 2](d, i % 2 ? 2 * n : n);
        bench_count_dump();
    }
    return rc;
}

int bench_count(const struct bench_cases *l)
{
    char why[300];
    for (unsigned i = 0; i < l->n; i++) {
        const struct bench_case *c = &l->item[i].c;
        struct bench_ring under = *c->ring;
        struct bench *b = bench_open(c, why, sizeof(why));
        if (!b) {
            fprintf(stderr, "tern-bench: FAIL %s: %s\n", l->item[i].name, why);
            return 1;
        }
        struct bench_driver *d = bench_look(b).driver;
        counted = c->ring;
        under.device = bench_count_device;
        d->format = &under;
        int rc = count(d, bench_count_buffers(c));
        if (rc || bench_failed(d->sh))
            fprintf(stderr,
                    "tern-bench: FAIL %s: the ring failed its checks\nfix: run the case itself, it "
                    "says more\n",
                    l->item[i].name);
        bench_close(b);
        if (rc)
            return 1;
    }
    return 0;
}
