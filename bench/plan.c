// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>
#include <string.h>

#include "plan.h"

#define VIRTQS "split,split-inorder,packed,packed-inorder"
#define REFERENCES "rte_ring,lamport,fastforward,floor"

// A product: its knobs that are not at their default.
static const struct {
    const char *preset;
    struct {
        enum bench_knob knob;
        const char *list;
    } set[6];
} sweeps[] = {
    // All rings, and the factors whose effects are told apart.
    {"quick", {{KNOB_RING, "all"}, {KNOB_PUBLISH, "1,32"}, {KNOB_COMPLETE, "1,32"}}},
    {"quick", {{KNOB_RING, VIRTQS}, {KNOB_SIZE, "64,1024"}}},
    {"quick", {{KNOB_RING, VIRTQS}, {KNOB_RATE, "1000000"}}},

    // The factors, with and without a payload.
    {"paper", {{KNOB_RING, VIRTQS}, {KNOB_PUBLISH, "1,2,4,8,16,32"}, {KNOB_COMPLETE, "1,8,32"}}},
    {"paper",
     {{KNOB_RING, VIRTQS},
      {KNOB_PUBLISH, "1,8,32"},
      {KNOB_COMPLETE, "1,8,32"},
      {KNOB_WORK, "copy"}}},
    // What can be had without a virtqueue, and by an instance that is not made for its features.
    {"paper", {{KNOB_RING, REFERENCES}, {KNOB_PUBLISH, "1,2,4,8,16,32"}}},
    {"paper",
     {{KNOB_RING, "split-inorder-generic,packed-inorder-generic"}, {KNOB_PUBLISH, "1,8,32"}}},
    // Rings that fit into a cache, and that do not.
    {"paper",
     {{KNOB_RING, VIRTQS "," REFERENCES},
      {KNOB_SIZE, "16,64,256,1024,4096,32768"},
      {KNOB_PUBLISH, "8"},
      {KNOB_COMPLETE, "8"}}},
    {"paper",
     {{KNOB_RING, VIRTQS ",floor"}, {KNOB_PAYLOAD, "64,256,1518,9000"}, {KNOB_WORK, "touch,copy"}}},
    {"paper", {{KNOB_RING, VIRTQS}, {KNOB_LAYOUT, "chained,indirect"}, {KNOB_SEGS, "2,4"}}},
    {"paper", {{KNOB_RING, VIRTQS}, {KNOB_EVENT_IDX, "off,on"}, {KNOB_NOTIFY, "eventfd"}}},
    {"paper", {{KNOB_RING, VIRTQS}, {KNOB_RATE, "100000,1000000,5000000"}}},
    {"paper", {{KNOB_RING, VIRTQS}, {KNOB_PLACE, "same,processes,numa"}}},
    {"paper", {{KNOB_RING, VIRTQS}, {KNOB_PAGES, "2m"}}},
};

static void fill(struct bench_knobs *k, size_t at)
{
    char why[300];
    bench_knobs_init(k);
    for (size_t i = 0; i < 6 && sweeps[at].set[i].list; i++)
        bench_knob_set(k, sweeps[at].set[i].knob, sweeps[at].set[i].list, why, sizeof(why));
}

int bench_plan_init(struct bench_plan *p, const char *preset)
{
    p->n = 0;
    if (!preset)
        bench_knobs_init(&p->sweep[p->n++]);
    for (size_t i = 0; preset && i < sizeof(sweeps) / sizeof(sweeps[0]); i++)
        if (strcmp(sweeps[i].preset, preset) == 0)
            fill(&p->sweep[p->n++], i);
    return p->n ? 0 : -1;
}

int bench_plan_set(struct bench_plan *p, enum bench_knob k, const char *list, char *why,
                   size_t bytes)
{
    for (unsigned i = 0; i < p->n; i++)
        if (bench_knob_set(&p->sweep[i], k, list, why, bytes))
            return -1;
    return 0;
}

void bench_plan_cpus(struct bench_plan *p, const int cpu[2])
{
    for (unsigned i = 0; i < p->n; i++)
        memcpy(p->sweep[i].cpu, cpu, sizeof(p->sweep[i].cpu));
}

void bench_plan_latency(struct bench_plan *p)
{
    for (unsigned i = 0; i < p->n; i++)
        p->sweep[i].latency = true;
}

unsigned bench_plan_each(const struct bench_plan *p, bench_case_fn *fn, void *arg)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++)
        n += bench_knobs_each(&p->sweep[i], fn, arg);
    return n;
}
