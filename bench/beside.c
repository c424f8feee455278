// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "beside.h"

#define PATH_BYTES 4096

static void beside(const char *name, char *path)
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - 1);
    path[n > 0 ? n : 0] = 0;
    char *slash = strrchr(path, '/');
    size_t at = slash ? (size_t)(slash + 1 - path) : 0;
    snprintf(path + at, PATH_BYTES - at, "%s", name);
}

bool bench_is_beside(const char *name)
{
    char path[PATH_BYTES];
    beside(name, path);
    return access(path, X_OK) == 0;
}

int bench_become(const char *name, char **argv)
{
    char path[PATH_BYTES];
    beside(name, path);
    argv[0] = path;
    execv(path, argv);
    fprintf(
        stderr,
        "tern-bench: %s: %s\nfix: build it (ninja -C build): it is in every build but those for "
        "a sanitizer\n",
        path, strerror(errno));
    return 2;
}
