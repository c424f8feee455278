// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "name.h"
#include "nodes.h"
#include "possible.h"

#define WHY_BYTES 300

struct making {
    struct bench_cases *l;
    regex_t filter;
    bool filters; // else all are wanted
    bool not_these;
    int rc;
};

static int set_filter(struct making *m, const char *filter)
{
    m->filters = *filter && strcmp(filter, "all");
    m->not_these = *filter == '-';
    if (!m->filters)
        return 0;
    return regcomp(&m->filter, filter + m->not_these, REG_EXTENDED | REG_NOSUB) ? -EINVAL : 0;
}

static bool wanted(const struct making *m, const char *name)
{
    return !m->filters || (regexec(&m->filter, name, 0, NULL, 0) == 0) != m->not_these;
}

static bool has(const struct bench_cases *l, const char *name)
{
    for (unsigned i = 0; i < l->n; i++)
        if (strcmp(l->item[i].name, name) == 0)
            return true;
    return false;
}

static int append(struct bench_cases *l, const struct bench_case *c, const char *name)
{
    struct bench_item *more = realloc(l->item, (l->n + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    l->item = more;
    snprintf(more[l->n].name, sizeof(more[0].name), "%s", name);
    more[l->n++].c = *c;
    return 0;
}

// A case that cannot be, such as a batch longer than a small ring, is named; of what the machine
// lacks it is named what is lacking.
static void add(void *arg, const struct bench_case *given, const char *name)
{
    struct making *m = arg;
    struct bench_case c = *given;
    char what[WHY_BYTES], why[WHY_BYTES];
    if (has(m->l, name) || !wanted(m, name))
        return;
    if (c.place == BENCH_NUMA)
        bench_nodes_cpus(c.cpu); // if there are none, it is said below
    if (bench_check(&c, why, sizeof(why)))
        bench_skips_add(&m->l->skips, name, why, false);
    else if (bench_possible(&c, what, why, sizeof(why)))
        bench_skips_add(&m->l->skips, what, why, true);
    else if (append(m->l, &c, name))
        m->rc = -ENOMEM;
}

// The first case of each ring once more.
static int add_again(struct bench_cases *l)
{
    unsigned n = l->n;
    char name[BENCH_NAME_BYTES];
    for (unsigned i = 0; i < n; i++) {
        unsigned first = 0;
        while (l->item[first].c.ring != l->item[i].c.ring)
            first++;
        if (first != i)
            continue;
        struct bench_case c = l->item[i].c; // append may move it
        bench_name_again(l->item[i].name, name, sizeof(name));
        if (append(l, &c, name))
            return -ENOMEM;
    }
    return 0;
}

int bench_cases_make(struct bench_cases *l, const struct bench_plan *p, bool aa, const char *filter)
{
    struct making m = {.l = l};
    *l = (struct bench_cases){.n = 0};
    if (set_filter(&m, filter))
        return -EINVAL;
    bench_plan_each(p, add, &m);
    if (m.filters)
        regfree(&m.filter);
    return m.rc == 0 && aa ? add_again(l) : m.rc;
}

void bench_cases_free(struct bench_cases *l)
{
    free(l->item);
    bench_skips_free(&l->skips);
    l->item = NULL;
    l->n = 0;
}

bool bench_cases_two_ends(const struct bench_cases *l)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->item[i].c.place != BENCH_SAME)
            return true;
    return false;
}
