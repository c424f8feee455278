// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"

// A cell in quotes, from behind the first one: takes the quotes away. Returns what follows.
static char *unquote(char *at)
{
    char *to = at;
    for (; *at; at++) {
        if (*at == '"' && *++at != '"')
            break;
        *to++ = *at;
    }
    char *rest = at + strcspn(at, ",");
    bool more = *rest;
    *to = 0;
    return more ? rest + 1 : NULL;
}

unsigned bench_csv_split(char *line, char **cell)
{
    unsigned n = 0;
    line[strcspn(line, "\r\n")] = 0;
    while (line && n < BENCH_CSV_CELLS) {
        if (*line == '"') {
            cell[n++] = line + 1;
            line = unquote(line + 1);
        } else {
            cell[n++] = strsep(&line, ",");
        }
    }
    return n;
}

int bench_csv_each(const char *path, bench_csv_fn *fn, void *arg)
{
    char *line = NULL, *cell[BENCH_CSV_CELLS];
    size_t room = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    for (unsigned n = 0; getline(&line, &room, f) > 0;) {
        if (line[strspn(line, "\r\n")])
            fn(arg, n++, cell, bench_csv_split(line, cell));
    }
    free(line);
    fclose(f);
    return 0;
}

bool bench_csv_number(const char *cell, double *value)
{
    char *end;
    *value = strtod(cell, &end);
    return end != cell && *end == 0;
}
