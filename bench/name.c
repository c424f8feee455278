// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"

#define AGAIN "/again"

bool bench_name_get(const char *name, const char *key, char *value, size_t bytes)
{
    size_t n = strlen(key);
    *value = 0;
    if (strcmp(key, "ring") == 0) {
        snprintf(value, bytes, "%.*s", (int)strcspn(name, "/"), name);
        return true;
    }
    for (const char *at = strchr(name, '/'); at; at = strchr(at, '/')) {
        at++;
        if (strncmp(at, key, n) || at[n] != ':')
            continue;
        at += n + 1;
        snprintf(value, bytes, "%.*s", (int)strcspn(at, "/"), at);
        return true;
    }
    return false;
}

uint32_t bench_name_payload(const char *name)
{
    char value[16];
    return bench_name_get(name, "payload", value, sizeof(value))
               ? (uint32_t)strtoul(value, NULL, 10)
               : 64; // the default, which no name says
}

static bool listed(const char *const *keys, const char *part, size_t bytes)
{
    size_t n = strcspn(part, ":/");
    n = n < bytes ? n : bytes;
    for (; *keys; keys++)
        if (strlen(*keys) == n && memcmp(*keys, part, n) == 0)
            return true;
    return false;
}

void bench_name_rest(const char *name, const char *const *without, char *rest, size_t bytes)
{
    size_t at = 0;
    *rest = 0;
    for (const char *part = strchr(name, '/'); part; part = strchr(part, '/')) {
        size_t n = strcspn(++part, "/");
        if (listed(without, part, n))
            continue;
        int wrote = snprintf(rest + at, bytes - at, "%s%.*s", at ? "/" : "", (int)n, part);
        at = at + (size_t)wrote < bytes ? at + (size_t)wrote : bytes - 1;
    }
}

void bench_name_again(const char *name, char *again, size_t bytes)
{
    snprintf(again, bytes, "%.*s" AGAIN, (int)(bytes - sizeof(AGAIN)), name);
}

bool bench_name_is_again(const char *name)
{
    size_t n = strlen(name), tail = strlen(AGAIN);
    return n > tail && strcmp(name + n - tail, AGAIN) == 0;
}

void bench_name_first(const char *again, char *name, size_t bytes)
{
    size_t n = strlen(again) - (bench_name_is_again(again) ? strlen(AGAIN) : 0);
    snprintf(name, bytes, "%.*s", (int)n, again);
}

int bench_name_compare(const char *a, const char *b)
{
    return strverscmp(a, b);
}
