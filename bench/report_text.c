// SPDX-License-Identifier: BSD-3-Clause
// What the figures say in words: the summary, the effects, the noise, the threats.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "effects.h"
#include "html.h"
#include "name.h"
#include "pairs.h"
#include "report.h"

#define TEXT_BYTES 6000

// ---- counting ----

struct counts {
    size_t cases, by_class[BENCH_CLASSES], switched, good, of_rings;
    unsigned launches;
    double steal_ms;
};

static struct counts count(const struct bench_table *t)
{
    struct counts n = {.cases = 0};
    for (size_t i = 0; i < t->n; i++) {
        n.by_class[t->row[i].class_]++;
        n.switched += t->row[i].switches > 0;
        n.of_rings += strncmp(t->row[i].name, BENCH_PAIRS_PREFIX, strlen(BENCH_PAIRS_PREFIX)) != 0;
        n.steal_ms += t->row[i].steal_ms;
        n.launches = t->row[i].launch > n.launches ? t->row[i].launch : n.launches;
    }
    n.good = t->n - n.by_class[BENCH_MIXED] - n.by_class[BENCH_FAILED];
    for (size_t i = 0; i < t->keys; i++)
        n.cases += i == 0 || strcmp(t->key[i - 1].name, t->key[i].name) != 0;
    return n;
}

// ---- packed beside split ----

// The case of a ring that is compared with that of another: with the most usual values if it ran,
// else the last that both have.
static const struct bench_key *both(const struct bench_table *t, enum bench_class c,
                                    const char *ring, const char *other, char *name, size_t bytes)
{
    const struct bench_key *found = NULL;
    char own[BENCH_NAME_BYTES], with[BENCH_NAME_BYTES];
    for (size_t i = 0; i < t->keys; i++) {
        const struct bench_key *k = &t->key[i];
        bench_name_get(k->name, "ring", own, sizeof(own));
        if (k->class_ != c || strcmp(own, ring) || bench_name_is_again(k->name))
            continue;
        const char *rest = k->name + strlen(own);
        snprintf(with, sizeof(with), "%.40s%.150s", other, rest);
        if (bench_table_median(t, with, c, offsetof(struct bench_row, ns)) <= 0)
            continue;
        found = k;
        snprintf(name, bytes, "%s", with);
        if (strcmp(rest, "/size:256/publish:32/complete:32") == 0)
            break;
    }
    return found;
}

static const char *verdict(const struct bench_interval *r, bool few, double noise)
{
    if (few)
        return "no verdict, of fewer than 3 launches";
    if (r->low <= 1 && r->high >= 1)
        return "no difference can be told";
    if (r->middle < noise && r->middle * noise > 1)
        return "no verdict: a case differs as much from itself";
    return r->low > 1 ? "slower" : "faster";
}

static void say_ratio(FILE *f, const struct bench_key *k, const char *other,
                      const struct bench_picked *a, const struct bench_picked *b, double noise)
{
    char ring[BENCH_NAME_BYTES], text[TEXT_BYTES];
    struct bench_sample x = bench_sample_of(a), y = bench_sample_of(b);
    struct bench_interval p = bench_interval_of(&x, BENCH_SEED);
    struct bench_interval s = bench_interval_of(&y, BENCH_SEED);
    struct bench_interval r = bench_interval_ratio(&x, &y, BENCH_SEED);
    bool few = bench_launches(a) < BENCH_LAUNCHES_LEAST || bench_launches(b) < BENCH_LAUNCHES_LEAST;
    bench_name_get(k->name, "ring", ring, sizeof(ring));
    snprintf(text, sizeof(text),
             "%s takes %.1f ns a buffer, %s %.1f ns (%s): × %.2f (%.2f … %.2f), %s.", ring,
             p.middle, other, s.middle, k->name + strlen(ring) + 1, r.middle, r.low, r.high,
             verdict(&r, few, noise));
    fprintf(f, "<li><b>%s</b>: ", bench_class_name(k->class_));
    html_text(f, text);
    fputs("</li>\n", f);
}

static void say_pair(FILE *f, const struct bench_table *t, enum bench_class c, const char *ring,
                     const char *other, double noise)
{
    char name[BENCH_NAME_BYTES];
    struct bench_picked a = {.n = 0}, b = {.n = 0};
    const struct bench_key *k = both(t, c, ring, other, name, sizeof(name));
    const size_t ns = offsetof(struct bench_row, ns);
    if (k && bench_pick(t, k->name, c, ns, &a) == 0 && bench_pick(t, name, c, ns, &b) == 0)
        say_ratio(f, k, other, &a, &b, noise);
    bench_drop(&a);
    bench_drop(&b);
}

// ---- effects ----

// Calls fn for each group of cases that make a factorial.
typedef void factorial_fn(FILE *f, const char *rest, enum bench_class c,
                          const struct bench_effects *e);

static bool seen(const struct bench_table *t, size_t at, const char *rest)
{
    char other[BENCH_NAME_BYTES];
    for (size_t i = 0; i < at; i++) {
        bench_name_rest(t->key[i].name, bench_effects_keys, other, sizeof(other));
        if (t->key[i].class_ == t->key[at].class_ && strcmp(other, rest) == 0)
            return true;
    }
    return false;
}

// Only those with batches among their factors: the others answer another question.
static unsigned each_factorial(FILE *f, const struct bench_table *t, factorial_fn *fn)
{
    struct bench_effects e;
    char rest[BENCH_NAME_BYTES];
    unsigned n = 0;
    for (size_t i = 0; i < t->keys; i++) {
        bench_name_rest(t->key[i].name, bench_effects_keys, rest, sizeof(rest));
        if (seen(t, i, rest) || bench_effects_of(t, rest, t->key[i].class_, &e) || e.factors < 3)
            continue;
        fn(f, rest, t->key[i].class_, &e);
        n++;
    }
    return n;
}

static void say_effects(FILE *f, const char *rest, enum bench_class c,
                        const struct bench_effects *e)
{
    char text[TEXT_BYTES];
    fprintf(f, "<li><b>%s</b>, ", bench_class_name(c));
    html_text(f, rest);
    fputs(": ", f);
    bench_effects_say(e, text, sizeof(text));
    html_text(f, text);
    fputs("</li>\n", f);
}

static const char *meaning(const struct bench_effects *e, const struct bench_effect *x)
{
    if (e->launches < BENCH_LAUNCHES_LEAST)
        return "too few launches";
    if (x->ratio.low <= 1 && x->ratio.high >= 1)
        return "cannot be told";
    if (x->b >= 0)
        return "depend on each other";
    return x->ratio.middle < 1 ? "less time" : "more time";
}

static void effect_row(FILE *f, const struct bench_effects *e, const struct bench_effect *x)
{
    const struct bench_factor *a = &e->factor[x->a];
    fputs("<tr><td>", f);
    html_text(f, a->name);
    if (x->b >= 0) {
        fputs(" with ", f);
        html_text(f, e->factor[x->b].name);
        fputs("</td><td>interaction", f);
    } else {
        fputs("</td><td>", f);
        html_text(f, a->low);
        fputs(" → ", f);
        html_text(f, a->high);
    }
    fputs("</td>", f);
    html_interval(f, &x->ratio, 3);
    fprintf(f, "<td>%s</td>", meaning(e, x));
    if (x->b < 0) {
        html_interval(f, &e->part[x->a], 3);
        html_interval(f, &e->share[x->a], 0);
    } else {
        fputs("<td></td><td></td>", f);
    }
    fputs("</tr>\n", f);
}

static void effect_table(FILE *f, const char *rest, enum bench_class c,
                         const struct bench_effects *e)
{
    static const char *const heads[] = {"factor",
                                        "from → to",
                                        "ratio of times (95&nbsp;% of draws)",
                                        "what it means",
                                        "part in the whole way",
                                        "share, %",
                                        NULL};
    fprintf(f, "<h3>%s, ", bench_class_name(c));
    html_text(f, rest);
    fprintf(f, "</h3>\n<p>%u combinations, %zu repetitions, %u launches.</p>\n", e->cells,
            e->repetitions, e->launches);
    char text[TEXT_BYTES];
    bench_effects_say(e, text, sizeof(text));
    html_paragraph(f, text);
    bench_effects_say_more(e, text, sizeof(text));
    if (*text)
        html_paragraph(f, text);
    html_table(f, heads);
    for (unsigned i = 0; i < e->effects; i++)
        effect_row(f, e, &e->effect[i]);
    html_table_end(f);
}

void report_effects(FILE *f, const struct bench_table *t)
{
    if (each_factorial(f, t, effect_table) == 0)
        html_paragraph(
            f, "No cases of this run make a factorial: all combinations of split and packed, "
               "in order or not, and two or more batches, in one placement. Run: tern-bench "
               "--ring split,split-inorder,packed,packed-inorder --publish 1,32 --complete "
               "1,32 --launches 5 --repetitions 10.");
}

// ---- the summary ----

static void say_failures(FILE *f, const struct bench_table *t)
{
    for (size_t i = 0; i < t->failures; i++) {
        fputs("<li><b>failed</b>: ", f);
        html_text(f, t->failed[i]);
        fputs(". A check of its buffers failed, or it could not be set up; the run said which. It "
              "has no figure.</li>\n",
              f);
    }
}

void report_summary(FILE *f, const struct bench_table *t, size_t planned)
{
    struct counts n = count(t);
    fprintf(
        f,
        "<div class=\"sum\">\n<ul>\n<li>%zu cases, %u launch%s, %zu repetitions: %zu near, %zu "
        "far, %zu in one thread; %zu more are left out, because the CPUs moved meanwhile. Every "
        "buffer of each was checked.</li>\n",
        n.cases, n.launches, n.launches == 1 ? "" : "es", n.good, n.by_class[BENCH_NEAR],
        n.by_class[BENCH_FAR], n.by_class[BENCH_ONE], n.by_class[BENCH_MIXED]);
    if (n.of_rings < planned)
        fprintf(f,
                "<li><b>not whole</b>: The run was to make %zu repetitions and made %zu; it was "
                "ended.</li>\n",
                planned, n.of_rings);
    say_failures(f, t);
    each_factorial(f, t, say_effects);
    for (int c = 0; c < BENCH_CLASSES; c++) {
        double noise = bench_table_noise(t, (enum bench_class)c);
        if (noise > 0)
            fprintf(
                f,
                "<li><b>%s</b>: a case that ran beside itself came out up to × %.3f apart. What "
                "differs less is no difference.</li>\n",
                bench_class_name((enum bench_class)c), noise);
        say_pair(f, t, (enum bench_class)c, "packed", "split", noise);
        say_pair(f, t, (enum bench_class)c, "packed-inorder", "split-inorder", noise);
    }
    fputs("</ul>\n</div>\n", f);
}

// ---- noise ----

void report_noise(FILE *f, const struct bench_table *t)
{
    static const char *const heads[] = {"case that ran twice", "placement",
                                        "ratio (95&nbsp;% of draws)", NULL};
    char first[BENCH_NAME_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < t->keys; i++) {
        const struct bench_key *k = &t->key[i];
        struct bench_interval r;
        if (!bench_name_is_again(k->name) || bench_table_again(t, k, &r))
            continue;
        if (n++ == 0)
            html_table(f, heads);
        bench_name_first(k->name, first, sizeof(first));
        fputs("<tr><td>", f);
        html_text(f, first);
        fprintf(f, "</td><td>%s</td>", bench_class_name(k->class_));
        html_interval(f, &r, 3);
        fputs("</tr>\n", f);
    }
    if (n)
        html_table_end(f);
    else
        html_paragraph(f, "No case ran twice: run with --aa.");
}

// ---- threats ----

void report_threats(FILE *f, const struct bench_table *t)
{
    struct counts n = count(t);
    fputs("<ul>\n", f);
    if (n.launches < BENCH_LAUNCHES_LEAST)
        fprintf(
            f,
            "<li><b>Only %u launch%s.</b> A process gets its memory once, and what it got can make "
            "a fifth of the time: no verdict is given on fewer than %u.</li>\n",
            n.launches, n.launches == 1 ? "" : "es", BENCH_LAUNCHES_LEAST);
    fprintf(f,
            "<li>In %zu of %zu repetitions the driver's thread lost its CPU at least once, and the "
            "hypervisor took %.0f ms in all. Medians bear some of that, not much of it.</li>\n",
            n.switched, t->n, n.steal_ms);
    fputs(
        "<li>The ends' own work is in every figure: numbers, ids, checks of the content. The ring "
        "called floor, which is none, tells how much that is.</li>\n"
        "<li>One machine is one machine, and a virtual one is a part of it: near and far are what "
        "its two CPUs were, not what yours will be.</li>\n"
        "<li>The placement is probed before, during and after a repetition, every few "
        "milliseconds; "
        "a move there and back between two probes is not seen.</li>\n"
        "<li>Repetitions take turns in random order, so that drift meets all cases alike. It is "
        "not "
        "gone: it makes the intervals wider.</li>\n"
        "<li>The two ends are alike, poll, and do nothing else. An application evicts the ring "
        "from "
        "its cache between bursts; these ends do not.</li>\n"
        "<li>Intervals say how far another run on this machine in this state may differ, not more; "
        "of many comparisons at 95 % some are wrong.</li>\n</ul>\n",
        f);
}
