// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skips.h"

void bench_skips_add(struct bench_skips *s, const char *what, const char *why, bool machine)
{
    struct bench_skip k = {.machine = machine, .cases = 1};
    snprintf(k.what, sizeof(k.what), "%s", what);
    snprintf(k.why, sizeof(k.why), "%.*s", (int)strcspn(why, "\n"), why);
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->skip[i].what, k.what) == 0 && strcmp(s->skip[i].why, k.why) == 0) {
            s->skip[i].cases++;
            return;
        }
    }
    struct bench_skip *more = realloc(s->skip, (s->n + 1) * sizeof(*more));
    if (!more)
        return;
    s->skip = more;
    s->skip[s->n++] = k;
}

void bench_skips_print(const struct bench_skips *s, size_t first)
{
    for (size_t i = first; i < s->n; i++)
        printf("SKIP %s: %s\n", s->skip[i].what, s->skip[i].why);
    fflush(stdout); // errors stand behind it
}

static void field(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

int bench_skips_write(const struct bench_skips *s, const char *dir)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/skipped.csv", dir);
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    fprintf(f, "what,reason,cases\n");
    for (size_t i = 0; i < s->n; i++) {
        field(f, s->skip[i].what);
        fputc(',', f);
        field(f, s->skip[i].why);
        fprintf(f, ",%u\n", s->skip[i].cases);
    }
    return fclose(f) ? -errno : 0;
}

void bench_skips_free(struct bench_skips *s)
{
    free(s->skip);
    *s = (struct bench_skips){NULL, 0};
}
