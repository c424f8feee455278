// SPDX-License-Identifier: BSD-3-Clause
#include "top.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

static double number(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

// Does `other` have the same values under these names?
static bool same(const json_t *row, const json_t *other, const char *const *names)
{
    for (; *names; names++)
        if (!json_equal(json_object_get(row, *names), json_object_get(other, *names)))
            return false;
    return true;
}

static const json_t *find(const json_t *rows, const json_t *like, const char *const *names)
{
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (same(row, like, names))
            return row;
    }
    return NULL;
}

// How much a counter has grown; a counter that was not there before started at 0, one that fell was
// restarted.
static double grown(const json_t *before, const json_t *now, const char *name)
{
    double was = number(before, name), is = number(now, name);
    return is >= was ? is - was : is;
}

static void print_ratio(FILE *out, int width, int digits, double a, double b)
{
    if (b > 0)
        fprintf(out, "%*.*f", width, digits, a / b);
    else
        fprintf(out, "%*s", width, "-");
}

static void print_text(FILE *out, int width, const json_t *value)
{
    char text[128];
    table_text(value, text, sizeof(text));
    fprintf(out, "%*s", width, text);
}

static void print_head(const struct top_look *before, const struct top_look *now, double s,
                       FILE *out)
{
    static const char *const key[] = {"port", NULL};
    double rx = 0, tx = 0, moved = 0, dropped = 0, up = number(now->status, "uptime_s");
    const json_t *p;
    size_t i;
    json_array_foreach(now->ports, i, p)
    {
        const json_t *old = find(before->ports, p, key);
        rx += grown(old, p, "rx");
        tx += grown(old, p, "tx");
        moved += grown(old, p, "single_copy");
        dropped += grown(old, p, "dropped");
    }
    fputs("tern-fwd ", out);
    print_text(out, 0, json_object_get(now->status, "version"));
    fputs("  mode ", out);
    print_text(out, 0, json_object_get(now->status, "mode"));
    fputs("  idle ", out);
    print_text(out, 0, json_object_get(now->status, "idle"));
    fprintf(out, "  up %.0f:%02.0f:%02.0f\n", (double)(long)(up / 3600),
            (double)((long)(up / 60) % 60), (double)((long)up % 60));
    fprintf(out, "received %.3f Mpps  sent %.3f Mpps (%.3f by single copy)  dropped %.3f Mpps\n\n",
            rx / s / 1e6, tx / s / 1e6, moved / s / 1e6, dropped / s / 1e6);
}

// What 99 of 100 wake-ups since the last look did not exceed; 0: there were none.
static double wake_p99_ns(const json_t *before, const json_t *now)
{
    const json_t *old = json_object_get(before, "wakes_by_ns");
    json_t *new = json_object_get(now, "wakes_by_ns"), *value;
    double all = 0, sum = 0;
    const char *ns;
    json_object_foreach(new, ns, value) all += grown(old, new, ns);
    json_object_foreach(new, ns, value)
    {
        sum += grown(old, new, ns);
        if (all > 0 && 100 * sum >= 99 * all)
            return strtod(ns, NULL);
    }
    return 0;
}

static void print_workers(const struct top_look *before, const struct top_look *now, double s,
                          FILE *out)
{
    static const char *const key[] = {"lcore", NULL};
    const json_t *w;
    size_t i;
    fprintf(out, "%6s %6s %6s %7s %9s %10s %10s %11s\n", "LCORE", "QUEUES", "BUSY%", "ASLEEP%",
            "Mpps", "CYCLES/PKT", "PKTS/BURST", "WAKE p99 us");
    json_array_foreach(now->workers, i, w)
    {
        const json_t *old = find(before->workers, w, key);
        double busy = grown(old, w, "busy_cycles"), slept = grown(old, w, "slept_cycles");
        double all = busy + slept + grown(old, w, "idle_cycles");
        double packets = grown(old, w, "packets"), wake_ns = wake_p99_ns(old, w);
        print_text(out, 6, json_object_get(w, "lcore"));
        fputc(' ', out);
        print_text(out, 6, json_object_get(w, "queues"));
        fputc(' ', out);
        print_ratio(out, 6, 1, 100 * busy, all);
        fputc(' ', out);
        print_ratio(out, 7, 1, 100 * slept, all);
        fputc(' ', out);
        print_ratio(out, 9, 3, packets / 1e6, s);
        fputc(' ', out);
        print_ratio(out, 10, 0, busy, packets);
        fputc(' ', out);
        print_ratio(out, 10, 1, packets, grown(old, w, "bursts"));
        fputc(' ', out);
        print_ratio(out, 11, 2, wake_ns, wake_ns > 0 ? 1000 : 0);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void print_drops(const struct top_look *before, const struct top_look *now, double s,
                        FILE *out)
{
    static const char *const key[] = {"port", "cause", NULL};
    const json_t *d;
    size_t i;
    bool any = false;
    json_array_foreach(now->drops, i, d)
    {
        double n = grown(find(before->drops, d, key), d, "packets");
        if (n <= 0)
            continue;
        fprintf(out, "dropped %9.3f Mpps  ", n / s / 1e6);
        print_text(out, 0, json_object_get(d, "port"));
        fputs("  ", out);
        print_text(out, 0, json_object_get(d, "cause"));
        fputs(": ", out);
        print_text(out, 0, json_object_get(d, "meaning"));
        fputc('\n', out);
        any = true;
    }
    if (any)
        fputc('\n', out);
}

// What the ports lost before the program got it: packets, or times that there was no packet buffer.
static void print_before_rx(const struct top_look *before, const struct top_look *now, double s,
                            FILE *out)
{
    static const char *const key[] = {"port", NULL};
    static const char *const names[] = {"rx_missed", "rx_errors", "rx_no_mbuf"};
    const json_t *p;
    size_t i;
    bool any = false;
    json_array_foreach(now->ports, i, p)
    {
        const json_t *old = find(before->ports, p, key);
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            double n = grown(old, p, names[k]);
            if (n <= 0)
                continue;
            fprintf(out, "before rx %9.0f/s  ", n / s);
            print_text(out, 0, json_object_get(p, "port"));
            fprintf(out, "  %s\n", names[k]);
            any = true;
        }
    }
    if (any)
        fputc('\n', out);
}

static void print_queues(const struct top_look *before, const struct top_look *now, double s,
                         FILE *out)
{
    static const char *const key[] = {"port", "direction", "queue", NULL};
    const json_t *q;
    size_t i;
    fprintf(out, "%-20s %3s %5s %5s %9s %10s %10s  %s\n", "PORT", "DIR", "QUEUE", "LCORE", "Mpps",
            "KICKS/KPKT", "CALLS/KPKT", "VERDICT");
    json_array_foreach(now->queues, i, q)
    {
        const json_t *old = find(before->queues, q, key);
        double packets = grown(old, q, "packets");
        print_text(out, -20, json_object_get(q, "port"));
        fputc(' ', out);
        print_text(out, 3, json_object_get(q, "direction"));
        fputc(' ', out);
        print_text(out, 5, json_object_get(q, "queue"));
        fputc(' ', out);
        print_text(out, 5, json_object_get(q, "lcore"));
        fputc(' ', out);
        print_ratio(out, 9, 3, packets / 1e6, s);
        fputc(' ', out);
        print_ratio(out, 10, 1, 1000 * grown(old, q, "kicks"), packets);
        fputc(' ', out);
        print_ratio(out, 10, 1, 1000 * grown(old, q, "calls"), packets);
        fputs("  ", out);
        print_text(out, 0, json_object_get(q, "verdict"));
        fputc('\n', out);
    }
}

void top_print(const struct top_look *before, const struct top_look *now, FILE *out)
{
    double s = now->at_s - before->at_s;
    if (s <= 0)
        s = 1;
    print_head(before, now, s, out);
    print_workers(before, now, s, out);
    print_drops(before, now, s, out);
    print_before_rx(before, now, s, out);
    print_queues(before, now, s, out);
}
