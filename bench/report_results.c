// SPDX-License-Identifier: BSD-3-Clause
// The table of all results.
#include <stddef.h>

#include "html.h"
#include "report.h"

// Columns behind the time, with the number of digits.
static const struct {
    const char *head;
    size_t column;
    int digits;
} columns[] = {
    {"Mpps", offsetof(struct bench_row, mpps), 2},
    {"cycles", offsetof(struct bench_row, cycles), 1},
    {"batch", offsetof(struct bench_row, device_batch), 1},
    {"kicks", offsetof(struct bench_row, kicks), 3},
    {"calls", offsetof(struct bench_row, calls), 3},
    {"p50, ns", offsetof(struct bench_row, p50), 0},
    {"p99, ns", offsetof(struct bench_row, p99), 0},
    {"p99.99, ns", offsetof(struct bench_row, p9999), 0},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void number(FILE *f, double v, int digits)
{
    if (v > 0)
        fprintf(f, "<td class=\"n\">%.*f</td>", digits, v);
    else
        fputs("<td></td>", f);
}

static void row(FILE *f, const struct bench_table *t, const struct bench_key *k,
                const struct bench_share *s)
{
    size_t n = 0;
    struct bench_interval ns =
        bench_table_interval(t, k->name, k->class_, offsetof(struct bench_row, ns), &n);
    fputs("<tr><td>", f);
    html_text(f, k->name);
    fprintf(f, "</td><td>%s</td><td class=\"n\">%zu</td>", bench_class_name(k->class_), n);
    html_interval(f, &ns, 2);
    for (size_t i = 0; i < COLUMNS; i++)
        number(f, bench_table_median(t, k->name, k->class_, columns[i].column), columns[i].digits);
    if (s->n) {
        number(f, bench_share_lines(s, k->name), 2);
        double share = 100 * bench_share_limit_ns(s, k->name, k->class_) / ns.middle;
        number(f, share, share < 10 ? 1 : 0);
    }
    fputs("</tr>\n", f);
}

void report_results(FILE *f, const struct bench_table *t, const struct bench_share *s)
{
    const char *heads[7 + COLUMNS] = {"case", "placement", "n", "ns a buffer (95&nbsp;% of draws)"};
    for (size_t i = 0; i < COLUMNS; i++)
        heads[4 + i] = columns[i].head;
    if (s->n) { // lines were counted
        heads[4 + COLUMNS] = "lines moved";
        heads[5 + COLUMNS] = "share of the limit, %";
    }
    html_fold(f, t->keys);
    html_table(f, heads);
    for (size_t i = 0; i < t->keys; i++)
        row(f, t, &t->key[i], s);
    html_table_end(f);
    html_fold_end(f);
}
