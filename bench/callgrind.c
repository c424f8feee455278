// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgrind.h"

// Sources of the ends, that a ring has nothing to do with.
static const char *const ends[] = {"bench.c", "clock.h", "content.h", "ends.h", "loop.h", NULL};

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum callgrind_part part_of(const char *file)
{
    const char *name = base(file);
    if (strcmp(name, "count.c") == 0)
        return CALLGRIND_PARTS; // what callgrind is told by
    if (strcmp(name, "???") == 0)
        return CALLGRIND_ELSE;
    for (int i = 0; ends[i]; i++)
        if (strcmp(name, ends[i]) == 0)
            return CALLGRIND_ENDS;
    return CALLGRIND_RING;
}

struct reading {
    const char *program;
    bool inside; // the program
    bool callee; // the next line is what a function cost that was called
    enum callgrind_part part;
    struct callgrind_cost *c;
    bool any;
};

// "ob=", "fl=", "fi=" and "fe=" say where what follows is from; a number and a number is a line and
// what it cost, but after "calls=" what the called function did, which comes under its own name.
static int take(struct reading *r, char *line)
{
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "ob=", 3) == 0) {
        r->inside = strcmp(base(line + 3), r->program) == 0;
    } else if (strncmp(line, "fl=", 3) == 0 || strncmp(line, "fi=", 3) == 0 ||
               strncmp(line, "fe=", 3) == 0) {
        r->part = part_of(line + 3);
    } else if (strncmp(line, "calls=", 6) == 0) {
        r->callee = true;
    } else if (strncmp(line, "events:", 7) == 0) {
        r->any = strcmp(line, "events: Ir") == 0;
    } else if (*line >= '0' && *line <= '9') {
        char *end, *rest;
        strtoull(line, &end, 10);
        uint64_t cost = strtoull(end, &rest, 10);
        if (*end != ' ' || rest == end || *rest)
            return -1;
        if (!r->callee && r->part != CALLGRIND_PARTS)
            r->c->n[r->inside ? r->part : CALLGRIND_ELSE] += cost;
        r->callee = false;
    }
    return 0;
}

int callgrind_read(const char *path, const char *program, struct callgrind_cost *c, char *why,
                   size_t bytes)
{
    struct reading r = {.program = program, .part = CALLGRIND_ELSE, .c = c};
    char *line = NULL;
    size_t room = 0;
    int number = 0, rc = 0;
    FILE *f = fopen(path, "re");
    memset(c, 0, sizeof(*c));
    if (!f) {
        snprintf(why, bytes, "%s: %s\nfix: look at what valgrind says above", path,
                 strerror(errno));
        return -1;
    }
    while (rc == 0 && getline(&line, &room, f) >= 0) {
        number++;
        rc = take(&r, line);
    }
    free(line);
    fclose(f);
    if (rc || !r.any) {
        snprintf(why, bytes, "%s: line %d is not callgrind's\nfix: valgrind 3.19 or one like it",
                 path, number);
        return -1;
    }
    return 0;
}
