// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stdio.h>

#include "effects.h"

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    size_t wrote = (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->at += wrote;
    t->left -= wrote;
}

static bool unsure(const struct bench_interval *r)
{
    return r->low <= 1 && r->high >= 1;
}

static void say_levels(struct text *t, const struct bench_effects *e, bool high)
{
    for (unsigned k = 0; k < e->factors; k++)
        say(t, "%s%s", k ? ", " : "", high ? e->factor[k].high : e->factor[k].low);
}

static void say_total(struct text *t, const struct bench_effects *e)
{
    const struct bench_interval *r = &e->total;
    say(t, "From ");
    say_levels(t, e, false);
    say(t, " to ");
    say_levels(t, e, true);
    say(t, " the time of a buffer becomes × %.3f (%.3f … %.3f)", r->middle, r->low, r->high);
    say(t, unsure(r) ? ": no difference can be told. " : ". ");
}

static void say_part(struct text *t, const struct bench_effects *e, unsigned k)
{
    const struct bench_interval *p = &e->part[k], *s = &e->share[k];
    if (unsure(p))
        say(t, "%s: nothing that can be told (× %.2f, %.2f … %.2f)", e->factor[k].change, p->middle,
            p->low, p->high);
    else if (unsure(&e->total))
        say(t, "%s × %.2f (%.2f … %.2f)", e->factor[k].change, p->middle, p->low, p->high);
    else
        say(t, "%s %.0f %% (%.0f … %.0f; × %.2f)", e->factor[k].change, s->middle, s->low, s->high,
            p->middle);
}

static const char *whole(const struct bench_effects *e)
{
    if (unsure(&e->total))
        return "Of that: ";
    return e->total.middle < 1 ? "Of this gain: " : "Of this loss: ";
}

void bench_effects_say_more(const struct bench_effects *e, char *text, size_t bytes)
{
    struct text room = {text, bytes}, *t = &room;
    *text = 0;
    for (unsigned i = 0; e->launches >= BENCH_LAUNCHES_LEAST && i < e->effects; i++) {
        const struct bench_effect *x = &e->effect[i];
        if (x->b < 0 || unsure(&x->ratio))
            continue;
        const struct bench_factor *a = &e->factor[x->a], *b = &e->factor[x->b];
        say(t, "What %s does is multiplied by %.2f (%.2f … %.2f) with %s instead of %s. ",
            a->change, x->ratio.middle, x->ratio.low, x->ratio.high, b->high, b->low);
    }
}

void bench_effects_say(const struct bench_effects *e, char *text, size_t bytes)
{
    struct text t = {text, bytes};
    if (e->launches < BENCH_LAUNCHES_LEAST) {
        say(&t,
            "No effect can be told from %u launch%s: what memory a process gets makes as much of a "
            "difference. Take %u or more.",
            e->launches, e->launches == 1 ? "" : "es", BENCH_LAUNCHES_LEAST);
        return;
    }
    say_total(&t, e);
    say(&t, "%s", whole(e));
    for (unsigned k = 0; k < e->factors; k++) {
        say_part(&t, e, k);
        say(&t, k + 1 < e->factors ? "; " : ".");
    }
}
