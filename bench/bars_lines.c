// SPDX-License-Identifier: BSD-3-Clause
// Cache lines that each path of the two drivers moves for a packet, on paper and counted, what the
// machine could do at most with so many, and what a packet took. docs/performance.md derives the
// figures.
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "bars.h"
#include "limit.h"

#define PATH_BYTES 4096
#define HEAD                                                                                   \
    "path,setting,class,descriptors,header,payload,lines,limit_mpps,limited_by,mpps,mpps_low," \
    "mpps_high,share,counted,limit_ns,ns,windows\n"

// Lines that the ring moves for one way of a packet. A transmit ring takes fewer when its buffers
// are given back in order, one used entry for a burst.
//
// Counted is what the model counts of the same ring (tern-bench lines --size 1024 --publish 32
// --complete 32 --schedule lockstep): entries that are not written since they are right still, and
// lines that two things share, make the difference.
#define BURST (1.0 / 32)
enum way { NO_WAY, SPLIT_IN_ORDER, SPLIT, PACKED_IN_ORDER, PACKED };
static const struct {
    double paper, counted;
} descriptors[] = {
    // Entry by entry there, one used for a burst, two indices.
    [SPLIT_IN_ORDER] = {0.25 + 2.0 / 64 + BURST + 2 * BURST, 0.342773},
    // … each used.
    [SPLIT] = {0.25 + 2.0 / 64 + 8.0 / 64 + 2 * BURST, 0.467773},
    // Descriptors there, one back.
    [PACKED_IN_ORDER] = {0.25 + BURST, 0.28125},
    // Each line there and back.
    [PACKED] = {0.25 + 0.25, 0.5},
};

// First line of the payload, each way. Round the loop the device writes and the driver reads, then
// the driver writes and the device reads. What is behind it stays with the device, as nobody else
// touches it. The net header lies in the same line, or is not looked at.
#define PAYLOAD 1.0
#define HEADER 0.0

// One path: of a set that compare-peers runs, by its pair.
static const struct path {
    const char *set, *pair;
    unsigned bytes;
    enum way to_device, to_driver;
} paths[] = {
    {"best", "tern-tern-split", 64, SPLIT_IN_ORDER, SPLIT},
    {"best", "tern-tern-packed", 64, PACKED_IN_ORDER, PACKED},
    {"inside", "tern-tern-split_mrg", 64, SPLIT, SPLIT},
    {"inside", "tern-tern-packed_mrg", 64, PACKED, PACKED},
    {"size-256", "tern-tern-split", 256, SPLIT_IN_ORDER, SPLIT},
    {"size-256", "tern-tern-packed", 256, PACKED_IN_ORDER, PACKED},
    {"size-1518", "tern-tern-split", 1518, SPLIT_IN_ORDER, SPLIT},
    {"size-1518", "tern-tern-packed", 1518, PACKED_IN_ORDER, PACKED},
    {"to-device", "tern-tern-split", 64, SPLIT_IN_ORDER, NO_WAY},
    {"to-device", "tern-tern-packed", 64, PACKED_IN_ORDER, NO_WAY},
    {"to-driver", "tern-tern-split", 64, NO_WAY, SPLIT},
    {"to-driver", "tern-tern-packed", 64, NO_WAY, PACKED},
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

// Of both ways.
struct lines {
    unsigned ways; // the device copies the frame in each
    double descriptors, header, payload, paper, counted;
};

static struct lines lines_of(const struct path *p)
{
    struct lines l = {.ways = (p->to_device != NO_WAY) + (p->to_driver != NO_WAY)};
    l.descriptors = descriptors[p->to_device].paper + descriptors[p->to_driver].paper;
    l.header = HEADER * l.ways;
    l.payload = PAYLOAD * l.ways;
    l.paper = l.descriptors + l.header + l.payload;
    l.counted = descriptors[p->to_device].counted + descriptors[p->to_driver].counted + l.header +
                l.payload;
    return l;
}

struct limited {
    double ns; // 0: not known
    const char *by;
};

// A limit is that of the lines that the code moves, not of those on paper.
static struct limited limit_of(const struct lines *p, unsigned bytes, const struct bench_limits *l,
                               enum bench_class c)
{
    struct limited r = {bench_limit_ns(l, c, p->counted, 0), "lines"};
    double copy = p->ways * bench_limit_own_copy_ns(l, bytes);
    if (r.ns > 0 && copy > r.ns)
        r = (struct limited){copy, "copies"};
    return r;
}

// What is printed of a limit, and kept.
static void tell_limit(const struct limited *l, double ns)
{
    if (l->ns > 0)
        printf(" %8.1f %6.1f %-8s %8.1f %4.0f %%", 1e3 / l->ns, l->ns, l->by, ns, 100 * l->ns / ns);
    else
        printf("        –      –          %8.1f    –  ", ns);
}

static void tell(const struct path *p, enum bench_class c, const struct bench_limits *limits,
                 const struct bench_interval *m, size_t windows, FILE *csv)
{
    struct lines n = lines_of(p);
    struct limited l = limit_of(&n, p->bytes, limits, c);
    double ns = 1e3 / m->middle;
    printf("%-10s %-21s %-4s %5.2f + %.2f + %.2f = %5.2f %8.2f", p->set, p->pair,
           bench_class_name(c), n.descriptors, n.header, n.payload, n.paper, n.counted);
    tell_limit(&l, ns);
    printf(" %8.2f %5zu\n", m->middle, windows);
    fprintf(csv, "%s,%s,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%zu\n",
            p->pair, p->set, bench_class_name(c), n.descriptors, n.header, n.payload, n.paper,
            l.ns > 0 ? 1e3 / l.ns : 0, l.ns > 0 ? l.by : "", m->middle, m->low, m->high,
            100 * l.ns / ns, n.counted, l.ns, ns, windows);
}

static void tell_all(const struct bench_table *t, const struct bench_limits *l, const bool place[2],
                     FILE *csv)
{
    char name[BENCH_NAME_BYTES];
    size_t few = 0;
    fputs(HEAD, csv);
    printf("\nlines a packet: on paper, descriptors + net header + payload, and counted; the most "
           "packets that the\nmachine does with those counted, and the time of one; what a packet "
           "took, and the share of the limit\n%-10s %-21s %-4s %28s  counted    limit     ns %-8s "
           "   took ns  share     Mpps  windows\n",
           "set", "path", "", "lines on paper", "by");
    for (size_t i = 0; i < 2 * PATHS; i++) {
        const struct path *p = &paths[i / 2];
        enum bench_class c = i % 2 ? BENCH_FAR : BENCH_NEAR;
        size_t n;
        snprintf(name, sizeof(name), "%s/%s", p->set, p->pair);
        struct bench_interval m =
            bench_table_interval(t, name, c, offsetof(struct bench_row, mpps), &n);
        if (place[i % 2] && n >= BENCH_BARS_WINDOWS && m.middle > 0)
            tell(p, c, l, &m, n, csv);
        else
            few += place[i % 2] && n;
    }
    if (few)
        printf("%zu rows are left out: of fewer than %u windows\n", few, BENCH_BARS_WINDOWS);
}

int bench_bars_lines(const struct bench_table *t, const char *dir, const bool place[2])
{
    char path[PATH_BYTES], why[PATH_BYTES + 200];
    struct bench_limits l;
    snprintf(path, sizeof(path), "%s/" BENCH_BARS_LINES, dir);
    FILE *csv = fopen(path, "we");
    if (!csv)
        return -errno;
    bool known = bench_limits_read(dir, &l, why, sizeof(why)) == 0;
    l.least = BENCH_BARS_LIMITS;
    tell_all(t, &l, place, csv);
    if (!known)
        printf("no limits: %s\n", why);
    for (int p = 0; known && p < 2; p++) {
        enum bench_class c = p ? BENCH_FAR : BENCH_NEAR;
        if (place[p] && bench_limit_ns(&l, c, PAYLOAD, 0) <= 0)
            printf("no limit %s: " BENCH_LIMITS_FILE " has no point of %u windows\n"
                   "fix: go on with compare-peers, which measures while the CPUs are there\n",
                   bench_class_name(c), BENCH_BARS_LIMITS);
    }
    free(l.row);
    return fclose(csv) ? -errno : 0;
}
