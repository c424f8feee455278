// SPDX-License-Identifier: BSD-3-Clause
#include "clause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAUSES 128

static const struct clause *entered[CLAUSES];
static size_t count;

void clause_enter(const struct clause *c)
{
    if (count == CLAUSES)
        abort();
    entered[count++] = c;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int clause_main(int argc, char **argv, struct clause_fixtures f)
{
    static struct CMUnitTest tests[CLAUSES];
    static char name[CLAUSES][160];

    for (size_t i = 0; i < count; i++) {
        const struct clause *c = entered[i];
        if (argc > 1 && strcmp(argv[1], "--list") == 0)
            printf("%s|%s|%s|%s|%s:%s\n", c->id, c->role, c->format, c->sentence,
                   base_name(argv[0]), c->test);
        snprintf(name[i], sizeof(name[i]), "%s %s %s: %s", c->id, c->role, c->format, c->test);
        tests[i] =
            (struct CMUnitTest){.name = name[i], .test_func = c->run, .teardown_func = f.after};
    }
    if (argc > 1)
        return 0;
    return _cmocka_run_group_tests(base_name(argv[0]), tests, count, f.start, f.stop);
}
