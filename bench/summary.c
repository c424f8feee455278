// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>
#include <stdio.h>

#include "summary.h"

// 100 %: as fast as that many lines can go without a ring.
static void share(const struct bench_share *s, const struct bench_key *k, double ns)
{
    double limit = s ? bench_share_limit_ns(s, k->name, k->class_) : 0;
    if (limit > 0 && ns > 0)
        printf("  %4.*f %% of the limit (%.2f ns, %.2f lines)", limit * 10 < ns ? 1 : 0,
               100 * limit / ns, limit, bench_share_lines(s, k->name));
}

static void line(const struct bench_table *t, const struct bench_key *k,
                 const struct bench_share *s)
{
    size_t n = 0;
    struct bench_interval ns =
        bench_table_interval(t, k->name, k->class_, offsetof(struct bench_row, ns), &n);
    struct bench_interval p99 =
        bench_table_interval(t, k->name, k->class_, offsetof(struct bench_row, p99), NULL);
    printf("%-60s %-5s %4zu %9.2f (%.2f … %.2f) %9.2f", k->name, bench_class_name(k->class_), n,
           ns.middle, ns.low, ns.high, ns.middle > 0 ? 1e3 / ns.middle : 0);
    if (p99.middle > 0)
        printf("  p99 %.0f ns", p99.middle);
    share(s, k, ns.middle);
    printf("\n");
}

void bench_summary(const struct bench_table *t, const struct bench_share *s)
{
    size_t mixed = 0;
    printf("%-60s %-5s %4s %9s %s %9s\n", "case", "place", "n", "ns", "(95 of 100 draws between)",
           "Mpps");
    for (size_t i = 0; i < t->keys; i++)
        line(t, &t->key[i], s);
    bench_table_tell_failures(t);
    for (size_t i = 0; i < t->n; i++)
        mixed += t->row[i].class_ == BENCH_MIXED;
    if (mixed)
        printf("%zu of %zu repetitions are left out: the CPUs moved meanwhile (mixed)\n", mixed,
               t->n);
}
