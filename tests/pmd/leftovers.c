// SPDX-License-Identifier: BSD-3-Clause
#include "leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path); // somebody else may be cleaning up too
    return 0;
}

void leftovers_remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool is_of_the_dead(const char *name, const char *prefix)
{
    char *end;
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || name[n] < '1' || name[n] > '9')
        return false;
    long pid = strtol(name + n, &end, 10);
    return (*end == '\0' || *end == '-') && pid <= INT_MAX && kill((pid_t)pid, 0) < 0 &&
           errno == ESRCH;
}

void leftovers_remove(const char *folder, const char *prefix)
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *dir = opendir(folder);
    while (dir && (e = readdir(dir)))
        if (is_of_the_dead(e->d_name, prefix) &&
            snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) < (int)sizeof(path))
            leftovers_remove_tree(path);
    if (dir)
        closedir(dir);
}
