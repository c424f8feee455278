// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "series.h"

void series_add(struct series *s, double value)
{
    if (s->n < MAX_WINDOWS)
        s->value[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double series_percentile(struct series *s, unsigned int percent)
{
    if (s->n == 0)
        return 0;
    qsort(s->value, s->n, sizeof(s->value[0]), compare);
    return s->value[(s->n - 1) * percent / 100];
}
