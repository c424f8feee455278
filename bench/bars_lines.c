// SPDX-License-Identifier: BSD-3-Clause
// Cache lines that each path of the two drivers moves for a packet, on paper, and what the machine
// could do at most with so many. docs/performance.md derives the figures.
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "bars.h"
#include "limit.h"

#define PATH_BYTES 4096
#define HEAD                                                                                   \
    "path,setting,class,descriptors,header,payload,lines,limit_mpps,limited_by,mpps,mpps_low," \
    "mpps_high,share\n"

// Lines for each way of a packet. A transmit ring takes fewer when its buffers are given back in
// order, one used entry for a burst.
#define BURST (1.0 / 32)
#define PACKED_IN_ORDER (0.25 + BURST) // descriptors there, one back
#define PACKED (0.25 + 0.25)           // each line there and back
#define SPLIT_IN_ORDER \
    (0.25 + 2.0 / 64 + BURST + 2 * BURST)              // entry by entry, one used, two indices
#define SPLIT (0.25 + 2.0 / 64 + 8.0 / 64 + 2 * BURST) // … each used

// First line of the payload, round the loop: the device writes and the driver reads, then the
// driver writes and the device reads. The net header lies in the same line. What is behind it stays
// with the device, as nobody else touches it.
#define LOOP_HEADER 0.0
#define LOOP_PAYLOAD 2.0

// One path: of a set that compare-peers runs, by its pair.
static const struct path {
    const char *set, *pair;
    unsigned bytes;
    double descriptors, header, payload;
    unsigned copies; // of the frame, by the device
} paths[] = {
    {"best", "tern-tern-split", 64, SPLIT_IN_ORDER + SPLIT, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"best", "tern-tern-packed", 64, PACKED_IN_ORDER + PACKED, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"inside", "tern-tern-split_mrg", 64, 2 * SPLIT, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"inside", "tern-tern-packed_mrg", 64, 2 * PACKED, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"size-256", "tern-tern-split", 256, SPLIT_IN_ORDER + SPLIT, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"size-256", "tern-tern-packed", 256, PACKED_IN_ORDER + PACKED, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"size-1518", "tern-tern-split", 1518, SPLIT_IN_ORDER + SPLIT, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"size-1518", "tern-tern-packed", 1518, PACKED_IN_ORDER + PACKED, LOOP_HEADER, LOOP_PAYLOAD, 2},
    {"to-device", "tern-tern-split", 64, SPLIT_IN_ORDER, 0, 1, 1},
    {"to-device", "tern-tern-packed", 64, PACKED_IN_ORDER, 0, 1, 1},
    {"to-driver", "tern-tern-split", 64, SPLIT, 0, 1, 1},
    {"to-driver", "tern-tern-packed", 64, PACKED, 0, 1, 1},
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

struct limited {
    double lines, mpps; // 0: not known
    const char *by;
};

static struct limited limit_of(const struct path *p, const struct bench_limits *l,
                               enum bench_class c)
{
    struct limited r = {p->descriptors + p->header + p->payload, 0, "lines"};
    double ns = bench_limit_ns(l, c, r.lines, 0);
    double copy = p->copies * bench_limit_own_copy_ns(l, p->bytes);
    if (ns > 0 && copy > ns) {
        ns = copy;
        r.by = "copies";
    }
    r.mpps = ns > 0 ? 1e3 / ns : 0;
    return r;
}

static void tell(const struct path *p, enum bench_class c, const struct limited *l,
                 const struct bench_interval *m, FILE *csv)
{
    double share = l->mpps > 0 ? 100 * m->middle / l->mpps : 0;
    printf("%-10s %-21s %-4s %5.2f + %.2f + %.2f = %5.2f", p->set, p->pair, bench_class_name(c),
           p->descriptors, p->header, p->payload, l->lines);
    if (l->mpps > 0)
        printf(" %8.1f (%s)%*s", l->mpps, l->by, l->by[0] == 'l' ? 1 : 0, "");
    else
        printf("        –         ");
    printf(" %8.2f", m->middle);
    if (share > 0)
        printf(" %5.0f %%", share);
    putchar('\n');
    fprintf(csv, "%s,%s,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.6g,%.6g,%.6g,%.6g\n", p->pair, p->set,
            bench_class_name(c), p->descriptors, p->header, p->payload, l->lines, l->mpps,
            l->mpps > 0 ? l->by : "", m->middle, m->low, m->high, share);
}

static void tell_all(const struct bench_table *t, const struct bench_limits *l, FILE *csv)
{
    char name[BENCH_NAME_BYTES];
    fputs(HEAD, csv);
    printf(
        "\nlines a packet on paper: descriptors + net header + payload; the most that the machine "
        "does with them\n%-10s %-21s %-4s %29s  limit, Mpps  measured  share\n",
        "set", "path", "", "lines");
    for (size_t i = 0; i < 2 * PATHS; i++) {
        const struct path *p = &paths[i / 2];
        enum bench_class c = i % 2 ? BENCH_FAR : BENCH_NEAR;
        size_t n;
        snprintf(name, sizeof(name), "%s/%s", p->set, p->pair);
        struct bench_interval m =
            bench_table_interval(t, name, c, offsetof(struct bench_row, mpps), &n);
        struct limited most = limit_of(p, l, c);
        if (n)
            tell(p, c, &most, &m, csv);
    }
}

int bench_bars_lines(const struct bench_table *t, const char *dir)
{
    char path[PATH_BYTES], why[PATH_BYTES + 200];
    struct bench_limits l;
    snprintf(path, sizeof(path), "%s/" BENCH_BARS_LINES, dir);
    FILE *csv = fopen(path, "we");
    if (!csv)
        return -errno;
    bool known = bench_limits_read(dir, &l, why, sizeof(why)) == 0;
    tell_all(t, &l, csv);
    if (!known)
        printf("no limits: %s\n", why);
    free(l.row);
    return fclose(csv) ? -errno : 0;
}
